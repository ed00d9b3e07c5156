"""Services: who does the steps, and what waits for them."""

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
    responses=success(shapes.ServicePage, "All services that have live workers or tasks")
    | problems(401, 403, 503),
)
async def list_services(call: Caller) -> Response:
    """For users and operators alike: a step that tasks wait for and no worker does stands out here."""
    found = await services.list_services(call.deps)
    return answer({"items": [_shown(item) for item in found], "next_cursor": None})


def _shown(service: ServiceView) -> Fields:
    return {
        "name": service.name,
        "steps": service.steps,
        "workers": [
            {
                "name": worker.name,
                "steps": worker.steps,
                "last_heartbeat_at": moment(worker.heard_at),
                "draining": worker.draining,
                "running": worker.running,
            }
            for worker in service.workers
        ],
        "running": service.running,
        "waiting": [{"step": step, "tasks": tasks} for step, tasks in service.waiting.items()],
    }
