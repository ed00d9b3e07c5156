"""What operators see of sinks and do about them: parked events, replays, one that is switched off."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from live_api import Live, open_live
from made import PROJECT, event, streams

from maquette.domain import typeid
from maquette.domain.events import Event
from maquette.maintenance import replays
from maquette.maintenance.relay import Relay
from maquette.maintenance.replays import ReplayLoop
from maquette.ports import Unpublishable
from maquette.services.ids import new_id
from maquette.store import steps


class Sink:
    """Takes everything but what it is told to refuse for good."""

    def __init__(self, name: str = "kafka") -> None:
        self.name = name
        self.never: set[int] = set()
        self.taken: list[tuple[str, int]] = []

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        answers: list[Exception | None] = []
        for item in events:
            if item.sequence in self.never:
                answers.append(Unpublishable("too odd"))
            else:
                self.taken.append((str(item.stream_id), item.sequence))
                answers.append(None)
        return answers


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with open_live(database_url, tmp_path) as opened:
        yield opened


async def _happen(live: Live, events: Sequence[Event]) -> None:
    async with live.deps.database.transaction() as connection:
        await steps.insert_events(connection, events)


async def _relayed(live: Live, sink: Sink) -> Relay:
    relay = Relay(live.deps.database, [sink])
    await relay.beat_once()
    await _deliver(relay)
    await relay.beat_once()
    return relay


async def _deliver(relay: Relay) -> None:
    while await relay.move_once() == 0.0:
        pass
    courier = relay._couriers[0]
    courier.news.set()
    while courier.news.is_set():
        courier.news.clear()
        await courier.run_once()


async def test_parked_events_are_listed_released_and_published(live: Live) -> None:
    """With reason and place; once the sink takes them, releasing publishes all of them."""
    events = streams(2, 3)
    sink = Sink()
    sink.never = {2}
    await _happen(live, events)
    relay = await _relayed(live, sink)
    (shown,) = (await live.operator.get("/sinks")).json()["items"]
    assert shown["name"] == "kafka"
    assert (shown["served_by"], shown["published"], shown["pending"], shown["parked"]) == (1, 4, 0, 2)
    items = (await live.operator.get("/sinks/kafka/parked")).json()["items"]
    assert {(item["sequence"], item["reason"], item["type"]) for item in items} == {
        (2, "too odd", "StepStarted")
    }
    assert {item["source"].rpartition("/")[2] for item in items} == {
        typeid.encode("job", item.stream_id) for item in events
    }
    metrics = (await live.operator.get("/metrics")).text
    assert 'maquette_sink_parked_events{sink="kafka"} 2.0' in metrics
    sink.never = set()
    released = (await live.operator.post("/sinks/kafka/release")).json()
    assert (released["pending"], released["parked"]) == (2, 0)
    await _deliver(relay)
    assert sorted(sink.taken) == sorted((str(item.stream_id), item.sequence) for item in events)


async def test_a_replay_tells_a_range_again_in_order(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened from `since` on and before `until`, stretch by stretch, each stream in order, beside what is new."""
    monkeypatch.setattr(replays, "INTERVAL_SECONDS", 0.0)
    began = datetime.now(UTC) - timedelta(hours=3)
    stream = [new_id() for _ in range(4)]
    events = [
        Event(key, PROJECT, number, event(key, 1).type, began + timedelta(minutes=number), "c", {})
        for key in stream
        for number in range(1, 101)
    ]
    await _happen(live, events)
    sink = Sink()
    relay = await _relayed(live, sink)
    sink.taken.clear()
    window = {
        "since": (began + timedelta(minutes=11)).isoformat(),
        "until": (began + timedelta(minutes=51)).isoformat(),
        "per_second": 50,
    }
    counted = (await live.operator.post("/sinks/kafka/replays", json={**window, "dry_run": True})).json()
    assert (counted["matching"], counted["status"]) == ({"StepStarted": 160}, "dry_run")
    made = await live.operator.post("/sinks/kafka/replays", json=window)
    assert made.status_code == 202, made.text
    loop = ReplayLoop(live.deps.database)
    shown: dict[str, Any] = {}
    async with asyncio.timeout(20):
        while shown.get("status") != "finished":
            async with live.deps.database.connection() as connection:
                await connection.execute("update replays set next_at = now() - interval '1 s'")
            await loop.run_once()
            await _deliver(relay)
            shown = (await live.operator.get("/sinks/kafka/replays")).json()["items"][0]
    assert shown["told"] == 160
    told: dict[str, list[int]] = {}
    for key, sequence in sink.taken:
        told.setdefault(key, []).append(sequence)
    assert told == {str(key): list(range(11, 51)) for key in stream}


async def test_a_replay_waits_while_its_sink_is_behind(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is added to a sink that is owed much already, and a replay of one project brings no other's."""
    events = streams(3, 2)
    await _happen(live, events)
    sink = Sink()
    relay = await _relayed(live, sink)
    body = {"since": "2026-01-01T00:00:00Z", "project_id": live.project_id}
    assert (await live.operator.post("/sinks/kafka/replays", json=body)).status_code == 202
    monkeypatch.setattr(replays, "PENDING_MAX", 0)
    loop = ReplayLoop(live.deps.database)
    assert await loop.run_once()
    (shown,) = (await live.operator.get("/sinks/kafka/replays")).json()["items"]
    assert shown["reached"] == shown["since"]
    monkeypatch.setattr(replays, "PENDING_MAX", 10)
    async with live.deps.database.connection() as connection:
        await connection.execute("update replays set next_at = now(), stride_seconds = 1e8")
    assert await loop.run_once()
    (shown,) = (await live.operator.get("/sinks/kafka/replays")).json()["items"]
    assert (shown["status"], shown["told"]) == ("finished", 0)
    await _deliver(relay)
    assert len(sink.taken) == 6


async def test_a_canceled_replay_stops(live: Live) -> None:
    """It says who has stopped it, and does nothing more."""
    await _happen(live, streams(1, 1))
    await _relayed(live, Sink())
    made = (await live.operator.post("/sinks/kafka/replays", json={"since": "2026-01-01T00:00:00Z"})).json()
    stopped = (await live.operator.post(f"/sinks/kafka/replays/{made['id']}/cancel")).json()
    assert stopped["status"] == "canceled"
    assert not await ReplayLoop(live.deps.database).run_once()


@pytest.mark.parametrize(
    ("sink", "body", "status"),
    [
        ("nobody", {"since": "2026-01-01T00:00:00Z"}, 404),
        ("webhooks", {"since": "2026-01-01T00:00:00Z"}, 409),
        ("kafka", {"since": "2999-01-01T00:00:00Z"}, 422),
        ("kafka", {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, 422),
        ("kafka", {"since": "2026-01-01T00:00:00"}, 422),
        ("kafka", {"since": "2026-01-01T00:00:00Z", "project_id": "prj_01h45ytscbebyvny4gc8cr8ma2"}, 404),
    ],
)
async def test_a_replay_that_makes_no_sense_is_refused(
    live: Live, sink: str, body: dict[str, Any], status: int
) -> None:
    """Unknown sinks and projects, webhooks (they redeliver), ranges that hold nothing, times without a zone."""
    await _relayed(live, Sink())
    async with live.deps.database.transaction() as connection:
        await connection.execute("insert into sinks values ('webhooks', 0, 0) on conflict do nothing")
    assert (await live.operator.post(f"/sinks/{sink}/replays", json=body)).status_code == status


async def test_a_sink_that_is_switched_off_is_forgotten_with_what_it_is_owed(live: Live) -> None:
    """Not while a process serves it; afterwards nothing of it is left, and its replays have ended."""
    await _happen(live, streams(2, 2))
    relay = Relay(live.deps.database, [Sink("eventbridge")])
    await relay.beat_once()
    await relay.move_once()
    refused = await live.operator.delete("/sinks/eventbridge")
    assert refused.status_code == 409
    assert "1 maintenance processes" in refused.json()["detail"]
    async with live.deps.database.connection() as connection:
        await connection.execute("delete from relays")
    assert (await live.operator.delete("/sinks/eventbridge")).status_code == 204
    async with live.deps.database.connection() as connection:
        assert await connection.fetchval("select count(*) from undelivered") == 0
    assert (await live.operator.get("/sinks")).json()["items"] == []
    assert (await live.operator.delete("/sinks/eventbridge")).status_code == 404
    audit = (await live.operator.get("/audit", params={"act": "forget_sink"})).json()["items"]
    assert audit[0]["before"]["undelivered"] == 4
