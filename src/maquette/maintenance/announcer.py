"""The announcer: tells a queue outside of tasks that are in line, and clears up what nobody could take.

The row in ``ready`` is the outbox: a hint is recorded in the transaction in which it is sent, so a crash in between repeats it
and none is lost. Only so many hints of a queue are under way: the line's order holds but for those.
"""

import uuid
from collections.abc import Sequence

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

INTERVAL_SECONDS = 0.2
#: Dead hints are looked for every so many rounds.
DEAD_EVERY = 25
#: After this long a hint is given anew: queues keep messages for days, but not for ever.
REPEAT_SECONDS = 3600.0


class Announcer:
    """``run()`` over ``run_once()``, for the lines that have a queue."""

    def __init__(
        self,
        database: Database,
        transactor: Transactor,
        queue: TaskQueue,
        lines: Sequence[Line],
        ahead: int,
    ) -> None:
        self._database = database
        self._transactor = transactor
        self._queue = queue
        self._lines = tuple(lines)
        self._ahead = ahead
        self._epoch = uuid.uuid4()
        self._rounds = 0

    async def run(self) -> None:
        """Tell of tasks until canceled; the database or the queue being away is waited out."""
        await forever(self._round, "Telling of tasks", lambda told: 0.0 if told else apart(INTERVAL_SECONDS))

    async def _round(self) -> int:
        told = await self.run_once()
        self._rounds += 1
        if self._rounds % DEAD_EVERY == 1:
            await self.sweep_once()
        return told

    async def run_once(self) -> int:
        """Send the hints that there is room for; return how many."""
        return sum([await self._tell(line) for line in self._lines])

    async def _tell(self, line: Line) -> int:
        service, steps = line.service, line.steps
        async with self._database.transaction() as connection:
            if not await announced.take_turn(connection, line.queue):
                return 0
            await announced.forget_past(connection, service, steps, REPEAT_SECONDS)
            room = self._ahead - await announced.count(connection, service, steps)
            if room <= 0:
                return 0
            coming = await announced.upcoming(connection, service, steps, room)
            if not coming:
                return 0
            hints = [
                Hint(typeid.encode("task", item.job_id), service, item.step, item.tag) for item in coming
            ]
            sent = await self._queue.announce(line.queue, hints)
            told = [item for item, good in zip(coming, sent, strict=True) if good]
            await announced.record(connection, service, told)
        return len(told)

    async def sweep_once(self) -> int:
        """Turn hints that were never taken into dead letters, where their task still waits; return how many."""
        return sum([await self._sweep(line) for line in self._lines])

    async def _sweep(self, line: Line) -> int:
        dead = await self._queue.dead(line.queue)
        failed = [item for item in dead if item.hint is not None and await self._fail(line.service, item)]
        await self._queue.bury(line.queue, [item.receipt for item in dead])
        return len(failed)

    async def _fail(self, service: str, dead: DeadHint) -> bool:
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
            pairs=tuple((service, step) for step in STEP_NAMES),
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
