"""W3C trace context: what is read, passed on and dropped; what sampling follows."""

from contextlib import suppress

import pytest
from fastapi import FastAPI, Request
from live_api import running

from maquette.adapters.moderator_http import HttpModerator
from maquette.domain.moderation import Subject, in_force
from maquette.outbound import Outbound, Policy
from maquette.ports import ModeratorAway
from maquette.telemetry.ids import binding
from maquette.telemetry.trace import TraceContext, from_kept, kept, parse, span_id
from maquette.telemetry.tracer import Tracer

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "given",
    [
        "", "00", GOOD.upper(), f"{GOOD}-more", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-1", f" {GOOD}", f"{GOOD}\n", f"00-{TRACE}-{SPAN}-zz",
    ],
)  # fmt: skip
def test_what_is_no_traceparent_is_as_if_it_were_not_there(given: str) -> None:
    """Of another form, version ff, all zero: the request begins a trace of its own."""
    assert parse(given) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    """More may follow the flags then; of these only the first bit counts."""
    assert parse(f"cc-{TRACE}-{SPAN}-ff-what.comes.later") == TraceContext(TRACE, SPAN, sampled=True)
    assert parse(f"00-{TRACE}-{SPAN}-fe") == TraceContext(TRACE, SPAN, sampled=False)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        (" a=1 ,\t, b=2", "a=1,b=2"),
        ("fw529a3039@dt=1", "fw529a3039@dt=1"),
        ("a=1,a=2", ""),
        ("no pair", ""),
        ("a=\x01", ""),
        ("a=1,B=2", ""),
        (",".join(f"k{n}=1" for n in range(33)), ""),
        ("a=" + "x" * 600, ""),
    ],
)
def test_tracestate_is_passed_on_whole_or_not_at_all(given: str, state: str) -> None:
    """Bounded in length and members; what is wrong with it takes nothing away from `traceparent`."""
    found = parse(GOOD, given)
    assert found == TraceContext(TRACE, SPAN, sampled=True, state=state)
    assert found.headers() == {"traceparent": GOOD} | ({"tracestate": state} if state else {})


@pytest.mark.parametrize("foreign", [False, True])
@pytest.mark.parametrize("state", ["", "rojo=1,congo=a b"])
def test_what_is_kept_comes_back(state: str, foreign: bool) -> None:
    """With whose span it is: below somebody else's nothing is recorded."""
    context = TraceContext(TRACE, SPAN, sampled=False, state=state, foreign=foreign)
    assert from_kept(kept(context)) == context
    assert (context.child("x") == context) is foreign
    assert from_kept(None) is None


def test_ids_follow_from_what_they_are_of() -> None:
    """Equal parts give equal ids, other parts others, none of them zero."""
    ids = {span_id("job", number) for number in range(1000)} | {span_id("job", 1)}
    assert len(ids) == 1000
    assert all(len(item) == 16 and int(item, 16) for item in ids)


def test_sampling_follows_the_caller_else_the_ratio() -> None:
    """A caller's decision is kept whatever the ratio; one trace id is decided alike everywhere; unsampled spans go nowhere."""
    told: list[object] = []
    none, half, every = (Tracer(told.extend, ratio) for ratio in (0.0, 0.5, 1.0))
    assert none.begin(parse(GOOD)).sampled
    assert not every.begin(parse(f"00-{TRACE}-{SPAN}-00")).sampled
    assert not none.begin(None).sampled
    assert every.begin(None).sampled
    decided = [half.begin(None, f"{number:016x}{number * 2**52:016x}").sampled for number in range(4096)]
    assert sum(decided) == 2048
    assert decided == [
        half.begin(None, f"{number:016x}{number * 2**52:016x}").sampled for number in range(4096)
    ]
    assert not Tracer().on


def test_a_broken_exporter_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody's request fails because a span could not be handed over; it is said in the log."""

    def broken(_spans: object) -> None:
        raise RuntimeError("the queue is gone")

    Tracer(broken).record()
    assert "could not be handed over" in caplog.text


async def test_who_is_asked_on_behalf_of_a_request_is_told_its_ids() -> None:
    """A moderator outside gets the correlation id and the trace of the request that it judges for; else neither."""
    asked: list[dict[str, str]] = []
    app = FastAPI()

    @app.post("/moderations", status_code=400)
    async def judge(request: Request) -> None:
        asked.append(dict(request.headers))

    async with running(app) as url, Outbound(Policy.parse("127.0.0.1")) as outbound:
        moderator = HttpModerator(outbound, f"{url}/moderations", api_key="", model="m", seconds_max=5)
        subject, policy = Subject("prompt", "a fox"), in_force(None, None)
        with binding(parse(GOOD), correlation_id="order-7"), suppress(ModeratorAway):
            await moderator.judge([subject], policy)
        with suppress(ModeratorAway):
            await moderator.judge([subject], policy)
    told = [(item.get("x-correlation-id"), item.get("traceparent")) for item in asked]
    assert told == [("order-7", GOOD), (None, None)]
