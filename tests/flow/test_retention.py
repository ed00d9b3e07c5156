"""What goes when its time is over, what stays whatever its age, and what a dry run says of it."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from house import House

from maquette import wire
from maquette.domain import retention as rules
from maquette.domain import typeid
from maquette.domain.errors import Conflict, NotFound
from maquette.domain.retention import Policy
from maquette.maintenance.retention import RetentionLoop
from maquette.services import dead_letters, jobs, projects, retention, uploads
from maquette.services.cleaning import Cleaning, Tally, drain
from maquette.services.ids import new_id
from maquette.services.integrity import check
from maquette.services.jobs import JobView
from maquette.store import retention as rows

#: Everything that ended is old enough, unless a test says otherwise.
NOW = timedelta(seconds=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for looking at rows."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


async def clean(house: House, *categories: str, dry_run: bool = False) -> dict[str, Tally]:
    """Run once, with everything of the categories being due, and return what went."""
    due = datetime.now(UTC) + NOW
    cleaning = Cleaning(
        house.deps.database,
        house.deps.objects,
        typeid.decode("prj", house.project),
        dict.fromkeys(categories, due),
        dry_run=dry_run,
        seconds_max=30.0,
    )
    assert await cleaning.run()
    return {tally.category: tally for tally in cleaning.tallies}


async def drained(house: House) -> None:
    while await drain(house.deps.database, house.deps.objects, grace_seconds=0.0):
        pass


async def keys(house: House) -> set[str]:
    """Return all that is stored."""
    return {item.key async for item in house.deps.objects.list()}


async def finish(house: House, view: JobView) -> JobView:
    """Work and approve until the job has succeeded."""
    while (view := await house.view(view.job.id)).job.finished_at is None:
        if view.job.gate_open:
            await house.review(view, "approved")
        else:
            await house.work()
    return view


async def with_history(house: House) -> JobView:
    """Return a succeeded job with a rejected revision and a lost attempt behind it."""
    view = await house.submit("2D")
    await house.work()
    await house.review(await house.view(view.job.id), "rejected", notes="bluer")
    [task] = await house.claim()
    await house.succeeded(task)  # uploaded, never reported
    lost = wire.Outcome(
        task_id=task.task_id, fence=task.fence, status="failed", error_class="lost_worker", error_code="x"
    )
    await house.report(lost)
    await house.sweeper().run_once()
    return await finish(house, view)


async def stored_of(view: JobView) -> tuple[set[str], set[str]]:
    """Return the keys of a job's current artifacts and of its older ones."""
    current = {item.key for item in view.artifacts if item.revision == view.job.revisions[item.position]}
    return current, {item.key for item in view.artifacts} - current


async def test_files_that_nothing_leads_to_go(house: House) -> None:
    """Superseded files and those of lost attempts go, the library's stay; the job still tells what there was."""
    view = await with_history(house)
    current, older = await stored_of(view)
    before = await keys(house)
    assert len(older) == 1
    assert len(before) == len(current) + 2, "the lost attempt left a file that no row knows"
    told = await clean(house, "artifacts", dry_run=True)
    assert await keys(house) == before
    assert (told["artifacts"].rows, told["artifacts"].objects) == (1, 2)
    assert told["artifacts"].examples[0].startswith("art_")
    done = await clean(house, "artifacts")
    assert done == told
    assert await keys(house) == before, "objects go after the commit, not with it"
    await drained(house)
    assert await keys(house) == current
    again = await house.view(view.job.id)
    assert [item.expired for item in again.artifacts].count(True) == 1
    assert (await clean(house, "artifacts"))["artifacts"].rows == 0


async def test_a_canceled_job_keeps_no_file(house: House) -> None:
    """Nothing of a canceled job is used again: all of its files go, its row stays."""
    view = await house.submit("2D")
    await house.work()
    await jobs.cancel(house.deps, house.user, view.job.id)
    assert (await clean(house, "artifacts"))["artifacts"].rows == 1
    await drained(house)
    assert await keys(house) == set()
    assert (await house.view(view.job.id)).job.status == "canceled"


async def test_a_failed_job_keeps_what_a_redrive_needs(house: House) -> None:
    """The finished steps of a failed job stay, and so does everything of a running one."""
    view = await house.submit("2D")
    await house.work()
    await house.review(await house.view(view.job.id), "approved")
    [task] = await house.claim()
    failed = wire.Outcome(
        task_id=task.task_id, fence=task.fence, status="failed", error_class="invalid", error_code="x"
    )
    await house.report(failed)
    running = await house.submit("2D")
    await house.work()
    before = await keys(house)
    assert len(before) == 2
    assert (await clean(house, "artifacts"))["artifacts"].rows == 0
    await clean(house, "jobs")
    await drained(house)
    assert before > await keys(house) != set()
    assert (await house.view(running.job.id)).job.gate_open
    with pytest.raises(NotFound):
        await house.view(view.job.id)


async def test_a_job_goes_with_all_its_rows(house: House, database: asyncpg.Connection) -> None:
    """Afterwards no table knows the job but the library, whose files stay readable, and the events."""
    view = await with_history(house)
    letter = await house.submit("2D", metadata={"n": 1})
    [task] = await house.claim()
    await house.report(
        wire.Outcome(
            task_id=task.task_id, fence=task.fence, status="failed", error_class="invalid", error_code="x"
        )
    )
    tables = await database.fetch(
        "select table_name from information_schema.columns c join information_schema.tables t using (table_name)"
        " where column_name = 'job_id' and c.table_schema = 'public' and table_type = 'BASE TABLE'"
    )
    counted = {row["table_name"] for row in tables}
    assert counted > {"briefs", "steps", "attempts", "artifacts", "user_decisions", "dead_letters"}

    async def left(job_id: UUID) -> set[str]:
        return {
            name
            for name in counted
            if await database.fetchval(f"select count(*) from {name} where job_id = $1", job_id)
        }

    assert {"briefs", "steps", "attempts", "artifacts", "user_decisions"} <= await left(view.job.id)
    assert "dead_letters" in await left(letter.job.id)
    told = await clean(house, "jobs", dry_run=True)
    done = await clean(house, "jobs")
    assert told == done
    assert done["jobs"].rows == 2
    assert await left(letter.job.id) <= {"outbox", "events"}
    assert await left(view.job.id) <= {"artifacts", "steps", "asset_versions", "outbox", "events"}
    await drained(house)
    current, _ = await stored_of(view)
    assert await keys(house) == current
    missing = await database.fetchval(
        "select count(*) from asset_files f where not exists (select from artifacts a where a.id = f.artifact_id)"
    )
    assert missing == 0


async def test_the_library_outlives_its_jobs(house: House) -> None:
    """A new job can begin from an asset whose own job is gone, and files that it refers to stay with it."""
    view = await with_history(house)
    version = typeid.encode("ast", view.job.asset_id or UUID(int=0))
    await clean(house, "jobs", "artifacts")
    await drained(house)
    before = await keys(house)
    redone = await house.submit("2D", from_asset=version, redo_from="export")
    redone = await finish(house, redone)
    await clean(house, "jobs", "artifacts")
    await drained(house)
    assert len(await keys(house)) == len(before) + 1, "the new export, and nothing lost"
    report = await check(house.deps.database, house.deps.objects, deep=True, grace_seconds=-1.0)
    assert (report.problems, report.orphans) == (0, 0)
    assert redone.job.asset_id is not None


async def test_events_go_by_the_month(house: House, database: asyncpg.Connection) -> None:
    """A project's old events go a month at a time; a month that is old for every project is dropped whole."""
    from maquette.store import projects as project_rows

    old, mine, other = datetime(2024, 3, 15, tzinfo=UTC), typeid.decode("prj", house.project), new_id()
    async with house.deps.database.transaction() as connection:
        await project_rows.insert(connection, other, "other", "usr_test", 10)
    for month in ("2024_03-01", "2024_04-01"):
        await database.execute(
            f"create table events_{month[:7]} partition of events for values from ('{month.replace('_', '-')}')"
            f" to ('{month[:5].replace('_', '-')}{int(month[5:7]) + 1:02}-01')"
        )
    for project in (mine, other):
        for moment in (old, old + timedelta(days=31)):
            await database.execute(
                "insert into events (stream_id, sequence, project_id, type, time, correlation_id, data, xid)"
                " values ($1, 1, $2, 'JobCreated', $3, 'c', '{}', '3')",
                new_id(),
                project,
                moment,
            )

    async def left() -> list[tuple[bool, int]]:
        rows_ = await database.fetch("select project_id, time from events order by time, project_id")
        return [(row["project_id"] == mine, row["time"].month) for row in rows_]

    def cleaning(*, dry_run: bool) -> Cleaning:
        cutoffs = {"events": datetime(2024, 4, 20, tzinfo=UTC)}
        return Cleaning(
            house.deps.database, house.deps.objects, mine, cutoffs, dry_run=dry_run, seconds_max=30.0
        )

    for dry_run in (True, False):
        run = cleaning(dry_run=dry_run)
        assert await run.run()
        assert [tally.rows for tally in run.tallies if tally.category == "events"] == [1]
    assert sorted(await left()) == [(False, 3), (False, 4), (True, 4)]
    async with house.deps.database.connection() as connection:
        assert await rows.drop_events_before(connection, datetime(2024, 4, 30, tzinfo=UTC)) == 1
        assert sorted(await left()) == [(False, 4), (True, 4)]
        reader = database.transaction()
        await reader.start()
        assert len(await left()) == 2
        with pytest.raises(Conflict):  # a reader is not waited for
            await rows.drop_events_before(connection, datetime(2024, 5, 1, tzinfo=UTC))
        await reader.rollback()
        assert await rows.drop_events_before(connection, datetime(2024, 5, 1, tzinfo=UTC)) == 1
    assert await left() == []


def test_no_month_is_dropped_that_somebody_keeps() -> None:
    """The longest policy of all projects decides, and one project that keeps events for ever keeps every month."""
    now = datetime(2026, 6, 15, 12, tzinfo=UTC)
    platform = Policy(events_days=30)
    assert rules.events_before([], platform, now) == datetime(2026, 5, 1, tzinfo=UTC)
    longer = [(1, {"events_days": 90}), (2, {"events_days": 1})]
    assert rules.events_before(longer, platform, now) == datetime(2026, 3, 1, tzinfo=UTC)
    assert rules.events_before([*longer, (1, {"events_days": 0})], platform, now) is None
    assert rules.events_before(longer, Policy(events_days=0), now) is None


async def test_a_key_never_outlives_its_job(house: House, database: asyncpg.Connection) -> None:
    """A job's Idempotency-Key goes with it, so that the request again makes a new job; others stay remembered."""
    wish = {"project_id": house.project, "asset_type": "2D", "prompt": "a robot"}
    first, second = [
        (await jobs.submit(house.deps, house.user, wish, idempotency_key=key)).view for key in ("a", "b")
    ]
    await jobs.cancel(house.deps, house.user, first.job.id)
    await clean(house, "jobs")
    assert [row["key"] for row in await database.fetch("select key from request_keys")] == ["b"]
    again = (await jobs.submit(house.deps, house.user, wish, idempotency_key="a")).view
    assert again.job.id not in {first.job.id, second.job.id}
    told = await clean(house, "request_keys", dry_run=True)
    assert await database.fetchval("select count(*) from request_keys") == 2
    assert (await clean(house, "request_keys")) == told
    assert await database.fetchval("select count(*) from request_keys") == 0


async def upload(house: House, content: bytes) -> str:
    """Bring a file and return its id."""
    granted = await uploads.create(
        house.deps,
        house.user,
        typeid.decode("prj", house.project),
        name="a.png",
        media_type="image/png",
        bytes_=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    item = granted.upload
    await house.deps.objects.put(
        item.key, chunks(), bytes_=item.bytes, sha256=item.sha256, media_type=item.media_type
    )
    return typeid.encode("upl", item.id)


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63606060f80f0001040100"
    "5fe5c34b0000000049454e44ae426082"
)


async def test_uploads_go_when_nothing_uses_them(house: House) -> None:
    """One that was never used goes, one that a job uses stays until that job is gone."""
    await upload(house, PNG)
    used = await upload(house, PNG)
    view = await house.submit("2D", reference_uploads=[used])
    assert (await clean(house, "uploads", dry_run=True))["uploads"].rows == 1
    assert (await clean(house, "uploads"))["uploads"].rows == 1
    await drained(house)
    assert len(await keys(house)) == 1
    await jobs.cancel(house.deps, house.user, view.job.id)
    assert (await clean(house, "jobs", "uploads"))["uploads"].rows == 1
    await drained(house)
    assert await keys(house) == set()


async def test_what_is_wanted_again_is_not_deleted(house: House, database: asyncpg.Connection) -> None:
    """A job that began to use an upload while it was being given up keeps its file."""
    used = await upload(house, PNG)
    await house.submit("2D", reference_uploads=[used])
    [key] = await keys(house)
    async with house.deps.database.transaction() as connection:
        await rows.doom(connection, typeid.decode("prj", house.project), [key])
    await drained(house)
    assert await keys(house) == {key}
    assert await database.fetchval("select count(*) from doomed_objects") == 0


async def test_objects_that_cannot_be_deleted_are_tried_again(
    house: House,
    database: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A store that fails costs a warning and another try, however often; nothing is forgotten."""
    view = await house.submit("2D")
    await house.work()
    await jobs.cancel(house.deps, house.user, view.job.id)
    await clean(house, "artifacts")
    works = house.deps.objects.delete

    async def fails(key: str) -> None:
        raise OSError(key)

    monkeypatch.setattr(house.deps.objects, "delete", fails)
    with caplog.at_level(logging.WARNING):
        assert await drain(house.deps.database, house.deps.objects, grace_seconds=0.0) == 1
    assert "cannot be deleted now" in caplog.text
    assert await database.fetchval("select count(*) from doomed_objects") == 1
    assert len(await keys(house)) == 1
    monkeypatch.setattr(house.deps.objects, "delete", works)
    await drained(house)
    assert await keys(house) == set()


async def test_a_backup_holds_deletions_off(house: House, database: asyncpg.Connection) -> None:
    """While somebody copies objects, none is deleted; afterwards they are."""
    view = await house.submit("2D")
    await house.work()
    await jobs.cancel(house.deps, house.user, view.job.id)
    await clean(house, "artifacts")
    await database.execute("select pg_advisory_lock_shared(1835102577, 1)")
    assert await drain(house.deps.database, house.deps.objects, grace_seconds=0.0) == 0
    assert len(await keys(house)) == 1
    await database.execute("select pg_advisory_unlock_shared(1835102577, 1)")
    await drained(house)
    assert await keys(house) == set()


async def test_what_is_young_or_kept_for_ever_stays(house: House) -> None:
    """The platform's policy holds until a project chooses; with zero days nothing goes, whatever its age."""
    view = await with_history(house)
    before = await keys(house)
    loop = RetentionLoop(
        house.deps.database, house.deps.objects, Policy(), interval_seconds=60.0, grace_seconds=0.0
    )
    assert await loop.run_once()
    assert await keys(house) == before
    ever = Policy(events_days=0, artifacts_days=0, jobs_days=0, uploads_days=0, request_keys_days=0)
    assert rules.cutoffs(ever, datetime.now(UTC)) == {}
    assert (await house.view(view.job.id)).job.status == "succeeded"


async def test_what_sinks_refused_is_forgotten_in_time(
    house: House, database: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events set aside and replays that ended go after the time set, page by page; what still runs stays, and all with 0."""
    await database.execute("""
        insert into parked_events (sink, stream_id, sequence, project_id, time, reason, parked_at)
        select 's', gen_random_uuid(), 1, gen_random_uuid(), now(), 'r', now() - days * interval '1 day'
        from generate_series(1, 5) days""")
    await database.execute("""
        insert into replays (id, sink, since, until, per_second, created_at, created_by, reached, stride_seconds,
                             next_at, finished_at)
        select gen_random_uuid(), 's', now() - interval '9 days', now(), 1, now(), 'u', now(), 1, now(), ended
        from unnest(array[null, now(), now() - interval '4 days']) ended""")

    async def left() -> tuple[int, int]:
        row = await database.fetchrow(
            "select (select count(*) from parked_events) as p, (select count(*) from replays) as r"
        )
        return row["p"], row["r"]

    async def cleaned(days: int) -> tuple[int, int]:
        cleaner = RetentionLoop(
            house.deps.database, house.deps.objects, Policy(), interval_seconds=60.0, sinks_days=days
        )
        await cleaner.run_once()
        return await left()

    monkeypatch.setattr("maquette.maintenance.retention.PAGE", 1)
    assert await cleaned(0) == (5, 3)
    assert await cleaned(3) == (2, 2)


async def test_the_loop_takes_each_project_in_turn(house: House, database: asyncpg.Connection) -> None:
    """Every project is cleaned by its own policy, once an interval; many replicas neither wait nor do it twice."""
    view = await house.submit("2D")
    await house.work()
    await jobs.cancel(house.deps, house.user, view.job.id)
    await database.execute(
        "update jobs set finished_at = finished_at - interval '2 days', created_at = created_at - interval '2 days'"
    )
    operator = type(house.user)("operator", "usr_operator")
    other = await projects.create(house.deps, operator, "other")
    await retention.put(
        house.deps, house.user, typeid.decode("prj", house.project), {"artifacts_days": 1, "jobs_days": 0}
    )
    loops = [
        RetentionLoop(
            house.deps.database, house.deps.objects, Policy(), interval_seconds=600.0, grace_seconds=0.0
        )
        for _ in range(6)
    ]
    busy = await asyncio.gather(*(loop.run_once() for loop in loops))
    assert busy.count(True) == 2, "two projects were due"
    await loops[0].run_once()
    assert await keys(house) == set()
    assert not await loops[0].run_once()
    due = await database.fetch("select project_id, due_at - now() as left from retention_runs")
    assert {row["project_id"] for row in due} == {other.id, typeid.decode("prj", house.project)}
    assert all(timedelta(seconds=400) < row["left"] < timedelta(seconds=800) for row in due)


async def test_cleaning_and_working_do_not_deadlock(house: House) -> None:
    """Jobs run and end at full speed beside cleaning that takes whatever has ended: nothing fails, nothing is lost."""
    stop = asyncio.Event()

    async def cleaner() -> int:
        gone = 0
        while not stop.is_set():
            gone += (await clean(house, "request_keys", "jobs", "artifacts", "uploads"))["jobs"].rows
            await drain(house.deps.database, house.deps.objects, grace_seconds=0.0)
        return gone

    cleaners = [asyncio.create_task(cleaner()) for _ in range(2)]

    async def story(number: int) -> None:
        wish = {"project_id": house.project, "asset_type": "2D", "prompt": "a robot"}
        view = (await jobs.submit(house.deps, house.user, wish, idempotency_key=str(number))).view
        if number % 3 == 0:
            with suppress(NotFound):  # cleaned before it could be shown
                await jobs.cancel(house.deps, house.user, view.job.id)

    await asyncio.gather(*(story(number) for number in range(60)))
    for _ in range(200):
        tasks = await house.claim(20)
        if tasks:
            answer = await house.report(*[await house.succeeded(task) for task in tasks])
            assert {item.verdict for item in answer.verdicts} == {"applied"}
        async with house.deps.database.connection() as connection:
            open_jobs = await connection.fetch("select id from jobs where finished_at is null and gate_open")
            left = await connection.fetchval("select count(*) from jobs where finished_at is null")
        for row in open_jobs:
            with suppress(NotFound):
                await house.review(await house.view(row["id"]), "approved")
        if not left:
            break
    stop.set()
    gone = sum(await asyncio.gather(*cleaners))
    gone += (await clean(house, "jobs"))["jobs"].rows
    assert left == 0
    assert gone >= 60
    async with house.deps.database.connection() as connection:
        assert await connection.fetchval("select count(*) from jobs") == 0
        assert await connection.fetchval("select count(*) from asset_versions") == 40
        assert (
            await connection.fetchval(
                "select count(*) from artifacts a where not exists "
                "(select from asset_files f where f.artifact_id = a.id)"
            )
            == 0
        )


async def test_cleaning_and_delivering_lock_in_one_order(house: House, database: asyncpg.Connection) -> None:
    """A try that is written down while its job goes comes first: endpoint, lane, delivery, for both."""
    view = await house.submit("2D", webhook_url="https://receiver.example/hook")
    job = (await jobs.cancel(house.deps, house.user, view.job.id)).job
    hook = await database.fetchval("select id from webhooks where job_id = $1", job.id)
    key = (job.id, job.project_id, hook)
    await database.execute("insert into webhook_lanes values ($3, $1, $2, now())", *key)
    await database.execute(
        "insert into webhook_deliveries select $1, $2, $3, $1, 1, $1, 'JobCreated', '', 'pending', 0, 0, now(), null,"
        " now()",
        *key,
    )
    async with database.transaction():
        await database.execute("update webhooks set failing_since = now() where id = $1", hook)
        cleaning = asyncio.create_task(clean(house, "jobs"))
        async with asyncio.timeout(5):
            while not await database.fetchval("select count(*) from pg_locks where not granted"):  # noqa: ASYNC110 - a lock is no event
                await asyncio.sleep(0.01)
        await database.execute("select from webhook_lanes where webhook_id = $1 for update", hook)
        await database.execute("update webhook_deliveries set attempts = 1 where webhook_id = $1", hook)
    assert (await cleaning)["jobs"].rows == 1
    for table in ("webhooks", "webhook_lanes", "webhook_deliveries"):
        assert await database.fetchval(f"select count(*) from {table}") == 0


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, {"jobs_days": 365, "request_keys_days": 7}),
        ({"jobs_days": 3}, {"jobs_days": 3, "request_keys_days": 3}),
        ({"jobs_days": 3, "request_keys_days": 0}, {"jobs_days": 3, "request_keys_days": 3}),
        ({"jobs_days": 0, "request_keys_days": 0}, {"jobs_days": 0, "request_keys_days": 0}),
        ({"request_keys_days": 400}, {"jobs_days": 365, "request_keys_days": 365}),
    ],
)
def test_a_policy_fills_in_the_platforms(chosen: dict[str, int], expected: dict[str, int]) -> None:
    """What a project leaves out is the platform's, and a request's key goes before its job."""
    policy: Any = rules.resolve(1, chosen, Policy()).policy
    assert {name: getattr(policy, name) for name in expected} == expected


def test_ids_are_compared_with_moments() -> None:
    """The smallest id of a moment lies between those made before and after it."""
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    older, newer = (rules.id_at(moment + timedelta(milliseconds=step)) for step in (-1, 1))
    assert older < rules.id_at(moment) < newer


async def test_orders_and_tallies_go_when_their_time_is_over(
    house: House, database: asyncpg.Connection
) -> None:
    """An order to redrive goes with the jobs of its day, when it has ended; what was refused is counted for a month."""
    project = typeid.decode("prj", house.project)
    ended, going = [
        await dead_letters.redrive_many(house.deps, house.user, project, {}, per_minute=1, cap=1)
        for _ in range(2)
    ]
    await dead_letters.cancel_order(house.deps, house.user, ended.id)
    await clean(house, "jobs")
    assert [row["id"] for row in await database.fetch("select id from redrives")] == [going.id]
    await database.execute(
        "insert into refusals select $1, current_date - days, 'usr_test', 'jobs_per_day', 1, now()"
        " from unnest(array[1, 30, 33]) days",
        project,
    )
    await RetentionLoop(house.deps.database, house.deps.objects, Policy(), 3600.0).run_once()
    assert await database.fetchval("select count(*) from refusals") == 2
