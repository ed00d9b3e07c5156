"""The ``webhook_url`` of a job, from the brief to the receiver, through the transactor, the relay and the loop."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from post import Post, verified

from maquette.domain.errors import Conflict, Invalid
from maquette.domain.typeid import encode as typeid
from maquette.maintenance.relay import Relay
from maquette.services import jobs, webhooks


async def submit(post: Post, **more: Any) -> jobs.JobView:
    wish = {"project_id": typeid("prj", post.project), "asset_type": "2D", "prompt": "a fox", **more}
    return (await jobs.submit(post.deps, post.user, wish)).view


async def test_a_jobs_events_go_where_its_brief_says(post: Post, receiver: Any) -> None:
    """All of its events in order and nobody else's, signed with the project's secret; then it is forgotten."""
    secret = await webhooks.rotate_project(post.deps, post.user, post.project, 3600)
    view = await submit(post, webhook_url=receiver.url("/job?of=mine"))
    await submit(post)
    await jobs.cancel(post.deps, post.user, view.job.id)
    relay = asyncio.create_task(Relay(post.deps.database, [post.sink]).run())
    try:
        async with asyncio.timeout(20):
            while len(receiver.got) < 2:
                await asyncio.sleep(0.02)
                await post.deliver()
    finally:
        relay.cancel()
        with suppress(asyncio.CancelledError):
            await relay
    told = [(item.path, json.loads(item.body)["type"]) for item in receiver.got]
    assert told == [("/job?of=mine", "JobCreated"), ("/job?of=mine", "JobCanceled")]
    for item in receiver.got:
        assert verified(item, secret.secret)["subject"] == typeid("job", view.job.id)
    [own] = await webhooks.list_webhooks(
        post.deps, post.user, project=None, job=view.job.id, before=None, limit=9
    )
    assert own.job_id == view.job.id
    assert (
        await webhooks.list_webhooks(post.deps, post.user, project=None, job=None, before=None, limit=9) == []
    )
    with pytest.raises(Conflict, match="project's secret"):
        await webhooks.rotate(post.deps, post.user, own.id, 0)
    with pytest.raises(Conflict, match="all events"):
        await webhooks.change(post.deps, post.user, own.id, url=None, name=None, events=["JobFailed"])
    later = post.now.replace(year=post.now.year + 1)
    await post.loop.clean_once(later)
    await post.loop.clean_once(later)
    assert (
        await webhooks.list_webhooks(
            post.deps, post.user, project=None, job=view.job.id, before=None, limit=9
        )
        == []
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "https://user:secret@example.com/",
        "https://10.0.0.1/",
        "ftp://example.com/",
        "x",
    ],
)
async def test_a_bad_webhook_url_is_refused_without_being_repeated(post: Post, url: str) -> None:
    """The field is named; a password that stood in the URL is not."""
    with pytest.raises(Invalid) as refused:
        await submit(post, webhook_url=url)
    assert refused.value.details[0].loc == ("webhook_url",)
    assert "secret" not in refused.value.message
