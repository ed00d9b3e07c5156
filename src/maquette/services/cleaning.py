"""One run of a project's retention, page by page: the same selection whether it is dry or not.

A page looks, lists what is stored where needed, then takes its jobs' locks in order of id, looks again and writes:
short transactions of at most `PAGE` jobs. Rows go first, and with them, in the same transaction, the keys of their
objects into ``doomed_objects``; `drain` deletes those later, once more making sure that nothing refers to them.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.job import job_folder
from maquette.domain.retention import CATEGORIES, id_at, month_of
from maquette.ports import ObjectStore
from maquette.store import retention as rows
from maquette.store.database import Connection, Database
from maquette.store.retention import Stored

_LOG = logging.getLogger(__name__)
PAGE = 100
EXAMPLES_MAX = 5
#: Longer than a link that was given out before is used, and than a request takes that began to refer to the object.
GRACE_SECONDS = 3600.0
_DELETED_AT_ONCE = 8
_BEGIN = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))


@dataclass(slots=True)
class Tally:
    """What goes in one category."""

    category: str
    rows: int = 0
    objects: int = 0
    bytes: int = 0
    """Of the objects."""
    examples: list[str] = field(default_factory=list)

    def add(self, ids: Sequence[str], objects: Mapping[str, int]) -> None:
        """Count rows by what to call them, and objects with their bytes."""
        self.rows += len(ids)
        self.objects += len(objects)
        self.bytes += sum(objects.values())
        self.examples += ids[: EXAMPLES_MAX - len(self.examples)]


class Cleaning:
    """One run for one project. ``cutoffs`` say by category before which moment things go."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        project: UUID,
        cutoffs: Mapping[str, datetime],
        *,
        dry_run: bool,
        seconds_max: float,
    ) -> None:
        self._database = database
        self._objects = objects
        self._project = project
        self._cutoffs = cutoffs
        self._dry_run = dry_run
        self._until = time.monotonic() + seconds_max
        self._tallies = {name: Tally(name) for name in CATEGORIES}

    @property
    def tallies(self) -> list[Tally]:
        """What went, or would go, by category."""
        return list(self._tallies.values())

    async def run(self) -> bool:
        """Do all that is due; False when time was up before. Keys go before the jobs that they lead to."""
        for name, clean in (
            ("request_keys", self._request_keys),
            ("jobs", self._jobs),
            ("artifacts", self._artifacts),
            ("uploads", self._uploads),
            ("events", self._events),
        ):
            if name in self._cutoffs and not await clean(self._cutoffs[name], self._tallies[name]):
                return False
        return True

    @property
    def _late(self) -> bool:
        return time.monotonic() > self._until

    async def _artifacts(self, before: datetime, tally: Tally) -> bool:
        """Expire files of finished jobs that nothing leads to, and those that no attempt could report."""
        async with self._database.connection() as connection:
            after = await rows.tidied(connection, self._project) or _BEGIN
        if "jobs" in self._cutoffs:  # what finished before goes with its job
            after = max(after, (self._cutoffs["jobs"], UUID(int=0)))
        while not self._late:
            found, listed = await self._finished(before, after)
            if not found:
                return True
            after = found[-1]
            async with self._database.transaction() as connection:
                ids = await self._still_finished(connection, found, before)
                going = await rows.superseded(connection, ids)
                gone = await self._unreferred(connection, going, ids, listed)
                if not self._dry_run:
                    await rows.expire(connection, [item.id for item in going])
                    await rows.doom(connection, self._project, sorted(gone))
                    await rows.advance(connection, self._project, after)
            tally.add([typeid.encode("art", item.id) for item in going], gone)
        return False

    async def _jobs(self, before: datetime, tally: Tally) -> bool:
        """Delete finished jobs with all that hangs on them, apart from what the library shows."""
        after = _BEGIN
        while not self._late:
            found, listed = await self._finished(before, after)
            if not found:
                break
            after = found[-1]
            async with self._database.transaction() as connection:
                ids = await self._still_finished(connection, found, before)
                going = await rows.leaving(connection, ids)
                gone = await self._unreferred(connection, going, ids, listed)
                if not self._dry_run:
                    await rows.delete_jobs(connection, ids, [item.id for item in going])
                    await rows.doom(connection, self._project, sorted(gone))
            tally.add([typeid.encode("job", job_id) for job_id in ids], gone)
        else:
            return False
        if not self._dry_run:
            async with self._database.transaction() as connection:
                await rows.delete_batches(connection, self._project, id_at(before))
                await rows.delete_redrives(connection, self._project, before)
        return True

    async def _uploads(self, before: datetime, tally: Tally) -> bool:
        """Delete uploads that nothing refers to."""
        after = UUID(int=0)
        while not self._late:
            async with self._database.transaction() as connection:
                found = await rows.unused_uploads(connection, self._project, id_at(before), after, PAGE)
                if not self._dry_run:
                    await rows.delete_uploads(connection, [item.id for item in found])
                    await rows.doom(connection, self._project, [item.key for item in found])
            if not found:
                return True
            after = found[-1].id
            tally.add(
                [typeid.encode("upl", item.id) for item in found], {item.key: item.bytes for item in found}
            )
        return False

    async def _request_keys(self, before: datetime, tally: Tally) -> bool:
        """Forget Idempotency-Keys."""
        after = (_BEGIN[0], "")
        while not self._late:
            async with self._database.transaction() as connection:
                found = await rows.old_request_keys(connection, self._project, before, after, 10 * PAGE)
                if not self._dry_run:
                    await rows.delete_request_keys(connection, self._project, [key for _, key in found])
            if not found:
                return True
            after = found[-1]
            tally.add([key for _, key in found], {})
        return False

    async def _events(self, before: datetime, tally: Tally) -> bool:
        """Delete events, a month at a time: what is younger than its month's end stays until that is due."""
        before = month_of(before)
        if self._dry_run:
            async with self._database.connection() as connection:
                tally.rows = await rows.count_events(connection, self._project, before)
            return True
        while not self._late:
            async with self._database.transaction() as connection:
                deleted = await rows.delete_events(connection, self._project, before, 10 * PAGE)
            tally.rows += deleted
            if not deleted:
                return True
        return False

    async def _finished(
        self, before: datetime, after: tuple[datetime, UUID]
    ) -> tuple[list[tuple[datetime, UUID]], Mapping[UUID, Mapping[str, int]]]:
        """Return the next jobs, and the bytes of what is stored in their folders. No lock is held meanwhile."""
        async with self._database.connection() as connection:
            found = await rows.finished(connection, self._project, before, after, PAGE)
        listed = {}
        for _, job_id in found:
            folder = job_folder(self._project, job_id)
            listed[job_id] = {item.key: item.bytes async for item in self._objects.list(folder)}
        return found, listed

    async def _still_finished(
        self, connection: Connection, found: Sequence[tuple[datetime, UUID]], before: datetime
    ) -> list[UUID]:
        ids = [job_id for _, job_id in found]
        return ids if self._dry_run else await rows.lock_finished(connection, ids, before)

    async def _unreferred(
        self,
        connection: Connection,
        going: Sequence[Stored],
        job_ids: Sequence[UUID],
        listed: Mapping[UUID, Mapping[str, int]],
    ) -> dict[str, int]:
        """Return the objects, with their bytes, that nothing refers to once these artifacts are gone."""
        candidates = {key: size for job_id in job_ids for key, size in listed[job_id].items()}
        candidates |= {item.key: item.bytes for item in going}
        kept = await rows.referred(connection, list(candidates), [item.id for item in going])
        return {key: size for key, size in candidates.items() if key not in kept}


async def drain(
    database: Database, objects: ObjectStore, *, grace_seconds: float = GRACE_SECONDS, limit: int = PAGE
) -> int:
    """Delete a page of doomed objects and return how many were settled: 0 while a backup is being made.

    What was referred to after all stays. An object that cannot be deleted now is tried again after the grace time.
    """
    async with database.transaction() as connection:
        if not await rows.may_drain(connection):
            return 0
        keys = await rows.doomed(connection, grace_seconds, limit)
        if not keys:
            return 0
        wanted = await rows.referred(connection, keys, [])
        turn = asyncio.Semaphore(_DELETED_AT_ONCE)

        async def delete(key: str) -> Exception | None:
            async with turn:
                try:
                    await objects.delete(key)
                except Exception as error:  # noqa: BLE001 - one object must not hold up the others
                    return error
            return None

        going = [key for key in keys if key not in wanted]
        errors = dict(zip(going, await asyncio.gather(*map(delete, going)), strict=True))
        failed = [key for key, error in errors.items() if error is not None]
        if failed:
            _LOG.warning(
                "%d objects cannot be deleted now: %s: %s", len(failed), failed[0], errors[failed[0]]
            )
            await rows.postpone_doomed(connection, failed)
        await rows.forget_doomed(connection, [key for key in keys if key not in failed])
    return len(keys)
