"""One trace of a whole job: the caller's request, every wait and attempt, the worker's own work, events, webhooks."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from live_api import Live, open_live, running
from opentelemetry.sdk.trace import ReadableSpan

from maquette.domain import typeid
from maquette.maintenance.relay import Relay
from maquette.maintenance.sweeper import Sweeper
from maquette.maintenance.webhooks import WebhookLoop
from maquette.outbound import Outbound, Policy
from maquette.settings import Settings
from maquette.store import events
from maquette.wiring.sinks import open_sinks
from maquette.worker import Context, Failed, Output, Result, Succeeded, Worker

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {
    "traceparent": f"00-{TRACE}-{CALLER}-01",
    "tracestate": "rojo=1,congo=t61",
    "x-correlation-id": "order-7",
}
MAKES: dict[str, dict[str, Any]] = {
    "text_to_image": {"seed": 1, "prompt_used": "p", "negative_prompt_used": ""},
    "refine": {"operations": []},
    "export": {"files": [], "engine_notes": {}},
}


class Handlers:
    """Async handlers that remember what they were told of the trace; the first refine fails."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, int], Context] = {}

    async def __call__(self, context: Context) -> Result:
        self.told[context.step, context.attempt] = context
        if context.step == "refine" and context.attempt == 1:
            return Failed("gpu_busy", "The GPU was busy.", "transient")
        file = context.workdir / f"{context.step}.png"
        file.write_bytes(f"{context.job_id} {context.step}".encode())
        output = Output(file, "image", "image/png", {"width": 1})
        return Succeeded((output,), MAKES[context.step], "test", "1")


class Receiver:
    """Somebody who is sent webhooks."""

    def __init__(self) -> None:
        self.headers: dict[str, dict[str, str]] = {}
        self.app = FastAPI()

        @self.app.post("/hook")
        async def hook(request: Request) -> None:
            event = await request.json()
            self.headers[event["type"]] = dict(request.headers) | {"event": event.get("traceparent", "")}


async def _until(live: Live, job: str, *statuses: str) -> dict[str, Any]:
    async with asyncio.timeout(15):
        while True:
            found = dict((await live.user.get(f"/jobs/{job}")).json())
            if found["status"] in statuses:
                return found
            await asyncio.sleep(0.02)


async def _work(live: Live, job: str, handlers: Handlers, spans: Any) -> None:
    """Let a real worker do the job over real HTTP, with a sweeper, and a person who approves every gate."""
    async with running(live.app) as url:
        live.deps.objects._signer._base_url = url
        worker = Worker(
            url, live.tokens["worker"], "studio", dict.fromkeys(MAKES, handlers), tracer=spans.tracer
        )
        doing = asyncio.create_task(worker.run(signals=False))
        sweeping = asyncio.create_task(Sweeper(live.deps.database, live.deps.transactor, 15.0).run())
        try:
            while (found := await _until(live, job, "awaiting_review", "succeeded", "failed"))[
                "status"
            ] == "awaiting_review":
                step = next(item for item in found["steps"] if item["name"] == found["current_step"])
                decision = {"step": step["name"], "revision": 0, "decision": "approved"}
                assert (await live.user.post(f"/jobs/{job}/review", json=decision)).status_code == 200
        finally:
            worker.stop()
            sweeping.cancel()
            await asyncio.gather(doing, sweeping, return_exceptions=True)


async def _break(live: Live) -> None:
    """Let refine be asked of a service first whose breaker is open."""
    routes = {"routes": {"refine": ["atelier", "studio"]}}
    assert (await live.user.put(f"/projects/{live.project_id}/routes", json=routes)).status_code == 200
    opened = await live.operator.patch("/services/atelier", json={"forced": "open", "reason": "moving house"})
    assert opened.status_code == 200, opened.text
    await live.deps.transactor.board.exchange(live.deps.database)


async def _publish(live: Live, spans: Any) -> None:
    """Relay every event and deliver every webhook."""
    async with Outbound(Policy.parse("127.0.0.1")) as outbound:
        loop = WebhookLoop(live.deps.database, outbound, live.deps.webhook_key, spans.tracer)
        async with open_sinks(Settings(), live.deps, loop.nudge) as sinks:
            relay = Relay(live.deps.database, sinks)
            await relay.beat_once()
            await relay.move_once()
            for courier in relay._couriers:
                await courier.run_once()
        while await loop.run_once():
            pass


@dataclass
class Story:
    """What became of one job, and what everybody was told of it."""

    spans: list[ReadableSpan]
    job_id: str
    told: dict[tuple[str, int], Context]
    webhooks: dict[str, dict[str, str]]
    answered: httpx.Headers
    stream: str
    again: list[ReadableSpan]
    """What is recorded when its events are published once more."""

    def named(self, *names: str) -> list[ReadableSpan]:
        """The spans whose names begin with one of these words, by when they began."""
        return [span for span in self.spans if span.name.split()[0] in names]


async def _tell(url: str, data_dir: Path, spans: Any) -> Story:
    """A 2D job from its brief to its asset, traced by its caller, with a retry on the way."""
    receiver, handlers = Receiver(), Handlers()
    async with (
        open_live(url, data_dir, tracer=spans.tracer, outbound_allow="127.0.0.1") as live,
        running(receiver.app) as address,
    ):
        await _break(live)
        body = {
            "project_id": live.project_id,
            "asset_type": "2D",
            "prompt": "a red fox",
            "webhook_url": f"{address}/hook",
        }
        made = await live.user.post("/jobs", json=body, headers=HEADERS)
        assert made.status_code == 201, made.text
        job = made.json()["id"]
        await _work(live, job, handlers, spans)
        await _until(live, job, "succeeded")
        await _publish(live, spans)
        stream = await live.user.get(f"/jobs/{job}/events", headers={"accept": "text/event-stream"})
        found = spans.take()
        async with live.deps.database.connection() as connection:
            told = await events.of_job(connection, typeid.decode("job", job), 0, 1000)
        async with open_sinks(Settings(), live.deps, lambda: None) as [sink]:
            assert await sink.publish(told) == [None] * len(told)
        return Story(found, job, handlers.told, receiver.headers, made.headers, stream.text, spans.take())


@pytest.fixture(scope="module")
def story(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory, spans: Any) -> Story:
    return asyncio.run(_tell(shared_database_url, tmp_path_factory.mktemp("story"), spans))


def _parent(span: ReadableSpan) -> str:
    return "" if span.parent is None else f"{span.parent.span_id:016x}"


def _id(span: ReadableSpan) -> str:
    return f"{span.context.span_id:016x}"


def _ids(spans: Iterable[ReadableSpan]) -> set[str]:
    return {_id(span) for span in spans}


def _place(span: ReadableSpan) -> tuple[str, int]:
    return str(span.attributes["maquette.step"]), int(span.attributes["maquette.attempt"])


def test_a_whole_job_is_one_trace(story: Story) -> None:
    """Everything hangs below the caller's span, nothing is told twice, and nobody's parent is missing."""
    found = [span for span in story.spans if f"{span.context.trace_id:032x}" == TRACE]
    assert len(_ids(found)) == len(found)
    assert all(_parent(span) in {CALLER, *_ids(found)} for span in found)
    [request] = [span for span in found if span.name == "POST /jobs"]
    [job] = story.named("job")
    assert (_parent(request), _parent(job)) == (CALLER, _id(request))
    assert (job.name, job.attributes["maquette.job_status"]) == ("job 2D", "succeeded")
    assert job.attributes["maquette.job_id"] == story.job_id
    told = {span.attributes.get("maquette.correlation_id") for span in found}
    assert told - {None} == {"order-7"}
    states = {span.context.trace_state.to_header() for span in found if span.name != "record outcome"}
    assert states == {"rojo=1,congo=t61"}


def test_attempts_waits_and_retries_are_spans_of_the_job(story: Story) -> None:
    """An attempt has its number, service, worker, fence and error; before each is its wait, a retry has its pause."""
    [job], attempts = story.named("job"), story.named("attempt")
    assert [(*_place(span), span.status.is_ok) for span in attempts] == [
        ("text_to_image", 1, True),
        ("refine", 1, False),
        ("refine", 2, True),
        ("export", 1, True),
    ]
    failed = attempts[1]
    assert failed.attributes["error.type"] == "transient"
    assert failed.attributes["maquette.error_code"] == "gpu_busy"
    assert failed.status.description == "The GPU was busy."
    assert len({span.attributes["maquette.fence"] for span in attempts}) == len(attempts)
    assert {span.attributes["maquette.service"] for span in attempts} == {"studio"}
    asked = [span.attributes.get("maquette.requested_service") for span in attempts]
    assert asked == [None, "atelier", "atelier", None]
    assert {span.attributes["maquette.fallback_reason"] for span in attempts[1:3]} == {"forced_open"}
    assert len({span.attributes["maquette.worker"] for span in attempts}) == 1
    queues, [backoff], gates = story.named("queue"), story.named("backoff"), story.named("gate")
    assert [span.end_time for span in queues] == [span.start_time for span in attempts]
    assert (backoff.start_time, backoff.end_time) == (failed.end_time, queues[2].start_time)
    assert gates
    assert {span.attributes["maquette.decision"] for span in gates} == {"approved"}
    assert {_parent(span) for span in (*attempts, *queues, backoff, *gates)} == {_id(job)}


def test_the_workers_work_hangs_below_its_attempt(story: Story) -> None:
    """Its stages below it, what the handler was told below the stage that ran it, the server's answer below that."""
    attempts = {_place(span): _id(span) for span in story.named("attempt")}
    works = {_place(span): span for span in story.named("work")}
    assert {place: _parent(span) for place, span in works.items()} == attempts
    handles = {_place(span): span for span in story.named("handle")}
    assert {place: _parent(span) for place, span in handles.items()} == {
        place: _id(span) for place, span in works.items()
    }
    for place, context in story.told.items():
        assert context.traceparent == f"00-{TRACE}-{_id(handles[place])}-01"
        assert (context.tracestate, context.correlation_id) == ("rojo=1,congo=t61", "order-7")
    recorded = story.named("record")
    assert {_parent(span) for span in recorded} == _ids(works.values())
    assert {span.attributes["maquette.verdict"] for span in recorded} == {"applied"}
    assert works["refine", 1].attributes["error.type"] == "gpu_busy"


def test_events_and_webhooks_carry_the_trace(story: Story) -> None:
    """An event names the job's span, a webhook's header its own delivery's; the correlation id goes along."""
    [job] = story.named("job")
    inside = f"00-{TRACE}-{_id(job)}-01"
    assert {headers["event"] for headers in story.webhooks.values()} == {inside}
    sent = {kind: headers["traceparent"] for kind, headers in story.webhooks.items()}
    deliveries = {str(span.attributes["maquette.event_type"]): span for span in story.named("deliver")}
    assert sent == {kind: f"00-{TRACE}-{_id(span)}-01" for kind, span in deliveries.items()}
    assert {headers["x-correlation-id"] for headers in story.webhooks.values()} == {"order-7"}
    assert {headers["tracestate"] for headers in story.webhooks.values()} == {"rojo=1,congo=t61"}
    assert {_parent(span) for span in deliveries.values()} == {_id(job)}
    published = [span.name.split()[1] for span in story.named("publish")]
    assert set(published) == set(story.webhooks)
    assert story.answered["x-correlation-id"] == "order-7"
    assert story.stream.count(f'"traceparent":"{inside}"') == len(published)


def test_telling_twice_tells_the_same(story: Story) -> None:
    """Whoever makes a job's spans again gives them the ids and times that they had."""

    def told(spans: Iterable[ReadableSpan]) -> set[tuple[object, ...]]:
        return {(span.name, _id(span), _parent(span), span.start_time, span.end_time) for span in spans}

    own = ("job", "attempt", "queue", "gate", "backoff")
    assert told(story.again) >= told(story.named(*own))
    assert {span.name.split()[0] for span in story.again} == {*own, "publish"}


def test_every_span_is_in_the_docs(story: Story) -> None:
    """docs/observability.md has a row for each span of the story, and names each of its attributes."""
    page = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()
    rows = {name.split()[0] for name in re.findall(r"`([a-z]+) (?:\{|webhook|outcome)", page)}
    for span in story.spans:
        if span.name.split()[0].islower():
            assert span.name.split()[0] in rows, span.name
        assert [name for name in span.attributes if f"`{name}`" not in page] == [], span.name
