"""What would wait for ever: a probe's place that nobody comes to, a fallback without workers, work that two wishes saw."""

import asyncio

from routed import NERVOUS, OPERATOR, Routed

from maquette.domain.breaker import State
from maquette.domain.job import Hold
from maquette.domain.typeid import decode
from maquette.services import context, jobs, quotas


async def test_a_probe_is_only_what_a_worker_does(routed: Routed) -> None:
    """Half-open, a task for whose step no worker is there does not keep others from trying the service."""
    house = routed.house
    project = decode("prj", house.project)
    routes = {"routes": {"text_to_image": ["first"], "refine": ["first"]}}
    await context.put(house.deps, house.user, project, "routes", routes)
    await house.gates()
    await routed.worker("first", "text_to_image")
    ahead = await routed.submit()
    [task] = await routed.claim("first", steps=["text_to_image"])
    await house.report(await house.succeeded(task))
    await routed.policy("first", NERVOUS)
    await routed.break_down("first", steps=["text_to_image"])
    await routed.look()
    assert (await routed.service("first")).state is State.HALF_OPEN
    assert (await house.view(ahead.job.id)).job.holds == {Hold.SERVICE}
    behind = await routed.submit()
    [probe] = await routed.claim("first", 5, steps=["text_to_image"])
    assert decode("task", probe.task_id) == behind.job.id
    await routed.worker("first", "text_to_image", "refine")
    await house.report(await house.succeeded(probe))
    await routed.look()
    await routed.look()
    assert len(await routed.claim("first", 5, steps=["refine"])) == 2


async def test_a_fallback_that_lost_its_workers_is_left(routed: Routed) -> None:
    """What waits for a fallback without a worker for it goes back to the first of its route once that is there."""
    await routed.worker("second")
    await routed.change("first", forced="open", reason="an incident")
    view = await routed.submit()
    assert view.job.service == "second"
    await routed.worker("second", "refine")
    await routed.look()
    assert (await routed.house.view(view.job.id)).job.holds == {Hold.SERVICE}, "nobody is there now"
    await routed.worker("second")
    await routed.look()
    assert (await routed.house.view(view.job.id)).job.place == "ready"
    await routed.worker("second", "refine")
    await routed.change("first", forced=None)
    await routed.look()
    assert len(await routed.claim("first")) == 1


async def test_wishes_that_overlap_get_different_tasks(routed: Routed) -> None:
    """Two wishes of one batch that ask for partly the same work do not both take the first in line."""
    for _ in range(2):
        await routed.submit()
    one, other = await asyncio.gather(
        routed.claim("first"), routed.house.claim(services=["another", "first"])
    )
    assert (len(one), len(other)) == (1, 1)


async def test_reused_work_does_not_lead_to_a_service_that_is_away(routed: Routed) -> None:
    """Who takes over equal work on the way stays in line before the step of a service that nobody asked for room."""
    house = routed.house
    routes = {"routes": {"rig": ["first"], "anim": ["second"]}}
    await context.put(house.deps, house.user, decode("prj", house.project), "routes", routes)
    await house.gates("before_export")
    view = await house.submit()

    async def one_step() -> None:
        [task] = await house.claim(services=["studio", "first", "second"])
        await house.report(await house.succeeded(task, content=task.step.encode()))

    for _ in range(6):
        await one_step()
    await house.review(await house.view(view.job.id), "rejected", rewind_to="retopo")
    await routed.change("second", forced="open", reason="an incident")
    await one_step()
    assert await house.claim(5, services=["first", "second"]) == []
    view = await house.view(view.job.id)
    assert (view.job.spec.name, view.job.revision, view.job.lease) == ("anim", 1, None)
    assert [item.step for item in view.records if item.reused_from] == ["rig"]
    await routed.look()
    await routed.change("second", forced=None)
    await routed.look()
    assert len(await routed.claim("second")) == 1


async def test_what_a_fallback_costs_more_is_reserved_once_and_given_back_once(routed: Routed) -> None:
    """A job that is sent another way as it is made leaves nothing in the ledger when it is given up."""
    house = routed.house
    await routed.worker("second")
    for name, price in (("first", 1.0), ("second", 3.0)):
        await quotas.put_rates(house.deps, OPERATOR, name, {"text_to_image": {"per_attempt": price}})
    await routed.change("first", forced="open", reason="an incident")
    view = await routed.submit()

    async def reserved() -> int:
        async with house.deps.database.connection() as connection:
            return int(await connection.fetchval("select sum(micros) from ledger"))

    assert (view.job.service, await reserved()) == ("second", 3_000_000)
    await jobs.cancel(house.deps, house.user, view.job.id)
    assert await reserved() == 0


async def test_a_rejection_and_a_return_cost_what_the_first_costs(routed: Routed) -> None:
    """Whoever does it next is who is reserved for: a new revision and a retry at the first service forget the fallback's price."""
    house = routed.house
    for name, price in (("first", 0.5), ("second", 2.0)):
        await quotas.put_rates(house.deps, OPERATOR, name, {"text_to_image": {"per_attempt": price}})
    await routed.change("first", draining=True)
    await routed.worker("second")
    views = [await routed.submit() for _ in range(2)]
    rejected, retried = await routed.claim("second", 2)
    await routed.change("first", draining=False)
    await house.report(await house.succeeded(rejected))
    await routed.fail(retried)
    async with house.deps.database.transaction() as connection:
        await connection.execute("update delayed set due_at = now()")
        await connection.execute("update jobs set retry_at = now() where retry_at is not null")
    await house.sweeper().run_once()
    reviewed = await house.view(decode("job", rejected.job_id))
    await house.review(reviewed, "rejected")
    now = [(await house.view(view.job.id)).job for view in views]
    assert [job.service for job in now] == ["first", "first"]
    assert [job.bill and job.bill.estimates[0].micros for job in now] == [500_000, 500_000]
