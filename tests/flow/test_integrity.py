"""What the integrity check finds in an installation that was damaged on purpose, and that it finds nothing else."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from house import House

from maquette.domain import typeid
from maquette.services import jobs
from maquette.services.integrity import Report, check
from maquette.store import retention as rows

DAY = 24 * 3600.0


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for doing damage."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def look(house: House) -> Callable[..., Any]:
    """Check everything; whatever is stored counts as old."""

    async def run(**more: Any) -> Report:
        return await check(house.deps.database, house.deps.objects, **{"grace_seconds": -1.0, **more})

    return run


async def put(house: House, key: str, data: bytes = b"orphan") -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield data

    await house.deps.objects.put(
        key,
        chunks(),
        bytes_=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        media_type="application/octet-stream",
    )


async def story(house: House) -> Any:
    """A succeeded job, a canceled one, a running one, one at a gate, a queued one."""
    done = await house.submit("2D")
    while (await house.view(done.job.id)).job.finished_at is None:
        if (view := await house.view(done.job.id)).job.gate_open:
            await house.review(view, "approved")
        else:
            await house.work()
    canceled = await house.submit("2D")
    await house.work()
    await jobs.cancel(house.deps, house.user, canceled.job.id)
    await house.submit("2D")
    await house.work()
    await house.submit("2D")
    [task] = await house.claim()
    await house.succeeded(task)  # uploaded, not reported yet
    await house.submit("2D")
    return done


async def test_a_healthy_installation_is_clean(house: House, look: Callable[..., Any]) -> None:
    """Jobs in every state, a file on its way to be reported, and a doomed one: nothing is found, deep or not."""
    await story(house)
    project = typeid.decode("prj", house.project)
    await put(house, f"projects/{project}/uploads/0/old.png")
    async with house.deps.database.transaction() as connection:
        await rows.doom(connection, project, [f"projects/{project}/uploads/0/old.png"])
    for report in (await look(), await look(deep=True), await look(repair=True)):
        assert (report.findings, report.problems, report.orphans) == ([], 0, 0)
        assert report.objects == 7  # three of the library, one each of the others, one doomed
    nothing = [item async for item in house.deps.objects.list()]
    assert len(nothing) == 7


async def test_lost_and_altered_files_are_named(
    house: House, look: Callable[..., Any], settings: Any
) -> None:
    """A missing object is listed with its job and asset, one of another length by both; other bytes only when read."""
    done = await story(house)
    first, second, third = (item.key for item in (await house.view(done.job.id)).artifacts)
    await house.deps.objects.delete(first)

    def content(key: str) -> Path:
        return Path(settings.data_dir) / "objects" / "objects" / f"{key}~" / "content"

    content(second).write_bytes(b"short")
    content(third).write_bytes(b"x" * len(content(third).read_bytes()))
    report = await look()
    asset = typeid.encode("ast", (await house.view(done.job.id)).job.asset_id)
    assert {(item.check, item.subject) for item in report.findings} == {
        ("object_missing", first),
        ("object_differs", second),
    }
    assert asset in report.findings[0].detail
    assert typeid.encode("job", done.job.id) in report.findings[0].detail
    report = await look(deep=True)
    assert {item.subject for item in report.findings} == {first, second, third}
    assert report.problems == 3


async def test_orphans_are_found_and_repaired(house: House, look: Callable[..., Any]) -> None:
    """What no row knows is an orphan once it is old; repairing deletes exactly those."""
    done = await story(house)
    folder = f"projects/{done.job.project_id}/jobs/{done.job.id}/"
    orphans = ["a", "projects/x/jobs/y/z.png", f"{folder}0-text_to_image/r0/a9/z.bin", "zz/z"]
    for key in orphans:
        await put(house, key)
    assert (await look(grace_seconds=DAY)).orphans == 0
    report = await look()
    assert [item.subject for item in report.findings] == sorted(orphans)
    assert (report.orphans, report.orphan_bytes, report.repaired, report.problems) == (4, 24, 0, 0)
    repaired = await look(repair=True)
    assert (repaired.orphans, repaired.repaired) == (4, 4)
    left = await look(deep=True)
    assert (left.findings, left.objects) == ([], report.objects - 4)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("delete from outbox where sequence = 3", "sequence"),
        ("update jobs set sequence = sequence + 1 where status = 'succeeded'", "sequence"),
        ("delete from leases", "task"),
        ("delete from ready", "task"),
        (
            "insert into delayed (job_id, project_id, due_at) select job_id, project_id, now() from ready",
            "task",
        ),
        (
            "insert into ready select id, project_id, 's', 't', 0, 0 from jobs where status = 'succeeded'",
            "task",
        ),
        (
            "insert into delayed (job_id, project_id, due_at) values (gen_random_uuid(), gen_random_uuid(), now())",
            "task",
        ),
        ("insert into gates_due select id, project_id, now() from jobs where status = 'succeeded'", "task"),
        ("update jobs set gate_due_at = now() where status = 'awaiting_review'", "task"),
        ("insert into gates_due values (gen_random_uuid(), gen_random_uuid(), now())", "task"),
        ("update assets set latest = 2", "asset"),
        ("delete from artifacts where job_id in (select id from jobs where status = 'succeeded')", "asset"),
    ],
)
async def test_rows_that_disagree_are_found(
    house: House, look: Callable[..., Any], database: asyncpg.Connection, damage: str, found: str
) -> None:
    """Gaps in sequences, misplaced tasks, misnumbered assets: each damage is named for what it is, and not repaired."""
    await story(house)
    await database.execute(damage)
    report = await look(repair=True)
    assert {item.check for item in report.findings} == {found}
    assert report.problems == len(report.findings) > 0
    assert (await look()).problems == report.problems


async def test_work_meanwhile_is_no_finding(house: House, look: Callable[..., Any]) -> None:
    """Jobs that run, end and are canceled while everything is compared make nobody suspicious."""
    stop = asyncio.Event()

    async def worker() -> None:
        while not stop.is_set():
            view = await house.submit("2D")
            await house.work()
            await jobs.cancel(house.deps, house.user, view.job.id)

    running = asyncio.create_task(worker())
    looks = stored = 0
    while looks < 8 or stored < 10:
        report = await look(deep=True, repair=True)
        assert report.findings == []
        looks, stored = looks + 1, report.objects
    stop.set()
    await running
