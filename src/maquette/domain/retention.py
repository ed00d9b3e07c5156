"""How long a project keeps what nothing needs any more, in days by category. The library itself is kept."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from maquette.domain.errors import Detail, Invalid

DAYS_MAX = 36_500
_FOLDER = re.compile(r"projects/[0-9a-f-]{36}/(jobs|uploads)/([0-9a-f-]{36})/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Days by category; 0 keeps for ever."""

    events_days: int = 90
    """Events, from the moment they became true to the end of the month in which their time is over."""
    artifacts_days: int = 30
    """Files that nothing leads to any more, from the end of their job: superseded, rejected, left aside, of lost
    attempts, and all of canceled jobs."""
    jobs_days: int = 365
    """Jobs with steps, decisions and dead letters, from their end."""
    uploads_days: int = 30
    """Uploads that nothing uses, from the moment they were announced."""
    request_keys_days: int = 7
    """Idempotency keys, from their request: a client's last retry must come earlier."""


CATEGORIES = tuple(field.name.removesuffix("_days") for field in fields(Policy))


@dataclass(frozen=True, slots=True)
class Retention:
    """A project's version: what it chose, and what therefore holds."""

    version: int
    chosen: Mapping[str, int]
    """By the names of `Policy`; what is missing follows the platform's default."""
    policy: Policy


def check(chosen: Mapping[str, int | None]) -> dict[str, int]:
    """Return what was really chosen; ``Invalid`` names what is out of bounds."""
    problems = [
        Detail((name,), f"must be from 0 (for ever) to {DAYS_MAX} days", "value_error")
        for name, days in chosen.items()
        if days is not None and not 0 <= days <= DAYS_MAX
    ]
    if problems:
        raise Invalid(f"{problems[0].loc[0]}: {problems[0].msg}", details=problems)
    return {name: days for name, days in chosen.items() if days is not None}


def resolve(version: int, chosen: Mapping[str, int], platform: Policy) -> Retention:
    """Return what holds. A request's key never outlives its job: it would lead to nothing."""
    policy = replace(platform, **chosen)
    bounds = [days for days in (policy.jobs_days, policy.request_keys_days) if days]
    if policy.jobs_days:
        policy = replace(policy, request_keys_days=min(bounds))
    return Retention(version, dict(chosen), policy)


def cutoffs(policy: Policy, now: datetime) -> dict[str, datetime]:
    """Return by category the moment before which things go; a category that is kept for ever is missing."""
    return {
        name.removesuffix("_days"): now - timedelta(days=days)
        for name, days in asdict(policy).items()
        if days
    }


def month_of(moment: datetime) -> datetime:
    """Return the beginning of a moment's month, in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def events_before(
    choices: Sequence[tuple[int, Mapping[str, int]]], platform: Policy, now: datetime
) -> datetime | None:
    """Return before which month events are old for every project, or None when one keeps them for ever."""
    days = [platform.events_days]
    days += [resolve(version, chosen, platform).policy.events_days for version, chosen in choices]
    return month_of(now - timedelta(days=max(days))) if all(days) else None


def id_at(moment: datetime) -> UUID:
    """Return the smallest id that can have been made at a moment: ids begin with their milliseconds."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def owner(key: str) -> tuple[UUID | None, UUID | None]:
    """Return the job or the upload in whose folder an object is."""
    found = _FOLDER.match(key)
    if found is None:
        return None, None
    return (UUID(found[2]), None) if found[1] == "jobs" else (None, UUID(found[2]))
