"""The edge that finished work takes: recorded, and seen at once, later, or never."""

from datetime import datetime

from msgspec.structs import replace

from maquette.domain import commands as c
from maquette.domain.decision import Decision, advance, artifact_facts, current_facts, give_up, make_event
from maquette.domain.events import Event, EventType
from maquette.domain.holds import hold
from maquette.domain.idempotency import step_key
from maquette.domain.job import Hold, Job, JobStatus, Lease, StepRecord, StepStatus
from maquette.domain.ruling import Ruling, Unjudged
from maquette.domain.transitions import held
from maquette.domain.verdicts import about, content_error, safety_facts


def complete(job: Job, command: c.Complete, now: datetime) -> Decision:
    """Record a step's work; open its gate, go on to the next step, or end the job.

    Work that may not be seen yet is recorded, and the job held; what may not be at all fails step and job.
    """
    lease = held(job, command.fence)
    if command.ruling is not None and command.ruling.verdict == "block":
        return _blocked(job, command, command.ruling, lease, now)
    if command.ruling is not None or command.unjudged:
        return _withheld(job, command, lease, now)
    gated = job.position in job.gates
    status = StepStatus.PAUSED if gated else StepStatus.DONE
    after = replace(
        job,
        status=JobStatus.PAUSED if job.holds else JobStatus.AWAITING_REVIEW if gated else JobStatus.RUNNING,
        step_status=status,
        gate_open=gated,
        lease=None,
        sequence=job.sequence + 1,
    )
    facts = [current_facts(after)]
    record = _worked(job, command, lease, status, now)
    more: tuple[Event, ...] = ()
    sequence = after.sequence
    if not gated:
        after, more = advance(after, now)
        if after.position != job.position:
            facts.append(current_facts(after))
    event = make_event(
        after,
        sequence,
        EventType.STEP_COMPLETED,
        now,
        step_name=job.spec.name,
        artifacts=[artifact_facts(item) for item in command.artifacts],
        metrics=dict(command.metrics),
        steps=facts,
    )
    ended = after.status is JobStatus.SUCCEEDED
    return Decision(after, (event, *more), records=(record,), artifacts=command.artifacts, index=ended)


def _worked(job: Job, command: c.Complete, lease: Lease, status: StepStatus, now: datetime) -> StepRecord:
    return StepRecord(
        job_id=job.id,
        position=job.position,
        revision=job.revision,
        step=job.spec.name,
        status=status,
        attempt=job.attempt,
        fence=command.fence,
        service=lease.service,
        worker=lease.worker,
        started_at=lease.leased_at,
        finished_at=now,
        idempotency_key=step_key(lease.inputs_digest, command.model_version),
        outputs=command.outputs,
        metrics=command.metrics,
        model=command.model,
        model_version=command.model_version,
        safety=command.safety,
        route_reason=job.fallback.reason if job.fallback else "",
    )


def _withheld(job: Job, command: c.Complete, lease: Lease, now: datetime) -> Decision:
    """Record work that nobody may see yet: the job is held until there is a word on it."""
    after = replace(
        hold(job, Hold.RESULT), step_status=StepStatus.PAUSED, lease=None, sequence=job.sequence + 1
    )
    event = make_event(
        after,
        after.sequence,
        EventType.STEP_COMPLETED,
        now,
        step_name=job.spec.name,
        artifacts=[artifact_facts(item) for item in command.artifacts],
        metrics=dict(command.metrics),
        **safety_facts(command.ruling),
        steps=[current_facts(after)],
    )
    unjudged = Unjudged(job.id, job.project_id, job.position, job.revision) if command.unjudged else None
    return Decision(
        after,
        (event,),
        records=(_worked(job, command, lease, StepStatus.PAUSED, now),),
        artifacts=tuple(replace(item, withheld="awaiting") for item in command.artifacts),
        ruling=about(job, command.ruling, now),
        unjudged=unjudged,
    )


def _blocked(job: Job, command: c.Complete, ruling: Ruling, lease: Lease, now: datetime) -> Decision:
    """Fail step and job over a result that may not be; its files stay, unreadable, for those who appeal."""
    ended = give_up(replace(job, lease=None), content_error(ruling.categories, ruling.id), now)
    record = replace(
        _worked(job, command, lease, StepStatus.FAILED, now), idempotency_key=None, error=ended.job.error
    )
    return replace(
        ended,
        records=(record,),
        artifacts=tuple(replace(item, withheld="blocked") for item in command.artifacts),
        ruling=about(job, ruling, now),
    )
