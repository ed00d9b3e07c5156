"""ObjectStore on a folder.

An object is a directory that holds its bytes (``content``) and what is known of them (``meta.json``)::

    objects/projects/prj_…/jobs/job_…/0-text_to_image/r0/a1/concept-1.png~/{content,meta.json}
    staging/<random>/                     uploads under way; swept when old

Both files are written and synced in ``staging`` first, then the directory is renamed into place. That one
rename is the commit: it is atomic, and it fails when the target exists, which makes keys create-only across
processes without any lock. The ``~`` cannot occur in a key, so ``a`` and ``a/b`` never collide.

What the disk refuses, and what it does not answer in time, is ``Unavailable``. "There is no such object" is believed of
the folder alone that was there at the start: of an unmounted volume's empty place it would be said of everything.
"""

import asyncio
import contextlib
import errno
import hashlib
import itertools
import json
import logging
import math
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Semaphore
from typing import Any, BinaryIO, TypeVar

from maquette.adapters.local_listing import MARK, walk
from maquette.adapters.object_rules import (
    check_announced,
    check_arrived,
    check_arriving,
    check_key,
    check_size,
    expiry,
    same,
)
from maquette.adapters.signing import ReadGrant, SigningKey, UrlSigner, WriteGrant
from maquette.domain.errors import NotFound, ObjectConflict, Unavailable
from maquette.domain.outage import Outage
from maquette.ports import Disposition, ListedObject, SignedRequest, StoredObject

CHUNK_BYTES = 256 * 1024
#: Threads of its own: a disk that hangs must not take those that look up names for the database.
THREADS = 16
#: What may wait for them; and how long any one look, block or commit may take (s).
WAITING_MAX, SECONDS_MAX = 20_000, 30.0
_LISTED_AT_ONCE = 500
_STATS_AT_ONCE = 100
STAGING_SECONDS_MAX = 3600
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LOG = logging.getLogger(__name__)

T = TypeVar("T")


class LocalObjects:
    """Objects under ``root``, granted by signed URLs below ``base_url`` (relative when it is empty).

    ``keys`` are the signing keys, newest first. ``now`` gives Unix seconds.
    """

    def __init__(
        self,
        root: Path,
        *,
        keys: Sequence[SigningKey],
        base_url: str = "",
        object_bytes_max: int = 512 * 1024 * 1024,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._objects = root / "objects"
        self._staging = root / "staging"
        for folder in (self._objects, self._staging):
            folder.mkdir(parents=True, exist_ok=True)
        self._is = _identity(self._objects)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="objects")
        self._room = Semaphore(WAITING_MAX)
        self._outage = Outage()
        self._signer = UrlSigner(keys, base_url=base_url)
        self._bytes_max = object_bytes_max
        self._now = now

    async def put(
        self, key: str, data: AsyncIterator[bytes], *, bytes_: int, sha256: str, media_type: str
    ) -> StoredObject:
        """Store durably under a new key, or find the same bytes there already (the first media type stays).

        The stream is read and verified in both cases. Errors: ``Invalid`` when key, length or checksum are
        wrong, ``TooLarge``, ``ObjectConflict`` for other bytes; nothing is left behind then.
        """
        target = self._folder(key)
        wanted = StoredObject(key, bytes_, sha256, media_type)
        check_announced(wanted, self._bytes_max)
        present = await self.stat(key)
        if present is not None:
            await _verified(data, self._do, None, wanted)
            return same(present, wanted)
        stage = self._staging / secrets.token_hex(16)
        try:
            await self._do(stage.mkdir)
            await _verified(data, self._do, stage / "content", wanted)
        except BaseException:  # a cancelled request, too
            with contextlib.suppress(Unavailable):
                await asyncio.shield(self._do(partial(shutil.rmtree, stage, ignore_errors=True)))
            raise
        # The thread owns the staged files now: a cancelled request must not pull them from under it.
        if await self._do(_commit, stage, target, wanted, self._objects):
            return wanted
        present = await self.stat(key)  # somebody else was first
        if present is None:
            raise ObjectConflict(f"{key!r} was removed while it was being stored. Send it again.")
        return same(present, wanted)

    async def stat(self, key: str) -> StoredObject | None:
        """Return what is stored under a key, or None."""
        return await self._do(self._read_meta, self._folder(key), key)

    async def stat_all(self, keys: Sequence[str]) -> Sequence[StoredObject | None]:
        """Return what is stored under each key. A thread reads many: one each took 49 µs of CPU a key."""
        folders = [(self._folder(key), key) for key in keys]
        parts = [folders[start : start + _STATS_AT_ONCE] for start in range(0, len(folders), _STATS_AT_ONCE)]
        read = await asyncio.gather(*(self._do(self._read_metas, part) for part in parts))
        return [item for part in read for item in part]

    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream bytes ``start`` to ``end`` (exclusive) in chunks of 256 KiB, read in a thread."""
        file, given_up = self._opened(self._folder(key) / "content", key), False
        try:
            file.seek(start)
            left = math.inf if end is None else end - start
            while left > 0:
                given_up = True
                chunk = await self._do(file.read, int(min(left, CHUNK_BYTES)))
                given_up = False
                if not chunk:
                    return
                left -= len(chunk)
                yield chunk
        finally:
            if given_up:
                self._threads.submit(file.close)  # the thread that reads may still hold it: not here
            else:
                file.close()

    async def delete(self, key: str) -> None:
        """Remove; missing is fine. Only for objects that no row refers to. Open readers still finish."""
        await self._do(self._delete, self._folder(key))

    async def list(self, prefix: str = "", after: str = "") -> AsyncIterator[ListedObject]:
        """Stream what is stored, in order of key, read in a thread. Needs the names of one folder in memory."""
        entries = walk(self._objects, prefix, after)
        while page := await self._do(lambda: list(itertools.islice(entries, _LISTED_AT_ONCE))):
            for entry in page:
                yield entry
        await self._do(self._believe_absence)  # the end, and not that of the folder

    def sign_get(
        self,
        key: str,
        *,
        media_type: str,
        filename: str,
        ttl_seconds: int,
        disposition: Disposition = "inline",
    ) -> SignedRequest:
        """Grant reading one key. Valid for ``ttl_seconds`` to one and a half times that.

        The expiry is rounded up to a multiple of half the time, so that equal requests within that
        window give the same URL, and a browser finds the file in its cache.
        """
        check_key(key)
        expires_at = expiry(self._now(), ttl_seconds)
        url = self._signer.read_url(key, ReadGrant(media_type, filename, disposition, expires_at))
        return SignedRequest("GET", url, {}, expires_at)

    def sign_put(
        self, key: str, *, media_type: str, bytes_: int, sha256: str, ttl_seconds: int
    ) -> SignedRequest:
        """Grant storing exactly these bytes under one key, create-only."""
        check_key(key)
        check_size(bytes_, self._bytes_max)
        expires_at = expiry(self._now(), ttl_seconds)
        url = self._signer.write_url(key, WriteGrant(media_type, bytes_, sha256, expires_at))
        return SignedRequest("PUT", url, {"content-type": media_type}, expires_at)

    def verify_read(self, key: str, query: str) -> ReadGrant:
        """Return what a GET or HEAD link permits; ``Forbidden`` when it permits nothing."""
        return self._signer.verify_read(key, query, now=self._now())

    def verify_write(self, key: str, query: str) -> WriteGrant:
        """Return what a PUT link permits; ``Forbidden`` when it permits nothing."""
        return self._signer.verify_write(key, query, now=self._now())

    async def sweep(self, *, older_than_seconds: float = STAGING_SECONDS_MAX) -> int:
        """Remove uploads that were given up or lost in a crash; return how many. For start-up and maintenance."""
        return await self._do(self._sweep, time.time() - older_than_seconds)

    async def _do(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run blocking work in a thread; ``Unavailable`` for what the disk refuses or does not answer in time."""
        if not self._room.acquire(blocking=False):
            raise Unavailable("Too many requests wait for the object store.", retry_after_seconds=2)
        running = self._threads.submit(work, *arguments)
        running.add_done_callback(
            lambda _: self._room.release()
        )  # not before: a thread that hangs takes room
        try:
            async with asyncio.timeout(SECONDS_MAX):
                done = await asyncio.wrap_future(running)
        except OSError as error:
            raise self._away(error) from error
        if (lasted := self._outage.ends(time.monotonic())) is not None:
            _LOG.info("The object store is back after %.1f s", lasted)
        return done

    def _away(self, error: OSError) -> Unavailable:
        if self._outage.begins(time.monotonic()):
            _LOG.warning("The object store cannot be used: %s", error or "it does not answer")
        if error.errno in _FULL:
            return Unavailable(
                "The object store is full. Try again when space was made.", retry_after_seconds=10
            )
        return Unavailable("The object store cannot be used at the moment.", retry_after_seconds=2)

    def _believe_absence(self) -> None:
        """Raise ``OSError`` when the folder is not the one that was there at the start."""
        if _identity(self._objects) != self._is:
            raise OSError(errno.ENODEV, "The folder was replaced or unmounted", str(self._objects))

    def _folder(self, key: str) -> Path:
        check_key(key)
        return self._objects / f"{key}{MARK}"

    def _read_metas(self, items: Sequence[tuple[Path, str]]) -> Sequence[StoredObject | None]:
        return [self._read_meta(folder, key) for folder, key in items]

    def _read_meta(self, folder: Path, key: str) -> StoredObject | None:
        try:
            meta = json.loads((folder / "meta.json").read_bytes())
        except FileNotFoundError:
            self._believe_absence()
            return None
        return StoredObject(key, meta["bytes"], meta["sha256"], meta["media_type"])

    def _opened(self, path: Path, key: str) -> BinaryIO:
        # Not in a thread: it takes 8 µs, and a handle opened there would leak with a cancelled request.
        try:
            return path.open("rb")
        except FileNotFoundError:
            raise NotFound(f"There is no object {key!r}.") from None
        except OSError as error:
            raise self._away(error) from error

    def _delete(self, target: Path) -> None:
        # Moved away first, so that no reader ever finds half an object.
        grave = self._staging / secrets.token_hex(16)
        try:
            target.rename(grave)
        except FileNotFoundError:
            self._believe_absence()
            return
        _sync(target.parent)
        shutil.rmtree(grave, ignore_errors=True)  # what is left is swept

    def _sweep(self, before: float) -> int:
        swept = 0
        for stage in self._staging.iterdir():
            with contextlib.suppress(FileNotFoundError):  # finished or swept by somebody else meanwhile
                newest = max(path.stat().st_mtime for path in (stage, *stage.iterdir()))
                if newest < before:
                    shutil.rmtree(stage)
                    swept += 1
        return swept


async def _verified(
    data: AsyncIterator[bytes],
    do: Callable[..., Awaitable[None]],
    path: Path | None,
    wanted: StoredObject,
) -> None:
    """Read the stream to its end, into a file if one is named; ``Invalid`` unless it is what was announced."""
    digest, length, buffer = hashlib.sha256(), 0, bytearray()

    def flush(block: bytes) -> None:
        # Opened anew for each block (9 µs): a handle held between awaits would leak with a cancelled request.
        digest.update(block)
        if path is not None:
            with path.open("ab") as file:
                file.write(block)

    async for chunk in data:
        length += len(chunk)
        check_arriving(length, wanted)
        buffer += chunk
        if len(buffer) >= CHUNK_BYTES:
            await do(flush, bytes(buffer))
            buffer.clear()
    await do(flush, bytes(buffer))
    check_arrived(length, digest.hexdigest(), wanted)


def _commit(stage: Path, target: Path, stored: StoredObject, root: Path) -> bool:
    """Sync the staged files and rename them into place; False when the key is taken. Leaves no stage."""
    try:
        _sync(stage / "content")
        meta = {"bytes": stored.bytes, "sha256": stored.sha256, "media_type": stored.media_type}
        with (stage / "meta.json").open("x", encoding="utf-8") as file:
            json.dump(meta, file)
            file.flush()
            os.fsync(file.fileno())
        _sync(stage)
        made = _make_parents(target.parent, root)
        stage.rename(target)
    except OSError as error:
        shutil.rmtree(stage, ignore_errors=True)
        # A directory that is not empty is never replaced; which of the two it is depends on the platform.
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            return False
        raise
    for folder in (target.parent, *made):
        _sync(folder)
    return True


def _make_parents(folder: Path, root: Path) -> list[Path]:
    """Create a folder below ``root``; return the folders that gained an entry, to be synced."""
    missing: list[Path] = []
    while folder != root and not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    return [path.parent for path in missing]


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
