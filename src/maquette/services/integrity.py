"""Whether database and objects agree, both ways, and the database with itself.

Both sides come in order of key and are merged page by page: memory does not grow with what is stored. What runs
meanwhile is told apart by looking again: nothing is reported, and nothing repaired, on what was seen first alone.
"""

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.job import Place, StepStatus
from maquette.domain.retention import owner
from maquette.ports import ListedObject, ObjectStore
from maquette.store import integrity as rows
from maquette.store import retention
from maquette.store.database import Connection, Database
from maquette.store.integrity import Reference, Task

#: Younger objects may belong to an upload or an attempt under way.
GRACE_SECONDS = 24 * 3600.0
EXAMPLES_MAX = 100
_LOOKED_AT_ONCE = 100
_PREFIXES = {"job": "job", "asset": "ast", "upload": "upl"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    check: str
    """``object_missing``, ``object_differs``, ``orphan``, ``sequence``, ``task``, ``asset``."""
    subject: str
    """An id or a key."""
    detail: str


@dataclass(slots=True)
class Report:
    """What was looked at and what was found."""

    objects: int = 0
    bytes: int = 0
    references: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    repaired: int = 0
    problems: int = 0
    """Findings apart from orphans: those cost space, these mean loss."""
    findings: list[Finding] = field(default_factory=list)
    """The first hundred of each check."""

    def find(self, check: str, subject: str, detail: str) -> None:
        """Add a finding."""
        if check != "orphan":
            self.problems += 1
        if sum(item.check == check for item in self.findings) < EXAMPLES_MAX:
            self.findings.append(Finding(check, subject, detail))


async def check(
    database: Database,
    objects: ObjectStore,
    *,
    deep: bool = False,
    repair: bool = False,
    grace_seconds: float = GRACE_SECONDS,
    progress: Callable[[Report], None] = lambda _report: None,
) -> Report:
    """Compare everything. ``deep`` reads each object and its checksum; ``repair`` deletes orphans, nothing else."""
    report = Report()
    checker = _Objects(database, objects, report, deep=deep, repair=repair, grace_seconds=grace_seconds)
    async with database.connection() as connection:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await _check_rows(connection, report)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            known = _grouped(rows.references(connection))
            async for key, references, stored in _merged(known, objects.list()):
                await checker.look(key, references, stored)
                progress(report)
    await checker.settle()
    progress(report)
    return report


class _Objects:
    """Objects against references: suspicions are gathered and looked at again a page at a time."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        report: Report,
        *,
        deep: bool,
        repair: bool,
        grace_seconds: float,
    ) -> None:
        self._database = database
        self._objects = objects
        self._report = report
        self._deep = deep
        self._repair = repair
        self._young = time.time() - grace_seconds
        self._missing: dict[str, Sequence[Reference]] = {}
        self._orphans: dict[str, ListedObject] = {}

    async def look(self, key: str, references: Sequence[Reference], stored: ListedObject | None) -> None:
        """Look at one key from both sides."""
        self._report.references += len(references)
        if stored is None:
            if any(item.kind in {"job", "asset"} for item in references):
                self._missing[key] = references
        else:
            self._report.objects += 1
            self._report.bytes += stored.bytes
            if not references and stored.stored_at < self._young:
                self._orphans[key] = stored
            await self._compare(key, references, stored)
        if len(self._missing) + len(self._orphans) >= _LOOKED_AT_ONCE:
            await self.settle()

    async def _compare(self, key: str, references: Sequence[Reference], stored: ListedObject) -> None:
        declared = [item for item in references if item.bytes is not None]
        sizes = {item.bytes for item in declared}
        if sizes - {stored.bytes}:
            self._differs(key, declared, f"{stored.bytes} bytes instead of {declared[0].bytes}")
        elif self._deep and declared:
            digest = hashlib.sha256()
            async for chunk in self._objects.read(key):
                digest.update(chunk)
            if {item.sha256 for item in declared} != {digest.hexdigest()}:
                self._differs(key, declared, f"sha256 {digest.hexdigest()} instead of {declared[0].sha256}")

    def _differs(self, key: str, references: Sequence[Reference], detail: str) -> None:
        self._report.find("object_differs", key, f"{detail}; {_who(references)}")

    async def settle(self) -> None:
        """Look again at what seemed wrong: rows and objects come and go while others work."""
        missing, self._missing = self._missing, {}
        orphans, self._orphans = self._orphans, {}
        jobs = [job for key in (*missing, *orphans) if (job := owner(key)[0]) is not None]
        async with self._database.connection() as connection:
            wanted = await rows.wanted(connection, list(missing), jobs)
            referred = await retention.referred(connection, list(orphans), [])
            still_open = await rows.open_jobs(connection, jobs)
        for key, references in missing.items():
            if key in wanted and await self._objects.stat(key) is None:
                self._report.find("object_missing", key, _who(references))
        for key, stored in orphans.items():
            if key in referred or owner(key)[0] in still_open:  # an attempt may yet report it
                continue
            self._report.orphans += 1
            self._report.orphan_bytes += stored.bytes
            self._report.find("orphan", key, f"{stored.bytes} bytes")
            if self._repair:
                await self._objects.delete(key)
                self._report.repaired += 1


async def _grouped(references: AsyncIterator[Reference]) -> AsyncIterator[tuple[str, list[Reference]]]:
    """Gather neighbours with the same key."""
    group: list[Reference] = []
    async for item in references:
        if group and group[0].key != item.key:
            yield group[0].key, group
            group = []
        group.append(item)
    if group:
        yield group[0].key, group


async def _merged(
    known: AsyncIterator[tuple[str, list[Reference]]], stored: AsyncIterator[ListedObject]
) -> AsyncIterator[tuple[str, list[Reference], ListedObject | None]]:
    """Walk through both at once, in order of key."""
    left, right = await anext(known, None), await anext(stored, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right.key):
            assert left is not None
            yield left[0], left[1], None
            left = await anext(known, None)
        elif left is None or right.key < left[0]:
            yield right.key, [], right
            right = await anext(stored, None)
        else:
            yield left[0], left[1], right
            left, right = await anext(known, None), await anext(stored, None)


async def _check_rows(connection: Connection, report: Report) -> None:
    for stream in await rows.broken_streams(connection):
        report.find(
            "sequence",
            str(stream.stream_id),
            f"{stream.events} events numbered {stream.first} to {stream.last}"
            + ("" if stream.sequence is None else f", the job is at {stream.sequence}"),
        )
    async for task in rows.tasks(connection):
        if (problem := _misplaced(task)) is not None:
            report.find("task", typeid.encode("job", task.job.id), problem)
    for kind, job_id in await rows.strays(connection):
        report.find("task", typeid.encode("job", job_id), f"{kind}, but there is no such job")
    for asset_id, latest, versions, last in await rows.misnumbered_assets(connection):
        report.find(
            "asset", typeid.encode("ast", asset_id), f"latest {latest}, {versions} versions up to {last}"
        )
    for asset_id, version, name in await rows.unknown_files(connection):
        report.find(
            "asset", typeid.encode("ast", asset_id), f"version {version}: {name} belongs to no artifact"
        )


def _misplaced(task: Task) -> str | None:
    """Say what is wrong with where a job's task is, by the job's own account."""
    leased = Place.LEASED in task.places
    expected = {Place.LEASED} if leased else {task.job.place} - {Place.NONE}
    if task.places != expected:
        return f"{_names(task.places)} instead of {_names(expected)}"
    if task.job.step_status is StepStatus.RUNNING and not leased:
        return "running without a lease"
    if not task.clock_agrees:
        return "its gate's time-out is not due when the job says so"
    return None


def _names(places: frozenset[Place] | set[Place]) -> str:
    return " and ".join(sorted(places)) or "no task"


def _who(references: Sequence[Reference]) -> str:
    names = {
        f"{item.kind} {typeid.encode(_PREFIXES[item.kind], item.id)}"
        for item in references
        if isinstance(item.id, UUID)
    }
    return "of " + ", ".join(sorted(names)[:5])
