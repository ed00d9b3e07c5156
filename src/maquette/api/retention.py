"""Retention: a project's policy, and a run of it by hand."""

from dataclasses import asdict

from fastapi import APIRouter, Response

from maquette.api.call import Caller, answer
from maquette.api.openapi import problems, success
from maquette.api.present import Fields
from maquette.api.shapes import retention as shapes
from maquette.domain import typeid
from maquette.domain.retention import Retention
from maquette.services import retention

router = APIRouter(prefix="/projects/{project_id}/retention", tags=["projects"])


def _shown(held: Retention) -> Fields:
    policy = asdict(held.policy)
    return {
        "version": held.version,
        "chosen": {name: held.chosen.get(name) for name in policy},
        "effective": policy,
    }


@router.get(
    "",
    operation_id="get_project_retention",
    summary="Read how long things are kept",
    response_class=Response,
    responses=success(shapes.Retention, "What the project chose, and what holds")
    | problems(401, 403, 404, 503),
)
async def get_project_retention(project_id: str, call: Caller) -> Response:
    """Version 0 chose nothing: the platform's defaults hold."""
    project = typeid.decode("prj", project_id)
    return answer(_shown(await retention.get(call.deps, call.principal, project)))


@router.put(
    "",
    operation_id="put_project_retention",
    summary="Set how long things are kept",
    response_class=Response,
    responses=success(shapes.Retention, "The new version") | problems(401, 403, 404, 413, 415, 422, 503),
)
async def put_project_retention(project_id: str, body: shapes.RetentionBody, call: Caller) -> Response:
    """Make the next version. It holds for what is there already, too: try it with a dry run afterwards."""
    project = typeid.decode("prj", project_id)
    return answer(_shown(await retention.put(call.deps, call.principal, project, body.model_dump())))


@router.post(
    "/run",
    operation_id="run_project_retention",
    summary="Clean now, or tell what that would take away",
    response_class=Response,
    responses=success(shapes.RetentionRun, "What went, or would go, by category")
    | problems(401, 403, 404, 413, 415, 422, 503),
)
async def run_project_retention(project_id: str, body: shapes.RetentionRunBody, call: Caller) -> Response:
    """Do at once what the maintenance loop does by and by. Files are deleted an hour after their rows."""
    held, tallies, complete = await retention.run(
        call.deps, call.principal, typeid.decode("prj", project_id), dry_run=body.dry_run
    )
    return answer(
        {
            "dry_run": body.dry_run,
            "complete": complete,
            "policy": asdict(held.policy),
            "categories": [asdict(tally) for tally in tallies],
        }
    )
