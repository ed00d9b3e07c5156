"""The edges of a job that failed: tried again, or given up for good."""

from datetime import datetime

from msgspec.structs import replace

from maquette.domain import commands as c
from maquette.domain import typeid
from maquette.domain.decision import Decision, LetterClosed, current_facts, make_event
from maquette.domain.errors import IllegalTransition
from maquette.domain.events import EventType
from maquette.domain.holds import hold
from maquette.domain.job import Hold, Job, JobStatus, StepStatus
from maquette.domain.ruling import BLOCKED
from maquette.domain.verdicts import about, safety_facts

ATTEMPTS_MAX = 30_000
"""Of one step revision, over all redrives: what its number has room for."""


def redrive(job: Job, command: c.Redrive, now: datetime) -> Decision:
    """Queue the failed step again: its attempts are counted on, its retries start anew."""
    _require_open(job, "redrive", command)
    error = job.error or {}
    if error.get("code") == BLOCKED:
        raise _refused(job, "redrive", "what the content policy refused is not tried again; submit a new job")
    if job.attempt >= ATTEMPTS_MAX:
        raise _refused(job, "redrive", "this step was tried too often; submit a new job")
    after = replace(
        job,
        status=JobStatus.RUNNING if job.started_at else JobStatus.QUEUED,
        step_status=StepStatus.PENDING,
        attempts_before=job.attempt,
        lost=(),
        finished_at=None,
        error=None,
        sequence=job.sequence + 1,
    )
    if command.ruling is not None:
        after = hold(after, Hold.PROMPT)
    event = make_event(
        after,
        after.sequence,
        EventType.JOB_REDRIVEN,
        now,
        by=command.by,
        step_name=job.spec.name,
        dead_letter_id=typeid.encode("dlq", command.letter_id),
        changes=dict(command.changes or {}),
        **safety_facts(command.ruling),
        steps=[current_facts(after)],
    )
    return Decision(
        after,
        (event,),
        letter_closed=LetterClosed(command.letter_id, job.id, "redriven", command.by, now),
        effective=command.effective,
        safety=command.safety,
        ruling=about(after, command.ruling, now),
    )


def discard(job: Job, command: c.Discard, now: datetime) -> Decision:
    """Close the dead letter: nobody tries the step again."""
    _require_open(job, "discard", command)
    after = replace(
        job, error={**(job.error or {}), "discarded_at": now.isoformat()}, sequence=job.sequence + 1
    )
    event = make_event(
        after,
        after.sequence,
        EventType.DEAD_LETTER_DISCARDED,
        now,
        by=command.by,
        reason=command.reason,
        step_name=job.spec.name,
        dead_letter_id=typeid.encode("dlq", command.letter_id),
        steps=[],
    )
    closed = LetterClosed(command.letter_id, job.id, "discarded", command.by, now, command.reason)
    return Decision(after, (event,), letter_closed=closed)


def _require_open(job: Job, name: str, command: c.Redrive | c.Discard) -> None:
    error = job.error or {}
    if error.get("dead_letter_id") != typeid.encode("dlq", command.letter_id):
        raise _refused(job, name, "the job has failed again since; take its newest dead letter")
    if "discarded_at" in error:
        raise _refused(job, name, "its dead letter was discarded")


def _refused(job: Job, name: str, why: str) -> IllegalTransition:
    return IllegalTransition(
        f"A job that is {job.status} cannot take {name!r}: {why}.",
        extra={"job_status": str(job.status), "command": name},
    )
