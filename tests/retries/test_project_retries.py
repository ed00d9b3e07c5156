"""What a project says of retries, and steps that take their workers down."""

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from house import House
from msgspec.structs import replace
from own_work import told

from maquette import wire
from maquette.api import present
from maquette.domain import commands as c
from maquette.domain import lifecycle, retry, typeid
from maquette.domain.events import EventType
from maquette.domain.job import Job, JobStatus, StepStatus
from maquette.domain.pipeline import PIPELINES
from maquette.services import context, dead_letters
from maquette.store import tasks


async def say(house: House, **steps: dict[str, Any]) -> None:
    """Let the project say this of retries."""
    await context.put(
        house.deps, house.user, typeid.decode("prj", house.project), "retries", {"retries": steps}
    )


async def fail(house: House, error_class: str = "transient", **more: Any) -> wire.Task:
    """Claim the one task there is, and fail it."""
    [task] = await house.claim()
    outcome = wire.Outcome(
        task_id=task.task_id,
        fence=task.fence,
        status="failed",
        error_class=error_class,
        error_code="flaky",
        **more,
    )
    [verdict] = (await house.report(outcome)).verdicts
    assert verdict.verdict == "applied"
    return task


async def due(house: House) -> None:
    """Let every wait before a retry be over."""
    async with house.deps.database.transaction() as connection:
        await connection.execute("update jobs set retry_at = now() where retry_at is not null")
        await connection.execute("update delayed set due_at = now()")
    await house.sweeper().run_once()


async def lose(house: House, worker: str) -> None:
    """Let a worker take the task and never be heard of again."""
    assert await house.claim(worker=worker)
    async with house.deps.database.transaction() as connection:
        await connection.execute("update leases set leased_at = now() - interval '1 hour'")
    await house.sweeper().run_once()


async def job_of(house: House, key: UUID) -> Job:
    return (await house.view(key)).job


def test_a_step_stands_before_default_and_both_before_what_is_shipped() -> None:
    """Class by class; steps of other pipelines fall away, and what says nothing is not kept."""
    said = retry.parse(
        {
            "retries": {
                "default": {"errors": {"transient": {"attempts_max": 2}, "timeout": {"attempts_max": 7}}},
                "rig": {"errors": {"transient": {"cap_seconds": 9.0}}, "deadline_seconds": 90},
            }
        }
    )
    flat, solid = (retry.pinned(said, PIPELINES[name]) for name in ("2D", "3D"))
    assert sorted(flat) == [0, 1, 2]
    assert retry.policy_of(solid[4], "transient") == retry.RetryPolicy(5, 1.0, 9.0)
    assert retry.policy_of(solid[0], "transient") == retry.RetryPolicy(2, 1.0, 60.0)
    assert [retry.policy_of(solid[place], "timeout").attempts_max for place in (0, 4)] == [7, 7]
    assert retry.policy_of(solid[4], "resource") == retry.POLICIES["resource"]
    assert (solid[4].deadline_seconds, solid[0].deadline_seconds) == (90, None)
    assert retry.pinned(retry.parse({}), PIPELINES["3D"]) == {}
    assert retry.pinned(retry.parse({"retries": {"rig": {"deadline_seconds": 60}}}), PIPELINES["2D"]) == {}
    for place, item in solid.items():
        assert retry.step_from(retry.step_fields(item)) == item, place


async def test_a_job_is_tried_as_its_project_said_when_it_began(house: House) -> None:
    """Attempts, waits and the deadline are the project's; an edit concerns new jobs alone; each attempt is shown."""
    await house.gates()
    policy = {"attempts_max": 2, "base_seconds": 3600.0, "cap_seconds": 3600.0}
    await say(house, default={"errors": {"transient": policy}, "deadline_seconds": 42})
    key = (await house.submit("2D")).job.id
    await say(house)
    task = await fail(house)
    assert task.deadline_seconds == pytest.approx(42, abs=1)
    job = await job_of(house, key)
    assert job.retry_at is not None
    shown = present.job(await house.view(key), house.deps.objects, ttl_seconds=60, root_path="")
    assert shown["context"]["retries_version"] == 1
    assert [(tried["attempt"], tried["error"]["code"]) for tried in shown["steps"][0]["attempts_failed"]] == [
        (1, "flaky")
    ]
    await due(house)
    await fail(house)
    view = await house.view(key)
    assert (view.job.status, view.job.attempt) == (JobStatus.FAILED, 2)
    other = (await house.submit("2D")).job.id
    task = await fail(house)
    assert task.deadline_seconds > 60
    await due(house)
    await fail(house)
    assert (await job_of(house, other)).status is JobStatus.RUNNING


async def test_a_permanent_error_is_never_tried_again(house: House) -> None:
    """However many attempts the project gives to everything else."""
    errors = {name: {"attempts_max": 50} for name in retry.POLICIES if name not in retry.PERMANENT}
    await say(house, default={"errors": errors})
    key = (await house.submit("2D")).job.id
    await fail(house, "invalid")
    assert (await job_of(house, key)).status is JobStatus.FAILED


async def test_a_step_that_takes_its_workers_down_is_put_away(house: House) -> None:
    """The first loss is tried again at once, later ones wait; then a dead letter names the workers, and a redrive begins anew."""
    await house.gates()
    key = (await house.submit("2D")).job.id
    waits = []
    for worker in ("gpu-1", "gpu-2", "gpu-1", "gpu-3"):
        await lose(house, worker)
        job = await job_of(house, key)
        waits.append(job.retry_at is not None)
        await due(house)
    assert waits == [False, True, True, False]
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert (job.error["code"], job.error["class"]) == ("poison", "lost_worker")
    assert job.error["workers"] == ["gpu-1", "gpu-2", "gpu-1", "gpu-3"]
    [event] = [item for item in await told(house, key) if item.type is EventType.TASK_DEAD_LETTERED]
    assert (event.data["error_code"], event.data["workers"]) == ("poison", job.error["workers"])
    letter = typeid.decode("dlq", job.error["dead_letter_id"])
    whole = await dead_letters.show(house.deps, house.user, letter)
    assert [tried.worker for tried in whole.attempts] == job.error["workers"]
    again = await dead_letters.redrive(house.deps, house.user, letter)
    assert again.job.lost == ()
    await lose(house, "gpu-1")
    job = await job_of(house, key)
    assert (job.lost, job.retry_at, job.attempt) == (("gpu-1",), None, 5)
    await house.work()
    assert (await job_of(house, key)).lost == ()


async def test_a_worker_that_lets_go_is_no_victim(house: House) -> None:
    """It drained: the step goes to the next one at once, and nobody suspects it."""
    key = (await house.submit("2D")).job.id
    for _ in range(3):
        assert await house.claim()
        async with house.deps.database.transaction() as connection:
            await tasks.beat(
                connection,
                epoch=UUID(house.epoch),
                name="test",
                ttl_seconds=60,
                fences=[],
                progress=b"[]",
                draining=True,
                services=[],
                steps=[],
            )
        await house.sweeper().run_once()
        job = await job_of(house, key)
        assert (job.step_status, job.retry_at, job.lost) == (StepStatus.PENDING, None, ())


async def test_losses_count_once_however_many_sweep(house: House) -> None:
    """Four sweepers at once see the same lease: one loss."""
    key = (await house.submit("2D")).job.id
    assert await house.claim(worker="gpu-9")
    async with house.deps.database.transaction() as connection:
        await connection.execute("update leases set leased_at = now() - interval '1 hour'")
    await asyncio.gather(*(house.sweeper().run_once() for _ in range(4)))
    assert (await job_of(house, key)).lost == ("gpu-9",)


async def test_suspects_wait_between_half_and_all_of_their_backoff(house: House) -> None:
    """With the least jitter and the most."""
    await house.submit("2D")
    [task] = await house.claim()
    view = await house.view(typeid.decode("job", task.job_id))
    assert view.lease is not None
    now = view.lease.leased_at
    for jitter, seconds in ((0.0, 1.0), (0.999, 2.0)):
        suspect = replace(view.job, lease=view.lease, lost=("gpu-1",), attempt=2)
        after = lifecycle.decide(suspect, c.Expire(view.lease.fence, "lost_worker", jitter), now).job
        assert after.retry_at is not None
        assert after.retry_at - now == pytest.approx(timedelta(seconds=seconds), abs=timedelta(seconds=0.01))


def test_the_page_tells_what_holds() -> None:
    """docs/retries.md: its document is taken as it stands and comes to what the page says; every class is told."""
    page = (Path(__file__).parents[2] / "docs" / "retries.md").read_text()
    [printed] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    held = retry.pinned(retry.parse(json.loads(printed)), PIPELINES["3D"])
    attempts = [retry.policy_of(held[place], "transient").attempts_max for place in range(7)]
    assert attempts == [8, 8, 8, 8, 8, 8, 3]
    assert (retry.policy_of(held[2], "timeout").attempts_max, held[2].deadline_seconds) == (2, 1800)
    assert all(f"`{name}`" in page for name in retry.POLICIES)
