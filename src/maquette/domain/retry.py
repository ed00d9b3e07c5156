"""Retry policies as data, and exponential backoff with full jitter.

Full jitter (a uniform draw from zero to the capped exponential) is Marc Brooker's variant with the least
total work under contention: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a class of error is tried in all, and how long the waits may grow (s)."""

    attempts_max: int
    base_seconds: float
    cap_seconds: float


POLICIES: Mapping[str, RetryPolicy] = {
    "transient": RetryPolicy(5, 1.0, 60.0),
    "rate_limited": RetryPolicy(10, 5.0, 300.0),
    "timeout": RetryPolicy(3, 2.0, 60.0),
    "resource": RetryPolicy(3, 5.0, 120.0),
    "lost_worker": RetryPolicy(4, 0.0, 0.0),
    "invalid": RetryPolicy(1, 0.0, 0.0),
    "policy": RetryPolicy(1, 0.0, 0.0),
}


def retry_delay(
    error_class: str, attempt: int, *, jitter: float, retry_after_seconds: float | None = None
) -> float | None:
    """Return how long to wait (s) before the next attempt, or None when there is none.

    ``attempt`` is the one that failed, counted from 1; ``jitter`` is a uniform draw from [0, 1). A server's
    ``Retry-After`` is a floor, capped at an hour.
    """
    policy = POLICIES[error_class]
    if attempt >= policy.attempts_max:
        return None
    backoff = min(policy.cap_seconds, policy.base_seconds * 2.0 ** min(attempt - 1, 32)) * jitter
    return max(backoff, min(retry_after_seconds or 0.0, 3600.0))
