"""What traces are made of: the context that came with a job, its events, who did its attempts. Reads, no locks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from maquette.domain.events import Event, EventType
from maquette.domain.spans import Try, job_context
from maquette.store.database import Connection, decode, statements
from maquette.store.steps import shard
from maquette.telemetry.trace import TraceContext, from_kept

_SQL = statements("traces")


@dataclass(slots=True)
class History:
    """All that happened to a job, in order, and its attempts by position, revision and number."""

    events: list[Event] = field(default_factory=list)
    tries: dict[tuple[int, int, int], Try] = field(default_factory=dict)


async def contexts(connection: Connection, streams: Sequence[UUID]) -> dict[UUID, TraceContext]:
    """Return the context that came with each of these jobs; those that nobody traces are left out."""
    rows = await connection.fetch(_SQL["of_streams"], streams)
    return {row["job_id"]: trace for row in rows if (trace := from_kept(row["trace"])) is not None}


async def of_streams(connection: Connection, streams: Sequence[UUID]) -> dict[UUID, TraceContext]:
    """Return the context of each of these jobs itself, which is what their events carry."""
    return {job: job_context(trace, job) for job, trace in (await contexts(connection, streams)).items()}


async def histories(connection: Connection, jobs: Sequence[UUID]) -> dict[UUID, History]:
    """Return what happened to jobs."""
    found = {job: History() for job in jobs}
    for row in await connection.fetch(_SQL["events"], [shard(job) for job in jobs], jobs):
        found[row["stream_id"]].events.append(
            Event(
                row["stream_id"],
                row["project_id"],
                row["sequence"],
                EventType(row["type"]),
                row["time"],
                row["correlation_id"],
                decode(row["data"]),
            )
        )
    for row in await connection.fetch(_SQL["tries"], jobs):
        error = {} if row["error"] is None else decode(row["error"])
        place = (row["position"], row["revision"], row["attempt"])
        found[row["job_id"]].tries[place] = Try(row["fence"], row["worker"], error.get("class", ""))
    return found
