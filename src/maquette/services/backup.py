"""Backup of a running installation, and what a restore does with it. Dumping itself is handed in.

The dump and the list of objects are of one snapshot. Objects never change, so they are copied afterwards, for as
long as that takes; deletions are held off meanwhile, and only those.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import maquette
from maquette.domain.errors import Conflict, Invalid
from maquette.ports import ObjectStore, StoredObject
from maquette.services import webhooks
from maquette.services.backup_folder import FORMAT, File, Folder, Manifest
from maquette.store import backup as rows
from maquette.store import integrity, migrate
from maquette.store.backup import Snapshot
from maquette.store.database import Database

#: Given where to write, the snapshot's name and the server's version (``server_version_num``).
Dump = Callable[[Path, str, int], None]


@dataclass(slots=True)
class Progress:
    """How far a backup or restore is."""

    objects: int = 0
    bytes: int = 0
    objects_total: int = 0
    bytes_total: int = 0
    skipped: int = 0
    """Objects whose contents were there already."""


Show = Callable[[Progress], None]


async def take(
    database: Database,
    objects: ObjectStore | None,
    folder: Folder,
    *,
    dump: Dump,
    secrets: Mapping[str, bytes],
    show: Show,
) -> Manifest:
    """Make a backup in a folder, new or of an earlier one; ``objects`` None leaves them out."""
    folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    moment = datetime.now(UTC)
    stamp = moment.strftime("%Y%m%dT%H%M%S.%fZ")
    progress = Progress()
    async with contextlib.AsyncExitStack() as held:
        if objects is not None:
            await held.enter_async_context(rows.deletions_held(database))
        snapshot, dumped, listing = await _snapshot(
            database, objects, folder, stamp, dump=dump, progress=progress
        )
        if objects is not None and listing is not None:
            for item in folder.listed(folder.root / listing.name):
                await _copy(objects, folder, item, progress)
                show(progress)
    for name, data in secrets.items():
        folder.write_private(f"secrets/{name}", data)
    manifest = Manifest(
        format=FORMAT,
        maquette=maquette.__version__,
        created_at=moment.isoformat(),
        server_version=snapshot.server_version,
        migrations=snapshot.migrations,
        counts=snapshot.counts,
        database=dumped,
        listing=listing,
        objects=progress.objects_total,
        object_bytes=progress.bytes_total,
        secrets=sorted(secrets),
    )
    folder.finish(manifest)
    return manifest


async def _snapshot(
    database: Database,
    objects: ObjectStore | None,
    folder: Folder,
    stamp: str,
    *,
    dump: Dump,
    progress: Progress,
) -> tuple[Snapshot, File, File | None]:
    """Dump the database and list the objects that it refers to, as of one moment."""
    listing = None
    name = f"database-{stamp}.dump"
    folder.write_private(name, b"")  # so that pg_dump finds a file that only its owner can read
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await integrity.be_patient(connection)
        snapshot = await rows.snapshot(connection)
        await asyncio.to_thread(dump, folder.root / name, snapshot.name, snapshot.server_version)
        if objects is not None:
            listing = f"objects-{stamp}.jsonl"
            folder.write_private(listing, b"")
            with (folder.root / listing).open("w", encoding="utf-8") as lines:
                async for item in _needed(objects, integrity.references(connection)):
                    lines.write(json.dumps(asdict(item)) + "\n")
                    progress.objects_total += 1
                    progress.bytes_total += item.bytes
                lines.flush()
                os.fsync(lines.fileno())
    dumped = await asyncio.to_thread(folder.described, name)
    return snapshot, dumped, None if listing is None else folder.described(listing)


async def _needed(
    objects: ObjectStore, references: AsyncIterator[integrity.Reference]
) -> AsyncIterator[StoredObject]:
    """Yield each object once that the snapshot refers to; uploads that have not arrived are left out."""
    last = ""
    async for item in references:
        if item.key == last or item.kind == "doomed":
            continue
        last = item.key
        stored = await objects.stat(item.key)
        if stored is not None:
            yield stored
        elif item.kind != "upload":
            raise Conflict(f"{item.key} is missing: `maquette integrity` tells what else is.")


async def _copy(objects: ObjectStore, folder: Folder, item: StoredObject, progress: Progress) -> None:
    if folder.has(item):
        progress.skipped += 1
    else:
        await folder.keep(item, objects.read(item.key))
    progress.objects += 1
    progress.bytes += item.bytes


def readable(folder: Folder) -> Manifest:
    """Return a backup's manifest; ``Invalid`` when this version cannot restore it, ``Conflict`` when it is damaged."""
    manifest = folder.manifest()
    known = {item.name for item in migrate.migrations()}
    if unknown := [name for name in manifest.migrations if name not in known]:
        raise Invalid(
            f"The backup was made by Maquette {manifest.maquette}, with {unknown[-1]}, which this version does not "
            f"know. Restore it with that version or a newer one."
        )
    folder.verify(manifest.database)
    if manifest.listing is not None:
        folder.verify(manifest.listing)
    return manifest


async def put_objects(folder: Folder, manifest: Manifest, objects: ObjectStore, show: Show) -> None:
    """Store a backup's objects, each verified; what is there already is skipped."""
    if manifest.listing is None:
        return
    progress = Progress(objects_total=manifest.objects, bytes_total=manifest.object_bytes)
    for item in folder.listed(folder.root / manifest.listing.name):
        try:
            await objects.put(
                item.key,
                folder.contents(item),
                bytes_=item.bytes,
                sha256=item.sha256,
                media_type=item.media_type,
            )
        except Invalid as error:
            raise Conflict(f"The contents of {item.key} are damaged in the backup: {error}") from error
        progress.objects += 1
        progress.bytes += item.bytes
        show(progress)


async def require_empty(database: Database) -> None:
    """Raise ``Conflict`` unless the database has no table."""
    async with database.connection() as connection:
        if not await rows.is_empty(connection):
            raise Conflict(
                "The database is not empty. Restore into one that is: nothing is ever overwritten."
            )


async def settle(database: Database, manifest: Manifest, *, keep_webhooks: bool) -> int:
    """Bring a restored database up: everything must be there; then it forgets the processes that it had.

    Returns how many webhooks it disabled. They are, unless they are to be kept: what is restored beside the installation
    that was backed up, to try or to look, would tell its receivers of the same jobs a second time, and otherwise.
    """
    async with database.connection() as connection:
        counted = await rows.counts(connection)
    if counted != manifest.counts:
        wrong = {name: count for name, count in counted.items() if count != manifest.counts.get(name)}
        raise Conflict(f"The restored database does not have what the backup's manifest says: {wrong}.")
    await migrate.migrate(database.url)
    async with database.transaction() as connection:
        await rows.settle(connection)
        return 0 if keep_webhooks else await webhooks.disable_restored(connection)
