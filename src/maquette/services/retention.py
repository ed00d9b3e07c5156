"""Retention as people set it and ask for it: a project's policy, and one run of it, dry or not."""

from collections.abc import Mapping
from uuid import UUID

from maquette.domain import retention as rules
from maquette.domain import typeid
from maquette.domain.errors import NotFound
from maquette.domain.principal import Principal
from maquette.domain.retention import Retention
from maquette.services import audit
from maquette.services.cleaning import Cleaning, Tally
from maquette.services.deps import Deps
from maquette.store import projects
from maquette.store import retention as rows
from maquette.store.database import Connection

#: What one request may take; the loop in the background does the rest.
RUN_SECONDS_MAX = 10.0


async def get(deps: Deps, principal: Principal, project: UUID) -> Retention:
    """Return a project's policy: its version, what it chose, what holds."""
    principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        await _require(connection, project)
        return await _current(connection, deps, project)


async def put(deps: Deps, principal: Principal, project: UUID, chosen: Mapping[str, int | None]) -> Retention:
    """Make a new version of the policy; it holds for what is there already, too."""
    principal.require_project(project)
    checked = rules.check(chosen)
    async with deps.database.transaction() as connection:
        await projects.lock(connection, project)
        await _require(connection, project)
        was = await _current(connection, deps, project)
        await rows.insert(connection, project, checked, principal.subject)
        now = await _current(connection, deps, project)
        await audit.record(
            connection,
            principal,
            "put_project_retention",
            typeid.encode("prj", project),
            project,
            before={"version": was.version},
            after={"version": now.version, "chosen": dict(checked)},
        )
        return now


async def run(
    deps: Deps, principal: Principal, project: UUID, *, dry_run: bool
) -> tuple[Retention, list[Tally], bool]:
    """Clean a project now, or tell what that would take away.

    Returns the policy, what goes by category, and whether that is all: a run stops after ten seconds.
    """
    held = await get(deps, principal, project)
    async with deps.database.transaction() as connection:
        now = await rows.now(connection)
        if not dry_run:
            named = typeid.encode("prj", project)
            await audit.record(connection, principal, "run_project_retention", named, project)
    cleaning = Cleaning(
        deps.database,
        deps.objects,
        project,
        rules.cutoffs(held.policy, now),
        dry_run=dry_run,
        seconds_max=RUN_SECONDS_MAX,
    )
    complete = await cleaning.run()
    return held, cleaning.tallies, complete


async def _require(connection: Connection, project: UUID) -> None:
    if await projects.context(connection, project) is None:
        raise NotFound("There is no such project.")


async def _current(connection: Connection, deps: Deps, project: UUID) -> Retention:
    return rules.resolve(*await rows.chosen(connection, project), deps.limits.retention)
