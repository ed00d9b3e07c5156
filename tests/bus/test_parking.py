"""What a sink can never take is set aside, and nothing waits for it."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest
from made import event, streams

from maquette.domain.events import Event
from maquette.maintenance.relay import Relay
from maquette.ports import Unpublishable
from maquette.store import outbox, steps
from maquette.store.database import Database


class Picky:
    """Takes everything but one event, which it never will; nothing at all while it is closed."""

    name = "picky"

    def __init__(self, never: tuple[UUID, int]) -> None:
        self._never = never
        self.closed = False
        self.taken: list[tuple[UUID, int]] = []

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        answers: list[Exception | None] = []
        for item in events:
            key = (item.stream_id, item.sequence)
            if self.closed or key == self._never:
                answers.append(Unpublishable("it has a colour"))
            else:
                self.taken.append(key)
                answers.append(None)
        return answers


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


async def _relayed(database: Database, sink: Picky, rounds: int = 3) -> Relay:
    relay = Relay(database, [sink])
    await relay.beat_once()
    await relay.move_once()
    for _ in range(rounds):
        await relay._couriers[0].run_once()
    return relay


async def _count(database: Database, table: str) -> int:
    async with database.connection() as connection:
        found: int = await connection.fetchval(f"select count(*) from {table}")
        return found


async def test_a_poisonous_event_is_parked_and_its_stream_goes_on(database: Database) -> None:
    """It lies in `parked_events` with the reason; what follows it is published in the same turn."""
    events = streams(3, 3)
    sink = Picky((events[4].stream_id, 2))
    async with database.transaction() as connection:
        await steps.insert_events(connection, events)
    await _relayed(database, sink, rounds=1)
    assert len(sink.taken) == 8
    assert await _count(database, "undelivered") == 0
    async with database.connection() as connection:
        row = await connection.fetchrow("select * from parked_events")
    assert (row["sink"], row["stream_id"], row["sequence"]) == ("picky", events[4].stream_id, 2)
    assert row["reason"] == "it has a colour"


async def test_a_sink_that_takes_nothing_at_all_parks_nothing(database: Database) -> None:
    """Settings that are wrong make every event look poisonous: until one is taken, all of them wait."""
    stream = streams(1, 1)[0].stream_id
    sink = Picky((stream, 2))
    sink.closed = True
    async with database.transaction() as connection:
        await steps.insert_events(connection, [event(stream, number) for number in (1, 2)])
    relay = await _relayed(database, sink, rounds=1)
    assert await _count(database, "parked_events") == 0
    assert await _count(database, "undelivered") == 2
    sink.closed = False
    relay._couriers[0]._held.clear()
    await relay._couriers[0].run_once()
    assert sink.taken == [(stream, 1)]
    assert await _count(database, "parked_events") == 1
    assert await _count(database, "undelivered") == 0


async def test_a_relay_that_was_given_up_parks_nothing(database: Database) -> None:
    """Setting aside is fenced as acknowledging is."""
    events = streams(2, 1)
    sink = Picky((events[1].stream_id, 1))
    async with database.transaction() as connection:
        await steps.insert_events(connection, events)
    relay = await _relayed(database, sink, rounds=0)
    async with database.connection() as connection:
        await connection.execute("update relay_shards set epoch = null")
    owed = [item.stream_id for item in events]
    async with database.connection() as connection:
        item = outbox.Owed(steps.shard(owed[1]), owed[1], 1, None)
        await outbox.park(connection, relay.epoch, "picky", [(item, "no")])
    assert await _count(database, "parked_events") == 0
    assert await _count(database, "undelivered") == 2


async def test_events_are_owed_to_every_sink_that_some_relay_serves(database: Database) -> None:
    """A replica that does not have a sink yet moves events for it all the same."""
    old, new = Relay(database, []), Relay(database, [Picky((UUID(int=0), 0))])
    await old.beat_once()
    await new.beat_once()
    await old.beat_once()
    await new.beat_once()
    async with database.transaction() as connection:
        await steps.insert_events(connection, streams(20, 1))
    await old.move_once()
    assert 0 < await _count(database, "undelivered") == 20 - await _count(database, "outbox")
