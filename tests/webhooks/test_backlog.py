"""What operators see of deliveries that wait: how many, and for how long something that could go has not."""

from datetime import timedelta
from typing import Any

import pytest
from post import Post

from maquette.services import webhooks
from maquette.store import deliveries
from maquette.store.deliveries import Backlog


async def backlog(post: Post) -> Backlog:
    async with post.deps.database.connection() as connection:
        return await deliveries.backlog(connection)


async def test_nothing_waits_where_nothing_happened(post: Post, receiver: Any) -> None:
    """Without endpoints, and with one that has had everything, both figures are 0."""
    assert await backlog(post) == Backlog(0, 0.0)
    await post.endpoint(receiver.url())
    await post.happen(3)
    await post.deliver()
    assert await backlog(post) == Backlog(0, 0.0)


async def test_what_is_due_counts_from_the_moment_it_was(post: Post, receiver: Any) -> None:
    """All endpoints' deliveries are counted, retries that are not due yet, too; the age is that of the longest due."""
    for _ in range(3):
        await post.endpoint(receiver.url())
    await post.happen(2)
    for lanes, seconds in ((2, 40.0), (3, 90.0)):
        async with post.deps.database.transaction() as connection:
            await connection.execute(
                "update webhook_lanes set due_at = clock_timestamp() - make_interval(secs => $2) where webhook_id in "
                "(select webhook_id from webhook_lanes order by webhook_id limit $1)",
                lanes,
                seconds,
            )
        found = await backlog(post)
        assert (found.pending, found.due_seconds) == (6, pytest.approx(seconds, abs=5))
    receiver.answers = [500]
    await post.deliver()
    found = await backlog(post)
    assert (found.pending, found.due_seconds) == (6, 0.0), "the next tries are in the future"


async def test_an_endpoint_that_asked_for_time_is_not_late(post: Post, receiver: Any) -> None:
    """While Retry-After holds, what waits for that endpoint is pending and not overdue; once disabled it is neither."""
    made = await post.endpoint(receiver.url())
    await post.happen()
    async with post.deps.database.transaction() as connection:
        await connection.execute(
            "update webhook_lanes set due_at = clock_timestamp() - $1::interval", timedelta(minutes=1)
        )
        await connection.execute(
            "update webhooks set throttled_until = clock_timestamp() + $1::interval", timedelta(hours=1)
        )
    assert await backlog(post) == Backlog(1, 0.0)
    await webhooks.set_enabled(post.deps, post.user, made.webhook.id, enabled=False)
    assert await backlog(post) == Backlog(0, 0.0)
