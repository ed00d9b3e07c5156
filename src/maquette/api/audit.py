"""The audit log: of a project for its owners, of everything for operators."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from maquette.api.call import Call, Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import problems, success
from maquette.api.present import Fields, moment
from maquette.api.shapes import audit as shapes
from maquette.domain import typeid
from maquette.domain.audit import Entry
from maquette.services import audit

router = APIRouter(tags=["audit"])

_Word = Annotated[str | None, Query(max_length=200, description="Only these.")]


def _shown(entry: Entry) -> Fields:
    return {
        "id": typeid.encode("aud", entry.id),
        "at": moment(entry.at),
        "project_id": None if entry.project_id is None else typeid.encode("prj", entry.project_id),
        "subject": entry.subject,
        "kind": entry.kind,
        "act": entry.act,
        "object": entry.object,
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id,
        "address": entry.address,
    }


async def _page(
    call: Call,
    project: UUID | None,
    words: tuple[str | None, str | None, str | None],
    cursor: str | None,
    limit: int,
) -> Response:
    subject, act, object_ = words
    if any(word is not None and "\0" in word for word in words):
        return answer({"items": [], "next_cursor": None})
    found = await audit.entries(
        call.deps,
        call.principal,
        project,
        before=cursor_id("aud", cursor),
        subject=subject,
        act=act,
        object_=object_,
        limit=limit + 1,
    )
    return page([_shown(entry) for entry in found], limit)


@router.get(
    "/projects/{project_id}/audit",
    operation_id="list_project_audit",
    summary="List what was administered in a project",
    response_class=Response,
    responses=success(shapes.AuditPage, "A page of entries") | problems(401, 403, 404, 422, 503),
)
async def list_project_audit(
    project_id: str,
    call: Caller,
    subject: _Word = None,
    act: _Word = None,
    object: _Word = None,  # noqa: A002 - the name of the query's parameter
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Newest first. Entries are written with what they tell of, never changed, and go by age alone."""
    return await _page(call, typeid.decode("prj", project_id), (subject, act, object), cursor, limit)


@router.get(
    "/audit",
    operation_id="list_audit",
    summary="List what was administered anywhere",
    response_class=Response,
    responses=success(shapes.AuditPage, "A page of entries") | problems(401, 403, 422, 503),
)
async def list_audit(
    call: Caller,
    subject: _Word = None,
    act: _Word = None,
    object: _Word = None,  # noqa: A002 - the name of the query's parameter
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Of all projects, and of the installation itself."""
    return await _page(call, None, (subject, act, object), cursor, limit)
