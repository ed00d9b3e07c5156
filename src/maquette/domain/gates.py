"""The edges that people take: review at a gate, hold, go on."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from maquette.domain import commands as c
from maquette.domain.decision import Decision, StepChange, advance, current_facts, make_event, step_facts
from maquette.domain.errors import Invalid, StaleReview
from maquette.domain.events import Event, EventType
from maquette.domain.job import Job, JobStatus, StepStatus
from maquette.domain.review import REVISION_MAX, UserDecision, Verdict, rewound


def pause(job: Job, command: c.Pause, now: datetime) -> Decision:
    """Hold the job: a running attempt finishes and is recorded, nothing further is dispatched."""
    waiting = job.step_status is StepStatus.PENDING
    after = replace(
        job,
        status=JobStatus.PAUSED,
        step_status=StepStatus.PAUSED if waiting else job.step_status,
        retry_at=None,
        sequence=job.sequence + 1,
    )
    event = make_event(
        after, after.sequence, EventType.JOB_PAUSED, now, by=command.by, steps=[current_facts(after)]
    )
    return Decision(after, (event,))


def resume(job: Job, command: c.Resume, now: datetime) -> Decision:
    """Let a held job go on where it stood."""
    if job.gate_open:
        status, step = JobStatus.AWAITING_REVIEW, StepStatus.PAUSED
    else:
        status = JobStatus.RUNNING if job.started_at else JobStatus.QUEUED
        step = StepStatus.PENDING if job.lease is None else StepStatus.RUNNING
    after = replace(job, status=status, step_status=step, sequence=job.sequence + 1)
    event = make_event(
        after, after.sequence, EventType.JOB_RESUMED, now, by=command.by, steps=[current_facts(after)]
    )
    return Decision(after, (event,))


def review(job: Job, command: c.Review, now: datetime) -> Decision:
    """Apply a person's decision at an open gate."""
    if not job.gate_open or command.step != job.spec.name or command.revision != job.revision:
        raise StaleReview(
            f"No gate is open after revision {command.revision} of {command.step!r}: "
            f"the job is at revision {job.revision} of {job.spec.name!r} ({job.step_status})."
        )
    decision = UserDecision(
        job_id=job.id,
        position=job.position,
        revision=job.revision,
        step=job.spec.name,
        verdict=command.verdict,
        notes=command.notes,
        selection=command.selection,
        changes=command.changes or {},
        rewind_to=command.rewind_to,
        by=command.by,
        at=now,
    )
    told = {"decision": command.verdict, "notes": command.notes, "by": command.by}
    apply = {Verdict.APPROVED: _approve, Verdict.REJECTED: _reject, Verdict.PAUSED: _hold}[command.verdict]
    return apply(job, command, decision, told, now)


def _reviewed(
    job: Job, sequence: int, told: dict[str, Any], now: datetime, steps: list[dict[str, Any]]
) -> Event:
    return make_event(job, sequence, EventType.USER_REVIEW_UPDATED, now, **told, steps=steps)


def _approve(
    job: Job, command: c.Review, decision: UserDecision, told: dict[str, Any], now: datetime
) -> Decision:
    if command.rewind_to is not None:
        raise Invalid.field(("rewind_to",), "only a rejection rewinds")
    approved = replace(
        job,
        status=JobStatus.RUNNING,
        step_status=StepStatus.APPROVED,
        gate_open=False,
        sequence=job.sequence + 1,
    )
    facts = [current_facts(approved)]
    after, more = advance(approved, now)
    if after.position != job.position:
        facts.append(current_facts(after))
    event = _reviewed(after, approved.sequence, {**told, "step_name": job.spec.name}, now, facts)
    return Decision(
        after,
        (event, *more),
        step_change=StepChange(job.id, job.position, job.revision, StepStatus.APPROVED),
        user_decision=decision,
        effective=command.effective,
        index=after.status is JobStatus.SUCCEEDED,
    )


def _reject(
    job: Job, command: c.Review, decision: UserDecision, told: dict[str, Any], now: datetime
) -> Decision:
    first = job.position if command.rewind_to is None else job.pipeline.position(command.rewind_to)
    if first > job.position or first in job.skipped:
        raise Invalid.field(("rewind_to",), f"{command.rewind_to!r} has not run before {job.spec.name!r}")
    if max(job.revisions[first : job.position + 1]) >= REVISION_MAX:
        raise Invalid.field(
            ("decision",), f"a step can be redone {REVISION_MAX} times; approve it, or cancel"
        )
    after = replace(
        job,
        status=JobStatus.RUNNING,
        position=first,
        step_status=StepStatus.PENDING,
        gate_open=False,
        attempt=0,
        revisions=rewound(job.revisions, first, job.position),
        sequence=job.sequence + 1,
    )
    told_steps = [
        step_facts(job, job.position, StepStatus.REJECTED, attempt=job.attempt, pause_reason=None),
    ]
    told_steps += [
        step_facts(after, position, StepStatus.PENDING, attempt=0, pause_reason=None)
        for position in range(first, job.position + 1)
        if position not in job.skipped
    ]
    told = {**told, "step_name": job.spec.name, "revision": job.revision, "rewind_to": after.spec.name}
    return Decision(
        after,
        (_reviewed(after, after.sequence, told, now, told_steps),),
        step_change=StepChange(job.id, job.position, job.revision, StepStatus.REJECTED),
        user_decision=decision,
        effective=command.effective,
    )


def _hold(
    job: Job, _command: c.Review, decision: UserDecision, told: dict[str, Any], now: datetime
) -> Decision:
    if job.status is JobStatus.PAUSED:
        raise StaleReview("The gate is held already; approve, reject or resume.")
    after = replace(job, status=JobStatus.PAUSED, sequence=job.sequence + 1)
    told = {**told, "step_name": job.spec.name}
    return Decision(
        after, (_reviewed(after, after.sequence, told, now, [current_facts(after)]),), user_decision=decision
    )
