"""Projects: making them, their context."""

from collections.abc import AsyncIterator
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.errors import Invalid, NotFound
from maquette.domain.principal import Principal
from maquette.domain.text import NAME, clean
from maquette.services import audit
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.store import projects
from maquette.store.database import Connection
from maquette.store.events import Page, Running
from maquette.store.projects import Project
from maquette.store.snapshot import BEGINNING, Snapshot


async def create(deps: Deps, principal: Principal, name: str) -> Project:
    """Make a project; only operators may."""
    project = new_id()
    name = clean(name, NAME, ("name",), required=True)
    async with deps.database.transaction() as connection:
        await projects.insert(connection, project, name, principal.subject, deps.limits.open_jobs_max)
        named = typeid.encode("prj", project)
        await audit.record(connection, principal, "create_project", named, project, after={"name": name})
        return await _context(connection, project)


async def _context(connection: Connection, project: UUID) -> Project:
    found = await projects.context(connection, project)
    if found is None:
        raise NotFound("There is no such project.")
    return found


async def get(deps: Deps, principal: Principal, project: UUID) -> Project:
    """Return a project with the newest version of its context."""
    principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        return await _context(connection, project)


async def events(
    deps: Deps, principal: Principal, project: UUID, last_event_id: str | None, *, beginning: bool
) -> AsyncIterator[Page | Running | None]:
    """Follow a project's events after a position, else from now or from the beginning; the right to it comes first."""
    await get(deps, principal, project)
    try:
        seen = (
            Snapshot.parse(last_event_id) if last_event_id is not None else BEGINNING if beginning else None
        )
    except ValueError:
        raise Invalid.field(
            ("header", "last-event-id"), "must be the id of an event of this stream"
        ) from None
    return deps.hub.feeds.follow(project, seen)


async def list_projects(
    deps: Deps, principal: Principal, *, before: UUID | None, limit: int
) -> list[Project]:
    """Return the caller's projects, newest first."""
    async with deps.database.tenant(principal.projects) as connection:
        return await projects.page(connection, principal.projects, before, limit)


async def change(
    deps: Deps,
    principal: Principal,
    project: UUID,
    *,
    name: str | None,
    open_jobs_max: int | None = None,
    weight: int | None = None,
) -> Project:
    """Change a project's name; its limit of open jobs and its weight beside others are the operators' to set."""
    principal.require_project(project)
    for what, value in (("open_jobs_max", open_jobs_max), ("weight", weight)):
        if value is not None:
            principal.require_operator(what)
    if name is not None:
        name = clean(name, NAME, ("name",), required=True)
    async with deps.database.transaction() as connection:
        await projects.change(connection, project, name, open_jobs_max, weight)
        named = typeid.encode("prj", project)
        given = {"name": name, "open_jobs_max": open_jobs_max, "weight": weight}
        after = {what: value for what, value in given.items() if value is not None}
        await audit.record(connection, principal, "change_project", named, project, after=after)
        return await _context(connection, project)
