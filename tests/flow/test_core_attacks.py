"""Attacks on the core, each once a bug: what the transactor, the store and the loops must bear."""

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from house import WORKER, House
from own_work import png

from maquette import wire
from maquette.bootstrap import open_deps
from maquette.domain import typeid
from maquette.domain.commands import Cancel, Create
from maquette.domain.context import Pins
from maquette.domain.errors import Invalid, MaquetteError, Unavailable
from maquette.domain.job import Job, JobStatus, Place
from maquette.services import execution, jobs, uploads
from maquette.services.ids import new_id
from maquette.services.jobs import JobView
from maquette.services.orders import NewJob, Order
from maquette.settings import Settings
from maquette.store import events as event_rows
from maquette.store import projects, session
from maquette.store.jobs import BriefRow


@contextlib.asynccontextmanager
async def _locked(
    settings: Settings, statement: str, *arguments: object
) -> AsyncIterator[asyncpg.Connection]:
    """Hold what a statement locks on a connection of its own, as a stranger's transaction would."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        async with connection.transaction():
            await connection.fetch(statement, *arguments)
            yield connection
    finally:
        await connection.close()


async def _waiting_for_a_lock(house: House, count: int = 1) -> list[int]:
    """Return the server processes that wait for a lock, once there are ``count`` of them."""
    for _ in range(500):
        async with house.deps.database.connection() as connection:
            rows = await connection.fetch(
                "select pid from pg_stat_activity"
                " where datname = current_database() and wait_event_type = 'Lock'"
            )
        if len(rows) >= count:
            return [row["pid"] for row in rows]
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


def _another(view: JobView, correlation_id: str = "fine", **more: object) -> Order:
    """Return an order for one more job like that of ``view``."""
    fields = msgspec.structs.asdict(view.job)
    job = Job(**fields | {"id": new_id(), "correlation_id": correlation_id, "sequence": 0} | more)
    return Order(job.id, Create(job), NewJob(BriefRow("usr_test", "x", "x", Pins(), b"{}", b"{}")))


async def test_stopping_lets_the_batch_under_way_finish(house: House, settings: Settings) -> None:
    """Who was told that the server stops may try again elsewhere: so nothing of theirs may have been done."""
    view = await house.submit("2D")
    async with _locked(settings, "select from jobs where id = $1 for update", view.job.id):
        canceling = asyncio.create_task(house.deps.transactor.apply(view.job.id, Cancel("usr")))
        await _waiting_for_a_lock(house)
        stopping = asyncio.create_task(house.deps.transactor.stop())
        await asyncio.sleep(0)
    await asyncio.wait_for(stopping, 10)
    assert (await canceling).status is JobStatus.CANCELED


async def test_stopping_refuses_those_who_wait_and_those_who_come_later(
    house: House, settings: Settings
) -> None:
    """A parked claim in the hands of a running batch, and a command after the end: both hear it at once."""
    view = await house.submit("2D")
    await house.claim()
    parked = asyncio.create_task(execution.claim(house.deps, WORKER, house.wish(wait_seconds=30.0)))
    while not house.deps.transactor._parked:  # noqa: ASYNC110 - there is no event for it, and should be none
        await asyncio.sleep(0.01)
    async with _locked(settings, "select from jobs where id = $1 for update", view.job.id):
        canceling = asyncio.create_task(house.deps.transactor.apply(view.job.id, Cancel("usr")))
        await _waiting_for_a_lock(house)
        stopping = asyncio.create_task(house.deps.transactor.stop())
        await asyncio.sleep(0)
    await asyncio.wait_for(stopping, 10)
    await canceling
    with pytest.raises(Unavailable):
        await asyncio.wait_for(parked, 5)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(house.deps.transactor.apply(view.job.id, Cancel("usr")), 5)


async def test_what_was_committed_is_never_called_undone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away between two halves of a halved batch: the first half's callers hear the truth."""
    view = await house.submit("2D")
    transactor = house.deps.transactor
    orders = [_another(view, "bad\0id" if place == 3 else "fine") for place in range(4)]
    commits = 0
    whole = session.Session.transaction

    async def fragile(self: session.Session, body: object) -> object:
        nonlocal commits
        if commits == 1:
            raise Unavailable("The database is away.")
        result = await whole(self, body)
        commits += 1
        return result

    monkeypatch.setattr(session.Session, "transaction", fragile)
    answers = await asyncio.gather(
        *(transactor.create(order.command.job, order.command, order.new) for order in orders),
        return_exceptions=True,
    )
    async with house.deps.database.connection() as connection:
        made = {row["id"] for row in await connection.fetch("select id from jobs")}
    told = {order.job_id for order, answer in zip(orders, answers, strict=True) if isinstance(answer, Job)}
    assert told
    assert told == made - {view.job.id}


async def test_an_operators_word_to_a_query_is_no_fault_of_the_command(
    house: House, settings: Settings
) -> None:
    """A canceled statement, a full disk, a read-only replica: try again later, not `invalid_request`."""
    view = await house.submit("2D")
    async with _locked(settings, "select from jobs where id = $1 for update", view.job.id) as stranger:
        canceling = asyncio.create_task(house.deps.transactor.apply(view.job.id, Cancel("usr")))
        for pid in await _waiting_for_a_lock(house):
            await stranger.execute("select pg_cancel_backend($1)", pid)
        with pytest.raises(Unavailable):
            await asyncio.wait_for(canceling, 5)
    assert (await house.deps.transactor.apply(view.job.id, Cancel("usr"))).status is JobStatus.CANCELED


async def test_a_lock_that_nobody_gives_back_does_not_hold_a_lane_for_good(
    house: House, settings: Settings
) -> None:
    """A statement has its time; after it the callers are told to come again, and the lane goes on."""
    view, other = await house.submit("2D"), await house.submit("2D")
    for lane in house.deps.transactor._lanes:
        lane.session._statement_seconds_max = 0.5
        await lane.session.close()
    async with _locked(settings, "select from jobs where id = $1 for update", view.job.id):
        with pytest.raises(Unavailable):
            await asyncio.wait_for(house.deps.transactor.apply(view.job.id, Cancel("usr")), 5)
        job = await house.deps.transactor.apply(other.job.id, Cancel("usr"))
        assert job.status is JobStatus.CANCELED


async def test_a_fault_of_ours_hits_one_command_alone(house: House) -> None:
    """A job that this version cannot read spoils its own command, not those that came in with it."""
    views = [await house.submit("2D") for _ in range(5)]
    async with house.deps.database.connection() as connection:
        await connection.execute(
            "update jobs set asset_type = 'from the future' where id = $1", views[2].job.id
        )
    answers = await asyncio.gather(
        *(house.deps.transactor.apply(view.job.id, Cancel("usr")) for view in views), return_exceptions=True
    )
    assert [isinstance(answer, Job) for answer in answers] == [True, True, False, True, True]
    assert isinstance(answers[2], MaquetteError)


async def test_fences_of_a_transaction_that_failed_are_not_used(house: House) -> None:
    """A sequence forgets, in a crash, what only an uncommitted transaction drew: it would be drawn again."""
    await house.submit("2D")
    async with house.deps.database.connection() as connection:
        await connection.execute("alter table leases add constraint never check (fence < 0)")
        assert await house.claim() == []
        assert await connection.fetchval("select last_value from fences") > 1
    assert [lane.fences._drawn for lane in house.deps.transactor._lanes] == [[], []]


async def test_a_task_that_is_canceled_in_the_same_batch_takes_no_place_in_a_claim(house: House) -> None:
    """The head of the queue is given up while it is claimed: the worker gets the next one."""
    first, second = await house.submit("2D"), await house.submit("2D")
    wish = execution._wish(house.deps, WORKER, house.wish())
    _, handouts = await house.deps.transactor.exchange([Order(first.job.id, Cancel("usr"))], wish)
    assert [item.job.id for item in handouts] == [second.job.id]


async def test_who_takes_a_task_out_of_line_waits_for_claims_before_it_claims(
    house: House, settings: Settings
) -> None:
    """A claim keeps rows in line locked whose jobs others hold: two batches that had both claimed waited for each other."""
    first, second = await house.submit("2D"), await house.submit("2D")
    in_line = "select from ready where job_id = $1 for update nowait"
    wish = execution._wish(house.deps, WORKER, house.wish())
    async with _locked(settings, in_line, first.job.id) as claiming:
        canceling = asyncio.create_task(
            house.deps.transactor.exchange([Order(first.job.id, Cancel("usr"))], wish)
        )
        await _waiting_for_a_lock(house)
        assert await claiming.fetch(in_line, second.job.id)
    [verdict], handouts = await asyncio.wait_for(canceling, 10)
    assert isinstance(verdict, Job)
    assert verdict.status is JobStatus.CANCELED
    assert [item.job.id for item in handouts] == [second.job.id]


async def test_time_never_goes_back_in_a_stream(house: House, settings: Settings) -> None:
    """A batch read the clock, then waited; a job that was made meanwhile is not started before it was made."""
    view = await house.submit("2D")
    await house.claim()
    blocked = new_id()
    async with house.deps.database.transaction() as connection:
        await projects.insert(connection, blocked, "other", "usr", 10)
    wish = execution._wish(house.deps, WORKER, house.wish())
    async with _locked(settings, "select from projects where id = $1 for update", blocked):
        slow = asyncio.create_task(
            house.deps.transactor.exchange(
                [_another(view, project_id=blocked, default_service="elsewhere")], wish
            )
        )
        await _waiting_for_a_lock(house)
        late = await house.submit("2D")
    _, handouts = await slow
    assert [item.job.id for item in handouts] == [late.job.id]
    async with house.deps.database.connection() as connection:
        events = await event_rows.of_job(connection, late.job.id, 0, 10)
    assert [event.time for event in events] == sorted(event.time for event in events)
    job = (await house.view(late.job.id)).job
    assert job.created_at <= job.started_at


async def test_all_waiting_workers_hear_of_another_process_work(house: House, settings: Settings) -> None:
    """Twenty claims wait here, twenty jobs are made there: the next look wakes as many as there are tasks."""
    async with open_deps(settings) as deps:
        elsewhere = House(deps, house.user, house.project)
        waiting = [
            asyncio.create_task(execution.claim(deps, WORKER, elsewhere.wish(wait_seconds=20.0)))
            for _ in range(20)
        ]
        while len(deps.transactor._parked) < 20:  # noqa: ASYNC110 - there is no event for it, and should be none
            await asyncio.sleep(0.01)
        await asyncio.gather(*(house.submit("2D") for _ in range(20)))
        answers = await asyncio.wait_for(asyncio.gather(*waiting), 2.5)
    assert [len(answer.tasks) for answer in answers] == [1] * 20


async def test_a_claim_is_a_sign_of_life(house: House) -> None:
    """A worker that waited longer than a lease lasts for its task may still speak up: it is not lost at once."""
    view = await house.submit("2D")
    beat = wire.Heartbeat(worker_epoch=house.epoch, worker="test", held=[])
    await execution.heartbeat(house.deps, WORKER, beat)
    async with house.deps.database.connection() as connection:
        await connection.execute("update workers set expires_at = now() - interval '1 second'")
    assert len(await house.claim()) == 1
    sweeper = house.sweeper()
    assert await sweeper.run_once() == 0
    async with house.deps.database.connection() as connection:
        await connection.execute("update leases set leased_at = leased_at - interval '16 seconds'")
    assert await sweeper.run_once() == 1
    assert (await house.view(view.job.id)).job.place is Place.READY


async def test_a_big_worker_may_list_all_it_holds(house: House) -> None:
    """As many leases as one worker can have are kept by one heartbeat."""
    ids = [(await house.submit("2D")).job.id for _ in range(3)]
    tasks = await house.claim(3)
    others = [wire.Progress(task_id=typeid.encode("task", new_id()), fence=10_000 + n) for n in range(253)]
    held = [wire.Progress(task_id=task.task_id, fence=task.fence) for task in tasks]
    answer = await execution.heartbeat(
        house.deps, WORKER, wire.Heartbeat(worker_epoch=house.epoch, worker="big", held=others + held)
    )
    assert [item.verdict for item in answer.verdicts[253:]] == ["held"] * len(ids)


async def test_following_a_job_that_has_ended_from_its_last_event_ends(house: House) -> None:
    """A browser connects again with its last event's id: there is nothing to come, so nothing stays open."""
    view = await house.submit("2D")
    job = (await jobs.cancel(house.deps, house.user, view.job.id)).job
    stream = await jobs.events(house.deps, house.user, job.id, job.sequence)

    async def rest() -> list[object]:
        return [item async for item in stream]

    assert await asyncio.wait_for(rest(), 5) == []


@pytest.mark.parametrize("gone", ["events", "job"])
async def test_following_what_retention_has_taken_ends(house: House, gone: str) -> None:
    """An old job tells what is left of it, if anything, and its stream ends: nobody waits for what is gone."""
    view = await house.submit("2D")
    job = (await jobs.cancel(house.deps, house.user, view.job.id)).job
    stream = await jobs.events(house.deps, house.user, job.id, 0)
    async with house.deps.database.connection() as connection:
        await connection.execute("delete from outbox where job_id = $1", job.id)
        if gone == "job":
            await connection.execute("delete from jobs where id = $1", job.id)

    async def rest() -> list[object]:
        return [item async for item in stream]

    assert await asyncio.wait_for(rest(), 5) == []


async def test_a_step_is_redone_as_often_as_revisions_can_be_counted(house: House) -> None:
    """The last one is refused as what it is, and the gate stays open for another answer."""
    view = await house.submit("2D")
    await house.work()
    async with house.deps.database.connection() as connection:
        await connection.execute("update jobs set revisions = '\\xff0000'")
        await connection.execute("update steps set revision = 255")
    view = await house.view(view.job.id)
    with pytest.raises(Invalid, match="255"):
        await house.review(view, "rejected")
    assert (await house.review(view, "approved")).job.spec.name == "refine"


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"duration": 1.0, "gpu_type": "cpu"},
        {"duration": -1.0, "gpu_type": "cpu", "cost_estimate": 0},
        {"duration": 1.0, "gpu_type": 7, "cost_estimate": 0},
        {"duration": 1.0, "gpu_type": "cpu", "cost_estimate": "free"},
        {"duration": 1.0, "gpu_type": "cpu", "cost_estimate": 1e308},
        {"duration": True, "gpu_type": "cpu", "cost_estimate": 0},
    ],
)
async def test_every_step_says_how_long_on_what_and_at_what_cost(house: House, metrics: dict) -> None:
    """Metrics that are missing or make no sense fail the step, as a missing output does."""
    view = await house.submit("2D")
    [task] = await house.claim()
    good = await house.succeeded(task)
    fields = {name: getattr(good, name) for name in good.__struct_fields__} | {"metrics": metrics}
    [verdict] = (await house.report(wire.Outcome(**fields))).verdicts
    assert verdict.verdict == "rejected"
    assert (await house.view(view.job.id)).job.error["code"] == "bad_metric"


async def test_the_sweeper_outlives_a_database_that_answers_nonsense(house: House) -> None:
    """One failed look must not end the loop, and with it the process and everybody's retries."""
    async with house.deps.database.connection() as connection:
        await connection.execute("alter table delayed rename to hidden")
    running = asyncio.create_task(house.sweeper().run())
    await asyncio.wait([running], timeout=0.7)
    ended = running.done()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert not ended


async def test_a_task_that_cannot_be_handed_out_ends_alone(house: House) -> None:
    """Inputs that this version cannot read, at the head of the queue: that job fails with a dead letter, others go on."""
    first, second = await house.submit("2D"), await house.submit("2D")
    async with house.deps.database.connection() as connection:
        await connection.execute(
            "update briefs set effective = $2 where job_id = $1", first.job.id, b'{"params": {}, "seeds": {}}'
        )
    found = [task.job_id for _ in range(2) for task in await house.claim()]
    assert found == [typeid.encode("job", second.job.id)]
    job = (await house.view(first.job.id)).job
    assert (job.status, job.error["code"]) == (JobStatus.FAILED, "unreadable_inputs")
    async with house.deps.database.connection() as connection:
        assert await connection.fetchval("select count(*) from dead_letters where job_id = $1", job.id) == 1
        events = await event_rows.of_job(connection, job.id, 0, 10)
    assert [event.sequence for event in events] == list(range(1, job.sequence + 1))


async def test_references_come_in_the_order_they_were_named(house: House) -> None:
    """The first reference is the one that counts most: the order of a brief is kept, whatever the ids say."""
    project = typeid.decode("prj", house.project)
    ids = [await _arrived(house, project, name) for name in ("a.png", "b.png", "c.png")]
    wanted = [ids[2], ids[0], ids[1]]
    await house.submit("2D", reference_uploads=wanted)
    [task] = await house.claim()
    assert [item.name for item in task.inputs] == ["c.png", "a.png", "b.png"]


async def _arrived(house: House, project: uuid.UUID, name: str) -> str:
    data = png(ord(name[0]))
    sha256 = hashlib.sha256(data).hexdigest()
    granted = await uploads.create(
        house.deps, house.user, project, name=name, media_type="image/png", bytes_=len(data), sha256=sha256
    )

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    await house.deps.objects.put(
        granted.upload.key, chunks(), bytes_=len(data), sha256=sha256, media_type="image/png"
    )
    return typeid.encode("upl", granted.upload.id)
