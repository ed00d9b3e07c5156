"""Tasks told of through Amazon SQS: standard queues, each with one for what nobody could take.

FIFO queues are not needed: the row decides who gets a task and in which order tasks come next, so a hint that arrives twice,
late or out of turn changes nothing; and they would let one project's line stand still behind its first message.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from maquette.domain.errors import Unavailable
from maquette.ports import DeadHint, Hint
from maquette.worker.source_sqs import VISIBILITY_SECONDS

#: What SQS takes in one request.
BATCH_MAX = 10
#: How often a hint is delivered before it goes to the dead ones.
RECEIVES_MAX = 10
#: How long a queue keeps what nobody takes; dead hints the longest that SQS can.
RETENTION_SECONDS = 4 * 86_400
DEAD_RETENTION_SECONDS = 14 * 86_400


class SqsQueue:
    """Implements ``TaskQueue``. Names of queues begin with a prefix, those of dead ones end with ``-dead``."""

    def __init__(self, client: Any, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._urls: dict[str, str] = {}

    async def announce(self, queue: str, hints: Sequence[Hint]) -> Sequence[bool]:
        """Send hints ten at a time; those that SQS does not take are told of later.

        ``Unavailable`` when it took none: what was sent before a request that failed must not be sent again and again.
        """
        url = await self._url(queue)
        sent: list[bool] = []
        for start in range(0, len(hints), BATCH_MAX):
            part = hints[start : start + BATCH_MAX]
            entries = [{"Id": str(place), "MessageBody": written(hint)} for place, hint in enumerate(part)]
            try:
                answer = await self._call("send_message_batch", QueueUrl=url, Entries=entries)
            except Unavailable:
                if not any(sent):
                    raise
                break
            good = {item["Id"] for item in answer.get("Successful", ())}
            sent += [str(place) in good for place in range(len(part))]
        return sent + [False] * (len(hints) - len(sent))

    async def dead(self, queue: str) -> Sequence[DeadHint]:
        """Receive up to ten dead hints; both queues are made where they are not there, before any task is told of."""
        await self._url(queue)
        answer = await self._call(
            "receive_message",
            QueueUrl=await self._url(f"{queue}-dead"),
            MaxNumberOfMessages=BATCH_MAX,
            VisibilityTimeout=60,
        )
        return [DeadHint(read(item["Body"]), item["ReceiptHandle"]) for item in answer.get("Messages", ())]

    async def bury(self, queue: str, receipts: Sequence[str]) -> None:
        """Delete dead hints; one that SQS does not delete comes again and is buried then."""
        if receipts:
            await self._call(
                "delete_message_batch",
                QueueUrl=await self._url(f"{queue}-dead"),
                Entries=[{"Id": str(place), "ReceiptHandle": item} for place, item in enumerate(receipts)],
            )

    async def _url(self, name: str) -> str:
        if name not in self._urls:
            if not name.endswith("-dead"):
                await self._make(name)
            answer = await self._call("get_queue_url", QueueName=self._prefix + name)
            self._urls[name] = str(answer["QueueUrl"])
        return self._urls[name]

    async def _make(self, queue: str) -> None:
        """Make a queue and its dead one where they are not there: an account may forbid it once they are."""
        try:
            await self._client.get_queue_url(QueueName=self._prefix + queue)
        except self._client.exceptions.QueueDoesNotExist:
            kept = {"MessageRetentionPeriod": str(RETENTION_SECONDS)}
            longest = {"MessageRetentionPeriod": str(DEAD_RETENTION_SECONDS)}
            dead = await self._call(
                "create_queue", QueueName=f"{self._prefix}{queue}-dead", Attributes=longest
            )
            told = await self._call(
                "get_queue_attributes", QueueUrl=dead["QueueUrl"], AttributeNames=["QueueArn"]
            )
            redrive = {
                "deadLetterTargetArn": told["Attributes"]["QueueArn"],
                "maxReceiveCount": str(RECEIVES_MAX),
            }
            await self._call(
                "create_queue",
                QueueName=self._prefix + queue,
                Attributes={
                    **kept,
                    "VisibilityTimeout": str(VISIBILITY_SECONDS),
                    "ReceiveMessageWaitTimeSeconds": "20",
                    "RedrivePolicy": json.dumps(redrive),
                },
            )
        except Exception as error:
            raise _away("get_queue_url", error) from error

    async def _call(self, operation: str, **arguments: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = await getattr(self._client, operation)(**arguments)
        except Exception as error:
            self._urls.clear()  # of a queue that somebody removed: looked for, it is made anew
            raise _away(operation, error) from error
        return answer


def _away(operation: str, error: Exception) -> Unavailable:
    """Word what a call to SQS ended with; botocore's messages name no secrets."""
    return Unavailable(f"SQS did not do {operation}: {error}", retry_after_seconds=5)


def written(hint: Hint) -> str:
    """Return a hint as a message's body."""
    return json.dumps({"task_id": hint.task_id, "service": hint.service, "step": hint.step, "tag": hint.tag})


def read(body: str) -> Hint | None:
    """Return the hint in a message's body; None when it is none."""
    try:
        found = json.loads(body)
        return Hint(str(found["task_id"]), str(found["service"]), str(found["step"]), int(found["tag"]))
    except (ValueError, KeyError, TypeError):
        return None
