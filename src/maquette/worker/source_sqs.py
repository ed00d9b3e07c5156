"""Word of tasks from Amazon SQS.

A message stays hidden while its task is in this worker's hands, renewed at a third of its time, and is deleted once the
server has its outcome. So a worker that dies leaves its messages to others; by then the task has another attempt, or
somebody, and the claim says so.
"""

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from maquette.worker import backoff

logger = logging.getLogger("maquette.worker")

#: What SQS takes and gives in one request.
BATCH_MAX = 10
#: The longest that SQS waits for a first message.
WAIT_SECONDS_MAX = 20
VISIBILITY_SECONDS = 60
_TASK = re.compile(r"task_[0-9a-z]{26}")


class Unusable(Exception):
    """SQS cannot be used as it is set up; the message says why."""


class SqsSource:
    """Implements ``Source``: the queue of one service. ``endpoint`` and ``region`` are the surroundings' where empty."""

    def __init__(
        self,
        queue: str,
        *,
        endpoint: str = "",
        region: str = "",
        visibility_seconds: int = VISIBILITY_SECONDS,
    ) -> None:
        self._queue = queue
        self._endpoint = endpoint
        self._region = region
        self._visibility_seconds = visibility_seconds
        self._client: Any = None
        self._url = ""
        self._held: dict[str, list[str]] = {}
        """Receipts by task: of its next step one may be heard of before the last one's is dropped."""
        self._over: dict[str, int] = {}
        """Receipts to delete, with how often that failed."""
        self._changed = asyncio.Event()
        self._trouble, self._failures = "", 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stay connected; before it ends, what is over is deleted, and the rest is for others to hear of at once."""
        async with sqs_client(endpoint=self._endpoint, region=self._region) as client:
            self._client = client
            keeper = asyncio.create_task(self._keep())
            try:
                yield
            finally:
                keeper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await keeper
                await self._delete()
                await self._hide(0)

    async def receive(self, count: int, wait_seconds: float) -> Sequence[str]:
        """Wait for messages, 20 seconds at most. Nothing is heard while SQS is away."""
        try:
            url = await self._address()
            answer = await self._client.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(count, BATCH_MAX),
                WaitTimeSeconds=min(int(wait_seconds), WAIT_SECONDS_MAX),
                VisibilityTimeout=self._visibility_seconds,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, a worker goes on asking
            if type(error).__name__ != self._trouble:
                logger.warning("SQS gave no tasks: %s", error)
            self._trouble = type(error).__name__
            self._failures += 1
            await asyncio.sleep(backoff.delay_seconds(self._failures))
            return []
        if self._failures:
            logger.info("SQS answers again after %d failures", self._failures)
        self._trouble, self._failures = "", 0
        heard = []
        for message in answer.get("Messages", ()):
            task = _task_in(message["Body"])
            if task is None:
                logger.error("the queue %s holds a message that is none of ours; deleting it", self._queue)
                self._over[message["ReceiptHandle"]] = 0
                self._changed.set()
                continue
            self._held.setdefault(task, []).append(message["ReceiptHandle"])
            heard.append(task)
        return heard

    def drop(self, task_ids: Sequence[str]) -> None:
        """Delete the messages of these tasks, soon."""
        for task in task_ids:
            self._over.update(dict.fromkeys(self._held.pop(task, ()), 0))
        self._changed.set()

    async def _address(self) -> str:
        if not self._url:
            self._url = (await self._client.get_queue_url(QueueName=self._queue))["QueueUrl"]
        return self._url

    async def _keep(self) -> None:
        """Delete what is over as soon as it is, and keep the rest hidden, however much is going on."""
        clock = asyncio.get_running_loop().time
        due = clock() + self._visibility_seconds / 3
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._changed.wait()
            self._changed.clear()
            await self._delete()
            if clock() >= due:
                due = clock() + self._visibility_seconds / 3
                await self._hide(self._visibility_seconds)

    async def _delete(self) -> None:
        for part in _parts(list(self._over)):
            failed = await self._batch("delete_message_batch", part)
            for receipt in part:
                tries = self._over.pop(receipt) + 1
                if receipt in failed and tries < 3:
                    self._over[receipt] = tries

    async def _hide(self, seconds: int) -> None:
        for part in _parts([receipt for held in self._held.values() for receipt in held]):
            await self._batch("change_message_visibility_batch", part, VisibilityTimeout=seconds)

    async def _batch(self, operation: str, receipts: list[str], **more: Any) -> set[str]:
        """Do something with messages; return the receipts with which it was not done. They come again by themselves."""
        entries = [
            {"Id": str(place), "ReceiptHandle": receipt, **more} for place, receipt in enumerate(receipts)
        ]
        try:
            answer = await getattr(self._client, operation)(QueueUrl=await self._address(), Entries=entries)
        except Exception as error:  # noqa: BLE001 - an unhidden or undeleted message is only told of again
            logger.warning("SQS did not do %s: %s", operation, error)
            return set(receipts)
        return {receipts[int(item["Id"])] for item in answer.get("Failed", ())}


def _parts(items: list[str]) -> list[list[str]]:
    return [items[start : start + BATCH_MAX] for start in range(0, len(items), BATCH_MAX)]


def _task_in(body: str) -> str | None:
    """Return the task that a message is of; None where it is none of ours, and could not even be asked for."""
    try:
        task = str(json.loads(body)["task_id"])
    except (ValueError, KeyError, TypeError):
        return None
    return task if _TASK.fullmatch(task) else None


@contextlib.asynccontextmanager
async def sqs_client(*, endpoint: str, region: str) -> AsyncIterator[Any]:
    """Connect to SQS with the credentials of the surroundings: environment, profile or role.

    Raises ``Unusable`` where the extra is not installed, and for what Amazon's library cannot use.
    """
    try:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise Unusable("what SQS needs is not installed: pip install 'maquette[aws]'.") from None

    config = AioConfig(
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=16,
        retries={"mode": "standard", "max_attempts": 3},
    )
    connecting = get_session().create_client(
        "sqs", endpoint_url=endpoint or None, region_name=region or None, config=config
    )
    async with contextlib.AsyncExitStack() as closing:
        try:
            client = await closing.enter_async_context(connecting)
        except (BotoCoreError, ValueError) as error:
            raise Unusable(f"SQS cannot be used: {error}") from None
        yield client
