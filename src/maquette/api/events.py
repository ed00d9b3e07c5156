"""Events as server-sent events, of one job or of a whole project, replayable after a lost connection."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from maquette.api.call import Call, Caller
from maquette.api.openapi import problems, text
from maquette.api.shapes.examples import EVENT
from maquette.domain import typeid
from maquette.domain.errors import Forbidden, Invalid, Unauthenticated, Unavailable
from maquette.domain.events import Event, cloud_event
from maquette.services import jobs, projects
from maquette.store.events import Page, Running

T = TypeVar("T")

router = APIRouter()

_encode = msgspec.json.Encoder().encode
_SEQUENCE = re.compile(r"[0-9]{1,20}", re.ASCII)
_SEQUENCE_MAX = 2**63 - 1
#: How soon a browser connects again by itself.
_RETRY = b"retry: 1000\n\n"
_ALIVE = b": alive\n\n"


@router.get(
    "/jobs/{job_id}/events",
    tags=["jobs"],
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
    call.deps.hub.admit()
    after = _sequence(last_event_id or last_event_id_)
    key = typeid.decode("job", job_id)
    items = await jobs.events(call.deps, call.principal, key, after)
    return _stream(_of_job(_while_allowed(call, items)))


def _sequence(given: str | None) -> int:
    if given is None or given == "":
        return 0
    if not _SEQUENCE.fullmatch(given) or int(given) > _SEQUENCE_MAX:
        raise Invalid.field(("header", "last-event-id"), "must be the id of an event of this stream")
    return int(given)


async def _while_allowed(call: Call, items: AsyncIterator[T]) -> AsyncIterator[T]:
    """Pass items on while the caller is who he was: a stream must not outlive a revoked key or a membership that ended.

    It ends without a word then; who connects again is told why. While nobody can say, signs of life alone go on.
    When the database goes, it ends as well: nothing is lost, for the next one begins where this one ended.
    """
    hub = call.deps.hub
    hub.streams += 1
    try:
        async for item in items:
            try:
                changed = await call.again() != call.principal
            except Unavailable:
                changed = item is not None
            except (Unauthenticated, Forbidden):
                changed = True
            if changed:
                return
            yield item
    except Unavailable:
        return
    finally:
        hub.streams -= 1


def _stream(parts: AsyncIterator[bytes]) -> Response:
    # nginx would hold events back.
    return StreamingResponse(parts, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _of_job(items: AsyncIterator[Event | Running | None]) -> AsyncIterator[bytes]:
    """Encode events with their sequence as id, progress without one, and silence as a comment."""
    yield _RETRY
    async for item in items:
        if item is None:
            yield _ALIVE
        elif isinstance(item, Event):
            yield _message(str(item.sequence), item)
        else:
            yield _progress(item)


@router.get(
    "/projects/{project_id}/events",
    tags=["projects"],
    operation_id="follow_project",
    summary="Follow all events of a project",
    response_class=Response,
    responses=text(
        "text/event-stream",
        f"id: 4711:4713:4711\nevent: StepStarted\ndata: {_encode(EVENT).decode()}\n\n",
        "Server-sent events without end",
    )
    | problems(401, 403, 404, 422, 503),
)
async def follow_project(
    project_id: str,
    call: Caller,
    since: Annotated[
        Literal["now", "beginning"], Query(description="Where to begin without a last event's id.")
    ] = "now",
    last_event_id: Annotated[str | None, Header(description="Go on after the event with this id.")] = None,
    last_event_id_: Annotated[
        str | None, Query(alias="last_event_id", description="The same, for clients that cannot set headers.")
    ] = None,
) -> Response:
    """All events of the project's jobs and webhooks as they become true, as CloudEvents, in order within each stream.

    Jobs run at once, so there is no one order of their events: the ids are positions to go on from, nothing else.
    Going on repeats what came with the last position, so drop what has a `source` and `sequence` already seen.
    `event: progress` (without id) tells how far running steps are. A comment every 15 s shows that the line is alive.
    """
    call.deps.hub.admit()
    given = last_event_id or last_event_id_
    key = typeid.decode("prj", project_id)
    items = await projects.events(
        call.deps, call.principal, key, given or None, beginning=since == "beginning"
    )
    return _stream(_of_project(_while_allowed(call, items)))


async def _of_project(items: AsyncIterator[Page | Running | None]) -> AsyncIterator[bytes]:
    """Encode a page's events: the last one's id is where the page ends, before it where the page began."""
    yield _RETRY
    async for item in items:
        if item is None:
            yield _ALIVE
        elif isinstance(item, Running):
            yield _progress(item)
        elif not item.events:
            yield b"id: %b\n\n" % str(item.after).encode()
        else:
            began = str(item.before)
            messages = [_message(began, event) for event in item.events[:-1]]
            yield b"".join([*messages, _message(str(item.after), item.events[-1])])


def _message(identity: str, event: Event) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        identity.encode(),
        event.type.encode(),
        _encode(cloud_event(event)),
    )


def _progress(running: Running) -> bytes:
    told = {
        "job_id": typeid.encode("job", running.job_id),
        "step_name": running.step,
        "value": running.value,
        "message": running.message,
    }
    return b"event: progress\ndata: %b\n\n" % _encode(told)
