"""Counts of requests that processes exchange, and the tally of what was refused."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from maquette.domain.quota import Terms
from maquette.store.database import Connection, statements
from maquette.store.quotas import terms_from

_SQL = statements("limiting")
Key = tuple[UUID, str]


async def limited(connection: Connection) -> dict[UUID, Terms]:
    """Return the projects for which a plan or somebody set a limit of requests, with what they may."""
    return terms_from(await connection.fetch(_SQL["limited"]))


async def tell(connection: Connection, replica: UUID, minute: int, counts: Mapping[Key, int]) -> None:
    """Write what this process counted in a minute, by project and user; it takes the place of what it said before."""
    await connection.execute(
        _SQL["tell"],
        [project for project, _ in counts],
        [subject for _, subject in counts],
        list(counts.values()),
        minute,
        replica,
    )


async def others(
    connection: Connection, replica: UUID, since: int, keys: Sequence[Key]
) -> dict[tuple[UUID, str, int], int]:
    """Return what the other processes counted, by project, user and minute, from a minute on."""
    rows = await connection.fetch(
        _SQL["others"], [project for project, _ in keys], [subject for _, subject in keys], since, replica
    )
    return {(row["project_id"], row["subject"], row["minute"]): row["count"] for row in rows}


async def forget(connection: Connection) -> None:
    """Drop the counts of minutes that no window covers any more."""
    await connection.execute(_SQL["forget"])


async def forget_refusals(connection: Connection, days: int) -> None:
    """Drop tallies of what was refused more than so many days ago."""
    await connection.execute(_SQL["forget_refusals"], days)


async def refused(connection: Connection, tally: Mapping[tuple[UUID, str, str], int]) -> None:
    """Add what was refused to today's tally, by (project, user, reason)."""
    await connection.execute(
        _SQL["refused"],
        [project for project, _, _ in tally],
        [subject for _, subject, _ in tally],
        [reason for _, _, reason in tally],
        list(tally.values()),
    )


async def refused_today(connection: Connection, project: UUID) -> dict[str, int]:
    """Return how often something was refused to a project today, by reason."""
    return {row["reason"]: row["times"] for row in await connection.fetch(_SQL["refused_today"], project)}
