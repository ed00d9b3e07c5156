"""librdkafka's mock cluster of three brokers as a process of its own: ``python -m benchmarks.mock_kafka``."""

import sys

from confluent_kafka import Producer


def _serve() -> None:
    """Say where the brokers are, and end with standard input."""
    broker = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 3})
    found = broker.list_topics(timeout=10).brokers.values()
    print(",".join(f"{item.host}:{item.port}" for item in found), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve()
