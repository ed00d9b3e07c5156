"""What a transition decides, and the pieces that every edge builds its decision from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.domain.events import Event, EventType
from maquette.domain.job import Artifact, AttemptRecord, Job, JobStatus, StepRecord, StepStatus
from maquette.domain.review import UserDecision


@dataclass(frozen=True, slots=True)
class StepChange:
    """A later word on a step revision whose row exists already."""

    job_id: UUID
    position: int
    revision: int
    status: StepStatus


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A task that nobody will try again by itself."""

    id: UUID
    job: Job
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is true after a command, and the rows that say so. Written in one transaction or not at all."""

    job: Job
    events: tuple[Event, ...] = ()
    record: StepRecord | None = None
    artifacts: tuple[Artifact, ...] = ()
    lost_attempt: AttemptRecord | None = None
    step_change: StepChange | None = None
    user_decision: UserDecision | None = None
    effective: bytes | None = None
    dead_letter: DeadLetter | None = None
    index: bool = False
    """File the job's artifacts as a new version in the library; the last two events wait for its number."""


def step_facts(job: Job, position: int, status: StepStatus, **more: Any) -> dict[str, Any]:
    """Return one step as events tell it: enough for a reader to rebuild every step from events alone."""
    spec = job.pipeline.steps[position]
    return {
        "name": spec.name,
        "position": position,
        "revision": job.revisions[position],
        "status": status,
        **more,
    }


def current_facts(job: Job) -> dict[str, Any]:
    return step_facts(job, job.position, job.step_status, attempt=job.attempt, pause_reason=job.pause_reason)


def make_event(job: Job, sequence: int, kind: EventType, now: datetime, **data: Any) -> Event:
    return Event(
        stream_id=job.id,
        project_id=job.project_id,
        sequence=sequence,
        type=kind,
        time=now,
        correlation_id=job.correlation_id,
        data={"job_status": job.status, **data},
    )


def advance(job: Job, now: datetime) -> tuple[Job, tuple[Event, ...]]:
    """Go on after a step that is done or approved; with no step left the job has succeeded."""
    position = job.next_position()
    if position is not None:
        held = job.status is JobStatus.PAUSED
        status = StepStatus.PAUSED if held else StepStatus.PENDING
        return replace(job, position=position, step_status=status, gate_open=False, attempt=0), ()
    after = replace(
        job,
        status=JobStatus.SUCCEEDED,
        gate_open=False,
        finished_at=now,
        sequence=job.sequence + 2,
    )
    indexed = make_event(after, after.sequence - 1, EventType.ASSET_INDEXED, now)
    return after, (indexed, make_event(after, after.sequence, EventType.JOB_SUCCEEDED, now, steps=[]))
