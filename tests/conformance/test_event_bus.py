"""What holds of every sink behind the relay: nothing lost, each stream in order after dropping repetitions."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from choice import EVERYTHING, SEED
from sinks import GROUNDS, PROJECT, Ground, Moody, assert_whole

from maquette.domain.events import Event, EventType, cloud_event
from maquette.domain.typeid import encode
from maquette.maintenance import courier
from maquette.maintenance.relay import Relay
from maquette.ports import EventBus
from maquette.services.ids import new_id
from maquette.store import events, outbox, steps
from maquette.store.database import Database


@pytest.fixture(params=sorted(GROUNDS))
def ground(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Ground:
    """Give one kind of sink."""
    ground = GROUNDS[request.param](tmp_path, database_url)
    ground.open()
    return ground


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


#: What happens, and what a later version says that happens.
TYPES = (EventType.STEP_STARTED, EventType("SaidByALaterVersion"))


class Streams:
    """Jobs that things happen to: each event under its stream's lock, in a transaction of its own."""

    def __init__(self, database: Database, count: int) -> None:
        self._database = database
        self._locks = {new_id(): asyncio.Lock() for _ in range(count)}
        self.last = dict.fromkeys(self._locks, 0)

    async def happen(self, count: int, *, at_once: int = 4) -> None:
        """Let so many things happen, some of them at once."""
        rng = random.Random(f"{SEED} {count}")
        streams = rng.choices(list(self._locks), k=count)

        async def some(mine: Sequence[uuid.UUID]) -> None:
            for stream in mine:
                async with self._locks[stream], self._database.transaction() as connection:
                    event = Event(
                        stream,
                        PROJECT,
                        self.last[stream] + 1,
                        TYPES[self.last[stream] % len(TYPES)],
                        datetime.now(UTC),
                        "c",
                        {},
                    )
                    await steps.insert_events(connection, [event])
                    self.last[stream] += 1

        await asyncio.gather(*(some(streams[start::at_once]) for start in range(at_once)))

    @property
    def expected(self) -> dict[str, int]:
        project = encode("prj", PROJECT)
        return {
            f"/projects/{project}/jobs/{encode('job', stream)}": last
            for stream, last in self.last.items()
            if last
        }


async def count(database: Database, table: str, where: str = "true") -> int:
    async with database.connection() as connection:
        found: int = await connection.fetchval(f"select count(*) from {table} where {where}")
        return found


async def until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> None:
    """Wait for something asynchronous to become true."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - the database has no event to wait for
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None


async def test_what_a_later_version_says_is_passed_on(database: Database) -> None:
    """A type that this version does not know is read from either table, and leaves under its own name."""
    streams = Streams(database, 1)
    [stream] = streams.last
    await streams.happen(2)
    relay = Relay(database, [])
    await relay.beat_once()
    async with database.connection() as connection:
        before = await events.of_job(connection, stream, 0, 9)
        assert await relay.move_once() > 0
        after = await events.of_job(connection, stream, 0, 9)
    assert before == after
    assert [cloud_event(event)["type"] for event in after] == ["StepStarted", "SaidByALaterVersion"]


async def delivered(database: Database) -> None:
    """Wait until nothing is left to tell anybody."""

    async def nothing() -> bool:
        return await count(database, "outbox") + await count(database, "undelivered") == 0

    await until(nothing, "everything is delivered", 40.0)


@asynccontextmanager
async def relaying(database: Database, *sinks: EventBus, lease_seconds: float = 1.0) -> AsyncIterator[Relay]:
    """Run a relay until the block ends; then it leaves."""
    relay = Relay(database, sinks, lease_seconds=lease_seconds)
    running = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_everything_arrives_in_order(database: Database, ground: Ground) -> None:
    """What was in the outbox before and what comes meanwhile: all of it, and afterwards it is in `events` alone."""
    streams = Streams(database, 20)
    await streams.happen(200)
    async with relaying(database, ground.sink()):
        await streams.happen(200)
        await delivered(database)
    assert_whole(ground.arrived(), streams.expected)
    assert await count(database, "events") == 400


async def test_bad_days_lose_nothing(
    database: Database, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sink that refuses, forgets, hangs, picks or miscounts gets it again, in order."""
    monkeypatch.setattr(courier, "PUBLISH_SECONDS_MAX", ground.patience_seconds)
    monkeypatch.setattr(courier, "BACKOFF_SECONDS_MAX", 0.05)
    monkeypatch.setattr(courier, "IDLE_SECONDS", 0.02)
    for number in range(20 if EVERYTHING else 2):
        streams = Streams(database, 15)
        sink = Moody(ground.sink(), random.Random(f"{SEED} {number}"), bad_days=15)
        async with relaying(database, sink):
            await streams.happen(150)
            await delivered(database)
        assert len(set(sink.seen)) > 1
        arrived = [item for item in ground.arrived() if item[0] in streams.expected]
        assert_whole(arrived, streams.expected)


async def test_canceled_between_send_and_acknowledge(database: Database, ground: Ground) -> None:
    """Relays that are torn away at random moments leave nothing behind that the next one does not make good."""
    rng = random.Random(f"{SEED} cancel")
    streams = Streams(database, 15)
    happening = asyncio.create_task(streams.happen(400))
    while not happening.done():
        async with relaying(database, ground.sink()):
            await asyncio.sleep(rng.uniform(0.0, 0.15))
    await happening
    async with relaying(database, ground.sink()):
        await delivered(database)
    assert_whole(ground.arrived(), streams.expected)


async def test_cut_connections_lose_nothing(database: Database, database_url: str, ground: Ground) -> None:
    """The server ends a relay's connections at random moments, in the middle of its statements: it goes on by itself."""
    rng = random.Random(f"{SEED} cut")
    streams = Streams(database, 15)
    others = await Database.open(database_url, connections_max=4)
    happening = asyncio.create_task(streams.happen(600, at_once=2))
    try:
        async with relaying(others, ground.sink(), lease_seconds=5.0):
            while not happening.done():
                await asyncio.sleep(rng.uniform(0.0, 0.2))
                async with database.connection() as connection:
                    await connection.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                        " and query ~ 'relays|relay_shards' and query !~ 'pg_terminate'"
                    )
            await happening
            await delivered(database)
    finally:
        await others.close()
    assert_whole(ground.arrived(), streams.expected)


async def test_two_relays_share_the_work(database: Database, ground: Ground) -> None:
    """Two relays come to 32 shards each, lose nothing, and one alone takes all 64 as soon as the other has left."""
    streams = Streams(database, 30)
    async with relaying(database, ground.sink()) as first:

        async def has(relay: Relay, shards: int) -> bool:
            return len(relay.shards) == shards

        await until(lambda: has(first, 64), "the only relay has all shards")
        async with relaying(database, ground.sink()) as second:
            happening = asyncio.create_task(streams.happen(300))
            await until(lambda: has(second, 32), "the second relay has its share")
            await until(lambda: has(first, 32), "the first relay let go of as many")
            await happening
            await delivered(database)
            assert set(first.shards) | set(second.shards) == set(range(64))
        await until(lambda: has(first, 64), "the other one's shards come back at once", 0.9)
        await streams.happen(50)
        await delivered(database)
    assert_whole(ground.arrived(), streams.expected)


class Gate:
    """A sink whose publishing waits until it is let through: the moment in which its relay is frozen."""

    def __init__(self, inner: EventBus) -> None:
        self._inner = inner
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    @property
    def name(self) -> str:
        return self._inner.name

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        answers = await self._inner.publish(events)
        self.reached.set()
        await self.open.wait()
        return answers


async def test_a_zombie_changes_nothing(database: Database, ground: Ground) -> None:
    """A relay that was given up while it published acknowledges nothing and moves nothing when it comes back."""
    streams = Streams(database, 10)
    await streams.happen(50)
    gate = Gate(ground.sink())
    zombie = Relay(database, [gate], lease_seconds=0.1)
    await zombie.beat_once()
    await zombie.move_once()
    publishing = asyncio.create_task(zombie._couriers[0].run_once())
    await gate.reached.wait()
    await asyncio.sleep(0.15)
    heir = Relay(database, [Moody(ground.sink(), random.Random(0), bad_days=0)])
    await heir.beat_once()
    assert len(heir.shards) == 64
    await streams.happen(20)
    gate.open.set()
    await publishing
    assert zombie._couriers[0].told().published == 0
    assert await count(database, "undelivered") == 50
    await zombie.move_once()
    assert await count(database, "outbox") == 20
    async with relaying(database, ground.sink(), lease_seconds=5.0):
        await heir.move_once()
        async with database.connection() as connection:
            await outbox.leave(connection, heir.epoch)
        await delivered(database)
    assert_whole(ground.arrived(), streams.expected)
    former = zombie.epoch
    await zombie.beat_once()
    assert zombie.epoch != former


class Dead:
    """A sink that is not there."""

    name = "dead"

    async def publish(self, _events: Sequence[Event]) -> Sequence[Exception | None]:
        raise ConnectionError("away for good")


async def test_a_dead_sink_holds_up_nothing_else(database: Database, ground: Ground) -> None:
    """The outbox empties and the other sink has everything; what the dead one is owed waits for it."""
    streams = Streams(database, 10)
    async with relaying(database, Dead(), ground.sink()):
        await streams.happen(200)
        await until(lambda: _nothing(database, f"sink = '{ground.kind}'"), "the living sink has everything")
        assert await count(database, "outbox") == 0
        assert await count(database, "undelivered", "sink = 'dead'") == 200

        async def reported() -> bool:
            published = f"sink = '{ground.kind}' and published = 200"
            failing = "sink = 'dead' and published = 0 and failures > 0 and error like '%away for good'"
            return await count(database, "sinks", published) + await count(database, "sinks", failing) == 2

        await until(reported, "both are told of")
    assert_whole(ground.arrived(), streams.expected)


async def _nothing(database: Database, where: str) -> bool:
    return await count(database, "outbox") + await count(database, "undelivered", where) == 0


class Choosy:
    """A sink that never takes one stream."""

    def __init__(self, inner: EventBus, refused: uuid.UUID) -> None:
        self._inner, self._refused = inner, refused

    @property
    def name(self) -> str:
        return self._inner.name

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        await self._inner.publish([event for event in events if event.stream_id != self._refused])
        return [ValueError("too large") if event.stream_id == self._refused else None for event in events]


async def test_a_refused_stream_holds_up_only_itself(database: Database, ground: Ground) -> None:
    """Other streams go on; the refused one waits whole, and goes out in order once it is taken."""
    streams = Streams(database, 10)
    refused = next(iter(streams.last))
    async with relaying(database, Choosy(ground.sink(), refused)):
        await streams.happen(200)
        await until(
            lambda: _nothing(database, f"stream_id <> '{refused}'"), "all other streams are delivered"
        )
    assert await count(database, "undelivered") == streams.last[refused] > 0
    async with relaying(database, ground.sink()):
        await delivered(database)
    assert_whole(ground.arrived(), streams.expected)


class Child:
    """A relay in a process of its own."""

    def __init__(self, url: str, ground: Ground, folder: Path) -> None:
        script = Path(__file__).with_name("relay_process.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), url, ground.kind, str(folder), "0.5"],
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


async def test_killed_and_frozen_processes_lose_nothing(
    database: Database, database_url: str, ground: Ground, tmp_path: Path
) -> None:
    """Of two relays one is killed or frozen past its lease, again and again, while events keep coming."""
    rng = random.Random(f"{SEED} processes")
    streams = Streams(database, 20)
    children = [Child(database_url, ground, tmp_path) for _ in range(2)]
    try:

        async def both() -> bool:
            return await count(database, "relays", "expires_at > now()") == 2

        for _ in range(20 if EVERYTHING else 3):
            await until(both, "both relays are there")
            happening = asyncio.create_task(streams.happen(300))
            await asyncio.sleep(rng.uniform(0.0, 0.3))
            victim = rng.randrange(2)
            if rng.random() < 0.5:
                children[victim].end()
                children[victim] = Child(database_url, ground, tmp_path)
            else:
                children[victim].send(signal.SIGSTOP)
                await asyncio.sleep(rng.uniform(0.3, 1.2))
                children[victim].send(signal.SIGCONT)
            await happening
        await delivered(database)
    finally:
        for child in children:
            child.end()
    assert_whole(ground.arrived(), streams.expected)
