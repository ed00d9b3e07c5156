"""The example of a consumer: each event once, each stream in order, over repetitions, reordering and crashes."""

import importlib.util
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from kafka_cluster import KafkaCluster
from made import streams

from maquette.adapters.bus_kafka import KafkaBus
from maquette.domain.events import Event, cloud_event
from maquette.services.ids import new_id

_PATH = Path(__file__).parent.parent.parent / "examples" / "consumer_kafka.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("consumer_kafka", _PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Kept:
    """An effect beside the inbox: what was handled, in order; it fails at random where it is told to."""

    def __init__(self, failing: random.Random | None = None) -> None:
        self._failing = failing

    def __call__(self, database: sqlite3.Connection, event: dict[str, Any]) -> None:
        database.execute("create table if not exists handled (source, sequence integer)")
        database.execute("insert into handled values (?, ?)", (event["source"], int(event["sequence"])))
        if self._failing is not None and self._failing.random() < 0.2:
            raise ConnectionError("the effect failed")


def handled(path: Path) -> dict[str, list[int]]:
    with sqlite3.connect(path) as database:
        found: dict[str, list[int]] = {}
        for source, sequence in database.execute("select source, sequence from handled order by rowid"):
            found.setdefault(source, []).append(sequence)
    database.close()
    return found


def expected(events: Sequence[Event]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for item in map(cloud_event, events):
        found.setdefault(item["source"], []).append(int(item["sequence"]))
    return found


def test_anything_in_any_order_is_handled_once_in_order(example: ModuleType, tmp_path: Path) -> None:
    """Shuffled, repeated, with effects that fail and are tried again: nothing is missing, nothing twice."""
    rng = random.Random(7)
    events = streams(5, 12)
    arriving = rng.choices(events, k=150) + events
    rng.shuffle(arriving)
    inbox = example.Inbox(str(tmp_path / "inbox.db"), Kept(rng))
    for event in arriving:
        while True:
            try:
                inbox.take(cloud_event(event))
            except ConnectionError:
                continue
            break
    inbox.close()
    assert handled(tmp_path / "inbox.db") == expected(events)


async def test_a_topic_with_repetitions_is_followed_over_a_restart(
    example: ModuleType, tmp_path: Path
) -> None:
    """A relay that sent parts again, a consumer whose offsets are lost: each event has one effect all the same."""
    cluster = KafkaCluster()
    cluster.make_topic("followed", 3)
    events = streams(6, 10)
    bus = KafkaBus({"bootstrap.servers": cluster.servers}, "followed")
    for start in (0, 0, 20, 10):
        assert set(await bus.publish(events[start : start + 40])) == {None}
    assert set(await bus.publish(events)) == {None}
    await bus.close()
    left = 60
    for stop in (17, 60):
        inbox = example.Inbox(str(tmp_path / "inbox.db"), Kept())
        following = example.follow(cluster.servers, "followed", inbox, group=str(new_id()))
        while left > 60 - stop:
            left -= next(following)
        following.close()
        inbox.close()
    cluster.close()
    assert handled(tmp_path / "inbox.db") == expected(events)
