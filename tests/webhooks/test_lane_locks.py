"""Who drops what is pending for an endpoint takes its lanes in the order in which events are queued for them."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from post import Post

from maquette.store import deliveries

_LANE = "select from webhook_lanes where stream_id = $1 for update nowait"


async def _waiting_for_a_lock(connection: asyncpg.Connection) -> None:
    waiting = "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
    for _ in range(500):
        if await connection.fetchval(waiting):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


async def test_lanes_are_locked_in_the_order_of_their_streams(post: Post, receiver: Any) -> None:
    """Unordered, a delete took the lane that was due first, and a batch of events the one with the smaller id."""
    endpoint = await post.endpoint(receiver.url())
    first, second = UUID(int=1), UUID(int=2)
    await post.happen(stream=second)
    await post.happen(stream=first)
    stranger = await asyncpg.connect(post.deps.database.url)
    look = await asyncpg.connect(post.deps.database.url)
    try:
        await stranger.execute("begin")
        await stranger.fetch(_LANE, first)
        async with post.deps.database.transaction() as connection:
            dropping = asyncio.create_task(
                deliveries.drop_pending(connection, [endpoint.webhook.id], datetime.now(UTC))
            )
            await _waiting_for_a_lock(look)
            assert await stranger.fetch(_LANE, second)
            await stranger.execute("rollback")
            await asyncio.wait_for(dropping, 10)
        assert await look.fetchval("select count(*) from webhook_lanes") == 0
        assert await look.fetchval("select count(*) from webhook_deliveries where status = 'dropped'") == 2
    finally:
        await stranger.close()
        await look.close()
