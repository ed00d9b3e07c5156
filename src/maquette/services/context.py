"""Project context: documents of which each version stays as it is."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.context import KINDS, Version, differences, kept
from maquette.domain.errors import Invalid, NotFound, StaleVersion
from maquette.domain.moderation import words
from maquette.domain.principal import Principal
from maquette.domain.ruling import Stage
from maquette.domain.style import Style, told
from maquette.services import audit
from maquette.services.deps import Deps
from maquette.services.moderation import refuse
from maquette.services.uploads import require_usable
from maquette.store import context, projects
from maquette.store.database import Connection
from maquette.store.projects import Project


async def put(
    deps: Deps,
    principal: Principal,
    project: UUID,
    kind: str,
    body: Mapping[str, Any],
    expected: int | None = None,
) -> Project:
    """Make the next version of a document; jobs keep what they began with.

    Errors: ``Invalid`` names what is wrong; ``UnsafeContent`` for a style that the content policy blocks;
    ``StaleVersion`` when ``expected`` is not the newest one.
    """
    principal.require_project(project)
    value = KINDS[kind].parse(body, 0)
    if isinstance(value, Style):
        await _require_allowed(deps, principal, project, value)
    async with deps.database.transaction() as connection:
        await _project(connection, project)
        newest = await context.lock(connection, project, kind)
        if expected not in {None, newest}:
            raise StaleVersion(
                f"The {kind} are at version {newest} and not {expected}: somebody has changed them.",
                extra={"version": newest},
            )
        document = kept(kind, KINDS[kind].fields(value))
        await context.insert(connection, project, kind, newest + 1, document, principal.subject)
        await audit.record(
            connection,
            principal,
            f"put_project_{kind}",
            typeid.encode("prj", project),
            project,
            before={"version": newest},
            after={"version": newest + 1},
        )
        return await _project(connection, project)


async def _require_allowed(deps: Deps, principal: Principal, project: UUID, style: Style) -> None:
    """Refuse at once what would be refused with each job: reference images that cannot be used, words that are blocked.

    What only has to wait for a person's word is let pass: each job is judged, and held, for itself.
    """
    ids = [typeid.decode("upl", item) for item in style.references]
    async with deps.database.connection() as connection:
        await _project(connection, project)
        found = await projects.uploads(connection, ids, [project]) if ids else []
    uploads = {item.id: item for item in found}
    for place, key in enumerate(ids):
        loc = ("references", place)
        if key not in uploads:
            raise Invalid.field(loc, "there is no such upload in this project")
        if not uploads[key].media_type.startswith("image/"):
            raise Invalid.field(loc, f"{uploads[key].name} is no image")
        await require_usable(deps, uploads[key], loc)
    subjects = words("2D", {"params": {"text_to_image": {"style": told(style)}}})
    judged = await deps.moderation.judge(project, Stage.PROMPT, subjects)
    if judged.verdict == "block":
        raise await refuse(deps.database, judged.ruling(project, principal.subject), ("style",))


async def _project(connection: Connection, project: UUID) -> Project:
    found = await projects.context(connection, project)
    if found is None:
        raise NotFound("There is no such project.")
    return found


async def get(
    deps: Deps, principal: Principal, project: UUID, kind: str, number: int | None = None
) -> Version:
    """Return one version of a document with every member, or the newest; number 0 is what holds before anybody spoke."""
    principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        await _project(connection, project)
        return await _version(connection, project, kind, number)


async def _version(connection: Connection, project: UUID, kind: str, number: int | None) -> Version:
    found = None if number == 0 else await context.version(connection, project, kind, number)
    if found is not None:
        value = KINDS[kind].parse(found.body, found.number)
        return Version(found.number, KINDS[kind].fields(value), found.created_at, found.created_by)
    if number:
        raise NotFound(f"There is no version {number} of the {kind}.")
    return Version(0, KINDS[kind].default())


async def versions(
    deps: Deps, principal: Principal, project: UUID, kind: str, before: int | None, limit: int
) -> list[Version]:
    """Return up to ``limit`` versions without their bodies, newest first, older than ``before``."""
    principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        await _project(connection, project)
        return await context.page(connection, project, kind, before, limit)


async def diff(
    deps: Deps, principal: Principal, project: UUID, kind: str, older: int, newer: int | None
) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of the newer version (None: the newest) and what became different on the way to it."""
    principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        await _project(connection, project)
        before = await _version(connection, project, kind, older)
        after = await _version(connection, project, kind, newer)
    return after.number, differences(before.body, after.body)
