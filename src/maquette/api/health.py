"""For those who operate it: what is it, is it alive, can it work, what does it count."""

import asyncio
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import maquette
from maquette.api.call import answer
from maquette.api.metrics import Metrics
from maquette.api.openapi import problems, success, text
from maquette.api.present import moment
from maquette.api.shapes.base import Root, State
from maquette.domain.errors import Unauthenticated, Unavailable
from maquette.metrics.installation import Readable

#: Probes are impatient.
_READY_SECONDS_MAX = 3.0
_PLACES = {"openapi": "/openapi.json", "health": "/healthz", "ready": "/readyz", "metrics": "/metrics"}


def router(metrics: Metrics, readings: Sequence[Readable], metrics_token: str) -> APIRouter:
    """Return the addresses that need no key and tell nothing about anybody."""
    routes = APIRouter(tags=["health"])

    @routes.head("/", include_in_schema=False)  # for probes that want no body
    @routes.get(
        "/",
        operation_id="get_root",
        summary="What this is",
        response_class=Response,
        responses=success(Root, "Name, version, the server's time, and where to look"),
    )
    async def get_root(request: Request) -> Response:
        """Answer with JSON; with a small page where HTML is preferred, as browsers do."""
        urls = {name: request.scope.get("root_path", "") + path for name, path in _PLACES.items()}
        if request.headers.get("accept", "").startswith("text/html"):
            return Response(_page(urls), media_type="text/html")
        now = moment(datetime.now(UTC))
        return answer({"name": "Maquette", "version": maquette.__version__, "time": now, "urls": urls})

    @routes.head("/healthz", include_in_schema=False)
    @routes.get(
        "/healthz",
        operation_id="get_health",
        summary="Is the process alive",
        responses=success(State, "It answers"),
    )
    async def get_health() -> dict[str, str]:
        """Answer without asking anything else: a failure means that the process should be replaced."""
        return {"status": "ok"}

    @routes.head("/readyz", include_in_schema=False)
    @routes.get(
        "/readyz",
        operation_id="get_readiness",
        summary="Can the process do its work",
        responses=success(State, "The database is reachable and migrated") | problems(503),
    )
    async def get_readiness(request: Request) -> dict[str, str]:
        """Ask the database; 503 says what is missing, after three seconds. Send no traffic here until it is 200."""
        deps = request.app.state.deps
        try:
            async with asyncio.timeout(_READY_SECONDS_MAX):
                await deps.ready()
        except TimeoutError:
            raise Unavailable("The database has not answered in time.", retry_after_seconds=1) from None
        if deps.transactor.draining:
            raise Unavailable("The server is stopping.", retry_after_seconds=1)
        return {"status": "ready"}

    @routes.get(
        "/metrics",
        operation_id="get_metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses=text("text/plain", "maquette_http_requests_in_flight 1.0\n", "Text exposition format")
        | problems(401),
    )
    async def get_metrics(request: Request) -> Response:
        """Counters of this process since its start; what waits and runs in the whole installation.

        Where `MAQUETTE_METRICS_TOKEN` is set, it has to come as a bearer.
        """
        _require(request, metrics_token)
        for reading in readings:
            await reading.refresh()
        return Response(generate_latest(metrics.registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return routes


def _require(request: Request, token: str) -> None:
    """Raise ``Unauthenticated`` where a token is set and another one came, or none."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token and not hmac.compare_digest(given.encode(), token.encode()):
        raise Unauthenticated("Send the token of `MAQUETTE_METRICS_TOKEN` as `Authorization: Bearer …`.")


def _page(urls: dict[str, str]) -> str:
    links = " · ".join(f'<a href="{escape(url)}">{name}</a>' for name, url in urls.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Maquette</title>'
        "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui;margin:4rem auto;max-width:36rem}</style>"
        f"<h1>Maquette {escape(maquette.__version__)}</h1>"
        "<p>Briefs in, game-ready assets out. This is the HTTP API; the command line is <code>maquette</code>.</p>"
        f"<p>{links}</p></html>"
    )
