"""Services: as their workers and tasks show them, what operators set, and how their breakers stand."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.domain.breaker import Breaker, Policy, State, Tally
from maquette.domain.job import Hold, Job
from maquette.domain.pipeline import STEP_NAMES
from maquette.domain.service import Bucket, Service
from maquette.store.database import Connection, decode, encode, statements
from maquette.store.jobs import mask

_SQL = statements("services")


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker process that was heard of lately."""

    name: str
    services: tuple[str, ...]
    steps: tuple[str, ...]
    """Empty: every step of its services."""
    heard_at: datetime | None
    draining: bool
    running: int


async def workers(connection: Connection) -> list[LiveWorker]:
    """Return the live workers by name."""
    return [
        LiveWorker(
            row["name"],
            tuple(row["services"]),
            tuple(row["steps"]),
            row["heard_at"],
            row["draining"],
            row["running"],
        )
        for row in await connection.fetch(_SQL["workers"])
    ]


async def running(connection: Connection) -> dict[str, int]:
    """Return how many tasks are leased, by service."""
    return {row["service"]: row["running"] for row in await connection.fetch(_SQL["running"])}


async def waiting(connection: Connection, count_max: int) -> dict[tuple[str, str], int]:
    """Return how many tasks are ready by (service, step), each counted up to ``count_max``."""
    rows = await connection.fetch(_SQL["waiting"], count_max)
    return {(row["service"], row["step"]): row["tasks"] for row in rows}


@dataclass(frozen=True, slots=True)
class Bounded:
    """A service under lock, and what it saved up of its starts a minute."""

    service: Service
    bucket: Bucket | None
    now: datetime


CountsKey = tuple[str, int, int]
"""Service, slot, generation."""


def _service(row: Mapping[str, Any]) -> Service:
    return Service(
        row["name"],
        policy=Policy() if row["policy"] is None else Policy(**decode(row["policy"])),
        breaker=Breaker(
            State(row["state"]),
            row["since"],
            row["generation"],
            row["trips"],
            row["probe_at"],
            row["reason"],
        ),
        forced=row["forced"],
        forced_by=row["forced_by"],
        forced_reason=row["forced_reason"],
        draining=row["draining"],
        concurrency_max=row["concurrency_max"],
        starts_per_minute=row["starts_per_minute"],
    )


async def exchange(
    connection: Connection, replica: UUID, counts: Mapping[CountsKey, Tally]
) -> dict[str, Service]:
    """Tell how attempts went here, and return what is known of all services."""
    rows = await connection.fetch(
        _SQL["exchange"],
        replica,
        [service for service, _, _ in counts],
        [slot for _, slot, _ in counts],
        [generation for _, _, generation in counts],
        [tally.calls for tally in counts.values()],
        [tally.failed for tally in counts.values()],
        [tally.slow for tally in counts.values()],
    )
    return {row["name"]: _service(row) for row in rows}


async def known(connection: Connection) -> dict[str, Service]:
    """Return what is set and known of services, by name."""
    return {row["name"]: _service(row) for row in await connection.fetch(_SQL["all"])}


async def lock_all(connection: Connection) -> list[Service]:
    """Lock and return the services that nobody else is judging."""
    return [_service(row) for row in await connection.fetch(_SQL["lock_all"])]


async def lock_one(connection: Connection, name: str) -> Service:
    """Lock and return a service; one without a row as it is by default."""
    row = await connection.fetchrow(_SQL["lock_one"], name)
    return Service(name) if row is None else _service(row)


async def lock_bounded(connection: Connection, names: Sequence[str]) -> list[Bounded]:
    """Lock services whose bounds are about to be spent; after the jobs' locks."""
    return [
        Bounded(
            _service(row),
            None if row["tokens"] is None else Bucket(row["tokens"], row["tokens_at"]),
            row["now"],
        )
        for row in await connection.fetch(_SQL["lock_some"], names)
    ]


async def spend(connection: Connection, tokens: Mapping[str, float], now: datetime) -> None:
    """Write what is left of starts a minute."""
    await connection.execute(_SQL["spend"], list(tokens), list(tokens.values()), now)


async def running_of(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Return how many tasks of services are leased."""
    return {row["service"]: row["running"] for row in await connection.fetch(_SQL["running_of"], names)}


async def in_line(connection: Connection, names: Sequence[str], count_max: int) -> dict[str, int]:
    """Return how many tasks wait for services, counted up to ``count_max``."""
    return {row["service"]: row["tasks"] for row in await connection.fetch(_SQL["in_line"], names, count_max)}


async def able(connection: Connection) -> set[tuple[str, str]]:
    """Return the (service, step) pairs that live workers do."""
    rows = await connection.fetch(_SQL["able"], STEP_NAMES)
    return {(row["service"], row["step"]) for row in rows}


async def tallies(connection: Connection, since: Mapping[str, tuple[int, int]]) -> dict[str, Tally]:
    """Return how attempts of services went, each in a generation from a slot on."""
    rows = await connection.fetch(
        _SQL["tallies"],
        list(since),
        [generation for generation, _ in since.values()],
        [slot for _, slot in since.values()],
    )
    return {row["service"]: Tally(row["calls"], row["failed"], row["slow"]) for row in rows}


async def move(connection: Connection, breakers: Mapping[str, Breaker]) -> None:
    """Write breakers of locked services."""
    await connection.execute(
        _SQL["move"],
        list(breakers),
        [item.state for item in breakers.values()],
        [item.since for item in breakers.values()],
        [item.generation for item in breakers.values()],
        [item.trips for item in breakers.values()],
        [item.probe_at for item in breakers.values()],
        [item.reason for item in breakers.values()],
    )


async def forget_calls(connection: Connection, before_slot: int) -> None:
    """Delete counts that no window reaches any more."""
    await connection.execute(_SQL["forget_calls"], before_slot)


async def put(connection: Connection, service: Service) -> None:
    """Write what operators set of a service; its breaker stays as it is."""
    await connection.execute(
        _SQL["set"],
        service.name,
        None if service.policy == Policy() else encode(asdict(service.policy)),
        service.concurrency_max,
        service.starts_per_minute,
        service.draining,
        service.forced,
        service.forced_by,
        service.forced_reason,
    )


async def standing_in_line(connection: Connection, names: Sequence[str], limit: int) -> list[UUID]:
    """Return jobs whose task waits for one of the services, up to ``limit`` each, the next ones first."""
    return [row["job_id"] for row in await connection.fetch(_SQL["standing_in_line"], names, limit)]


async def detoured(connection: Connection, pairs: Sequence[tuple[str, str]], limit: int) -> list[UUID]:
    """Return jobs whose task waits for a fallback, among the first ``limit`` in line of each (service, step)."""
    wanted = [service for service, _ in pairs], [step for _, step in pairs]
    return [row["job_id"] for row in await connection.fetch(_SQL["detoured"], *wanted, limit)]


async def unrouted(
    connection: Connection, after: tuple[datetime, UUID], limit: int
) -> list[tuple[datetime, UUID]]:
    """Return jobs that no service is there for with since when, those that have waited longest first."""
    rows = await connection.fetch(_SQL["unrouted"], *after, limit)
    return [(row["since"], row["job_id"]) for row in rows]


async def now(connection: Connection) -> datetime:
    """Return the database's time."""
    moment: datetime = await connection.fetchval(_SQL["now"])
    return moment


async def count_unrouted(connection: Connection) -> int:
    """Return how many jobs no service is there for."""
    return int(await connection.fetchval(_SQL["count_unrouted"]))


async def strand(connection: Connection, jobs: Sequence[Job], now: datetime) -> None:
    """Make jobs findable that no service is there for."""
    await connection.execute(
        _SQL["insert_unrouted"], [job.id for job in jobs], [job.project_id for job in jobs], now
    )


async def forget_unrouted(connection: Connection, jobs: Sequence[UUID]) -> None:
    """Forget those of these jobs that do not wait for a service, whoever let them go on."""
    await connection.execute(_SQL["forget_unrouted"], jobs, mask([list(Hold).index(Hold.SERVICE)]))


async def unstrand(connection: Connection, jobs: Sequence[Job]) -> None:
    """Forget jobs that do not wait for a service any more."""
    await connection.execute(_SQL["delete_unrouted"], [job.id for job in jobs])
