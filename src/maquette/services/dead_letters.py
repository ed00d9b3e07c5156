"""Dead letters: looking at them, having them tried again one by one or many at a pace, giving them up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from maquette.domain.commands import Discard, Redrive
from maquette.domain.errors import NotFound
from maquette.domain.principal import Principal
from maquette.domain.text import NOTES, clean
from maquette.services import changes as changing
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.services.jobs import JobView, get
from maquette.store import dead_letters
from maquette.store.dead_letters import Letter, Tried
from maquette.store.dead_letters import Redrive as Order

PER_MINUTE_MAX = 6000
CAP_MAX = 10_000


@dataclass(frozen=True, slots=True)
class LetterView:
    """A dead letter with every attempt that led to it."""

    letter: Letter
    attempts: list[Tried]


async def list_letters(
    deps: Deps,
    principal: Principal,
    *,
    project: UUID | None,
    before: UUID | None,
    status: str | None,
    step: str | None,
    job: UUID | None,
    limit: int,
) -> list[Letter]:
    """Return up to ``limit`` letters, newest first, older than ``before``."""
    scope = principal.projects if project is None else [principal.require_project(project)]
    async with deps.database.tenant(scope) as connection:
        return await dead_letters.page(
            connection, scope, before=before, status=status, step=step, job=job, limit=limit
        )


async def show(deps: Deps, principal: Principal, letter_id: UUID) -> LetterView:
    """Return a letter and its history; ``NotFound`` when it is missing or another project's."""
    async with deps.database.tenant(principal.memberships) as connection:
        letter = await dead_letters.one(connection, letter_id, principal.memberships)
        if letter is None:
            raise NotFound("There is no such dead letter.")
        principal.require_project(letter.project_id)
        return LetterView(letter, await dead_letters.attempts(connection, letter))


async def redrive(
    deps: Deps, principal: Principal, letter_id: UUID, wanted: Mapping[str, Any] | None = None
) -> JobView:
    """Have the failed step tried again, with changed parameters where some are given; return the job.

    ``IllegalTransition`` when somebody did so before, or the letter was discarded.
    """
    letter = (await show(deps, principal, letter_id)).letter
    view = await get(deps, principal, letter.job_id)
    given = {name: value for name, value in (wanted or {}).items() if value is not None}
    effective = None
    if given:
        constraints = await changing.constraints_of(deps, view)
        effective = changing.effective(view, given, view.job.position, constraints)
    ruling, safety = await changing.judged(deps, principal, view, effective)
    estimates = await changing.estimates(deps, view, effective)
    command = Redrive(letter.id, principal.subject, given, effective, safety, ruling, estimates)
    await deps.transactor.apply(letter.job_id, command)
    return await get(deps, principal, letter.job_id)


async def discard(deps: Deps, principal: Principal, letter_id: UUID, reason: str) -> LetterView:
    """Give a letter up: its job stays failed."""
    letter = (await show(deps, principal, letter_id)).letter
    reason = clean(reason, NOTES, ("reason",))
    await deps.transactor.apply(letter.job_id, Discard(letter.id, principal.subject, reason))
    return await show(deps, principal, letter_id)


async def matching(
    deps: Deps, principal: Principal, project: UUID, wanted: Mapping[str, Any], limit: int
) -> list[Letter]:
    """Return up to ``limit`` letters that an order to redrive many would come to, the oldest first."""
    principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        return await dead_letters.open_letters(
            connection, project, wanted, until=datetime.now(UTC), after=None, limit=limit
        )


async def redrive_many(
    deps: Deps, principal: Principal, project: UUID, wanted: Mapping[str, Any], *, per_minute: int, cap: int
) -> Order:
    """Order to redrive what matches, at a pace, up to a number; maintenance carries it out."""
    principal.require_project(project)
    async with deps.database.transaction() as connection:
        return await dead_letters.insert_redrive(
            connection, new_id(), project, wanted, per_minute=per_minute, cap=cap, by=principal.subject
        )


async def order(deps: Deps, principal: Principal, key: UUID) -> Order:
    """Return an order to redrive many and how far it has come."""
    async with deps.database.tenant(principal.memberships) as connection:
        found = await dead_letters.redrive(connection, key, principal.memberships)
    if found is None:
        raise NotFound("There is no such redrive.")
    principal.require_project(found.project_id)
    return found


async def cancel_order(deps: Deps, principal: Principal, key: UUID) -> Order:
    """Stop an order where it is; what it has redriven goes on."""
    await order(deps, principal, key)
    async with deps.database.transaction() as connection:
        await dead_letters.cancel_redrive(connection, key, principal.subject)
    return await order(deps, principal, key)
