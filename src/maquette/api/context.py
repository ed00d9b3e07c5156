"""Project context: style, constraints, gates, routes and retries, all read, compared and changed in one way."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from maquette.api.call import Call, Caller, Limit, answer
from maquette.api.openapi import problems, success
from maquette.api.present import Fields, moment, project
from maquette.api.shapes import context as shapes
from maquette.api.shapes.base import Shape
from maquette.api.shapes.projects import Project
from maquette.domain import typeid
from maquette.domain.context import Version
from maquette.domain.errors import Invalid
from maquette.services import context

router = APIRouter(prefix="/projects/{project_id}", tags=["projects"])

_VERSION_MAX = 2**31 - 1
_TAG = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')
_READ = problems(401, 403, 404, 422, 503)
_WRITE = success(Project, "The project with the new version") | problems(
    401, 403, 404, 409, 413, 415, 422, 503
)
IfMatch = Annotated[
    str | None,
    Header(max_length=20, description="The version that you edited; 409 when it is no longer the newest."),
]
_Number = Annotated[int | None, Query(ge=0, le=_VERSION_MAX)]


def _made(version: Version) -> Fields:
    return {
        "version": version.number,
        "created_at": moment(version.created_at),
        "created_by": version.created_by,
    }


def _add(kind: str, shape: type[Shape], what: str) -> None:
    """Add the ways to read one kind of document."""

    async def get(
        project_id: str,
        call: Caller,
        version: Annotated[
            _Number, Query(description="Default: the newest. 0: before anybody spoke.")
        ] = None,
    ) -> Response:
        found = await context.get(call.deps, call.principal, typeid.decode("prj", project_id), kind, version)
        return answer(_made(found) | {"document": found.body}, headers={"etag": f'"{found.number}"'})

    async def versions(
        project_id: str,
        call: Caller,
        cursor: Annotated[
            str | None, Query(pattern="^[0-9]{1,9}$", description="`next_cursor` of the page before.")
        ] = None,
        limit: Limit = 50,
    ) -> Response:
        before = None if cursor is None else int(cursor)
        found = await context.versions(
            call.deps, call.principal, typeid.decode("prj", project_id), kind, before, limit + 1
        )
        more = str(found[limit - 1].number) if len(found) > limit else None
        return answer({"items": [_made(item) for item in found[:limit]], "next_cursor": more})

    async def diff(
        project_id: str,
        call: Caller,
        from_: Annotated[int, Query(alias="from", ge=0, le=_VERSION_MAX)],
        to: Annotated[_Number, Query(description="Default: the newest.")] = None,
    ) -> Response:
        number, changes = await context.diff(
            call.deps, call.principal, typeid.decode("prj", project_id), kind, from_, to
        )
        return answer({"from_version": from_, "to_version": number, "changes": changes})

    router.add_api_route(
        f"/{kind}",
        get,
        operation_id=f"get_project_{kind}",
        summary=f"Read {what}",
        description="With who made it and when. Its `ETag` goes into `If-Match` of a change.",
        response_class=Response,
        responses=success(shape, "A version of the document", headers=("ETag",)) | _READ,
    )
    router.add_api_route(
        f"/{kind}/versions",
        versions,
        operation_id=f"list_project_{kind}_versions",
        summary=f"List the versions of {what}, newest first",
        description="Who made which, and when. Versions never change.",
        response_class=Response,
        responses=success(shapes.VersionPage, "A page of versions") | _READ,
    )
    router.add_api_route(
        f"/{kind}/diff",
        diff,
        operation_id=f"diff_project_{kind}",
        summary=f"Compare two versions of {what}",
        description="Member by member; of a list also what came and what went.",
        response_class=Response,
        responses=success(shapes.Differences, "What became different") | _READ,
    )


_add("style", shapes.StyleVersion, "the style DNA")
_add("constraints", shapes.ConstraintsVersion, "the constraints")
_add("gates", shapes.GatesVersion, "the gates")
_add("routes", shapes.RoutesVersion, "the routes")
_add("retries", shapes.RetriesVersion, "the retries")


async def _put(call: Call, project_id: str, kind: str, body: Shape, if_match: str | None) -> Response:
    expected = None
    if if_match not in {None, "*"}:
        tag = _TAG.fullmatch(if_match or "")
        if tag is None:
            raise Invalid.field(("header", "if-match"), "must be a version's number, as ETag gives it")
        expected = int(tag[1])
    changed = await context.put(
        call.deps, call.principal, typeid.decode("prj", project_id), kind, body.model_dump(), expected
    )
    return answer(project(changed))


@router.put(
    "/style",
    operation_id="put_project_style",
    summary="Set the style DNA",
    response_class=Response,
    responses=_WRITE,
)
async def put_project_style(
    project_id: str, body: shapes.StyleBody, call: Caller, if_match: IfMatch = None
) -> Response:
    """Make the next version. Jobs keep the version that they began with.

    Words that the content policy blocks are refused here, and not with every job.
    """
    return await _put(call, project_id, "style", body, if_match)


@router.put(
    "/constraints",
    operation_id="put_project_constraints",
    summary="Set what assets must keep to",
    response_class=Response,
    responses=_WRITE,
)
async def put_project_constraints(
    project_id: str, body: shapes.ConstraintsBody, call: Caller, if_match: IfMatch = None
) -> Response:
    """Make the next version. A default that exceeds a constraint gives way; a brief that asks for more is 422."""
    return await _put(call, project_id, "constraints", body, if_match)


@router.put(
    "/gates",
    operation_id="put_project_gates",
    summary="Set where a person decides",
    response_class=Response,
    responses=_WRITE,
)
async def put_project_gates(
    project_id: str, body: shapes.GatesBody, call: Caller, if_match: IfMatch = None
) -> Response:
    """Make the next version; an empty list lets jobs run through. Jobs keep what they began with.

    A gate is a name, or an object with a time-out: `remind` tells with an event, `approve` goes on, `reject` gives
    the job up, `pause` holds it. `escalate` names who is told on the way. A gate that is held does not run out of time; the clock starts anew when it is let go.
    """
    return await _put(call, project_id, "gates", body, if_match)


@router.put(
    "/routes",
    operation_id="put_project_routes",
    summary="Set who does which step",
    response_class=Response,
    responses=_WRITE,
)
async def put_project_routes(
    project_id: str, body: shapes.RoutesBody, call: Caller, if_match: IfMatch = None
) -> Response:
    """Make the next version. The first service of a step's route is asked; `GET /services` tells whether it has workers."""
    return await _put(call, project_id, "routes", body, if_match)


@router.put(
    "/retries",
    operation_id="put_project_retries",
    summary="Set how often steps are tried again",
    response_class=Response,
    responses=_WRITE,
)
async def put_project_retries(
    project_id: str, body: shapes.RetriesBody, call: Caller, if_match: IfMatch = None
) -> Response:
    """Make the next version: by step, or `default` for all, attempts and waits by class of error, and a deadline.

    What is not said is as shipped. `invalid` and `policy` are never tried again. Jobs keep what they began with.
    """
    return await _put(call, project_id, "retries", body, if_match)
