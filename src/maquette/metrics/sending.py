"""Sending a process's metrics to a collector, and showing them where it has no HTTP of its own."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence

from prometheus_client import CollectorRegistry, start_http_server

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


@contextlib.contextmanager
def shown(listen: tuple[str, int], registry: CollectorRegistry) -> Iterator[None]:
    """Show metrics at an address of their own, from a thread of their own."""
    host, port = listen
    server, thread = start_http_server(port, addr=host, registry=registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
