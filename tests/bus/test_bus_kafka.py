"""Kafka as a sink: what a message looks like, and what becomes of it on a broker's bad days."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from confluent_kafka import KafkaError, Message
from kafka_cluster import PRODUCE, KafkaCluster, messages
from made import event, streams

from maquette.adapters.bus_kafka import KafkaBus, NotPublished
from maquette.domain.events import Event, cloud_event
from maquette.ports import Unpublishable
from maquette.services.ids import new_id


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    cluster = KafkaCluster()
    yield cluster
    cluster.close()


@pytest.fixture
def topic(cluster: KafkaCluster) -> str:
    """A topic of its own."""
    name = f"events-{new_id()}"
    cluster.make_topic(name)
    return name


@pytest.fixture
async def bus(cluster: KafkaCluster, topic: str) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus({"bootstrap.servers": cluster.servers}, topic, bytes_max=100_000, seconds_max=5.0)
    yield bus
    await bus.close()


def seen(message: Message) -> tuple[str, int]:
    headers = dict(message.headers() or [])
    return headers["ce_source"].decode(), int(headers["ce_sequence"])


def expected(events: list[Event]) -> set[tuple[str, int]]:
    forms = [cloud_event(item) for item in events]
    return {(form["source"], int(form["sequence"])) for form in forms}


async def test_a_message_is_a_cloud_event_in_binary_mode(
    cluster: KafkaCluster, topic: str, bus: KafkaBus
) -> None:
    """Attributes are headers, data is the value, the key is the stream, the timestamp the event's own time."""
    one = event(new_id(), 7)
    assert await bus.publish([one]) == [None]
    (message,) = messages(cluster.servers, topic)
    form = cloud_event(one)
    headers = {name: value.decode() for name, value in message.headers() or []}
    assert headers.pop("content-type") == form.pop("datacontenttype") == "application/json"
    assert json.loads(message.value() or b"") == form.pop("data")
    assert headers == {f"ce_{name}": value for name, value in form.items()}
    assert (message.key() or b"").decode() == form["partitionkey"]
    assert message.timestamp()[1] == int(one.time.timestamp() * 1000)


async def test_streams_keep_to_one_partition_in_order(
    cluster: KafkaCluster, topic: str, bus: KafkaBus
) -> None:
    """Each stream is whole and in order within one partition; several partitions are used."""
    events = streams(20, 10)
    assert await bus.publish(events) == [None] * 200
    found = messages(cluster.servers, topic)
    assert [seen(item)[1] for item in found if seen(item)[0] == seen(found[0])[0]] == list(range(1, 11))
    assert len({(item.key(), item.partition()) for item in found}) == 20
    assert len({item.partition() for item in found}) > 2


async def test_an_event_over_the_limit_goes_in_its_reference_form(
    cluster: KafkaCluster, topic: str, bus: KafkaBus
) -> None:
    """It takes its place in the stream without its contents, and says how much was left out and where it is."""
    stream = new_id()
    large = event(stream, 2, {"job_status": "running", "step_name": "refine", "notes": "x" * 120_000})
    assert await bus.publish([event(stream, 1), large, event(stream, 3)]) == [None] * 3
    found = messages(cluster.servers, topic)
    assert [seen(item)[1] for item in found] == [1, 2, 3]
    said = json.loads(found[1].value() or b"")
    assert said["left_out_bytes"] > 120_000
    assert said["step_name"] == "refine"
    assert "notes" not in said
    job = cloud_event(large)["partitionkey"]
    assert dict(found[1].headers() or [])["ce_dataref"].decode() == f"/jobs/{job}/events?last_event_id=1"


async def test_what_the_broker_never_takes_is_told_apart_from_its_neighbours(
    cluster: KafkaCluster, topic: str, bus: KafkaBus
) -> None:
    """A batch that is refused for one message is sent one by one: the others arrive, that one is unpublishable."""
    assert await bus.publish(streams(1, 1)) == [None]  # connected: the next requests carry messages
    before = set(map(seen, messages(cluster.servers, topic)))
    events = [event(new_id(), 1)]
    too_large = KafkaError.MSG_SIZE_TOO_LARGE
    cluster.fail(PRODUCE, [too_large, too_large, too_large])
    (answer,) = await bus.publish(events)
    assert isinstance(answer, Unpublishable)
    assert set(map(seen, messages(cluster.servers, topic))) == before
    cluster.fail(PRODUCE, [too_large])
    assert await bus.publish(events) == [None]
    assert set(map(seen, messages(cluster.servers, topic))) - before == expected(events)


async def test_nothing_of_a_stream_follows_what_was_refused(
    cluster: KafkaCluster, topic: str, bus: KafkaBus
) -> None:
    """When the broker refuses a batch, what librdkafka had sent after it is not acknowledged and leaves no gap."""
    for _ in range(3):
        events = streams(4, 300)
        cluster.fail(PRODUCE, [0, KafkaError.INVALID_REQUIRED_ACKS])
        pending = events
        while pending:
            answers = await bus.publish(pending)
            pending = [item for item, answer in zip(pending, answers, strict=True) if answer is not None]
        last: dict[str, int] = {}
        for source, sequence in map(seen, messages(cluster.servers, topic)):
            assert sequence <= last.get(source, 0) + 1
            last[source] = max(sequence, last.get(source, 0))
        assert expected(events) <= {(source, n) for source, end in last.items() for n in range(1, end + 1)}


async def test_brokers_away_are_answered_in_bounded_time_and_forgotten_when_they_are_back(
    cluster: KafkaCluster, topic: str
) -> None:
    """Nothing is acknowledged meanwhile, the reason is told, and a new producer goes on."""
    bus = KafkaBus({"bootstrap.servers": cluster.servers}, topic, seconds_max=0.5)
    events = streams(3, 3)
    cluster.down()
    try:
        began = time.monotonic()
        answers = await bus.publish(events)
        assert time.monotonic() - began < 3.0
        assert all(isinstance(answer, NotPublished) for answer in answers)
        # librdkafka's last word: of one broker by its address, or of all of them.
        assert re.search(r"127\.0\.0\.1|brokers are down", str(answers[0])), answers[0]
    finally:
        cluster.up()
    async with asyncio.timeout(20):
        while any(answer is not None for answer in await bus.publish(events)):
            pass
    await bus.close()
    assert set(map(seen, messages(cluster.servers, topic))) == expected(events)


async def test_a_canceled_publish_frees_the_thread(cluster: KafkaCluster, topic: str) -> None:
    """Who is canceled while brokers are silent does not make the next page wait for all of the time-out."""
    bus = KafkaBus({"bootstrap.servers": cluster.servers}, topic, seconds_max=60.0)
    cluster.down()
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await bus.publish(streams(1, 1))
    finally:
        cluster.up()
    events = streams(1, 2)
    async with asyncio.timeout(10):
        assert await bus.publish(events) == [None, None]
    await bus.close()
    assert expected(events) <= set(map(seen, messages(cluster.servers, topic)))


async def test_a_full_queue_is_waited_for(cluster: KafkaCluster, topic: str) -> None:
    """More messages than librdkafka's queue takes are handed over as it empties; all of them arrive in order."""
    bus = KafkaBus({"bootstrap.servers": cluster.servers}, topic)
    bus._configuration["queue.buffering.max.messages"] = 50
    bus._discard()
    events = streams(5, 100)
    assert await bus.publish(events) == [None] * 500
    await bus.close()
    by_stream = [seen(item) for item in messages(cluster.servers, topic)]
    assert set(by_stream) == expected(events)
    assert len(by_stream) == 500
