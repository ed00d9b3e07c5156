"""The transactor under many hands: verdicts, fences, limits, no deadlocks, nothing twice."""

import asyncio
import random
import uuid

import msgspec
import pytest
from house import WORKER, House, Refused

from maquette import wire
from maquette.domain import typeid
from maquette.domain.commands import Cancel, Create
from maquette.domain.context import Pins
from maquette.domain.errors import (
    IdempotencyMismatch,
    IllegalTransition,
    Invalid,
    MaquetteError,
    NotFound,
    QuotaExceeded,
    StaleReview,
    Unavailable,
)
from maquette.domain.events import Event
from maquette.domain.job import Job, JobStatus, Place
from maquette.domain.permissions import Role
from maquette.services import assets, execution, jobs, reviews
from maquette.services.ids import new_id
from maquette.services.orders import NewJob, Order
from maquette.store.jobs import BriefRow


async def _count(house: House, statement: str) -> int:
    async with house.deps.database.connection() as connection:
        return int(await connection.fetchval(statement))


async def test_an_outcome_sent_again_is_told_applied(house: House) -> None:
    """The answer may get lost: the winning fence hears `applied` each time, and nothing happens twice."""
    await house.submit("2D")
    [task] = await house.claim()
    outcome = await house.succeeded(task)
    for _ in range(3):
        answer = await house.report(outcome)
        assert [item.verdict for item in answer.verdicts] == ["applied"]
    assert await _count(house, "select count(*) from steps") == 1
    assert await _count(house, "select count(*) from artifacts") == 1


async def test_a_failed_attempt_sent_again_is_told_applied(house: House) -> None:
    """Failures are remembered by fence as well."""
    await house.submit("2D")
    [task] = await house.claim()
    outcome = wire.Outcome(task_id=task.task_id, fence=task.fence, status="failed", error_code="boom")
    for _ in range(2):
        answer = await house.report(outcome)
        assert [item.verdict for item in answer.verdicts] == ["applied"]
    assert await _count(house, "select count(*) from attempts") == 1


async def test_a_zombie_is_told_stale(house: House) -> None:
    """Once a lease was given away, its old holder's outcome changes nothing."""
    view = await house.submit("2D")
    [task] = await house.claim()
    outcome = await house.succeeded(task)
    async with house.deps.database.connection() as connection:
        await connection.execute("update leases set leased_at = now() - interval '1 minute'")
    assert await house.sweeper().run_once() == 1
    [again] = await house.claim()
    assert (again.attempt, again.fence > 0) == (2, True)
    answer = await house.report(outcome)
    assert [item.verdict for item in answer.verdicts] == ["stale"]
    assert (await house.view(view.job.id)).job.attempt == 2


async def test_a_command_that_the_database_refuses_fails_alone(house: House) -> None:
    """Its neighbours in the batch are committed; the batch is halved until the culprit stands by itself."""
    view = await house.submit("2D")

    def order(correlation_id: str) -> Order:
        job = Job(
            **{name: getattr(view.job, name) for name in Job.__slots__}
            | {"id": new_id(), "correlation_id": correlation_id, "sequence": 0}
        )
        brief = BriefRow("usr_test", "x", "x", Pins(), b"{}", b"{}")
        return Order(job.id, Create(job), NewJob(brief))

    orders = [order("bad\0id" if place == 11 else "fine") for place in range(40)]
    verdicts, _ = await house.deps.transactor.exchange(orders)
    bad = [place for place, verdict in enumerate(verdicts) if not isinstance(verdict, Job)]
    assert bad == [11]
    assert isinstance(verdicts[11], Invalid)
    assert await _count(house, "select count(*) from jobs") == 40


async def test_commands_on_one_job_fold_in_order(house: House) -> None:
    """Two orders of one batch see each other's effect."""
    view = await house.submit("2D")
    verdicts, _ = await house.deps.transactor.exchange(
        [Order(view.job.id, Cancel("usr_a")), Order(view.job.id, Cancel("usr_b"))]
    )
    assert isinstance(verdicts[0], Job)
    assert isinstance(verdicts[1], IllegalTransition)


async def test_an_unknown_job_is_not_found(house: House) -> None:
    """A command for nothing has its own verdict."""
    with pytest.raises(NotFound):
        await house.deps.transactor.apply(uuid.uuid4(), Cancel("usr"))


async def test_equal_requests_make_one_job(house: House) -> None:
    """Sixteen at once under one Idempotency-Key: one job, fifteen replays; another body is refused."""
    wish = {"project_id": house.project, "asset_type": "2D", "prompt": "a crate"}

    async def submit(**more: str) -> jobs.Submitted:
        return await jobs.submit(house.deps, house.user, wish | more, idempotency_key="k-1")

    answers = await asyncio.gather(*(submit() for _ in range(16)))
    assert len({answer.view.job.id for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 15
    with pytest.raises(IdempotencyMismatch):
        await submit(prompt="a barrel")
    assert await _count(house, "select count(*) from jobs") == 1


async def test_a_refused_submission_releases_its_key(house: House) -> None:
    """A key stands for a job only once there is one."""
    async with house.deps.database.connection() as connection:
        await connection.execute("update projects set open_jobs_max = 0")
    wish = {"project_id": house.project, "asset_type": "2D", "prompt": "a crate"}
    with pytest.raises(QuotaExceeded):
        await jobs.submit(house.deps, house.user, wish, idempotency_key="k")
    async with house.deps.database.connection() as connection:
        await connection.execute("update projects set open_jobs_max = 1")
    assert not (await jobs.submit(house.deps, house.user, wish, idempotency_key="k")).replayed


async def test_sixty_four_at_once_against_a_limit_of_ten_make_ten(house: House) -> None:
    """The limit is exact under concurrency, and a finished job makes room."""
    async with house.deps.database.connection() as connection:
        await connection.execute("update projects set open_jobs_max = 10")
    results = await asyncio.gather(*(house.submit("2D") for _ in range(64)), return_exceptions=True)
    made = [item for item in results if isinstance(item, jobs.JobView)]
    refused = [item for item in results if isinstance(item, QuotaExceeded)]
    assert (len(made), len(refused)) == (10, 54)
    await jobs.cancel(house.deps, house.user, made[0].job.id)
    await house.submit("2D")


async def test_a_waiting_claim_is_served_at_once(house: House) -> None:
    """A long poll gets the task of a job that is submitted while it waits."""
    waiting = asyncio.create_task(execution.claim(house.deps, WORKER, house.wish(wait_seconds=20.0)))
    await _parked(house, 1)
    view = await house.submit("2D")
    answer = await asyncio.wait_for(waiting, 5)
    assert [task.job_id for task in answer.tasks] == [typeid.encode("job", view.job.id)]


async def _parked(house: House, count: int) -> None:
    for _ in range(500):
        if len(house.deps.transactor._parked) == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the claim was never parked")


async def test_a_claim_with_nothing_to_do_ends_empty(house: House) -> None:
    """Without waiting at once, with waiting when its time is over."""
    assert await house.claim() == []
    assert await asyncio.wait_for(house.claim(wait_seconds=0.3), 5) == []


async def test_a_claim_sent_again_replays_its_answer(house: House) -> None:
    """A lost answer costs nothing: the same claim_id gives the same leases."""
    await house.submit("2D")
    await house.submit("2D")
    wish = house.wish(2)
    first = await execution.claim(house.deps, WORKER, wish)
    again = await execution.claim(
        house.deps,
        WORKER,
        wire.Claim(**{name: getattr(wish, name) for name in wish.__struct_fields__} | {"retried": True}),
    )
    assert {task.fence for task in again.tasks} == {task.fence for task in first.tasks}
    assert len(first.tasks) == 2
    assert all(task.params for task in again.tasks)


async def test_a_claim_of_nothing_only_asks_again(house: House) -> None:
    """Capacity 0 gives what the claim was given and nothing that waits; who never asked may not ask for nothing."""
    for _ in range(3):
        await house.submit("2D")
    wish = house.wish(1)
    [given] = (await execution.claim(house.deps, WORKER, wish)).tasks
    again = msgspec.structs.replace(wish, capacity=0, retried=True)
    assert [task.fence for task in (await execution.claim(house.deps, WORKER, again)).tasks] == [given.fence]
    assert await house.claim(0, retried=True) == []
    assert len(await house.claim(9)) == 2
    with pytest.raises(Invalid, match="or 0 to ask again"):
        await house.claim(0)


async def test_an_outcome_can_bring_the_next_task(house: House) -> None:
    """One exchange: the same request reports a step and leases the job's next one."""
    await house.submit("2D")
    await house.gates()
    view = await house.submit("2D")
    tasks = await house.claim(2)
    task = next(item for item in tasks if item.job_id == typeid.encode("job", view.job.id))
    answer = await house.report(await house.succeeded(task), claim=house.wish())
    assert answer.claim is not None
    [following] = answer.claim.tasks
    assert (following.job_id, following.step) == (task.job_id, "refine")
    assert following.inputs[0].step == "text_to_image"
    assert following.inputs[0].sha256


async def test_a_lease_its_worker_never_heard_of_goes_back(house: House) -> None:
    """Missing from two heartbeats in a row means that the claim's answer got lost for good."""
    await house.submit("2D")
    [_] = await house.claim()
    sweeper = house.sweeper()
    beat = wire.Heartbeat(worker_epoch=house.epoch, worker="test", held=[])
    async with house.deps.database.connection() as connection:
        await connection.execute("update leases set leased_at = leased_at - interval '10 seconds'")
    await execution.heartbeat(house.deps, WORKER, beat)
    assert await sweeper.run_once() == 0
    await execution.heartbeat(house.deps, WORKER, beat)
    assert await sweeper.run_once() == 1
    assert [task.attempt for task in await house.claim()] == [2]


async def test_a_lease_that_heartbeats_name_is_kept(house: House) -> None:
    """A worker that works for long keeps what it holds, and its progress can be read."""
    view = await house.submit("2D")
    [task] = await house.claim()
    async with house.deps.database.connection() as connection:
        await connection.execute("update leases set leased_at = leased_at - interval '10 seconds'")
    held = wire.Progress(task_id=task.task_id, fence=task.fence, value=0.5, message="half")
    for _ in range(3):
        answer = await execution.heartbeat(
            house.deps, WORKER, wire.Heartbeat(worker_epoch=house.epoch, worker="test", held=[held])
        )
        assert [item.verdict for item in answer.verdicts] == ["held"]
    assert await house.sweeper().run_once() == 0
    progress = (await house.view(view.job.id)).progress
    assert (progress.value, progress.message) == (0.5, "half")


async def test_a_hung_worker_loses_its_lease_at_the_deadline(house: House) -> None:
    """Heartbeats alone do not keep an attempt beyond its deadline."""
    view = await house.submit("2D")
    await house.claim()
    async with house.deps.database.connection() as connection:
        await connection.execute("update leases set deadline_at = now() - interval '1 second'")
    await house.sweeper().run_once()
    job = (await house.view(view.job.id)).job
    assert job.place is Place.DELAYED
    async with house.deps.database.connection() as connection:
        await connection.execute("update jobs set retry_at = now(); update delayed set due_at = now()")
    await house.sweeper().run_once()
    assert (await house.view(view.job.id)).job.place is Place.READY


async def test_a_cancel_reaches_the_worker_by_its_heartbeat(house: House) -> None:
    """Told to cancel, the worker acknowledges, and only then the lease is gone."""
    view = await house.submit("2D")
    [task] = await house.claim()
    await jobs.cancel(house.deps, house.user, view.job.id)
    held = wire.Progress(task_id=task.task_id, fence=task.fence)
    answer = await execution.heartbeat(
        house.deps, WORKER, wire.Heartbeat(worker_epoch=house.epoch, worker="test", held=[held])
    )
    assert [item.verdict for item in answer.verdicts] == ["cancel"]
    assert await _count(house, "select count(*) from leases") == 1
    done = wire.Outcome(task_id=task.task_id, fence=task.fence, status="canceled")
    assert [item.verdict for item in (await house.report(done)).verdicts] == ["applied"]
    assert await _count(house, "select count(*) from leases") == 0
    assert (await house.view(view.job.id)).job.status is JobStatus.CANCELED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"artifacts": []}, "missing_artifact"),
        ({"outputs": {}}, "missing_output"),
        ({"name": "other.bin"}, "artifact_missing"),
        ({"name": "../../x"}, "artifact_name"),
        ({"bytes": 1}, "artifact_differs"),
        ({"sha256": "0" * 64}, "artifact_differs"),
        ({"outputs": {"seed": 1, "prompt_used": "p\ud800", "negative_prompt_used": ""}}, "bad_value"),
    ],
)
async def test_an_unacceptable_success_is_a_failed_step(house: House, change: dict, code: str) -> None:
    """A foreign or missing file, a missing field: rejected, the step failed with a code, nothing recorded."""
    view = await house.submit("2D")
    [task] = await house.claim()
    good = await house.succeeded(task)
    file = {name: getattr(good.artifacts[0], name) for name in good.artifacts[0].__struct_fields__}
    whole = {name: getattr(good, name) for name in good.__struct_fields__}
    for name, value in change.items():
        if name in whole:
            whole[name] = value
        else:
            whole["artifacts"] = [wire.OutputArtifact(**file | {name: value})]
    [verdict] = (await house.report(wire.Outcome(**whole))).verdicts
    assert verdict.verdict == "rejected"
    job = (await house.view(view.job.id)).job
    assert (job.status, job.error["code"]) == (JobStatus.FAILED, code)
    assert await _count(house, "select count(*) from artifacts") == 0


async def test_of_two_reviewers_one_wins(house: House) -> None:
    """Both decide at once: one decision stands, the other is told which."""
    view = await house.submit("2D")
    await house.work()
    view = await house.view(view.job.id)
    results = await asyncio.gather(
        house.review(view, "approved"), house.review(view, "rejected"), return_exceptions=True
    )
    [stale] = [item for item in results if isinstance(item, StaleReview)]
    assert stale.extra["decision"]["decision"] in {"approved", "rejected"}
    assert await _count(house, "select count(*) from user_decisions") == 1


async def test_a_rejection_draws_a_new_seed_and_takes_changes(house: House) -> None:
    """What is redone gets the changed parameters and another seed; what stands keeps its own."""
    view = await house.submit("2D", seed=5)
    task = await house.work()
    assert task.seed == 5
    view = await house.view(view.job.id)
    await house.review(
        view,
        "rejected",
        notes="too dark",
        changes={"prompt": "a bright robot", "params": {"refine": {"scale": 3}}},
    )
    [task] = await house.claim()
    assert (task.revision, task.params["prompt"]) == (1, "a bright robot")
    assert task.seed != 5
    view = await house.view(view.job.id)
    assert view.row.effective["params"]["refine"]["scale"] == 3
    assert [item.notes for item in view.decisions] == ["too dark"]


@pytest.mark.parametrize(
    "changes",
    [
        {"params": {"nonsense": {}}},
        {"params": {"refine": {"scale": 99}}},
        {"prompt": "child porn"},
        {"prompt": "\0"},
        {"library_path": "x"},
    ],
)
async def test_bad_changes_leave_the_gate_open(house: House, changes: dict) -> None:
    """A change is validated and judged like the brief; a refusal decides nothing."""
    view = await house.submit("2D")
    await house.work()
    view = await house.view(view.job.id)
    with pytest.raises(Invalid):
        await house.review(view, "rejected", changes=changes)
    assert (await house.view(view.job.id)).job.gate_open


async def test_the_same_brief_makes_the_next_version(house: House) -> None:
    """Several jobs for one library path end at once: versions 1 to n, no gap, one asset."""
    await house.gates()
    views = [await house.submit("2D") for _ in range(5)]
    for _ in range(3):
        outcomes = [await house.succeeded(task) for task in await house.claim(5)]
        assert {item.verdict for item in (await house.report(*outcomes)).verdicts} == {"applied"}
    done = [(await house.view(view.job.id)).job for view in views]
    assert {job.status for job in done} == {JobStatus.SUCCEEDED}
    [asset_id] = {job.asset_id for job in done}
    versions = [(await assets.get(house.deps, house.user, asset_id, n)).version for n in range(1, 6)]
    assert versions == [1, 2, 3, 4, 5]
    listed = await assets.list_assets(
        house.deps, house.user, typeid.decode("prj", house.project), text="rusty"
    )
    assert [item.version for item in listed] == [5]


async def test_claims_cancels_and_reviews_never_deadlock(house: House) -> None:
    """Claims take tasks and jobs in an order of their own, but never wait: no deadlock, no retry."""
    rng = random.Random(1)
    views = [await house.submit("2D") for _ in range(60)]
    ids = [view.job.id for view in views]
    stop = asyncio.Event()

    async def work() -> None:
        while not stop.is_set():
            for task in await house.claim(rng.randint(1, 8)):
                try:
                    outcome = await house.succeeded(task)
                except Refused:  # canceled meanwhile
                    outcome = wire.Outcome(task_id=task.task_id, fence=task.fence, status="canceled")
                await house.report(outcome)
            await asyncio.sleep(0)

    async def meddle() -> None:
        for _ in range(80):
            key = rng.choice(ids)
            try:
                if rng.random() < 0.3:
                    await jobs.cancel(house.deps, house.user, key)
                else:
                    view = await house.view(key)
                    await house.review(view, rng.choice(["approved", "rejected"]))
            except MaquetteError:
                await house.submit("2D")

    workers = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.gather(*(meddle() for _ in range(4)))
    stop.set()
    await asyncio.gather(*workers)
    assert house.deps.transactor.counters.contentions == 0
    assert house.deps.transactor.counters.bisections == 0
    async with house.deps.database.connection() as connection:
        gaps = await connection.fetch(
            "select j.id from jobs j left join lateral (select count(*) n, max(sequence) m from (select job_id,"
            " sequence from outbox union all select stream_id, sequence from events) o where o.job_id = j.id) o on true where o.n <> j.sequence or o.m <> j.sequence"
        )
        twice = await connection.fetch(
            "select job_id from (select job_id from ready union all select job_id from delayed"
            " union all select job_id from leases) t group by job_id having count(*) > 1"
        )
    assert gaps == []
    assert twice == []


async def test_followers_see_every_event_in_order(house: House) -> None:
    """A follower that began late and one that began early see the same gap-free stream, to its end."""
    view = await house.submit("2D")
    early = asyncio.create_task(_collect(house, view.job.id, 0))
    await house.work()
    view = await house.view(view.job.id)
    await house.review(view, "approved")
    await house.work()
    view = await house.view(view.job.id)
    late = asyncio.create_task(_collect(house, view.job.id, 3))
    await jobs.cancel(house.deps, house.user, view.job.id)
    first, second = await asyncio.wait_for(asyncio.gather(early, late), 10)
    last = (await house.view(view.job.id)).job.sequence
    assert first == list(range(1, last + 1))
    assert second == list(range(4, last + 1))


async def _collect(house: House, job_id: uuid.UUID, after: int) -> list[int]:
    found = await jobs.events(house.deps, house.user, job_id, after)
    return [item.sequence async for item in found if isinstance(item, Event)]


async def test_a_strangers_job_looks_missing(house: House) -> None:
    """Another project's id is answered like one that does not exist, for every use case."""
    view = await house.submit("2D")
    stranger = type(house.user)("user", "usr_other", {uuid.uuid4(): Role.OWNER})
    for call in (
        jobs.get(house.deps, stranger, view.job.id),
        jobs.cancel(house.deps, stranger, view.job.id),
        reviews.decide(
            house.deps, stranger, view.job.id, {"decision": "approved", "step": "refine", "revision": 0}
        ),
    ):
        with pytest.raises(NotFound):
            await call


async def test_an_outage_is_not_held_against_the_workers(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the database was away, workers get a lease's time to be heard before they count as lost."""
    await house.submit("2D")
    await house.claim()
    async with house.deps.database.connection() as connection:
        await connection.execute("update workers set expires_at = now() - interval '1 minute'")
        await connection.execute("update leases set leased_at = now() - interval '1 hour'")
    sweeper = house.sweeper()
    rounds: list[int] = []
    sweep = sweeper.run_once

    async def away_at_first() -> int:
        rounds.append(0)
        if len(rounds) == 1:
            raise Unavailable("The database is away.")
        rounds[-1] = await sweep()
        if len(rounds) == 3:
            raise asyncio.CancelledError
        return rounds[-1]

    monkeypatch.setattr(sweeper, "run_once", away_at_first)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(sweeper.run(), 10)
    assert rounds == [0, 0, 0]
    assert await house.sweeper().run_once() == 1
