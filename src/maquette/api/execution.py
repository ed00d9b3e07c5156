"""The worker protocol over HTTP. The hot path: wire types in and out, no Pydantic.

Bodies are read after authentication, so that others do not get 16 MiB decoded to be told 403, and decoded once (msgspec: half the CPU of Pydantic on these endpoints).
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from maquette import wire
from maquette.api import json_guard
from maquette.api.call import authenticated
from maquette.api.direct import WireRoute
from maquette.api.openapi import problems, success, wire_content
from maquette.services import execution

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_PROBLEMS = problems(401, 403, 413, 422, 503)


router = APIRouter(prefix="/worker", tags=["worker"], route_class=WireRoute)


def _answer(value: msgspec.Struct) -> Response:
    return Response(_encode(value), media_type="application/json")


async def _while_connected(request: Request, work: Awaitable[T]) -> T:
    """Await long work, and cancel it when the client leaves: a task must not be leased to nobody."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(request.receive())  # the body was read: all that can come is a disconnect
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()


def _operation(body: type[msgspec.Struct]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": wire_content(body)}}}


@router.post(
    "/claims",
    operation_id="claim_tasks",
    summary="Ask for work",
    response_class=Response,
    responses=success(wire.ClaimAnswer, "Leased tasks, or none") | _PROBLEMS,
    openapi_extra=_operation(wire.Claim),
)
async def claim_tasks(request: Request) -> Response:
    """Lease ready tasks; with none, wait for one, up to `MAQUETTE_POLL_SECONDS_MAX`. The same `claim_id` replays a lost answer."""
    call = await authenticated(request)
    claim = json_guard.decode_as(await request.body(), wire.Claim)
    work = execution.claim(call.deps, call.principal, claim)
    if claim.wait_seconds <= 0:
        return _answer(await work)
    answer = await _while_connected(request, work)
    # A token that was revoked meanwhile gets nothing; what was leased to it goes back when its worker stays silent.
    (await call.again()).require_services(claim.services)
    return _answer(answer)


@router.post(
    "/heartbeats",
    operation_id="beat",
    summary="Prove to be alive",
    response_class=Response,
    responses=success(wire.HeartbeatAnswer, "What became of each lease") | _PROBLEMS,
    openapi_extra=_operation(wire.Heartbeat),
)
async def beat(request: Request) -> Response:
    """Keep the process's leases and tell how far each attempt is. A lease missing twice is given away."""
    call = await authenticated(request)
    heartbeat = json_guard.decode_as(await request.body(), wire.Heartbeat)
    return _answer(await execution.heartbeat(call.deps, call.principal, heartbeat))


@router.post(
    "/outcomes",
    operation_id="report_outcomes",
    summary="Report how attempts ended, and ask for more work",
    response_class=Response,
    responses=success(wire.OutcomesAnswer, "A verdict for each outcome") | _PROBLEMS,
    openapi_extra=_operation(wire.OutcomesRequest),
)
async def report_outcomes(request: Request) -> Response:
    """Apply outcomes and lease more work in one transaction. Sending an outcome again is safe."""
    call = await authenticated(request)
    outcomes = json_guard.decode_as(await request.body(), wire.OutcomesRequest)
    return _answer(await execution.outcomes(call.deps, call.principal, outcomes))


@router.post(
    "/uploads",
    operation_id="grant_uploads",
    summary="Ask for links to upload an attempt's files",
    response_class=Response,
    responses=success(wire.UploadsAnswer, "A link for each file") | _PROBLEMS,
    openapi_extra=_operation(wire.UploadsRequest),
)
async def grant_uploads(request: Request) -> Response:
    """Links are for exactly the announced bytes, below the attempt's own folder, create-only."""
    call = await authenticated(request)
    uploads = json_guard.decode_as(await request.body(), wire.UploadsRequest)
    return _answer(await execution.uploads(call.deps, call.principal, uploads))
