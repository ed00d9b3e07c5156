"""When a job will be done: measured, within a stated bound, or not said at all."""

import asyncio
import heapq
import random
from datetime import UTC, datetime, timedelta

import pytest
from house import House

from maquette.domain import typeid
from maquette.domain.eta import Pace, lines, seconds_left
from maquette.domain.job import JobStatus
from maquette.domain.principal import Principal
from maquette.services import pace, quotas

START = datetime(2026, 1, 1, tzinfo=UTC)


def simulated(workers: int, tasks: int, seed: int) -> list[tuple[float, float]]:
    """Return when each task of a line began and ended (s); durations of 10 s in the mean, a third of that spread."""
    draw = random.Random(seed)
    free = [0.0] * workers
    told = []
    for _ in range(tasks):
        began = heapq.heappop(free)
        ended = began + max(draw.gauss(10, 10 / 3), 1)
        heapq.heappush(free, ended)
        told.append((began, ended))
    return told


async def test_the_estimate_is_as_good_as_stated(house: House) -> None:
    """A line of 400 before 4 workers, looked at every 60 s: off by one task's duration and 15 % at most."""
    await house.gates("text_to_image")
    job = (await house.submit("2D")).job
    [line] = lines(job)
    worst = 0.0
    for seed in range(5):
        told = simulated(4, 400, seed)
        for at in range(120, 901, 60):
            done = [(began, ended) for began, ended in told if ended <= at]
            taken = sum(began <= at for began, _ in told)
            pace = Pace(len(done), sum(ended - began for began, ended in done), START)
            for number in {min(taken + ahead, 399) for ahead in (20, 60, 399)}:
                now = START + timedelta(seconds=at)
                guess = seconds_left(job, None, number - taken + 1, {line: pace}, now)
                assert guess is not None
                left = told[number][1] - at
                worst = max(worst, (abs(guess - left) - 10) / left)
    assert worst < 0.15, "0.116 when it was written"


async def test_nothing_is_said_that_was_not_measured(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Null at first; then from what was done, falling while it runs; null again at the gate."""
    monkeypatch.setattr(pace, "FRESH_SECONDS", 0.0)
    await house.gates("refine")
    first, second = [(await house.submit("2D")).job.id for _ in range(2)]
    board = house.deps.transactor.board
    assert (await house.view(second)).eta_seconds is None
    await house.work()
    await board.exchange(house.deps.database)
    assert (await house.view(second)).eta_seconds is None, "its second step was never done"
    for step in ("text_to_image", "refine"):
        async with house.deps.database.transaction() as connection:
            await connection.execute(
                "insert into pace values ('studio', $1, extract(epoch from now()) / 60, gen_random_uuid(), 9, 90, now())"
                " on conflict do nothing",
                step,
            )
    before = (await house.view(second)).eta_seconds
    assert before is not None
    assert before >= 10
    [task] = await house.claim(steps=["text_to_image"])
    running = (await house.view(second)).eta_seconds
    await asyncio.sleep(0.05)
    later = (await house.view(second)).eta_seconds
    assert running is not None
    assert later is not None
    assert later < running
    await house.report(await house.succeeded(task))
    await house.work()
    done = await house.view(first)
    assert (done.job.status, done.eta_seconds) == (JobStatus.AWAITING_REVIEW, None)


async def test_who_stands_aside_is_told_his_place_and_no_time(house: House) -> None:
    """At the cap: behind all that is in line, in his project's order."""
    operator, project = Principal("operator", "op"), typeid.decode("prj", house.project)
    await quotas.put(house.deps, operator, project, {"limits": {"running_tasks": 1}})
    await house.deps.transactor.board.exchange(house.deps.database)
    made = [(await house.submit("2D")).job.id for _ in range(3)]
    await house.claim(3)
    views = [await house.view(key) for key in made]
    assert [view.queue_position for view in views] == [None, 1, 2]
    assert [view.eta_seconds for view in views] == [None, None, None]
