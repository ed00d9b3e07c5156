"""A backup on disk.

A folder::

manifest.json            what there is, with checksums; written last, so what it names is complete
database-<moment>.dump   pg_dump's custom form
objects-<moment>.jsonl   one line an object: key, bytes, sha256, media_type
objects/ab/abcd…         contents by sha256: equal ones once, those of an earlier run not again
secrets/                 only when asked for, mode 0600
"""

import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from maquette.domain.errors import Conflict, Invalid
from maquette.ports import StoredObject

FORMAT = 1
MANIFEST = "manifest.json"
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file of the backup with its checksum."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup consists of."""

    format: int
    maquette: str
    created_at: str
    server_version: int
    migrations: list[str]
    counts: dict[str, int]
    database: File
    listing: File | None
    """None: the backup has no objects."""
    objects: int
    object_bytes: int
    secrets: list[str]


class Folder:
    """A backup's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifest(self) -> Manifest:
        """Read the manifest; ``Invalid`` when this is no backup, or one that this version cannot read."""
        try:
            content: dict[str, Any] = json.loads((self.root / MANIFEST).read_bytes())
        except FileNotFoundError:
            raise Invalid(f"{self.root} holds no finished backup: it has no {MANIFEST}.") from None
        except ValueError:
            raise Invalid(f"{self.root / MANIFEST} is damaged.") from None
        if content.get("format") != FORMAT:
            raise Invalid(f"{self.root} was made by another version: format {content.get('format')}.")
        files = {name: content[name] and File(**content[name]) for name in ("database", "listing")}
        return Manifest(**{**content, **files})

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest in one go, then remove what only an earlier one named."""
        text = json.dumps(asdict(manifest), indent=2) + "\n"
        self.write_private(MANIFEST, text.encode())
        kept = {manifest.database.name, manifest.listing.name if manifest.listing else ""}
        for path in (*self.root.glob("database-*.dump"), *self.root.glob("objects-*.jsonl")):
            if path.name not in kept:
                path.unlink()

    def write_private(self, name: str, data: bytes) -> None:
        """Write a file that only its owner can read, whole or not at all."""
        target = self.root / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        staging = target.with_name(f".{target.name}.part")
        with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staging.replace(target)
        _sync(target.parent)

    def described(self, name: str) -> File:
        """Return a file's length and checksum, read from disk."""
        digest, length = hashlib.sha256(), 0
        for chunk in self._chunks(self.root / name):
            digest.update(chunk)
            length += len(chunk)
        return File(name, length, digest.hexdigest())

    def verify(self, file: File) -> Path:
        """Return a file's path; ``Conflict`` unless it is what the manifest says."""
        path = self.root / file.name
        if not path.is_file() or self.described(file.name) != file:
            raise Conflict(f"{path} is missing or not what {MANIFEST} says: this backup is damaged.")
        return path

    def listed(self, listing: Path) -> Iterator[StoredObject]:
        """Yield the objects of a listing."""
        with listing.open(encoding="utf-8") as lines:
            for line in lines:
                yield StoredObject(**json.loads(line))

    def has(self, item: StoredObject) -> bool:
        """Whether an object's contents are there already. They were verified when they came."""
        try:
            return self._place(item.sha256).stat().st_size == item.bytes
        except FileNotFoundError:
            return False

    async def keep(self, item: StoredObject, data: AsyncIterator[bytes]) -> None:
        """Store an object's contents; ``Conflict`` unless they are what the database says of them."""
        target = self._place(item.sha256)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        staging = target.with_name(f".{target.name}.part")
        digest, length = hashlib.sha256(), 0
        with staging.open("wb") as file:
            async for chunk in data:
                digest.update(chunk)
                length += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if (length, digest.hexdigest()) != (item.bytes, item.sha256):
            staging.unlink()
            raise Conflict(
                f"{item.key} is not what the database says of it: `maquette integrity --deep` tells more."
            )
        staging.replace(target)

    async def contents(self, item: StoredObject) -> AsyncIterator[bytes]:
        """Stream an object's contents; ``Conflict`` when the backup lacks them. Whoever stores them verifies them."""
        path = self._place(item.sha256)
        if not path.is_file():
            raise Conflict(f"{path}, the contents of {item.key}, is missing: this backup is damaged.")
        for chunk in self._chunks(path):
            yield chunk

    def _place(self, sha256: str) -> Path:
        return self.root / "objects" / sha256[:2] / sha256

    @staticmethod
    def _chunks(path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
