"""Tasks that a process handed out: its outcomes need no look at their rows, and what it knows decides nothing."""

from uuid import uuid4

import pytest
from house import House

from maquette.services import handed
from maquette.services.handed import Handed


async def test_an_outcome_reads_what_another_process_handed_out_and_nothing_else(house: House) -> None:
    """The same outcome is applied whether or not this process knows the task."""
    await house.gates()
    looked: list[int] = []
    shared = house.deps.database.shared

    async def counted(read: object, ids: list[object]) -> object:
        looked.append(len(ids))
        return await shared(read, ids)

    house.deps.database.shared = counted
    for known in (True, False):
        await house.submit("2D")
        [task] = await house.claim(steps=["text_to_image"])
        outcome = await house.succeeded(task)
        looked.clear()
        if not known:
            house.deps.handed.forget([task.fence])
        [verdict] = (await house.report(outcome)).verdicts
        assert verdict.verdict == "applied"
        assert looked == ([] if known else [1])


async def test_a_lease_that_ended_is_stale_however_well_it_is_known(house: House) -> None:
    """Its job's row says so, under its lock."""
    await house.submit("2D")
    [task] = await house.claim()
    outcome = await house.succeeded(task)
    known = house.deps.handed.job(uuid4(), task.fence)
    assert known is None, "a fence of another job is nobody's"
    async with house.deps.database.connection() as connection:
        await connection.execute("update leases set deadline_at = now() - interval '1 second'")
    await house.sweeper().run_once()
    [verdict] = (await house.report(outcome)).verdicts
    assert verdict.verdict == "stale"


def test_no_more_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first; their outcomes are looked up."""
    monkeypatch.setattr(handed, "HANDED_MAX", 2)
    kept = Handed()
    for fence in range(4):
        kept._jobs[fence] = object()
    kept.note([])
    assert list(kept._jobs) == [2, 3]
    assert kept.job(uuid4(), 1) is None
