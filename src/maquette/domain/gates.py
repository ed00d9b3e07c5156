"""The edges that people take: review at a gate, hold, go on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from maquette.domain import commands as c
from maquette.domain import typeid
from maquette.domain.billing import raised
from maquette.domain.decision import (
    Decision,
    StepChange,
    advance,
    artifact_facts,
    current_facts,
    make_event,
    step_facts,
)
from maquette.domain.errors import IllegalTransition, Invalid, StaleReview
from maquette.domain.events import Event, EventType, timestamp
from maquette.domain.holds import NONE, hold, let_go
from maquette.domain.job import Hold, Job, JobStatus, StepStatus
from maquette.domain.review import (
    GATE_TIMEOUT,
    REVISION_MAX,
    GatePolicy,
    Then,
    UserDecision,
    Verdict,
    rewound,
)
from maquette.domain.verdicts import about, safety_facts


def pause(job: Job, command: c.Pause, now: datetime) -> Decision:
    """Hold the job, now or before a step further on: what runs finishes and is recorded, nothing more starts."""
    if Hold.DECISION in job.holds:
        raise IllegalTransition(
            "A job that is paused cannot take 'pause': it is held already; resume lets it go on.",
            extra={"job_status": str(job.status), "command": "pause"},
        )
    if command.before is not None:
        return _pause_before(job, command, command.before, now)
    after = replace(hold(job, Hold.DECISION), sequence=job.sequence + 1)
    event = make_event(
        after, after.sequence, EventType.JOB_PAUSED, now, by=command.by, steps=[current_facts(after)]
    )
    return Decision(after, (event,))


def _pause_before(job: Job, command: c.Pause, before: str, now: datetime) -> Decision:
    position = job.pipeline.position(before, ("before",))
    if position in job.skipped or position in job.provided:
        raise Invalid.field(("before",), f"{before} does not run in this job")
    if position <= job.position:
        raise Invalid.field(
            ("before",),
            f"the job is at {job.spec.name} already; name a later step, or leave it out to hold now",
        )
    after = replace(job, hold_at=position, sequence=job.sequence + 1)
    event = make_event(after, after.sequence, EventType.PAUSE_REQUESTED, now, by=command.by, before=before)
    return Decision(after, (event,))


def withdraw(job: Job, command: c.Resume, now: datetime) -> Decision:
    """Take back the hold before a step that the job has not come to."""
    if job.hold_at is None:
        raise IllegalTransition(
            f"A job that is {job.status} cannot take 'resume': it is not held, now or before a later step.",
            extra={"job_status": str(job.status), "command": "resume"},
        )
    after = replace(job, hold_at=None, sequence=job.sequence + 1)
    event = make_event(
        after,
        after.sequence,
        EventType.JOB_RESUMED,
        now,
        by=command.by,
        before=job.pipeline.steps[job.hold_at].name,
    )
    return Decision(after, (event,))


def resume(job: Job, command: c.Resume, now: datetime) -> Decision:
    """Let a held job go on where it stood, unless something else holds it, too; with more to spend, what held that goes."""
    quota, job = Hold.QUOTA in job.holds, raised(job, command.max_micros)
    if Hold.DECISION not in job.holds and not (quota and command.max_micros is not None):
        raise IllegalTransition(
            f"A job that is paused cannot take 'resume': nobody paused it, it waits for {job.pause_reason}.",
            extra={"job_status": str(job.status), "command": "resume"},
        )
    if Hold.DECISION in job.holds:
        job = let_go(job, Hold.DECISION)
    after = replace(job, sequence=job.sequence + 1)
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
    decision = _decision(job, command, now)
    told = {"decision": command.verdict, "notes": command.notes, "by": command.by}
    apply = {Verdict.APPROVED: _approve, Verdict.REJECTED: _reject, Verdict.PAUSED: _hold}[command.verdict]
    return apply(job, command, decision, told, now)


def _decision(job: Job, command: c.Review, now: datetime) -> UserDecision:
    return UserDecision(
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
        replacements={typeid.encode("art", item.original): item.upload for item in command.replacements},
    )


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
        holds=NONE,
        step_status=StepStatus.APPROVED,
        gate_open=False,
        sequence=job.sequence + 1,
    )
    facts = [current_facts(approved)]
    after, more = advance(approved, now)
    ended = after.status is JobStatus.SUCCEEDED
    ruling = None if ended else command.ruling
    if ruling is not None:
        after = hold(after, Hold.PROMPT)
    if after.position != job.position:
        facts.append(current_facts(after))
    told = {**told, "step_name": job.spec.name, **safety_facts(ruling)}
    if command.selection:
        told["selection"] = [typeid.encode("art", item) for item in command.selection]
    if command.replacements:
        told["replacements"] = decision.replacements
        told["artifacts"] = [artifact_facts(item.artifact) for item in command.replacements]
    event = _reviewed(after, approved.sequence, told, now, facts)
    return Decision(
        after,
        (event, *more),
        step_change=StepChange(job.id, job.position, job.revision, StepStatus.APPROVED),
        user_decision=decision,
        replacements=command.replacements,
        effective=command.effective,
        safety=command.safety,
        ruling=about(after, ruling, now),
        index=ended,
    )


def _reject(
    job: Job, command: c.Review, decision: UserDecision, told: dict[str, Any], now: datetime
) -> Decision:
    first = (
        job.position
        if command.rewind_to is None
        else job.pipeline.position(command.rewind_to, ("rewind_to",))
    )
    if first in job.provided:
        raise Invalid.field(
            ("rewind_to",), f"{command.rewind_to} came with the brief and is not redone; submit a new job"
        )
    if first > job.position or first in job.skipped:
        raise Invalid.field(("rewind_to",), f"{command.rewind_to!r} has not run before {job.spec.name!r}")
    if max(job.revisions[first : job.position + 1]) >= REVISION_MAX:
        raise Invalid.field(
            ("decision",), f"a step can be redone {REVISION_MAX} times; approve it, or cancel"
        )
    after = replace(
        job,
        status=JobStatus.RUNNING,
        holds=NONE,
        position=first,
        step_status=StepStatus.PENDING,
        gate_open=False,
        attempt=0,
        attempts_before=0,
        lost=(),
        revisions=rewound(job.revisions, first, job.position, job.provided),
        sequence=job.sequence + 1,
    )
    if command.ruling is not None:
        after = hold(after, Hold.PROMPT)
    told_steps = [
        step_facts(job, job.position, StepStatus.REJECTED, attempt=job.attempt, pause_reason=None),
    ]
    told_steps += [
        step_facts(after, position, StepStatus.PENDING, attempt=0, pause_reason=None)
        if position != first
        else current_facts(after)
        for position in range(first, job.position + 1)
        if position not in job.skipped and position not in job.provided
    ]
    told = {**told, "step_name": job.spec.name, "revision": job.revision, "rewind_to": after.spec.name}
    told |= safety_facts(command.ruling)
    return Decision(
        after,
        (_reviewed(after, after.sequence, told, now, told_steps),),
        step_change=StepChange(job.id, job.position, job.revision, StepStatus.REJECTED),
        user_decision=decision,
        effective=command.effective,
        safety=command.safety,
        ruling=about(after, command.ruling, now),
    )


def _hold(
    job: Job, _command: c.Review, decision: UserDecision, told: dict[str, Any], now: datetime
) -> Decision:
    if Hold.DECISION in job.holds:
        raise StaleReview("The gate is held already; approve, reject or resume.")
    after = replace(hold(job, Hold.DECISION), sequence=job.sequence + 1)
    told = {**told, "step_name": job.spec.name}
    return Decision(
        after, (_reviewed(after, after.sequence, told, now, [current_facts(after)]),), user_decision=decision
    )


def gate_timeout(job: Job, command: c.GateTimeout, now: datetime) -> Decision:
    """Do what the gate's policy says when nobody has decided; a hint that is too early or too late does nothing.

    A rejection for nobody ends the job: redoing the step again and again would spend without anybody looking. Who was to
    be told before that is told, even when nobody looked after gates for a while.
    """
    since, due = job.gate_since, job.gate_due_at
    if (command.step, command.revision) != (job.spec.name, job.revision) or since is None or due is None:
        return Decision(job)
    policy = job.gate_policies[job.position]
    if now < due:
        return Decision(job)
    ended = policy.then is not Then.REMIND and now >= policy.ends_at(since)
    stages = policy.escalated(since, due, now)
    told = [_waiting(job, policy, since) | _stage(policy, number) for number in stages]
    kind = EventType.GATE_ESCALATED if told else EventType.GATE_REMINDED
    if not told and not ended:
        told = [_waiting(job, policy, since)]
    after = replace(job, gate_due_at=policy.due_at(since, now), sequence=job.sequence + len(told))
    events = tuple(
        make_event(after, job.sequence + number, kind, now, **data) for number, data in enumerate(told, 1)
    )
    if not ended:
        return Decision(after, events)
    answer = c.Review(
        step=job.spec.name,
        revision=job.revision,
        verdict=_VERDICTS[policy.then],
        by=GATE_TIMEOUT,
        notes=f"Nobody decided within {policy.after_seconds} s.",
    )
    given_up = policy.then is Then.REJECT
    decision = _give_up(after, answer, now) if given_up else review(after, answer, now)
    return replace(decision, events=(*events, *decision.events))


_VERDICTS: Mapping[Then, Verdict] = {
    Then.APPROVE: Verdict.APPROVED,
    Then.REJECT: Verdict.REJECTED,
    Then.PAUSE: Verdict.PAUSED,
}


def _waiting(job: Job, policy: GatePolicy, since: datetime) -> dict[str, Any]:
    """Tell which gate waits, since when, and for what."""
    return {
        "step_name": job.spec.name,
        "revision": job.revision,
        "waiting_since": timestamp(since),
        "then": policy.then,
        "then_at": None if policy.then is Then.REMIND else timestamp(policy.ends_at(since)),
    }


def _stage(policy: GatePolicy, number: int) -> dict[str, Any]:
    return {"stage": number, "stages": len(policy.escalations), "to": policy.escalations[number - 1].to}


def _give_up(job: Job, answer: c.Review, now: datetime) -> Decision:
    after = replace(
        job,
        status=JobStatus.CANCELED,
        step_status=StepStatus.REJECTED,
        gate_open=False,
        finished_at=now,
        sequence=job.sequence + 2,
    )
    told = {"decision": answer.verdict, "notes": answer.notes, "by": answer.by, "step_name": job.spec.name}
    facts = [current_facts(after)]
    return Decision(
        after,
        (
            _reviewed(after, after.sequence - 1, {**told, "revision": job.revision}, now, facts),
            make_event(after, after.sequence, EventType.JOB_CANCELED, now, by=answer.by, steps=facts),
        ),
        step_change=StepChange(job.id, job.position, job.revision, StepStatus.REJECTED),
        user_decision=_decision(job, answer, now),
    )


def wind(decision: Decision, now: datetime) -> Decision:
    """Start the clock of a gate that opened, and stop that of one that closed or is held: it starts anew then."""
    job = decision.job
    policy = job.gate_policies.get(job.position) if job.status is JobStatus.AWAITING_REVIEW else None
    if policy is None:
        stopped = replace(job, gate_since=None, gate_due_at=None)
        return decision if job.gate_since is None else replace(decision, job=stopped)
    if job.gate_since is not None:
        return decision
    return replace(decision, job=replace(job, gate_since=now, gate_due_at=policy.due_at(now, now)))
