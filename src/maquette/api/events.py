"""A job's events as server-sent events, replayable after a lost connection."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from maquette.api.call import Caller
from maquette.api.openapi import problems, text
from maquette.api.shapes.examples import EVENT
from maquette.domain import typeid
from maquette.domain.errors import Invalid
from maquette.domain.events import Event, EventType, cloud_event
from maquette.services import jobs

router = APIRouter(prefix="/jobs", tags=["jobs"])

_encode = msgspec.json.Encoder().encode
_SEQUENCE = re.compile(r"[0-9]{1,20}", re.ASCII)
_SEQUENCE_MAX = 2**63 - 1
#: How soon a browser connects again by itself.
_RETRY = b"retry: 1000\n\n"
_ALIVE = b": alive\n\n"


@router.get(
    "/{job_id}/events",
    operation_id="follow_job",
    summary="Follow a job's events",
    response_class=Response,
    responses=text(
        "text/event-stream",
        f"id: 7\nevent: StepStarted\ndata: {_encode(EVENT).decode()}\n\n",
        "Server-sent events until the job has ended",
    )
    | problems(401, 403, 404, 422, 503),
)
async def follow_job(
    job_id: str,
    call: Caller,
    last_event_id: Annotated[str | None, Header(description="Go on after this sequence.")] = None,
    last_event_id_: Annotated[
        str | None, Query(alias="last_event_id", description="The same, for clients that cannot set headers.")
    ] = None,
) -> Response:
    """All events from the first or after the given one, as CloudEvents, then new ones as they become true.

    `event: progress` (without id) tells how far the running step is. A comment every 15 s shows that the line
    is alive. The stream ends after the job's last event.
    """
    after = _sequence(last_event_id or last_event_id_)
    key = typeid.decode("job", job_id)
    view = await jobs.get(call.deps, call.principal, key)
    items = await jobs.events(call.deps, call.principal, key, after)
    return StreamingResponse(
        _encoded(items, view.job.spec.name),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},  # nginx would hold events back
    )


def _sequence(given: str | None) -> int:
    if given is None or given == "":
        return 0
    if not _SEQUENCE.fullmatch(given) or int(given) > _SEQUENCE_MAX:
        raise Invalid.field(("header", "last-event-id"), "must be the id of an event of this stream")
    return int(given)


async def _encoded(items: AsyncIterator[Any], step: str) -> AsyncIterator[bytes]:
    """Encode events with their sequence as id, progress without one, and silence as a comment."""
    yield _RETRY
    async for item in items:
        if item is None:
            yield _ALIVE
        elif isinstance(item, Event):
            if item.type is EventType.STEP_STARTED:
                step = item.data["step_name"]
            yield b"id: %d\nevent: %b\ndata: %b\n\n" % (
                item.sequence,
                item.type.encode(),
                _encode(cloud_event(item)),
            )
        else:
            told = {"step_name": step, "value": item.value, "message": item.message}
            yield b"event: progress\ndata: %b\n\n" % _encode(told)
