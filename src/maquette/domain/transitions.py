"""The edges that work takes: one small pure function each, ``(job, command, now) -> Decision``."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from maquette.domain import commands as c
from maquette.domain import typeid
from maquette.domain.decision import (
    Decision,
    StepChange,
    advance,
    artifact_facts,
    current_facts,
    give_up,
    make_event,
    step_facts,
)
from maquette.domain.errors import StaleFence
from maquette.domain.events import Event, EventType, timestamp
from maquette.domain.holds import NONE, hold
from maquette.domain.job import (
    Artifact,
    AttemptRecord,
    Hold,
    Job,
    JobStatus,
    Lease,
    Place,
    StepRecord,
    StepStatus,
    step_id,
)
from maquette.domain.retry import loss_delay, policy_of, retry_delay
from maquette.domain.verdicts import about, safety_facts

LOST_WORKER = "lost_worker"
#: By whether the lease ended for want of a worker, and whether that one fell silent.
_SAYS: Mapping[tuple[bool, bool], str] = {
    (True, True): "The worker stopped sending heartbeats.",
    (True, False): "The worker let go of the task, or never heard of it.",
    (False, True): "The attempt took too long.",
    (False, False): "The attempt took too long.",
}
#: What work costs that nobody did here.
NO_WORK: Mapping[str, Any] = {"duration": 0, "gpu_type": "none", "cost_estimate": 0}


def create(command: c.Create, now: datetime) -> Decision:
    """Record a job with the work that came with its brief, and queue the first step that is to run."""
    job = command.job
    if command.ruling is not None:
        job = hold(job, Hold.PROMPT)
    job = replace(job, created_at=now, sequence=1 + len(command.records))
    steps = [
        step_facts(job, position, StepStatus.PENDING, attempt=0, pause_reason=None)
        if position != job.position
        else current_facts(job)
        for position in range(len(job.revisions))
        if position not in job.skipped
    ]
    told = safety_facts(command.ruling)
    events = [make_event(job, 1, EventType.JOB_CREATED, now, asset_type=job.asset_type, **told, steps=steps)]
    for number, record in enumerate(command.records, 2):
        facts = step_facts(job, record.position, StepStatus.DONE, attempt=0, pause_reason=None, provided=True)
        files = [item for item in command.artifacts if item.position == record.position]
        events.append(_unworked(job, number, record, files, now, provided=True, steps=[facts]))
    records = tuple(replace(record, finished_at=now) for record in command.records)
    return Decision(
        job,
        tuple(events),
        records=records,
        artifacts=command.artifacts,
        ruling=about(job, command.ruling, now),
    )


def _unworked(
    job: Job, sequence: int, record: StepRecord, files: Sequence[Artifact], now: datetime, **more: Any
) -> Event:
    """Tell of a step that is done without an attempt."""
    return make_event(
        job,
        sequence,
        EventType.STEP_COMPLETED,
        now,
        step_name=record.step,
        artifacts=[artifact_facts(item) for item in files],
        metrics=dict(record.metrics),
        **more,
    )


def reuse_resolved(job: Job, command: c.ReuseResolved, now: datetime) -> Decision:
    """Take over what an equal step made: no attempt, no cost, disclosed.

    What this job's reviewer approved stays approved; what is new to its reviewer meets its gate.
    """
    if job.place is not Place.READY:
        raise StaleFence("The task is no longer waiting.")
    source = command.record
    approved = source.job_id == job.id and source.status is StepStatus.APPROVED
    gated = job.position in job.gates and not approved
    status = StepStatus.APPROVED if approved else StepStatus.PAUSED if gated else StepStatus.DONE
    origin = source.reused_from or step_id(source.job_id, source.position, source.revision)
    record = replace(
        source,
        job_id=job.id,
        position=job.position,
        revision=job.revision,
        status=status,
        attempt=0,
        fence=None,
        started_at=None,
        finished_at=now,
        metrics=NO_WORK,
        reused_from=origin,
    )
    done = replace(
        job,
        status=JobStatus.AWAITING_REVIEW if gated else JobStatus.RUNNING,
        step_status=status,
        gate_open=gated,
        started_at=job.started_at or now,
        sequence=job.sequence + 1,
    )
    after, more = (done, ()) if gated else advance(done, now)
    told = {"reused_from": typeid.encode("step", origin)}
    facts = [current_facts(done) | told]
    if after.position != job.position:
        facts.append(current_facts(after))
    event = _unworked(after, done.sequence, record, command.artifacts, now, **told, steps=facts)
    ended = after.status is JobStatus.SUCCEEDED
    return Decision(after, (event, *more), records=(record,), artifacts=command.artifacts, index=ended)


def start(job: Job, command: c.Start, now: datetime) -> Decision:
    """Lease the task and count the attempt."""
    if job.lease is not None or job.step_status is not StepStatus.PENDING:
        raise StaleFence("The task is no longer waiting.")
    after = replace(
        job,
        status=JobStatus.RUNNING,
        step_status=StepStatus.RUNNING,
        attempt=job.attempt + 1,
        lease=command.lease,
        retry_at=None,
        started_at=job.started_at or now,
        sequence=job.sequence + 1,
    )
    event = make_event(
        after,
        after.sequence,
        EventType.STEP_STARTED,
        now,
        step_name=job.spec.name,
        service=command.lease.service,
        steps=[current_facts(after)],
    )
    return Decision(after, (event,))


def held(job: Job, fence: int) -> Lease:
    """Return the lease under a fence; ``StaleFence`` when it is not the live one."""
    if job.lease is None or job.lease.fence != fence:
        raise StaleFence("The lease of this attempt has ended.")
    return job.lease


def fail(job: Job, command: c.Fail, now: datetime) -> Decision:
    """Try again later, or give the step and the job up with a dead letter."""
    lease = held(job, command.fence)
    error: dict[str, Any] = {
        "code": command.code,
        "message": command.message,
        "class": command.error_class,
    }
    job = replace(job, lost=(*job.lost, lease.worker)) if command.died else job
    delay = _delay(job, command)
    if delay is None:
        if command.died and len(job.lost) > 1:
            error |= _poison(job)
        return _give_up(job, lease, error, now, reported=command.reported)
    paused = bool(job.holds)
    retry_at = now + timedelta(seconds=delay) if delay > 0 and not paused else None
    after = replace(
        job,
        step_status=StepStatus.PAUSED if paused else StepStatus.PENDING,
        lease=None,
        retry_at=retry_at,
        sequence=job.sequence + 1,
    )
    event = make_event(
        after,
        after.sequence,
        EventType.ATTEMPT_FAILED,
        now,
        step_name=job.spec.name,
        error_code=command.code,
        error_message=command.message,
        retry_at=timestamp(retry_at or now),
        steps=[current_facts(after)],
    )
    return Decision(after, (event,), lost_attempt=_lost(job, lease, error, now, reported=command.reported))


def _delay(job: Job, command: c.Fail) -> float | None:
    policy = policy_of(job.step_retries, command.error_class)
    attempt = job.attempt - job.attempts_before
    if command.error_class == LOST_WORKER:
        return loss_delay(policy, attempt, len(job.lost), jitter=command.jitter)
    after = command.retry_after_seconds
    return retry_delay(policy, attempt, jitter=command.jitter, retry_after_seconds=after)


def _poison(job: Job) -> dict[str, Any]:
    """Tell of a step that no worker survived: what it is given is the likeliest reason."""
    names = ", ".join(dict.fromkeys(job.lost))
    return {
        "code": "poison",
        "message": f"{len(job.lost)} workers were gone while they had this step: {names}.",
        "workers": list(job.lost),
    }


def expire(job: Job, command: c.Expire, now: datetime) -> Decision:
    """End a lease that nobody ended: the worker is gone, or hangs past the deadline."""
    lost = command.error_class == LOST_WORKER
    return fail(
        job,
        c.Fail(
            fence=command.fence,
            error_class=command.error_class,
            code=LOST_WORKER if lost else "deadline_exceeded",
            message=_SAYS[lost, command.died],
            jitter=command.jitter,
            reported=False,
            died=lost and command.died,
        ),
        now,
    )


def _lost(
    job: Job, lease: Lease, error: Mapping[str, Any], now: datetime, *, reported: bool
) -> AttemptRecord:
    return AttemptRecord(
        job_id=job.id,
        position=job.position,
        revision=job.revision,
        attempt=job.attempt,
        fence=lease.fence,
        service=lease.service,
        worker=lease.worker,
        started_at=lease.leased_at,
        finished_at=now,
        error=error,
        reported=reported,
    )


def _give_up(job: Job, lease: Lease, error: Mapping[str, Any], now: datetime, *, reported: bool) -> Decision:
    ended = give_up(replace(job, lease=None), error, now)
    record = StepRecord(
        job_id=job.id,
        position=job.position,
        revision=job.revision,
        step=job.spec.name,
        status=StepStatus.FAILED,
        attempt=job.attempt,
        fence=lease.fence if reported else None,
        service=lease.service,
        worker=lease.worker,
        started_at=lease.leased_at,
        finished_at=now,
        idempotency_key=None,
        outputs={},
        metrics={},
        error=ended.job.error,
        route_reason=job.fallback.reason if job.fallback else "",
    )
    letter = ended.dead_letter and replace(ended.dead_letter, fence=lease.fence)
    return replace(ended, records=(record,), dead_letter=letter)


def release(job: Job, command: c.Complete | c.Fail | c.Acknowledge | c.Expire, now: datetime) -> Decision:
    """End the lease of a canceled job's last attempt; whatever it made is not recorded.

    Only the worker's word that it stopped is taken as such: a result that came too late was dropped.
    """
    lease = held(job, command.fence)
    error = {"code": "canceled", "message": "The job was canceled.", "class": "canceled"}
    reported = isinstance(command, c.Acknowledge)
    return Decision(replace(job, lease=None), lost_attempt=_lost(job, lease, error, now, reported=reported))


def retry_due(job: Job, _command: c.RetryDue, now: datetime) -> Decision:
    """Queue the next attempt once its wait is over."""
    if job.retry_at is None or job.retry_at > now:
        return Decision(job)
    return Decision(replace(job, retry_at=None))


def cancel(job: Job, command: c.Cancel, now: datetime) -> Decision:
    """Give the job up. A live attempt keeps its lease until its worker acknowledges or the lease ends."""
    after = replace(
        job,
        status=JobStatus.CANCELED,
        holds=NONE,
        step_status=StepStatus.CANCELED,
        gate_open=False,
        retry_at=None,
        lease=replace(job.lease, canceling=True) if job.lease else None,
        finished_at=now,
        sequence=job.sequence + 1,
    )
    event = make_event(
        after, after.sequence, EventType.JOB_CANCELED, now, by=command.by, steps=[current_facts(after)]
    )
    recorded = job.gate_open or Hold.RESULT in job.holds
    change = StepChange(job.id, job.position, job.revision, StepStatus.CANCELED) if recorded else None
    return Decision(after, (event,), step_change=change)
