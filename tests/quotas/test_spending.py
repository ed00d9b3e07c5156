"""What jobs cost, from submission to the end: reserved, settled, released, and kept within limits."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from house import House, furnish
from quota_books import OPERATOR, Books

from maquette import wire
from maquette.bootstrap import open_deps
from maquette.domain import quota, typeid
from maquette.domain.errors import BudgetExhausted, Invalid, MaquetteError, QuotaExceeded
from maquette.domain.job import JobStatus
from maquette.maintenance.quotas import QuotaKeeper
from maquette.services import context, jobs, quotas, rehearsal
from maquette.settings import Settings
from maquette.store import quotas as rows
from maquette.store import session
from maquette.store.database import connect

TWO_D: dict[str, Any] = {"asset_type": "2D"}
#: One variant: 0.10 for the concept, 0.05 each to refine and to export.
WHOLE = 200_000


async def limit(house: House, **limits: Any) -> None:
    project = typeid.decode("prj", house.project)
    await quotas.put(house.deps, OPERATOR, project, {"limits": limits})


async def work(house: House, **metrics: Any) -> wire.Task:
    [task] = await house.claim()
    outcome = await house.succeeded(task)
    outcome.metrics.update(metrics)
    answer = await house.report(outcome)
    assert [item.verdict for item in answer.verdicts] == ["applied"], answer
    return task


async def test_a_job_reserves_settles_and_releases(house: House, books: Books) -> None:
    """Estimates are reserved at submission, actuals settle step by step, and nothing stays reserved in the end."""
    view = await house.submit(**TWO_D)
    assert await books.balance() == {"reserve": WHOLE}
    await work(house, cost_estimate=0.3, gpu_type="a100", duration=1000.0)
    view = await house.view(view.job.id)
    assert view.job.bill is not None
    assert view.job.bill.spent.micros == 300_000
    view = await house.review(view, "approved")
    await work(house)
    view = await house.review(await house.view(view.job.id), "approved")
    await work(house)
    assert (await house.view(view.job.id)).job.status is JobStatus.SUCCEEDED
    assert await books.balance() == {"reserve": WHOLE, "settle": 400_000, "release": -WHOLE}
    [row] = await books.rows("select gpu_ms from ledger where kind = 'settle' and step = 'text_to_image'")
    assert 0 <= row["gpu_ms"] < 60_000, "no longer than the lease was held"


async def test_a_rejection_reserves_what_it_redoes(house: House, books: Books) -> None:
    """The step is paid for again: where that does not fit, the rejection is refused and nothing has changed."""
    view = await house.submit(**TWO_D)
    await work(house)
    view = await house.view(view.job.id)
    await limit(house, cost_per_month=0.2)
    with pytest.raises(BudgetExhausted) as refused:
        await house.review(view, "rejected")
    assert refused.value.extra["quota"] == {
        "scope": "project",
        "limit": "cost_per_month",
        "value": 0.2,
        "used": 0.2,
        "left": 0.0,
        "wanted": 0.1,
    }
    assert (await house.view(view.job.id)).job.revision == 0
    await limit(house, cost_per_month=0.3)
    await house.review(view, "rejected")
    assert await books.balance() == {"reserve": WHOLE + 100_000, "settle": 100_000, "release": -100_000}


async def test_a_canceled_job_releases_when_its_worker_stops(house: House, books: Books) -> None:
    """The live attempt's step stays reserved until its worker acknowledges."""
    view = await house.submit(**TWO_D)
    [task] = await house.claim()
    await jobs.cancel(house.deps, house.user, view.job.id)
    assert sum((await books.balance()).values()) == 100_000
    await house.report(wire.Outcome(task_id=task.task_id, fence=task.fence, status="canceled"))
    assert sum((await books.balance()).values()) == 0


async def test_a_bound_refuses_at_submission_and_holds_later(house: House) -> None:
    """Estimated above ``max_cost``, a job is refused; come to cost more on the way, it waits until that is raised."""
    with pytest.raises(BudgetExhausted, match=r"0\.2 USD"):
        await house.submit(**TWO_D, max_cost=0.19)
    view = await house.submit(**TWO_D, max_cost=0.25)
    await work(house, cost_estimate=0.21)
    view = await house.review(await house.view(view.job.id), "approved")
    assert (view.job.status, view.job.pause_reason) == (JobStatus.PAUSED, "quota")
    assert await house.claim() == []
    with pytest.raises(Invalid, match=r"0\.26"):
        await jobs.resume(house.deps, house.user, view.job.id, 0.255)
    view = await jobs.resume(house.deps, house.user, view.job.id, 0.4)
    assert view.job.status is JobStatus.RUNNING
    await work(house)


async def test_a_spent_budget_holds_what_costs_until_there_is_more(house: House) -> None:
    """Nothing that costs is dispatched for a project beyond its budget; when the limit is raised it goes on by itself."""
    view = await house.submit(**TWO_D)
    await limit(house, cost_per_month=0.1)
    assert await house.claim() == []
    view = await house.view(view.job.id)
    assert (view.job.status, view.job.pause_reason) == (JobStatus.PAUSED, "quota")
    keeper = QuotaKeeper(house.deps.database, house.deps.transactor)
    assert await keeper.run_once() == 0
    await limit(house, cost_per_month=1.0)
    assert await keeper.run_once() == 1
    assert (await house.view(view.job.id)).job.status is JobStatus.QUEUED
    await work(house)


async def test_sums_are_the_same_before_and_after_they_are_added_up(house: House) -> None:
    """What is used does not change when fresh entries are added to the sums, and usage shows what was settled."""
    await house.submit(**TWO_D)
    await house.submit(**TWO_D)
    await work(house)
    project = typeid.decode("prj", house.project)
    before = (await quotas.get(house.deps, house.user, project)).used
    assert before.amount.micros == 2 * WHOLE
    await QuotaKeeper(house.deps.database, house.deps.transactor).run_once()
    assert (await quotas.get(house.deps, house.user, project)).used == before


async def test_64_at_once_against_10_create_10(house: House, settings: Settings) -> None:
    """Two API processes, 64 submissions at a time, a limit of 10 open jobs: exactly ten get in, the others are told why."""
    await limit(house, concurrent_jobs=10)
    async with open_deps(settings) as other:
        houses = [house, replace(house, deps=other)]
        made = await asyncio.gather(
            *(houses[number % 2].submit(**TWO_D) for number in range(64)), return_exceptions=True
        )
        await limit(house, concurrent_jobs=11)
        assert (await houses[1].submit(**TWO_D)).job.status is JobStatus.QUEUED, "in force everywhere at once"
    assert sum(not isinstance(item, BaseException) for item in made) == 10
    refused = [item for item in made if isinstance(item, BaseException)]
    assert {type(item) for item in refused} == {QuotaExceeded}
    assert isinstance(refused[0], MaquetteError)
    assert refused[0].extra["quota"]["left"] == 0


@pytest.mark.parametrize(
    ("limits", "fits"),
    [({"jobs_per_day": 3}, 3), ({"cost_per_month": 0.65}, 3), ({"gpu_seconds_per_month": 5}, 2)],
)
async def test_each_limit_lets_in_what_fits(house: House, limits: dict[str, Any], fits: int) -> None:
    """Of eight submissions at once, as many are taken as the limit has room for, for a project and for one user."""
    project = typeid.decode("prj", house.project)
    await quotas.put(house.deps, OPERATOR, project, {"users": {"usr_test": limits}})
    made = await asyncio.gather(*(house.submit(**TWO_D) for _ in range(8)), return_exceptions=True)
    assert sum(not isinstance(item, BaseException) for item in made) == fits
    someone = replace(house, user=replace(house.user, subject="usr_other"))
    assert (await someone.submit(**TWO_D)).job.status is JobStatus.QUEUED
    await limit(house, **limits)
    with pytest.raises((QuotaExceeded, BudgetExhausted)):
        await someone.submit(**TWO_D)


async def test_a_dry_run_tells_everything_and_records_nothing(house: House, books: Books) -> None:
    """Estimate by step, what it takes of limits, and every reason to refuse it: nothing is written."""
    await limit(house, cost_per_month=0.3, concurrent_jobs=0)
    wish = {**TWO_D, "project_id": house.project, "prompt": "a robot", "variants": 4, "max_cost": 0.1}
    told = await rehearsal.rehearse(house.deps, house.user, wish)
    assert told.prepared is not None
    assert [error.extra["quota"]["limit"] for error in told.refused] == [
        "max_cost",
        "concurrent_jobs",
        "cost_per_month",
    ]
    wrong = await rehearsal.rehearse(house.deps, house.user, wish | {"skip": ["export"]})
    assert (wrong.prepared, len(wrong.refused)) == (None, 2)
    assert (
        await books.rows("select from jobs union all select from ledger union all select from briefs") == []
    )


async def test_a_job_that_costs_is_filed_when_its_last_gate_is_approved(house: House) -> None:
    """Approving takes nothing from the project's room: it needs no lock of it, and the asset is there."""
    project = typeid.decode("prj", house.project)
    await context.put(house.deps, OPERATOR, project, "gates", {"gates": ["export"]})
    view = await house.submit(**TWO_D)
    for _ in range(3):
        await work(house)
    done = await house.review(await house.view(view.job.id), "approved")
    assert (done.job.status, done.job.asset_id is not None) == (JobStatus.SUCCEEDED, True)


async def test_a_new_month_begins_with_what_is_reserved(house: House) -> None:
    """What was spent in the month before does not count any more; what is still reserved does, in either month."""
    await house.submit(**TWO_D)
    await work(house)
    project = typeid.decode("prj", house.project)
    for _ in range(2):
        async with house.deps.database.connection() as connection:
            now = await rows.now(connection)
            this, following = quota.month_start(now), quota.next_month(now)
            here = await rows.spent(connection, [project], this, [])
            there = await rows.spent(connection, [project], following, [])
        assert here[project, None].micros == WHOLE
        assert there[project, None].micros == WHOLE - 100_000
        await QuotaKeeper(house.deps.database, house.deps.transactor).run_once()


async def test_the_free_path_asks_the_ledger_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without prices and limits, no transaction of a job's life has a statement about either."""
    said: list[str] = []

    async def listening(*args: Any, **more: Any) -> asyncpg.Connection:
        connection = await connect(*args, **more)
        connection.add_query_logger(lambda record: said.append(record.query))
        return connection

    monkeypatch.setattr(session, "connect", listening)
    async with open_deps(settings) as deps:
        free = await furnish(deps)
        view = await free.submit(**TWO_D)
        for _ in range(2):
            await free.work()
            await free.review(await free.view(view.job.id), "approved")
        await free.work()
        assert (await free.view(view.job.id)).job.status is JobStatus.SUCCEEDED
    assert len(said) > 50
    words = ("ledger", "blocked", "set bill", "created_by from briefs")
    assert [query for query in said if any(word in query for word in words)] == []


async def test_storage_is_measured_and_bounds_new_jobs(house: House) -> None:
    """Files of finished steps count by what there is; above the limit, nothing new is begun."""
    await limit(house, stored_bytes=10)
    await house.submit(**TWO_D)
    await work(house)
    await house.submit(**TWO_D)
    await QuotaKeeper(house.deps.database, house.deps.transactor).run_once()
    with pytest.raises(QuotaExceeded) as refused:
        await house.submit(**TWO_D)
    told = refused.value.extra["quota"]
    assert (told["limit"], told["used"] > 10) == ("stored_bytes", True)


async def test_a_lowered_limit_holds_no_more_than_it_must(house: House) -> None:
    """Three jobs that reserved 0.20 each under 0.45: one waits, its share is left to the others."""
    for _ in range(3):
        await house.submit(**TWO_D)
    await limit(house, cost_per_month=0.45)
    assert len(await house.claim(3)) == 2


async def test_jobs_that_wait_for_room_do_not_keep_each_other_waiting(house: House) -> None:
    """All three are held under a limit that none fits; raised to 0.45, it lets two go on, and the third is still held."""
    views = [await house.submit(**TWO_D) for _ in range(3)]
    await limit(house, cost_per_month=0.1)
    assert await house.claim(3) == []
    await limit(house, cost_per_month=0.45)
    keeper = QuotaKeeper(house.deps.database, house.deps.transactor)
    assert await keeper.run_once() == 2
    assert await keeper.run_once() == 0
    assert len(await house.claim(3)) == 2
    held = [(await house.view(view.job.id)).job.status for view in views]
    assert held.count(JobStatus.PAUSED) == 1
