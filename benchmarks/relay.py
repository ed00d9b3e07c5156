"""The relay: how fast events leave the outbox, how fast Kafka and webhooks take them, and how late they are at half load."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from confluent_kafka import Consumer, TopicPartition

from benchmarks import delivery
from benchmarks.beside import beside
from benchmarks.installation import Installation
from benchmarks.people import prepare_projects, submit
from benchmarks.report import Row, plain, reaching
from benchmarks.run import Run
from benchmarks.way import until
from maquette.adapters.bus_kafka import KafkaBus
from maquette.maintenance.relay import Relay
from maquette.store.database import Database

TITLE = "Relay: events from the outbox to Kafka and to webhooks"
TOPIC = "events"
_LEASE_SECONDS = 120.0
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Relayed:
    """One run from a full outbox to the last acknowledgement."""

    events: int
    """How many were published after the first page."""
    moved: float
    """Events a second out of the outbox, into ``events``, with what the sink is owed."""
    published: float
    """Events a second from ``undelivered`` to Kafka, acknowledged and removed."""
    cpu_seconds: float
    """Of the relay's process, librdkafka included, while publishing."""


def measured(run: Run) -> list[Row]:
    """Relay the events of finished jobs; the installation's own maintenance is left out."""
    folder = Path(run.folder, "relay")
    folder.mkdir()
    with Installation(folder, profile=run.profile, maintenance=False) as house:
        asyncio.run(_fill(house, run.sized(1500, 20)))
        relayed = asyncio.run(measure(house))
    micros = relayed.cpu_seconds / relayed.events * 1e6
    rows = [
        plain("outbox → events", "events/s", relayed.moved),
        reaching("undelivered → Kafka, acknowledged", "events/s", relayed.published, at_least=10_000),
        plain("CPU of its process while publishing", "µs/event", micros),
    ]
    return [*rows, *delivery.measured(run)]


async def measure(house: Installation) -> Relayed:
    """Relay all that the benchmark has left in the outbox to librdkafka's mock cluster, a process of its own."""
    database = await Database.open(house.settings.database_url)
    try:
        with beside("benchmarks.mock_kafka") as servers:
            bus = KafkaBus({"bootstrap.servers": servers, "compression.type": "lz4"}, TOPIC)
            relay = Relay(database, [bus], lease_seconds=_LEASE_SECONDS)
            await relay.beat_once()
            courier = relay._couriers[0]  # noqa: SLF001 - its turns without the pauses between them
            begun = time.perf_counter()
            while not await relay.move_once():
                pass
            moved = time.perf_counter() - begun
            await courier.run_once()  # connects, and asks the cluster for an identity
            first = courier.told().published
            begun, cpu = time.perf_counter(), time.process_time()
            courier.news.set()
            while courier.news.is_set():
                courier.news.clear()
                await courier.run_once()
            published, cpu = time.perf_counter() - begun, time.process_time() - cpu
            told = courier.told()
            await bus.close()
            arrived = await asyncio.to_thread(_whole, servers, first + told.published)
    finally:
        await database.close()
    return Relayed(told.published, arrived / moved, told.published / published, cpu)


async def _fill(house: Installation, jobs: int) -> None:
    """Do jobs to their end: seventeen events each."""
    projects = await prepare_projects(house)
    await submit(house, projects, jobs)
    connection = await asyncpg.connect(house.settings.database_url)
    try:
        with house.workers(processes=2, each=1, capacity=100):
            await until(connection, "select not exists (select from jobs where finished_at is null)")
    finally:
        await connection.close()


def _whole(servers: str, count: int) -> int:
    """Read everything back; each stream must be there from 1 to its end, in order. Return how many there were."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "benchmark"})
    try:
        partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
        consumer.assign([TopicPartition(TOPIC, number, 0) for number in partitions])
        last: dict[bytes, int] = {}
        seen = 0
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while seen < count and time.monotonic() < deadline:
            for message in consumer.consume(1000, timeout=0.5):
                key = message.key() or b""
                sequence = int(dict(message.headers() or [])["ce_sequence"])
                assert sequence == last.get(key, 0) + 1, f"{key!r}: {sequence} came after {last.get(key, 0)}"
                last[key] = sequence
                seen += 1
    finally:
        consumer.close()
    assert seen == count, f"{count} events were acknowledged, {seen} arrived"
    return seen
