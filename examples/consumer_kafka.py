"""Follow Maquette's events in Kafka: each event once, each stream in order, whatever was sent twice or came too early.

    pip install confluent-kafka
    python consumer_kafka.py kafka-1:9092 maquette.events inbox.db

Maquette promises each event at least once, in order within a `source` after dropping repetitions. What is needed for the rest is
how far each source has come, kept where the effects of events are kept and written in the same transaction: here SQLite.
The same `Inbox` serves behind EventBridge, which reorders: what comes before its turn waits in it.
"""

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import Consumer, Message

Handle = Callable[[sqlite3.Connection, dict[str, Any]], None]


class Inbox:
    """How far each source has come, and what waits for its turn."""

    def __init__(self, path: str, handle: Handle) -> None:
        self._handle = handle
        self._database = sqlite3.connect(path)
        self._database.execute("create table if not exists sources (source primary key, last integer)")
        self._database.execute(
            "create table if not exists early (source, sequence integer, event, primary key (source, sequence))"
        )

    def take(self, event: dict[str, Any]) -> int:
        """Take an event as it came; handle what is due, in one transaction; return how many events that was."""
        source, sequence = event["source"], int(event["sequence"])
        with self._database as database:  # commits, or takes everything back
            found = database.execute("select last from sources where source = ?", (source,)).fetchone()
            last: int = found[0] if found else 0
            if sequence <= last:
                return 0
            database.execute(
                "insert or ignore into early values (?, ?, ?)", (source, sequence, json.dumps(event))
            )
            done = 0
            for waiting in self._due(source, last):
                self._handle(database, waiting)
                done += 1
            database.execute("insert or replace into sources values (?, ?)", (source, last + done))
        return done

    def close(self) -> None:
        self._database.close()

    def _due(self, source: str, last: int) -> Iterator[dict[str, Any]]:
        while True:
            last += 1
            found = self._database.execute(
                "delete from early where source = ? and sequence = ? returning event", (source, last)
            ).fetchall()
            if not found:
                return
            yield json.loads(found[0][0])


def event_of(message: Message) -> dict[str, Any]:
    """Return a message in CloudEvents' binary mode as the structured form has it."""
    headers = {name: value for name, value in message.headers() or [] if isinstance(value, bytes)}
    attributes = {
        name.removeprefix("ce_"): value.decode() for name, value in headers.items() if name.startswith("ce_")
    }
    return {**attributes, "data": json.loads(message.value() or b"null")}


def follow(servers: str, topic: str, inbox: Inbox, *, group: str = "maquette-example") -> Iterator[int]:
    """Take message after message, and commit its offset afterwards: a crash in between repeats it. Yields what was due."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if error := message.error():
                print(error, file=sys.stderr)
                continue
            yield inbox.take(event_of(message))
            consumer.commit(message, asynchronous=True)
    finally:
        consumer.close()


def show(_database: sqlite3.Connection, event: dict[str, Any]) -> None:
    """Print an event; what you do with it belongs here, with its effects in the same database."""
    print(event["time"], event["type"], event["subject"], event["sequence"])


if __name__ == "__main__":
    for _ in follow(sys.argv[1], sys.argv[2], Inbox(sys.argv[3], show)):
        pass
