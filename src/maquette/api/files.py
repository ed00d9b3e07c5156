"""Objects over HTTP, for a store that has no server of its own. The link in the query is all the permission."""

import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Protocol, runtime_checkable

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse

from maquette.api.openapi import problems, text
from maquette.api.problems import RangeNotSatisfiable, respond
from maquette.api.ranges import none_match, selected
from maquette.domain.errors import Forbidden, Invalid, NotFound
from maquette.domain.media import OPAQUE, content_disposition, served_type
from maquette.ports import ObjectStore, StoredObject


class Readable(Protocol):
    """What a verified GET or HEAD link permits."""

    @property
    def media_type(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def disposition(self) -> str: ...
    @property
    def expires_at(self) -> int: ...


class Writable(Protocol):
    """What a verified PUT link permits."""

    @property
    def media_type(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...


@runtime_checkable
class SignedObjects(ObjectStore, Protocol):
    """A store whose links this API itself serves."""

    def verify_read(self, key: str, query: str) -> Readable: ...
    def verify_write(self, key: str, query: str) -> Writable: ...


def _objects(request: Request) -> SignedObjects:
    objects: SignedObjects = request.app.state.deps.objects
    return objects


Objects = Annotated[SignedObjects, Depends(_objects)]
router = APIRouter(prefix="/files", tags=["files"])


@router.get(
    "/{key:path}",
    operation_id="get_file",
    summary="Download a file by its signed link",
    response_class=Response,
    responses={
        **text(OPAQUE, "…", "The file"),
        **text(OPAQUE, "…", "The asked range of the file", status=206),
        304: {"description": "The caller's copy is current"},
        **problems(403, 404, 416, 503),
    },
)
async def get_file(
    key: str,
    request: Request,
    objects: Objects,
    range_: Annotated[str | None, Header(alias="range")] = None,
    if_range: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Stream the file, or the one range of it that is asked for. Links come from the other endpoints."""
    stored, headers = await _opened(objects, key, request)
    if none_match(if_none_match, headers["etag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        part = selected(range_, stored.bytes) if if_range in {None, headers["etag"]} else None
    except RangeNotSatisfiable as error:
        return respond(error, request.scope, {"content-range": f"bytes */{stored.bytes}"})
    start, end = part or (0, stored.bytes)
    headers["content-length"] = str(end - start)
    if part:
        headers["content-range"] = f"bytes {start}-{end - 1}/{stored.bytes}"
    return StreamingResponse(
        await _begun(objects.read(key, start=start, end=end)),
        HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK,
        headers=headers,
    )


@router.head(
    "/{key:path}",
    operation_id="head_file",
    summary="Ask for a file's size and type by its signed link",
    response_class=Response,
    responses=text(OPAQUE, "", "The headers that GET would send") | problems(403, 404, 503),
)
async def head_file(key: str, request: Request, objects: Objects) -> Response:
    """Answer as GET would, without the file."""
    stored, headers = await _opened(objects, key, request)
    return Response(headers={**headers, "content-length": str(stored.bytes)})


@router.put(
    "/{key:path}",
    operation_id="put_file",
    summary="Upload a file by its signed link",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses={
        204: {
            "description": "Stored, now or before",
            "headers": {"ETag": {"schema": {"type": "string"}}},
        },
        **problems(403, 409, 413, 422, 503),
    },
    openapi_extra={"requestBody": {"required": True, "content": {OPAQUE: {"example": "…"}}}},
)
async def put_file(
    key: str,
    request: Request,
    objects: Objects,
    content_type: Annotated[str, Header()] = "",
    content_length: Annotated[int | None, Header()] = None,
) -> Response:
    """Store exactly the bytes that the link was signed for. Sending them again succeeds; others are 409."""
    grant = objects.verify_write(key, _query(request))
    if content_type != grant.media_type:
        raise Forbidden(f"This link is for Content-Type {grant.media_type!r}.")
    if content_length is not None and content_length != grant.bytes:
        raise Invalid.field(
            ("header", "content-length"), f"This link is for {grant.bytes} bytes, not {content_length}."
        )
    stored = await objects.put(
        key, request.stream(), bytes_=grant.bytes, sha256=grant.sha256, media_type=grant.media_type
    )
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"etag": f'"{stored.sha256}"'})


async def _begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Read the first piece before anything is answered: what a disk refuses at once is told by a status."""
    first = await anext(pieces, b"")

    async def rest() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return rest()


async def _opened(objects: SignedObjects, key: str, request: Request) -> tuple[StoredObject, dict[str, str]]:
    grant = objects.verify_read(key, _query(request))
    stored = await objects.stat(key)
    if stored is None:
        raise NotFound("The file is not stored (any more).")
    return stored, _headers(stored, grant)


def _query(request: Request) -> str:
    query: bytes = request.scope["query_string"]
    return query.decode("latin-1")


def _headers(stored: StoredObject, grant: Readable) -> dict[str, str]:
    return {
        "etag": f'"{stored.sha256}"',
        "accept-ranges": "bytes",
        "content-type": served_type(grant.media_type),
        "content-disposition": content_disposition(grant.media_type, grant.disposition, grant.filename),
        # The bytes under a key never change; only the permission to see them ends.
        "cache-control": f"private, max-age={max(0, grant.expires_at - int(time.time()))}, immutable",
        "content-security-policy": "sandbox",
        "x-content-type-options": "nosniff",
    }
