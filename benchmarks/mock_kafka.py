"""librdkafka's mock cluster as a process of its own: ``python -m benchmarks.mock_kafka``."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer


@contextmanager
def mock_cluster() -> Iterator[str]:
    """Run three brokers during the block; give their addresses."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.mock_kafka"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def _serve() -> None:
    """Say where the brokers are, and end with standard input."""
    broker = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 3})
    found = broker.list_topics(timeout=10).brokers.values()
    print(",".join(f"{item.host}:{item.port}" for item in found), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve()
