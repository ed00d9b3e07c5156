"""Sending a process's metrics to a collector, and showing them where it has no HTTP of its own."""

import asyncio
import contextlib
import hmac
import logging
import socket
import socketserver
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from maquette.metrics.installation import Readable
from maquette.telemetry.otlp import STOP_SECONDS_MAX
from maquette.telemetry.otlp_metrics import open_metrics

_LOG = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def sending(
    endpoint: str,
    headers: str,
    seconds: float,
    process: str,
    registry: CollectorRegistry,
    readings: Sequence[Readable] = (),
) -> AsyncIterator[None]:
    """Send metrics every so many seconds and once more at the end; never, where there is no endpoint or no interval."""
    if not endpoint or not seconds:
        yield
        return
    export = open_metrics(endpoint, headers, process, registry)

    async def send() -> None:
        try:
            for reading in readings:
                await reading.refresh()
            await asyncio.to_thread(export.send)
        except Exception:  # noqa: BLE001 - nobody's work may hang on being watched
            _LOG.exception("Metrics could not be sent.")

    async def run() -> None:
        while True:
            await asyncio.sleep(seconds)
            await send()

    loop = asyncio.create_task(run())
    try:
        yield
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        last = asyncio.create_task(send())
        await asyncio.wait({last}, timeout=STOP_SECONDS_MAX)
        export.close()
        await last


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    """Says nothing of requests, and waits for nobody who sends nothing."""

    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextlib.contextmanager
def shown(listen: tuple[str, int], registry: CollectorRegistry, token: str) -> Iterator[None]:
    """Show metrics at an address of their own, from threads of their own, to who has the token where there is one."""
    host, port = listen
    show = make_wsgi_app(registry)

    def guarded(environ: dict[str, Any], answer: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        if token and not hmac.compare_digest(given.encode(), token.encode()):
            answer("401 Unauthorized", [("WWW-Authenticate", "Bearer"), ("Content-Length", "0")])
            return []
        page: Iterable[bytes] = show(environ, answer)
        return page

    server = make_server(host, port, guarded, _Server6 if ":" in host else _Server, _Handler)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
