"""The worker: claims tasks, executes them, reports how they ended, and leaves in good order.

One loop decides what to send next; everything else happens in tasks of its task group:

    claim ─► accept ─► execute (execution.py) ─► finished ─► outcomes + next claim ─► accept ─► …

A busy worker makes one round trip a cycle: outcomes that finished while the last request was under way go
out together, with a claim for the slots they freed. An idle one parks a long poll.
"""

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from maquette.telemetry.tracer import OFF, Tracer
from maquette.wire import Claim, ClaimAnswer, Outcome
from maquette.worker.client import Client
from maquette.worker.delivery import deliver
from maquette.worker.errors import LeaseLost, Refused, Unavailable
from maquette.worker.execution import Equipment, execute, failed_outcome
from maquette.worker.folders import Folders
from maquette.worker.handler import Failed, Handler
from maquette.worker.handlers import Handlers
from maquette.worker.heartbeat import Heart
from maquette.worker.ledger import Lease, Ledger
from maquette.worker.source import Source
from maquette.worker.transfer import Transfers

logger = logging.getLogger("maquette.worker")

#: Outcomes per request, and tasks per claim. Measured for the design: nothing is gained above 100 to 200.
BATCH_MAX = 100
#: A long poll that comes back empty sooner than this is not repeated at once, whatever the server's reason.
EMPTY_POLL_SECONDS_MIN = 0.5
#: After the grace time, how long outcomes may take to be delivered before the process gives up.
REPORT_SECONDS_MAX = 10.0


class Worker:
    """A worker process for one service: runs the handlers of its steps until stopped.

    ``token`` authenticates the worker. ``handlers`` maps a step to its handler. ``capacity`` is the number of
    tasks at once: for async handlers on the event loop, for sync ones in as many warm child processes.
    ``cost_per_second`` (in the project's currency) and ``gpu_type`` go into each attempt's metrics.
    ``workdir`` is where work directories are made (default: below the system's temporary directory).
    ``grace_seconds`` is what running handlers get to finish after a stop; ``poll_seconds`` the length of an
    idle long poll; ``progress_seconds`` the shortest interval at which news of progress is sent. ``tracer`` records what
    attempts consist of. ``source`` tells of tasks; without one the server is asked for whatever comes next.

    Raises ``ValueError`` for arguments that cannot work.
    """

    def __init__(
        self,
        url: str,
        token: str,
        service: str,
        handlers: Mapping[str, Handler],
        *,
        name: str | None = None,
        capacity: int = 1,
        gpu_type: str = "cpu",
        cost_per_second: float = 0.0,
        workdir: Path | None = None,
        grace_seconds: float = 25.0,
        poll_seconds: float = 25.0,
        progress_seconds: float = 1.0,
        tracer: Tracer = OFF,
        source: Source | None = None,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"A worker's capacity is 1 or more, not {capacity}.")
        if not handlers:
            raise ValueError("A worker needs a handler for at least one step.")
        self.name = name or f"{socket.gethostname()}:{os.getpid()}"
        self.service = service
        self._epoch = str(uuid.uuid4())
        self._grace_seconds = grace_seconds
        self._poll_seconds = poll_seconds
        self._client = Client(url, token)
        self._handlers = Handlers(handlers)
        self._folders = Folders(workdir)
        self._transfers = Transfers(self._client)
        self._equipment = Equipment(
            folders=self._folders,
            transfers=self._transfers,
            run=self._handlers.run,
            gpu_type=gpu_type,
            cost_per_second=cost_per_second,
            tracer=tracer,
            worker=self.name,
        )
        self._ledger = Ledger(capacity)
        self._source = source
        self._asked: frozenset[str] = frozenset()
        """Tasks that were heard of and are being claimed: the answer, not an older outcome, says what their word is worth."""
        self._heart = Heart(
            self._client,
            self._ledger,
            epoch=self._epoch,
            name=self.name,
            service=service,
            steps=self._handlers.steps,
            progress_seconds=progress_seconds,
            # Only when no claim is under way: what a draining worker does not list is free, and an answer on its way to us
            # leases what no list has yet.
            draining=lambda: self._draining and not self._ledger.reserved,
        )
        self._changed = asyncio.Event()
        self._draining = False
        self._grace_over = False
        self._killed = False
        self._exchanges = 0
        self._poll: asyncio.Task[None] | None = None
        self._main: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []

    async def run(self, *, signals: bool = True) -> None:
        """Work until ``stop()``, SIGTERM or SIGINT, then drain; a second signal is ``kill()``. A worker runs once.

        Without ``signals`` they are left alone: for several workers in one process, or off the main thread.
        Raises Refused when the server does not want this worker: a wrong token, an unknown service.
        """
        if self._main is not None:
            raise RuntimeError("A worker runs once; make another one.")
        self._main = asyncio.current_task()
        assert self._main is not None
        try:
            with self._signals() if signals else contextlib.nullcontext():
                await self._run()
        except asyncio.CancelledError:
            if not self._killed or self._main.uncancel() > 0:
                raise
        finally:
            for timer in self._timers:
                timer.cancel()

    def stop(self) -> None:
        """Drain: claim nothing more, let running handlers finish, report, and return from ``run()``.

        What claims under way are given is still done: the long poll is hung up on, then asked what it was given.

        After ``grace_seconds`` handlers that still run are stopped and reported as ``worker_stopped``, to be
        tried again elsewhere. Calling it again changes nothing. Call it on the event loop's thread.
        """
        if self._draining:
            return
        logger.info("draining: %d tasks are running", len(self._ledger.executing))
        self._draining = True
        self._ledger.news = True
        if self._poll is not None:
            self._poll.cancel()
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(self._grace_seconds, self._end_grace))
        self._timers.append(loop.call_later(self._grace_seconds + REPORT_SECONDS_MAX, self.kill))
        self._changed.set()

    def kill(self) -> None:
        """End at once: kill child processes, report nothing more, and return from ``run()``."""
        if self._main is not None and not self._killed:
            self._killed = True
            for fence, lease in (self._ledger.executing | self._ledger.unconfirmed).items():
                logger.error(
                    "leaving task %s (%s, fence %d) behind", lease.task.task_id, lease.task.step, fence
                )
            self._handlers.children.kill()
            self._main.cancel()

    async def _run(self) -> None:
        with self._folders:
            hearing = self._source.running() if self._source else contextlib.nullcontext()
            async with self._client, self._transfers, self._handlers.children, hearing:
                try:
                    async with asyncio.TaskGroup() as group:
                        heart = group.create_task(self._heart.run())
                        await self._serve(group)
                        heart.cancel()
                except ExceptionGroup as errors:
                    raise errors.exceptions[0] from None
                await self._heart.run_once()  # the last one, draining: whatever else is leased to us is free

    async def _serve(self, group: asyncio.TaskGroup) -> None:
        """Decide what to send next, whenever something has changed, until drained."""
        ledger = self._ledger
        while not (self._draining and ledger.empty and not self._exchanges and self._poll is None):
            self._changed.clear()  # before looking, so that no change is missed
            await self._gather()
            # A full batch goes at once; less waits for the request under way, and gathers meanwhile. What has
            # finished claims for its own slots; the long poll is for those that nothing else can fill.
            while ledger.finished and (not self._exchanges or len(ledger.finished) >= BATCH_MAX):
                outcomes, claim = ledger.take(BATCH_MAX), None if self._source else self._claim(0.0)
                self._exchanges += 1
                group.create_task(self._exchange(group, outcomes, claim))
            if self._poll is None and not ledger.finished and (claim := self._claim(self._poll_seconds)):
                self._poll = group.create_task(self._long_poll(group, claim))
            await self._changed.wait()

    async def _gather(self) -> None:
        """Let tasks that finish together be reported together."""
        count = -1
        while count != len(self._ledger.finished):
            count = len(self._ledger.finished)
            await asyncio.sleep(0)

    def _claim(self, wait_seconds: float) -> Claim | None:
        """Claim for every free slot, and reserve them; None when there is none or no more work is wanted."""
        capacity = min(self._ledger.free, BATCH_MAX)
        if self._draining or capacity == 0:
            return None
        self._ledger.reserved += capacity
        return Claim(
            claim_id=str(uuid.uuid4()),
            worker_epoch=self._epoch,
            worker=self.name,
            services=[self.service],
            steps=self._handlers.steps,
            capacity=capacity,
            wait_seconds=wait_seconds,
        )

    async def _exchange(self, group: asyncio.TaskGroup, outcomes: list[Outcome], claim: Claim | None) -> None:
        try:
            answer = await deliver(self._client, outcomes, claim)
            self._accept(group, claim, answer.claim)
            self._drop(verdict.task_id for verdict in answer.verdicts)
            if self._ledger.settle(outcomes, answer.verdicts):
                logger.error("the server gave no verdict on some outcomes; sending them again")
                await asyncio.sleep(EMPTY_POLL_SECONDS_MIN)
        finally:
            self._exchanges -= 1
            self._changed.set()

    async def _long_poll(self, group: asyncio.TaskGroup, claim: Claim) -> None:
        started = time.monotonic()
        try:
            try:
                answer = await (self._claim_heard(claim) if self._source else self._client.claim(claim))
            except asyncio.CancelledError:
                poll = asyncio.current_task()
                if not self._draining or poll is None or poll.uncancel() > 0:
                    raise
                answer = await self._recall(claim)
            self._accept(group, claim, answer)
            if not answer.tasks and not self._draining:
                await asyncio.sleep(started + EMPTY_POLL_SECONDS_MIN - time.monotonic())
        finally:
            self._poll = None
            self._changed.set()

    async def _recall(self, claim: Claim) -> ClaimAnswer:
        """Ask what a claim was given that nobody waits for any more, and for nothing new.

        Tasks may have been leased to it while it was being hung up on: they would be lost attempts. A server that is
        away, or is older than this question, takes them back when it hears that this worker drains.
        """
        again = msgspec.structs.replace(claim, capacity=0, wait_seconds=0.0, retried=True)
        try:
            return await self._client.claim(again, give_up_seconds=self._heart.seconds)
        except (Refused, Unavailable) as error:
            logger.warning("%s; whatever that claim was given goes back", error)
            return ClaimAnswer(claim_id=claim.claim_id, tasks=[], heartbeat_seconds=self._heart.seconds)

    async def _claim_heard(self, claim: Claim) -> ClaimAnswer:
        """Wait to be told of tasks, and claim those; what is not given is somebody's, or comes again."""
        assert self._source is not None
        heard = await self._source.receive(claim.capacity, claim.wait_seconds)
        if not heard:
            return ClaimAnswer(claim_id=claim.claim_id, tasks=[], heartbeat_seconds=self._heart.seconds)
        self._asked = frozenset(heard)
        try:
            answer = await self._client.claim(
                msgspec.structs.replace(claim, task_ids=list(heard), wait_seconds=0.0)
            )
        finally:
            self._asked = frozenset()
        given = {task.task_id for task in answer.tasks}
        held = {progress.task_id for progress in self._ledger.held()}
        self._drop(task for task in heard if task not in given | held)
        return answer

    def _drop(self, task_ids: Iterable[str]) -> None:
        """Have nobody told of tasks any more that are over.

        A job's next step is a task of the same id: word of it may have come, and be all there is of it until a claim is
        answered, so what is being asked for stays.
        """
        if self._source is not None:
            self._source.drop([task for task in task_ids if task not in self._asked])

    def _accept(self, group: asyncio.TaskGroup, claim: Claim | None, answer: ClaimAnswer | None) -> None:
        if claim is not None:
            self._ledger.reserved -= claim.capacity
            self._ledger.news |= self._draining
        if answer is not None:
            self._heart.seconds = answer.heartbeat_seconds
        for task in answer.tasks if answer else ():
            lease = self._ledger.accept(task)
            if lease is not None:
                if self._grace_over:
                    lease.interrupt("stop")
                group.create_task(self._attend(lease))

    async def _attend(self, lease: Lease) -> None:
        """Execute one task and enter its outcome in the ledger."""
        outcome: Outcome | None = None
        started = time.monotonic()
        try:
            if not lease.interrupted:
                lease.execution = asyncio.current_task()
                outcome = await execute(
                    lease.task, self._equipment, functools.partial(self._ledger.note, lease)
                )
        except LeaseLost:
            logger.info("task %s (%s): the lease is lost", lease.task.task_id, lease.task.step)
        except asyncio.CancelledError:
            if not lease.interrupted:
                raise  # the worker itself ends
        except Exception as error:
            logger.exception("task %s (%s): a fault of the worker", lease.task.task_id, lease.task.step)
            failed = Failed("worker_error", type(error).__name__, "transient")
            outcome = failed_outcome(lease.task, failed, self._equipment.metrics(time.monotonic() - started))
        if lease.interrupted:
            outcome = self._interrupted(lease, outcome, time.monotonic() - started)
        self._ledger.finish(lease, outcome)
        if outcome is None:
            self._drop([lease.task.task_id])
        self._changed.set()

    def _interrupted(self, lease: Lease, outcome: Outcome | None, duration: float) -> Outcome | None:
        """Say what becomes of an execution that was stopped, perhaps too late to lose its outcome."""
        metrics = self._equipment.metrics(duration)
        match lease.interrupted:
            case "cancel":
                task = lease.task
                return Outcome(task_id=task.task_id, fence=task.fence, status="canceled", metrics=metrics)
            case "stop":
                failed = Failed(
                    "worker_stopped", "The worker was stopped before the work was done.", "lost_worker"
                )
                return outcome or failed_outcome(lease.task, failed, metrics)
            case _:
                return None

    def _end_grace(self) -> None:
        self._grace_over = True
        for lease in list(self._ledger.executing.values()):
            lease.interrupt("stop")

    def _on_signal(self) -> None:
        if self._draining:
            self.kill()
        else:
            self.stop()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
