"""The edge that a ruling takes: what a job is held for may be, or may not."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from maquette.domain import commands as c
from maquette.domain import typeid
from maquette.domain.decision import Decision, StepChange, advance, current_facts, give_up, make_event
from maquette.domain.errors import IllegalTransition
from maquette.domain.events import Event, EventType
from maquette.domain.holds import let_go
from maquette.domain.job import Hold, Job, JobStatus, StepRecord, StepStatus
from maquette.domain.ruling import BLOCKED, Reach, Ruling


def safety_facts(ruling: Ruling | None) -> dict[str, Any]:
    """Return what an event says of a ruling, or nothing when there is none."""
    if ruling is None:
        return {}
    return {"safety": {"decision_id": typeid.encode("sdc", ruling.id), **ruling.told}}


def about(job: Job, ruling: Ruling | None, now: datetime) -> Ruling | None:
    """Return the ruling with the step revision that it holds or ends."""
    if ruling is None:
        return None
    return replace(ruling, job_id=job.id, position=job.position, revision=job.revision, at=now)


def content_error(categories: Sequence[str], ruling_id: UUID) -> Mapping[str, Any]:
    """Return the error of a step that a ruling ended."""
    named = f" ({', '.join(categories)})" if categories else ""
    return {
        "code": BLOCKED,
        "message": f"Refused by the content policy{named}.",
        "class": "policy",
        "decision_id": typeid.encode("sdc", ruling_id),
    }


def safety_decided(job: Job, command: c.SafetyDecided, now: datetime) -> Decision:
    """Let a job go on that was held for a ruling, or end it; ``IllegalTransition`` when it is not held for it any more."""
    here = (command.position, command.revision) == (job.position, job.revision)
    if command.hold not in job.holds or not here:
        raise IllegalTransition(
            f"A job that is {job.status} cannot take 'safety_decided': it does not wait for this decision any more.",
            extra={"job_status": str(job.status), "command": "safety_decided"},
        )
    if not command.allowed:
        decision = _end(job, command, now)
    elif command.hold is Hold.PROMPT:
        after = replace(let_go(job, Hold.PROMPT), sequence=job.sequence + 1)
        decision = Decision(after, (_told(after, after.sequence, command, now, [current_facts(after)]),))
    else:
        decision = _seen(job, command, now)
    return replace(decision, ruling=about(job, command.ruling, now), override=command.override)


def _told(
    job: Job, sequence: int, command: c.SafetyDecided, now: datetime, steps: list[dict[str, Any]]
) -> Event:
    return make_event(
        job,
        sequence,
        EventType.SAFETY_DECIDED,
        now,
        step_name=job.pipeline.steps[command.position].name,
        decision_id=typeid.encode("sdc", command.ruling_id),
        stage="prompt" if command.hold is Hold.PROMPT else "output",
        verdict="allow" if command.allowed else "block",
        by=command.by,
        steps=steps,
    )


def _seen(job: Job, command: c.SafetyDecided, now: datetime) -> Decision:
    """Go on as if the step had been completed now: open its gate, go on to the next step, or end the job."""
    holds = job.holds - {Hold.RESULT}
    gated = job.position in job.gates
    seen = replace(
        job,
        holds=holds,
        status=JobStatus.PAUSED if holds else JobStatus.AWAITING_REVIEW if gated else JobStatus.RUNNING,
        step_status=StepStatus.PAUSED if gated else StepStatus.DONE,
        gate_open=gated,
        sequence=job.sequence + 1,
    )
    after, more = (seen, ()) if gated else advance(seen, now)
    facts = [current_facts(seen)]
    if after.position != job.position:
        facts.append(current_facts(after))
    return Decision(
        after,
        (_told(after, seen.sequence, command, now, facts), *more),
        step_change=StepChange(job.id, job.position, job.revision, seen.step_status, safety=command.safety),
        reach=Reach(job.id, job.position, job.revision, None),
        index=after.status is JobStatus.SUCCEEDED,
    )


def _end(job: Job, command: c.SafetyDecided, now: datetime) -> Decision:
    told = replace(job, sequence=job.sequence + 1)
    ended = give_up(told, content_error(command.categories, command.ruling_id), now)
    event = _told(told, told.sequence, command, now, [])
    ended = replace(ended, events=(event, *ended.events))
    if command.hold is Hold.RESULT:
        return replace(
            ended,
            step_change=StepChange(
                job.id, job.position, job.revision, StepStatus.FAILED, error=ended.job.error
            ),
            reach=Reach(job.id, job.position, job.revision, "blocked"),
        )
    record = StepRecord(
        job_id=job.id,
        position=job.position,
        revision=job.revision,
        step=job.spec.name,
        status=StepStatus.FAILED,
        attempt=0,  # nobody made one: those before a redrive are on record as such
        fence=None,
        service=job.service,
        worker="",
        started_at=None,
        finished_at=now,
        idempotency_key=None,
        outputs={},
        metrics={},
        error=ended.job.error,
    )
    return replace(ended, records=(record,))
