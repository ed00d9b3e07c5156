"""Billing: the ledger entries of a transition, derived from where the job was and where it is.

What is reserved is a function of the job's state alone, so entries are its differences: no edge can forget to release,
and none can release twice.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from maquette.domain import commands as c
from maquette.domain.decision import Decision, current_facts, make_event
from maquette.domain.errors import Invalid
from maquette.domain.events import EventType
from maquette.domain.holds import hold, let_go
from maquette.domain.job import TERMINAL, Hold, Job, Place
from maquette.domain.ledger import CURRENCY, NOTHING, Amount, Bill, Charge, Kind, actual, dollars

QUOTA = "system:quota"
"""Who holds a job when what comes next costs more than there is left."""


def due(job: Job | None) -> Mapping[int, Amount]:
    """Return what is reserved for a job, by position: every step that is still to run.

    Of a canceled job it is the live attempt's step, until its lease ends; of one that has ended otherwise, nothing.
    """
    if job is None or job.bill is None:
        return {}
    estimates = job.bill.estimates
    if job.status in TERMINAL:
        return {job.position: estimates[job.position]} if job.lease is not None else {}
    worked = job.gate_open or Hold.RESULT in job.holds  # the current step's; else the job would have gone on
    return {
        position: estimates[position]
        for position in range(job.position + worked, len(estimates))
        if position not in job.skipped and position not in job.provided
    }


def reserved(job: Job) -> Amount:
    """Return the sum of what is reserved for a job."""
    return sum(due(job).values(), start=NOTHING)


def account(before: Job | None, command: c.Command, decision: Decision, now: datetime) -> Decision:
    """Return the decision with its ledger entries, and the job held where it would cost more than it may.

    Pure. A job that costs nothing passes as it is.
    """
    job, settled = decision.job, None
    if isinstance(command, c.Complete) and before is not None and decision.records:
        job, settled = _settled(before, job, command, now)
    if job.bill is None:
        return decision
    if isinstance(command, c.Review | c.Redrive) and command.estimates is not None:
        job = replace(job, bill=replace(job.bill, estimates=command.estimates))
    charges = (*_moved(before, job, now), *((settled,) if settled else ()))
    return _bounded(replace(decision, job=job, charges=charges), now)


def _settled(before: Job, job: Job, command: c.Complete, now: datetime) -> tuple[Job, Charge | None]:
    """Add what the attempt cost to what was spent: its work is there, whether or not it may be seen."""
    lease = before.lease
    bill = job.bill or Bill((NOTHING,) * len(job.revisions))
    held_seconds = (now - lease.leased_at).total_seconds() if lease else 0.0
    cost = actual(command.metrics, bill.estimates[before.position], held_seconds)
    if not cost:
        return job, None
    job = replace(job, bill=replace(bill, spent=bill.spent + cost))
    service = lease.service if lease else before.service
    return job, _charge(before, before.position, Kind.SETTLE, cost, now, service=service)


def _moved(before: Job | None, job: Job, now: datetime) -> Iterator[Charge]:
    held, wanted = due(before), due(job)
    for position in sorted({*held, *wanted}):
        change = wanted.get(position, NOTHING) - held.get(position, NOTHING)
        if before is not None and (change.micros < 0 or change.gpu_ms < 0):
            yield _charge(before, position, Kind.RELEASE, change, now)
        elif change:
            yield _charge(job, position, Kind.RESERVE, change, now)


def _charge(job: Job, position: int, kind: Kind, amount: Amount, now: datetime, **more: Any) -> Charge:
    fields = {
        "job_id": job.id,
        "project_id": job.project_id,
        "position": position,
        "revision": job.revisions[position],
        "attempt": job.attempt if position == job.position else 0,
        "step": job.pipeline.steps[position].name,
        "service": job.service_at(position),
        **more,
    }
    return Charge(**fields, kind=kind, amount=amount, at=now)


def _bounded(decision: Decision, now: datetime) -> Decision:
    """Hold the job before a step that would bring it above ``max_cost``."""
    job = decision.job
    waiting = job.place in {Place.READY, Place.DELAYED}
    if not waiting or job.bill is None or not job.bill.exceeded_by(job.position):
        return decision
    held = short(job, now, limit="max_cost")
    return replace(decision, job=held.job, events=(*decision.events, *held.events))


def short(job: Job, now: datetime, *, limit: str) -> Decision:
    """Hold a job before a step that costs more than there is left under ``limit``."""
    after = replace(hold(job, Hold.QUOTA), sequence=job.sequence + 1)
    told = {"by": QUOTA, "limit": limit, "before": job.spec.name, "steps": [current_facts(after)]}
    return Decision(after, (make_event(after, after.sequence, EventType.JOB_PAUSED, now, **told),))


def quota_exhausted(job: Job, command: c.QuotaExhausted, now: datetime) -> Decision:
    """Hold a job whose next step costs while its project or user has nothing left; without a task there is nothing to hold."""
    return short(job, now, limit=command.limit) if job.place is Place.READY else Decision(job)


def quota_available(job: Job, _command: c.QuotaAvailable, now: datetime) -> Decision:
    """Let a job go on for which there is room again; a hint that comes too late, or for one at its own bound, does nothing."""
    bound = job.bill is not None and job.bill.exceeded_by(job.position)
    if Hold.QUOTA not in job.holds or bound:
        return Decision(job)
    after = replace(let_go(job, Hold.QUOTA), sequence=job.sequence + 1)
    told = {"by": QUOTA, "steps": [current_facts(after)]}
    return Decision(after, (make_event(after, after.sequence, EventType.JOB_RESUMED, now, **told),))


def raised(job: Job, max_micros: int | None) -> Job:
    """Return a held job with another ``max_cost``, and without the hold when that suffices; None changes nothing."""
    if max_micros is None:
        return job
    bill = replace(job.bill or Bill((NOTHING,) * len(job.revisions)), max_micros=max_micros)
    after = replace(job, bill=bill)
    if bill.exceeded_by(job.position):
        needed = dollars(bill.spent.micros + bill.estimates[job.position].micros)
        raise Invalid.field(("max_cost",), f"{job.spec.name} brings the job to {needed:g} {CURRENCY}")
    return let_go(after, Hold.QUOTA) if Hold.QUOTA in after.holds else after
