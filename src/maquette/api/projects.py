"""Projects: the tenant, its style DNA, its gates."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from maquette.api.call import Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import problems, success
from maquette.api.present import Fields, moment
from maquette.api.shapes import projects as shapes
from maquette.domain import typeid
from maquette.domain.style import Style
from maquette.services import projects
from maquette.store.jobs import policy_fields
from maquette.store.projects import Project

router = APIRouter(prefix="/projects", tags=["projects"])

_READ = problems(401, 403, 404, 503)
_WRITE = problems(401, 403, 404, 413, 415, 422, 503)


def _shown(project: Project) -> Fields:
    style = project.style
    return {
        "id": typeid.encode("prj", project.id),
        "name": project.name,
        "created_at": moment(project.created_at),
        "created_by": project.created_by,
        "open_jobs_max": project.open_jobs_max,
        "style": {
            "version": style.version,
            "keywords": style.keywords,
            "negative_keywords": style.negative_keywords,
            "palette": style.palette,
        },
        "gates": {
            "version": project.gates_version,
            "gates": [_gate(project, gate) for gate in project.gates],
        },
    }


def _gate(project: Project, gate: str) -> str | Fields:
    policy = project.gate_policies.get(gate)
    return gate if policy is None else {"step": gate, **policy_fields(policy)}


@router.post(
    "",
    operation_id="create_project",
    summary="Make a project",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=success(shapes.Project, "The new project", status=201, headers=("Location",)) | _WRITE,
)
async def create_project(body: shapes.ProjectCreation, call: Caller) -> Response:
    """For operators. It begins with the default gates and without style."""
    shown = _shown(await projects.create(call.deps, call.principal, body.name))
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
    return page([_shown(item) for item in found], limit)


@router.get(
    "/{project_id}",
    operation_id="get_project",
    summary="Read a project",
    response_class=Response,
    responses=success(shapes.Project, "The project with the newest version of its context") | _READ,
)
async def get_project(project_id: str, call: Caller) -> Response:
    """Style and gates are those that the next job will pin."""
    return answer(_shown(await projects.get(call.deps, call.principal, typeid.decode("prj", project_id))))


@router.patch(
    "/{project_id}",
    operation_id="change_project",
    summary="Change a project",
    response_class=Response,
    responses=success(shapes.Project, "The changed project") | _WRITE,
)
async def change_project(project_id: str, body: shapes.ProjectChange, call: Caller) -> Response:
    """Its name; and for operators its limit of open jobs."""
    changed = await projects.change(
        call.deps,
        call.principal,
        typeid.decode("prj", project_id),
        name=body.name,
        open_jobs_max=body.open_jobs_max,
    )
    return answer(_shown(changed))


@router.put(
    "/{project_id}/style",
    operation_id="put_project_style",
    summary="Set the style DNA",
    response_class=Response,
    responses=success(shapes.Project, "The project with the new version") | _WRITE,
)
async def put_project_style(project_id: str, body: shapes.StyleBody, call: Caller) -> Response:
    """Make the next version. Jobs keep the version that they began with."""
    style = Style(
        keywords=tuple(body.keywords),
        negative_keywords=tuple(body.negative_keywords),
        palette=tuple(body.palette),
    )
    changed = await projects.put_style(call.deps, call.principal, typeid.decode("prj", project_id), style)
    return answer(_shown(changed))


@router.put(
    "/{project_id}/gates",
    operation_id="put_project_gates",
    summary="Set where a person decides",
    response_class=Response,
    responses=success(shapes.Project, "The project with the new version") | _WRITE,
)
async def put_project_gates(project_id: str, body: shapes.GatesBody, call: Caller) -> Response:
    """Make the next version; an empty list lets jobs run through. Jobs keep what they began with.

    A gate is a name, or an object with a time-out: `remind` tells with an event, `approve` goes on, `reject` gives
    the job up. A gate that is held does not run out of time; the clock starts anew when it is let go.
    """
    names = [gate if isinstance(gate, str) else gate.step for gate in body.gates]
    policies = {gate.step: gate.policy() for gate in body.gates if not isinstance(gate, str)}
    changed = await projects.put_gates(
        call.deps, call.principal, typeid.decode("prj", project_id), names, policies
    )
    return answer(_shown(changed))
