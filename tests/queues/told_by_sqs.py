"""A house whose studio is told of its tasks by SQS."""

import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from house import WORKER, House

from maquette import wire
from maquette.adapters.queue_sqs import SqsQueue
from maquette.domain.pipeline import STEP_NAMES
from maquette.maintenance.announcer import Announcer
from maquette.ports import Line
from maquette.services import execution
from maquette.settings import Settings


@dataclass
class Told:
    """What the tests do with it."""

    house: House
    client: Any
    queue: SqsQueue
    prefix: str
    url: str
    settings: Settings
    listening: socket.socket
    """Where links of the installation point to."""

    def announcer(self, ahead: int = 100) -> Announcer:
        deps = self.house.deps
        return Announcer(
            deps.database, deps.transactor, self.queue, Line("studio", "studio", STEP_NAMES), ahead
        )

    async def address(self, name: str = "studio") -> str:
        return str((await self.client.get_queue_url(QueueName=self.prefix + name))["QueueUrl"])

    async def receive(self, count: int = 10, **more: Any) -> list[dict[str, Any]]:
        wanted = {"MaxNumberOfMessages": count, "VisibilityTimeout": 30, "WaitTimeSeconds": 0, **more}
        answer = await self.client.receive_message(QueueUrl=await self.address(), **wanted)
        return list(answer.get("Messages", ()))

    async def claim(self, task_ids: Sequence[str], **more: Any) -> list[wire.Task]:
        wish = wire.Claim(
            **{
                "claim_id": str(uuid.uuid4()),
                "worker_epoch": self.house.epoch,
                "worker": "test",
                "services": ["studio"],
                "capacity": 50,
                "task_ids": list(task_ids),
                **more,
            }
        )
        return (await execution.claim(self.house.deps, WORKER, wish)).tasks
