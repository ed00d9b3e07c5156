"""Batches: many briefs in one request, as JSON Lines."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

import pydantic
from fastapi import APIRouter, Header, Query, Request, Response

from maquette.api import json_guard
from maquette.api.call import Call, Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import problems, success
from maquette.api.present import Fields, moment
from maquette.api.problems import UnsupportedMediaType, document, invalid, status_of
from maquette.api.shapes import batches as shapes
from maquette.api.shapes.examples import SUBMISSION_LINES
from maquette.api.shapes.jobs import JobSubmission
from maquette.api.submission import checked_key
from maquette.domain import typeid
from maquette.domain.errors import Invalid, MaquetteError
from maquette.domain.text import NAME
from maquette.services import batches
from maquette.services.batches import LINES_MAX, BatchView, Line, Verdict

router = APIRouter(prefix="/batches", tags=["jobs"])

_MEDIA_TYPES = ("application/jsonl", "application/x-ndjson")
#: Lines that are read before others get a turn: about a millisecond's worth.
_LINES_IN_A_ROW = 20


@router.post(
    "",
    operation_id="submit_batch",
    summary="Submit many briefs",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=success(shapes.SubmittedBatch, "A verdict for each line", status=201)
    | problems(401, 403, 404, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                _MEDIA_TYPES[0]: {
                    "schema": {"type": "string", "description": "One `JobSubmission` a line."},
                    "example": SUBMISSION_LINES,
                }
            },
        }
    },
)
async def submit_batch(
    request: Request,
    call: Caller,
    project_id: Annotated[str, Query(max_length=60, description="Lines need not repeat it.")],
    name: Annotated[str, Query(max_length=NAME.points_max, description="What people call it.")] = "",
    idempotency_key: Annotated[
        str | None,
        Header(description="As for one brief; sent again, it goes on where it was cut off."),
    ] = None,
) -> Response:
    """Record a job for every line that can be admitted; the others are told why not. At most 1,000 lines, 16 MiB."""
    project = call.principal.require_project(typeid.decode("prj", project_id))
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise UnsupportedMediaType(
            f"The body must be JSON Lines; say so with `Content-Type: {_MEDIA_TYPES[0]}`."
        )
    lines = await _lines(await request.body(), project_id)
    view = await batches.submit(
        call.deps,
        call.principal,
        project,
        lines,
        name=name,
        idempotency_key=checked_key(idempotency_key),
        correlation_id=call.correlation_id,
        trace=call.trace,
    )
    shown = _shown(view, call)
    verdicts = [_verdict(item, request) for item in view.verdicts]
    return answer(
        {**shown, "verdicts": verdicts}, HTTPStatus.CREATED, headers={"location": shown["urls"]["self"]}
    )


async def _lines(body: bytes, project_id: str) -> list[Line]:
    """Return the lines that are not empty, each with its brief or what is wrong with it."""
    parts = body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    numbered = [(number, part) for number, part in enumerate(parts, start=1) if part.strip()]
    if len(numbered) > LINES_MAX:
        raise Invalid.field(("body",), f"holds {len(numbered)} lines; {LINES_MAX} at most")
    lines = []
    for at, (number, part) in enumerate(numbered):
        if at % _LINES_IN_A_ROW == 0:
            await asyncio.sleep(0)
        lines.append(Line(number, _read(part.strip(), project_id)))
    return lines


def _read(line: bytes, project_id: str) -> dict[str, Any] | MaquetteError:
    """Return the brief in a line, or the reason why it is none."""
    try:
        json_guard.check_form(line)
        value = json_guard.decode(line)
        if not isinstance(value, dict):
            raise Invalid.field(("body",), "must be an object")
        if value.setdefault("project_id", project_id) != project_id:
            raise Invalid.field(("body", "project_id"), "must be the batch's own")
        return JobSubmission.model_validate(value).wish()
    except pydantic.ValidationError as error:
        return invalid(error.errors(include_url=False), ("body",))
    except MaquetteError as error:
        return error


@router.get(
    "",
    operation_id="list_batches",
    summary="List batches, newest first",
    response_class=Response,
    responses=success(shapes.BatchPage, "A page of batches") | problems(401, 403, 404, 422, 503),
)
async def list_batches(
    call: Caller,
    project_id: Annotated[str, Query(max_length=60)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Batches of one project, with how their jobs stand."""
    views = await batches.list_batches(
        call.deps,
        call.principal,
        typeid.decode("prj", project_id),
        before=cursor_id("bat", cursor),
        limit=limit + 1,
    )
    return page([_shown(view, call) for view in views], limit)


@router.get(
    "/{batch_id}",
    operation_id="get_batch",
    summary="Read a batch",
    response_class=Response,
    responses=success(shapes.Batch, "The batch as it is now") | problems(401, 403, 404, 503),
)
async def get_batch(batch_id: str, call: Caller) -> Response:
    """Show how its jobs stand; `GET /jobs?batch_id=` lists them."""
    return answer(_shown(await batches.get(call.deps, call.principal, typeid.decode("bat", batch_id)), call))


@router.post(
    "/{batch_id}/cancel",
    operation_id="cancel_batch",
    summary="Give a batch up",
    response_class=Response,
    responses=success(shapes.Batch, "The batch after it") | problems(401, 403, 404, 503),
)
async def cancel_batch(batch_id: str, call: Caller) -> Response:
    """Cancel all of its jobs that have not ended; calling it again changes nothing."""
    return answer(
        _shown(await batches.cancel(call.deps, call.principal, typeid.decode("bat", batch_id)), call)
    )


def _shown(view: BatchView, call: Call) -> Fields:
    batch = view.batch
    batch_id = typeid.encode("bat", batch.id)
    project = typeid.encode("prj", batch.project_id)
    address = f"{call.root_path}/batches/{batch_id}"
    return {
        "id": batch_id,
        "project_id": project,
        "name": batch.name,
        "lines": batch.lines,
        "created_at": moment(batch.created_at),
        "created_by": batch.created_by,
        "jobs": dict(view.jobs),
        "urls": {
            "self": address,
            "jobs": f"{call.root_path}/jobs?project_id={project}&batch_id={batch_id}",
            "cancel": f"{address}/cancel",
        },
    }


def _verdict(verdict: Verdict, request: Request) -> Fields:
    result = verdict.result
    if isinstance(result, MaquetteError):
        problem = document(
            result, path=request.scope["path"], request_id=request.scope["state"]["request_id"]
        )
        return {
            "line": verdict.number,
            "status": int(status_of(type(result))),
            "job_id": None,
            "problem": problem,
        }
    job_id = typeid.encode("job", result.job_id)
    return {"line": verdict.number, "status": int(HTTPStatus.CREATED), "job_id": job_id, "problem": None}
