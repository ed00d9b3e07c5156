"""Reads for those who follow: events in the outbox and after it, and how far running steps are. No locks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.domain.events import Event, EventType
from maquette.domain.pipeline import pinned
from maquette.store import traces
from maquette.store.database import Connection, decode, statements
from maquette.store.reading import progress_in
from maquette.store.snapshot import Snapshot
from maquette.store.steps import shard
from maquette.telemetry.trace import TraceContext

_SQL = statements("events")


@dataclass(frozen=True, slots=True)
class Running:
    """How far the running step of a job says it is."""

    job_id: UUID
    step: str
    value: float
    message: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """The news about a job: its last sequence, whether it ended, and how far its running step is."""

    sequence: int
    status: str
    running: Running | None


@dataclass(frozen=True, slots=True)
class Page:
    """Events of a project that one snapshot did not see and a later one does, in order within each stream."""

    before: Snapshot
    after: Snapshot
    events: tuple[Event, ...]
    whole: bool
    """Whether ``after`` is as far as was asked for; else there is more."""


async def of_job(connection: Connection, job_id: UUID, after: int, limit: int) -> list[Event]:
    """Return a job's events after a sequence, in order."""
    rows = await connection.fetch(_SQL["of_job"], shard(job_id), job_id, after, limit)
    found = await traces.of_streams(connection, [job_id]) if rows else {}
    return [_event(row, job_id, row["project_id"], found) for row in rows]


async def of_project(
    connection: Connection, project: UUID, seen: Snapshot, until: Snapshot | None, limit: int
) -> Page:
    """Return what came after a snapshot, up to another one or now, in pages of about ``limit`` events.

    A page ends between two transactions, so that where it ends is a snapshot like any other.
    """
    while True:
        rows = await connection.fetch(_SQL["of_project"], project, str(seen), until and str(until), limit + 1)
        target = Snapshot.parse(rows[0]["target"])
        if rows[0]["xid"] is None:
            return Page(seen, target, (), whole=True)
        traced = await traces.of_streams(connection, list({row["stream_id"] for row in rows}))
        found = [_event(row, row["stream_id"], project, traced) for row in rows]
        if len(rows) <= limit:
            return Page(seen, target, _in_order(found), whole=True)
        if rows[0]["xid"] != rows[-1]["xid"]:
            break
        limit *= 2  # one transaction fills the page
    after = seen.towards(target, int(rows[-1]["xid"]))
    kept = [event for event, row in zip(found, rows, strict=True) if row["xid"] != rows[-1]["xid"]]
    earlier = await _missing_before(connection, project, kept, after)
    return Page(seen, after, _in_order(kept + earlier), whole=False)


async def _missing_before(
    connection: Connection, project: UUID, events: Sequence[Event], after: Snapshot
) -> list[Event]:
    """Return what the streams of a cut page need before it: it will come again, and whoever reads drops it then."""
    last: dict[UUID, int] = {}
    for event in events:
        last[event.stream_id] = max(event.sequence, last.get(event.stream_id, 0))
    rows = await connection.fetch(
        _SQL["before_in_streams"],
        str(after),
        [shard(stream) for stream in last],
        list(last),
        list(last.values()),
    )
    traced = await traces.of_streams(connection, list(last))
    return [_event(row, row["stream_id"], project, traced) for row in rows]


def _in_order(events: Sequence[Event]) -> tuple[Event, ...]:
    """Sort by time, but each stream by its sequence, even where a clock went back."""
    clocks: dict[UUID, datetime] = {}
    keyed = []
    for event in sorted(events, key=lambda event: event.sequence):
        time = max(event.time, clocks.get(event.stream_id, event.time))
        clocks[event.stream_id] = time
        keyed.append((time, event.stream_id, event.sequence, event))
    return tuple(item[-1] for item in sorted(keyed, key=lambda item: item[:-1]))


async def now(connection: Connection) -> Snapshot:
    """Return what is seen now."""
    return Snapshot.parse(await connection.fetchval(_SQL["now"]))


async def news(connection: Connection, seen: Mapping[UUID, Snapshot]) -> list[UUID]:
    """Return the projects that have events which their snapshot did not see."""
    rows = await connection.fetch(_SQL["news"], list(seen), [str(snapshot) for snapshot in seen.values()])
    return [row["project_id"] for row in rows]


async def pulses(connection: Connection, job_ids: Sequence[UUID]) -> dict[UUID, Pulse]:
    """Return the news about jobs."""
    rows = await connection.fetch(_SQL["pulses"], job_ids)
    return {row["id"]: Pulse(row["sequence"], row["status"], _running(row)) for row in rows}


async def running(connection: Connection, projects: Sequence[UUID]) -> dict[UUID, list[Running]]:
    """Return how far the running steps of projects are, of those that say so."""
    found: dict[UUID, list[Running]] = {project: [] for project in projects}
    for row in await connection.fetch(_SQL["running"], projects):
        if (item := _running(row)) is not None:
            found[row["project_id"]].append(item)
    return found


def _running(row: Mapping[str, Any]) -> Running | None:
    said = progress_in(row["progress"], row["fence"])
    if said is None:
        return None
    step = pinned(row["asset_type"], row["pipeline_version"]).steps[row["position"]].name
    return Running(row["id"], step, said.value, said.message)


def _event(row: Mapping[str, Any], stream: UUID, project: UUID, traced: Mapping[UUID, TraceContext]) -> Event:
    return Event(
        stream,
        project,
        row["sequence"],
        EventType(row["type"]),
        row["time"],
        row["correlation_id"],
        decode(row["data"]),
        traced.get(stream),
    )
