"""THE transition table: every status × command, and the pure function that applies it.

``decide(job, command, now)`` returns what is true afterwards and what must be written with it, or raises: an
``IllegalTransition`` that names both for people, ``StaleFence`` for workers. docs/lifecycle.md is made from
``TABLE``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from maquette.domain import billing, completion, dead_letters, following, rerouting, verdicts
from maquette.domain import commands as c
from maquette.domain import gates as g
from maquette.domain import transitions as t
from maquette.domain.decision import Decision
from maquette.domain.errors import IllegalTransition, StaleFence
from maquette.domain.job import TERMINAL, Job, JobStatus

S = JobStatus


@dataclass(frozen=True, slots=True)
class Rule:
    """One cell of the table: the edge's function and the statuses it may lead to."""

    apply: Callable[[Job, Any, datetime], Decision]
    to: tuple[JobStatus, ...]
    says: str


_ENDED = "it has ended for good; submit a new job"
_NO_GATE = "no gate is open; it takes a review once it is awaiting_review"
#: What to do instead, by command and status; where nothing is said, there is nothing else to do.
_INSTEAD: Mapping[tuple[type[c.Command], JobStatus], str] = {
    **dict.fromkeys(product((c.Review, c.Pause, c.Resume, c.Cancel), sorted(TERMINAL)), _ENDED),
    (c.Review, S.QUEUED): _NO_GATE,
    (c.Review, S.RUNNING): _NO_GATE,
    (c.Resume, S.AWAITING_REVIEW): "it waits for a review, not for a resume",
}


def _refuse(job: Job, command: c.Command, _now: datetime) -> Decision:
    instead = _INSTEAD.get((type(command), job.status))
    raise IllegalTransition(
        f"A job that is {job.status} cannot take {name(type(command))!r}{f': {instead}' if instead else ''}.",
        extra={"job_status": str(job.status), "command": name(type(command))},
    )


def _stale(job: Job, command: c.Command, _now: datetime) -> Decision:
    raise StaleFence(f"A job that is {job.status} has no live attempt for {name(type(command))!r}.")


def _ignore(job: Job, _command: c.Command, _now: datetime) -> Decision:
    return Decision(job)


REFUSE = Rule(_refuse, (), "refused")
STALE = Rule(_stale, (), "stale")
IGNORE = Rule(_ignore, (), "nothing")

_AFTER_WORK = (S.RUNNING, S.AWAITING_REVIEW, S.PAUSED, S.SUCCEEDED)
_START = Rule(t.start, (S.RUNNING,), "lease, count the attempt")
_REUSE = Rule(t.reuse_resolved, _AFTER_WORK, "take over equal work")
_COMPLETE = Rule(
    completion.complete,
    (*_AFTER_WORK, S.FAILED),
    "record; next step, gate or end; hold or fail what may not be seen",
)
_FAIL = Rule(t.fail, (S.RUNNING, S.FAILED), "retry later, or dead letter")
_EXPIRE = Rule(t.expire, (S.RUNNING, S.FAILED), "retry, or dead letter")
_RETRY = Rule(t.retry_due, (S.RUNNING,), "queue the next attempt")
_REVIEW = Rule(g.review, (S.RUNNING, S.PAUSED, S.SUCCEEDED), "go on, rewind or hold")
_TIMEOUT = Rule(
    g.gate_timeout,
    (S.AWAITING_REVIEW, S.RUNNING, S.PAUSED, S.SUCCEEDED, S.CANCELED),
    "remind, escalate, go on, hold or give up, as the gate's policy says",
)
_HOLD = "hold, now or before a later step"
_WITHDRAW = "take a hold further on back, else refused"
_CANCEL = Rule(t.cancel, (S.CANCELED,), "give up")
_RULED = Rule(
    verdicts.safety_decided,
    (S.QUEUED, S.RUNNING, S.AWAITING_REVIEW, S.PAUSED, S.SUCCEEDED, S.FAILED),
    "go on, unless held otherwise; or fail what may not be",
)
_EXHAUSTED = Rule(billing.quota_exhausted, (S.PAUSED,), "hold before a step that costs")
_REROUTE = Rule(
    rerouting.reroute, (S.QUEUED, S.RUNNING, S.PAUSED), "give the waiting task to another service"
)
_NO_ROUTE = Rule(rerouting.no_route, (S.PAUSED, S.QUEUED, S.RUNNING), "hold until a service is there")
_FOLLOW = Rule(following.follow, (S.PAUSED,), "wait for equal work in flight")
_RELEASE = Rule(t.release, (S.CANCELED,), "release the lease")

_OF_WORKERS = (c.Start, c.ReuseResolved, c.Complete, c.Fail, c.Acknowledge, c.Expire)
_ROUTING = (c.Reroute, c.NoRoute, c.RouteAvailable)
_REUSING = (c.EqualInFlight, c.EqualEnded)
_OF_LOOPS = (c.RetryDue, c.GateTimeout, c.QuotaExhausted, c.QuotaAvailable, *_ROUTING, *_REUSING)

#: command → rule, for each status. Every pair stands here; a test holds it to that.
TABLE: Mapping[JobStatus, Mapping[type[c.Command], Rule]] = {
    S.QUEUED: {
        c.Create: REFUSE, c.Start: _START, c.ReuseResolved: _REUSE, c.Complete: STALE, c.Fail: STALE,
        c.Acknowledge: STALE, c.Expire: STALE, c.RetryDue: IGNORE, c.Review: REFUSE, c.GateTimeout: IGNORE,
        c.Pause: Rule(g.pause, (S.PAUSED, S.QUEUED), _HOLD),
        c.Resume: Rule(g.withdraw, (S.QUEUED,), _WITHDRAW),
        c.QuotaExhausted: _EXHAUSTED, c.QuotaAvailable: IGNORE,
        c.Reroute: _REROUTE, c.NoRoute: _NO_ROUTE, c.RouteAvailable: IGNORE,
        c.EqualInFlight: _FOLLOW, c.EqualEnded: IGNORE,
        c.Cancel: _CANCEL, c.SafetyDecided: REFUSE, c.Redrive: REFUSE, c.Discard: REFUSE,
    },
    S.RUNNING: {
        c.Create: REFUSE, c.Start: _START, c.ReuseResolved: _REUSE, c.Complete: _COMPLETE, c.Fail: _FAIL,
        c.Acknowledge: STALE, c.Expire: _EXPIRE, c.RetryDue: _RETRY, c.Review: REFUSE, c.GateTimeout: IGNORE,
        c.Pause: Rule(g.pause, (S.PAUSED, S.RUNNING), _HOLD),
        c.Resume: Rule(g.withdraw, (S.RUNNING,), _WITHDRAW),
        c.QuotaExhausted: _EXHAUSTED, c.QuotaAvailable: IGNORE,
        c.Reroute: _REROUTE, c.NoRoute: _NO_ROUTE, c.RouteAvailable: IGNORE,
        c.EqualInFlight: _FOLLOW, c.EqualEnded: IGNORE,
        c.Cancel: _CANCEL, c.SafetyDecided: REFUSE, c.Redrive: REFUSE, c.Discard: REFUSE,
    },
    S.AWAITING_REVIEW: {
        c.Create: REFUSE, c.Start: STALE, c.ReuseResolved: STALE, c.Complete: STALE, c.Fail: STALE,
        c.Acknowledge: STALE, c.Expire: STALE, c.RetryDue: IGNORE, c.Review: _REVIEW, c.GateTimeout: _TIMEOUT,
        c.Pause: Rule(g.pause, (S.PAUSED, S.AWAITING_REVIEW), _HOLD),
        c.Resume: Rule(g.withdraw, (S.AWAITING_REVIEW,), _WITHDRAW),
        c.QuotaExhausted: IGNORE, c.QuotaAvailable: IGNORE,
        c.Reroute: IGNORE, c.NoRoute: IGNORE, c.RouteAvailable: IGNORE,
        c.EqualInFlight: IGNORE, c.EqualEnded: IGNORE,
        c.Cancel: _CANCEL, c.SafetyDecided: REFUSE, c.Redrive: REFUSE, c.Discard: REFUSE,
    },
    S.PAUSED: {
        c.Create: REFUSE, c.Start: STALE, c.ReuseResolved: STALE,
        c.Complete: Rule(completion.complete, (S.PAUSED, S.SUCCEEDED, S.FAILED), "record; hold what comes next"),
        c.Fail: Rule(t.fail, (S.PAUSED, S.FAILED), "hold the retry, or dead letter"),
        c.Acknowledge: STALE,
        c.Expire: Rule(t.expire, (S.PAUSED, S.FAILED), "hold the retry, or dead letter"),
        c.RetryDue: IGNORE, c.Review: _REVIEW, c.GateTimeout: IGNORE,
        c.Pause: Rule(g.pause, (S.PAUSED,), "hold as well, else refused"),
        c.Resume: Rule(g.resume, (S.QUEUED, S.RUNNING, S.AWAITING_REVIEW, S.PAUSED), "go on, unless held otherwise"),
        c.QuotaExhausted: IGNORE,
        c.QuotaAvailable: Rule(billing.quota_available, (S.QUEUED, S.RUNNING, S.PAUSED), "go on, unless held otherwise"),
        c.Reroute: IGNORE, c.NoRoute: IGNORE,
        c.RouteAvailable: Rule(rerouting.route_available, (S.QUEUED, S.RUNNING, S.PAUSED), "go on, unless held otherwise"),
        c.EqualInFlight: IGNORE,
        c.EqualEnded: Rule(following.go_on, (S.QUEUED, S.RUNNING, S.PAUSED), "look again, unless held otherwise"),
        c.Cancel: _CANCEL, c.SafetyDecided: _RULED, c.Redrive: REFUSE, c.Discard: REFUSE,
    },
    S.SUCCEEDED: dict.fromkeys(c.COMMANDS, REFUSE)
    | dict.fromkeys(_OF_WORKERS, STALE)
    | dict.fromkeys(_OF_LOOPS, IGNORE),
    S.FAILED: dict.fromkeys(c.COMMANDS, REFUSE)
    | dict.fromkeys(_OF_WORKERS, STALE)
    | dict.fromkeys(_OF_LOOPS, IGNORE)
    | {
        c.Redrive: Rule(dead_letters.redrive, (S.QUEUED, S.RUNNING, S.PAUSED), "try the failed step again"),
        c.Discard: Rule(dead_letters.discard, (S.FAILED,), "give the dead letter up"),
    },
    S.CANCELED: {
        c.Create: REFUSE, c.Start: STALE, c.ReuseResolved: STALE, c.Complete: _RELEASE, c.Fail: _RELEASE,
        c.Acknowledge: _RELEASE, c.Expire: _RELEASE, c.RetryDue: IGNORE, c.Review: REFUSE, c.GateTimeout: IGNORE,
        c.Pause: REFUSE, c.Resume: REFUSE, c.Cancel: REFUSE,
        c.QuotaExhausted: IGNORE, c.QuotaAvailable: IGNORE, **dict.fromkeys((*_ROUTING, *_REUSING), IGNORE),
        c.SafetyDecided: REFUSE, c.Redrive: REFUSE, c.Discard: REFUSE,
    },
}  # fmt: skip


def name(command: type[c.Command]) -> str:
    """Return a command's name as documents and errors write it: ``retry_due``."""
    text = command.__name__
    return text[0].lower() + "".join(f"_{ch.lower()}" if ch.isupper() else ch for ch in text[1:])


def decide(job: Job | None, command: c.Command, now: datetime) -> Decision:
    """Return what ``command`` makes of ``job``. Pure and total; a job that does not exist yet is None."""
    if job is None:
        if isinstance(command, c.Create):
            return billing.account(None, command, t.create(command, now), now)
        raise IllegalTransition(f"There is no job for {name(type(command))!r}.")
    decision = TABLE[job.status][type(command)].apply(job, command, now)
    if job.bill is not None or decision.job.bill is not None or isinstance(command, c.Complete):
        decision = billing.account(job, command, decision, now)
    return g.wind(decision, now) if job.gate_policies else decision
