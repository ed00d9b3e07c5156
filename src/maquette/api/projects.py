"""Projects: the tenant, its style DNA, its gates, its keys."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from maquette.api.call import Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import nothing, problems, success
from maquette.api.present import Fields, moment
from maquette.api.shapes import projects as shapes
from maquette.domain import typeid
from maquette.domain.style import Style
from maquette.services import projects
from maquette.store.jobs import policy_fields
from maquette.store.projects import KeyRow, Project

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


def _shown_key(project_id: str, key: KeyRow) -> Fields:
    return {
        "id": typeid.encode("mq", key.id),
        "project_id": project_id,
        "name": key.name,
        "subject": key.subject,
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "revoked_at": moment(key.revoked_at),
    }


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


@router.post(
    "/{project_id}/keys",
    operation_id="create_key",
    summary="Make an API key",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=success(shapes.NewKey, "The key, whose text is shown this once", status=201) | _WRITE,
)
async def create_key(project_id: str, body: shapes.KeyCreation, call: Caller) -> Response:
    """For a new user of the project. Only a hash of the key is kept."""
    project = typeid.decode("prj", project_id)
    row, key = await projects.create_key(call.deps, call.principal, project, body.name, body.expires_at)
    return answer({**_shown_key(project_id, row), "key": key.text}, HTTPStatus.CREATED)


@router.get(
    "/{project_id}/keys",
    operation_id="list_keys",
    summary="List API keys",
    response_class=Response,
    responses=success(shapes.KeyPage, "All keys of the project") | _READ,
)
async def list_keys(project_id: str, call: Caller) -> Response:
    """Revoked ones included, none with its secret."""
    rows = await projects.list_keys(call.deps, call.principal, typeid.decode("prj", project_id))
    return answer({"items": [_shown_key(project_id, row) for row in rows], "next_cursor": None})


@router.delete(
    "/{project_id}/keys/{key_id}",
    operation_id="revoke_key",
    summary="Revoke an API key",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=nothing("Refused everywhere within two seconds") | _READ,
)
async def revoke_key(project_id: str, key_id: str, call: Caller) -> Response:
    """For good. A key that is revoked already is 404."""
    project, key = typeid.decode("prj", project_id), typeid.decode("mq", key_id)
    await projects.revoke_key(call.deps, call.principal, project, key)
    return Response(status_code=HTTPStatus.NO_CONTENT)
