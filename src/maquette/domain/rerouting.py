"""The edges that services coming and going take: to another one, to a stand, and on again."""

from datetime import datetime

from msgspec.structs import replace

from maquette.domain import commands as c
from maquette.domain.decision import Decision, current_facts, make_event
from maquette.domain.events import EventType
from maquette.domain.holds import hold, let_go
from maquette.domain.job import Detour, Hold, Job, Place
from maquette.domain.ledger import NOTHING, Amount, Bill

ROUTING = "system:routing"
"""Who lets a job go on when a service is there again."""


def reroute(job: Job, command: c.Reroute, now: datetime) -> Decision:
    """Give a waiting task to another service of its route; what waits no more, or is there already, stays as it is."""
    if job.place is not Place.READY or command.service == job.service or command.service not in job.route:
        return Decision(job)
    back = command.service == job.service_at(job.position)
    detour = None if back else Detour(job.position, job.revision, command.service, command.reason)
    bill = job.bill if command.estimate is None else _priced(job, command.estimate)
    after = replace(job, detour=detour, bill=bill, sequence=job.sequence + 1)
    event = make_event(
        after,
        after.sequence,
        EventType.STEP_REROUTED,
        now,
        step_name=job.spec.name,
        requested_service=job.service_at(job.position),
        served_by=command.service,
        reason=command.reason,
        steps=[current_facts(after)],
    )
    return Decision(after, (event,))


def _priced(job: Job, estimate: Amount) -> Bill | None:
    """Return the bill with what the step costs at another service; the others keep what they were estimated at."""
    if job.bill is None and not estimate:
        return None
    bill = job.bill or Bill((NOTHING,) * len(job.revisions))
    before, after = bill.estimates[: job.position], bill.estimates[job.position + 1 :]
    return replace(bill, estimates=(*before, estimate, *after))


def no_route(job: Job, command: c.NoRoute, now: datetime) -> Decision:
    """Hold a job whose task nobody can be asked for; without a waiting task there is nothing to hold."""
    if job.place is not Place.READY:
        return Decision(job)
    after = replace(hold(job, Hold.SERVICE), sequence=job.sequence + 1)
    event = make_event(
        after,
        after.sequence,
        EventType.SERVICE_UNAVAILABLE,
        now,
        step_name=job.spec.name,
        requested_service=job.service_at(job.position),
        services=list(job.route),
        reason=command.reason,
        steps=[current_facts(after)],
    )
    return Decision(after, (event,))


def route_available(job: Job, _command: c.RouteAvailable, now: datetime) -> Decision:
    """Let a job go on; a hint that comes too late does nothing."""
    if Hold.SERVICE not in job.holds:
        return Decision(job)
    after = replace(let_go(job, Hold.SERVICE), sequence=job.sequence + 1)
    told = {"by": ROUTING, "steps": [current_facts(after)]}
    return Decision(after, (make_event(after, after.sequence, EventType.JOB_RESUMED, now, **told),))
