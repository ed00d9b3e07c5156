"""A project's events from snapshot to snapshot: none missing, each stream in order, wherever a reader goes on."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from choice import SEED
from house import House

from maquette.domain import typeid
from maquette.domain.errors import Forbidden, Invalid, NotFound
from maquette.domain.events import Event, EventType
from maquette.domain.permissions import Role
from maquette.domain.principal import Principal
from maquette.maintenance.relay import Relay
from maquette.services import feed, projects
from maquette.services.ids import new_id
from maquette.store import events as event_rows
from maquette.store import steps
from maquette.store.database import Database, decode, statements
from maquette.store.events import Page, Running
from maquette.store.snapshot import BEGINNING, Snapshot


@pytest.mark.parametrize(
    "text",
    ["", "7", "x", "1:2", "0:1:", "3:2:", "1:5:5", "2:5:1", "1:5:3,2", "1:5:2,2", "1:5:2,", "1:5:2 ", "-1:5:",
     "1:99999999999999999999:", "\u0661:5:", "1:5:\n", "1:9223372036854775808:", "1:4294967296:", "1:8589934592:4294967296"],
)  # fmt: skip
def test_only_what_was_given_out_is_a_position(text: str) -> None:
    """Everything else than a snapshot's own text is refused before PostgreSQL sees it."""
    with pytest.raises(ValueError, match="no snapshot"):
        Snapshot.parse(text)


def test_a_cut_snapshot_sees_what_both_say() -> None:
    """Going towards a later snapshot below an xid: what was seen stays seen, of the rest only what is below."""
    rng = random.Random(SEED)
    for _ in range(500):
        first = _drawn(rng, 1)
        seen = [xid for xid in range(1, 40) if _sees(first, xid)]
        later = _drawn(rng, first.xmax)
        later = Snapshot(later.xmax, tuple(xid for xid in later.open if xid not in seen))
        below = rng.randrange(1, later.xmax + 1)
        between = first.towards(later, below)
        assert Snapshot.parse(str(between)) == between
        for xid in range(1, 40):
            assert _sees(between, xid) == (_sees(first, xid) or (xid < below and _sees(later, xid))), xid


def _drawn(rng: random.Random, low: int) -> Snapshot:
    xmax = rng.randrange(low, 35)
    return Snapshot(xmax, tuple(sorted(rng.sample(range(1, xmax), rng.randrange(min(xmax, 5))))))


def _sees(snapshot: Snapshot, xid: int) -> bool:
    return xid < snapshot.xmax and xid not in snapshot.open


class Crowd:
    """Streams of one project, changed by transactions that take their ids early and commit late, in any order."""

    def __init__(self, database: Database, project: uuid.UUID, count: int) -> None:
        self.database, self.project = database, project
        self.last = {new_id(): 0 for _ in range(count)}
        self._locks = {stream: asyncio.Lock() for stream in self.last}
        self._rng = random.Random(f"{SEED} crowd")

    async def change(self, transactions: int) -> None:
        for _ in range(transactions):
            chosen = sorted(self._rng.sample(list(self.last), self._rng.randint(1, 3)))
            async with self.database.transaction() as connection:
                await connection.fetchval("select pg_current_xact_id()")
                await asyncio.sleep(self._rng.uniform(0, 0.004))
                for stream in chosen:
                    await self._locks[stream].acquire()
                events = []
                for stream in chosen:
                    for _ in range(self._rng.randint(1, 4)):
                        self.last[stream] += 1
                        events.append(self._event(stream, self.last[stream]))
                await steps.insert_events(connection, events)
                await asyncio.sleep(self._rng.uniform(0, 0.004))
            for stream in chosen:
                self._locks[stream].release()

    def _event(self, stream: uuid.UUID, sequence: int) -> Event:
        # A clock that jumps: it must not change the order within a stream.
        time = datetime.now(UTC) + timedelta(seconds=self._rng.uniform(-5, 5))
        return Event(stream, self.project, sequence, EventType.STEP_STARTED, time, "c", {})


class Reader:
    """Follows, drops what it has seen, and insists on the rest being in order."""

    def __init__(self) -> None:
        self.last: dict[uuid.UUID, int] = {}
        self.seen = BEGINNING

    async def follow(self, found: AsyncIterator[Page | Running | None], pages: int) -> None:
        async with aclosing(found) as items:
            async for item in items:
                if not isinstance(item, Page):
                    continue
                for event in item.events:
                    known = self.last.get(event.stream_id, 0)
                    assert event.sequence <= known + 1, (event, known)
                    self.last[event.stream_id] = max(known, event.sequence)
                self.seen = item.after
                pages -= 1
                if not pages:
                    return


async def test_readers_miss_nothing_whatever_commits_when(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late commits under early ids, small pages, reconnects and a relay that moves rows meanwhile: all arrives in order."""
    monkeypatch.setattr(feed, "PAGE", 7)
    monkeypatch.setattr(feed, "KEPT", 2)
    database = house.deps.database
    crowd = Crowd(database, typeid.decode("prj", house.project), 8)
    relay = Relay(database, [])
    relaying = asyncio.create_task(relay.run())
    changing = asyncio.gather(*(crowd.change(60) for _ in range(5)))
    readers = [Reader() for _ in range(4)]
    rng = random.Random(f"{SEED} readers")

    async def read(reader: Reader) -> None:
        while reader.last != crowd.last or not changing.done():
            items = house.deps.hub.feeds.follow(crowd.project, reader.seen)
            with suppress(TimeoutError):
                async with asyncio.timeout(rng.uniform(0.01, 1.0)):
                    await reader.follow(items, rng.randint(1, 12))

    try:
        await asyncio.wait_for(asyncio.gather(changing, *map(read, readers)), 60)
    finally:
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)
    assert all(reader.last == crowd.last for reader in readers)
    async with database.connection() as connection:
        page = await event_rows.of_project(connection, crowd.project, BEGINNING, None, 10_000)
    assert len(page.events) == sum(crowd.last.values())


async def test_one_transaction_larger_than_a_page_is_one_page(house: House) -> None:
    """A position between two events of one transaction does not exist: the page grows."""
    project, stream = typeid.decode("prj", house.project), new_id()
    found = [
        Event(stream, project, number, EventType.STEP_STARTED, datetime.now(UTC), "c", {})
        for number in range(1, 41)
    ]
    async with house.deps.database.transaction() as connection:
        await steps.insert_events(connection, found)
    await house.submit("2D")
    async with house.deps.database.connection() as connection:
        first = await event_rows.of_project(connection, project, BEGINNING, None, 5)
        second = await event_rows.of_project(connection, project, first.after, None, 5)
    assert [event.sequence for event in first.events] == list(range(1, 41))
    assert ([event.type for event in second.events], second.whole) == (["JobCreated"], True)


async def test_a_follower_from_now_sees_what_comes(house: House) -> None:
    """Nothing of before, then events of several jobs as they are committed, and progress with job and step."""
    await house.submit("2D")
    items = await projects.events(
        house.deps, house.user, typeid.decode("prj", house.project), None, beginning=False
    )
    began = await anext(items)
    assert isinstance(began, Page)
    assert began.events == ()
    one, two = await house.submit("2D"), await house.submit("3D")
    told: list[tuple[uuid.UUID, str]] = []
    async with asyncio.timeout(5):
        while len(told) < 2:
            page = await anext(items)
            assert isinstance(page, Page)
            told += [(event.stream_id, event.type) for event in page.events]
    assert told == [(one.job.id, "JobCreated"), (two.job.id, "JobCreated")]
    await items.aclose()  # type: ignore[attr-defined] - an iterator that is a generator
    assert house.deps.hub.feeds._feeds == {}


async def test_followers_share_their_readings(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty followers of a project that has news cost one reading of it."""
    readings = 0
    read = event_rows.of_project

    async def counted(*given: object) -> Page:
        nonlocal readings
        readings += 1
        return await read(*given)  # type: ignore[arg-type] - handed on as they came

    project = typeid.decode("prj", house.project)
    followers = [house.deps.hub.feeds.follow(project, None) for _ in range(30)]
    for items in followers:
        await anext(items)
    monkeypatch.setattr(event_rows, "of_project", counted)
    await house.submit("2D")
    pages = await asyncio.wait_for(asyncio.gather(*(anext(items) for items in followers)), 5)
    assert all(isinstance(page, Page) and len(page.events) == 1 for page in pages)
    assert readings <= 2
    await asyncio.gather(*(items.aclose() for items in followers))  # type: ignore[attr-defined] - generators


async def test_another_process_events_come_by_polling(house: House) -> None:
    """What no commit of this process announced is found all the same."""
    project = typeid.decode("prj", house.project)
    items = house.deps.hub.feeds.follow(project, None)
    await anext(items)
    event = Event(new_id(), project, 1, EventType.STEP_STARTED, datetime.now(UTC), "c", {})
    async with house.deps.database.transaction() as connection:
        await steps.insert_events(connection, [event])
    page = await asyncio.wait_for(anext(items), 5)
    assert isinstance(page, Page)
    assert page.events == (event,)
    await items.aclose()  # type: ignore[attr-defined] - an iterator that is a generator


async def test_a_position_of_another_database_heals(house: House) -> None:
    """A position ahead of this database (a backup was restored) is answered with where it is, and goes on from there."""
    project = typeid.decode("prj", house.project)
    items = house.deps.hub.feeds.follow(project, Snapshot(2**60 + 7))
    await anext(items)
    page = await asyncio.wait_for(anext(items), 5)
    assert isinstance(page, Page)
    assert page.after.xmax < 2**32
    await house.submit("2D")
    page = await asyncio.wait_for(anext(items), 5)
    assert isinstance(page, Page)
    assert [event.type for event in page.events] == ["JobCreated"]
    await items.aclose()  # type: ignore[attr-defined] - an iterator that is a generator


async def test_only_those_of_the_project_may_follow_it(house: House) -> None:
    """A stranger, a worker and a project that does not exist are refused before the stream begins."""
    project = typeid.decode("prj", house.project)
    for principal, key, error in (
        (Principal("user", "usr_other", {new_id(): Role.OWNER}), project, NotFound),
        (Principal("worker", "workers"), project, Forbidden),
        (Principal("operator", "usr_op"), new_id(), NotFound),
    ):
        with pytest.raises(error):
            await projects.events(house.deps, principal, key, None, beginning=False)
    with pytest.raises(Invalid):
        await projects.events(house.deps, house.user, project, "7", beginning=False)


async def test_a_page_costs_a_page_wherever_it_is(house: House) -> None:
    """From the beginning, or far behind, only what the page holds is read, however many events come after it."""
    project, limit = typeid.decode("prj", house.project), 50
    async with house.deps.database.connection() as connection:
        await connection.execute(
            "insert into events select gen_random_uuid(), 1, $1, 'JobPaused', now(), 'c', '{}', (3 + g)::text::xid8"
            " from generate_series(1, 20000) g",
            project,
        )
        await connection.execute("analyze events")
        plan = decode(
            await connection.fetchval(
                f"explain (analyze, format json) {statements('events')['of_project']}",
                project, "1000:1000:", "90000:90000:", limit,
            )
        )  # fmt: skip

    def read(node: dict[str, Any]) -> float:
        inner = sum(map(read, node.get("Plans", ())))
        return inner + node["Actual Rows"] * ("Relation Name" in node) + node.get("Rows Removed by Filter", 0)

    assert read(plan[0]["Plan"]) <= 3 * limit
