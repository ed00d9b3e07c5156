"""Uploads: files that people bring, stored by presigned PUT and checked when they are used."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from maquette.domain.errors import Invalid, NotFound
from maquette.domain.job import FILE_NAME
from maquette.domain.principal import Principal
from maquette.ports import SignedRequest
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.store import projects
from maquette.store.projects import Upload

MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Granted:
    """An upload that may now arrive."""

    upload: Upload
    request: SignedRequest


async def create(
    deps: Deps, principal: Principal, project: UUID, *, name: str, media_type: str, bytes_: int, sha256: str
) -> Granted:
    """Grant one presigned PUT of exactly these bytes."""
    principal.require_project(project)
    if not FILE_NAME.fullmatch(name):
        raise Invalid.field(("name",), "must be a plain file name of letters, digits and ._-, at most 120")
    if media_type not in MEDIA_TYPES:
        raise Invalid.field(("media_type",), f"must be one of {', '.join(MEDIA_TYPES)}")
    if not 0 < bytes_ <= deps.limits.upload_bytes_max:
        raise Invalid.field(("bytes",), f"must be from 1 to {deps.limits.upload_bytes_max}")
    if not _SHA256.fullmatch(sha256):
        raise Invalid.field(("sha256",), "must be 64 hexadecimal digits in lower case")
    upload_id = new_id()
    key = f"projects/{project}/uploads/{upload_id}/{name}"
    upload = Upload(upload_id, project, name, media_type, bytes_, sha256, key, datetime.now(UTC))
    request = deps.objects.sign_put(
        key, media_type=media_type, bytes_=bytes_, sha256=sha256, ttl_seconds=deps.limits.url_ttl_seconds
    )
    async with deps.database.transaction() as connection:
        if await projects.context(connection, project) is None:
            raise NotFound("There is no such project.")
        created = await projects.insert_upload(connection, upload, principal.subject)
    return Granted(replace(upload, created_at=created), request)
