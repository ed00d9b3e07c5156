"""What work left behind: step records, lost attempts, artifacts, decisions, dead letters, events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from maquette.domain.commands import Replacement
from maquette.domain.decision import StepChange
from maquette.domain.events import Event
from maquette.domain.job import Artifact, AttemptRecord, Job, StepRecord
from maquette.domain.review import UserDecision
from maquette.store.database import Connection, decode, encode, statements
from maquette.store.jobs import STEP_STATUS
from maquette.telemetry.trace import TraceContext, from_kept

_SQL = statements("steps")
SHARDS = 64


@dataclass(frozen=True, slots=True)
class BriefFacts:
    """What handing out and filing need to know of a brief."""

    library_path: str
    prompt: str
    style_version: int
    effective: Mapping[str, Any]
    trace: TraceContext | None = None


def shard(stream: UUID) -> int:
    """Return the outbox shard of a stream: its last bits, which are random in a UUIDv7."""
    return stream.int % SHARDS


async def insert_records(connection: Connection, rows: Sequence[tuple[UUID, StepRecord]]) -> None:
    """Insert step rows; each comes with its project."""
    await connection.execute(
        _SQL["insert"],
        [
            (
                item.job_id,
                item.position,
                item.revision,
                project,
                item.step,
                item.status,
                item.attempt,
                item.fence,
                item.service,
                item.worker,
                item.started_at,
                item.finished_at,
                item.idempotency_key,
                item.model,
                item.model_version,
                encode(item.outputs),
                encode(item.metrics),
                encode(item.error) if item.error is not None else None,
                item.reused_from,
                item.safety,
                item.route_reason or None,
            )
            for project, item in rows
        ],
    )


async def change(connection: Connection, changes: Sequence[StepChange]) -> None:
    """Set the status of step revisions whose rows exist, with why they failed or what allowed them."""
    await connection.execute(
        _SQL["change"],
        [item.job_id for item in changes],
        [item.position for item in changes],
        [item.revision for item in changes],
        [item.status for item in changes],
        [None if item.error is None else encode(item.error) for item in changes],
        [item.safety for item in changes],
    )


async def insert_attempts(connection: Connection, rows: Sequence[tuple[UUID, AttemptRecord]]) -> None:
    """Insert attempts that did not win; each comes with its project."""
    attempts = [attempt for _, attempt in rows]
    await connection.execute(
        _SQL["insert_attempts"],
        [item.job_id for item in attempts],
        [item.fence for item in attempts],
        [project for project, _ in rows],
        [item.position for item in attempts],
        [item.revision for item in attempts],
        [item.attempt for item in attempts],
        [item.service for item in attempts],
        [item.worker for item in attempts],
        [item.started_at for item in attempts],
        [item.finished_at for item in attempts],
        [encode(item.error) for item in attempts],
        [item.reported for item in attempts],
    )


async def insert_artifacts(connection: Connection, rows: Sequence[tuple[UUID, int, Artifact]]) -> None:
    """Insert artifacts; each comes with its project and its place among its step's files."""
    await connection.execute(
        _SQL["insert_artifacts"],
        [
            (
                item.id,
                project,
                item.job_id,
                item.position,
                item.revision,
                item.attempt,
                ordinal,
                item.step,
                item.kind,
                item.name,
                item.media_type,
                item.bytes,
                item.sha256,
                item.key,
                encode(item.attributes),
                item.selected,
                item.withheld,
            )
            for project, ordinal, item in rows
        ],
    )


async def insert_decision(
    connection: Connection, project: UUID, item: UserDecision, replacements: Sequence[Replacement]
) -> None:
    """Insert a decision and mark what was selected and replaced; a choice that was replaced means its heir."""
    await connection.execute(
        _SQL["insert_decisions"],
        project,
        item.job_id,
        item.position,
        item.revision,
        item.step,
        item.verdict,
        item.notes,
        list(item.selection),
        encode(item.changes),
        item.rewind_to,
        item.by,
        item.at,
        encode(item.replacements),
    )
    if replacements:
        await insert_artifacts(connection, [(project, 0, heir.artifact) for heir in replacements])
        await connection.execute(
            _SQL["replace_artifacts"],
            [heir.original for heir in replacements],
            [heir.artifact.id for heir in replacements],
        )
    if item.selection:
        heirs = [heir.artifact.id for heir in replacements if heir.original in item.selection]
        await connection.execute(
            _SQL["select_artifacts"], item.job_id, item.position, item.revision, [*item.selection, *heirs]
        )


async def insert_events(connection: Connection, events: Sequence[Event]) -> None:
    """Append events to the outbox."""
    await connection.execute(
        _SQL["insert_events"],
        [
            (
                shard(event.stream_id),
                event.stream_id,
                event.sequence,
                event.project_id,
                event.type,
                event.time,
                event.correlation_id,
                encode(event.data),
            )
            for event in events
        ],
    )


def artifact_from(row: Mapping[str, Any]) -> Artifact:
    """Return the artifact in a row."""
    return Artifact(
        id=row["id"],
        job_id=row["job_id"],
        position=row["position"],
        revision=row["revision"],
        attempt=row["attempt"],
        step=row["step"],
        kind=row["kind"],
        name=row["name"],
        media_type=row["media_type"],
        bytes=row["bytes"],
        sha256=row["sha256"],
        key=row["key"],
        attributes=decode(row["attributes"]),
        selected=row["selected"],
        replaced_by=row["replaced_by"],
        expired=row.get("expired_at") is not None,
        withheld=row["withheld"],
    )


def record_from(row: Mapping[str, Any]) -> StepRecord:
    """Return the step record in a row."""
    return StepRecord(
        job_id=row["job_id"],
        position=row["position"],
        revision=row["revision"],
        step=row["step"],
        status=STEP_STATUS[row["status"]],
        attempt=row["attempt"],
        fence=row["fence"],
        service=row["service"],
        worker=row["worker"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        idempotency_key=row["idempotency_key"],
        outputs=decode(row["outputs"]),
        metrics=decode(row["metrics"]),
        model=row["model"],
        model_version=row["model_version"],
        error=decode(row["error"]) if row["error"] is not None else None,
        reused_from=row["reused_from"],
        safety=row["safety"],
        route_reason=row["route_reason"] or "",
    )


async def upstream_artifacts(connection: Connection, jobs: Sequence[Job]) -> dict[UUID, list[Artifact]]:
    """Return the current artifacts of all steps before each job's current one, uploads included."""
    return await _artifacts(connection, jobs, [job.position for job in jobs])


async def all_artifacts(connection: Connection, jobs: Sequence[Job]) -> dict[UUID, list[Artifact]]:
    """Return the artifacts of every current revision, uploads left out."""
    found = await _artifacts(connection, jobs, [len(job.revisions) for job in jobs])
    return {job: [item for item in items if item.position >= 0] for job, items in found.items()}


async def _artifacts(
    connection: Connection, jobs: Sequence[Job], before: list[int]
) -> dict[UUID, list[Artifact]]:
    rows = await connection.fetch(
        _SQL["current_artifacts"], [job.id for job in jobs], [bytes(job.revisions) for job in jobs], before
    )
    found: dict[UUID, list[Artifact]] = {job.id: [] for job in jobs}
    for row in rows:
        found[row["job_id"]].append(artifact_from(row))
    return found


async def current_records(connection: Connection, jobs: Sequence[Job]) -> dict[UUID, list[StepRecord]]:
    """Return the rows of the current revisions of all steps whose work has ended."""
    rows = await connection.fetch(
        _SQL["current_records"], [job.id for job in jobs], [bytes(job.revisions) for job in jobs]
    )
    found: dict[UUID, list[StepRecord]] = {job.id: [] for job in jobs}
    for row in rows:
        found[row["job_id"]].append(record_from(row))
    return found


async def earlier_records(connection: Connection, jobs: Sequence[Job]) -> dict[UUID, list[StepRecord]]:
    """Return the rows of earlier revisions of each job's current step that ended well, the newest first."""
    rows = await connection.fetch(
        _SQL["earlier_records"],
        [job.id for job in jobs],
        [job.position for job in jobs],
        [job.revision for job in jobs],
    )
    found: dict[UUID, list[StepRecord]] = {job.id: [] for job in jobs}
    for row in rows:
        found[row["job_id"]].append(record_from(row))
    return found


async def revision_artifacts(connection: Connection, records: Sequence[StepRecord]) -> list[Artifact]:
    """Return the files of step revisions, those of one in their order; what was replaced is left out."""
    rows = await connection.fetch(
        _SQL["revision_artifacts"],
        [item.job_id for item in records],
        [item.position for item in records],
        [item.revision for item in records],
    )
    return [artifact_from(row) for row in rows]


async def briefs(connection: Connection, job_ids: Sequence[UUID]) -> dict[UUID, BriefFacts]:
    """Return what the briefs of jobs say."""
    rows = await connection.fetch(_SQL["briefs"], job_ids)
    return {
        row["job_id"]: BriefFacts(
            row["library_path"],
            row["prompt"],
            row["style_version"],
            decode(row["effective"]),
            from_kept(row["trace"]),
        )
        for row in rows
    }
