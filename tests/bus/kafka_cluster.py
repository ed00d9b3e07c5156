"""librdkafka's mock cluster: brokers that speak Kafka's protocol over TCP, with what only its C interface offers.

Python's client can start one, but cannot make topics in it, fail its answers, or take its brokers away.
"""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

BROKERS = 3
PARTITIONS = 8
#: Kafka's number of the request that carries messages.
PRODUCE = 0


@cache
def _library() -> Any:
    """librdkafka, as the wheel of the client brings it."""
    beside = Path(confluent_kafka.__file__).parent.parent
    found = [
        *beside.glob("confluent_kafka.libs/librdkafka*"),
        *beside.glob("confluent_kafka/.dylibs/librdkafka*"),
    ]
    library = ctypes.CDLL(str(found[0]))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, *arguments in (
        ("conf_new", pointer),
        ("conf_set", number, pointer, text, text, text, ctypes.c_size_t),
        ("new", pointer, number, pointer, text, ctypes.c_size_t),
        ("destroy", None, pointer),
        ("mock_cluster_new", pointer, pointer, number),
        ("mock_cluster_destroy", None, pointer),
        ("mock_cluster_bootstraps", text, pointer),
        ("mock_topic_create", number, pointer, text, number, number),
        ("mock_push_request_errors_array", None, pointer, ctypes.c_int16, ctypes.c_size_t, pointer),
        ("mock_broker_set_down", number, pointer, ctypes.c_int32),
        ("mock_broker_set_up", number, pointer, ctypes.c_int32),
    ):
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class KafkaCluster:
    """Three brokers in this process; other processes can use them. ``close()`` takes them away."""

    def __init__(self) -> None:
        self._lib = _library()
        error = ctypes.create_string_buffer(256)
        conf = self._lib.rd_kafka_conf_new()
        # Its own client never connects; without an address it would say so on standard error.
        self._lib.rd_kafka_conf_set(conf, b"log_level", b"0", error, len(error))
        self._client = self._lib.rd_kafka_new(0, conf, error, len(error))
        assert self._client, error.value
        self._cluster = self._lib.rd_kafka_mock_cluster_new(self._client, BROKERS)
        self.servers: str = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def close(self) -> None:
        self._lib.rd_kafka_mock_cluster_destroy(self._cluster)
        self._lib.rd_kafka_destroy(self._client)

    def make_topic(self, name: str, partitions: int = PARTITIONS) -> None:
        assert self._lib.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, BROKERS) == 0

    def fail(self, request: int, errors: Sequence[int]) -> None:
        """Let the next requests of a kind be answered with these errors, one each; 0 is none."""
        array = (ctypes.c_int * len(errors))(*errors)
        self._lib.rd_kafka_mock_push_request_errors_array(self._cluster, request, len(errors), array)

    def down(self) -> None:
        """Let no broker answer any more, and end all connections."""
        for broker in range(1, BROKERS + 1):
            self._lib.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def up(self) -> None:
        for broker in range(1, BROKERS + 1):
            self._lib.rd_kafka_mock_broker_set_up(self._cluster, broker)


def messages(servers: str, topic: str) -> list[Message]:
    """Read a topic from its beginning to its present end, by partition and offset."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.partition.eof": True})
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        found: list[Message] = []
        ended: set[int | None] = set()
        while len(ended) < len(partitions):
            for message in consumer.consume(1000, timeout=0.1):
                error = message.error()
                if error is None:
                    found.append(message)
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ended.add(message.partition())
    finally:
        consumer.close()
    return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))
