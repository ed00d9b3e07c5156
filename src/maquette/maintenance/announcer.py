"""The announcer: tells a queue outside of tasks that are in line, and clears up what nobody could take.

The row in ``ready`` is the outbox: a hint is recorded in the transaction in which it is sent, so a crash in between repeats it
and none is lost. Only so many hints of a queue are under way: the line's order holds but for those.
"""

import asyncio
import uuid

from maquette.domain import typeid
from maquette.domain.commands import Fail
from maquette.domain.errors import MaquetteError
from maquette.domain.pipeline import STEP_NAMES
from maquette.maintenance.loop import apart, forever
from maquette.ports import DeadHint, Hint, Line, TaskQueue
from maquette.services.orders import Order, Wish
from maquette.services.transactor import Transactor
from maquette.store import announced
from maquette.store.database import Database

#: How often it looks for tasks to tell of, and for dead hints.
INTERVAL_SECONDS, SWEEP_SECONDS = 0.2, 5.0
#: Hints that one transaction sends: so many sent twice are the price of a crash before it ends.
AT_ONCE_MAX = 200
#: After this long a hint is given anew: queues keep messages for days, but not for ever.
REPEAT_SECONDS = 3600.0


class Announcer:
    """``run()`` over ``run_once()``, for one line: whatever trouble a queue has keeps no other one waiting."""

    def __init__(
        self,
        database: Database,
        transactor: Transactor,
        queue: TaskQueue,
        line: Line,
        ahead: int,
    ) -> None:
        self._database = database
        self._transactor = transactor
        self._queue = queue
        self._line = line
        self._ahead = ahead
        self._epoch = uuid.uuid4()

    async def run(self) -> None:
        """Tell of tasks and sweep dead hints until canceled; the database or a queue being away is waited out."""
        queue = self._line.queue
        async with asyncio.TaskGroup() as group:
            group.create_task(
                forever(
                    self.run_once,
                    f"Telling {queue} of tasks",
                    lambda told: 0.0 if told else apart(INTERVAL_SECONDS),
                )
            )
            group.create_task(
                forever(
                    self.sweep_once, f"Sweeping dead hints of {queue}", lambda _failed: apart(SWEEP_SECONDS)
                )
            )

    async def run_once(self) -> int:
        """Send the hints that there is room for; return how many."""
        queue, service, steps = self._line.queue, self._line.service, self._line.steps
        async with self._database.transaction() as connection:
            if not await announced.take_turn(connection, queue):
                return 0
            await announced.forget_past(connection, service, steps, REPEAT_SECONDS)
        # A transaction of its own: the queue may take its time, and workers delete what they have taken.
        async with self._database.transaction() as connection:
            if not await announced.take_turn(connection, queue):
                return 0
            room = min(self._ahead - await announced.count(connection, service, steps), AT_ONCE_MAX)
            if room <= 0:
                return 0
            coming = await announced.upcoming(connection, service, steps, room)
            if not coming:
                return 0
            hints = [
                Hint(typeid.encode("task", item.job_id), service, item.step, item.tag) for item in coming
            ]
            sent = await self._queue.announce(queue, hints)
            told = [item for item, good in zip(coming, sent, strict=True) if good]
            await announced.record(connection, service, told)
        return len(told)

    async def sweep_once(self) -> int:
        """Turn hints that were never taken into dead letters, where their task still waits; return how many."""
        dead = await self._queue.dead(self._line.queue)
        failed = [item for item in dead if item.hint is not None and await self._fail(item)]
        await self._queue.bury(self._line.queue, [item.receipt for item in dead])
        return len(failed)

    async def _fail(self, dead: DeadHint) -> bool:
        """Take a task that no worker could and fail it for good; what is not in line as it was is somebody's by now."""
        assert dead.hint is not None
        try:
            job_id = typeid.decode("task", dead.hint.task_id)
        except MaquetteError:
            return False
        wish = Wish(
            claim_id=uuid.uuid4(),
            worker_epoch=self._epoch,
            worker="queue sweeper",
            pairs=tuple((self._line.service, step) for step in STEP_NAMES),
            capacity=1,
            deadline_seconds_max=60.0,
            only=(job_id,),
        )
        async with self._database.connection() as connection:
            if not await announced.stands(connection, job_id, dead.hint.tag):
                return False
        _, handouts = await self._transactor.exchange([], wish)
        orders = [
            Order(
                item.job.id,
                Fail(
                    item.lease.fence,
                    "invalid",
                    "undeliverable",
                    "Workers were told of the task again and again, and none of them took it.",
                    jitter=0.0,
                    reported=False,
                ),
            )
            for item in handouts
        ]
        await self._transactor.exchange(orders)
        return bool(orders)
