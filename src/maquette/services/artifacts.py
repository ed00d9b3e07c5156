"""Where a file can be read."""

from uuid import UUID

from maquette.domain.errors import AwaitingVerdict, ContentBlocked, Expired, NotFound
from maquette.domain.job import Artifact
from maquette.domain.principal import Principal
from maquette.ports import SignedRequest
from maquette.services.deps import Deps
from maquette.store import reading


async def location(deps: Deps, principal: Principal, artifact_id: UUID) -> SignedRequest:
    """Return a signed URL of an artifact's bytes; ``Expired`` when retention has taken them."""
    async with deps.database.tenant(principal.projects) as connection:
        found = await reading.artifact(connection, artifact_id, principal.projects)
    if found is None:
        raise NotFound("There is no such artifact.")
    if found.expired:
        raise Expired(
            "The file of this artifact was deleted, as the project's retention policy has it.",
            extra={"retention": "artifacts_days"},
        )
    if found.withheld == "blocked":
        raise ContentBlocked("The content policy took this file away.")
    if found.withheld is not None:
        raise AwaitingVerdict(
            "Nobody has said yet that this file may be seen: its safety verdict is awaited."
        )
    return sign(deps, found)


def sign(deps: Deps, item: Artifact) -> SignedRequest:
    """Return a signed URL of a file the caller has been shown to own."""
    return deps.objects.sign_get(
        item.key, media_type=item.media_type, filename=item.name, ttl_seconds=deps.limits.url_ttl_seconds
    )
