"""For those who operate it: is it alive, can it work, what does it count."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from maquette.api.metrics import Metrics
from maquette.api.openapi import problems, success, text
from maquette.api.shapes.base import State


def router(metrics: Metrics) -> APIRouter:
    """Return the three addresses that need no key and tell nothing about anybody."""
    routes = APIRouter(tags=["health"])

    @routes.get(
        "/healthz",
        operation_id="get_health",
        summary="Is the process alive",
        responses=success(State, "It answers"),
    )
    async def get_health() -> dict[str, str]:
        """Answer without asking anything else: a failure means that the process should be replaced."""
        return {"status": "ok"}

    @routes.get(
        "/readyz",
        operation_id="get_readiness",
        summary="Can the process do its work",
        responses=success(State, "The database is reachable and migrated") | problems(503),
    )
    async def get_readiness(request: Request) -> dict[str, str]:
        """Ask the database; 503 says what is missing. Send no traffic here until it is 200."""
        await request.app.state.deps.ready()
        return {"status": "ready"}

    @routes.get(
        "/metrics",
        operation_id="get_metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses=text("text/plain", "maquette_http_requests_in_flight 1.0\n", "Text exposition format"),
    )
    async def get_metrics() -> Response:
        """Counters of this process since its start."""
        return Response(generate_latest(metrics.registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return routes
