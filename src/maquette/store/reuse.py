"""Reuse across jobs: keys of steps, by which equal work is found, and the models that services work with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from maquette.domain.job import StepRecord
from maquette.store.database import Connection, statements
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


async def file(connection: Connection, rows: Sequence[tuple[UUID, StepRecord]]) -> None:
    """File the keys of steps; each comes with its project."""
    await connection.execute(
        _SQL["file"],
        [project for project, _ in rows],
        [bytes.fromhex(item.idempotency_key or "") for _, item in rows],
        [item.job_id for _, item in rows],
        [item.position for _, item in rows],
        [item.revision for _, item in rows],
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
