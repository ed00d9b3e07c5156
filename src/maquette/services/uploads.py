"""Uploads: files that people bring, stored by presigned PUT and looked at before they are first used."""

import asyncio
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from maquette.domain import content, typeid
from maquette.domain.content import Facts
from maquette.domain.errors import Detail, Invalid, NotFound, UnusableUpload
from maquette.domain.job import FILE_NAME
from maquette.domain.principal import Principal
from maquette.ports import SignedRequest
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.store import projects
from maquette.store.projects import Upload

MEDIA_TYPES = tuple(content.READERS)
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


async def read(deps: Deps, principal: Principal, upload_id: UUID) -> Upload:
    """Return an upload, looked at when it has arrived: whether it can be used is known before a brief names it."""
    async with deps.database.tenant(principal.memberships) as connection:
        found = await projects.uploads(connection, [upload_id], principal.memberships)
    if not found:
        raise NotFound("There is no such upload.")
    [upload] = found
    principal.require_project(upload.project_id)
    if upload.state != "quarantined" or await deps.objects.stat(upload.key) is None:
        return upload
    return await _looked_at(deps, upload)


async def require_usable(deps: Deps, upload: Upload, loc: tuple[str | int, ...]) -> None:
    """Return when the file has arrived and is what it says; it is looked at once, and nothing else reads it before.

    Errors: ``Invalid`` or ``UnusableUpload`` that names ``loc``.
    """
    name = typeid.encode("upl", upload.id)
    if upload.state == "quarantined":
        if await deps.objects.stat(upload.key) is None:
            raise Invalid.field(loc, f"{name} has not arrived yet")
        upload = await _looked_at(deps, upload)
    if upload.refused is not None:
        kind, says = upload.refused["type"], upload.refused["msg"]
        raise UnusableUpload(
            f"{upload.name} ({name}) {says}.", details=[Detail(loc, f"{upload.name} {says}", kind)]
        )


async def _looked_at(deps: Deps, upload: Upload) -> Upload:
    """Take an upload out of quarantine, to be used or refused for good."""
    try:
        facts = await _look(deps, upload)
    except UnusableUpload as refused:
        [detail] = refused.details
        upload = replace(upload, refused={"type": detail.type, "msg": detail.msg})
    else:
        upload = replace(upload, found=facts.numbers)
    async with deps.database.transaction() as connection:
        if upload.refused is not None:
            await projects.refuse_upload(connection, upload, upload.refused)
        else:
            await projects.found(connection, upload, upload.found or {})
    return upload


async def _look(deps: Deps, upload: Upload) -> Facts:
    """Read through the stored bytes; the parser works in a thread, so that nobody waits for a hostile file."""
    reading = content.inspect(upload.media_type)
    next(reading)
    digest = hashlib.sha256()

    def give(piece: bytes) -> Facts | None:
        digest.update(piece)
        try:
            reading.send(piece)
        except StopIteration as stop:  # cannot pass a thread's future
            facts: Facts = stop.value
            return facts
        return None

    found: Facts | None = None
    async for piece in deps.objects.read(upload.key):
        found = await asyncio.to_thread(give, piece) if found is None else found
    found = await asyncio.to_thread(give, b"") if found is None else found
    if found is None:
        raise TypeError("A reader of uploads went on behind the end of the file.")
    if digest.hexdigest() != upload.sha256:
        raise UnusableUpload.field((), "is not what was announced: its sha256 is another", "wrong_checksum")
    return found
