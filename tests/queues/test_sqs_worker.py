"""A real worker that hears of its tasks from SQS, over HTTP against a real server."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from told_by_sqs import Told

from maquette.api.app import build_app
from maquette.domain import typeid
from maquette.domain.job import JobStatus
from maquette.ports import Hint
from maquette.worker import Context, Output, Result, Succeeded, Worker, backoff
from maquette.worker.source_sqs import SqsSource

MAKES: dict[str, dict[str, Any]] = {
    "text_to_image": {"seed": 1, "prompt_used": "a rusty robot", "negative_prompt_used": ""},
    "refine": {"operations": []},
    "export": {"files": [], "texture_set": {}, "engine_notes": {}},
}


@pytest.fixture
async def address(told: Told) -> AsyncIterator[str]:
    app = build_app(told.house.deps, told.settings)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve([told.listening]))
    yield told.settings.public_url
    server.should_exit = True
    await running


async def make(context: Context) -> Result:
    path = context.workdir / "made.png"
    path.write_bytes(f"{context.job_id}{context.step}{context.revision}".encode())
    return Succeeded(
        artifacts=(Output(path, "image", "image/png"),),
        outputs=MAKES[context.step],
        model="test",
        model_version="1",
    )


@contextlib.asynccontextmanager
async def working(told: Told, address: str, handler: Any = make, **more: Any) -> AsyncIterator[Worker]:
    source = SqsSource(told.prefix + "studio", endpoint=told.url, region="eu-central-1", **more)
    worker = Worker(
        address,
        "a worker token for tests",
        "studio",
        dict.fromkeys(MAKES, handler),
        capacity=4,
        poll_seconds=1.0,
        source=source,
    )
    running = asyncio.create_task(worker.run(signals=False))
    telling = asyncio.create_task(told.announcer().run())
    try:
        yield worker
    finally:
        telling.cancel()
        worker.stop()
        async with asyncio.timeout(20):
            await asyncio.gather(telling, running, return_exceptions=True)


async def until(told: Told, views: list[Any], status: JobStatus) -> None:
    async with asyncio.timeout(60):
        for view in views:
            while (await told.house.view(view.job.id)).job.status is not status:  # noqa: ASYNC110 - it changes in the database
                await asyncio.sleep(0.1)


async def left(told: Told) -> int:
    found = await told.client.get_queue_attributes(QueueUrl=await told.address(), AttributeNames=["All"])
    return sum(
        int(found["Attributes"][name])
        for name in ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    )


async def test_jobs_run_from_end_to_end(told: Told, address: str) -> None:
    """Whole jobs are done by a worker that never asks for work, and no message is left of them."""
    views = [await told.house.submit("2D") for _ in range(5)]
    async with working(told, address):
        await until(told, views, JobStatus.SUCCEEDED)
    assert await left(told) == 0


async def test_a_long_handler_keeps_its_message_hidden(told: Told, address: str) -> None:
    """While a handler runs, nobody else is told of its task, however long that takes."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(context: Context) -> Result:
        begun.set()
        await go.wait()
        return await make(context)

    view = await told.house.submit("2D")
    async with working(told, address, slow, visibility_seconds=3):
        await begun.wait()
        heard = [await told.receive(1, WaitTimeSeconds=1) for _ in range(4)]
        assert heard == [[]] * 4, "its visibility was renewed"
        go.set()
        await until(told, [view], JobStatus.SUCCEEDED)


async def test_nonsense_in_the_queue_is_deleted(told: Told, address: str) -> None:
    """A message that is none of ours does not come back again and again."""
    view = await told.house.submit("2D")
    await told.announcer().run_once()
    bodies = [json.dumps({"task_id": task}) for task in (5, "task_nobody", "task_" + "\ud800" * 26)]
    for body in ("nonsense", *bodies):
        await told.client.send_message(QueueUrl=await told.address(), MessageBody=body)
    async with working(told, address), asyncio.timeout(30):
        await until(told, [view], JobStatus.SUCCEEDED)
        while await left(told):  # noqa: ASYNC110 - it changes in the queue
            await asyncio.sleep(0.1)


async def test_a_task_heard_of_twice_leaves_no_message(told: Told) -> None:
    """The next step's message may come before the last one's is dropped: both are deleted then."""
    task = typeid.encode("task", uuid.uuid4())
    source = SqsSource(told.prefix + "studio", endpoint=told.url, region="eu-central-1")
    async with source.running():
        for _ in range(2):
            await told.queue.announce("studio", [Hint(task, "studio", "refine", 0)])
            async with asyncio.timeout(10):
                while await source.receive(1, 1.0) != [task]:
                    pass
        source.drop([task])
    assert await left(told) == 0


async def test_a_queue_that_is_away_is_asked_less_and_less(
    told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure is waited out longer than the one before, and told of once."""
    caplog.set_level("INFO", "maquette.worker")
    failures: list[int] = []

    def noted(count: int, _retry_after: float | None = None) -> float:
        failures.append(count)
        return 0.0

    monkeypatch.setattr(backoff, "delay_seconds", noted)
    source = SqsSource(told.prefix + "studio", endpoint=told.url, region="eu-central-1")
    async with source.running():
        for _ in range(3):
            assert await source.receive(1, 1.0) == []
        await told.queue.announce("studio", [])  # makes it
        assert await source.receive(1, 0.0) == []
    assert failures == [1, 2, 3]
    assert [entry.levelname for entry in caplog.records if "SQS" in entry.message] == ["WARNING", "INFO"]


async def test_a_busy_worker_keeps_its_messages_hidden(told: Told) -> None:
    """Messages that are deleted all the time keep nobody from renewing the others."""
    task = typeid.encode("task", uuid.uuid4())
    source = SqsSource(told.prefix + "studio", endpoint=told.url, region="eu-central-1", visibility_seconds=2)
    await told.queue.announce("studio", [Hint(task, "studio", "refine", 0)])
    async with source.running():
        assert await source.receive(1, 1.0) == [task]
        for _ in range(15):
            source.drop(["another one"])
            await asyncio.sleep(0.2)
        assert await told.receive() == []


async def test_what_a_stopped_worker_heard_of_is_for_others_at_once(told: Told) -> None:
    """Its word of tasks that it did not come to is given back, not kept hidden for a minute."""
    task = typeid.encode("task", uuid.uuid4())
    source = SqsSource(told.prefix + "studio", endpoint=told.url, region="eu-central-1")
    await told.queue.announce("studio", [Hint(task, "studio", "refine", 0)])
    async with source.running():
        assert await source.receive(1, 1.0) == [task]
    assert len(await told.receive()) == 1
