"""What a transition decides, and the pieces that every edge builds its decision from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from maquette.domain import typeid
from maquette.domain.commands import Replacement
from maquette.domain.events import Event, EventType
from maquette.domain.holds import NONE, hold
from maquette.domain.job import Artifact, AttemptRecord, Hold, Job, JobStatus, StepRecord, StepStatus
from maquette.domain.ledger import Charge
from maquette.domain.review import UserDecision
from maquette.domain.ruling import Override, Reach, Ruling, Unjudged

PAUSE_BEFORE = "system:pause_before"
"""Who holds a job at the step before which a person asked for it."""


@dataclass(frozen=True, slots=True)
class StepChange:
    """A later word on a step revision whose row exists already."""

    job_id: UUID
    position: int
    revision: int
    status: StepStatus
    error: Mapping[str, Any] | None = None
    """Why it failed after all."""
    safety: str = ""
    """Versions of the policies that allowed it, when that became known later."""


class DeadLetter(Struct, frozen=True):
    """A task that nobody will try again by itself."""

    id: UUID
    job: Job
    error: Mapping[str, Any]
    fence: int | None = None
    """Of the last attempt; None where there was none."""


@dataclass(frozen=True, slots=True)
class LetterClosed:
    """A person's word on a dead letter."""

    id: UUID
    job_id: UUID
    status: Literal["redriven", "discarded"]
    by: str
    at: datetime
    reason: str = ""


class Decision(Struct, frozen=True):
    """What is true after a command, and the rows that say so. Written in one transaction or not at all."""

    job: Job
    events: tuple[Event, ...] = ()
    records: tuple[StepRecord, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    lost_attempt: AttemptRecord | None = None
    step_change: StepChange | None = None
    user_decision: UserDecision | None = None
    replacements: tuple[Replacement, ...] = ()
    effective: bytes | None = None
    safety: str = ""
    """Versions of the policies that allowed ``effective``."""
    dead_letter: DeadLetter | None = None
    letter_closed: LetterClosed | None = None
    """When it is redriven, the failed step's record becomes one of its attempts."""
    ruling: Ruling | None = None
    override: Override | None = None
    unjudged: Unjudged | None = None
    reach: Reach | None = None
    charges: tuple[Charge, ...] = ()
    """Entries of the ledger; ``billing.account`` adds them."""
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


def artifact_facts(artifact: Artifact) -> dict[str, Any]:
    """Return a file as events tell it: by id, never by URL."""
    return {
        "id": typeid.encode("art", artifact.id),
        "kind": artifact.kind,
        "name": artifact.name,
        "media_type": artifact.media_type,
        "bytes": artifact.bytes,
        "sha256": artifact.sha256,
    }


def advance(job: Job, now: datetime) -> tuple[Job, tuple[Event, ...]]:
    """Go on after a step that is done or approved; with no step left the job has succeeded.

    Where a person asked for it, the job is held before the step that would begin.
    """
    position = job.next_position()
    if position is not None:
        after = replace(
            job,
            position=position,
            step_status=StepStatus.PENDING,
            gate_open=False,
            attempt=0,
            attempts_before=0,
            lost=(),
        )
        reached = position == job.hold_at
        if not job.holds and not reached:
            return after, ()
        if not reached:
            return replace(after, step_status=StepStatus.PAUSED), ()
        after = replace(hold(after, Hold.DECISION), hold_at=None)
        if job.holds:
            return after, ()
        after = replace(after, sequence=job.sequence + 1)
        told = {"by": PAUSE_BEFORE, "before": after.spec.name, "steps": [current_facts(after)]}
        return after, (make_event(after, after.sequence, EventType.JOB_PAUSED, now, **told),)
    after = replace(
        job,
        status=JobStatus.SUCCEEDED,
        holds=NONE,
        gate_open=False,
        finished_at=now,
        sequence=job.sequence + 2,
    )
    indexed = make_event(after, after.sequence - 1, EventType.ASSET_INDEXED, now)
    return after, (indexed, make_event(after, after.sequence, EventType.JOB_SUCCEEDED, now, steps=[]))


def give_up(job: Job, error: Mapping[str, Any], now: datetime) -> Decision:
    """End a step and its job for good, with a dead letter; the step's record is the caller's to write."""
    # The sequence, not the attempt: what is redriven may be refused before anybody tries it again.
    letter_id = typeid.derive("dead_letter", job.id, job.position, job.revision, job.sequence)
    full = {**error, "step": job.spec.name, "dead_letter_id": typeid.encode("dlq", letter_id)}
    after = replace(
        job,
        status=JobStatus.FAILED,
        holds=NONE,
        step_status=StepStatus.FAILED,
        gate_open=False,
        finished_at=now,
        error=full,
        sequence=job.sequence + 3,
    )
    named = {"step_name": job.spec.name, "error_code": error["code"], "error_message": error["message"]}
    letter = {"dead_letter_id": full["dead_letter_id"]}
    letter |= {"workers": error["workers"]} if "workers" in error else {}
    events = (
        make_event(
            after, after.sequence - 2, EventType.STEP_FAILED, now, **named, steps=[current_facts(after)]
        ),
        make_event(after, after.sequence - 1, EventType.TASK_DEAD_LETTERED, now, **named, **letter),
        make_event(after, after.sequence, EventType.JOB_FAILED, now, **named, **letter, steps=[]),
    )
    return Decision(after, events, dead_letter=DeadLetter(letter_id, after, full))
