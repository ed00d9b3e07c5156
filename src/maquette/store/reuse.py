"""Reuse across jobs: keys of steps, by which equal work is found, and the models that services work with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from maquette.domain.job import Hold, Job, StepRecord
from maquette.store.database import Connection, statements
from maquette.store.jobs import mask
from maquette.store.steps import record_from

_SQL = statements("reuse")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step that somebody is about to do, as one service would do it."""

    job_id: UUID
    project_id: UUID
    position: int
    seed: int
    service: str
    key: str
    safety: str
    """Versions of the policies that hold now."""


@dataclass(frozen=True, slots=True)
class Found:
    """Equal work, and how many files it consists of."""

    record: StepRecord
    files: int


@dataclass(frozen=True, slots=True)
class Work:
    """An equal step that a job is doing right now."""

    job_id: UUID
    service: str
    digest: bytes


async def file(connection: Connection, rows: Sequence[tuple[UUID, StepRecord]]) -> None:
    """File the keys of steps, and the models they were done with just now; each comes with its project."""
    done = [item for _, item in rows if item.started_at is not None]  # neither provided nor taken over
    await connection.execute(
        _SQL["file"],
        [project for project, _ in rows],
        [bytes.fromhex(item.idempotency_key or "") for _, item in rows],
        [item.job_id for _, item in rows],
        [item.position for _, item in rows],
        [item.revision for _, item in rows],
        [item.service for item in done],
        [item.step for item in done],
        [item.model_version for item in done],
    )


async def models(
    connection: Connection, services: Collection[str], names: Collection[str]
) -> dict[tuple[str, str], str]:
    """Return with what version of its model a service does a step, by (service, step)."""
    rows = await connection.fetch(_SQL["models"], sorted(services), sorted(names))
    return {(row["service"], row["step"]): row["model_version"] for row in rows}


async def tell_models(connection: Connection, seen: Mapping[tuple[str, str], str]) -> None:
    """Record with what versions services were seen to do steps."""
    await connection.execute(
        _SQL["tell_models"],
        [service for service, _ in seen],
        [step for _, step in seen],
        list(seen.values()),
    )


async def equal(connection: Connection, wanted: Sequence[Wanted]) -> dict[tuple[UUID, str], Found]:
    """Return what other jobs of the same projects made with equal inputs, by (job, service)."""
    rows = await connection.fetch(
        _SQL["equal"],
        [item.job_id for item in wanted],
        [item.project_id for item in wanted],
        [bytes.fromhex(item.key) for item in wanted],
        [item.position for item in wanted],
        [item.seed for item in wanted],
        [item.service for item in wanted],
        [item.safety for item in wanted],
    )
    return {(row["asker"], row["service"]): Found(record_from(row), row["files"]) for row in rows}


async def try_lock(connection: Connection, digests: Collection[bytes]) -> set[bytes]:
    """Return those of the digests that no other transaction is leasing by; nobody else will until this one ends."""
    rows = await connection.fetch(_SQL["try_lock"], sorted(digests))
    return {row["digest"] for row in rows if row["held"]}


async def in_flight(
    connection: Connection, projects: Collection[UUID], digests: Collection[bytes]
) -> list[Work]:
    """Return who does steps with such inputs right now, and would leave them to anybody."""
    rows = await connection.fetch(_SQL["in_flight"], sorted(projects), sorted(digests))
    return [Work(row["job_id"], row["service"], row["digest"]) for row in rows]


async def follow(connection: Connection, jobs: Sequence[tuple[Job, UUID, bytes]]) -> None:
    """Record whose work jobs wait for: each with its leader and the digest of the inputs."""
    await connection.execute(
        _SQL["follow"],
        [job.id for job, _, _ in jobs],
        [job.project_id for job, _, _ in jobs],
        [leader for _, leader, _ in jobs],
        [digest for _, _, digest in jobs],
    )


async def unfollow(connection: Connection, jobs: Sequence[Job]) -> None:
    """Forget jobs that wait for nobody's work any more."""
    await connection.execute(_SQL["unfollow"], [job.id for job in jobs])


async def left_alone(connection: Connection, limit: int) -> list[UUID]:
    """Return jobs that wait for work that nobody is doing any more."""
    return [row["job_id"] for row in await connection.fetch(_SQL["left_alone"], limit)]


async def forget_followers(connection: Connection, jobs: Sequence[UUID]) -> None:
    """Forget those of these jobs that wait for nobody's work, whoever let them go on."""
    await connection.execute(_SQL["forget_followers"], jobs, mask([list(Hold).index(Hold.REUSE)]))


async def leaders(connection: Connection, jobs: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return whose work jobs wait for, by job."""
    return {row["job_id"]: row["leader_id"] for row in await connection.fetch(_SQL["leaders"], jobs)}
