"""Projects: the tenants. Their context: ``context.py``."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from maquette.api.call import Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import problems, success
from maquette.api.present import project
from maquette.api.shapes import projects as shapes
from maquette.domain import typeid
from maquette.services import projects

router = APIRouter(prefix="/projects", tags=["projects"])

_READ = problems(401, 403, 404, 503)
_WRITE = problems(401, 403, 404, 413, 415, 422, 503)


@router.post(
    "",
    operation_id="create_project",
    summary="Make a project",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=success(shapes.Project, "The new project", status=201, headers=("Location",)) | _WRITE,
)
async def create_project(body: shapes.ProjectCreation, call: Caller) -> Response:
    """For operators. It begins with the default gates, and without style, constraints and routes."""
    shown = project(await projects.create(call.deps, call.principal, body.name))
    return answer(shown, HTTPStatus.CREATED, {"location": f"{call.root_path}/projects/{shown['id']}"})


@router.get(
    "",
    operation_id="list_projects",
    summary="List projects, newest first",
    response_class=Response,
    responses=success(shapes.ProjectPage, "A page of projects") | problems(401, 403, 422, 503),
)
async def list_projects(call: Caller, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Those that the caller sees."""
    found = await projects.list_projects(
        call.deps, call.principal, before=cursor_id("prj", cursor), limit=limit + 1
    )
    return page([project(item) for item in found], limit)


@router.get(
    "/{project_id}",
    operation_id="get_project",
    summary="Read a project",
    response_class=Response,
    responses=success(shapes.Project, "The project with the newest version of its context") | _READ,
)
async def get_project(project_id: str, call: Caller) -> Response:
    """Its context is what the next job will pin."""
    return answer(project(await projects.get(call.deps, call.principal, typeid.decode("prj", project_id))))


@router.patch(
    "/{project_id}",
    operation_id="change_project",
    summary="Change a project",
    response_class=Response,
    responses=success(shapes.Project, "The changed project") | _WRITE,
)
async def change_project(project_id: str, body: shapes.ProjectChange, call: Caller) -> Response:
    """Its name; and for operators its limit of open jobs and its weight beside other projects."""
    changed = await projects.change(
        call.deps,
        call.principal,
        typeid.decode("prj", project_id),
        name=body.name,
        open_jobs_max=body.open_jobs_max,
        weight=body.weight,
    )
    return answer(project(changed))
