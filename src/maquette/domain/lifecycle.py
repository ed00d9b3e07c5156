"""THE transition table: every status × command, and the pure function that applies it.

``decide(job, command, now)`` returns what is true afterwards and what must be written with it, or raises: an
``IllegalTransition`` that names both for people, ``StaleFence`` for workers. docs/lifecycle.md is made from
``TABLE``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maquette.domain import commands as c
from maquette.domain import gates as g
from maquette.domain import transitions as t
from maquette.domain.decision import Decision
from maquette.domain.errors import IllegalTransition, StaleFence
from maquette.domain.job import Job, JobStatus

S = JobStatus


@dataclass(frozen=True, slots=True)
class Rule:
    """One cell of the table: the edge's function and the statuses it may lead to."""

    apply: Callable[[Job, Any, datetime], Decision]
    to: tuple[JobStatus, ...]
    says: str


def _refuse(job: Job, command: c.Command, _now: datetime) -> Decision:
    raise IllegalTransition(
        f"A job that is {job.status} cannot take {name(type(command))!r}.",
        extra={"status": str(job.status), "command": name(type(command))},
    )


def _stale(job: Job, command: c.Command, _now: datetime) -> Decision:
    raise StaleFence(f"A job that is {job.status} has no live attempt for {name(type(command))!r}.")


def _ignore(job: Job, _command: c.Command, _now: datetime) -> Decision:
    return Decision(job)


REFUSE = Rule(_refuse, (), "refused")
STALE = Rule(_stale, (), "stale")
IGNORE = Rule(_ignore, (), "nothing")

_AFTER_WORK = (S.RUNNING, S.AWAITING_REVIEW, S.SUCCEEDED)
_START = Rule(t.start, (S.RUNNING,), "lease, count the attempt")
_COMPLETE = Rule(t.complete, _AFTER_WORK, "record; next step, gate or end")
_FAIL = Rule(t.fail, (S.RUNNING, S.FAILED), "retry later, or dead letter")
_EXPIRE = Rule(t.expire, (S.RUNNING, S.FAILED), "retry, or dead letter")
_RETRY = Rule(t.retry_due, (S.RUNNING,), "queue the next attempt")
_REVIEW = Rule(g.review, (S.RUNNING, S.PAUSED, S.SUCCEEDED), "go on, rewind or hold")
_PAUSE = Rule(g.pause, (S.PAUSED,), "hold")
_CANCEL = Rule(t.cancel, (S.CANCELED,), "give up")
_RELEASE = Rule(t.release, (S.CANCELED,), "release the lease")

#: command → rule, for each status. Every pair stands here; a test holds it to that.
TABLE: Mapping[JobStatus, Mapping[type[c.Command], Rule]] = {
    S.QUEUED: {
        c.Create: REFUSE, c.Start: _START, c.Complete: STALE, c.Fail: STALE, c.Acknowledge: STALE,
        c.Expire: STALE, c.RetryDue: IGNORE, c.Review: REFUSE, c.Pause: _PAUSE, c.Resume: REFUSE,
        c.Cancel: _CANCEL,
    },
    S.RUNNING: {
        c.Create: REFUSE, c.Start: _START, c.Complete: _COMPLETE, c.Fail: _FAIL, c.Acknowledge: STALE,
        c.Expire: _EXPIRE, c.RetryDue: _RETRY, c.Review: REFUSE, c.Pause: _PAUSE, c.Resume: REFUSE,
        c.Cancel: _CANCEL,
    },
    S.AWAITING_REVIEW: {
        c.Create: REFUSE, c.Start: STALE, c.Complete: STALE, c.Fail: STALE, c.Acknowledge: STALE,
        c.Expire: STALE, c.RetryDue: IGNORE, c.Review: _REVIEW, c.Pause: _PAUSE, c.Resume: REFUSE,
        c.Cancel: _CANCEL,
    },
    S.PAUSED: {
        c.Create: REFUSE, c.Start: STALE,
        c.Complete: Rule(t.complete, (S.PAUSED, S.SUCCEEDED), "record; hold what comes next"),
        c.Fail: Rule(t.fail, (S.PAUSED, S.FAILED), "hold the retry, or dead letter"),
        c.Acknowledge: STALE,
        c.Expire: Rule(t.expire, (S.PAUSED, S.FAILED), "hold the retry, or dead letter"),
        c.RetryDue: IGNORE, c.Review: _REVIEW, c.Pause: REFUSE,
        c.Resume: Rule(g.resume, (S.QUEUED, S.RUNNING, S.AWAITING_REVIEW), "go on"),
        c.Cancel: _CANCEL,
    },
    S.SUCCEEDED: dict.fromkeys(c.COMMANDS, REFUSE)
    | dict.fromkeys((c.Start, c.Complete, c.Fail, c.Acknowledge, c.Expire), STALE)
    | {c.RetryDue: IGNORE},
    S.FAILED: dict.fromkeys(c.COMMANDS, REFUSE)
    | dict.fromkeys((c.Start, c.Complete, c.Fail, c.Acknowledge, c.Expire), STALE)
    | {c.RetryDue: IGNORE},
    S.CANCELED: {
        c.Create: REFUSE, c.Start: STALE, c.Complete: _RELEASE, c.Fail: _RELEASE, c.Acknowledge: _RELEASE,
        c.Expire: _RELEASE, c.RetryDue: IGNORE, c.Review: REFUSE, c.Pause: REFUSE, c.Resume: REFUSE,
        c.Cancel: REFUSE,
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
            return t.create(command.job, now)
        raise IllegalTransition(f"There is no job for {name(type(command))!r}.")
    return TABLE[job.status][type(command)].apply(job, command, now)
