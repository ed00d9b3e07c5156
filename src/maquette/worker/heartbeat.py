"""The heartbeat of a worker process: what it holds goes out, and what to stop comes back."""

import asyncio
import logging
import math
import time
from collections.abc import Callable

from maquette.wire import Heartbeat, HeartbeatAnswer
from maquette.worker.client import Client
from maquette.worker.errors import Unavailable
from maquette.worker.ledger import Ledger

logger = logging.getLogger("maquette.worker")

#: Share of the allowed interval after which the next beat is sent: the rest is for the way there.
EARLY = 0.8
#: Whatever the server asks for, no more than a hundred beats a second.
PAUSE_SECONDS_MIN = 0.01


class Heart:
    """Sends a heartbeat as often as the server asks, and sooner while there is progress to show."""

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        *,
        epoch: str,
        name: str,
        service: str,
        steps: list[str],
        progress_seconds: float,
        draining: Callable[[], bool],
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._epoch = epoch
        self._name = name
        self._service = service
        self._steps = steps
        self._progress_seconds = progress_seconds
        self._draining = draining
        self._sent = -math.inf
        self.seconds = 5.0
        """The longest interval the server allows, as it last said."""

    async def run(self) -> None:
        """Beat until canceled. Raises Refused when the server does not want this worker."""
        while True:
            due = self._sent + EARLY * self.seconds
            if self._ledger.news or time.monotonic() >= due:
                await self.run_once()
            await asyncio.sleep(max(PAUSE_SECONDS_MIN, min(self._progress_seconds, EARLY * self.seconds)))

    async def run_once(self) -> None:
        """Send one heartbeat and obey its verdicts. A server that is away hears the next one."""
        self._sent = time.monotonic()
        self._ledger.news = False
        beat = Heartbeat(
            worker_epoch=self._epoch,
            worker=self._name,
            held=self._ledger.held(),
            draining=self._draining(),
            services=[self._service],
            steps=self._steps,
        )
        try:
            answer = await self._client.heartbeat(beat, give_up_seconds=self.seconds)
        except Unavailable as error:
            logger.warning("%s; the next heartbeat follows", error)
        else:
            self._obey(answer)

    def _obey(self, answer: HeartbeatAnswer) -> None:
        self.seconds = answer.heartbeat_seconds
        for verdict in answer.verdicts:
            # A finished attempt is not looked at: the verdict on its outcome counts, which may be under way.
            lease = self._ledger.executing.get(verdict.fence)
            if lease is not None and verdict.verdict != "held":
                logger.info("task %s (%s): %s", lease.task.task_id, lease.task.step, verdict.verdict)
                lease.interrupt(verdict.verdict)
