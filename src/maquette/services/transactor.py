"""The transactor: the one path for every change of a job.

Natural group commit: while one batch is committing, the next gathers; an idle system flushes at once. One
transaction a batch, a fixed number of set-based statements, a verdict for each command. A command that the
database refuses fails alone: the batch is halved until it stands by itself.
"""

import asyncio
import logging
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from uuid import UUID

from maquette.domain.commands import Command
from maquette.domain.errors import MaquetteError, OutcomeUnknown, Unavailable
from maquette.domain.job import Job
from maquette.services import batch as batches
from maquette.services.board import Board
from maquette.services.neighbours import Neighbours, Pair
from maquette.services.orders import Batch, Fences, Handout, NewJob, Order, Replayed, Slot, Verdict, Wish
from maquette.services.refusals import as_error, blame, stopped
from maquette.services.tally import Counters, Tally
from maquette.store import tasks
from maquette.store.database import LOST_COMMIT, Database
from maquette.store.session import STATEMENT_SECONDS_MAX, Contention, Session

_LOG = logging.getLogger(__name__)
#: Beyond about 200 rows a statement, latency and blast radius grow for less than a fifth more throughput.
BATCH_MAX = 200
#: Connections that take turns at the queue.
LANES = 2
QUEUE_MAX = 10_000
#: Claims that may wait for work here.
PARKED_MAX = 5000
_COUNTED_MAX = 1000
#: How much longer than one statement a caller waits to hear what became of a change.
ANSWER_SECONDS_MORE = 5.0
CONTENTION_TRIES_MAX = 8
POLL_SECONDS = 0.25
#: How long a stop waits for the batches under way; a server's shutdown must end.
STOP_SECONDS_MAX = 5.0
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Listener = Callable[[Sequence[Job]], None]


@dataclass(eq=False, slots=True)
class _Work:
    """What one request brought: settled as a whole."""

    slots: list[Slot]
    future: asyncio.Future[list[Slot]]
    wait_until: float = 0.0
    looked: int = 0
    """How many commits there had been when its wish last went to look for tasks."""
    taken: bool = False
    """Whether a lane has had it: from then on it may be written."""

    @property
    def pure_wish(self) -> Slot | None:
        """The wish, when that is all there is."""
        return self.slots[0] if len(self.slots) == 1 and self.slots[0].wish else None


@dataclass(slots=True)
class _Lane:
    session: Session
    fences: Fences = field(default_factory=Fences)
    floor: datetime = _LONG_AGO


class Transactor:
    """Lanes that take turns at one queue. Two batches on one job wait for each other at the job's lock."""

    def __init__(
        self, database: Database, *, lanes: int = LANES, statement_seconds_max: float = STATEMENT_SECONDS_MAX
    ) -> None:
        self._database = database
        self._answer_seconds_max = statement_seconds_max + ANSWER_SECONDS_MORE
        sessions = [
            Session(database.url, statement_seconds_max=statement_seconds_max, pooler=database.pooler)
            for _ in range(lanes)
        ]
        self._lanes = [_Lane(session) for session in sessions]
        self._queue: deque[_Work] = deque()
        self._parked: dict[_Work, None] = {}
        self._arrived = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._poller: asyncio.Task[None] | None = None
        self._stopping = False
        self.draining = False
        """Whether no claim may wait here any more: the process is about to stop."""
        self._listeners: list[Listener] = []
        self._groups = 0
        self._commits = 0
        self._clocks: dict[tuple[str, int], int] = {}
        self.board = Board()
        self._made: dict[tuple[str, str], int] = {}
        """By (service, step), the last commit that left a task ready: who looked before it looks again."""
        self.neighbours: Neighbours | None = None
        self.counters = Counters()
        self.tally = Tally()

    async def start(self) -> None:
        """Start the lanes, knowing what is bounded; a database that is away is looked at again and again."""
        with suppress(MaquetteError):
            await self.board.exchange(self._database)
        self._loops = [asyncio.create_task(self._drive(lane)) for lane in self._lanes]
        self._poller = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """Refuse what waits and what comes from now on; batches under way finish first, if they do so soon."""
        self._stopping = True
        self._let_go()
        self._arrived.set()
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.wait([self._poller, *self._loops], timeout=STOP_SECONDS_MAX)
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._let_go()  # the wishes that a batch had in its hands
        for lane in self._lanes:
            await lane.session.close()

    def drain(self) -> None:
        """Answer the claims that wait, and let none wait from now on; all else goes on."""
        self.draining = True
        for work in list(self._parked):
            del self._parked[work]
            self._finish(work)

    def _let_go(self) -> None:
        for work in [*self._queue, *self._parked]:
            _refuse(work, stopped())
        self._queue.clear()
        self._parked.clear()

    @property
    def waiting(self) -> int:
        """Requests that wait for a lane."""
        return len(self._queue)

    @property
    def parked(self) -> int:
        """Claims that wait for work."""
        return len(self._parked)

    @property
    def hungry(self) -> Counter[Pair]:
        """How many claims wait for a task of each kind, counting up to 1,000 of them."""
        return Counter(pair for work in islice(self._parked, _COUNTED_MAX) for pair in _pairs(work.pure_wish))

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with the changed jobs after every commit of this process."""
        self._listeners.append(listener)

    async def apply(self, job_id: UUID, command: Command) -> Job:
        """Apply one command and return the job afterwards, or raise the refusal."""
        [verdict], _ = await self.exchange([Order(job_id, command)])
        if isinstance(verdict, Job):
            return verdict
        raise as_error(verdict)

    async def create(self, job: Job, command: Command, new: NewJob) -> Job | Replayed:
        """Create a job, or name the one that the same request made before."""
        [verdict], _ = await self.exchange([Order(job.id, command, new)])
        if isinstance(verdict, Job | Replayed):
            return verdict
        raise as_error(verdict)

    async def exchange(
        self, orders: Sequence[Order], wish: Wish | None = None, wait_seconds: float = 0.0
    ) -> tuple[list[Verdict], list[Handout]]:
        """Apply orders and lease tasks in one transaction: a verdict an order, up to the wish's capacity.

        A wish alone may wait for a first task. Refusals are returned, not raised. Who waits too long, because the
        database is silent, is told ``Unavailable``; ``OutcomeUnknown`` when it may be done all the same.
        """
        if self._stopping:
            raise stopped()
        if len(self._queue) >= QUEUE_MAX:
            raise Unavailable("Too many requests are waiting.", retry_after_seconds=1)
        if wait_seconds and len(self._parked) >= PARKED_MAX:
            raise Unavailable("Too many claims wait for work.", retry_after_seconds=2)
        self._groups += 1
        slots = [Slot(self._groups, order=order) for order in orders]
        if wish is not None:
            slots.append(Slot(self._groups, wish=wish))
        if not slots:
            return [], []
        work = _Work(slots, asyncio.get_running_loop().create_future(), time.monotonic() + wait_seconds)
        self._enqueue(work)
        try:
            async with asyncio.timeout(wait_seconds + self._answer_seconds_max):
                done = await work.future
        except TimeoutError:
            if work.taken and orders:
                raise OutcomeUnknown(LOST_COMMIT, retry_after_seconds=1) from None
            raise Unavailable("The database has not answered in time.", retry_after_seconds=1) from None
        finally:
            self._parked.pop(work, None)
        verdicts = [slot.verdict for slot in done if slot.order is not None and slot.verdict is not None]
        return verdicts, [item for slot in done for item in slot.handouts]

    def _enqueue(self, work: _Work) -> None:
        self._queue.append(work)
        self._arrived.set()

    async def _drive(self, lane: _Lane) -> None:
        while not self._stopping:
            if not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            works = self._gather()
            try:
                await self._settle(lane, [slot for work in works for slot in work.slots])
            except asyncio.CancelledError:
                for work in works:
                    _refuse(work, stopped())
                raise
            for work in works:
                self._finish(work)

    def _gather(self) -> list[_Work]:
        works: list[_Work] = []
        size = 0
        while self._queue and size < BATCH_MAX:
            work = self._queue.popleft()
            if not work.future.done():
                work.looked, work.taken = self._commits, True
                works.append(work)
                size += len(work.slots)
        return works

    def _finish(self, work: _Work) -> None:
        if work.future.done():
            return
        refused = next((slot.verdict for slot in work.slots if isinstance(slot.verdict, Unavailable)), None)
        slot = work.pure_wish
        if refused is not None:
            _refuse(work, refused)
        elif slot is None or slot.handouts or self.draining or time.monotonic() >= work.wait_until:
            work.future.set_result(work.slots)
        elif any(self._made.get(pair, 0) > work.looked for pair in _pairs(slot)):
            self._enqueue(work)
        else:
            self._parked[work] = None
            if self.neighbours is not None:
                self.neighbours.parked()

    async def _settle(self, lane: _Lane, slots: list[Slot]) -> None:
        """Give every slot its result. ``Unavailable`` in a slot means that nothing of it was written."""
        tries = 0
        while slots:
            volunteers = [(work, slot) for work in self._parked if (slot := work.pure_wish)]
            for work, _ in volunteers:
                del self._parked[work]
                work.looked = self._commits
            begun = time.perf_counter()
            try:
                result = await lane.session.transaction(
                    partial(
                        batches.run,
                        slots=slots,
                        parked=[slot for _, slot in volunteers],
                        fences=lane.fences,
                        floor=lane.floor,
                        clocks=self._clocks,
                        board=self.board,
                    )
                )
            except BaseException as error:
                # A crash may undo what an uncommitted transaction drew from a sequence: never use those fences.
                lane.fences = Fences()
                for work, _ in volunteers:
                    self._finish(work)
                if not isinstance(error, Exception):
                    raise
                tries += 1
                slots = await self._after(error, lane, slots, tries)
            else:
                self.counters.seconds.add(time.perf_counter() - begun)
                self._record(lane, result, [*slots, *(slot for _, slot in volunteers)])
                for work, _ in volunteers:
                    self._finish(work)
                return

    async def _after(self, error: Exception, lane: _Lane, slots: list[Slot], tries: int) -> list[Slot]:
        """Return what is to be tried again after a transaction failed; the others have their verdict then."""
        if isinstance(error, Contention) and tries < CONTENTION_TRIES_MAX:
            self.counters.contentions += 1
            await asyncio.sleep(random.random() * 0.01 * 2**tries)  # noqa: S311 - jitter, no secret
            return slots
        if len(slots) == 1 or isinstance(error, Contention | MaquetteError):
            verdict = blame(error)
            for slot in slots:
                slot.verdict = verdict
            return []
        self.counters.bisections += 1
        middle = len(slots) // 2
        await self._settle(lane, slots[:middle])
        return slots[middle:]

    def _record(self, lane: _Lane, result: Batch, slots: list[Slot]) -> None:
        lane.floor = result.now
        self.counters.batches += 1
        self.counters.orders += len(slots)
        self.counters.sizes.add(len(slots))
        for slot in slots:
            slot.verdict = result.verdict(slot)
            slot.handouts = result.handouts.get(slot, [])
        for job, lease in ((item.job, item.lease) for slot in slots for item in slot.handouts):
            key = job.service, job.priority
            self._clocks[key] = max(self._clocks.get(key, lease.share.tag), lease.share.tag)
        self.board.note(result.decisions)
        self.tally.note(result.decisions)
        left = self.tell(
            Counter([*((job.service, job.spec.name) for job in result.newly_ready), *result.let_in])
        )
        if self.neighbours is not None and left:
            self.neighbours.left(left)
        changed = list(result.changed.values())
        for listener in self._listeners:
            listener(changed)

    def tell(self, ready: Counter[Pair]) -> Counter[Pair]:
        """Let wishes look again that were parked, or are in another lane's batch, while these became ready.

        Returns those for which nobody is parked here.
        """
        self._commits += 1
        left = Counter(ready)
        for pair, count in ready.items():
            self._made[pair] = self._commits
            for work in [work for work in self._parked if pair in _pairs(work.pure_wish)][:count]:
                del self._parked[work]
                self._enqueue(work)
                left[pair] -= 1
        return +left

    async def _poll(self) -> None:
        """Serve parked wishes whose time is over, and those that another process's commit made work for."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = time.monotonic()
            for work in [work for work in self._parked if work.wait_until <= now]:
                del self._parked[work]
                self._finish(work)
            try:
                await self._exchange_clocks()
                await self.board.exchange(self._database)
                await self._wake_parked()
            except MaquetteError:
                continue
            except Exception:  # noqa: BLE001 - the loop must outlive one bad poll
                _LOG.exception("Looking for work for waiting workers failed.")

    async def _exchange_clocks(self) -> None:
        """Let virtual time go on in all processes: one that only takes submissions in starts no task itself."""
        async with self._database.connection() as connection:
            known = await tasks.exchange_clocks(connection, self._clocks)
        for key, tag in known.items():
            self._clocks[key] = max(self._clocks.get(key, tag), tag)

    async def _wake_parked(self) -> None:
        groups: dict[tuple[tuple[str, str], ...], list[_Work]] = {}
        for work in self._parked:
            if (slot := work.pure_wish) and slot.wish:
                groups.setdefault(slot.wish.pairs, []).append(work)
        for pairs, works in groups.items():
            async with self._database.connection() as connection:
                found = await tasks.waiting(connection, pairs, len(works))
            for work in [work for work in works if work in self._parked][:found]:
                del self._parked[work]
                self._enqueue(work)


def _pairs(slot: Slot | None) -> tuple[tuple[str, str], ...]:
    return slot.wish.pairs if slot is not None and slot.wish is not None else ()


def _refuse(work: _Work, error: MaquetteError) -> None:
    if not work.future.done():
        work.future.set_exception(error)
