"""Caps on running tasks: never more than that many, over all processes, and nobody else waits for it."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from house import House, furnish
from quota_books import OPERATOR

from maquette import wire
from maquette.bootstrap import open_deps
from maquette.domain import typeid
from maquette.domain.errors import Invalid
from maquette.domain.job import JobStatus
from maquette.maintenance.quotas import QuotaKeeper
from maquette.services import jobs, quotas
from maquette.settings import Settings

TWO_D: dict[str, Any] = {"asset_type": "2D"}


async def cap(house: House, most: int | None) -> None:
    """Let so many tasks of the project run at once, and everybody know."""
    project = typeid.decode("prj", house.project)
    await quotas.put(house.deps, OPERATOR, project, {"limits": {"running_tasks": most}})
    await house.deps.transactor.board.exchange(house.deps.database)


async def keep(house: House) -> None:
    await QuotaKeeper(house.deps.database, house.deps.transactor).run_once()


async def number(house: House, statement: str) -> int:
    async with house.deps.database.connection() as connection:
        return int(await connection.fetchval(statement))


async def test_who_has_not_heard_of_a_cap_asks_before_tasks_are_handed_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that reached no database since the cap was set has its first claim after that within the cap."""
    await house.gates()
    for _ in range(5):
        await house.submit(**TWO_D)
    poller = house.deps.transactor._poller
    assert poller is not None
    poller.cancel()
    project = typeid.decode("prj", house.project)
    await quotas.put(house.deps, OPERATOR, project, {"limits": {"running_tasks": 2}})
    assert not house.deps.transactor.board.capped
    monkeypatch.setattr("maquette.services.board.FRESH_SECONDS", 0.0)
    assert len(await house.claim(5)) == 2


async def test_64_claims_at_once_never_exceed_the_cap(house: House, settings: Settings) -> None:
    """Two installations on one database, 64 claims at once and then 16 busy workers: at no moment more than five run."""
    await house.gates()
    await cap(house, 5)
    for _ in range(24):
        await house.submit(**TWO_D)
    seen: list[int] = []
    async with open_deps(settings) as other:
        houses = [house, replace(house, deps=other)]

        async def watch() -> None:
            async with house.deps.database.connection() as connection:
                while True:
                    seen.append(await connection.fetchval("select count(*) from leases"))

        async def worker(at: int) -> None:
            """Take one task at a time, and let go of it at once, until there is nothing left to be had."""
            mine, idle = houses[at % 2], 0
            while idle < 4:
                if taken := await mine.claim(1):
                    await mine.report(await mine.succeeded(taken[0]))
                else:
                    idle += 1
                    await keep(mine)

        watching = asyncio.create_task(watch())

        async def claim(at: int) -> list[wire.Task]:
            await asyncio.sleep(at * 0.0005)  # at once they would all be in one batch, which sees itself
            return await houses[at % 2].claim()

        claims = await asyncio.gather(*(claim(at) for at in range(64)))
        taken = [task for found in claims for task in found]
        assert len(taken) == 5
        await house.report(*[await house.succeeded(task) for task in taken])
        await asyncio.gather(*(worker(at) for at in range(16)))
        watching.cancel()
    assert max(seen) == 5
    assert await number(house, "select count(*) from jobs where status = 'succeeded'") == 24
    assert await number(house, "select count(*) from capped") == 0


async def test_a_capped_project_is_in_nobodys_way(house: House) -> None:
    """Thirty of its tasks stand before another's one: the same claim that finds them gets that one."""
    await cap(house, 1)
    for _ in range(30):
        await house.submit(**TWO_D)
    other = await furnish(house.deps)
    view = await other.submit(**TWO_D)
    found = await house.claim(2)
    assert len(found) == 2
    assert typeid.encode("job", view.job.id) in {task.job_id for task in found}
    assert await house.claim() == []
    assert await number(house, "select count(*) from ready") == 0
    shown = (await quotas.get(house.deps, house.user, typeid.decode("prj", house.project))).used
    assert shown.running_tasks == 1
    astray = await number(
        house,
        "select count(*) from jobs j left join ready r on r.job_id = j.id left join capped c on c.job_id = j.id"
        " left join leases l on l.job_id = j.id where num_nonnulls(r.job_id, c.job_id, l.job_id) <> 1",
    )
    assert astray == 0


async def test_what_waits_comes_back_one_for_one(house: House) -> None:
    """The end of an attempt brings the next one into line in its own transaction, in the project's own order."""
    await house.gates()
    await cap(house, 2)
    made = [typeid.encode("job", (await house.submit(**TWO_D)).job.id) for _ in range(4)]
    first, second = await house.claim(4)
    assert [first.job_id, second.job_id] == made[:2]
    failed = wire.Outcome(
        task_id=first.task_id, fence=first.fence, status="failed", error_class="invalid", error_code="x"
    )
    await house.report(failed)
    [third] = await house.claim(4)
    assert third.job_id == made[2]
    key = typeid.decode("job", made[3])
    assert (await house.view(key)).job.status is JobStatus.QUEUED
    await jobs.cancel(house.deps, house.user, key)
    assert await number(house, "select count(*) from capped") == 0, "who is canceled leaves the line"


@pytest.mark.parametrize("most", [None, 3])
async def test_a_cap_that_is_raised_or_taken_away_lets_all_in(house: House, most: int | None) -> None:
    """Maintenance brings back what may run now, without anything ending."""
    await cap(house, 1)
    for _ in range(4):
        await house.submit(**TWO_D)
    assert len(await house.claim(4)) == 1
    await cap(house, most)
    await keep(house)
    assert len(await house.claim(4)) == (3 if most is None else 2)


async def test_leases_that_nobody_ends_free_their_places(house: House) -> None:
    """The worker died: the sweeper ends its lease, and what stood aside is in line."""
    await cap(house, 1)
    await house.submit(**TWO_D)
    await house.submit(**TWO_D)
    assert len(await house.claim(2)) == 1
    async with house.deps.database.transaction() as connection:
        await connection.execute("update leases set leased_at = now() - interval '1 hour'")
    await house.sweeper().run_once()
    assert len(await house.claim(2)) == 1


async def test_a_cap_of_users_is_refused(house: House) -> None:
    """It holds for a project as a whole, and says so."""
    project = typeid.decode("prj", house.project)
    for body in ({"per_user": {"running_tasks": 1}}, {"users": {"usr_ada": {"running_tasks": 1}}}):
        with pytest.raises(Invalid, match="as a whole"):
            await quotas.put(house.deps, OPERATOR, project, body)


async def test_a_claim_waits_for_no_one_who_waits_for_the_line(house: House, settings: Settings) -> None:
    """A claim locks the line's row of a job that another batch holds; that one takes it out, and holds the project's cap."""
    await cap(house, 5)
    held, _ = [await house.submit(**TWO_D) for _ in range(2)]
    other = await asyncpg.connect(settings.database_url)
    try:
        async with other.transaction():
            await other.execute("select from jobs where id = $1 for update", held.job.id)
            await other.execute(
                "select pg_advisory_xact_lock(hashtextextended('maquette.cap.' || $1, 0))",
                str(held.job.project_id),
            )
            claiming = asyncio.create_task(house.claim(2))
            async with asyncio.timeout(20):
                while not await other.fetchval("select exists (select from pg_locks where not granted)"):  # noqa: ASYNC110 - it changes in the database
                    await asyncio.sleep(0.002)
            async with asyncio.timeout(0.8):  # less than PostgreSQL waits before it looks for deadlocks
                await other.execute("delete from ready where job_id = $1", held.job.id)
        assert len(await claiming) == 1
    finally:
        await other.close()
