"""Services as routing sees them: may they be asked now, and for how much at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from maquette.domain.breaker import Breaker, Policy, State


class Reason(StrEnum):
    """Why a service is not asked."""

    BREAKER_OPEN = "breaker_open"
    PROBING = "probing"
    """Half-open, and enough attempts try it already."""
    FORCED_OPEN = "forced_open"
    """An operator opened its breaker."""
    DRAINING = "draining"
    NO_WORKER = "no_worker"
    """Asked of a fallback only: no live worker of it does the step."""
    COST = "cost"
    """Asked of a fallback only: the job would go above its ``max_cost``."""


@dataclass(frozen=True, slots=True)
class Service:
    """What is set and known of a service; one that nobody set anything for has the defaults."""

    name: str
    policy: Policy = field(default_factory=Policy)
    breaker: Breaker = field(default_factory=Breaker)
    forced: Literal["open", "closed"] | None = None
    """An operator's word on the breaker; None: it is judged by its attempts."""
    forced_by: str | None = None
    forced_reason: str = ""
    draining: bool = False
    concurrency_max: int | None = None
    """Attempts at a time, over all processes."""
    starts_per_minute: int | None = None
    """Attempts begun in a minute; up to a quarter of them at once."""

    @property
    def state(self) -> State:
        """The breaker's state, an operator's word before its own."""
        return State(self.forced) if self.forced else self.breaker.state

    @property
    def away(self) -> Reason | None:
        """Why it is not asked at all; None when it is."""
        if self.forced == "open":
            return Reason.FORCED_OPEN
        if self.draining:
            return Reason.DRAINING
        return Reason.BREAKER_OPEN if self.state is State.OPEN else None

    @property
    def probing(self) -> bool:
        """Whether it is asked a few times only, to see."""
        return self.away is None and self.state is State.HALF_OPEN

    @property
    def at_a_time(self) -> int | None:
        """How many attempts may run at once; None: as many as there are workers for."""
        bounds = [self.concurrency_max, self.policy.probes if self.probing else None]
        return min((bound for bound in bounds if bound is not None), default=None)

    @property
    def bounded(self) -> bool:
        """Whether claims have to look before they take tasks of it."""
        return self.away is not None or self.at_a_time is not None or self.starts_per_minute is not None


@dataclass(frozen=True, slots=True)
class Bucket:
    """Permission to begin attempts, saved up to a quarter of a minute's worth. ``tokens`` may be a fraction."""

    tokens: float
    at: datetime

    def filled(self, per_minute: int, now: datetime) -> "Bucket":
        """Return the bucket as it is ``now``."""
        come = max((now - self.at).total_seconds(), 0.0) * per_minute / 60
        return Bucket(min(burst(per_minute), self.tokens + come), now)


def burst(per_minute: int) -> float:
    """Return how many attempts may begin at once."""
    return max(1.0, per_minute / 4)


@dataclass(frozen=True, slots=True)
class Choice:
    """Who does a step, and why not the one who was asked for; without a service there is nobody at the moment."""

    service: str | None
    reason: Reason | None = None


def choose(
    route: Sequence[str],
    services: Mapping[str, Service],
    fits: Mapping[str, Reason],
    full: frozenset[str] = frozenset(),
) -> Choice:
    """Return the first of a route that can be asked. Pure.

    ``fits`` names fallbacks that are not up to the step, and why; ``full`` names half-open services with enough probes.
    """
    why: Reason | None = None
    for place, name in enumerate(route):
        service = services.get(name)
        hindrance = service.away if service else None
        if hindrance is None and name in full:
            hindrance = Reason.PROBING
        if hindrance is None and place:
            hindrance = fits.get(name)
        if hindrance is None:
            return Choice(name, why)
        if place == 0:
            why = hindrance
    return Choice(None, why)
