"""The edges that waiting for equal work takes: to a stand while another job does it, and on again when that has ended."""

from datetime import datetime

from msgspec.structs import replace

from maquette.domain import commands as c
from maquette.domain import typeid
from maquette.domain.decision import Decision, current_facts, make_event
from maquette.domain.events import EventType
from maquette.domain.holds import hold, let_go
from maquette.domain.job import Hold, Job
from maquette.domain.reuse import may_share

REUSE = "system:reuse"
"""Who holds a job while an equal step is in flight, and lets it go on."""


def follow(job: Job, command: c.EqualInFlight, now: datetime) -> Decision:
    """Hold a job whose waiting task somebody else is doing; what waits no more, or was tried already, stays as it is."""
    if not may_share(job) or command.leader == job.id:
        return Decision(job)
    after = replace(hold(job, Hold.REUSE), sequence=job.sequence + 1)
    told = {"by": REUSE, "waiting_for": typeid.encode("job", command.leader)}
    event = make_event(after, after.sequence, EventType.JOB_PAUSED, now, **told, steps=[current_facts(after)])
    return Decision(after, (event,))


def go_on(job: Job, _command: c.EqualEnded, now: datetime) -> Decision:
    """Let a job look again: it takes over what was made, or does it itself; a hint that comes too late does nothing."""
    if Hold.REUSE not in job.holds:
        return Decision(job)
    after = replace(let_go(job, Hold.REUSE), sequence=job.sequence + 1)
    told = {"by": REUSE, "steps": [current_facts(after)]}
    return Decision(after, (make_event(after, after.sequence, EventType.JOB_RESUMED, now, **told),))
