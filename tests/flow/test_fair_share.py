"""Fair share over the real queue: who has little to do does not wait for who has much."""

from collections import Counter
from uuid import UUID

import pytest
from house import House, furnish

from maquette.domain import typeid
from maquette.domain.fair import STRIDE
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.store import tasks
from maquette.store.database import statements


async def queue_copies(house: House, job_id: UUID, count: int) -> None:
    """Put ``count`` more jobs like this one in line."""
    ids = [new_id() for _ in range(count)]
    async with house.deps.database.transaction() as connection:
        for table, key in (("jobs", "id"), ("briefs", "job_id")):
            found = await connection.fetch(
                "select column_name from information_schema.columns where table_name = $1 and column_name <> $2",
                table,
                key,
            )
            names = ", ".join(row["column_name"] for row in found)
            await connection.execute(
                f"insert into {table} ({key}, {names}) select x.id, {names}"
                f" from {table} t, unnest($2::uuid[]) as x(id) where t.{key} = $1",
                job_id,
                ids,
            )
        project = typeid.decode("prj", house.project)
        await connection.execute(
            statements("tasks")["insert_ready"],
            ids,
            [project] * count,
            ["studio"] * count,
            ["text_to_image"] * count,
            [0] * count,
            [0] * count,
            [None] * count,
            STRIDE,
        )


async def neighbour(deps: Deps, weight: int = 1) -> House:
    """Return another project on the same installation."""
    house = await furnish(deps)
    async with deps.database.transaction() as connection:
        await connection.execute(
            "update projects set weight = $2 where id = $1", typeid.decode("prj", house.project), weight
        )
    return house


async def without_gates(house: House) -> None:
    """Let the project's jobs go from step to step."""
    await house.gates()


async def take(house: House, count: int) -> Counter[str]:
    """Claim one task after the other; return whose they were."""
    found = [(await house.claim())[0] for _ in range(count)]
    owners = []
    async with house.deps.database.connection() as connection:
        for task in found:
            owner = await connection.fetchval(
                "select project_id from jobs where id = $1", typeid.decode("job", task.job_id)
            )
            owners.append(typeid.encode("prj", owner))
    return Counter(owners)


async def test_one_job_starts_within_two_claims_beside_ten_thousand(house: House) -> None:
    """A worker that goes from step to step of a busy project takes the other one's job after one more step at most."""
    await without_gates(house)
    big = await house.submit("2D")
    await queue_copies(house, big.job.id, 9_999)
    [task] = await house.claim()
    other = await neighbour(house.deps)
    small = await other.submit("2D")
    owners = []
    for _ in range(2):
        answer = await house.report(await house.succeeded(task), claim=house.wish())
        [task] = answer.claim.tasks
        owners.append(task.job_id)
    assert typeid.encode("job", small.job.id) in owners


async def test_shares_follow_weights(house: House) -> None:
    """With weight 3 a project gets three tasks for each one of a project with weight 1."""
    other = await neighbour(house.deps, weight=3)
    # Virtual time begins at the real one: who comes first has a third of a second more for each task of the other's.
    await (await neighbour(house.deps)).submit("2D")
    await house.claim()
    for each in (house, other):
        await queue_copies(each, (await each.submit("2D")).job.id, 60)
    assert await take(house, 40) == {house.project: 10, other.project: 30}


async def test_priority_comes_before_shares(house: House) -> None:
    """A task of high priority is next, however much its project has had."""
    other = await neighbour(house.deps)
    for each in (house, other):
        await queue_copies(each, (await each.submit("2D")).job.id, 10)
    await take(house, 6)
    urgent = await house.submit("2D", priority="high")
    [task] = await house.claim()
    assert task.job_id == typeid.encode("job", urgent.job.id)


async def test_a_worker_stays_with_a_job_while_nobody_else_waits(house: House) -> None:
    """Its own project's line it passes: what is under way is finished first."""
    await without_gates(house)
    mine = await house.submit("2D")
    await queue_copies(house, mine.job.id, 20)
    [task] = await house.claim()
    seen = [(task.job_id, task.step)]
    for _ in range(2):
        answer = await house.report(await house.succeeded(task), claim=house.wish())
        [task] = answer.claim.tasks
        seen.append((task.job_id, task.step))
    job = typeid.encode("job", mine.job.id)
    assert seen == [(job, "text_to_image"), (job, "refine"), (job, "export")]


@pytest.mark.parametrize("first", [5, 9])
async def test_virtual_time_goes_on_in_every_process(house: House, first: int) -> None:
    """What one process saw start, the others know after an exchange; time never goes back."""
    async with house.deps.database.connection() as connection:
        await tasks.exchange_clocks(connection, {("studio", 0): first})
        known = await tasks.exchange_clocks(connection, {("studio", 0): 7, ("other", 10): 1})
        seen = await tasks.exchange_clocks(connection, {})
    assert known[("studio", 0)] in {first, 7}
    assert seen == {("studio", 0): max(first, 7), ("other", 10): 1}
