"""Retry policies as data, exponential backoff with full jitter, and what projects say of both.

Full jitter (a uniform draw from zero to the capped exponential) is Marc Brooker's variant with the least
total work under contention: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from maquette.domain.errors import Detail, Invalid
from maquette.domain.pipeline import STEP_NAMES, Pipeline


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
    "lost_worker": RetryPolicy(4, 2.0, 60.0),
    "invalid": RetryPolicy(1, 0.0, 0.0),
    "policy": RetryPolicy(1, 0.0, 0.0),
}
PERMANENT = frozenset({"invalid", "policy"})
"""What the same inputs would only do again: nobody can have it retried."""

DEFAULT = "default"
"""Stands for every step that says nothing of its own."""

ATTEMPTS_MAX = 50
SECONDS_MAX = 86_400.0
DEADLINE_SECONDS_MIN = 10
DEADLINE_SECONDS_MAX = 86_400
_RETRIED = tuple(name for name in POLICIES if name not in PERMANENT)
_STEPS = (DEFAULT, *STEP_NAMES)


@dataclass(frozen=True, slots=True)
class StepRetries:
    """What a project says of a step: policies by class of error, and how long an attempt may take (s; None: the step's own)."""

    policies: Mapping[str, RetryPolicy] = field(default_factory=dict)
    deadline_seconds: int | None = None


AS_SHIPPED = StepRetries()


@dataclass(frozen=True, slots=True)
class Retries:
    """One version: what is said, by step or ``default``. What is not said is as shipped."""

    version: int = 0
    steps: Mapping[str, StepRetries] = field(default_factory=dict)


def parse(body: Mapping[str, Any], version: int = 0) -> Retries:
    """Return the retries in a document; ``Invalid`` names everything that is wrong."""
    given: Mapping[str, Any] = body.get("retries") or {}
    problems = list(_problems(given))
    if problems:
        raise Invalid(f"{'.'.join(map(str, problems[0].loc))}: {problems[0].msg}", details=problems)
    return Retries(version, {step: _step(given[step]) for step in _STEPS if given.get(step)})


def _problems(given: Mapping[str, Any]) -> Iterator[Detail]:
    for step, said in given.items():
        loc = ("retries", step)
        if step not in _STEPS:
            yield Detail(loc, f"{step[:40]!r} is not one of {', '.join(_STEPS)}", "unknown_step")
        deadline = said.get("deadline_seconds")
        if deadline is not None and not DEADLINE_SECONDS_MIN <= deadline <= DEADLINE_SECONDS_MAX:
            bounds = f"must be from {DEADLINE_SECONDS_MIN} to {DEADLINE_SECONDS_MAX} s"
            yield Detail((*loc, "deadline_seconds"), bounds, "value_error")
        for name, numbers in (said.get("errors") or {}).items():
            yield from _policy_problems((*loc, "errors", name), name, numbers)


def _policy_problems(loc: tuple[str, ...], name: str, numbers: Mapping[str, Any]) -> Iterator[Detail]:
    if name in PERMANENT:
        yield Detail(loc, "is never tried again: the same inputs would only fail again", "permanent_error")
        return
    if name not in POLICIES:
        yield Detail(loc, f"{name[:40]!r} is not one of {', '.join(_RETRIED)}", "unknown_class")
        return
    policy = _policy(name, numbers)
    if not 1 <= policy.attempts_max <= ATTEMPTS_MAX:
        yield Detail((*loc, "attempts_max"), f"must be from 1 to {ATTEMPTS_MAX}", "value_error")
    for member in ("base_seconds", "cap_seconds"):
        if not 0 <= getattr(policy, member) <= SECONDS_MAX:
            yield Detail((*loc, member), f"must be from 0 to {SECONDS_MAX:g} s", "value_error")
    if policy.base_seconds > policy.cap_seconds:
        yield Detail(
            (*loc, "cap_seconds"),
            f"{policy.cap_seconds:g} s is less than base_seconds, {policy.base_seconds:g} s",
            "value_error",
        )


def _policy(name: str, numbers: Mapping[str, Any]) -> RetryPolicy:
    """Return what is shipped with those numbers that are given in their places."""
    return replace(POLICIES[name], **{key: value for key, value in numbers.items() if value is not None})


def _step(said: Mapping[str, Any]) -> StepRetries:
    errors: Mapping[str, Any] = said.get("errors") or {}
    policies = {name: _policy(name, errors[name]) for name in _RETRIED if name in errors}
    return StepRetries(policies, said.get("deadline_seconds"))


def step_fields(said: StepRetries) -> dict[str, Any]:
    """Return what is said of a step as it is kept and shown; ``step_from`` reads it back."""
    return {
        "errors": {name: asdict(policy) for name, policy in said.policies.items()},
        "deadline_seconds": said.deadline_seconds,
    }


def step_from(kept: Mapping[str, Any]) -> StepRetries:
    """Return what was kept."""
    policies = {name: RetryPolicy(**numbers) for name, numbers in kept["errors"].items()}
    return StepRetries(policies, kept["deadline_seconds"])


def document(retries: Retries) -> dict[str, Any]:
    """Return the document: ``parse`` reads it back."""
    return {"retries": {step: step_fields(said) for step, said in retries.steps.items()}}


def pinned(retries: Retries, pipeline: Pipeline) -> dict[int, StepRetries]:
    """Return what a job keeps: what is said of its steps, by position; of each class what stands at the step, else at ``default``."""
    if not retries.steps:
        return {}
    whole = retries.steps.get(DEFAULT, AS_SHIPPED)
    merged = {
        place: _over(retries.steps.get(spec.name, AS_SHIPPED), whole)
        for place, spec in enumerate(pipeline.steps)
    }
    return {place: said for place, said in merged.items() if said != AS_SHIPPED}


def _over(own: StepRetries, whole: StepRetries) -> StepRetries:
    deadline = whole.deadline_seconds if own.deadline_seconds is None else own.deadline_seconds
    return StepRetries({**whole.policies, **own.policies}, deadline)


def policy_of(said: StepRetries, error_class: str) -> RetryPolicy:
    """Return the policy that holds for a class of error."""
    return said.policies.get(error_class, POLICIES[error_class])


def retry_delay(
    policy: RetryPolicy, attempt: int, *, jitter: float, retry_after_seconds: float | None = None
) -> float | None:
    """Return how long to wait (s) before the next attempt, or None when there is none.

    ``attempt`` is the one that failed, counted from 1; ``jitter`` is a uniform draw from [0, 1). A server's
    ``Retry-After`` is a floor, capped at an hour.
    """
    if attempt >= policy.attempts_max:
        return None
    return max(_backoff(policy, attempt) * jitter, min(retry_after_seconds or 0.0, 3600.0))


def loss_delay(policy: RetryPolicy, attempt: int, deaths: int, *, jitter: float) -> float | None:
    """Return how long a step waits (s) whose worker is gone, or None when it has no attempt left.

    One loss is an accident: the next worker takes the step at once. From the second one on the step itself is a
    suspect, and waits between half of its backoff and all of it, so that it does not take one worker after the other.
    """
    if attempt >= policy.attempts_max:
        return None
    return 0.0 if deaths < 2 else _backoff(policy, deaths - 1) * (1 + jitter) / 2


def _backoff(policy: RetryPolicy, attempt: int) -> float:
    return min(policy.cap_seconds, policy.base_seconds * 2.0 ** min(attempt - 1, 32))
