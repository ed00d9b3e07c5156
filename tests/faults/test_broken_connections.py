"""The transactor's connection is cut at every statement of a story: told `Unavailable`, nothing was written; else all."""

import random
import uuid
from functools import partial

import msgspec
import pytest
from choice import EVERYTHING, SEED
from house import WORKER, House
from knife import AT_COMMIT, Cuttable, Knife, hold_knife, insist, sharpen
from ledger import violations

from maquette import wire
from maquette.domain.errors import Unavailable
from maquette.domain.job import JobStatus
from maquette.services import assets, execution, jobs


@pytest.fixture
def knife(monkeypatch: pytest.MonkeyPatch) -> Knife:
    return hold_knife(monkeypatch)


async def tell(house: House) -> list[uuid.UUID]:
    """Two jobs: one runs to the library over two gates, one fails an attempt and is given up."""
    first = (await insist(lambda: house.submit("2D"))).job.id
    second = (await insist(lambda: house.submit("2D"))).job.id
    one, two = await claim(house, 2)
    failed = wire.Outcome(
        task_id=two.task_id, fence=two.fence, status="failed", error_class="transient", error_code="hiccup"
    )
    done = await house.succeeded(one)
    answer = await insist(lambda: house.report(done, failed))
    assert [verdict.verdict for verdict in answer.verdicts] == ["applied", "applied"]
    await insist(partial(jobs.pause, house.deps, house.user, second))
    await insist(partial(jobs.resume, house.deps, house.user, second))
    await insist(partial(jobs.cancel, house.deps, house.user, second))
    view = await house.view(first)
    await insist(lambda: house.review(view, "rejected", notes="again"))
    for step in ("text_to_image", "refine"):
        [task] = await claim(house, 1)
        assert task.step == step
        outcome = await house.succeeded(task)
        answer = await insist(partial(house.report, outcome))
        assert [verdict.verdict for verdict in answer.verdicts] == ["applied"]
        await insist(partial(house.review, await house.view(first), "approved"))
    [task] = await claim(house, 1)
    outcome = await house.succeeded(task)
    answer = await insist(lambda: house.report(outcome))
    assert [verdict.verdict for verdict in answer.verdicts] == ["applied"]
    return [first, second]


async def claim(house: House, capacity: int) -> list[wire.Task]:
    """Claim as the SDK does: the same claim again, marked as sent before."""
    wish = house.wish(capacity)
    try:
        return (await execution.claim(house.deps, WORKER, wish)).tasks
    except Unavailable:
        Cuttable.knife.resting = True
        again = msgspec.structs.replace(wish, retried=True)
        return (await insist(lambda: execution.claim(house.deps, WORKER, again))).tasks


async def assert_told_once(house: House, ids: list[uuid.UUID], before: int) -> None:
    """Both jobs came to their ends, no third one is there, and the rows are lawful."""
    async with house.deps.database.connection() as connection:
        assert await violations(connection, ids) == {}
        assert await connection.fetchval("select count(*) from jobs") == before + 2
        states = await connection.fetch(
            "select status, sequence from jobs where id = any($1) order by id", ids
        )
        spent = await connection.fetchval(
            "select sum(micros) from ledger where job_id = any($1) and kind = 'settle'", ids
        )
    assert spent == 400_000, (
        "four step revisions were worked on, one of them rejected; the failed attempt is free"
    )
    assert [state["status"] for state in states] == [JobStatus.SUCCEEDED, JobStatus.CANCELED]
    # Every transition once: a command that was applied twice, or got lost, would show in the count of events.
    assert [state["sequence"] for state in states] == [14, 6]
    asset = (await house.view(ids[0])).job.asset_id
    assert (await assets.get(house.deps, house.user, asset)).version == before // 2 + 1


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_a_cut_at_any_statement_costs_nothing(knife: Knife, house: House, mode: str) -> None:
    """Told again and again, each request cut at its first statement, its second, …: the story ends the same."""
    sharpen(knife, house)
    stride = 1 if EVERYTHING else 4
    knife.mode, knife.depth = mode, random.Random(f"{SEED} {mode}").randint(1, stride)
    told = 0
    while told == 0 or knife.cuts:
        knife.cuts = 0
        await assert_told_once(house, await tell(house), 2 * told)
        told += 1
        knife.depth += stride
    assert told > 12 / stride, "the longest transaction of the story has more statements than that"


async def test_a_commit_without_an_answer_is_looked_up(knife: Knife, house: House) -> None:
    """The line is cut while `COMMIT` is on its way: whether it arrived is asked, never guessed."""
    sharpen(knife, house)
    knife.mode, knife.depth = "during", AT_COMMIT
    rounds = 20 if EVERYTHING else 2
    for told in range(rounds):
        await assert_told_once(house, await tell(house), 2 * told)
    assert knife.cuts >= rounds * 14
