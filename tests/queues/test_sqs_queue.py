"""Tasks told of by SQS: what is sent ahead, what arrives twice or too late, and what nobody could take."""

import asyncio
import json
from typing import Any

import pytest
from house import furnish
from told_by_sqs import Told

from maquette.adapters.queue_sqs import SqsQueue, read
from maquette.domain.errors import Unavailable
from maquette.domain.job import JobStatus
from maquette.domain.typeid import decode
from maquette.ports import Hint
from maquette.services import jobs


async def test_hints_are_sent_in_the_lines_order_and_only_so_many_ahead(told: Told) -> None:
    """Nothing is told of twice, and no more than so many tasks at a time; who comes to a full queue waits in line."""
    for _ in range(4):
        await told.house.submit("2D")
    announcer = told.announcer(ahead=3)
    assert [await announcer.run_once() for _ in range(3)] == [3, 0, 0]
    other = await furnish(told.house.deps)
    await other.gates()
    urgent = await other.submit("2D", priority="high")
    messages = await told.receive()
    hints = [read(item["Body"]) for item in messages]
    assert all(hint is not None and hint.service == "studio" for hint in hints)
    tasks = await told.claim([hint.task_id for hint in hints if hint])
    assert len(tasks) == 3
    assert await announcer.run_once() == 2
    told_of = {decode("task", hint.task_id) for item in await told.receive() if (hint := read(item["Body"]))}
    assert urgent.job.id in told_of


async def test_what_arrives_twice_or_too_late_changes_nothing(told: Told) -> None:
    """A message that is delivered again, or after its task is over, gets nobody anything."""
    view = await told.house.submit("2D")
    await told.announcer().run_once()
    [message] = await told.receive()
    hint = read(message["Body"])
    assert hint is not None
    [task] = await told.claim([hint.task_id])
    assert await told.claim([hint.task_id]) == [], "somebody has it"
    await told.house.report(await told.house.succeeded(task))
    [following] = await told.claim([hint.task_id])
    assert following.step == "refine", "the task of the job's next step has the same id: the row decides"
    await jobs.cancel(told.house.deps, told.house.user, view.job.id)
    assert await told.claim([hint.task_id]) == []


async def test_a_canceled_tasks_message_is_no_burden(told: Told) -> None:
    """The room that a hint took is free again when its task has left the line, whatever became of the message."""
    views = [await told.house.submit("2D") for _ in range(2)]
    announcer = told.announcer(ahead=1)
    assert await announcer.run_once() == 1
    await jobs.cancel(told.house.deps, told.house.user, views[0].job.id)
    assert await announcer.run_once() == 1


async def test_a_crash_between_sending_and_recording_repeats_and_loses_nothing(told: Told) -> None:
    """The hint was sent, its record is not committed: it is sent again, and the second claim gets nothing."""
    await told.house.submit("2D")

    class Dying(SqsQueue):
        async def announce(self, service: str, hints: Any) -> Any:
            await super().announce(service, hints)
            raise Unavailable("the process died here")

    announcer = told.announcer()
    announcer._queue = Dying(told.client, told.prefix)
    with pytest.raises(Unavailable):
        await announcer.run_once()
    assert await told.announcer().run_once() == 1
    messages = [*await told.receive(), *await told.receive()]
    assert len(messages) == 2
    found = [await told.claim([hint.task_id]) for item in messages if (hint := read(item["Body"]))]
    assert sorted(len(tasks) for tasks in found) == [0, 1]


async def test_a_consumer_that_dies_between_receiving_and_deleting_loses_nothing(told: Told) -> None:
    """Its message comes again, its task gets another attempt with a hint of its own; one of both gets that attempt."""
    await told.house.submit("2D")
    announcer = told.announcer()
    await announcer.run_once()
    [message] = await told.receive(VisibilityTimeout=0)
    hint = read(message["Body"])
    assert hint is not None
    [lost] = await told.claim([hint.task_id])
    async with told.house.deps.database.transaction() as connection:
        await connection.execute("update leases set deadline_at = now() - interval '1 second'")
    await told.house.sweeper().run_once()
    async with told.house.deps.database.transaction() as connection:
        await connection.execute("update delayed set due_at = now()")
        await connection.execute("update jobs set retry_at = now() where retry_at is not null")
    await told.house.sweeper().run_once()
    assert await announcer.run_once() == 1
    bodies = [item["Body"] for item in await told.receive()]
    assert len(bodies) == 2
    found = [await told.claim([hint.task_id]) for body in bodies if (hint := read(body))]
    [[again]] = [tasks for tasks in found if tasks]
    assert (again.attempt, again.fence > lost.fence) == (2, True)


async def test_two_announcers_tell_of_each_task_once(told: Told) -> None:
    """Replicas take turns: at any time one of them tells of a service's tasks."""
    for _ in range(20):
        await told.house.submit("2D")
    sent = await asyncio.gather(*(told.announcer().run_once() for _ in range(4)))
    sent.append(await told.announcer().run_once())
    assert sum(sent) == 20
    heard = [item for _ in range(4) for item in await told.receive()]
    assert len({item["Body"] for item in heard}) == len(heard) == 20


async def test_what_sqs_does_not_take_is_told_of_later(told: Told) -> None:
    """Of a batch that fails in part, what failed is sent with the next one."""
    await told.house.submit("2D")
    await told.house.submit("2D")

    class Half:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        async def send_message_batch(self, **arguments: Any) -> Any:
            arguments["Entries"], refused = arguments["Entries"][:1], arguments["Entries"][1:]
            answer = await self._client.send_message_batch(**arguments)
            return answer | {"Failed": [{"Id": item["Id"], "SenderFault": False} for item in refused]}

    announcer = told.announcer()
    announcer._queue = SqsQueue(Half(told.client), told.prefix)
    assert [await announcer.run_once() for _ in range(3)] == [1, 1, 0]


async def test_what_nobody_ever_took_becomes_a_dead_letter(told: Told) -> None:
    """A hint in the queue of dead ones fails its task, if that still waits as it was told of; and is buried."""
    stuck = await told.house.submit("2D")
    taken = await told.house.submit("2D")
    announcer = told.announcer()
    await announcer.run_once()
    messages = await told.receive()
    hints: list[Hint] = [hint for item in messages if (hint := read(item["Body"]))]
    await told.claim([hint.task_id for hint in hints if decode("task", hint.task_id) == taken.job.id])
    dead = await told.address("studio-dead")
    for item in messages:
        await told.client.send_message(QueueUrl=dead, MessageBody=item["Body"])
    await told.client.send_message(QueueUrl=dead, MessageBody="what is this?")
    assert await announcer.sweep_once() == 1
    failed = await told.house.view(stuck.job.id)
    assert (failed.job.status, failed.job.error and failed.job.error["code"]) == (
        JobStatus.FAILED,
        "undeliverable",
    )
    assert (await told.house.view(taken.job.id)).job.status is JobStatus.RUNNING
    assert await announcer.sweep_once() == 0
    left = await told.client.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])
    assert left["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "0"


async def test_queues_are_made_with_their_redrive_policy(told: Told) -> None:
    """What is delivered again and again goes to the dead ones by itself, after ten times."""
    await told.house.submit("2D")
    await told.announcer().run_once()
    found = await told.client.get_queue_attributes(QueueUrl=await told.address(), AttributeNames=["All"])
    policy = json.loads(found["Attributes"]["RedrivePolicy"])
    assert (int(policy["maxReceiveCount"]), policy["deadLetterTargetArn"].rpartition(":")[2]) == (
        10,
        f"{told.prefix}studio-dead",
    )


async def test_what_was_sent_before_a_request_failed_is_not_sent_again(told: Told) -> None:
    """A queue that takes ten and then nothing is told of each task once, not of the first ten for as long as that lasts."""
    for _ in range(12):
        await told.house.submit("2D")

    class Tired:
        def __init__(self, client: Any) -> None:
            self._client, self.requests = client, 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        async def send_message_batch(self, **arguments: Any) -> Any:
            self.requests += 1
            if self.requests > 1:
                raise OSError("no more")
            return await self._client.send_message_batch(**arguments)

    announcer = told.announcer()
    announcer._queue = SqsQueue(Tired(told.client), told.prefix)
    assert await announcer.run_once() == 10
    with pytest.raises(Unavailable):
        await announcer.run_once()
    assert await told.announcer().run_once() == 2


async def test_word_in_a_queue_that_is_no_more_does_not_count(told: Told) -> None:
    """A job that was told of in a service's queue and goes on at another one is told of there, whoever forgets the first."""
    view = await told.house.submit("2D")
    await told.announcer().run_once()
    async with told.house.deps.database.transaction() as connection:
        await connection.execute("update announced set service = 'away', step = 'refine', tag = tag - 1")
    assert await told.announcer().run_once() == 1
    assert await told.announcer().run_once() == 0, view


async def test_queues_are_there_before_the_first_task(told: Told) -> None:
    """Who looks for dead hints of a new installation finds none, and workers that begin then find their queue."""
    assert await told.announcer().sweep_once() == 0
    assert await told.receive() == []


async def test_a_queue_that_somebody_removed_is_made_anew(told: Told) -> None:
    """One round fails, the next one finds that there is no such queue and makes it."""
    await told.house.submit("2D")
    announcer = told.announcer()
    await announcer.run_once()
    await told.client.delete_queue(QueueUrl=await told.address())
    await told.house.submit("2D")
    with pytest.raises(Unavailable):
        await announcer.run_once()
    assert await announcer.run_once() == 1
    assert len(await told.receive()) == 1
