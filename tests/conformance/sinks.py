"""Sinks as the conformance suite meets them: how to make one, what arrived in it, and moods that it may be in."""

import asyncio
import json
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol
from uuid import UUID

import asyncpg
from aiobotocore.session import AioSession
from aws_server import REGION, sign_in
from kafka_cluster import KafkaCluster, messages
from played_eventbridge import PlayedEventBridge

from maquette.adapters.bus_eventbridge import EventBridgeBus
from maquette.adapters.bus_kafka import KafkaBus
from maquette.adapters.bus_webhook import WebhookBus
from maquette.domain.events import Event, cloud_event
from maquette.ports import EventBus
from maquette.services.ids import new_id
from maquette.store.database import Database

#: The project that the suite's events are of.
PROJECT = UUID("01990000-0000-7000-8000-000000000001")
#: (source, sequence) of an event, as it came.
Arrival = tuple[str, int]


class Ground(Protocol):
    """One kind of sink with what stands behind it. Relays in other processes make a sink of their own by ``kind``."""

    kind: str
    patience_seconds: float
    """How long publishing a page may take where tests are in a hurry."""

    def open(self) -> None:
        """Make what stands behind it; called once, outside of any event loop."""
        ...

    def sink(self) -> EventBus:
        """Make an adapter; several may publish to the same ground."""
        ...

    def arrived(self) -> list[Arrival]:
        """Return everything that arrived, in order, repetitions too."""
        ...


@dataclass
class Recording:
    """Publishes into a file: durable once written, whoever is killed."""

    path: Path
    kind: str = "recording"
    patience_seconds: float = 0.1

    def open(self) -> None:
        pass

    @property
    def name(self) -> str:
        return self.kind

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        lines = b"".join(json.dumps(cloud_event(event)).encode() + b"\n" for event in events)
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            assert os.write(file, lines) == len(lines)
        finally:
            os.close(file)
        return [None] * len(events)

    def sink(self) -> EventBus:
        return self

    def arrived(self) -> list[Arrival]:
        if not self.path.exists():
            return []
        events = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [(event["source"], int(event["sequence"])) for event in events]


@dataclass
class Webhooks:
    """Records deliveries to an endpoint of the project, in the database that the events come from."""

    url: str
    kind: str = "webhooks"
    patience_seconds: float = 0.1

    @property
    def name(self) -> str:
        return self.kind

    def open(self) -> None:
        endpoint = """
            insert into webhooks (id, project_id, url, name, events, secret_version, secret_oldest, sequence,
                                  created_at, created_by)
            values ($1, $2, 'https://hooks.example/', '', '{}', 1, 1, 0, now(), 'usr_test')"""
        asyncio.run(self._fetch(endpoint, new_id(), PROJECT))

    def sink(self) -> EventBus:
        return self

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        database = await Database.open(self.url, connections_max=1)
        try:
            return await WebhookBus(database, new_id).publish(events)
        finally:
            await database.close()

    def arrived(self) -> list[Arrival]:
        recorded = "select body from webhook_deliveries order by created_at, sequence"
        with ThreadPoolExecutor(1) as pool:  # a test's loop is running in this thread
            rows = pool.submit(asyncio.run, self._fetch(recorded)).result()
        events = [json.loads(row["body"]) for row in rows]
        return [(event["source"], int(event["sequence"])) for event in events]

    async def _fetch(self, statement: str, *values: UUID) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.url)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()


@cache
def brokers() -> KafkaCluster:
    """The session's Kafka: topics of their own keep tests apart."""
    return KafkaCluster()


@cache
def aws_session() -> AioSession:
    """One for all clients: it keeps what it has read of the services' descriptions."""
    return AioSession()


@cache
def amazon() -> PlayedEventBridge:
    """The session's EventBridge: buses of their own keep tests apart."""
    return PlayedEventBridge()


@dataclass
class EventBridge:
    """A bus of its own in a played EventBridge; relays in other processes find it by what ``open`` wrote down."""

    folder: Path
    kind: str = "eventbridge"
    patience_seconds: float = 0.5

    @property
    def name(self) -> str:
        return self.kind

    def open(self) -> None:
        sign_in()
        (self.folder / "bus").write_text(f"{amazon().url} {new_id()}")

    def sink(self) -> EventBus:
        return self

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        url, bus = (self.folder / "bus").read_text().split()
        client = aws_session().create_client("events", region_name=REGION, endpoint_url=url)
        async with client as opened:
            return await EventBridgeBus(opened, bus, source="maquette").publish(events)

    def arrived(self) -> list[Arrival]:
        _url, bus = (self.folder / "bus").read_text().split()
        entries = [item for item in amazon().arrived if item["EventBusName"] == bus]
        events = [json.loads(entry["Detail"]) for entry in entries]
        return [(event["source"], int(event["sequence"])) for event in events]


@dataclass
class Kafka:
    """A topic of its own in the mock cluster; relays in other processes find it by what ``open`` wrote down."""

    folder: Path
    kind: str = "kafka"
    patience_seconds: float = 0.1

    def open(self) -> None:
        cluster, topic = brokers(), f"events-{new_id()}"
        cluster.make_topic(topic)
        (self.folder / "kafka").write_text(f"{cluster.servers} {topic}")

    def sink(self) -> EventBus:
        servers, topic = (self.folder / "kafka").read_text().split()
        return KafkaBus({"bootstrap.servers": servers}, topic)

    def arrived(self) -> list[Arrival]:
        found = []
        for message in messages(*(self.folder / "kafka").read_text().split()):
            headers = dict(message.headers() or [])
            found.append((headers["ce_source"].decode(), int(headers["ce_sequence"])))
        return found


#: Every kind of sink, made from a folder of its own and the events' database. A new adapter adds its line here.
GROUNDS: dict[str, Callable[[Path, str], Ground]] = {
    "eventbridge": lambda folder, _url: EventBridge(folder),
    "kafka": lambda folder, _url: Kafka(folder),
    "recording": lambda folder, _url: Recording(folder / "arrived"),
    "webhooks": lambda _folder, url: Webhooks(url),
}


class Moody:
    """A sink that does what sinks do on bad days, by seed, and hands on to the real one what gets through."""

    def __init__(self, inner: EventBus, rng: random.Random, *, bad_days: int) -> None:
        self._inner, self._rng, self._left = inner, rng, bad_days
        self.seen: list[str] = []

    @property
    def name(self) -> str:
        return self._inner.name

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        if not self._left:
            return await self._inner.publish(events)
        self._left -= 1
        mood = self._rng.choice(
            [self.refuses, self.fails, self.forgets, self.hangs, self.picks, self.miscounts]
        )
        self.seen.append(mood.__name__)
        return await mood(events)

    async def refuses(self, _events: Sequence[Event]) -> Sequence[Exception | None]:
        """Nothing gets through."""
        raise ConnectionError("away")

    async def fails(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """It says so of each event instead."""
        return [ConnectionError("away") for _ in events]

    async def forgets(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """A part arrives, and nothing of it is acknowledged."""
        await self._inner.publish(events[: self._rng.randrange(len(events) + 1)])
        raise TimeoutError("no acknowledgement")

    async def hangs(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """A part arrives, then there is silence."""
        await self._inner.publish(events[: self._rng.randrange(len(events) + 1)])
        await asyncio.Event().wait()
        raise AssertionError("nobody ends this silence but by cancelling")

    async def picks(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """Some events are refused, and with each what follows it in its stream."""
        refused: set[object] = set()
        for event in events:
            if event.stream_id in refused or self._rng.random() < 0.2:
                refused.add(event.stream_id)
        passed = [event for event in events if event.stream_id not in refused]
        await self._inner.publish(passed)
        return [ValueError("refused") if event.stream_id in refused else None for event in events]

    async def miscounts(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """It answers for fewer events than it was given."""
        return [None] * (len(events) - 1)


def assert_whole(arrived: Sequence[Arrival], expected: dict[str, int]) -> None:
    """Hold what arrived to the promise: each stream from 1 to its last, in order once repetitions are dropped."""
    last: dict[str, int] = {}
    for source, sequence in arrived:
        assert sequence <= last.get(source, 0) + 1, f"{source}: {sequence} came after {last.get(source, 0)}"
        last[source] = max(sequence, last.get(source, 0))
    assert last == expected
