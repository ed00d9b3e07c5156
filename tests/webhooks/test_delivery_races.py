"""Several replicas, a receiver with moods, events that keep coming: nothing lost, each stream in order."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from post import Post

from maquette.domain import webhook
from maquette.maintenance.webhooks import WebhookLoop
from maquette.services.ids import new_id


async def run(loop: WebhookLoop) -> None:
    with suppress(asyncio.CancelledError):
        await loop.run()


async def restart(post: Post, rng: random.Random) -> None:
    """Run a replica that is torn away and comes back, again and again."""
    while True:
        # Not `await running`: canceled there, it would hand that on to one who takes it for his own, and go on for ever.
        async with asyncio.TaskGroup() as group:
            running = group.create_task(run(replica(post)))
            await asyncio.sleep(rng.uniform(0.0, 0.1))
            running.cancel()


def replica(post: Post) -> WebhookLoop:
    return WebhookLoop(post.deps.database, post.outbound, post.deps.webhook_key)


async def finished(post: Post) -> None:
    """Wait until nothing is pending."""
    async with asyncio.timeout(30):
        while True:
            async with post.deps.database.connection() as connection:
                pending = await connection.fetchval(
                    "select count(*) from webhook_deliveries where status = 'pending'"
                )
            if not pending:
                return
            await asyncio.sleep(0.05)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("seed", [1, 2])
async def test_replicas_and_a_moody_receiver(
    post: Post, receiver: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three loops, one of them torn away and back again and again; refused messages come again within milliseconds."""
    monkeypatch.setattr(webhook, "SCHEDULE_SECONDS", (0.02,) * 200)
    monkeypatch.setattr("maquette.maintenance.webhooks.LEASE_SECONDS", 0.5)
    monkeypatch.setattr("maquette.maintenance.webhooks.IDLE_SECONDS", 0.02)
    monkeypatch.setattr("maquette.maintenance.webhooks.STOP_SECONDS_MAX", 0.0)
    rng = random.Random(seed)
    accepted: dict[tuple[str, str], list[int]] = {}

    async def moody(request: web.Request) -> web.Response:
        content = await request.json()
        mood = rng.random()
        if mood < 0.1:
            return web.Response(status=500)
        if mood < 0.15:
            await asyncio.sleep(0.05)
        accepted.setdefault((request.path, content["subject"]), []).append(content["data"]["n"])
        if mood > 0.95:  # taken, and the answer lost
            assert request.transport is not None
            request.transport.close()
        return web.Response()

    receiver.answers = [moody]
    endpoints = [await post.endpoint(receiver.url(path)) for path in ("/a", "/b")]
    streams = [new_id() for _ in range(12)]
    loops = [asyncio.create_task(run(loop)) for loop in (post.loop, replica(post))]
    loops.append(asyncio.create_task(restart(post, rng)))
    try:
        for _ in range(60):
            await post.happen(rng.randrange(1, 4), rng.choice(streams))
            await asyncio.sleep(rng.uniform(0.0, 0.01))
        await finished(post)
    finally:
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
    for lane, numbers in accepted.items():
        first = list(dict.fromkeys(numbers))
        assert first == list(range(1, len(first) + 1)), lane  # each new one is the next one
    assert sum(len(set(numbers)) for numbers in accepted.values()) == 2 * sum(post.sequences.values())
    async with post.deps.database.connection() as connection:
        assert await connection.fetchval("select count(*) from webhook_lanes") == 0
    for made in endpoints:
        assert {item.status for item in await post.log(made.webhook.id)} == {"succeeded"}
