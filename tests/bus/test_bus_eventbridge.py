"""EventBridge as a sink: what an entry looks like, how batches are filled, and what becomes of it on Amazon's bad days."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aws_server import CREDENTIALS, REGION, aws_server, make_bus, received
from made import event, streams
from msgspec.structs import replace
from played_eventbridge import PlayedEventBridge

from maquette.adapters.bus_eventbridge import EventBridgeBus, NotPublished
from maquette.domain.events import Event, cloud_event
from maquette.ports import EventBus, Unpublishable
from maquette.services.ids import new_id
from maquette.settings import Settings
from maquette.telemetry.trace import TraceContext
from maquette.wiring.sinks import open_eventbridge


@pytest.fixture(autouse=True)
def _signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def played() -> Iterator[PlayedEventBridge]:
    server = PlayedEventBridge()
    yield server
    server.close()


@pytest.fixture
async def bus(played: PlayedEventBridge) -> AsyncIterator[EventBus]:
    settings = Settings(
        eventbridge_bus="studio", eventbridge_region=REGION, eventbridge_endpoint_url=played.url
    )
    async with open_eventbridge(settings) as bus:
        yield bus


def seen(played: PlayedEventBridge) -> list[tuple[str, int]]:
    details = [json.loads(entry["Detail"]) for entry in played.arrived]
    return [(detail["source"], int(detail["sequence"])) for detail in details]


def expected(events: list[Event]) -> set[tuple[str, int]]:
    forms = [cloud_event(item) for item in events]
    return {(form["source"], int(form["sequence"])) for form in forms}


async def test_a_rule_delivers_the_cloud_event() -> None:
    """Through moto's EventBridge to a queue: source and type are there to be matched, the detail is the event."""
    with aws_server() as url:
        queue = make_bus(url, "studio")
        settings = Settings(eventbridge_bus="studio", eventbridge_region=REGION, eventbridge_endpoint_url=url)
        one = event(new_id(), 3)
        async with open_eventbridge(settings) as bus:
            assert await bus.publish([one]) == [None]
        (envelope,) = received(url, queue)
    assert envelope["detail"] == cloud_event(one)
    assert (envelope["source"], envelope["detail-type"]) == ("maquette", "StepStarted")
    assert envelope["time"] == "2026-03-01T12:00:00Z"


async def test_a_traced_event_names_its_trace_as_x_ray_does(played: PlayedEventBridge, bus: EventBus) -> None:
    """The trace header joins what rules start to the job's trace."""
    trace = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert await bus.publish([replace(event(new_id(), 1), trace=trace)]) == [None]
    header = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1"
    assert played.arrived[0]["TraceHeader"] == header


async def test_requests_are_full_and_carry_each_stream_once(played: PlayedEventBridge, bus: EventBus) -> None:
    """Forty streams of two events are eight requests; each stream arrives in order."""
    events = streams(40, 2)
    assert await bus.publish(events) == [None] * 80
    assert played.requests == 8
    order: dict[str, list[int]] = {}
    for source, sequence in seen(played):
        order.setdefault(source, []).append(sequence)
    assert len(order) == 40
    assert all(sequences == [1, 2] for sequences in order.values())


async def test_a_request_stays_below_its_bytes(played: PlayedEventBridge, bus: EventBus) -> None:
    """Events of 100 KB go two at a time, and multi-byte characters count as their bytes."""
    events = [event(new_id(), 1, {"job_status": "running", "notes": "é" * 50_000}) for _ in range(5)]
    assert await bus.publish(events) == [None] * 5
    assert played.requests == 3


async def test_an_event_over_the_limit_goes_in_its_reference_form(
    played: PlayedEventBridge, bus: EventBus
) -> None:
    """It takes its place in the stream without its contents."""
    stream = new_id()
    large = event(stream, 1, {"job_status": "running", "notes": "x" * 300_000})
    assert await bus.publish([large, event(stream, 2)]) == [None, None]
    detail = json.loads(played.arrived[0]["Detail"])
    assert detail["data"]["left_out_bytes"] > 300_000
    assert detail["dataref"].endswith("/events?last_event_id=0")
    assert [sequence for _, sequence in seen(played)] == [1, 2]


@pytest.mark.parametrize("code", ["InternalFailure", "ThrottlingException"])
async def test_what_follows_an_entry_that_failed_is_not_sent(
    played: PlayedEventBridge, bus: EventBus, code: str
) -> None:
    """Entry by entry: its neighbours are acknowledged, its stream waits whole and goes in order the next time."""
    events = streams(3, 3)
    played.errors.extend([None, code])
    answers = await bus.publish(events)
    by_stream = [answers[start : start + 3] for start in (0, 3, 6)]
    assert all(isinstance(answer, NotPublished) for answer in by_stream[1])
    assert code in str(by_stream[1][0])
    assert by_stream[0][0] is None
    assert by_stream[2][0] is None
    # Throttled, it is left in peace at once; else the others go on.
    assert len(played.arrived) == (2 if code == "ThrottlingException" else 6)
    left = [item for item, answer in zip(events, answers, strict=True) if answer is not None]
    assert await bus.publish(left) == [None] * len(left)
    assert sorted(seen(played)) == sorted(expected(events))


async def test_an_entry_that_is_wrong_in_itself_is_unpublishable(
    played: PlayedEventBridge, bus: EventBus
) -> None:
    """Nothing waits for it: what follows it in its stream is published."""
    events = streams(2, 2)
    played.errors.extend([None, "MalformedDetail"])
    answers = await bus.publish(events)
    assert [isinstance(answer, Unpublishable) for answer in answers] == [False, False, True, False]
    assert expected(events[:2] + events[3:]) == set(seen(played))


async def test_a_request_refused_for_one_entry_is_sent_one_by_one(
    played: PlayedEventBridge, bus: EventBus
) -> None:
    """The others arrive; the one that is refused even alone is unpublishable."""
    events = streams(4, 1)
    played.refusals.append("ValidationException")
    played.errors.extend([None, None, "InvalidArgument"])
    answers = await bus.publish(events)
    assert [type(answer) for answer in answers] == [type(None), type(None), Unpublishable, type(None)]
    assert len(played.arrived) == 3


async def test_a_bus_that_is_away_or_refuses_us_acknowledges_nothing(
    played: PlayedEventBridge, bus: EventBus
) -> None:
    """The error's code is told, and the rest of the page is not tried."""
    played.refusals.append("AccessDeniedException")
    answers = await bus.publish(streams(30, 2))
    assert sum("AccessDeniedException" in str(answer) for answer in answers) == 10
    assert sum(answer is None for answer in answers) == len(played.arrived) == 20
    assert played.requests == 3
    nowhere = Settings(
        eventbridge_bus="b", eventbridge_region=REGION, eventbridge_endpoint_url="http://127.0.0.1:1"
    )
    async with open_eventbridge(nowhere) as away:
        answers = await away.publish(streams(1, 2))
    assert all(isinstance(answer, NotPublished) for answer in answers)
    assert "127.0.0.1:1" in str(answers[0])


async def test_no_answer_in_time_is_no_acknowledgement() -> None:
    """What was answered before counts; what was under way does not."""
    taken = 0

    class Silent:
        async def put_events(self, *, Entries: Any) -> Any:  # noqa: N803 - Amazon's name
            nonlocal taken
            taken += 1
            if taken > 1:
                await asyncio.Event().wait()
            return {"Entries": [{} for _ in Entries]}

    answers = await EventBridgeBus(Silent(), "b", source="maquette", seconds_max=0.05).publish(streams(1, 2))
    assert answers[0] is None
    assert "0.05 s" in str(answers[1])
