"""Loops that outlive an outage and say so once; queues that refuse instead of growing."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from house import House, furnish
from live_api import open_live

from maquette.adapters.moderator_http import HttpModerator
from maquette.api import edge
from maquette.bootstrap import open_deps
from maquette.domain.commands import Cancel
from maquette.domain.errors import OutcomeUnknown, Unavailable
from maquette.domain.moderation import Subject, in_force
from maquette.maintenance import loop
from maquette.maintenance.loop import forever
from maquette.maintenance.retention import RetentionLoop
from maquette.maintenance.sweeper import Sweeper
from maquette.outbound import Outbound, TimedOut
from maquette.ports import ModeratorAway
from maquette.services import follow, transactor
from maquette.services.ids import new_id
from maquette.services.orders import Order
from maquette.settings import Settings
from maquette.store import retention
from maquette.wire import Outcome, Task
from maquette.worker.ledger import UNHEARD_PER_SLOT, Ledger


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """Services over a real database, a worker played by the test."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
    )
    async with open_deps(settings) as deps:
        yield await furnish(deps)


async def test_a_loop_says_once_that_it_fails_and_once_that_it_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the database refuses, there are two lines; the waits grow to their cap; an unforeseen error has a trace."""
    waits: list[float] = []
    errors = [Unavailable("away")] * 9 + [ValueError("a bug")] + [None] * 3

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def once() -> int:
        if not errors:
            raise asyncio.CancelledError
        error = errors.pop(0)
        if error is not None:
            raise error
        return 7

    monkeypatch.setattr("maquette.maintenance.loop.asyncio.sleep", sleep)
    caplog.set_level(logging.INFO)
    with pytest.raises(asyncio.CancelledError):
        await forever(once, "Looking", float)
    told = [(record.levelname, record.exc_info is not None) for record in caplog.records]
    assert told == [("WARNING", False), ("WARNING", True), ("INFO", False)]
    assert waits[-3:] == [7.0] * 3
    assert all(0.12 <= wait <= loop.BACKOFF_SECONDS_MAX for wait in waits[:-3])
    assert min(waits[5:9]) >= loop.BACKOFF_SECONDS_MAX / 2


def test_every_loop_waits_in_the_one_that_all_have() -> None:
    """Nobody in maintenance waits between rounds by itself: failures are told of once, and waited out longer each time."""
    modules = Path(loop.__file__).parent.glob("*.py")
    assert [path.name for path in modules if "asyncio.sleep(" in path.read_text()] == ["loop.py"]


async def test_a_turn_without_an_end_has_failed() -> None:
    """A loop with a limit gives a turn that hangs up, and makes the next one."""
    turns = 0

    async def once() -> float:
        nonlocal turns
        turns += 1
        if turns == 1:
            await asyncio.Event().wait()
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await forever(once, "Looking", float, seconds_max=0.05)
    assert turns == 2


async def test_who_stops_cleaning_gives_its_project_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that is stopped in the middle of a project does not keep it from the others for five minutes."""
    limits = house.deps.limits
    cleaner = RetentionLoop(house.deps.database, house.deps.objects, limits.retention, 3600.0)
    cleaning = asyncio.Event()

    async def forever_busy(_project: uuid.UUID) -> None:
        cleaning.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(cleaner, "_clean", forever_busy)
    turn = asyncio.create_task(cleaner.run_once())
    await cleaning.wait()
    async with house.deps.database.transaction() as connection:
        assert await retention.take(connection, 1.0) is None
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    async with house.deps.database.transaction() as connection:
        assert await retention.take(connection, 1.0) is not None


async def test_a_sweeper_is_patient_after_silence_but_not_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a pause without errors each worker gets one lease's time; a sweeper that is always late still sweeps."""
    sweeper = Sweeper(house.deps.database, house.deps.transactor, 3.0)
    now = 1000.0
    monkeypatch.setattr("maquette.maintenance.sweeper.time.monotonic", lambda: now)
    await sweeper.run_once()
    assert sweeper._patient_until < now
    now += 2.5
    await sweeper.run_once()
    assert sweeper._patient_until == now + 3.0
    patient = 0
    for _ in range(20):
        now += 2.5
        await sweeper.run_once()
        patient += now < sweeper._patient_until
    assert 0 < patient <= 14


async def test_a_change_that_is_not_answered_may_have_been_made(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a lane has had is `outcome_unknown`; what still waits for one is `unavailable`; too many are refused at once."""
    core = house.deps.transactor
    monkeypatch.setattr(core, "_answer_seconds_max", 0.3)
    held = asyncio.Event()
    for lane in core._lanes:
        monkeypatch.setattr(lane.session, "transaction", lambda _body: held.wait())
    asked = []
    for _ in range(len(core._lanes) + 1):
        order = Order(new_id(), Cancel("usr_test"))
        asked.append(asyncio.create_task(core.exchange([order])))
        await asyncio.sleep(0.02)
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(item) for item in told] == [*[OutcomeUnknown] * len(core._lanes), Unavailable]
    monkeypatch.setattr(transactor, "QUEUE_MAX", 0)
    with pytest.raises(Unavailable, match="waiting"):
        await house.submit("2D")
    monkeypatch.setattr(transactor, "QUEUE_MAX", 10)
    monkeypatch.setattr(transactor, "PARKED_MAX", 0)
    with pytest.raises(Unavailable, match="claims"):
        await house.claim(wait_seconds=5.0)


async def test_streams_and_requests_have_a_limit(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One stream too many is 503 before it begins, and so is one request too many; a probe of life is answered."""
    async with open_live(database_url, tmp_path) as live:
        job = await live.brief()
        live.deps.hub.streams = follow.STREAMS_MAX
        answer = await live.user.get(job["urls"]["events"])
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        monkeypatch.setattr(edge, "REQUESTS_MAX", 0)
        answer = await live.user.get("/jobs")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert (await live.nobody.get("/healthz")).status_code == 200


async def test_a_process_that_drains_lets_claims_go_and_finishes_the_rest(
    database_url: str, tmp_path: Path
) -> None:
    """A claim that waits is answered empty, none waits any more, changes are still made, and `/readyz` turns."""
    async with open_live(database_url, tmp_path) as live:
        waiting = asyncio.create_task(
            live.worker.post("/worker/claims", json=live.claim() | {"wait_seconds": 25.0})
        )
        while not live.deps.transactor.parked:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)
        live.deps.transactor.drain()
        async with asyncio.timeout(5):
            assert (await waiting).json()["tasks"] == []
            again = await live.worker.post("/worker/claims", json=live.claim() | {"wait_seconds": 25.0})
        assert again.json()["tasks"] == []
        assert (await live.nobody.get("/readyz")).status_code == 503
        assert (await live.brief())["status"] == "queued"


def test_a_worker_that_cannot_deliver_takes_no_more() -> None:
    """With twice as many outcomes unheard as there are slots, none is free; a verdict frees them again."""
    ledger = Ledger(3)
    outcomes = []
    for fence in range(1, 3 * UNHEARD_PER_SLOT + 1):
        assert ledger.free > 0
        lease = ledger.accept(_task(fence))
        assert lease is not None
        outcome = Outcome(task_id="t", fence=fence, status="succeeded", metrics={})
        ledger.finish(lease, outcome)
        outcomes.append(outcome)
    assert ledger.free == 0
    sent = ledger.take(100)
    assert [item.fence for item in sent] == [item.fence for item in outcomes], "in their order"
    assert ledger.settle(sent, []) == len(outcomes), "nothing is lost without a verdict"
    assert ledger.take(100) == outcomes


def _task(fence: int) -> Task:
    return Task(
        task_id="t", fence=fence, job_id="j", project_id="p", step="refine", revision=0, attempt=1, asset_type="2D",
        service="studio", seed=1, params={}, inputs=[], correlation_id="c", deadline_seconds=1.0,
    )  # fmt: skip


class _Slow:
    """A way out at the end of which nobody answers."""

    async def send(self, *_: object, seconds_max: float, **__: object) -> None:
        await asyncio.sleep(seconds_max)
        raise TimedOut("No whole answer in time.")


async def test_nobody_waits_longer_for_a_moderators_turn_than_for_its_answer() -> None:
    """Behind slow answers the wait for a slot counts: the budget of a judgement is kept whatever the crowd."""
    moderator = HttpModerator(cast("Outbound", _Slow()), "https://moderator.test", seconds_max=0.3)
    asked = [moderator.judge([Subject("prompt", "a fox")], in_force(None, None)) for _ in range(20)]
    async with asyncio.timeout(2):
        told = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(item) for item in told} == {ModeratorAway}
