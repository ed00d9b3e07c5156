"""Deliveries: events on their way to webhooks, the lanes they travel in, and the log of tries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.domain.webhook import BLOCK_SECONDS, Signing
from maquette.store.database import Connection, statements
from maquette.store.paging import NEWEST

_SQL = statements("deliveries")
STATUSES = ("pending", "succeeded", "failed", "dropped")


@dataclass(frozen=True, slots=True)
class Listening:
    """What the sink must know of a live endpoint."""

    id: UUID
    project_id: UUID
    job_id: UUID | None
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One event on its way to one endpoint."""

    id: UUID
    project_id: UUID
    webhook_id: UUID
    stream_id: UUID
    sequence: int
    event_id: UUID
    event_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery that may be tried now."""

    id: UUID
    event_id: UUID
    event_type: str
    body: bytes
    tries: int
    """Tries so far, since it was queued or redelivered."""
    failed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lane:
    """A claimed lane: where to, and what, if anything may go."""

    lease: UUID
    webhook_id: UUID
    stream_id: UUID
    signing_owner: UUID
    """Whose secret signs: the webhook's own, or for a job's the project's."""
    signing: Signing
    url: str
    failing: bool
    at: datetime
    message: Message | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many deliveries are pending, counted to 10,000, and for how long the first that may go has been due."""

    pending: int
    due_seconds: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a delivery."""

    number: int
    at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an event at an endpoint, so far."""

    id: UUID
    project_id: UUID
    webhook_id: UUID
    stream_id: UUID
    sequence: int
    event_id: UUID
    event_type: str
    status: str
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None
    attempts: tuple[Attempt, ...] = ()


async def drop_pending(connection: Connection, keys: Sequence[UUID], at: datetime) -> None:
    """Drop what is pending for endpoints.

    Their lanes are locked first, by a statement of its own: what was queued while this waited is seen by the next one.
    """
    await connection.execute(_SQL["lock_lanes"], keys)
    await connection.execute(_SQL["drop_pending"], keys, at)


async def forget_deleted(connection: Connection, limit: int) -> int:
    """Delete up to ``limit`` deliveries of endpoints that are gone; return how many."""
    return int(await connection.fetchval(_SQL["forget_deleted"], limit))


async def listening(
    connection: Connection, projects: Sequence[UUID], streams: Sequence[UUID]
) -> list[Listening]:
    """Return the live endpoints of projects, and of the jobs among the streams."""
    rows = await connection.fetch(_SQL["listening"], projects, streams)
    return [Listening(row["id"], row["project_id"], row["job_id"], frozenset(row["events"])) for row in rows]


async def enqueue(connection: Connection, items: Sequence[NewDelivery], at: datetime | None = None) -> None:
    """Queue deliveries; those that are queued or done already are left alone."""
    items = sorted(items, key=lambda item: (item.webhook_id, item.stream_id, item.sequence))
    await connection.execute(
        _SQL["enqueue"],
        [item.id for item in items],
        [item.project_id for item in items],
        [item.webhook_id for item in items],
        [item.stream_id for item in items],
        [item.sequence for item in items],
        [item.event_id for item in items],
        [item.event_type for item in items],
        [item.body for item in items],
        at,
    )


async def claim(
    connection: Connection,
    lease: UUID,
    *,
    at: datetime | None,
    each: int,
    limit: int,
    limit_failing: int,
    lease_seconds: float,
) -> list[Lane]:
    """Lease up to ``limit`` lanes, at most ``each`` an endpoint, and return them with what may go."""
    taken = await connection.execute(_SQL["claim"], at, each, limit, limit_failing, lease, lease_seconds)
    if taken == "UPDATE 0":
        return []
    rows = await connection.fetch(_SQL["messages"], lease, at, BLOCK_SECONDS)
    return [
        Lane(
            lease,
            row["webhook_id"],
            row["stream_id"],
            row["webhook_id"] if row["job_id"] is None else row["project_id"],
            Signing(row["secret_version"], row["secret_oldest"], row["overlap_until"]),
            row["url"],
            row["failing_since"] is not None,
            row["at"],
            None
            if row["id"] is None
            else Message(
                row["id"], row["event_id"], row["event_type"], row["body"], row["tries"], row["failed_at"]
            ),
        )
        for row in rows
    ]


async def lock(connection: Connection, lane: Lane) -> None:
    """Lock a lane, so that nothing is queued in it between a look at what is pending and giving it back."""
    await connection.execute(_SQL["lock_lane"], lane.webhook_id, lane.stream_id)


async def settle(connection: Connection, lane: Lane) -> None:
    """Give a locked lane back: due when something of it may go again, or gone when nothing is pending."""
    key = (lane.webhook_id, lane.stream_id)
    await connection.execute(_SQL["settle_lane"], *key, lane.lease, BLOCK_SECONDS)
    await connection.execute(_SQL["end_lane"], *key, lane.lease)


async def record(
    connection: Connection,
    delivery: UUID,
    *,
    at: datetime | None,
    status: str,
    wait_seconds: float,
    duration_ms: int,
    status_code: int | None,
    error: str | None,
) -> None:
    """Write one try down and what follows from it; nothing happens when the delivery is gone."""
    await connection.execute(
        _SQL["record"], delivery, at, status, wait_seconds, duration_ms, status_code, error
    )


async def page(
    connection: Connection, key: UUID, *, status: str | None, before: UUID | None, limit: int
) -> list[Delivery]:
    """Return up to ``limit`` deliveries of an endpoint with their attempts, newest first."""
    wanted = list(STATUSES) if status is None else [status]
    rows = await connection.fetch(_SQL["deliveries"], key, wanted, before or NEWEST, limit)
    return await _with_attempts(connection, rows)


async def get(connection: Connection, webhook: UUID, key: UUID) -> Delivery | None:
    """Return one delivery of an endpoint with its attempts."""
    found = await _with_attempts(connection, await connection.fetch(_SQL["delivery"], key, webhook))
    return found[0] if found else None


async def _with_attempts(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Delivery]:
    attempts: dict[UUID, list[Attempt]] = {}
    ids = [row["id"] for row in rows]
    for row in await connection.fetch(_SQL["attempts"], ids) if ids else ():
        attempts.setdefault(row["delivery_id"], []).append(
            Attempt(
                row["attempt"],
                row["at"],
                row["duration_ms"],
                row["status_code"],
                row["error"],
                row["next_at"],
            )
        )
    return [Delivery(**row, attempts=tuple(attempts.get(row["id"], ()))) for row in rows]


async def redeliver(connection: Connection, webhook: UUID, key: UUID) -> bool:
    """Queue a delivery once more; False when there is none."""
    found = await get(connection, webhook, key)
    if found is None:
        return False
    await connection.execute(_SQL["lock_lane"], webhook, found.stream_id)
    await connection.execute(_SQL["redeliver"], key, webhook)
    return True


async def backlog(connection: Connection) -> Backlog:
    """Return what waits to be delivered, of all projects."""
    row = await connection.fetchrow(_SQL["backlog"])
    return Backlog(row["pending"], max(row["due_seconds"] or 0.0, 0.0))


async def stale(connection: Connection) -> list[UUID]:
    """Return endpoints that are disabled or deleted and still have lanes."""
    return [row["webhook_id"] for row in await connection.fetch(_SQL["stale"])]


async def forget_old(
    connection: Connection, at: datetime, *, succeeded_seconds: float, failed_seconds: float, limit: int
) -> int:
    """Delete old entries of the log, up to ``limit`` of each kind; return how many."""
    return int(await connection.fetchval(_SQL["forget_old"], at, succeeded_seconds, failed_seconds, limit))
