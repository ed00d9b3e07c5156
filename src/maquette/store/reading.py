"""Reads for people: jobs with all that hangs on them, events, artifacts. No locks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from maquette.domain.context import Pins
from maquette.domain.job import Artifact, Job, Lease, StepRecord
from maquette.domain.pipeline import PIPELINES
from maquette.domain.review import UserDecision, Verdict
from maquette.store.database import Connection, decode, statements
from maquette.store.dead_letters import Tried, tried_from
from maquette.store.jobs import BatchLine, BriefRow, job_from, lease_from
from maquette.store.paging import NEWEST
from maquette.store.steps import artifact_from, record_from

_SQL = statements("reading")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running step says it is."""

    value: float
    message: str


#: Of an attempt that nothing was heard of yet.
NO_PROGRESS = Progress(0.0, "")


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job with its brief."""

    job: Job
    created_by: str
    library_path: str
    pins: Pins
    inputs: Mapping[str, Any]
    effective: Mapping[str, Any]
    batch: BatchLine | None
    safety: str
    """Versions of the policies that allowed the prompt, ``floor.platform.project``."""


History = dict[tuple[int, int], list[Tried]]
"""Attempts that did not win, by position and revision of their step."""


@dataclass(frozen=True, slots=True)
class Attached:
    """What hangs on jobs, by job id."""

    records: Mapping[UUID, list[StepRecord]]
    artifacts: Mapping[UUID, list[Artifact]]
    attempts: Mapping[UUID, History]
    decisions: Mapping[UUID, list[UserDecision]]
    leases: Mapping[UUID, tuple[Lease, Progress]]


def _job_row(row: Mapping[str, Any]) -> JobRow:
    return JobRow(
        job_from(row),
        row["created_by"],
        row["library_path"],
        Pins(
            row["style_version"],
            row["constraints_version"],
            row["gates_version"],
            row["routes_version"],
            row["retries_version"],
        ),
        decode(row["inputs"]),
        decode(row["effective"]),
        None if row["batch_id"] is None else BatchLine(row["batch_id"], row["batch_line"]),
        row["safety"],
    )


def new_row(item: Job, brief: BriefRow) -> JobRow:
    """Return what `job` would, of a job that was inserted with this brief: a lease is no part of its row."""
    return JobRow(
        replace(item, lease=None),
        brief.created_by,
        brief.library_path,
        brief.pins,
        decode(brief.inputs),
        decode(brief.effective),
        brief.batch,
        brief.safety,
    )


async def job(connection: Connection, job_id: UUID, projects: Sequence[UUID] | None) -> JobRow | None:
    """Return one job, or None when it is not in any of the projects (None: all)."""
    row = await connection.fetchrow(_SQL["job"], job_id, projects)
    return _job_row(row) if row else None


async def plan_anew(connection: Connection) -> None:
    """Have statements planned for their arguments until the transaction ends: for lists with filters."""
    await connection.execute(_SQL["plan_anew"])


async def jobs(
    connection: Connection,
    projects: Sequence[UUID] | None,
    *,
    before: UUID | None,
    status: str | None,
    asset_type: str | None,
    batch: UUID | None,
    limit: int,
) -> list[JobRow]:
    """Return up to ``limit`` jobs of the projects (None: of all), newest first, older than ``before``."""
    if status or (asset_type and projects is None):
        await plan_anew(connection)
    if batch is not None:
        rows = await connection.fetch(
            _SQL["batch_jobs"], projects, batch, before or NEWEST, status, asset_type, limit
        )
    elif projects is None:
        rows = await connection.fetch(_SQL["all_jobs"], before or NEWEST, status, asset_type, limit)
    else:
        types = [asset_type] if asset_type else list(PIPELINES)
        rows = await connection.fetch(_SQL["jobs"], projects, before or NEWEST, status, types, limit)
    return [_job_row(row) for row in rows]


async def attached(connection: Connection, job_ids: Sequence[UUID]) -> Attached:
    """Return steps, artifacts, lost attempts, decisions and leases of jobs: five statements, however many jobs."""
    records: dict[UUID, list[StepRecord]] = {}
    for row in await connection.fetch(_SQL["records"], job_ids):
        records.setdefault(row["job_id"], []).append(record_from(row))
    artifacts: dict[UUID, list[Artifact]] = {}
    for row in await connection.fetch(_SQL["artifacts"], job_ids):
        artifacts.setdefault(row["job_id"], []).append(artifact_from(row))
    attempts: dict[UUID, History] = {}
    for row in await connection.fetch(_SQL["attempts"], job_ids):
        history = attempts.setdefault(row["job_id"], {})
        history.setdefault((row["position"], row["revision"]), []).append(tried_from(row))
    decisions: dict[UUID, list[UserDecision]] = {}
    for row in await connection.fetch(_SQL["decisions"], job_ids):
        decisions.setdefault(row["job_id"], []).append(_decision(row))
    leases = {
        row["job_id"]: (lease_from(row), progress_in(row["progress"], row["fence"]) or NO_PROGRESS)
        for row in await connection.fetch(_SQL["leases"], job_ids)
    }
    return Attached(records, artifacts, attempts, decisions, leases)


def _decision(row: Mapping[str, Any]) -> UserDecision:
    return UserDecision(
        job_id=row["job_id"],
        position=row["position"],
        revision=row["revision"],
        step=row["step"],
        verdict=Verdict(row["verdict"]),
        notes=row["notes"],
        selection=tuple(row["selection"]),
        changes=decode(row["changes"]),
        rewind_to=row["rewind_to"],
        by=row["decided_by"],
        at=row["decided_at"],
        replacements=decode(row["replacements"]),
    )


def progress_in(data: bytes | None, fence: int | None) -> Progress | None:
    """Return what a worker's last heartbeat says of the attempt with a fence."""
    for held, value, message in decode(data) if data else ():
        if held == fence:
            return Progress(value, message)
    return None


async def queue_position(connection: Connection, job_id: UUID) -> tuple[int, bool]:
    """Return the place of a ready task in its queue, from 1 and exact to 1,000; and whether it stands aside at a cap."""
    row = await connection.fetchrow(_SQL["queue_position"], job_id)
    return row["position"], row["aside"]


async def queue_positions(connection: Connection, job_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the places of ready tasks in their queues, as `queue_position` has them, by job.

    What is not ready (any more), or stands aside at a cap, has none here.
    """
    rows = await connection.fetch(_SQL["queue_positions"], job_ids)
    return {row["job_id"]: row["position"] for row in rows}


async def artifact(
    connection: Connection, artifact_id: UUID, projects: Sequence[UUID] | None
) -> Artifact | None:
    """Return one artifact, or None when it is not in any of the projects (None: all)."""
    row = await connection.fetchrow(_SQL["artifact"], artifact_id, projects)
    return artifact_from(row) if row else None


async def decision(connection: Connection, job_id: UUID, step: str, revision: int) -> UserDecision | None:
    """Return the last decision about a step revision."""
    row = await connection.fetchrow(_SQL["decision"], job_id, step, revision)
    return _decision(row) if row else None
