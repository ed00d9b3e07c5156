"""Services: who does the steps, what waits for them, and how they do."""

from dataclasses import asdict

from fastapi import APIRouter, Response

from maquette.api.call import Caller, answer
from maquette.api.openapi import problems, success
from maquette.api.present import Fields, moment
from maquette.api.shapes import services as shapes
from maquette.services import services
from maquette.services.services import ServiceView

router = APIRouter(prefix="/services", tags=["services"])


@router.get(
    "",
    operation_id="list_services",
    summary="List services with their workers and tasks",
    response_class=Response,
    responses=success(shapes.ServicePage, "All services that have live workers or tasks, or that were set")
    | problems(401, 403, 503),
)
async def list_services(call: Caller) -> Response:
    """For users and operators alike: a step that tasks wait for and no worker does stands out here."""
    found = await services.list_services(call.deps)
    return answer({"items": [_shown(item) for item in found], "next_cursor": None})


@router.get(
    "/{name}",
    operation_id="get_service",
    summary="Read a service",
    response_class=Response,
    responses=success(shapes.Service, "The service") | problems(401, 403, 404, 503),
)
async def get_service(name: str, call: Caller) -> Response:
    """One that nobody has heard of yet is shown as it would begin."""
    return answer(_shown(await services.get_service(call.deps, name)))


@router.patch(
    "/{name}",
    operation_id="change_service",
    summary="Set bounds, breaker and drain of a service",
    response_class=Response,
    responses=success(shapes.Service, "The service as it is from now on")
    | problems(401, 403, 404, 413, 415, 422, 503),
)
async def change_service(name: str, body: shapes.ServiceChange, call: Caller) -> Response:
    """For operators: what is left out stays. In force in every process within a second."""
    wish = body.model_dump(exclude_unset=True)
    return answer(_shown(await services.change_service(call.deps, call.principal, name, wish)))


def _breaker(view: ServiceView) -> Fields:
    service, breaker = view.service, view.service.breaker
    return {
        "state": service.state,
        "since": moment(breaker.since),
        "reason": service.forced_reason if service.forced else breaker.reason,
        "probe_at": moment(breaker.probe_at),
        "forced": service.forced,
        "forced_by": service.forced_by,
        "recent": {
            "attempts": view.recent.calls,
            "failed": view.recent.failed,
            "slow": view.recent.slow,
        },
        "policy": asdict(service.policy),
    }


def _shown(view: ServiceView) -> Fields:
    service = view.service
    return {
        "name": service.name,
        "available": service.away is None,
        "unavailable_reason": service.away,
        "breaker": _breaker(view),
        "concurrency_max": service.concurrency_max,
        "starts_per_minute": service.starts_per_minute,
        "draining": service.draining,
        "steps": view.steps,
        "workers": [
            {
                "name": worker.name,
                "steps": worker.steps,
                "last_heartbeat_at": moment(worker.heard_at),
                "draining": worker.draining,
                "running": worker.running,
            }
            for worker in view.workers
        ],
        "running": view.running,
        "waiting": [{"step": step, "tasks": tasks} for step, tasks in view.waiting.items()],
    }
