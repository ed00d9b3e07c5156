"""Dead letters: what failed for good, tried again or given up."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from maquette.api.call import LIMIT_MAX, Call, Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.jobs import shown
from maquette.api.openapi import problems, success
from maquette.api.present import Fields, attempt, moment
from maquette.api.shapes import dead_letters as shapes
from maquette.api.shapes.jobs import Job
from maquette.domain import typeid
from maquette.services import dead_letters
from maquette.services.dead_letters import LetterView
from maquette.store.dead_letters import Letter, Redrive

router = APIRouter(tags=["dead letters"])

_READ = problems(401, 403, 404, 422, 503)
_WRITE = problems(401, 403, 404, 409, 413, 415, 422, 503)
_REDRIVE = problems(401, 402, 403, 404, 409, 413, 415, 422, 429, 503)


def _shown(letter: Letter) -> Fields:
    return {
        "id": typeid.encode("dlq", letter.id),
        "project_id": typeid.encode("prj", letter.project_id),
        "job_id": typeid.encode("job", letter.job_id),
        "job_status": letter.job_status,
        "asset_type": letter.asset_type,
        "step": letter.step,
        "revision": letter.revision,
        "attempt": letter.attempt,
        "status": letter.status,
        "error": letter.error,
        "created_at": moment(letter.created_at),
        "closed_at": moment(letter.closed_at),
        "closed_by": letter.closed_by,
        "reason": letter.reason,
        "correlation_id": letter.correlation_id,
    }


def _shown_whole(view: LetterView) -> Fields:
    return {**_shown(view.letter), "attempts": [attempt(item) for item in view.attempts]}


def _shown_order(order: Redrive) -> Fields:
    ended = "canceled" if order.canceled_by else "finished"
    return {
        "id": typeid.encode("rdv", order.id),
        "project_id": typeid.encode("prj", order.project_id),
        "filter": order.filter,
        "per_minute": order.per_minute,
        "max": order.cap,
        "status": "running" if order.finished_at is None else ended,
        "redriven": order.redriven,
        "refused": order.refused,
        "matching": [],
        "created_at": moment(order.created_at),
        "created_by": order.created_by,
        "finished_at": moment(order.finished_at),
    }


@router.get(
    "/dead-letters",
    operation_id="list_dead_letters",
    summary="List dead letters, newest first",
    response_class=Response,
    responses=success(shapes.DeadLetterPage, "A page of dead letters") | _READ,
)
async def list_dead_letters(
    call: Caller,
    project_id: Annotated[str | None, Query(max_length=60)] = None,
    status: Annotated[shapes.Status | None, Query()] = None,
    step: Annotated[str | None, Query(max_length=40)] = None,
    job_id: Annotated[str | None, Query(max_length=60)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Of the projects that the caller may work in. The attempts are shown with each one by itself."""
    found = await dead_letters.list_letters(
        call.deps,
        call.principal,
        project=None if project_id is None else typeid.decode("prj", project_id),
        before=cursor_id("dlq", cursor),
        status=status,
        step=step,
        job=None if job_id is None else typeid.decode("job", job_id),
        limit=limit + 1,
    )
    return page([_shown(letter) for letter in found], limit)


@router.get(
    "/dead-letters/{letter_id}",
    operation_id="get_dead_letter",
    summary="Read a dead letter",
    response_class=Response,
    responses=success(shapes.DeadLetterWithAttempts, "The letter with every attempt") | _READ,
)
async def get_dead_letter(letter_id: str, call: Caller) -> Response:
    """With every attempt that was made at its step: by whom, from when to when, and why it failed."""
    view = await dead_letters.show(call.deps, call.principal, typeid.decode("dlq", letter_id))
    return answer(_shown_whole(view))


@router.post(
    "/dead-letters/{letter_id}/redrive",
    operation_id="redrive_dead_letter",
    summary="Try again what failed",
    response_class=Response,
    responses=success(Job, "The job, which goes on at the step that failed") | _REDRIVE,
)
async def redrive_dead_letter(
    letter_id: str, call: Caller, body: shapes.RedriveBody | None = None
) -> Response:
    """Finished steps stay, attempts are counted on, retries start anew. It counts as an open job again: 429 when there is no room.

    Changes are validated and judged like a reviewer's; they may concern the failed step and those after it.
    """
    changes = body.changes.model_dump(exclude_none=True) if body else {}
    view = await dead_letters.redrive(call.deps, call.principal, typeid.decode("dlq", letter_id), changes)
    return answer(shown(call, view))


@router.post(
    "/dead-letters/{letter_id}/discard",
    operation_id="discard_dead_letter",
    summary="Give a dead letter up",
    response_class=Response,
    responses=success(shapes.DeadLetterWithAttempts, "The letter, closed") | _WRITE,
)
async def discard_dead_letter(
    letter_id: str, call: Caller, body: shapes.DiscardBody | None = None
) -> Response:
    """For good: its job stays failed and is not redriven any more."""
    view = await dead_letters.discard(
        call.deps, call.principal, typeid.decode("dlq", letter_id), body.reason if body else ""
    )
    return answer(_shown_whole(view))


@router.post(
    "/dead-letters/redrive",
    operation_id="redrive_dead_letters",
    summary="Try many again, at a pace",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses=success(shapes.Redrive, "The order; maintenance carries it out", status=202) | _WRITE,
)
async def redrive_dead_letters(body: shapes.RedriveMany, call: Caller) -> Response:
    """Take the oldest first, of those that are open now; what fails later is not its concern."""
    project = typeid.decode("prj", body.project_id)
    wanted = body.filter.model_dump(exclude_none=True)
    if body.dry_run:
        found = await dead_letters.matching(call.deps, call.principal, project, wanted, LIMIT_MAX)
        return answer(
            _dry(call, body, [typeid.encode("dlq", letter.id) for letter in found[: body.max]]),
            HTTPStatus.ACCEPTED,
        )
    order = await dead_letters.redrive_many(
        call.deps, call.principal, project, wanted, per_minute=body.per_minute, cap=body.max
    )
    return answer(_shown_order(order), HTTPStatus.ACCEPTED)


@router.get(
    "/dead-letters/redrives/{redrive_id}",
    operation_id="get_redrive",
    summary="See how far an order has come",
    response_class=Response,
    responses=success(shapes.Redrive, "The order") | _READ,
)
async def get_redrive(redrive_id: str, call: Caller) -> Response:
    """How many were redriven and refused, and whether it goes on."""
    key = typeid.decode("rdv", redrive_id)
    return answer(_shown_order(await dead_letters.order(call.deps, call.principal, key)))


@router.post(
    "/dead-letters/redrives/{redrive_id}/cancel",
    operation_id="cancel_redrive",
    summary="Stop an order",
    response_class=Response,
    responses=success(shapes.Redrive, "The order") | _READ,
)
async def cancel_redrive(redrive_id: str, call: Caller) -> Response:
    """Redrive no more. What was redriven goes on; an order that has ended stays as it is."""
    key = typeid.decode("rdv", redrive_id)
    return answer(_shown_order(await dead_letters.cancel_order(call.deps, call.principal, key)))


def _dry(call: Call, body: shapes.RedriveMany, found: list[str]) -> Fields:
    return {
        "id": None,
        "project_id": body.project_id,
        "filter": body.filter.model_dump(exclude_none=True),
        "per_minute": body.per_minute,
        "max": body.max,
        "status": "dry_run",
        "redriven": 0,
        "refused": 0,
        "matching": found,
        "created_at": None,
        "created_by": call.principal.subject,
        "finished_at": None,
    }
