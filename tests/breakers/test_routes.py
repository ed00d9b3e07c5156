"""Services that go away and come back, over the real queue: who serves, who waits, what is said of it."""

import asyncio
import json
from pathlib import Path

import pytest
from house import House
from routed import NERVOUS, STUBBORN, Routed

from maquette.api.present import job as shown_job
from maquette.bootstrap import open_deps
from maquette.domain import typeid
from maquette.domain.breaker import State
from maquette.domain.errors import Forbidden, Invalid
from maquette.domain.job import Hold, JobStatus, PauseReason
from maquette.domain.principal import Principal
from maquette.services import dead_letters, jobs, quotas, services
from maquette.settings import Settings


def shown(routed: Routed, view: jobs.JobView) -> dict:
    step = shown_job(view, routed.house.deps.objects, ttl_seconds=60, root_path="")["steps"][0]
    return {name: step[name] for name in ("requested_service", "service", "fallback_reason")}


async def events(routed: Routed, view: jobs.JobView) -> list[tuple[str, dict]]:
    async with routed.house.deps.database.connection() as connection:
        rows = await connection.fetch(
            "select type, data from outbox where job_id = $1 order by sequence", view.job.id
        )
    return [(row["type"], json.loads(row["data"])) for row in rows]


async def test_failures_open_it_and_others_serve_with_a_word(routed: Routed) -> None:
    """Once a service failed too often its tasks go to the fallback, and job, step and event say so."""
    await routed.policy("first", STUBBORN)
    await routed.worker("second")
    waiting = await routed.submit()
    tasks = [*await routed.claim("first"), *await routed.claim("second")]
    assert len(tasks) == 1
    await routed.fail(*tasks)
    await routed.break_down("first")
    assert (await routed.service("first")).breaker.state is State.OPEN
    fresh = await routed.submit()
    assert fresh.job.service == "second"
    [task] = await routed.claim("second")
    assert await routed.claim("first", 50) == []
    answer = await routed.house.report(await routed.house.succeeded(task))
    assert answer.verdicts[0].verdict == "applied"
    view = await routed.house.view(fresh.job.id)
    told = {"requested_service": "first", "service": "second", "fallback_reason": "breaker_open"}
    assert shown(routed, view) == told
    named = dict(await events(routed, view))
    assert named["StepRerouted"].items() >= {
        "requested_service": "first", "served_by": "second", "reason": "breaker_open",
    }.items()  # fmt: skip
    assert (await routed.house.view(waiting.job.id)).job.service == "first", "its wait is not over"


async def test_tasks_in_line_are_sent_another_way(routed: Routed) -> None:
    """What waited before it broke down does not go on waiting: the loop gives it to the fallback."""
    await routed.policy("first", STUBBORN)
    await routed.worker("second", "text_to_image")
    await routed.break_down("first")
    await routed.change("first", forced="closed", reason="to have a line")
    line = [await routed.submit() for _ in range(3)]
    await routed.change("first", forced="open", reason="an incident")
    assert await routed.look() == 3
    assert len(await routed.claim("second", 5)) == 3
    assert shown(routed, await routed.house.view(line[0].job.id))["fallback_reason"] == "forced_open"


@pytest.mark.parametrize("fallback", ["allow", "forbid"])
async def test_without_a_route_it_waits_and_goes_on_by_itself(routed: Routed, fallback: str) -> None:
    """With nobody left to ask, step and job are paused with their reason, and go on when a service is back."""
    if fallback == "allow":
        await routed.change("second", forced="open", reason="no contract any more")
    await routed.worker("second")
    await routed.change("first", forced="open", reason="an incident")
    view = await routed.submit(fallback=fallback)
    assert (view.job.status, view.job.pause_reason) == (JobStatus.PAUSED, PauseReason.SERVICE_UNAVAILABLE)
    assert view.job.holds == {Hold.SERVICE}
    assert await routed.claim("second", 5) == []
    assert await routed.look() == 0
    await routed.change("first", forced=None)
    assert await routed.look() == 1
    view = await routed.house.view(view.job.id)
    assert (view.job.status, view.job.holds) == (JobStatus.QUEUED, frozenset())
    [task] = await routed.claim("first")
    assert task.service == "first"
    kinds = [kind for kind, _ in await events(routed, view)]
    assert kinds == ["JobCreated", "ServiceUnavailable", "JobResumed", "StepStarted"]


async def test_a_fallback_must_be_up_to_the_step(routed: Routed) -> None:
    """A fallback without a live worker for the step, or above the job's max_cost, is none: the job waits."""
    await routed.change("first", forced="open", reason="an incident")
    assert (await routed.submit()).job.pause_reason is PauseReason.SERVICE_UNAVAILABLE
    await routed.worker("second", "refine")
    assert (await routed.submit()).job.pause_reason is PauseReason.SERVICE_UNAVAILABLE
    await routed.worker("second", "text_to_image")
    operator = Principal("operator", "usr_operator")
    await quotas.put_rates(routed.house.deps, operator, "second", {"text_to_image": {"per_attempt": 2.0}})
    dear = await routed.submit(max_cost=1.0)
    assert dear.job.holds == {Hold.SERVICE}
    fine = await routed.submit(max_cost=3.0)
    assert (fine.job.service, fine.job.bill and fine.job.bill.estimates[0].micros) == ("second", 2_000_000)
    unbounded = await routed.submit()
    assert unbounded.job.bill is not None, "what the fallback costs is reserved"


async def test_half_open_lets_few_through_and_one_good_one_closes_it(routed: Routed) -> None:
    """Half-open, one attempt at a time is made over all processes; the others go another way, or wait."""
    await routed.policy("first", NERVOUS)
    await routed.route("first")
    await routed.break_down("first")
    await routed.look()
    assert (await routed.service("first")).breaker.state is State.HALF_OPEN
    stuck = [await routed.submit() for _ in range(4)]
    states = [(await routed.house.view(view.job.id)).job.pause_reason for view in stuck]
    assert states.count(None) == 1, "one is let through to see"
    [probe] = await routed.claim("first", 10)
    assert await routed.look() == 0
    assert await routed.claim("first", 10) == []
    await routed.house.report(await routed.house.succeeded(probe))
    await routed.look()
    assert (await routed.service("first")).breaker.state is State.CLOSED
    await routed.look()
    assert len(await routed.claim("first", 10)) == 3


async def test_a_bad_probe_opens_it_again(routed: Routed) -> None:
    """A probe that fails opens the breaker again, and what an attempt from before says does not count."""
    await routed.policy("first", NERVOUS)
    await routed.route("first")
    old = [await routed.submit() for _ in range(3)]
    tasks = await routed.claim("first", 3)
    assert len(tasks) == len(old)
    await routed.fail(*tasks[:2])
    await routed.look()
    await routed.look()
    half = (await routed.service("first")).breaker
    assert half.state is State.HALF_OPEN
    await routed.fail(tasks[2])
    await routed.look()
    assert (await routed.service("first")).breaker == half, "it began before"
    await routed.submit()
    [probe] = await routed.claim("first")
    await routed.fail(probe)
    await routed.learn()
    await routed.look()
    after = (await routed.service("first")).breaker
    assert (after.state, after.trips) == (State.OPEN, 2)


async def test_what_says_something_of_the_brief_does_not_count(routed: Routed) -> None:
    """Invalid inputs are not the service's failure."""
    await routed.policy("first", STUBBORN)
    for _ in range(3):
        await routed.submit()
    await routed.fail(*await routed.claim("first", 3), error_class="invalid")
    await routed.look()
    assert (await routed.service("first")).breaker.state is State.CLOSED


async def test_only_so_many_at_a_time_over_two_installations(
    routed: Routed, database_url: str, tmp_path: Path
) -> None:
    """However many workers ask at once over however many processes, the bound holds; a place that is free is taken."""
    await routed.route("first")
    await routed.change("first", concurrency_max=3)
    for _ in range(12):
        await routed.submit()
    settings = Settings(
        data_dir=tmp_path / "b",
        database_url=database_url,
        signing_key="k",
        worker_token="a worker token for tests",
    )
    async with open_deps(settings) as other:
        twin = Routed(House(other, routed.house.user, routed.house.project))
        await twin.learn()
        found = await asyncio.gather(*(side.claim("first", 2) for side in (routed, twin) for _ in range(6)))
        tasks = [task for answer in found for task in answer]
        assert len(tasks) == 3
        answer = await twin.house.report(
            await twin.house.succeeded(tasks[0]), claim=twin.house.wish(5, services=["first"])
        )
        assert answer.claim is not None
        assert len(answer.claim.tasks) == 1, "the outcome makes room for one"
        await routed.change("first", concurrency_max=None)
        await twin.learn()
        assert len(await twin.claim("first", 50)) == 8


async def test_only_so_many_starts_a_minute(routed: Routed) -> None:
    """A quarter of a minute's worth may begin at once, then no more until time has passed."""
    await routed.route("first")
    await routed.change("first", starts_per_minute=12)
    for _ in range(8):
        await routed.submit()
    assert len(await routed.claim("first", 8)) == 3
    assert await routed.claim("first", 8) == []
    async with routed.house.deps.database.transaction() as connection:
        await connection.execute("update services set tokens_at = tokens_at - interval '10 seconds'")
    assert len(await routed.claim("first", 8)) == 2


async def test_what_is_tried_again_asks_the_first_again(routed: Routed) -> None:
    """A fallback keeps what waits in its line; a retry and a redrive go to the first service once it is back, and say why."""
    await routed.change("first", draining=True)
    await routed.worker("second")
    views = [await routed.submit() for _ in range(3)]
    assert {view.job.service for view in views} == {"second"}
    retried, redriven = await routed.claim("second", 2)
    await routed.fail(redriven, error_class="invalid")
    await routed.change("first", draining=False)
    await routed.fail(retried)
    async with routed.house.deps.database.transaction() as connection:
        await connection.execute("update jobs set retry_at = now() where retry_at is not null")
        await connection.execute("update delayed set due_at = now()")
    await routed.house.sweeper().run_once()
    failed = next(view for view in views if typeid.encode("job", view.job.id) == redriven.job_id)
    async with routed.house.deps.database.connection() as connection:
        letter = await connection.fetchval("select id from dead_letters")
    await dead_letters.redrive(routed.house.deps, routed.house.user, letter)
    now = {view.job.id: (await routed.house.view(view.job.id)).job.service for view in views}
    assert sorted(now.values()) == ["first", "first", "second"]
    assert now[failed.job.id] == "first"
    [reason] = [
        data["reason"] for kind, data in await events(routed, failed) if data.get("served_by") == "first"
    ]
    assert reason == "available_again"


async def test_a_drained_service_finishes_and_gets_nothing_more(routed: Routed) -> None:
    """What runs is reported and recorded; what comes next goes to the fallback."""
    await routed.worker("second")
    await routed.submit()
    [task] = await routed.claim("first")
    await routed.change("first", draining=True)
    later = await routed.submit()
    assert later.job.service == "second"
    answer = await routed.house.report(await routed.house.succeeded(task))
    assert answer.verdicts[0].verdict == "applied"
    assert await routed.claim("first", 5) == []


async def test_a_canceled_job_does_not_wait_for_a_service(routed: Routed) -> None:
    """Nothing is left of a job that was given up while no service was there."""
    await routed.change("first", forced="open", reason="an incident")
    view = await routed.submit(fallback="forbid")
    await jobs.cancel(routed.house.deps, routed.house.user, view.job.id)
    async with routed.house.deps.database.connection() as connection:
        assert await connection.fetchval("select count(*) from unrouted") == 0


async def test_operators_say_why_and_others_may_not(routed: Routed) -> None:
    """A breaker is forced with a reason, by operators; the audit log keeps it."""
    with pytest.raises(Invalid, match="why"):
        await routed.change("first", forced="open")
    with pytest.raises(Forbidden):
        await services.change_service(routed.house.deps, routed.house.user, "first", {"draining": True})
    await routed.change("first", forced="open", reason="an incident")
    async with routed.house.deps.database.connection() as connection:
        assert await connection.fetchval("select count(*) from audit where act = 'change_service'") == 1
