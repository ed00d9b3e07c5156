"""The transactor: the one path for every change of a job.

Natural group commit: while one batch is committing, the next gathers; an idle system flushes at once. One
transaction a batch, a fixed number of set-based statements, a verdict for each command. A command that the
database refuses fails alone: the batch is halved until it stands by itself.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from maquette.domain.commands import Command
from maquette.domain.errors import Invalid, MaquetteError, Unavailable
from maquette.domain.job import Job
from maquette.services import batch as batches
from maquette.services.orders import Batch, Fences, Handout, NewJob, Order, Replayed, Slot, Verdict, Wish
from maquette.store import tasks
from maquette.store.database import Database
from maquette.store.session import BadData, Contention, Session

_LOG = logging.getLogger(__name__)
#: Beyond about 200 rows a statement, latency and blast radius grow for less than a fifth more throughput.
BATCH_MAX = 200
QUEUE_MAX = 10_000
CONTENTION_TRIES_MAX = 8
POLL_SECONDS = 0.25
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Listener = Callable[[Sequence[Job]], None]


@dataclass(eq=False, slots=True)
class _Work:
    """What one request brought: settled as a whole."""

    slots: list[Slot]
    future: asyncio.Future[list[Slot]]
    wait_until: float = 0.0

    @property
    def pure_wish(self) -> Slot | None:
        """The wish, when that is all there is."""
        return self.slots[0] if len(self.slots) == 1 and self.slots[0].wish else None


@dataclass(slots=True)
class Counters:
    """What /metrics shows of this process's transactor."""

    batches: int = 0
    orders: int = 0
    bisections: int = 0
    contentions: int = 0


@dataclass(slots=True)
class _Lane:
    session: Session
    fences: Fences = field(default_factory=Fences)
    floor: datetime = _LONG_AGO


class Transactor:
    """Lanes that take turns at one queue. Two batches on one job wait for each other at the job's lock."""

    def __init__(self, database: Database, *, lanes: int = 2) -> None:
        self._database = database
        self._lanes = [_Lane(Session(database.url)) for _ in range(lanes)]
        self._queue: deque[_Work] = deque()
        self._parked: dict[_Work, None] = {}
        self._arrived = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._listeners: list[Listener] = []
        self._groups = 0
        self._unserved = False
        """A commit made tasks ready while every waiting wish was in another lane's batch."""
        self.counters = Counters()

    async def start(self) -> None:
        """Start the lanes."""
        self._loops = [asyncio.create_task(self._drive(lane)) for lane in self._lanes]
        self._loops.append(asyncio.create_task(self._poll()))

    async def stop(self) -> None:
        """Refuse what waits and close the lanes; batches under way finish first."""
        for work in [*self._queue, *self._parked]:
            _refuse(work, Unavailable("The server is stopping.", retry_after_seconds=1))
        self._queue.clear()
        self._parked.clear()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for lane in self._lanes:
            await lane.session.close()

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with the changed jobs after every commit of this process."""
        self._listeners.append(listener)

    async def apply(self, job_id: UUID, command: Command) -> Job:
        """Apply one command and return the job afterwards, or raise the refusal."""
        [verdict], _ = await self.exchange([Order(job_id, command)])
        if isinstance(verdict, Job):
            return verdict
        raise _as_error(verdict)

    async def create(self, job: Job, command: Command, new: NewJob) -> Job | Replayed:
        """Create a job, or name the one that the same request made before."""
        [verdict], _ = await self.exchange([Order(job.id, command, new)])
        if isinstance(verdict, Job | Replayed):
            return verdict
        raise _as_error(verdict)

    async def exchange(
        self, orders: Sequence[Order], wish: Wish | None = None, wait_seconds: float = 0.0
    ) -> tuple[list[Verdict], list[Handout]]:
        """Apply orders and lease tasks in one transaction: a verdict an order, up to the wish's capacity.

        A wish alone may wait for a first task. Refusals are returned, not raised.
        """
        if len(self._queue) >= QUEUE_MAX:
            raise Unavailable("Too many requests are waiting.", retry_after_seconds=1)
        self._groups += 1
        slots = [Slot(self._groups, order=order) for order in orders]
        if wish is not None:
            slots.append(Slot(self._groups, wish=wish))
        if not slots:
            return [], []
        work = _Work(slots, asyncio.get_running_loop().create_future(), time.monotonic() + wait_seconds)
        self._enqueue(work)
        try:
            done = await work.future
        finally:
            self._parked.pop(work, None)
        verdicts = [slot.verdict for slot in done if slot.order is not None and slot.verdict is not None]
        return verdicts, [item for slot in done for item in slot.handouts]

    def _enqueue(self, work: _Work) -> None:
        self._queue.append(work)
        self._arrived.set()

    async def _drive(self, lane: _Lane) -> None:
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            works: list[_Work] = []
            size = 0
            while self._queue and size < BATCH_MAX:
                work = self._queue.popleft()
                if not work.future.done():
                    works.append(work)
                    size += len(work.slots)
            try:
                await self._settle(lane, [slot for work in works for slot in work.slots])
            except MaquetteError as error:
                for work in works:
                    _refuse(work, error)
            except asyncio.CancelledError:
                for work in works:
                    _refuse(work, Unavailable("The server is stopping.", retry_after_seconds=1))
                raise
            except Exception:  # noqa: BLE001 - the lane must outlive any batch; the callers are told
                _LOG.exception("A batch failed for a reason nobody foresaw.")
                for work in works:
                    _refuse(work, Unavailable("The change could not be made.", retry_after_seconds=1))
            for work in works:
                self._finish(work)

    def _finish(self, work: _Work) -> None:
        if work.future.done():
            return
        wish = work.pure_wish
        if wish is not None and not wish.handouts and time.monotonic() < work.wait_until:
            if self._unserved:
                self._unserved = False
                self._enqueue(work)
            else:
                self._parked[work] = None
        else:
            work.future.set_result(work.slots)

    async def _settle(self, lane: _Lane, slots: list[Slot]) -> None:
        """Give every slot its result; ``Unavailable`` when the database is away and nothing was written."""
        tries = 0
        while slots:
            volunteers = [(work, slot) for work in self._parked if (slot := work.pure_wish)]
            for work, _ in volunteers:
                del self._parked[work]
            result: Batch | None = None
            try:
                result = await lane.session.transaction(
                    partial(
                        batches.run,
                        slots=slots,
                        parked=[slot for _, slot in volunteers],
                        fences=lane.fences,
                        floor=lane.floor,
                    )
                )
            except Contention:
                self.counters.contentions += 1
                tries += 1
                if tries >= CONTENTION_TRIES_MAX:
                    raise Unavailable("Too much contention.", retry_after_seconds=1) from None
                await asyncio.sleep(random.random() * 0.01 * 2**tries)  # noqa: S311 - jitter, no secret
                continue
            except BadData as error:
                if len(slots) == 1:
                    _LOG.warning("The database refused a command: %s", error, exc_info=error)
                    slots[0].verdict = Invalid("The command holds a value that cannot be stored.")
                    return
                self.counters.bisections += 1
                middle = len(slots) // 2
                await self._settle(lane, slots[:middle])
                slots = slots[middle:]
                continue
            finally:
                if result is not None:
                    self._record(lane, result, [*slots, *(slot for _, slot in volunteers)])
                for work, _ in volunteers:
                    self._finish(work)
            return

    def _record(self, lane: _Lane, result: Batch, slots: list[Slot]) -> None:
        lane.floor = result.now
        self.counters.batches += 1
        self.counters.orders += len(slots)
        for slot in slots:
            slot.verdict = result.verdicts.get(slot)
            slot.handouts = result.handouts.get(slot, [])
        self._unserved = self._unserved or bool(result.newly_ready)
        changed = list(result.changed.values())
        for listener in self._listeners:
            listener(changed)

    async def _poll(self) -> None:
        """Serve parked wishes whose time is over, and those that another process's commit made work for."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = time.monotonic()
            for work in [work for work in self._parked if work.wait_until <= now]:
                del self._parked[work]
                self._finish(work)
            try:
                await self._wake_parked()
            except MaquetteError:
                continue
            except Exception:  # noqa: BLE001 - the loop must outlive one bad poll
                _LOG.exception("Looking for work for waiting workers failed.")

    async def _wake_parked(self) -> None:
        wishes = {slot.wish.pairs: work for work in self._parked if (slot := work.pure_wish) and slot.wish}
        for pairs, work in wishes.items():
            async with self._database.connection() as connection:
                found = await tasks.waiting(connection, pairs)
            if found and work in self._parked:
                # One is enough: it takes what it can, and the next poll wakes the next.
                del self._parked[work]
                self._enqueue(work)


def _refuse(work: _Work, error: MaquetteError) -> None:
    if not work.future.done():
        work.future.set_exception(error)


def _as_error(verdict: Verdict) -> MaquetteError:
    return verdict if isinstance(verdict, MaquetteError) else Invalid("The request was answered before.")
