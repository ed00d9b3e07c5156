"""Requests per minute over several processes: a sliding window made of two counters for each minute of the clock.

A request counts whole in its own minute, and in the next one by that part of its own which the window still covers
(the approximation that Cloudflare describes in "How we built rate limiting capable of scaling to millions of
domains", 2017).
"""

import math
from dataclasses import dataclass

MINUTE_SECONDS = 60


@dataclass(slots=True)
class Window:
    """What one key has asked for: counted here, and by the other processes as far as they have said so."""

    minute: int = 0
    """Of the clock, counted from 1970."""
    own: int = 0
    own_before: int = 0
    """In the minute before."""
    others: int = 0
    others_before: int = 0

    def turn(self, now: float) -> None:
        """Go on to the minute of ``now`` (seconds since 1970)."""
        minute = int(now // MINUTE_SECONDS)
        if minute <= self.minute:
            return
        following = minute == self.minute + 1
        self.own_before, self.others_before = (self.own, self.others) if following else (0, 0)
        self.minute, self.own, self.others = minute, 0, 0

    def used(self, now: float) -> float:
        """Return how many requests fall into the minute before ``now``."""
        self.turn(now)
        left = 1 - now % MINUTE_SECONDS / MINUTE_SECONDS
        return self.own + self.others + (self.own_before + self.others_before) * left

    def wait_seconds(self, now: float, limit: int) -> float:
        """Return when one more request will fit, if nothing else comes until then."""
        used_up = now % MINUTE_SECONDS
        here, before = self.own + self.others, self.own_before + self.others_before
        if limit < 1:
            return float(MINUTE_SECONDS)
        if here + 1 <= limit:
            fits = 1 - (limit - 1 - here) / before if before else 0.0
            return max(fits * MINUTE_SECONDS - used_up, 0.0)
        # Only in the next minute, when as much of this one has gone as it has too many.
        return MINUTE_SECONDS - used_up + max(1 - (limit - 1) / here, 0.0) * MINUTE_SECONDS


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a limit leaves: requests, and the seconds until it leaves more."""

    scope: str
    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return it as RateLimit headers: those of the IETF draft (httpapi-ratelimit-headers), and its earlier three."""
        numbers = {"limit": self.limit, "remaining": self.remaining, "reset": self.reset_seconds}
        return [
            *((f"ratelimit-{name}".encode(), str(number).encode()) for name, number in numbers.items()),
            (b"ratelimit-policy", f'"{self.scope}";q={self.limit};w={MINUTE_SECONDS}'.encode()),
            (b"ratelimit", f'"{self.scope}";r={self.remaining};t={self.reset_seconds}'.encode()),
        ]


def allowance(scope: str, window: Window, limit: int, now: float) -> Allowance:
    """Return what a limit leaves after what was counted."""
    remaining = max(math.floor(limit - window.used(now)), 0)
    wait = window.wait_seconds(now, limit) if not remaining else MINUTE_SECONDS - now % MINUTE_SECONDS
    return Allowance(scope, limit, remaining, max(math.ceil(wait), 1))
