"""Sinks, for operators: how each fares, what it can never take, replays, and one that is switched off."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from maquette.api.call import Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import nothing, problems, success
from maquette.api.present import Fields, moment
from maquette.api.shapes import sinks as shapes
from maquette.domain import typeid
from maquette.domain.events import EventType, stream_kind
from maquette.services import sinks
from maquette.store.sinks import Parked, Replay, SinkState

router = APIRouter(prefix="/sinks", tags=["sinks"])

_READ = problems(401, 403, 404, 422, 503)
_WRITE = problems(401, 403, 404, 409, 413, 415, 422, 503)


def _shown(state: SinkState) -> Fields:
    return {
        "name": state.sink,
        "served_by": state.relays,
        "published": state.published,
        "failures": state.failures,
        "error": state.error,
        "error_at": moment(state.error_at),
        "pending": state.pending,
        "oldest_seconds": state.oldest_seconds,
        "parked": state.parked,
    }


def _shown_parked(item: Parked) -> Fields:
    kind = stream_kind(EventType(item.type) if item.type else EventType.JOB_CREATED)
    project = typeid.encode("prj", item.project_id)
    return {
        "id": typeid.encode("evt", typeid.derive(item.stream_id, item.sequence)),
        "type": item.type,
        "source": f"/projects/{project}/{kind.folder}/{typeid.encode(kind.prefix, item.stream_id)}",
        "sequence": item.sequence,
        "project_id": project,
        "time": moment(item.time),
        "reason": item.reason,
        "parked_at": moment(item.parked_at),
    }


def _shown_replay(replay: Replay) -> Fields:
    ended = "canceled" if replay.canceled_by else "finished"
    return {
        "id": typeid.encode("rpl", replay.id),
        "sink": replay.sink,
        "project_id": None if replay.project_id is None else typeid.encode("prj", replay.project_id),
        "since": moment(replay.since),
        "until": moment(replay.until),
        "per_second": replay.per_second,
        "status": "running" if replay.finished_at is None else ended,
        "reached": moment(replay.reached),
        "told": replay.told,
        "matching": {},
        "created_at": moment(replay.created_at),
        "created_by": replay.created_by,
        "finished_at": moment(replay.finished_at),
    }


@router.get(
    "",
    operation_id="list_sinks",
    summary="List sinks, and how publishing to each goes",
    response_class=Response,
    responses=success(shapes.SinkPage, "Every sink that is served, or ever was") | problems(401, 403, 503),
)
async def list_sinks(call: Caller) -> Response:
    """Of all processes, and since each was first told something."""
    found = await sinks.list_sinks(call.deps)
    return answer({"items": [_shown(item) for item in found], "next_cursor": None})


@router.get(
    "/{sink}/parked",
    operation_id="list_parked_events",
    summary="List what a sink can never take",
    response_class=Response,
    responses=success(shapes.ParkedPage, "The newest, up to the limit") | _READ,
)
async def list_parked_events(sink: str, call: Caller, limit: Limit = 50) -> Response:
    """Show the newest first, each with the sink's reason. Nothing waits for them."""
    found = await sinks.parked(call.deps, sink, limit)
    return answer({"items": [_shown_parked(item) for item in found], "next_cursor": None})


@router.post(
    "/{sink}/release",
    operation_id="release_parked_events",
    summary="Publish again what was set aside",
    response_class=Response,
    responses=success(shapes.Sink, "The sink, which is owed them again") | _READ,
)
async def release_parked_events(sink: str, call: Caller) -> Response:
    """All of it, once what was wrong is mended: later events of their streams are there already."""
    return answer(_shown(await sinks.release(call.deps, call.principal, sink)))


@router.delete(
    "/{sink}",
    operation_id="forget_sink",
    summary="Remove a sink that is switched off",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=nothing("Removed") | problems(401, 403, 404, 409, 503),
)
async def forget_sink(sink: str, call: Caller) -> Response:
    """Remove it with all that it is owed; a conflict while a maintenance process serves it."""
    await sinks.forget(call.deps, call.principal, sink)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/{sink}/replays",
    operation_id="create_replay",
    summary="Tell a sink once more what happened",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses=success(shapes.Replay, "The order; maintenance carries it out", status=202) | _WRITE,
)
async def create_replay(sink: str, body: shapes.ReplayBody, call: Caller) -> Response:
    """Each stream in order, at a pace, beside what happens meanwhile; consumers drop what they have by `sequence`."""
    project = None if body.project_id is None else typeid.decode("prj", body.project_id)
    if body.dry_run:
        found = await sinks.matching(call.deps, sink, project, body.since, body.until)
        told: Fields = {
            "id": None,
            "sink": sink,
            "project_id": body.project_id,
            "since": moment(body.since),
            "until": moment(body.until),
            "per_second": body.per_second,
            "status": "dry_run",
            "reached": None,
            "told": 0,
            "matching": dict(found),
            "created_at": None,
            "created_by": call.principal.subject,
            "finished_at": None,
        }
        return answer(told, HTTPStatus.ACCEPTED)
    made = await sinks.replay(
        call.deps, call.principal, sink, project, body.since, body.until, body.per_second
    )
    return answer(_shown_replay(made), HTTPStatus.ACCEPTED)


@router.get(
    "/{sink}/replays",
    operation_id="list_replays",
    summary="List a sink's replays, newest first",
    response_class=Response,
    responses=success(shapes.ReplayPage, "A page of replays") | _READ,
)
async def list_replays(sink: str, call: Caller, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """How far each has come."""
    found = await sinks.list_replays(call.deps, sink, before=cursor_id("rpl", cursor), limit=limit + 1)
    return page([_shown_replay(item) for item in found], limit)


@router.post(
    "/{sink}/replays/{replay_id}/cancel",
    operation_id="cancel_replay",
    summary="Stop a replay",
    response_class=Response,
    responses=success(shapes.Replay, "The replay") | _READ,
)
async def cancel_replay(sink: str, replay_id: str, call: Caller) -> Response:
    """Nothing more is told; one that has ended stays as it is."""
    key = typeid.decode("rpl", replay_id)
    return answer(_shown_replay(await sinks.cancel_replay(call.deps, call.principal, sink, key)))
