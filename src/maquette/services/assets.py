"""The library, read."""

from uuid import UUID

from maquette.domain.asset import Asset
from maquette.domain.errors import Conflict, NotFound
from maquette.domain.principal import Principal
from maquette.ports import FolderCdn, SignedFolder
from maquette.services.deps import Deps
from maquette.store import assets


async def list_assets(
    deps: Deps,
    principal: Principal,
    project: UUID,
    *,
    before: UUID | None = None,
    asset_type: str | None = None,
    path: str | None = None,
    text: str | None = None,
    style_version: int | None = None,
    limit: int = 50,
) -> list[Asset]:
    """Return up to ``limit`` assets at their latest version, newest first, older than ``before``.

    ``path`` is a library path or a folder of it; ``text`` are words of path or prompt, all of which must occur;
    ``style_version`` is what the latest version was made with.
    """
    principal.require_project(project)
    # Under a policy PostgreSQL does not use the index of words: 43 ms for 50,000 assets instead of 0.5. So words are
    # looked up as the owner, and what that finds is shown as far as the tenant sees it.
    async with deps.database.tenant(None if text else principal.memberships) as connection:
        found = await assets.page(
            connection,
            project,
            before=before,
            asset_type=asset_type,
            path=path,
            text=text,
            style_version=style_version,
            limit=limit,
        )
    if not (text and found):
        return found
    async with deps.database.tenant(principal.memberships) as connection:
        seen = await assets.visible(connection, project, [item.id for item in found])
    return [item for item in found if item.id in seen]


async def get(deps: Deps, principal: Principal, asset_id: UUID, version: int | None = None) -> Asset:
    """Return one version of an asset; None means the latest."""
    async with deps.database.tenant(principal.projects) as connection:
        found = await assets.version(connection, asset_id, principal.projects, version)
    if found is None:
        raise NotFound("There is no such asset version.")
    return found


async def folder(
    deps: Deps, principal: Principal, asset_id: UUID, version: int | None = None
) -> SignedFolder:
    """Open the folder of a version's main file at the CDN, for formats whose files name each other.

    Errors: ``Conflict`` where no CDN can, and where the folder holds anything but files of this version that may be
    seen: what was withheld, or uploaded and never declared, must not be read along with the rest.
    """
    found = await get(deps, principal, asset_id, version)
    if not isinstance(deps.cdn, FolderCdn):
        raise Conflict("Folders are opened by CloudFront alone, and this installation has none.")
    main = next((file for file in found.files if file.role in {"model", "image"}), None)
    if main is None:
        raise Conflict("This version has neither model nor image.")
    prefix = main.key.rpartition("/")[0]
    shown = {file.key for file in found.files if file.withheld is None}
    async for item in deps.objects.list(f"{prefix}/"):
        if item.key not in shown:
            raise Conflict("The folder holds files that are not shown; use the links of those that are.")
    return deps.cdn.sign_folder(prefix, ttl_seconds=deps.limits.url_ttl_seconds)
