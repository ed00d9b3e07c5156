"""`GET /projects/{project_id}/events` over real HTTP: positions, replay, progress, refusals."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from maquette.domain import typeid
from maquette.maintenance.relay import Relay
from maquette.services.ids import new_id

Message = dict[str, str]


async def messages(response: httpx.Response) -> AsyncIterator[Message]:
    """Read server-sent events; one without data is only a position."""
    message: Message = {}
    async for line in response.aiter_lines():
        if line == "":
            if message.keys() - {"retry"}:
                yield message
            message = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            message[name] = value


@pytest.fixture
def follow(live: Any, serve: Callable[..., Any]) -> Any:
    """Open the project's stream with these parameters and headers."""

    @asynccontextmanager
    async def opened(
        headers: dict[str, str] | None = None, **params: str
    ) -> AsyncIterator[AsyncIterator[Message]]:
        own = {"authorization": f"Bearer {live.tokens['user']}", **(headers or {})}
        async with (
            serve(live.app) as base,
            httpx.AsyncClient(base_url=base, headers=own, timeout=10) as client,
            client.stream("GET", f"/projects/{live.project_id}/events", params=params) as response,
        ):
            assert response.status_code == 200, await response.aread()
            assert response.headers["content-type"].startswith("text/event-stream")
            yield messages(response)

    return opened


async def take(stream: AsyncIterator[Message], count: int) -> list[Message]:
    """Read so many events, without progress and bare positions."""
    found: list[Message] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            message = await anext(stream)
            if "data" in message and message["event"] != "progress":
                found.append(message)
    return found


async def test_two_jobs_in_one_stream(live: Any, follow: Any) -> None:
    """It begins now with a position, then tells each job's events in order, and progress with job and step."""
    await live.brief()
    async with follow() as stream:
        assert (await anext(stream)).keys() == {"id"}
        first, second = await live.brief(), await live.brief(prompt="a green fox")
        created = [json.loads(message["data"]) for message in await take(stream, 2)]
        assert [body["subject"] for body in created] == [first["id"], second["id"]]
        assert {body["source"] for body in created} == {
            f"/projects/{live.project_id}/jobs/{job['id']}" for job in (first, second)
        }
        [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
        assert [message["event"] for message in await take(stream, 1)] == ["StepStarted"]
        held = {"task_id": task["task_id"], "fence": task["fence"], "value": 0.5, "message": "sketching"}
        beat = {"worker_epoch": live.claim()["worker_epoch"], "worker": "test", "held": [held]}
        await live.worker.post("/worker/heartbeats", json=beat)
        async with asyncio.timeout(10):
            progress = await anext(stream)
        assert (progress["event"], "id" in progress) == ("progress", False)
        assert json.loads(progress["data"]) == {
            "job_id": task["job_id"],
            "step_name": "text_to_image",
            "value": 0.5,
            "message": "sketching",
        }


async def test_a_lost_connection_goes_on_where_it_was(live: Any, follow: Any) -> None:
    """From the beginning, from the last page's end, and from the middle of a page: nothing missing, then nothing new."""
    for _ in range(3):
        await live.brief()
    async with follow(since="beginning") as stream:
        everything = await take(stream, 3)
    bodies = [json.loads(message["data"]) for message in everything]
    assert len({body["source"] for body in bodies}) == 3
    assert len({message["id"] for message in everything[:-1]}) == 1
    relay = Relay(live.deps.database, [])
    await relay.beat_once()
    await relay.move_once()
    async with follow(last_event_id=everything[0]["id"]) as stream:
        again = await take(stream, 3)
    assert [message["data"] for message in again] == [message["data"] for message in everything]
    newer = await live.brief()
    for headers, params in (
        ({"last-event-id": everything[-1]["id"]}, {}),
        ({}, {"last_event_id": everything[-1]["id"]}),
        ({"last-event-id": everything[-1]["id"]}, {"since": "beginning"}),
    ):
        async with follow(headers, **params) as stream:
            [message] = await take(stream, 1)
        assert json.loads(message["data"])["subject"] == newer["id"]


async def test_what_is_no_position_is_refused(live: Any) -> None:
    """A garbled id and an unknown beginning are 422; a stranger's project, and one that is not there, 404; no key, 401."""
    path = f"/projects/{live.project_id}/events"
    for given in ("7", "x", "1:2", "3:2:", "5:9:9", "1:5:'", "1" * 5000, "0:0:", "1:5:3,3", "\u0661:2:"):
        answer = await live.user.get(path, params={"last_event_id": given})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), given
    assert (await live.user.get(path, params={"since": "yesterday"})).status_code == 422
    missing = typeid.encode("prj", new_id())
    assert (await live.user.get(f"/projects/{missing}/events")).status_code == 404
    assert (await live.operator.get(f"/projects/{missing}/events")).status_code == 404
    assert (await live.worker.get(path)).status_code == 403
    assert (await live.nobody.get(path)).status_code == 401


async def test_metrics_tell_what_waits_for_the_relay(live: Any) -> None:
    """How many events wait and for how long, and what each sink has had, whoever relays."""

    class Sink:
        name = "counting"

        async def publish(self, events: Any) -> list[None]:
            return [None] * len(events)

    await live.brief()
    relay = Relay(live.deps.database, [Sink()])
    await relay.beat_once()
    await relay.move_once()
    await relay._couriers[0].run_once()
    await relay.beat_once()
    await live.brief()
    text = (await live.nobody.get("/metrics")).text
    numbers = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(numbers["maquette_outbox_events"]) == 1
    assert 0 < float(numbers["maquette_outbox_oldest_seconds"]) < 60
    assert float(numbers['maquette_sink_published_events_total{sink="counting"}']) == 1
    assert float(numbers['maquette_sink_undelivered_events{sink="counting"}']) == 0
    assert float(numbers['maquette_sink_failures_total{sink="counting"}']) == 0
    assert float(numbers["maquette_webhook_pending_deliveries"]) == 0
    assert float(numbers["maquette_webhook_oldest_due_seconds"]) == 0
