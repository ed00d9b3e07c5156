"""What the transactor is asked for, and the state of one batch while it is being decided."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.domain import lifecycle
from maquette.domain.commands import Command, Create
from maquette.domain.decision import Decision
from maquette.domain.errors import MaquetteError, NotFound
from maquette.domain.job import Artifact, Job, Lease, Place
from maquette.store import tasks
from maquette.store.database import Connection
from maquette.store.jobs import BriefRow, RequestKey
from maquette.telemetry.trace import TraceContext


@dataclass(frozen=True, slots=True)
class NewJob:
    """What comes with ``Create`` and is no part of the job itself."""

    brief: BriefRow
    request: RequestKey | None = None
    webhook_url: str | None = None
    """Where the job's own events are sent, besides the project's webhooks."""


@dataclass(frozen=True, slots=True)
class Order:
    """One command for one job."""

    job_id: UUID
    command: Command
    new: NewJob | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """A worker's claim: up to ``capacity`` tasks of these (service, step) pairs."""

    claim_id: UUID
    worker_epoch: UUID
    worker: str
    pairs: tuple[tuple[str, str], ...]
    capacity: int
    deadline_seconds_max: float
    retried: bool = False
    only: tuple[UUID, ...] = ()
    """Jobs whose task it is for; empty: any."""


@dataclass(frozen=True, slots=True)
class Handout:
    """A leased task with all that the worker must be told."""

    job: Job
    lease: Lease
    inputs: tuple[Artifact, ...]
    params: dict[str, Any]
    seed: int
    trace: TraceContext | None = None
    """What came with the job; None where nobody traces it."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The request was answered before: this is the job it made then."""

    job_id: UUID


Verdict = Job | Replayed | MaquetteError


@dataclass(eq=False, slots=True)
class Slot:
    """A place in a batch: an order or a wish, and after the commit its result."""

    group: int
    order: Order | None = None
    wish: Wish | None = None
    verdict: Verdict | None = None
    handouts: list[Handout] = field(default_factory=list)


@dataclass(slots=True)
class Batch:
    """The state of one transaction: jobs before and after, and the rows to write."""

    now: datetime
    xid: str
    before: dict[UUID, Job | None]
    after: dict[UUID, Job]
    decisions: list[Decision] = field(default_factory=list)
    new: dict[UUID, NewJob] = field(default_factory=dict)
    inserted: dict[UUID, Job] = field(default_factory=dict)
    """New jobs as their rows have them."""
    verdicts: dict[Slot, Verdict] = field(default_factory=dict)
    handouts: dict[Slot, list[Handout]] = field(default_factory=dict)
    let_in: list[tuple[str, str]] = field(default_factory=list)
    """(service, step) of tasks that came back into line for others that ended, or that stand behind some that were
    not given out after all."""
    out_of_line: set[UUID] = field(default_factory=set)
    """Jobs whose row in line is deleted already."""
    following: dict[UUID, tuple[UUID, bytes]] = field(default_factory=dict)
    """Whose work jobs began to wait for: its leader, and the digest of the inputs."""

    def fold(
        self, slot: Slot, job_id: UUID, command: Command, take: Callable[[Decision], None] | None = None
    ) -> bool:
        """Apply a command to what the ones before it left; a refusal concerns this slot alone.

        ``take`` may raise one of its own over what was decided.
        """
        job = self.after.get(job_id)
        try:
            if job is None and not isinstance(command, Create):
                raise NotFound("There is no such job.")
            decision = lifecycle.decide(job, command, self.now)
            if take is not None:
                take(decision)
        except MaquetteError as error:
            self.verdicts[slot] = error
            return False
        self.before.setdefault(job_id, None)
        self.after[job_id] = decision.job
        self.decisions.append(decision)
        self.verdicts[slot] = decision.job
        return True

    def verdict(self, slot: Slot) -> Verdict | None:
        """Return what a slot is told: a new job as the whole batch left it, another as its own command did."""
        said = self.verdicts.get(slot)
        new = slot.order is not None and slot.order.new is not None
        return self.after[said.id] if new and isinstance(said, Job) else said

    @property
    def changed(self) -> dict[UUID, Job]:
        """Jobs that are not what they were: values are never changed in place, so another value is another object."""
        return {key: job for key, job in self.after.items() if job is not self.before[key]}

    @property
    def newly_ready(self) -> list[Job]:
        """Jobs whose task this batch makes ready, in the order of their ids."""
        return [
            job
            for key, job in sorted(self.after.items())
            if job.place is Place.READY
            and (
                (old := self.before[key]) is None
                or old.place is not Place.READY
                or old.position != job.position
                or old.service != job.service
            )
        ]


class Fences:
    """Fences drawn from the sequence in blocks: unique for good, which is all that comparing them needs."""

    _BLOCK = 500

    def __init__(self) -> None:
        self._drawn: list[int] = []

    async def take(self, connection: Connection, count: int) -> list[int]:
        """Return ``count`` fences that nobody else has or will have."""
        if len(self._drawn) < count:
            self._drawn += await tasks.next_fences(connection, max(count, self._BLOCK))
        taken, self._drawn = self._drawn[:count], self._drawn[count:]
        return taken
