"""What a worker process holds: leases that execute, and outcomes that wait for the server's verdict.

Plain bookkeeping without I/O. A lease is held, and listed in every heartbeat, from the claim's answer to the
verdict on its outcome: a finished attempt whose outcome is still on its way must not be given away.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from maquette.wire import Outcome, OutcomeVerdict, Progress, Task
from maquette.worker import calls

logger = logging.getLogger("maquette.worker")


#: Outcomes without a verdict, for each slot, from which on nothing more is claimed: who cannot deliver takes no more.
UNHEARD_PER_SLOT = 2


@dataclass(slots=True, eq=False)
class Lease:
    """One task in this process's hands."""

    task: Task
    value: float = 0.0
    message: str = ""
    execution: asyncio.Task[None] | None = None
    """Set when the execution begins: canceling a task that has not begun would skip its bookkeeping."""
    interrupted: Literal["", "cancel", "stale", "stop"] = ""
    """Why the execution is being stopped: by a verdict of the server, or because this process ends."""

    def interrupt(self, why: Literal["cancel", "stale", "stop"]) -> None:
        """Stop the execution, once, or keep it from beginning."""
        if self.interrupted:
            return
        self.interrupted = why
        if self.execution is not None:
            self.execution.cancel()


class Ledger:
    """The leases of one process."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.executing: dict[int, Lease] = {}
        self.finished: list[Outcome] = []
        """Outcomes not yet sent, oldest first."""
        self.unconfirmed: dict[int, Lease] = {}
        """Leases whose outcome has no verdict yet, by fence."""
        self.reserved = 0
        """Slots promised to claims under way."""
        self.news = False
        """Whether there is something to say before the next heartbeat is due: progress, or a drain."""

    @property
    def free(self) -> int:
        """Slots that a new claim may fill; none while too many outcomes wait for their verdict."""
        if len(self.unconfirmed) >= UNHEARD_PER_SLOT * self.capacity:
            return 0
        return max(0, self.capacity - len(self.executing) - self.reserved)

    @property
    def empty(self) -> bool:
        """Whether nothing executes and nothing waits for a verdict."""
        return not self.executing and not self.unconfirmed

    def accept(self, task: Task) -> Lease | None:
        """Take a lease on; None when it is here already (the answer to a claim came twice)."""
        if task.fence in self.executing or task.fence in self.unconfirmed:
            return None
        lease = self.executing[task.fence] = Lease(task)
        return lease

    def note(self, lease: Lease, value: float, message: str) -> None:
        """Record progress; it never goes back."""
        lease.value = max(lease.value, calls.fraction(value))
        lease.message = calls.text(message, calls.PROGRESS_CHARACTERS_MAX)
        self.news = True

    def finish(self, lease: Lease, outcome: Outcome | None) -> None:
        """End an execution; without an outcome there is nothing to say about it."""
        fence = lease.task.fence
        del self.executing[fence]
        if outcome is not None:
            self.unconfirmed[fence] = lease
            self.finished.append(outcome)

    def take(self, count_max: int) -> list[Outcome]:
        """Hand over the oldest outcomes for sending."""
        taken, self.finished = self.finished[:count_max], self.finished[count_max:]
        return taken

    def settle(self, sent: list[Outcome], verdicts: Iterable[OutcomeVerdict]) -> int:
        """Drop what got a verdict; queue the rest of what was sent again, and say how many those are."""
        for verdict in verdicts:
            lease = self.unconfirmed.pop(verdict.fence, None)
            if lease is not None and verdict.verdict != "applied":
                logger.warning(
                    "outcome of task %s (%s) is %s %s",
                    lease.task.task_id,
                    lease.task.step,
                    verdict.verdict,
                    verdict.error,
                )
        again = [outcome for outcome in sent if outcome.fence in self.unconfirmed]
        self.finished = again + self.finished
        return len(again)

    def held(self) -> list[Progress]:
        """Every lease in this process's hands, for a heartbeat."""
        return [
            Progress(task_id=lease.task.task_id, fence=fence, value=lease.value, message=lease.message)
            for leases in (self.executing, self.unconfirmed)
            for fence, lease in leases.items()
        ]
