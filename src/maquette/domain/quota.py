"""Quotas: how much a project and its users may have and spend. Limits are inherited: plan → project → user.

What the platform sets (a plan, or the project's own ``limits``) bounds what an owner sets for users. None: no limit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from maquette.domain.errors import BudgetExhausted, Detail, Invalid, MaquetteError, QuotaExceeded
from maquette.domain.ledger import CURRENCY, MICROS, NOTHING, Amount


@dataclass(frozen=True, slots=True)
class Limits:
    """What is bounded, each for a project as a whole or for one of its users; None: not at all.

    Days and months are those of the calendar, in UTC.
    """

    requests_per_minute: int | None = None
    concurrent_jobs: int | None = None
    """Jobs that have not ended."""
    jobs_per_day: int | None = None
    gpu_seconds_per_month: int | None = None
    cost_per_month: int | None = None
    """Micro-dollars here; shown and set in dollars."""
    stored_bytes: int | None = None
    """Of what steps made and people uploaded, as long as it is kept."""
    running_tasks: int | None = None
    """Of a project as a whole: what is over it waits."""


LIMIT_NAMES = tuple(item.name for item in fields(Limits))
LIMIT_MAX = 10**15
NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a kind of customer gets: for a project, and for each of its users."""

    limits: Limits = NO_LIMITS
    per_user: Limits = NO_LIMITS


NO_PLAN = Plan()


@dataclass(frozen=True, slots=True)
class Quotas:
    """What was set for one project. ``limits`` are the operators'; the others its owners may set below them."""

    plan: str | None = None
    limits: Limits = NO_LIMITS
    per_user: Limits = NO_LIMITS
    users: Mapping[str, Limits] = field(default_factory=dict)
    """By subject; stands before ``per_user``."""


@dataclass(frozen=True, slots=True)
class Terms:
    """All that says what a project may: its plan, what was set for it, and the bound that it was made with."""

    plan: Plan
    quotas: Quotas
    open_jobs_max: int | None = None

    @property
    def project(self) -> Limits:
        """What holds for the project as a whole."""
        held = _over(self.quotas.limits, self.plan.limits)
        return replace(held, concurrent_jobs=_least(held.concurrent_jobs, self.open_jobs_max))

    @property
    def limits_storage(self) -> bool:
        """Whether anything says how much may be stored."""
        return any(item.stored_bytes is not None for item in self._all())

    @property
    def limits_requests(self) -> bool:
        """Whether anything says how many requests may be sent."""
        return any(item.requests_per_minute is not None for item in self._all())

    @property
    def limits_tasks(self) -> bool:
        """Whether anything says how many tasks may run at once."""
        return self.project.running_tasks is not None

    def _all(self) -> Iterator[Limits]:
        yield from (self.plan.limits, self.plan.per_user, self.quotas.limits, self.quotas.per_user)
        yield from self.quotas.users.values()

    def user(self, subject: str) -> Limits:
        """Return what holds for one user: his own limits, else those of any user, and never more than the project's."""
        given = self.quotas.users.get(subject, NO_LIMITS)
        held = _over(_over(given, self.quotas.per_user), self.plan.per_user)
        if held == NO_LIMITS:
            return NO_LIMITS
        bound = _over(self.quotas.limits, self.plan.limits)
        least = {
            name: None if mine is None else _least(mine, getattr(bound, name))
            for name, mine in ((name, getattr(held, name)) for name in LIMIT_NAMES)
        }
        return Limits(**least)


def _over(first: Limits, second: Limits) -> Limits:
    """Return the limits of the first, and of the second where the first has none."""
    if first == NO_LIMITS:
        return second
    return Limits(
        **{
            name: getattr(second, name) if getattr(first, name) is None else getattr(first, name)
            for name in LIMIT_NAMES
        }
    )


def _least(one: int | None, other: int | None) -> int | None:
    return one if other is None else other if one is None else min(one, other)


_OF_USERS = {("per_user",), ("users",)}


def parse(given: Mapping[str, Any], loc: tuple[str | int, ...] = ()) -> Limits:
    """Return limits as they were kept or sent; ``Invalid`` names what is none."""
    values: dict[str, int | None] = {}
    for name, value in given.items():
        number = value
        if name == "cost_per_month" and isinstance(value, int | float):
            number = round(value * MICROS)
        whole = isinstance(number, int) and not isinstance(value, bool) and 0 <= number <= LIMIT_MAX
        if name not in LIMIT_NAMES:
            raise Invalid.field((*loc, name), f"must be one of {', '.join(LIMIT_NAMES)}", "unknown_field")
        if value is not None and not whole:
            raise Invalid.field((*loc, name), f"must be null or a number from 0 to {LIMIT_MAX}")
        if name == "running_tasks" and value is not None and loc[:1] in _OF_USERS:
            raise Invalid.field((*loc, name), "holds for a project as a whole, not for its users")
        values[name] = number
    return Limits(**values)


def shown(limits: Limits) -> dict[str, float | None]:
    """Return limits as they are kept and shown: money in dollars."""
    cost = limits.cost_per_month
    return {name: getattr(limits, name) for name in LIMIT_NAMES} | {
        "cost_per_month": None if cost is None else cost / MICROS
    }


def check_below(quotas: Quotas, plan: Plan) -> None:
    """Raise ``Invalid`` where somebody set more for users than the project may have."""
    bound = _over(quotas.limits, plan.limits)
    given = {("per_user",): quotas.per_user} | {
        ("users", user): limits for user, limits in quotas.users.items()
    }
    details = [
        Detail((*loc, name), f"the project itself has {value}", "above_project")
        for loc, limits in given.items()
        for name, value in shown(bound).items()
        if value is not None and (wanted := shown(limits)[name]) is not None and wanted > value
    ]
    if details:
        raise Invalid(
            f"{'.'.join(map(str, details[0].loc))}: must not be more than the project may have.",
            details=details,
        )


@dataclass(frozen=True, slots=True)
class Used:
    """What a project or one of its users has now."""

    concurrent_jobs: int = 0
    jobs_per_day: int = 0
    amount: Amount = NOTHING
    """Spent in this month, and reserved."""
    stored_bytes: int = 0
    running_tasks: int = 0


@dataclass(frozen=True, slots=True)
class Takes:
    """What something takes from a project's room."""

    opened: int = 0
    """Jobs that are open then: new ones, and failed ones that are tried again."""
    made: int = 0
    """New ones of them."""
    amount: Amount = NOTHING


NEW_JOB = Takes(opened=1, made=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What something takes of a limit: whose, which, how much of it is used and is asked for."""

    scope: str
    """``project`` or ``user``."""
    limit: str
    value: int
    used: int
    wanted: int
    retry_after_seconds: float

    @property
    def too_much(self) -> bool:
        """Whether the limit does not let it pass. What takes nothing always passes."""
        return self.wanted > 0 and self.used + self.wanted > self.value

    def fields(self) -> dict[str, Any]:
        """Return it as callers see it: money in dollars, GPU time in seconds."""
        unit = {"cost_per_month": MICROS, "gpu_seconds_per_month": 1000}.get(self.limit, 1)
        numbers = {"value": self.value, "used": self.used, "left": max(self.value - self.used, 0)}
        numbers["wanted"] = self.wanted
        shown_numbers = {name: number / unit if unit > 1 else number for name, number in numbers.items()}
        return {"scope": self.scope, "limit": self.limit, **shown_numbers}


def asked(scope: str, limits: Limits, used: Used, takes: Takes, *, now: datetime) -> Iterator[Asked]:
    """Return what something takes of each limit that is set."""
    wanted = takes.amount
    gpu_ms = None if limits.gpu_seconds_per_month is None else limits.gpu_seconds_per_month * 1000
    month = (next_month(now) - now).total_seconds()
    day = (next_day(now) - now).total_seconds()
    for name, value, has, more, wait in (
        ("concurrent_jobs", limits.concurrent_jobs, used.concurrent_jobs, takes.opened, 5.0),
        ("jobs_per_day", limits.jobs_per_day, used.jobs_per_day, takes.made, day),
        ("gpu_seconds_per_month", gpu_ms, used.amount.gpu_ms, max(wanted.gpu_ms, 0), month),
        ("cost_per_month", limits.cost_per_month, used.amount.micros, max(wanted.micros, 0), month),
        # What a job will store nobody knows: one that begins below the limit is finished.
        ("stored_bytes", limits.stored_bytes, used.stored_bytes, takes.made, 3600.0),
    ):
        if value is not None:
            yield Asked(scope, name, value, has, more, wait)


_BUDGETS = frozenset({"cost_per_month", "gpu_seconds_per_month"})
_SAYS = {
    "concurrent_jobs": "has as many open jobs as it may have: decide at open gates or cancel some",
    "jobs_per_day": "has submitted as many jobs as it may in a day",
    "gpu_seconds_per_month": "has not enough GPU time left in this month",
    "cost_per_month": "has not enough left of this month's budget",
    "stored_bytes": "stores as much as it may: delete something, or keep less by the retention policy",
}


def refusal(item: Asked) -> MaquetteError:
    """Return the error that tells of a limit: what it is, what is used, what is left, when to try again."""
    kind = BudgetExhausted if item.limit in _BUDGETS else QuotaExceeded
    return kind(
        f"The {item.scope} {_SAYS[item.limit]}.",
        retry_after_seconds=item.retry_after_seconds,
        extra={"quota": item.fields()},
    )


def above_max_cost(estimated: int, max_micros: int) -> MaquetteError:
    """Return the error of a submission that is estimated above its own ``max_cost``."""
    return BudgetExhausted(
        f"The job is estimated at {estimated / MICROS:g} {CURRENCY}, more than its max_cost of {max_micros / MICROS:g}.",
        extra={
            "quota": {
                "scope": "job",
                "limit": "max_cost",
                "value": max_micros / MICROS,
                "used": 0,
                "left": max_micros / MICROS,
                "wanted": estimated / MICROS,
            }
        },
    )


def spent_up(limits: Limits, used: Amount) -> str | None:
    """Return the monthly limit that more is spent and reserved of than it allows, or None."""
    gpu_max = limits.gpu_seconds_per_month
    if limits.cost_per_month is not None and used.micros > limits.cost_per_month:
        return "cost_per_month"
    return "gpu_seconds_per_month" if gpu_max is not None and used.gpu_ms > gpu_max * 1000 else None


def day_start(now: datetime) -> datetime:
    """Return the beginning of the day, in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(now: datetime) -> datetime:
    """Return the beginning of the month, in UTC."""
    return day_start(now).replace(day=1)


def next_day(now: datetime) -> datetime:
    """Return the beginning of the next day, in UTC."""
    return day_start(now) + timedelta(days=1)


def next_month(now: datetime) -> datetime:
    """Return the beginning of the next month, in UTC."""
    return month_start(month_start(now) + timedelta(days=32))
