"""Room: what projects and their users have left, inside the transaction that takes some of it.

Under the projects' locks, so that whoever comes at the same time sees what was taken. What no limit asks for is not
counted: without limits there is one statement for the locks, and one that counts open jobs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from maquette.domain import quota
from maquette.domain.quota import Asked, Limits, Takes, Terms, Used
from maquette.store import quotas
from maquette.store.database import Connection
from maquette.store.quotas import Subject

#: Where a project has no limit of open jobs, counting them stops here.
_OPEN_MAX = 1_000_000
_NONE = Used()


@dataclass(slots=True)
class Room:
    """Limits and what is used of them; whoever takes something says so."""

    now: datetime
    limits: dict[UUID, Limits]
    """By project: what it has as a whole."""
    user_limits: dict[Subject, Limits]
    """What users have, where they are limited."""
    used: dict[tuple[UUID, str | None], Used] = field(default_factory=dict)

    def asked(self, project: UUID, subject: str, takes: Takes) -> list[Asked]:
        """Return what it takes of each limit that is set, the project's first."""
        whole = quota.asked("project", self.limits[project], self._used(project), takes, now=self.now)
        own = self.user_limits.get((project, subject))
        if own is None:
            return list(whole)
        used = self._used(project, subject)
        return [*whole, *quota.asked("user", own, used, takes, now=self.now)]

    def take(self, project: UUID, subject: str, takes: Takes) -> None:
        """Count what was taken."""
        for key in ((project, None), (project, subject)):
            had = self._used(*key)
            self.used[key] = replace(
                had,
                concurrent_jobs=had.concurrent_jobs + takes.opened,
                jobs_per_day=had.jobs_per_day + takes.made,
                amount=had.amount + takes.amount,
            )

    def spent_up(self, project: UUID, subject: str) -> str | None:
        """Return a monthly limit of the project or its user that more is taken of than it allows, or None."""
        own = self.user_limits.get((project, subject), quota.NO_LIMITS)
        return quota.spent_up(self.limits[project], self._used(project).amount) or quota.spent_up(
            own, self._used(project, subject).amount
        )

    def _used(self, project: UUID, subject: str | None = None) -> Used:
        return self.used.get((project, subject), _NONE)


async def look(
    connection: Connection,
    terms: Mapping[UUID, Terms],
    users: Collection[Subject],
    now: datetime,
    *,
    jobs: bool,
    costs: bool,
    without_waiting: bool = False,
) -> Room:
    """Return the room of projects for these users: ``jobs`` and ``costs`` say what is to be taken from it.

    ``without_waiting``: what is reserved for jobs that wait for room takes none. It is for asking who of them may go
    on; each would else be kept by the others.
    """
    held = {user: terms[user[0]].user(user[1]) for user in users if user[0] in terms}
    room = Room(
        now,
        {project: item.project for project, item in terms.items()},
        {user: limits for user, limits in held.items() if limits is not quota.NO_LIMITS},
    )
    everyone = [*room.limits.values(), *room.user_limits.values()]
    if jobs:
        await _count_jobs(connection, room, everyone)
    if costs and any(_monthly(limits) for limits in everyone):
        month = quota.month_start(now)
        subjects = [subject for _, subject in room.user_limits]
        spent = await quotas.spent(connection, room.limits, month, subjects, without_waiting=without_waiting)
        for key, amount in spent.items():
            room.used[key] = replace(room.used.get(key, _NONE), amount=amount)
    if jobs and any(limits.stored_bytes is not None for limits in everyone):
        for key, number in (await quotas.stored(connection, room.limits)).items():
            room.used[key] = replace(room.used.get(key, _NONE), stored_bytes=number)
    return room


async def _count_jobs(connection: Connection, room: Room, everyone: Collection[Limits]) -> None:
    maxima = {
        project: _OPEN_MAX if limits.concurrent_jobs is None else limits.concurrent_jobs
        for project, limits in room.limits.items()
    }
    for project, number in (await quotas.count_open(connection, maxima)).items():
        room.used[project, None] = Used(concurrent_jobs=number)
    limited = [user for user, limits in room.user_limits.items() if limits.concurrent_jobs is not None]
    if limited:
        for user, number in (await quotas.count_users_open(connection, limited)).items():
            room.used[user] = Used(concurrent_jobs=number)
    if any(limits.jobs_per_day is not None for limits in everyone):
        since = quota.day_start(room.now)
        today = await quotas.count_since(connection, room.limits, since)
        for (project, subject), number in today.items():
            for key in ((project, None), (project, subject)):
                had = room.used.get(key, _NONE)
                room.used[key] = replace(had, jobs_per_day=had.jobs_per_day + number)


def _monthly(limits: Limits) -> bool:
    return limits.cost_per_month is not None or limits.gpu_seconds_per_month is not None
