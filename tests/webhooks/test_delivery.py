"""What a receiver gets, by the Standard Webhooks specification: on loopback, with time that passes when told."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from msgspec.structs import replace
from post import Post, verified

from maquette.domain import webhook
from maquette.domain.errors import Conflict
from maquette.domain.events import Event, EventType
from maquette.domain.typeid import encode as typeid
from maquette.maintenance.webhooks import WebhookLoop
from maquette.outbound import Policy
from maquette.services import webhooks
from maquette.services.ids import new_id
from maquette.store import deliveries
from maquette.store.deliveries import Lane

SCHEDULE = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)


async def test_a_message_is_what_the_specification_says(post: Post, receiver: Any) -> None:
    """POST, the three headers, a signature that an independent verifier accepts, CloudEvents as the body."""
    made = await post.endpoint(receiver.url())
    job = await post.happen()
    await post.deliver()
    [got] = receiver.got
    content = verified(got, made.secret)
    assert (got.method, got.path, got.headers["content-type"]) == (
        "POST",
        "/hook",
        "application/cloudevents+json",
    )
    assert (content["type"], content["sequence"], content["data"]["n"]) == (
        "StepCompleted",
        "0" * 19 + "1",
        1,
    )
    assert got.headers["webhook-id"] == content["id"]
    assert abs(int(got.headers["webhook-timestamp"]) - post.now.timestamp()) < 2
    [logged] = await post.log(made.webhook.id)
    assert (logged.status, logged.stream_id, [item.status_code for item in logged.attempts]) == (
        "succeeded",
        job,
        [200],
    )
    assert await post.deliver(86_400) == 0  # and never again


async def drop(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    """Say yes, and then say on."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 1000)
        await asyncio.sleep(0.01)


async def inside(_request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"location": "http://169.254.169.254/latest/meta-data/"})


def saying(status: int, **headers: str) -> Any:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(
            status=status, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    return answer


#: What the receiver does, whether that is a success, and what the log says of the try: (status, error's code).
ANSWERS: dict[str, tuple[Any, bool, tuple[int | None, str | None]]] = {
    "200": (200, True, (200, None)),
    "201": (201, True, (201, None)),
    "204": (204, True, (204, None)),
    "299": (299, True, (299, None)),
    "200 and an answer without end": (endless, True, (200, None)),
    "redirects inside": (inside, False, (302, None)),
    "301 to itself": (saying(301, location="/hook"), False, (301, None)),
    "308 elsewhere": (saying(308, location="https://example.com/"), False, (308, None)),
    "304": (304, False, (304, None)),
    "400": (400, False, (400, None)),
    "404": (404, False, (404, None)),
    "409": (409, False, (409, None)),
    "429": (429, False, (429, None)),
    "500": (500, False, (500, None)),
    "502": (502, False, (502, None)),
    "503": (503, False, (503, None)),
    "504": (504, False, (504, None)),
    "drops the connection": (drop, False, (None, "connection_failed")),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_means_what_the_specification_says(post: Post, receiver: Any, name: str) -> None:
    """2xx is success; all else is a failure that is tried again 5 s later: one request each, and none elsewhere."""
    receiver.answers = [ANSWERS[name][0], 200]
    made = await post.endpoint(receiver.url())
    await post.happen()
    await post.deliver()
    [logged] = await post.log(made.webhook.id)
    [tried] = logged.attempts
    error = tried.error and tried.error.split(":")[0]
    assert (logged.status == "succeeded", (tried.status_code, error)) == ANSWERS[name][1:]
    assert [item.path for item in receiver.got] == ["/hook"]
    await post.deliver(3)
    assert len(receiver.got) == 1
    await post.deliver(3)
    [logged] = await post.log(made.webhook.id)
    assert (logged.status, len(receiver.got)) == ("succeeded", 1 if ANSWERS[name][1] else 2)
    assert len({item.body for item in receiver.got}) == 1
    assert len({item.headers["webhook-id"] for item in receiver.got}) == 1
    for item in receiver.got:
        verified(item, made.secret)


async def test_a_receiver_that_delays_too_long_has_failed(
    post: Post, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No whole answer within the limit (here 0.1 s instead of 20) is a failure; the message comes again."""
    monkeypatch.setattr("maquette.maintenance.webhooks.REQUEST_SECONDS_MAX", 0.1)

    async def late(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    receiver.answers = [late, 200]
    made = await post.endpoint(receiver.url())
    await post.happen()
    await post.deliver()
    [logged] = await post.log(made.webhook.id)
    assert (logged.status, logged.attempts[0].error) == ("pending", "timed_out: No whole answer in time.")
    await post.deliver(6)
    assert [item.status for item in await post.log(made.webhook.id)] == ["succeeded"]


async def test_a_receiver_that_moved_inside_gets_nothing(post: Post, receiver: Any) -> None:
    """An address that is not allowed is tried on schedule and never connected to; the log says why."""
    made = await post.endpoint(receiver.url())
    await post.happen()
    post.outbound.policy = Policy()
    await post.deliver()
    [logged] = await post.log(made.webhook.id)
    assert (logged.status, logged.attempts[0].error) == (
        "pending",
        "address_refused: The URL must begin with https://.",
    )
    assert receiver.got == []


async def test_the_schedule_is_the_specifications(post: Post, receiver: Any) -> None:
    """Ten tries over 75 h 35 min, each wait within a tenth of the schedule's; then the endpoint is disabled."""
    receiver.answers = [500]
    made = await post.endpoint(receiver.url())
    await post.happen()
    await post.deliver()
    for wait in SCHEDULE:
        await post.deliver(0.89 * wait)
        before = len(receiver.got)
        await post.deliver(0.22 * wait)
        assert len(receiver.got) == before + 1, wait
    [logged] = await post.log(made.webhook.id)
    waits = [(item.next_at - item.at).total_seconds() for item in logged.attempts if item.next_at is not None]
    assert all(0.9 <= wait / planned <= 1.1 for wait, planned in zip(waits, SCHEDULE, strict=True))
    assert (
        len({round(wait / planned, 4) for wait, planned in zip(waits, SCHEDULE, strict=True)}) > 5
    )  # jitter
    assert (logged.status, len(logged.attempts), logged.attempts[-1].next_at) == ("failed", 10, None)
    assert [item.number for item in logged.attempts] == list(range(1, 11))
    assert len({item.headers["webhook-timestamp"] for item in receiver.got}) == 10  # each try its own
    disabled = await post.get(made.webhook.id)
    assert disabled.disabled_reason.startswith("every try has failed since ")
    await post.happen()
    assert await post.deliver(86_400) == 0


@pytest.mark.parametrize(("asked", "comes_after"), [("120", 120), ("7", 7), ("1", 5), ("9999999", 86_400)])
async def test_retry_after_is_honoured_within_bounds(
    post: Post, receiver: Any, asked: str, comes_after: float
) -> None:
    """Seconds put the next try off, up to a day, and never bring it before the schedule's."""
    receiver.answers = [saying(429, retry_after=asked), 200]
    await post.endpoint(receiver.url())
    await post.happen()
    await post.deliver()
    await post.deliver(0.88 * comes_after)
    assert len(receiver.got) == 1
    await post.deliver(0.25 * comes_after)
    assert len(receiver.got) == 2


async def test_retry_after_may_be_a_date_and_holds_for_the_whole_endpoint(post: Post, receiver: Any) -> None:
    """Who asks for silence gets it: other messages wait, too, and come when it is over."""
    date = format_datetime(post.now + timedelta(seconds=100), usegmt=True)
    receiver.answers = [saying(503, retry_after=date), 200]
    made = await post.endpoint(receiver.url())
    await post.happen()
    await post.deliver()
    await post.happen()
    await post.deliver(50)
    assert len(receiver.got) == 1
    assert (await post.get(made.webhook.id)).throttled_until is not None
    await post.deliver(60)
    assert len(receiver.got) == 3
    assert (await post.get(made.webhook.id)).throttled_until is None


@pytest.mark.parametrize("text", ["soon", "", "-5", "1e9", "Thu, 99 Foo 2026", "٣", None])
def test_nonsense_in_retry_after_is_no_wish(text: str | None) -> None:
    """What is no number of seconds and no date changes nothing."""
    assert webhook.retry_after(text, datetime.now(UTC)) is None


async def test_410_disables_at_once_and_tells_the_others(post: Post, receiver: Any) -> None:
    """Nothing more is sent there; what was pending is dropped; the event goes to the project's other endpoints."""
    receiver.answers = [410]
    gone = await post.endpoint(receiver.url("/gone"))
    other = await post.endpoint(receiver.url("/other"), "WebhookDisabled")
    await post.happen(3)
    await post.deliver()
    assert [item.path for item in receiver.got] == ["/gone"]
    found = await post.get(gone.webhook.id)
    assert found.disabled_reason == "the receiver answered 410 Gone"
    assert [item.status for item in await post.log(gone.webhook.id)] == ["failed", "dropped", "dropped"]
    [told] = await outbox(post)
    assert (told.type, told.stream_id, told.sequence) == ("WebhookDisabled", gone.webhook.id, 1)
    receiver.answers = [200]
    await post.publish(told)
    await post.deliver()
    content = verified(receiver.got[-1], other.secret)
    assert (receiver.got[-1].path, len(receiver.got)) == ("/other", 2)
    assert content["source"].endswith("/webhooks/" + content["subject"])
    assert content["data"]["reason"] == "the receiver answered 410 Gone"


async def outbox(post: Post) -> list[Event]:
    """What was recorded for the relay."""
    async with post.deps.database.connection() as connection:
        rows = await connection.fetch("select * from outbox order by time")
    return [
        Event(
            row["job_id"] if "job_id" in row.keys() else row["stream_id"],  # noqa: SIM118 - a record, no mapping
            row["project_id"],
            row["sequence"],
            EventType(row["type"]),
            row["time"],
            row["correlation_id"],
            json.loads(row["data"]),
        )
        for row in rows
    ]


async def test_enabling_sends_what_happens_from_then_on(post: Post, receiver: Any) -> None:
    """What was dropped stays dropped, until somebody redelivers it."""
    made = await post.endpoint(receiver.url())
    key = made.webhook.id
    await post.happen()
    assert (await webhooks.set_enabled(post.deps, post.user, key, enabled=False)).disabled_reason == (
        "disabled by hand"
    )
    await post.happen()  # nobody listens
    with pytest.raises(Conflict, match="enable it first"):
        await webhooks.test(post.deps, post.user, key)
    [dropped] = await post.log(key)
    with pytest.raises(Conflict, match="enable it first"):
        await webhooks.redeliver(post.deps, post.user, key, dropped.id)
    await webhooks.set_enabled(post.deps, post.user, key, enabled=True)
    await post.happen()
    await post.deliver()
    assert len(receiver.got) == 1
    await webhooks.redeliver(post.deps, post.user, key, dropped.id)
    await post.deliver(1)
    assert [item.status for item in await post.log(key)] == ["succeeded", "succeeded"]
    assert [item.sequence for item in await outbox(post)] == [1]


async def test_redelivery_by_hand_starts_a_schedule_of_its_own(post: Post, receiver: Any) -> None:
    """A message that failed for good is sent again, tries counted on, and holds nobody back."""
    receiver.answers = [500]
    made = await post.endpoint(receiver.url())
    stream = await post.happen()
    await post.deliver()
    await post.endpoint(receiver.url("/alive"))
    for wait in SCHEDULE[:-1]:
        await post.deliver(1.11 * wait)
    receiver.answers = [200]
    await post.happen()  # a success in between: the endpoint stays enabled
    await post.deliver()
    receiver.answers = [500]
    await post.deliver(1.11 * SCHEDULE[-1])
    key = made.webhook.id
    [old, _] = await post.log(key)
    assert (old.status, len(old.attempts), (await post.get(key)).disabled_at) == ("failed", 10, None)
    await webhooks.redeliver(post.deps, post.user, key, old.id)
    receiver.got.clear()
    await post.deliver(1)
    assert [item.path for item in receiver.got] == ["/hook"]
    receiver.answers = [200]
    await post.happen(stream=stream)
    await post.deliver()
    assert {json.loads(item.body)["data"]["n"] for item in receiver.got if item.path == "/hook"} == {1, 2}
    await post.deliver(6)
    [old, *_] = await post.log(key)
    assert (old.status, [item.number for item in old.attempts][-2:]) == ("succeeded", [11, 12])


async def test_a_lane_keeps_its_order_for_five_minutes_and_no_longer(post: Post, receiver: Any) -> None:
    """While the first is in trouble, later ones wait; after five minutes they overtake, all at once, in order."""
    stream = new_id()

    async def refuse_the_first(request: web.Request) -> web.Response:
        return web.Response(status=500 if (await request.json())["data"]["n"] == 1 else 200)

    receiver.answers = [refuse_the_first]
    await post.endpoint(receiver.url())
    await post.happen(3, stream)
    await post.deliver()
    await post.deliver(6)
    await post.deliver(200)
    assert numbers(receiver) == [1, 1]  # at once, after 5 s; the next is due after 5 min
    await post.happen(2, stream)
    await post.deliver(50)
    assert numbers(receiver) == [1, 1]
    await post.deliver(45)
    assert sorted(numbers(receiver)) in ([1, 1, 2, 3, 4, 5], [1, 1, 1, 2, 3, 4, 5])
    assert [n for n in numbers(receiver) if n > 1] == [2, 3, 4, 5]
    await post.happen(1, stream)
    await post.deliver()
    assert numbers(receiver)[-1] == 6  # the lane stays open while its first is in trouble
    receiver.answers = [200]
    await post.deliver(2000)
    assert numbers(receiver)[-1] == 1
    assert await post.deliver(86_400) == 0


def numbers(receiver: Any) -> list[int]:
    return [json.loads(item.body)["data"]["n"] for item in receiver.got]


async def test_lanes_do_not_wait_for_each_other(post: Post, receiver: Any) -> None:
    """A message in trouble holds back its own stream at its own endpoint, nothing else."""
    bad = new_id()

    async def refuse(request: web.Request) -> web.Response:
        content = await request.json()
        return web.Response(
            status=500 if (request.path, content["subject"]) == ("/a", typeid("job", bad)) else 200
        )

    receiver.answers = [refuse]
    await post.endpoint(receiver.url("/a"))
    await post.endpoint(receiver.url("/b"))
    await post.happen(2, bad)
    good = await post.happen(2)
    await post.deliver()
    got = [(item.path, json.loads(item.body)["subject"]) for item in receiver.got]
    assert got.count(("/a", typeid("job", good))) == 2
    assert got.count(("/b", typeid("job", bad))) == 2
    assert got.count(("/a", typeid("job", bad))) == 1


async def test_dead_endpoints_do_not_delay_others(
    post: Post, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With receivers that never answer, one gets 8 requests at once, then one at a time, and others get theirs."""
    monkeypatch.setattr("maquette.maintenance.webhooks.REQUEST_SECONDS_MAX", 0.3)
    open_now, most = 0, 0

    async def hang_or_answer(request: web.Request) -> web.Response:
        nonlocal open_now, most
        if request.path == "/dead":
            open_now += 1
            most = max(most, open_now)
            try:
                await asyncio.sleep(30)
            finally:
                open_now -= 1
        return web.Response()

    receiver.answers = [hang_or_answer]
    await post.endpoint(receiver.url("/dead"))
    await post.endpoint(receiver.url("/alive"))
    for _ in range(20):
        await post.happen()
    post.now += timedelta(seconds=1)
    await post.loop.run_once(post.now)
    paths = [item.path for item in receiver.got]
    assert (paths.count("/dead"), paths.count("/alive"), most) == (8, 8, 8)
    await post.loop.run_once(post.now)
    paths = [item.path for item in receiver.got]
    assert (paths.count("/dead"), paths.count("/alive")) == (9, 16)


async def test_a_killed_replica_loses_nothing(post: Post, receiver: Any) -> None:
    """What it had under way is sent again when its lease is over, by whoever is there; two share without doubles."""
    await post.endpoint(receiver.url())
    for _ in range(6):
        await post.happen()
    async with post.deps.database.transaction() as connection:
        taken = await deliveries.claim(
            connection,
            new_id(),
            at=post.now + timedelta(seconds=1),
            each=4,
            limit=4,
            limit_failing=4,
            lease_seconds=60,
        )
    assert len(taken) == 4
    other = WebhookLoop(post.deps.database, post.outbound, post.deps.webhook_key)
    now = post.now + timedelta(seconds=2)
    await asyncio.gather(post.loop.run_once(now), other.run_once(now))
    assert len(receiver.got) == 2
    await post.deliver(58)
    assert len(receiver.got) == 2
    await post.deliver(3)
    assert len({item.headers["webhook-id"] for item in receiver.got}) == len(receiver.got) == 6


async def test_the_answer_of_a_replica_thought_dead_still_counts(post: Post, receiver: Any) -> None:
    """Its lane was leased to another; what it delivered is delivered, and the other's lease stays the other's."""
    made = await post.endpoint(receiver.url())
    await post.happen(2)

    async def claim(seconds: float) -> Lane:
        at = post.now + timedelta(seconds=seconds)
        async with post.deps.database.transaction() as connection:
            [lane] = await deliveries.claim(
                connection, new_id(), at=at, each=4, limit=4, limit_failing=4, lease_seconds=60
            )
        return lane

    first, second = await claim(1), await claim(62)
    assert (first.message, first.lease == second.lease) == (second.message, False)
    await post.loop._serve(first, post.now + timedelta(seconds=63))
    assert [item.status for item in await post.log(made.webhook.id)] == ["succeeded", "pending"]
    assert await post.deliver(64) == 0  # still leased
    await post.loop._serve(second, post.now)
    await post.deliver()
    assert [(item.status, len(item.attempts)) for item in await post.log(made.webhook.id)] == [
        ("succeeded", 2),
        ("succeeded", 1),
    ]


async def test_the_sink_queues_once_whatever_is_published_again(post: Post, receiver: Any) -> None:
    """The relay may repeat a page; the receiver does not notice."""
    await post.endpoint(receiver.url())
    events = [post.event(new_id()), post.event(new_id())]
    await post.publish(*events)
    await post.publish(*events)
    await post.deliver()
    await post.publish(*events)
    await post.deliver(1)
    assert len(receiver.got) == 2


async def test_filters_projects_and_jobs_choose_what_is_sent(post: Post, receiver: Any) -> None:
    """An endpoint gets the types it asked for, of its project; a test goes to its own endpoint alone."""
    made = await post.endpoint(receiver.url("/some"), "JobFailed")
    await post.endpoint(receiver.url("/all"))
    stream = new_id()
    await post.publish(post.event(stream), post.event(stream, EventType.JOB_FAILED))
    foreign = replace(post.event(new_id()), project_id=new_id())
    await post.publish(foreign)
    await webhooks.test(post.deps, post.user, made.webhook.id)
    await post.publish(*await outbox(post))
    await post.deliver()
    got = sorted((item.path, json.loads(item.body)["type"]) for item in receiver.got)
    assert got == [
        ("/all", "JobFailed"),
        ("/all", "StepCompleted"),
        ("/some", "JobFailed"),
        ("/some", "WebhookTest"),
    ]


async def test_rotation_signs_with_both_until_the_overlap_ends(post: Post, receiver: Any) -> None:
    """During the overlap a consumer with either secret accepts; after it, only the new one signs."""
    made = await post.endpoint(receiver.url())
    key = made.webhook.id
    new = await webhooks.rotate(post.deps, post.user, key, 3600)
    assert new.secret != made.secret
    await post.happen()
    await post.deliver()
    verified(receiver.got[-1], made.secret, new.secret)
    newest = await webhooks.rotate(post.deps, post.user, key, 3600)  # as after a lost answer
    await post.happen()
    await post.deliver(1)
    verified(receiver.got[-1], made.secret, new.secret, newest.secret)
    assert len(receiver.got[-1].headers["webhook-signature"].split(" ")) == 3
    await post.happen()
    await post.deliver(3601)
    verified(receiver.got[-1], newest.secret)
    assert " " not in receiver.got[-1].headers["webhook-signature"]
    await webhooks.rotate(post.deps, post.user, key, 3600)
    with pytest.raises(Conflict, match="overlap of 0"):
        await webhooks.rotate(post.deps, post.user, key, 3600)
    last = await webhooks.rotate(post.deps, post.user, key, 0)
    await post.happen()
    await post.deliver(1)
    verified(receiver.got[-1], last.secret)
    assert " " not in receiver.got[-1].headers["webhook-signature"]


async def test_a_changed_url_gets_what_is_pending(post: Post, receiver: Any) -> None:
    """A receiver that moved misses nothing."""
    receiver.answers = [500, 200]
    made = await post.endpoint(receiver.url("/old"))
    await post.happen()
    await post.deliver()
    await webhooks.change(
        post.deps, post.user, made.webhook.id, url=receiver.url("/new"), name=None, events=None
    )
    await post.deliver(6)
    assert [item.path for item in receiver.got] == ["/old", "/new"]


async def test_deleting_an_endpoint_ends_it(post: Post, receiver: Any) -> None:
    """Nothing pending is sent, and the cleaning takes its log away."""
    made = await post.endpoint(receiver.url())
    await post.happen(2)
    await webhooks.delete(post.deps, post.user, made.webhook.id)
    assert await post.deliver(1) == 0
    assert await post.loop.clean_once() == 2
    assert receiver.got == []


async def test_what_is_queued_for_an_endpoint_that_was_just_disabled_is_dropped(
    post: Post, receiver: Any
) -> None:
    """The sink read it as live a moment before: the cleaning finds such leftovers."""
    made = await post.endpoint(receiver.url())
    await webhooks.set_enabled(post.deps, post.user, made.webhook.id, enabled=False)
    event = post.event(new_id())
    item = deliveries.NewDelivery(
        new_id(), post.project, made.webhook.id, event.stream_id, 1, new_id(), event.type, b"{}"
    )
    async with post.deps.database.transaction() as connection:
        await deliveries.enqueue(connection, [item])
    assert await post.deliver(1) == 0
    await post.loop.clean_once()
    assert [item.status for item in await post.log(made.webhook.id)] == ["dropped"]


async def test_the_log_is_kept_for_a_while(post: Post, receiver: Any) -> None:
    """Seven days after success, thirty after failure; what is pending is never taken away."""
    receiver.answers = [200, 500]
    made = await post.endpoint(receiver.url())
    await post.happen()
    await post.deliver()
    await post.happen()
    await post.deliver()
    day = timedelta(days=1)
    assert await post.loop.clean_once(post.now + 6.9 * day) == 0
    assert await post.loop.clean_once(post.now + 7.1 * day) == 1
    assert await post.loop.clean_once(post.now + 400 * day) == 0
    await webhooks.set_enabled(post.deps, post.user, made.webhook.id, enabled=False)
    assert await post.loop.clean_once(post.now + 29 * day) == 0
    assert await post.loop.clean_once(post.now + 31 * day) == 1
    async with post.deps.database.connection() as connection:
        assert await connection.fetchval("select count(*) from webhook_attempts") == 0


async def test_the_running_loop_delivers_by_itself_and_stops(post: Post, receiver: Any) -> None:
    """A nudge is enough, without waiting for the next look; being canceled ends everything."""
    answered = asyncio.Event()

    async def noting(_request: web.Request) -> web.Response:
        answered.set()
        return web.Response()

    receiver.answers = [noting]
    await post.endpoint(receiver.url())
    running = asyncio.create_task(post.loop.run())
    await post.happen(5)
    await asyncio.wait_for(answered.wait(), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert receiver.got


async def test_an_endpoint_with_a_backlog_does_not_come_first(post: Post, receiver: Any) -> None:
    """When little is free, it goes to whoever has the least under way, however old the others' backlog is."""
    busy = await post.endpoint(receiver.url("/busy"))
    for _ in range(20):
        await post.happen()
    new = await post.endpoint(receiver.url("/new"))
    await post.happen()

    async def claim_one() -> UUID:
        async with post.deps.database.transaction() as connection:
            [lane] = await deliveries.claim(
                connection,
                new_id(),
                at=post.now + timedelta(seconds=1),
                each=8,
                limit=1,
                limit_failing=0,
                lease_seconds=60,
            )
        return lane.webhook_id

    assert [await claim_one() for _ in range(3)] == [busy.webhook.id, new.webhook.id, busy.webhook.id]
