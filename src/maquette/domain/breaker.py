"""Circuit breakers: whether a service is asked at all, judged by how its last attempts went.

Closed, open, half-open as M. Nygard describes it ("Release It!", 2007), with two ways to open: too many of the attempts
in a window failed, or too many took too long. Half-open lets a few attempts through and believes several good ones or a
single bad one; each time it opens again it waits twice as long, so a service that comes and goes is not asked all the
time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from maquette.domain.errors import Detail, Invalid

#: What is the service's own failure. ``invalid`` and ``policy`` say something of the brief.
FAILURES = frozenset({"transient", "rate_limited", "timeout", "resource", "lost_worker"})
#: Attempts are counted in slots of this length.
SLOT_SECONDS = 5


class State(StrEnum):
    """Whether a service is asked."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Policy:
    """When a breaker opens and closes."""

    window_seconds: float = 60.0
    calls_min: int = 20
    """Fewer attempts in the window say nothing."""
    failure_rate: float = 0.5
    slow_seconds: float | None = None
    """From here on an attempt is slow; None: however long one takes, it is not."""
    slow_rate: float = 0.8
    open_seconds: float = 30.0
    """How long it stays open the first time."""
    open_seconds_max: float = 900.0
    probes: int = 1
    """Attempts at a time while it is half-open."""
    successes_to_close: int = 3


_BOUNDS: Mapping[str, tuple[float, float]] = {
    "window_seconds": (10, 3600),
    "calls_min": (1, 10_000),
    "failure_rate": (0.01, 1),
    "slow_seconds": (0.1, 86_400),
    "slow_rate": (0.01, 1),
    "open_seconds": (1, 86_400),
    "open_seconds_max": (1, 86_400),
    "probes": (1, 100),
    "successes_to_close": (1, 100),
}


def policy_from(wish: Mapping[str, Any]) -> Policy:
    """Return the policy of a document; ``Invalid`` names what is out of bounds."""
    problems = [
        Detail(("breaker", name), f"must be from {low:g} to {high:g}", "value_error")
        for name, (low, high) in _BOUNDS.items()
        if wish.get(name) is not None and not low <= wish[name] <= high
    ]
    if problems:
        raise Invalid(f"{problems[0].loc[1]}: {problems[0].msg}", details=problems)
    known = {item.name for item in fields(Policy)}
    return Policy(**{name: value for name, value in wish.items() if name in known and value is not None})


@dataclass(frozen=True, slots=True)
class Tally:
    """How attempts went that began since the breaker came to its state."""

    calls: int = 0
    failed: int = 0
    slow: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.calls + other.calls, self.failed + other.failed, self.slow + other.slow)

    @property
    def good(self) -> int:
        """Attempts that neither failed nor were slow."""
        return self.calls - min(self.calls, self.failed + self.slow)


@dataclass(frozen=True, slots=True)
class Breaker:
    """A service's breaker. ``generation`` counts its states: attempts count for the one that they began in."""

    state: State = State.CLOSED
    since: datetime | None = None
    generation: int = 0
    trips: int = 0
    """How often in a row it opened."""
    probe_at: datetime | None = None
    """When it is tried again, while it is open."""
    reason: str = ""


def judge(breaker: Breaker, tally: Tally, policy: Policy, now: datetime) -> Breaker:
    """Return the breaker as it is from ``now`` on; the same value when nothing changes. Pure.

    ``tally`` holds the attempts of the window, half-open: all of them.
    """
    if breaker.state is State.OPEN:
        if breaker.probe_at is None or now < breaker.probe_at:
            return breaker
        return _enter(breaker, State.HALF_OPEN, now, reason=breaker.reason)
    if breaker.state is State.HALF_OPEN:
        bad = tally.calls - tally.good
        if bad:
            return _open(breaker, policy, now, f"{bad} of {tally.calls} probes failed")
        if tally.calls >= policy.successes_to_close:
            return _enter(breaker, State.CLOSED, now)
        return breaker
    if tally.calls < policy.calls_min:
        return breaker
    if tally.failed >= policy.failure_rate * tally.calls:
        return _open(breaker, policy, now, f"{tally.failed} of {tally.calls} attempts failed")
    if policy.slow_seconds is not None and tally.slow >= policy.slow_rate * tally.calls:
        return _open(breaker, policy, now, f"{tally.slow} of {tally.calls} attempts were slow")
    return breaker


def _open(breaker: Breaker, policy: Policy, now: datetime, reason: str) -> Breaker:
    # Closed for as long as the longest wait: what happened before is forgotten.
    recovered = (
        breaker.state is State.CLOSED
        and breaker.since is not None
        and (now - breaker.since).total_seconds() > policy.open_seconds_max
    )
    trips = 1 if recovered else breaker.trips + 1
    seconds = min(policy.open_seconds_max, policy.open_seconds * 2.0 ** min(trips - 1, 32))
    opened = _enter(replace(breaker, trips=trips), State.OPEN, now, reason=reason)
    return replace(opened, probe_at=now + timedelta(seconds=seconds))


def _enter(breaker: Breaker, state: State, now: datetime, *, reason: str = "") -> Breaker:
    return replace(
        breaker,
        state=state,
        since=now,
        generation=breaker.generation + 1,
        probe_at=None,
        reason=reason,
    )


def slot(moment: datetime) -> int:
    """Return the number of the slot of time that a moment is in."""
    return int(moment.timestamp()) // SLOT_SECONDS
