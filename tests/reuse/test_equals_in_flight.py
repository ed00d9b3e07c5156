"""Equal work in flight is waited for: done once for all who want it, and handed over when nobody does it any more."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from house import House, furnish

from maquette import wire
from maquette.api import present
from maquette.bootstrap import open_deps
from maquette.domain import typeid
from maquette.domain.commands import EqualEnded
from maquette.domain.errors import IllegalTransition
from maquette.domain.events import EventType
from maquette.domain.job import TERMINAL, Hold, Job, JobStatus, PauseReason
from maquette.domain.principal import Principal
from maquette.maintenance.quotas import QuotaKeeper
from maquette.maintenance.reuse import FollowerLoop
from maquette.services import context, jobs, quotas
from maquette.settings import Settings

OPERATOR = Principal("operator", "usr_operator")
SEED = 7
HELD = (JobStatus.PAUSED, PauseReason.REUSE)
WAITING = (JobStatus.QUEUED, None)


def loop(house: House) -> FollowerLoop:
    return FollowerLoop(house.deps.database, house.deps.transactor)


async def stands(house: House, job_id: UUID) -> tuple[JobStatus, PauseReason | None]:
    job = (await house.view(job_id)).job
    return job.status, job.pause_reason


async def submit(house: House, **more: Any) -> UUID:
    return (await house.submit("2D", **{"seed": SEED, "skip": ["refine"], **more})).job.id


async def led(house: House, **more: Any) -> tuple[wire.Task, UUID]:
    """Let a worker begin a job's first step, and submit its equal."""
    await submit(house)
    [task] = await house.claim()
    return task, await submit(house, **more)


async def followers(house: House) -> dict[UUID, UUID]:
    async with house.deps.database.connection() as connection:
        return {row["job_id"]: row["leader_id"] for row in await connection.fetch("select * from followers")}


def failed(task: wire.Task, kind: str) -> wire.Outcome:
    return wire.Outcome(
        task_id=task.task_id, fence=task.fence, status="failed", error_class=kind, error_code="broken"
    )


async def test_who_comes_while_it_is_being_made_waits_and_takes_it_over(house: House) -> None:
    """It says whom it waits for, stands in no line, and goes on with the other's work once that is there."""
    task, follower = await led(house)
    leader = typeid.decode("job", task.job_id)
    assert await stands(house, follower) == HELD
    assert await followers(house) == {follower: leader}
    view = await house.view(follower)
    assert (view.queue_position, view.eta_seconds, await house.claim()) == (None, None, [])
    step = present.job(view, house.deps.objects, ttl_seconds=60, root_path="")["steps"][0]
    assert (step["pause_reason"], step["waiting_for"]) == ("reuse", task.job_id)
    assert await loop(house).run_once() == 0
    await house.report(await house.succeeded(task))
    assert await loop(house).run_once() == 1
    view = await house.view(follower)
    assert (view.job.spec.name, [record.step for record in view.records if record.reused_from]) == (
        "export", ["text_to_image"],
    )  # fmt: skip
    assert await followers(house) == {}
    async with house.deps.database.connection() as connection:
        told = await connection.fetch(
            "select type, data from outbox where job_id = $1 order by sequence", follower
        )
    assert [row["type"] for row in told] == [
        EventType.JOB_CREATED, EventType.JOB_PAUSED, EventType.JOB_RESUMED, EventType.STEP_COMPLETED,
    ]  # fmt: skip


async def test_fifty_equal_jobs_do_each_step_once(house: House) -> None:
    """Submitted at once, with a worker that takes ten: one job of them works, 49 say whose work they have, and pay nothing."""
    rates = {step: {"per_attempt": 0.5} for step in ("text_to_image", "export")}
    await quotas.put_rates(house.deps, OPERATOR, "studio", rates)
    made = await asyncio.gather(*(submit(house) for _ in range(50)))
    done: Counter[str] = Counter()
    for _ in range(20):
        await loop(house).run_once()
        tasks = await house.claim(10)
        done += Counter(task.step for task in tasks)
        if tasks:
            await house.report(*[await house.succeeded(task) for task in tasks])
    views = [await house.view(key) for key in made]
    assert done == {"text_to_image": 1, "export": 1}
    assert {view.job.status for view in views} == {JobStatus.SUCCEEDED}
    worked = [record for view in views for record in view.records if not record.reused_from]
    assert sorted(record.step for record in worked) == ["export", "text_to_image"]
    paid = {view.job.id for view in views if view.job.bill is not None and view.job.bill.spent}
    assert paid == {record.job_id for record in worked}


async def canceled(house: House, task: wire.Task) -> None:
    await jobs.cancel(house.deps, house.user, typeid.decode("job", task.job_id))


async def broken(house: House, task: wire.Task) -> None:
    await house.report(failed(task, "invalid"))


async def tried_again_later(house: House, task: wire.Task) -> None:
    await house.report(failed(task, "transient"))


async def killed(house: House, task: wire.Task) -> None:
    async with house.deps.database.transaction() as connection:
        await connection.execute("update leases set deadline_at = now() - interval '1 second'")
    assert await house.sweeper().run_once()


@pytest.mark.parametrize("ends", [canceled, broken, tried_again_later, killed])
async def test_who_waited_takes_over_when_nobody_does_it_any_more(house: House, ends: Any) -> None:
    """Canceled, failed, to be tried again later, or lost with its worker: the first in line does it, the others wait for that one."""
    task, first = await led(house)
    second = await submit(house)
    await ends(house, task)
    assert await loop(house).run_once() == 2
    assert {await stands(house, first), await stands(house, second)} == {WAITING}
    [after] = await house.claim()
    assert typeid.decode("job", after.job_id) == first
    assert await house.claim() == []
    assert (await stands(house, second), await followers(house)) == (HELD, {second: first})
    await house.report(await house.succeeded(after))
    await loop(house).run_once()
    assert (await house.view(second)).job.spec.name == "export"


async def test_a_leader_that_fails_fails_nobody_else(house: House) -> None:
    """Its dead letter is its own."""
    task, follower = await led(house)
    await broken(house, task)
    assert (await house.view(typeid.decode("job", task.job_id))).job.status is JobStatus.FAILED
    await loop(house).run_once()
    assert await stands(house, follower) == WAITING


async def test_two_processes_that_lease_at_once_do_not_both_begin(
    house: House, tmp_path: Path, database_url: str
) -> None:
    """However their claims meet, an equal step runs once at a time."""
    settings = Settings(
        data_dir=tmp_path / "other", database_url=database_url, signing_key="a signing key for tests", worker_token="t" * 30
    )  # fmt: skip
    async with open_deps(settings) as deps:
        other = House(deps, house.user, house.project)
        for seed in range(12):
            for _ in range(4):
                await submit(house, seed=seed)
            claims = [place.claim(2, wait_seconds=1.0) for place in (house, other) for _ in range(2)]
            tasks = [task for found in await asyncio.gather(*claims) for task in found]
            assert len(tasks) == 1
            await house.report(*[failed(task, "invalid") for task in tasks])
            for key in await followers(house):
                await jobs.cancel(house.deps, house.user, key)


@pytest.mark.parametrize("more", [{"reuse": "never"}, {"seed": SEED + 1}, {"prompt": "a rusty crate"}])
async def test_who_is_not_equal_or_does_not_want_to_waits_for_nobody(
    house: House, more: dict[str, Any]
) -> None:
    """Its task is given to the next worker."""
    _, other = await led(house, **more)
    assert await stands(house, other) == WAITING
    assert [typeid.decode("job", task.job_id) for task in await house.claim()] == [other]


async def test_nobody_waits_for_another_project(house: House) -> None:
    """Not even for the same person's with the same brief."""
    await led(house)
    other = await furnish(house.deps)
    await other.gates()
    key = await submit(other)
    assert await stands(other, key) == WAITING
    assert len(await other.claim()) == 1


async def test_nobody_waits_for_what_a_person_decides_about(house: House) -> None:
    """Behind a gate the result is nobody's until it is approved: each does its own meanwhile."""
    await house.gates("text_to_image")
    _, other = await led(house)
    assert await stands(house, other) == WAITING
    assert len(await house.claim()) == 1


async def test_nobody_waits_for_a_service_it_may_not_use(house: House) -> None:
    """The leader's service is none of the follower's route."""
    await submit(house)
    assert len(await house.claim()) == 1
    body = {"routes": {"text_to_image": ["other"]}}
    await context.put(house.deps, house.user, typeid.decode("prj", house.project), "routes", body)
    assert await stands(house, await submit(house)) == WAITING


async def test_who_stands_behind_followers_is_served_at_once(house: House) -> None:
    """A claim that finds only such as have to wait goes on to the work behind them."""
    for _ in range(5):
        await submit(house)
    behind = await submit(house, seed=SEED + 1)
    [task] = await house.claim()
    [other] = await house.claim(wait_seconds=5.0)
    assert typeid.decode("job", other.job_id) == behind
    assert set((await followers(house)).values()) == {typeid.decode("job", task.job_id)}


async def test_a_cap_is_not_held_by_who_waits(house: House) -> None:
    """With one task at a time, followers leave the place to who works."""
    await quotas.put(
        house.deps, OPERATOR, typeid.decode("prj", house.project), {"limits": {"running_tasks": 1}}
    )
    await house.deps.transactor.board.exchange(house.deps.database)
    made = [await submit(house) for _ in range(4)]
    worked = 0
    for _ in range(12):
        await QuotaKeeper(house.deps.database, house.deps.transactor).run_once()
        await loop(house).run_once()
        for task in await house.claim(4):
            worked += 1
            await house.report(await house.succeeded(task))
    assert worked == 2
    assert {(await house.view(key)).job.status for key in made} == {JobStatus.SUCCEEDED}


async def test_a_person_cannot_resume_what_waits_for_equal_work(house: House) -> None:
    """Nobody paused it. Paused by a person as well, it waits for that person when the other work is there."""
    task, follower = await led(house)
    with pytest.raises(IllegalTransition, match="waits for reuse"):
        await jobs.resume(house.deps, house.user, follower)
    await jobs.pause(house.deps, house.user, follower)
    await house.report(await house.succeeded(task))
    await loop(house).run_once()
    view = await house.view(follower)
    assert (view.job.holds, view.job.pause_reason) == ({Hold.DECISION}, PauseReason.DECISION)
    view = await jobs.resume(house.deps, house.user, follower)
    assert (await house.view(follower)).job.spec.name == "export"


async def test_a_follower_that_is_canceled_waits_for_nobody(house: House) -> None:
    """Nothing of it is left behind."""
    _, follower = await led(house)
    await jobs.cancel(house.deps, house.user, follower)
    assert (await stands(house, follower), await followers(house)) == ((JobStatus.CANCELED, None), {})


async def test_what_the_version_before_let_go_of_is_forgotten(house: House) -> None:
    """It cancels a job without a word about followers; nobody looks after that row for ever."""
    task, follower = await led(house)
    async with house.deps.database.transaction() as connection:
        await connection.execute("update jobs set holds = 0 where id = $1", follower)
    await house.report(failed(task, "invalid"))
    await loop(house).run_once()
    assert await followers(house) == {}


async def test_a_word_that_comes_too_late_changes_nothing(house: House) -> None:
    """The job goes its way already, or waits for another one now."""
    task, follower = await led(house)
    before: Job = (await house.view(follower)).job
    await house.deps.transactor.apply(follower, EqualEnded())
    held = (await house.view(follower)).job
    assert (held.holds, held.sequence, len(await followers(house))) == (before.holds, before.sequence + 2, 1)
    await canceled(house, task)
    await house.deps.transactor.apply(follower, EqualEnded())
    again = await house.deps.transactor.apply(follower, EqualEnded())
    assert again.sequence == held.sequence + 1
    assert again.status not in TERMINAL


async def test_the_first_result_of_a_model_is_found_at_once(house: House) -> None:
    """Who waited for it does not do it again because nobody knew yet with what it was made."""
    # The board tells of models, too, a quarter of a second later: of the one before where they change that quickly.
    poller = house.deps.transactor._poller
    poller.cancel()
    await asyncio.gather(poller, return_exceptions=True)
    for version in ("1", "2", "3"):
        await submit(house, seed=int(version))
        [task] = await house.claim(steps=["text_to_image"])
        follower = await submit(house, seed=int(version))
        made = await house.succeeded(task)
        await house.report(msgspec.structs.replace(made, model_version=version))
        await loop(house).run_once()
        assert (await house.view(follower)).job.spec.name == "export", version
