"""Everything that can be asked of a job. Values drawn by chance (jitter, seeds, ids) come in with the command."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from msgspec import Struct

from maquette.domain.job import Artifact, Hold, Job, Lease, StepRecord
from maquette.domain.ledger import Amount
from maquette.domain.review import Verdict
from maquette.domain.ruling import Override, Ruling


@dataclass(frozen=True, slots=True)
class Create:
    """Record a new job, with the work that came with its brief, and queue the first step that is to run."""

    job: Job
    records: tuple[StepRecord, ...] = ()
    """Steps that are done from the start."""
    artifacts: tuple[Artifact, ...] = ()
    """Their files, and references."""
    ruling: Ruling | None = None
    """Why it is held before it begins; None when nothing was found."""


class Start(Struct, frozen=True):
    """A worker claimed the task: the attempt is counted now, so that a worker-killer runs out of attempts."""

    lease: Lease


class Complete(Struct, frozen=True):
    """The attempt under ``fence`` did the work; files and outputs have been checked."""

    fence: int
    artifacts: tuple[Artifact, ...]
    outputs: Mapping[str, Any]
    metrics: Mapping[str, Any]
    model: str
    model_version: str
    safety: str = ""
    """Versions of the policies that allowed it, ``floor.platform.project``; empty when it is not allowed yet."""
    ruling: Ruling | None = None
    """What was decided about it other than to allow it."""
    unjudged: bool = False
    """A moderator outside has yet to see its files."""


class Fail(Struct, frozen=True):
    """The attempt under ``fence`` failed; ``jitter`` is a uniform draw from [0, 1)."""

    fence: int
    error_class: str
    code: str
    message: str
    jitter: float
    retry_after_seconds: float | None = None
    reported: bool = True
    """The worker itself said so."""
    died: bool = False
    """The worker is gone, as far as anybody can tell: what it was doing may be why."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The worker stopped the attempt under ``fence`` because it was told to."""

    fence: int


@dataclass(frozen=True, slots=True)
class Expire:
    """The lease ended by itself: ``lost_worker`` (no heartbeat) or ``timeout`` (deadline passed)."""

    fence: int
    error_class: str
    jitter: float
    died: bool = True
    """Its worker fell silent; False when it let go of the lease, or never heard of it."""


@dataclass(frozen=True, slots=True)
class RetryDue:
    """The wait before the next attempt may be over."""


@dataclass(frozen=True, slots=True)
class ReuseResolved:
    """An equal step has been done before: the current revision takes its record and its files over."""

    record: StepRecord
    artifacts: tuple[Artifact, ...]
    """The files again, with ids of their own, as those of the current revision."""


@dataclass(frozen=True, slots=True)
class EqualInFlight:
    """Another job is doing an equal step right now: its work is waited for."""

    leader: UUID


@dataclass(frozen=True, slots=True)
class EqualEnded:
    """Nobody may be doing an equal step any more, however that ended: look again."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A file that takes the place of what a step made."""

    original: UUID
    upload: str
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class Review:
    """A person decided about one step revision."""

    step: str
    revision: int
    verdict: Verdict
    by: str
    notes: str = ""
    selection: tuple[UUID, ...] = ()
    changes: Mapping[str, Any] | None = None
    rewind_to: str | None = None
    effective: bytes | None = None
    """Effective inputs of the steps to be redone, composed and judged again."""
    safety: str = ""
    """Versions of the policies that allowed them, as in ``Complete``."""
    replacements: tuple[Replacement, ...] = ()
    ruling: Ruling | None = None
    """Why the job is held before it goes on with what was changed; None when nothing was found."""
    estimates: tuple[Amount, ...] | None = None
    """What each step may cost with what was changed; None when that stays as it was."""


@dataclass(frozen=True, slots=True)
class GateTimeout:
    """The gate after this step revision may have waited long enough."""

    step: str
    revision: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A person holds the job: what runs finishes and is recorded, nothing further starts.

    With ``before``, the name of a step further on, it is held when that step would begin.
    """

    by: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """A person lets a held job go on, or takes back the hold before a step further on."""

    by: str
    max_micros: int | None = None
    """What it may cost from now on, in micro-dollars; None when that stays as it is."""


@dataclass(frozen=True, slots=True)
class QuotaExhausted:
    """The task would be leased, but its project or user has spent what it may in this month."""

    limit: str


@dataclass(frozen=True, slots=True)
class QuotaAvailable:
    """There may be room again for what a job waits to spend."""


@dataclass(frozen=True, slots=True)
class Reroute:
    """Another service of its route is to do the waiting task."""

    service: str
    reason: str
    """Why the one that was asked for does not; empty when it does again."""
    estimate: Amount | None = None
    """What the step may cost there; None when that stays as it was."""


@dataclass(frozen=True, slots=True)
class NoRoute:
    """The task waits, and no service of its route is to be had."""

    reason: str


@dataclass(frozen=True, slots=True)
class RouteAvailable:
    """A service may be there again for what a job waits for."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """A person gives the job up."""

    by: str


@dataclass(frozen=True, slots=True)
class SafetyDecided:
    """It is known now whether what a job is held for may be: a moderator answered, or a person decided.

    ``position`` and ``revision`` are of the step that is held: a word on an earlier hold comes too late.
    """

    hold: Hold
    """``Hold.PROMPT`` or ``Hold.RESULT``."""
    position: int
    revision: int
    allowed: bool
    ruling_id: UUID
    categories: tuple[str, ...]
    by: str
    safety: str = ""
    """As in ``Complete``."""
    ruling: Ruling | None = None
    """When it is new: what the moderator said."""
    override: Override | None = None
    """When a person decided."""


@dataclass(frozen=True, slots=True)
class Redrive:
    """A person has the step tried again that a job failed at; what is finished stays."""

    letter_id: UUID
    by: str
    changes: Mapping[str, Any] | None = None
    effective: bytes | None = None
    """Effective inputs with the changes, validated, composed and judged again; None when there are none."""
    safety: str = ""
    """As in ``Complete``."""
    ruling: Ruling | None = None
    """Why the job is held before it goes on with what was changed."""
    estimates: tuple[Amount, ...] | None = None
    """As in ``Review``."""


@dataclass(frozen=True, slots=True)
class Discard:
    """A person gives a dead letter up: the job stays failed, for good."""

    letter_id: UUID
    by: str
    reason: str = ""


Command = (
    Create
    | Start
    | ReuseResolved
    | EqualInFlight
    | EqualEnded
    | Complete
    | Fail
    | Acknowledge
    | Expire
    | RetryDue
    | Review
    | GateTimeout
    | Pause
    | Resume
    | QuotaExhausted
    | QuotaAvailable
    | Reroute
    | NoRoute
    | RouteAvailable
    | Cancel
    | SafetyDecided
    | Redrive
    | Discard
)
COMMANDS: tuple[type[Command], ...] = (
    Create,
    Start,
    ReuseResolved,
    EqualInFlight,
    EqualEnded,
    Complete,
    Fail,
    Acknowledge,
    Expire,
    RetryDue,
    Review,
    GateTimeout,
    Pause,
    Resume,
    QuotaExhausted,
    QuotaAvailable,
    Reroute,
    NoRoute,
    RouteAvailable,
    Cancel,
    SafetyDecided,
    Redrive,
    Discard,
)
