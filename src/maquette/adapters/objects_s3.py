"""ObjectStore on Amazon S3, or what speaks its protocol.

Bytes go through obstore; links are signed here (``sigv4``), because its signer binds no headers. What a link to store
binds is refused by the store itself when it is changed: method, key, length, media type, SHA-256, create-only.

An object says in its metadata who stored it and which SHA-256 it has. That is believed of what this server stored. Of
what came by a link it is believed when the store held the sender to ``x-amz-checksum-sha256``; whether it does is tried
once a process (`S3Objects.holds_senders`), and where it does not, each such object is read through once before it counts.
"""

import asyncio
import base64
import contextlib
import hashlib
import http.client
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from urllib.parse import urlsplit

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from maquette.adapters.object_rules import (
    check_announced,
    check_arrived,
    check_arriving,
    check_key,
    check_size,
    expiry,
    same,
    window,
)
from maquette.adapters.s3_multipart import PART_BYTES, store_in_parts
from maquette.adapters.s3_place import S3Place, connect
from maquette.adapters.sigv4 import SECONDS_MAX, Credentials, presign
from maquette.domain.errors import NotFound, ObjectConflict, Unavailable
from maquette.domain.media import content_disposition, served_type
from maquette.domain.outage import Outage
from maquette.ports import Disposition, ListedObject, SignedRequest, StoredObject

CHUNK_BYTES = 256 * 1024
#: What one request may store; links cannot do more, and so nothing is stored that is larger.
OBJECT_BYTES_MAX = 5 * 1024**3
#: How long any one look, listing page or short object may take (s), tries again included.
SECONDS = 30.0
#: Keys of what is stored to try the store; nothing refers to them.
PROBES = "probes/"
#: Versioned keys: what lies under one never changes. Who may have it is for signatures to say.
_CACHE = "public, max-age=31536000, immutable"
_SHA256, _BY = "maquette-sha256", "maquette-by"
_REMEMBERED = 4096
_LISTED_AT_ONCE = 1000
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_LOG = logging.getLogger(__name__)


class S3Objects:
    """Objects in one bucket, below ``place.prefix``. ``now`` gives Unix seconds.

    ``multipart_bytes``: what is larger is stored in parts of that many bytes (at least 5 MiB), one in memory at a time.
    """

    def __init__(
        self,
        place: S3Place,
        credentials: Callable[[], Credentials],
        *,
        object_bytes_max: int = OBJECT_BYTES_MAX,
        multipart_bytes: int = PART_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._place = place
        self._credentials = credentials
        self._bytes_max = min(object_bytes_max, OBJECT_BYTES_MAX)
        self._part_bytes = multipart_bytes
        self._now = now
        self._outage = Outage()
        self._holds_senders: bool | None = None
        self._read_through: dict[tuple[str, str | None], str] = {}
        self._store = connect(place, credentials)

    async def put(
        self, key: str, data: AsyncIterator[bytes], *, bytes_: int, sha256: str, media_type: str
    ) -> StoredObject:
        """Store under a new key, or find the same bytes there already (the first media type stays).

        The stream is read and verified in both cases, and nothing is visible before it was. Errors: ``Invalid``
        when key, length or checksum are wrong, ``TooLarge``, ``ObjectConflict`` for other bytes; nothing is left then.
        """
        wanted = StoredObject(key, bytes_, sha256, media_type)
        check_announced(wanted, self._bytes_max)
        present = await self.stat(key)
        if present is not None:
            async for _ in _announced(data, wanted, self._part_bytes):
                pass
            return same(present, wanted)
        attributes = self._place.attributes(media_type, {_SHA256: sha256, _BY: "server"}, _CACHE)
        if bytes_ > self._part_bytes:
            parts = _announced(data, wanted, self._part_bytes)
            made = await store_in_parts(
                self._place, self._credentials(), key, parts, attributes, self._refusal
            )
        else:
            body = b"".join([part async for part in _announced(data, wanted, self._part_bytes)])
            made = True
            try:
                async with self._answering():
                    await self._store.put_async(
                        key, body, attributes=attributes, mode="create", use_multipart=False
                    )
            except (AlreadyExistsError, PreconditionError):
                made = False
        if made:
            return wanted
        present = await self.stat(key)  # somebody else was first
        if present is None:
            raise ObjectConflict(f"{key!r} was removed, or is being stored, by somebody else. Send it again.")
        return same(present, wanted)

    async def stat(self, key: str) -> StoredObject | None:
        """Return what is stored under a key, or None. What nobody vouches for is read through, once."""
        check_key(key)
        try:
            async with self._answering():
                found = await self._store.get_async(key, options={"head": True})
        except FileNotFoundError:
            return None
        known = {name.lower(): value for name, value in found.attributes.items()}
        sha256 = known.get(_SHA256, "")
        believed = known.get(_BY) == "server" or (known.get(_BY) == "link" and await self.holds_senders())
        if not (sha256 and believed):
            sha256 = await self._sha256_of(key, found.meta["e_tag"])
        return StoredObject(key, found.meta["size"], sha256, known.get("content-type", ""))

    async def stat_all(self, keys: Sequence[str]) -> Sequence[StoredObject | None]:
        """Return what is stored under each key: a request each, as many at once as the client has connections."""
        return await asyncio.gather(*map(self.stat, keys))

    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream bytes ``start`` to ``end`` (exclusive) as they arrive."""
        check_key(key)
        try:
            async with self._answering():
                size = (await self._store.get_async(key, options={"head": True})).meta["size"]
                end = size if end is None else min(end, size)
                if start >= end:
                    return
                found = await self._store.get_async(key, options={"range": (start, end)})
            pieces = aiter(found.stream(min_chunk_size=CHUNK_BYTES))
            while True:
                async with self._answering():
                    piece = await anext(pieces, None)
                if piece is None:
                    return
                yield bytes(piece)
        except FileNotFoundError:
            raise NotFound(f"There is no object {key!r}.") from None

    async def delete(self, key: str) -> None:
        """Remove; missing is fine. Only for objects that no row refers to."""
        check_key(key)
        with contextlib.suppress(FileNotFoundError):
            async with self._answering():
                await self._store.delete_async(key)

    async def list(self, prefix: str = "", after: str = "") -> AsyncIterator[ListedObject]:
        """Stream what is stored under keys that begin with ``prefix`` and come after ``after``, in order of key."""
        # obstore's prefixes are whole segments: the rest of ours decides where to begin and end. No key has a "~",
        # and every other character of keys comes before it.
        folder, _, rest = prefix.rpartition("/")
        begin = f"{prefix[:-1]}{chr(ord(prefix[-1]) - 1)}~" if rest else ""
        pages = aiter(
            self._store.list(folder or None, offset=max(after, begin) or None, chunk_size=_LISTED_AT_ONCE)
        )
        while True:
            try:
                async with self._answering():
                    page = await anext(pages, None)
            except FileNotFoundError as error:
                raise self._refusal(error) from error
            if page is None:
                return
            for item in page:
                if not item["path"].startswith(prefix):
                    return
                if item["path"] > after:  # obstore takes a slash from the end of where to begin
                    yield ListedObject(item["path"], item["size"], item["last_modified"].timestamp())

    def sign_get(
        self,
        key: str,
        *,
        media_type: str,
        filename: str,
        ttl_seconds: int,
        disposition: Disposition = "inline",
    ) -> SignedRequest:
        """Grant reading one key. Valid for ``ttl_seconds`` to one and a half times that, a week at most.

        The signature is dated back to the beginning of a window of half that time, so that equal requests give the
        same URL, and a browser finds the file in its cache. With temporary credentials it ends when they do.
        """
        check_key(key)
        query = {
            "response-content-type": served_type(media_type),
            "response-content-disposition": content_disposition(media_type, disposition, filename),
            # The bytes under a key never change; only the permission to see them ends.
            "response-cache-control": f"private, max-age={ttl_seconds}, immutable",
        }
        return self._signed("GET", key, ttl_seconds, {}, query)

    def sign_put(
        self, key: str, *, media_type: str, bytes_: int, sha256: str, ttl_seconds: int
    ) -> SignedRequest:
        """Grant storing exactly these bytes under one key, create-only: 412 when something is there.

        ``Content-Length`` is bound as well; clients send it by themselves, unless they send in chunks.
        """
        check_key(key)
        check_size(bytes_, self._bytes_max)
        headers = {
            "content-type": media_type,
            "cache-control": _CACHE,
            "content-disposition": content_disposition(media_type, "inline", key.rsplit("/", 1)[-1]),
            "if-none-match": "*",
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode(),
            f"x-amz-meta-{_SHA256}": sha256,
            f"x-amz-meta-{_BY}": "link",
            **self._place.encryption_headers(),
        }
        signed = self._signed("PUT", key, ttl_seconds, {**headers, "content-length": str(bytes_)}, {})
        return SignedRequest("PUT", signed.url, headers, signed.expires_at)

    async def holds_senders(self) -> bool:
        """Say whether the store refuses bytes without the checksum that a link bound: tried once, with a byte."""
        if self._holds_senders is None:
            key = f"{PROBES}{secrets.token_hex(16)}"
            wrong = taken = await asyncio.to_thread(self._send_byte, key, b"b")
            if 400 <= wrong < 500:
                # For its checksum, if the right byte is taken; else for something that says nothing about checksums.
                taken = await asyncio.to_thread(self._send_byte, key, b"a")
            if taken >= 300:
                raise Unavailable(f"The object store answered {taken} to a link of our own.")
            self._holds_senders = wrong != taken
            with contextlib.suppress(Unavailable):  # nothing refers to it
                await self.delete(key)
            if not self._holds_senders:
                _LOG.warning(
                    "The object store does not check x-amz-checksum-sha256: what arrives by links is read once more"
                )
        return self._holds_senders

    def _send_byte(self, key: str, byte: bytes) -> int:
        """Send a byte by a link for ``b"a"``; return the status."""
        signed = self.sign_put(
            key,
            media_type="text/plain",
            bytes_=1,
            sha256=hashlib.sha256(b"a").hexdigest(),
            ttl_seconds=60,
        )
        parts = urlsplit(signed.url)
        kind = http.client.HTTPConnection if parts.scheme == "http" else http.client.HTTPSConnection
        connection = kind(parts.netloc, timeout=SECONDS)
        try:
            connection.request("PUT", f"{parts.path}?{parts.query}", body=byte, headers=dict(signed.headers))
            return connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise self._refusal(error) from error
        finally:
            connection.close()

    async def _sha256_of(self, key: str, etag: str | None) -> str:
        known = self._read_through.get((key, etag))
        if known is not None:
            return known
        digest = hashlib.sha256()
        async for piece in self.read(key):
            await asyncio.to_thread(digest.update, piece)
        if len(self._read_through) >= _REMEMBERED:
            self._read_through.pop(next(iter(self._read_through)))
        self._read_through[key, etag] = digest.hexdigest()
        return digest.hexdigest()

    def _signed(
        self, method: str, key: str, ttl_seconds: int, headers: dict[str, str], query: dict[str, str]
    ) -> SignedRequest:
        ttl_seconds = min(ttl_seconds, SECONDS_MAX * 2 // 3)
        credentials = self._credentials()
        expires_at = expiry(self._now(), ttl_seconds)
        seconds = ttl_seconds + window(ttl_seconds)
        url = presign(
            method,
            self._place.url(key),
            headers=headers,
            query=query,
            credentials=credentials,
            region=self._place.region,
            at=expires_at - seconds,
            seconds=seconds,
        )
        ends = credentials.expires_at
        return SignedRequest(method, url, headers, expires_at if ends is None else min(expires_at, int(ends)))

    @contextlib.asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """Bound one exchange in time; ``Unavailable`` for what is no answer about the object asked for."""
        try:
            async with asyncio.timeout(SECONDS):
                yield
        except (AlreadyExistsError, PreconditionError):
            raise
        except FileNotFoundError as error:
            if "<Code>NoSuchBucket</Code>" in str(error):
                raise self._refusal(error) from None
            raise
        except (BaseError, TimeoutError) as error:
            raise self._refusal(error) from None
        if (lasted := self._outage.ends(time.monotonic())) is not None:
            _LOG.info("The object store is back after %.1f s", lasted)

    def _refusal(self, error: Exception) -> Unavailable:
        """Return what to say of an error: never its own text, for that has URLs and names of keys in it."""
        found = _CODE.search(str(error))
        code = found.group(1) if found else type(error).__name__
        if self._outage.begins(time.monotonic()):
            _LOG.warning("The object store cannot be used: %s", code)
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or code in _DENIED:
            return Unavailable(
                f"The object store refuses what this installation asks for ({code}): its credentials or policy are wrong.",
                retry_after_seconds=10,
            )
        if code == "NoSuchBucket":
            return Unavailable("The object store has no such bucket.", retry_after_seconds=10)
        return Unavailable("The object store cannot be used at the moment.", retry_after_seconds=2)


_DENIED = frozenset({"AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken"})


async def _announced(
    data: AsyncIterator[bytes], wanted: StoredObject, block_bytes: int
) -> AsyncIterator[bytes]:
    """Give the stream in blocks; ``Invalid`` unless it is what was announced, before the last block is given."""
    digest, length, buffer = hashlib.sha256(), 0, bytearray()
    async for chunk in data:
        length += len(chunk)
        check_arriving(length, wanted)
        buffer += chunk
        while len(buffer) > block_bytes:
            block = bytes(buffer[:block_bytes])
            del buffer[:block_bytes]
            await asyncio.to_thread(digest.update, block)
            yield block
    await asyncio.to_thread(digest.update, buffer)
    check_arrived(length, digest.hexdigest(), wanted)
    yield bytes(buffer)
