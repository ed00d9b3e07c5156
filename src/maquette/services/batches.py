"""Batches: many briefs at once, each admitted, recorded and refused on its own."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from maquette.domain.commands import Cancel
from maquette.domain.errors import IdempotencyMismatch, Invalid, MaquetteError, NotFound
from maquette.domain.idempotency import request_digest
from maquette.domain.job import Job
from maquette.domain.principal import Principal
from maquette.domain.text import NAME, clean
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.services.orders import Order
from maquette.services.submission import Recorded, record
from maquette.store import batches, projects
from maquette.store.batches import Batch
from maquette.store.jobs import BatchLine
from maquette.telemetry.trace import TraceContext

LINES_MAX = 1000
#: Lines that are admitted side by side: enough to fill the transactor's batches, few enough to leave it to others.
_AT_ONCE = 32
_CANCELS_AT_ONCE = 100
#: Between a batch's Idempotency-Key and the line's number; no key of a person can hold it.
_UNIT_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a batch: its number, counted from 1, and the brief, or what is wrong with it."""

    number: int
    wish: Mapping[str, Any] | MaquetteError


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one line."""

    number: int
    result: Recorded | MaquetteError


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch, how its jobs stand, and, to its sender, a verdict a line."""

    batch: Batch
    jobs: Mapping[str, int]
    verdicts: Sequence[Verdict] = field(default_factory=tuple)


async def submit(
    deps: Deps,
    principal: Principal,
    project: UUID,
    lines: Sequence[Line],
    *,
    name: str,
    idempotency_key: str | None,
    correlation_id: str,
    trace: TraceContext | None = None,
) -> BatchView:
    """Record a job for each line that can be admitted. A wrong line never takes another one with it.

    With an Idempotency-Key each line has a key of its own, so that a request that was cut off half-way goes on
    where it stopped when it is sent again.
    """
    principal.require_project(project)
    if not lines:
        raise Invalid.field(("body",), "holds no line")
    name = clean(name, NAME, ("query", "name"))
    digest = request_digest({"by": principal.subject, "lines": [_fingerprint(line) for line in lines]})
    async with deps.database.transaction() as connection:
        if await projects.context(connection, project) is None:
            raise NotFound("There is no such project.")
        batch = await batches.insert(
            connection, new_id(), project,
            key=idempotency_key, digest=digest, name=name, lines=len(lines), by=principal.subject,
        )  # fmt: skip
    if batch.digest != digest:
        raise IdempotencyMismatch(f"Idempotency-Key {idempotency_key!r} was used before with another body.")
    waiting = iter(lines)
    verdicts: list[Verdict] = []

    async def admit_some() -> None:
        for line in waiting:
            key = None if idempotency_key is None else f"{idempotency_key}{_UNIT_SEPARATOR}{line.number}"
            try:
                if isinstance(line.wish, MaquetteError):
                    raise line.wish
                result: Recorded | MaquetteError = await record(
                    deps, principal, line.wish,
                    idempotency_key=key, correlation_id=correlation_id, trace=trace,
                    batch=BatchLine(batch.id, line.number),
                )  # fmt: skip
            except MaquetteError as error:
                result = error
            verdicts.append(Verdict(line.number, result))

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(admit_some())
    verdicts.sort(key=lambda verdict: verdict.number)
    async with deps.database.connection() as connection:
        counted = await batches.counts(connection, [batch.id])
    return BatchView(batch, counted[batch.id], verdicts)


def _fingerprint(line: Line) -> Mapping[str, Any]:
    return {"refused": line.wish.message} if isinstance(line.wish, MaquetteError) else line.wish


async def get(deps: Deps, principal: Principal, batch_id: UUID) -> BatchView:
    """Return a batch and how its jobs stand; ``NotFound`` when it is missing or another project's."""
    async with deps.database.tenant(principal.memberships) as connection:
        batch = await batches.one(connection, batch_id, principal.memberships)
        if batch is None:
            raise NotFound("There is no such batch.")
        principal.require_project(batch.project_id)
        counted = await batches.counts(connection, [batch_id])
    return BatchView(batch, counted[batch_id])


async def list_batches(
    deps: Deps, principal: Principal, project: UUID, *, before: UUID | None, limit: int
) -> list[BatchView]:
    """Return a project's batches, newest first, older than ``before``."""
    principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        found = await batches.page(connection, [project], before, limit)
        counted = await batches.counts(connection, [batch.id for batch in found])
    return [BatchView(batch, counted[batch.id]) for batch in found]


async def cancel(deps: Deps, principal: Principal, batch_id: UUID) -> BatchView:
    """Give up every job of the batch that has not ended. What ends meanwhile by itself is left as it is."""
    await get(deps, principal, batch_id)
    async with deps.database.tenant(principal.memberships) as connection:
        open_jobs = await batches.open_jobs(connection, batch_id)
    for start in range(0, len(open_jobs), _CANCELS_AT_ONCE):
        some = open_jobs[start : start + _CANCELS_AT_ONCE]
        verdicts, _ = await deps.transactor.exchange([Order(job, Cancel(principal.subject)) for job in some])
        for verdict in verdicts:
            if not isinstance(verdict, Job | MaquetteError):
                raise TypeError(f"A cancel was answered by {type(verdict).__name__}.")
    return await get(deps, principal, batch_id)
