"""What a submission answers is made from what it wrote; it is what reading the job gives."""

import asyncio
import dataclasses
import uuid
from typing import Any

import pytest
from house import House

from maquette.domain.job import JobStatus
from maquette.services import jobs
from maquette.services.jobs import JobView

_SUBMISSIONS: list[dict[str, Any]] = [
    {},
    {"asset_type": "2D", "variants": 3, "priority": "high", "metadata": {"ticket": "A-1", "weight": 0.5}},
    {"skip": ["rig", "anim"], "params": {"retopo": {"target_polycount": 4000}}, "negative_prompt": "rust"},
    {"seed": 7, "reuse": "never", "library_path": "props/crate"},
    {"seed": 7, "max_cost": 2.5, "prompt": "ein Würfel ⬛"},
]


def comparable(view: JobView) -> JobView:
    """Return a view with collections of one kind; what is empty may be any empty thing."""
    values = {
        item.name: list(value) if isinstance(value := getattr(view, item.name), list | tuple) else value
        for item in dataclasses.fields(view)
    }
    return JobView(**values)


@pytest.mark.parametrize("more", _SUBMISSIONS, ids=range(len(_SUBMISSIONS)))
async def test_a_new_job_is_shown_as_it_is_read(house: House, more: dict[str, Any]) -> None:
    """The first of its line and one behind others: every field is equal, place and time left included."""
    for _ in range(2):
        made = await house.submit(**more)
        assert made.queue_position is not None
        assert comparable(made) == comparable(await house.view(made.job.id))


async def test_a_job_that_was_leased_as_it_was_made_is_shown_running(house: House) -> None:
    """A waiting claim gets the task in the submission's own transaction: the answer says so, as a read does."""
    waiting = asyncio.create_task(house.claim(wait_seconds=5.0))
    while not house.deps.transactor.parked:  # noqa: ASYNC110 - there is no event for it, and should be none
        await asyncio.sleep(0.005)
    made = await house.submit()
    [task] = await waiting
    read = await house.view(made.job.id)
    assert (made.job.status, made.queue_position) == (JobStatus.RUNNING, None)
    assert made.lease is not None
    assert made.lease.fence == task.fence
    assert comparable(made) == comparable(read)


async def test_a_job_that_went_on_as_it_was_made_is_shown_with_its_work(house: House) -> None:
    """An equal step is taken over in the submission's own transaction: the answer shows it done."""
    await house.gates()
    await house.submit("2D", seed=11)
    await house.work()
    await house.deps.transactor.board.exchange(
        house.deps.database
    )  # what the service works with is known now
    made = await house.submit("2D", seed=11)
    assert made.records, "equal work was there"
    assert comparable(made) == comparable(await house.view(made.job.id))


async def test_places_are_told_for_many_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight submissions at once: each is told a place that it had, and no read is made for each of them."""
    reads: list[uuid.UUID] = []
    get = jobs.get

    async def counted(deps: Any, principal: Any, job_id: uuid.UUID) -> JobView:
        reads.append(job_id)
        return await get(deps, principal, job_id)

    monkeypatch.setattr(jobs, "get", counted)
    made = await asyncio.gather(*(house.submit() for _ in range(8)))
    places = [view.queue_position or 0 for view in made]
    assert not reads
    assert all(1 <= place <= 8 for place in places)
    assert max(places) == 8
