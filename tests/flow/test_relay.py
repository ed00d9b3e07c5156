"""The relay under followers: events move from the outbox on while people read them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from house import House

from maquette.domain.errors import Unavailable
from maquette.domain.events import Event, EventType
from maquette.maintenance.partitions import Partitions
from maquette.maintenance.relay import Relay
from maquette.services.follow import follow
from maquette.services.ids import new_id
from maquette.store import events as event_rows
from maquette.store import outbox, steps


@pytest.fixture
async def relay(house: House) -> Relay:
    """A relay with all shards whose turns the test takes."""
    relay = Relay(house.deps.database, [])
    await relay.beat_once()
    return relay


async def test_a_follower_sees_no_gap_through_hundreds_of_moves(house: House, relay: Relay) -> None:
    """One event a transaction, each moved at once, readers between: 1..n for who is there and for who comes anew."""
    view = await house.submit("2D")
    job, total = view.job, 600
    seen: list[int] = []

    async def watch() -> None:
        async for item in follow(house.deps.database, house.deps.hub, job.project_id, job.id, 0):
            if isinstance(item, Event):
                seen.append(item.sequence)
                if item.sequence == total:
                    return

    async def look() -> None:
        while len(seen) < total:
            async with house.deps.database.connection() as connection:
                page = await event_rows.of_job(connection, job.id, 0, total)
            assert [event.sequence for event in page] == list(range(1, len(page) + 1))

    async def happen() -> None:
        for sequence in range(2, total + 1):
            event = Event(
                job.id, job.project_id, sequence, EventType.STEP_STARTED, datetime.now(UTC), "c", {}
            )
            async with house.deps.database.transaction() as connection:
                await steps.insert_events(connection, [event])
            house.deps.hub.committed([job])

    async def move() -> None:
        while len(seen) < total:
            await relay.move_once()
            await asyncio.sleep(0)

    await asyncio.wait_for(asyncio.gather(watch(), look(), happen(), move()), 60)
    assert seen == list(range(1, total + 1))


async def test_a_job_reads_the_same_before_and_after_its_events_move(house: House, relay: Relay) -> None:
    """Every field of every event is what it was, and its transaction's id, too."""
    view = await house.submit("2D")
    await house.work()
    async with house.deps.database.connection() as connection:
        before = await event_rows.of_job(connection, view.job.id, 0, 100)
        xids = await connection.fetch("select sequence, xid::text from outbox order by sequence")
        await relay.move_once()
        assert await connection.fetchval("select count(*) from outbox") == 0
        assert await connection.fetch("select sequence, xid::text from events order by sequence") == xids
        assert await event_rows.of_job(connection, view.job.id, 0, 100) == before
    assert len(before) >= 3


async def test_a_relay_that_stops_leaves_its_shards(house: House) -> None:
    """Canceled, it is gone from the list at once, and the next one has everything without waiting for a lease."""
    first = Relay(house.deps.database, [], lease_seconds=60)
    running = asyncio.create_task(first.run())
    async with asyncio.timeout(5):
        while len(first.shards) < 64:  # noqa: ASYNC110 - shards are a list, not an event
            await asyncio.sleep(0.01)
    second = Relay(house.deps.database, [], lease_seconds=60)
    await second.beat_once()
    assert second.shards == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await second.beat_once()
    assert len(second.shards) == 64


@pytest.mark.parametrize("count", [2, 3, 5, 70])
async def test_shares_are_even(house: House, count: int) -> None:
    """Whoever comes, after a few beats nobody has more than one shard above anybody else, and each shard has one owner."""
    relays = [Relay(house.deps.database, [], lease_seconds=60) for _ in range(count)]
    for _ in range(3):
        for relay in relays:
            await relay.beat_once()
    sizes = [len(relay.shards) for relay in relays]
    assert max(sizes) - min(sizes) <= 1
    assert sorted(shard for relay in relays for shard in relay.shards) == list(range(64))


async def test_a_hundred_beats_at_once_give_no_shard_twice(house: House) -> None:
    """Relays that start together race for free shards; what each believes to have is its own."""
    relays = [Relay(house.deps.database, [], lease_seconds=60) for _ in range(8)]
    for _ in range(6):
        await asyncio.gather(*(relay.beat_once() for relay in relays))
    await asyncio.gather(*(relay.beat_once() for relay in relays))
    owned = sorted(shard for relay in relays for shard in relay.shards)
    assert owned == list(range(64))


async def test_a_clock_that_went_back_strands_no_shard(house: House) -> None:
    """A dead relay's lease from before the jump is no reason to wait an hour; a living one comes back by itself."""
    dead, alive = Relay(house.deps.database, []), Relay(house.deps.database, [])
    await dead.beat_once()
    await alive.beat_once()
    async with house.deps.database.connection() as connection:
        await connection.execute("update relays set expires_at = expires_at + interval '1 hour'")
    for _ in range(3):
        await alive.beat_once()
    assert len(alive.shards) == 64


async def test_two_sinks_cannot_have_one_name(house: House) -> None:
    """Deliveries carry the name: two with the same would take each other's."""

    class Sink:
        name = "same"

        async def publish(self, events: object) -> list[Exception | None]:
            raise AssertionError(events)

    with pytest.raises(ValueError, match="same name"):
        Relay(house.deps.database, [Sink(), Sink()])


async def test_late_partitions_take_what_the_default_one_kept(house: House, relay: Relay) -> None:
    """Months without a partition of their own lose nothing; made later, it takes their rows, under readers' eyes."""
    job = (await house.submit("2D")).job
    async with house.deps.database.connection() as connection:
        names = [row[0] for row in await connection.fetch(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'events'::regclass order by 1"
        )]  # fmt: skip
        months = [name for name in names if name != "events_default"]
        assert len(months) == 3
        for name in months:
            await connection.execute(f"drop table {name}")
        far = Event(
            new_id(), job.project_id, 1, EventType.STEP_STARTED, datetime(2200, 1, 1, tzinfo=UTC), "c", {}
        )
        early = Event(
            new_id(),
            job.project_id,
            1,
            EventType.STEP_STARTED,
            datetime.now(UTC) - timedelta(days=400),
            "c",
            {},
        )
        await steps.insert_events(connection, [far, early])
        await relay.move_once()
        assert await connection.fetchval("select count(*) from events_default") == 3
        assert await Partitions(house.deps.database).run_once() == months
        assert await connection.fetchval("select count(*) from events_default") == 2
        assert [event.sequence for event in await event_rows.of_job(connection, job.id, 0, 10)] == [1]
        assert await event_rows.of_job(connection, far.stream_id, 0, 10) == [far]
    assert await Partitions(house.deps.database).run_once() == []


async def test_partitions_wait_for_no_backup(house: House) -> None:
    """While somebody reads everything, making a partition fails soon instead of making all readers queue behind it."""
    async with house.deps.database.transaction() as backup:
        [month] = await backup.fetchrow(
            "select max(inhrelid::regclass::text) from pg_inherits where inhparent = 'events'::regclass"
            " and inhrelid <> 'events_default'::regclass"
        )
        await backup.execute(f"drop table {month}")
    async with house.deps.database.transaction() as backup:
        await backup.execute("select from events_default limit 1")
        with pytest.raises(Unavailable, match="in the way"):
            await Partitions(house.deps.database).run_once()
    assert await Partitions(house.deps.database).run_once() == [month]


async def test_what_retention_removed_is_no_longer_owed(house: House) -> None:
    """A sink that was away longer than events are kept is not stuck at what nobody can tell it any more."""

    class Sink:
        name = "slow"
        told: list[int] = []  # noqa: RUF012 - one instance

        async def publish(self, events: list[Event]) -> list[None]:
            self.told += [event.sequence for event in events]
            return [None] * len(events)

    sink = Sink()
    relay = Relay(house.deps.database, [sink])
    await relay.beat_once()
    await house.submit("2D")
    await house.work()
    await relay.move_once()
    async with house.deps.database.connection() as connection:
        await connection.execute("delete from events where sequence = 1")
        await relay._couriers[0].run_once()
        assert await outbox.owed(connection, relay.epoch, "slow", held=[], per_shard=10) == []
    assert sink.told == [2, 3]
