"""Quotas and the ledger: limits under the project's lock, entries as they become true, and their sums."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from maquette.domain import quota
from maquette.domain.job import Job
from maquette.domain.ledger import Amount, Charge
from maquette.domain.quota import NO_PLAN, Limits, Plan, Quotas, Terms
from maquette.domain.rates import Rate
from maquette.store.database import Connection, decode, encode, statements
from maquette.store.jobs import bill_kept

_SQL = statements("quotas")
_NO_QUOTAS = Quotas()
Subject = tuple[UUID, str]


@dataclass(frozen=True, slots=True)
class Blocked:
    """A job that waits for something left to spend."""

    job_id: UUID
    project_id: UUID
    subject: str
    reserved: Amount
    """As it was when it began to wait."""


@lru_cache(maxsize=1024)
def _plan(data: bytes | None) -> Plan:
    if data is None:
        return NO_PLAN
    kept = decode(data)
    return Plan(quota.parse(kept["limits"]), quota.parse(kept["per_user"]))


@lru_cache(maxsize=1024)
def _quotas(plan: str | None, data: bytes | None) -> Quotas:
    if data is None:
        return Quotas(plan) if plan else _NO_QUOTAS
    kept = decode(data)
    users = {subject: quota.parse(limits) for subject, limits in kept["users"].items()}
    return Quotas(plan, quota.parse(kept["limits"]), quota.parse(kept["per_user"]), users)


def terms_from(rows: Sequence[Mapping[str, Any]]) -> dict[UUID, Terms]:
    """Return what projects may, by id, from rows with their plans."""
    return {
        row["id"]: Terms(_plan(row["plan_limits"]), _quotas(row["plan"], row["quotas"]), row["open_jobs_max"])
        for row in rows
    }


async def lock(connection: Connection, projects: Sequence[UUID]) -> dict[UUID, Terms]:
    """Lock projects, given in order, and return what each may; archived and missing ones are left out."""
    return terms_from(await connection.fetch(_SQL["lock"], projects))


async def terms(connection: Connection, projects: Collection[UUID]) -> dict[UUID, Terms]:
    """Return what each project may, without a lock."""
    return terms_from(await connection.fetch(_SQL["terms"], list(projects)))


async def count_open(connection: Connection, maxima: Mapping[UUID, int]) -> dict[UUID, int]:
    """Return how many jobs of each project have not ended, counted up to its limit."""
    rows = await connection.fetch(_SQL["count_open"], list(maxima), list(maxima.values()))
    return {row["id"]: row["open"] for row in rows}


async def count_users_open(connection: Connection, users: Collection[Subject]) -> dict[Subject, int]:
    """Return how many jobs of each user have not ended."""
    rows = await connection.fetch(
        _SQL["count_users_open"], [project for project, _ in users], [subject for _, subject in users]
    )
    return {(row["project_id"], row["subject"]): row["open"] for row in rows}


async def count_since(
    connection: Connection, projects: Collection[UUID], since: datetime
) -> dict[Subject, int]:
    """Return how many jobs were submitted since a moment, by project and user: ids begin with their time (UUIDv7)."""
    first = UUID(int=int(since.timestamp() * 1000) << 80)
    rows = await connection.fetch(_SQL["count_since"], list(projects), first)
    return {(row["project_id"], row["subject"]): row["jobs"] for row in rows}


async def spent(
    connection: Connection,
    projects: Collection[UUID],
    month: datetime,
    subjects: Collection[str],
    *,
    without_waiting: bool = False,
) -> dict[tuple[UUID, str | None], Amount]:
    """Return what was spent since ``month`` and is reserved: of projects (None) and of their users named.

    ``without_waiting`` leaves out what is reserved for jobs that wait for room.
    """
    rows = await connection.fetch(_SQL["spent"], list(projects), month, list(subjects), without_waiting)
    return {(row["project_id"], row["subject"]): Amount(row["micros"], row["gpu_ms"]) for row in rows}


async def creators(connection: Connection, jobs: Collection[UUID]) -> dict[UUID, str]:
    """Return whose jobs these are."""
    rows = await connection.fetch(_SQL["creators"], list(jobs))
    return {row["job_id"]: row["created_by"] for row in rows}


async def insert_charges(connection: Connection, charges: Sequence[Charge]) -> None:
    """Append entries; their jobs' briefs say whose they are."""
    await connection.execute(
        _SQL["insert_charges"],
        [item.project_id for item in charges],
        [item.job_id for item in charges],
        [item.position for item in charges],
        [item.revision for item in charges],
        [item.attempt for item in charges],
        [item.step for item in charges],
        [item.service for item in charges],
        [item.kind for item in charges],
        [item.amount.micros for item in charges],
        [item.amount.gpu_ms for item in charges],
        [item.at for item in charges],
    )


async def update_bills(connection: Connection, jobs: Sequence[Job]) -> None:
    """Write the bills of jobs whose costs changed: none of a job that costs nothing."""
    bills = [None if job.bill is None else bill_kept(job.bill) for job in jobs]
    await connection.execute(_SQL["update_bills"], [job.id for job in jobs], bills)


async def block(connection: Connection, jobs: Sequence[tuple[Job, Amount]], now: datetime) -> None:
    """Make jobs findable that wait for something left to spend, with what is reserved for each."""
    await connection.execute(
        _SQL["insert_blocked"],
        [job.id for job, _ in jobs],
        [job.project_id for job, _ in jobs],
        now,
        [reserved.micros for _, reserved in jobs],
        [reserved.gpu_ms for _, reserved in jobs],
    )


async def unblock(connection: Connection, jobs: Sequence[Job]) -> None:
    """Forget jobs that do not wait any more."""
    await connection.execute(_SQL["delete_blocked"], [job.id for job in jobs])


async def blocked(connection: Connection, after: UUID, limit: int) -> list[Blocked]:
    """Return jobs that wait, in order of id, after one."""
    rows = await connection.fetch(_SQL["blocked"], after, limit)
    return [
        Blocked(row["job_id"], row["project_id"], row["subject"], Amount(row["micros"], row["gpu_ms"]))
        for row in rows
    ]


async def now(connection: Connection) -> datetime:
    """Return the database's time."""
    moment: datetime = await connection.fetchval(_SQL["now"])
    return moment


async def add_up(connection: Connection, limit: int) -> int:
    """Move up to ``limit`` fresh entries into the sums; return how many."""
    return int(await connection.fetchval(_SQL["add_up"], limit))


async def plan(connection: Connection, name: str) -> Plan | None:
    """Return a plan, or None."""
    data = await connection.fetchval(_SQL["plan"], name)
    return None if data is None else _plan(data)


async def plans(connection: Connection) -> dict[str, Plan]:
    """Return all plans by name."""
    return {row["name"]: _plan(row["limits"]) for row in await connection.fetch(_SQL["plans"])}


async def put_plan(connection: Connection, name: str, plan: Plan, by: str) -> None:
    """Make or replace a plan."""
    kept = {"limits": _kept(plan.limits), "per_user": _kept(plan.per_user)}
    terms = Terms(plan, _NO_QUOTAS)
    await connection.execute(
        _SQL["put_plan"], name, encode(kept), terms.limits_requests, by, terms.limits_tasks
    )


async def put_quotas(connection: Connection, project: UUID, quotas: Quotas) -> None:
    """Replace what was set for a project."""
    kept = {
        "limits": _kept(quotas.limits),
        "per_user": _kept(quotas.per_user),
        "users": {subject: _kept(limits) for subject, limits in quotas.users.items()},
    }
    own = Terms(NO_PLAN, quotas)
    await connection.execute(
        _SQL["put_quotas"], project, quotas.plan, encode(kept), own.limits_requests, own.limits_tasks
    )


def _kept(limits: Limits) -> dict[str, float | None]:
    """Return the limits that are set: a version that does not know one can read what does not name it."""
    return {name: value for name, value in quota.shown(limits).items() if value is not None}


async def tariff(connection: Connection) -> dict[str, dict[str, Rate]]:
    """Return the rates of every service that has any, by step."""
    return {
        row["service"]: {step: Rate(**values) for step, values in decode(row["rates"]).items()}
        for row in await connection.fetch(_SQL["tariff"])
    }


async def put_rates(connection: Connection, service: str, rates: Mapping[str, Rate], by: str) -> None:
    """Make or replace the rates of a service."""
    await connection.execute(_SQL["put_rates"], service, encode(rates), by)


async def stored(connection: Connection, projects: Collection[UUID]) -> dict[tuple[UUID, str | None], int]:
    """Return what projects (None) and their users store, in bytes, as last measured."""
    rows = await connection.fetch(_SQL["stored"], list(projects))
    return {(row["project_id"], row["subject"]): row["bytes"] for row in rows}


async def due_for_measuring(connection: Connection, age_seconds: float) -> list[UUID]:
    """Return projects with limits whose store was not measured lately."""
    return [row["id"] for row in await connection.fetch(_SQL["due_for_measuring"], age_seconds)]


async def measure(connection: Connection, project: UUID) -> None:
    """Look at what a project stores; run it in a transaction."""
    await connection.execute(_SQL["measure"], project)
    await connection.execute(_SQL["forget_stored"], project)
