"""The brief's way in: ``POST /jobs``."""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Response

from maquette.api.call import Caller, answer
from maquette.api.direct import DirectRoute
from maquette.api.jobs import shown
from maquette.api.openapi import problems, success
from maquette.api.quotas import rehearsed
from maquette.api.shapes import jobs as shapes
from maquette.api.shapes.quotas import DryRun
from maquette.domain.errors import Invalid
from maquette.services import jobs, rehearsal

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=DirectRoute)

#: Visible ASCII and spaces, at least one of them visible.
_IDEMPOTENCY_KEY = re.compile(r"(?=.*[!-~])[ -~]{1,200}", re.ASCII)


def checked_key(key: str | None) -> str | None:
    """Return an ``Idempotency-Key`` header's value; ``Invalid`` when it cannot be kept."""
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Invalid.field(("header", "idempotency-key"), "must be 1 to 200 printable ASCII characters")
    return key


@router.post(
    "",
    operation_id="submit_job",
    summary="Submit a brief",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=success(
        shapes.Job,
        "Durably recorded, now or by the same request before",
        status=201,
        headers=("Location", "Idempotency-Replayed"),
    )
    | success(DryRun, "With `dry_run`: what it would come to; nothing was recorded")
    | problems(401, 402, 403, 404, 413, 415, 422, 429, 503),
)
async def submit_job(
    body: shapes.JobSubmission,
    call: Caller,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Up to 200 printable characters. The same body again gives the same job; another is 422."
        ),
    ] = None,
) -> Response:
    """Admit a brief and queue its first step. When this answers 201, the job survives any crash.

    With `dry_run` it only tells, with 200, what that would come to and cost, and everything it would be refused for.
    """
    if body.dry_run:
        return answer(rehearsed(await rehearsal.rehearse(call.deps, call.principal, body.wish())))
    made = await jobs.submit(
        call.deps,
        call.principal,
        body.wish(),
        idempotency_key=checked_key(idempotency_key),
        correlation_id=call.correlation_id,
        trace=call.trace,
    )
    body_shown = shown(call, made.view)
    headers = {"location": body_shown["urls"]["self"]}
    if made.replayed:
        headers["idempotency-replayed"] = "true"
    return answer(body_shown, HTTPStatus.CREATED, headers)
