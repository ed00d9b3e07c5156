"""A job and what is true of it: frozen values, without any way to change them but ``lifecycle.decide``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct, field

from maquette.domain import typeid
from maquette.domain.fair import FIRST, Share
from maquette.domain.ledger import Bill
from maquette.domain.pipeline import Pipeline, StepSpec, pinned
from maquette.domain.retry import AS_SHIPPED, StepRetries
from maquette.domain.review import GatePolicy
from maquette.domain.ruling import Withheld

#: What a file may be called: nothing that could leave its folder, hide, or mean something to a shell.
FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}")


class JobStatus(StrEnum):
    """Where a job is. The last three are for good."""

    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_REVIEW = "awaiting_review"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED})


class StepStatus(StrEnum):
    """Where a step revision is."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    APPROVED = "approved"
    REJECTED = "rejected"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


class PauseReason(StrEnum):
    """Why a step or its job stands still."""

    REVIEW = "review"
    DECISION = "decision"
    SAFETY = "safety"
    QUOTA = "quota"
    SERVICE_UNAVAILABLE = "service_unavailable"
    REUSE = "reuse"


class Hold(StrEnum):
    """What keeps a job from going on besides its own work and an open gate.

    Several can be there at once; the job goes on when none is left. They are kept as bits in this order: new ones go
    to the end.
    """

    DECISION = "decision"
    """A person paused it."""
    PROMPT = "prompt"
    """Nobody has said yet whether what it asks for may be made: nothing is dispatched."""
    RESULT = "result"
    """The current step's work is finished and nobody has said yet whether it may be seen."""
    QUOTA = "quota"
    """What comes next costs more than there is left."""
    SERVICE = "service"
    """No service of the current step's route is to be had."""
    REUSE = "reuse"
    """An equal step is being done by another job: its work is waited for."""


#: How a hold is shown, the first that applies: who resumes a job should see what would hold it all the same.
_SHOWN: Mapping[Hold, PauseReason] = {
    Hold.RESULT: PauseReason.SAFETY,
    Hold.PROMPT: PauseReason.SAFETY,
    Hold.QUOTA: PauseReason.QUOTA,
    Hold.DECISION: PauseReason.DECISION,
    Hold.SERVICE: PauseReason.SERVICE_UNAVAILABLE,
    Hold.REUSE: PauseReason.REUSE,
}


class Place(StrEnum):
    """Which small table knows the job's task; it follows from the job alone."""

    NONE = "none"
    READY = "ready"
    DELAYED = "delayed"
    LEASED = "leased"


class Lease(Struct, frozen=True):
    """A worker's time-limited claim on one attempt. Only the holder of ``fence`` may end it."""

    fence: int
    worker_epoch: UUID
    claim_id: UUID
    worker: str
    service: str
    leased_at: datetime
    deadline_at: datetime
    inputs_digest: bytes = b""
    canceling: bool = False
    share: Share = FIRST
    """When it was this task's turn, in virtual time."""


@dataclass(frozen=True, slots=True)
class Detour:
    """Another service does one revision of a step than the one that was asked for."""

    position: int
    revision: int
    service: str
    reason: str
    """Why the first of the route did not."""


class Job(Struct, frozen=True):
    """One run of a pipeline for one brief, at its current step."""

    id: UUID
    project_id: UUID
    asset_type: str
    pipeline_version: int
    correlation_id: str
    skipped: frozenset[int]
    gates: frozenset[int]
    status: JobStatus
    position: int
    step_status: StepStatus
    revisions: tuple[int, ...]
    """Current revision of every step of the pipeline."""
    created_at: datetime
    gate_open: bool = False
    """The current step's work is finished and a person is to decide about it."""
    attempt: int = 0
    """Attempts made at the current step revision; counted when claimed."""
    attempts_before: int = 0
    """Those of them that were made before a person had the step tried again: they use up none of its retries."""
    retry_at: datetime | None = None
    sequence: int = 0
    priority: int = 0
    default_service: str = "studio"
    """Who does the steps that no route names."""
    routes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Services that may do a step, the preferred one first, by position; pinned when the job was created."""
    detour: Detour | None = None
    """The last fallback that was chosen; it says nothing of other steps and revisions."""
    lease: Lease | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Mapping[str, Any] | None = None
    asset_id: UUID | None = None
    provided: frozenset[int] = frozenset()
    """Steps whose work came with the brief: done from the start, without an attempt and without a gate."""
    holds: frozenset[Hold] = frozenset()
    """Its status is ``paused`` as long as there is one; ``domain/holds.py`` adds and removes them."""
    hold_at: int | None = None
    """A step further on before which a person holds the job."""
    gate_policies: Mapping[int, GatePolicy] = field(default_factory=dict)
    """What follows when nobody decides, by position; pinned when the job was created."""
    gate_since: datetime | None = None
    """Since when the open gate's clock runs; None without a policy, and while the job is held."""
    gate_due_at: datetime | None = None
    """When the open gate's policy has something to do next."""
    retries: Mapping[int, StepRetries] = field(default_factory=dict)
    """What the project says of trying again, by position; pinned when the job was created."""
    lost: tuple[str, ...] = ()
    """Workers that were gone while they had the current step, since it began or a person had it tried again."""
    reuse: str = ""
    """``allow``: it takes over what others made, ``never``: it does not. Empty: its seed was drawn, so nothing can be equal yet."""
    bill: Bill | None = None
    """Estimates and what was spent; None as long as it costs nothing."""

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline this job pinned."""
        return pinned(self.asset_type, self.pipeline_version)

    @property
    def spec(self) -> StepSpec:
        """The current step."""
        return self.pipeline.steps[self.position]

    @property
    def service(self) -> str:
        """Who is to do the current step."""
        detour = self.fallback
        return self.service_at(self.position) if detour is None else detour.service

    @property
    def fallback(self) -> Detour | None:
        """Why somebody else than the first of its route does the current step; None when nobody else does."""
        detour = self.detour
        if detour is None or detour.position != self.position or detour.revision != self.revision:
            return None
        return detour

    @property
    def route(self) -> tuple[str, ...]:
        """Who may do the current step, the preferred one first."""
        return self.routes.get(self.position) or (self.default_service,)

    def service_at(self, position: int) -> str:
        """Return who is asked for a step: the first of its route."""
        return self.routes[position][0] if position in self.routes else self.default_service

    @property
    def step_retries(self) -> StepRetries:
        """What the project says of trying the current step again."""
        return self.retries.get(self.position, AS_SHIPPED)

    @property
    def deadline_seconds(self) -> float:
        """How long an attempt at the current step may take."""
        own = self.step_retries.deadline_seconds
        return self.spec.deadline_seconds if own is None else own

    @property
    def revision(self) -> int:
        """Revision of the current step."""
        return self.revisions[self.position]

    @property
    def pause_reason(self) -> PauseReason | None:
        """Why the current step is paused; None when it is not."""
        if self.step_status is not StepStatus.PAUSED:
            return None
        return next((shown for hold, shown in _SHOWN.items() if hold in self.holds), PauseReason.REVIEW)

    @property
    def place(self) -> Place:
        """Where the task of the current step is kept."""
        if self.lease is not None:
            return Place.LEASED
        if self.status in TERMINAL or self.step_status is not StepStatus.PENDING:
            return Place.NONE
        return Place.READY if self.retry_at is None else Place.DELAYED

    def next_position(self) -> int | None:
        """Return the next step that is to run, or None after the last one."""
        for position in range(self.position + 1, len(self.revisions)):
            if position not in self.skipped and position not in self.provided:
                return position
        return None


class Artifact(Struct, frozen=True):
    """A file that a step made, as the database knows it."""

    id: UUID
    job_id: UUID
    position: int
    revision: int
    attempt: int
    step: str
    kind: str
    name: str
    media_type: str
    bytes: int
    sha256: str
    key: str
    attributes: Mapping[str, Any]
    selected: bool | None = None
    """A reviewer's choice among the artifacts of a step; None where nobody chose."""
    expired: bool = False
    """Its file is gone by the project's retention; what is known of it stays."""
    replaced_by: UUID | None = None
    """The artifact that took this one's place at a review; this one is history then."""
    withheld: Withheld | None = None
    """Why nobody can read its file; None when it may be seen."""


class StepRecord(Struct, frozen=True):
    """A step revision whose work has ended; one row, written once (a review only changes its status)."""

    job_id: UUID
    position: int
    revision: int
    step: str
    status: StepStatus
    attempt: int
    fence: int | None
    service: str
    worker: str
    started_at: datetime | None
    finished_at: datetime
    idempotency_key: str | None
    outputs: Mapping[str, Any]
    metrics: Mapping[str, Any]
    model: str = ""
    model_version: str = ""
    error: Mapping[str, Any] | None = None
    reused_from: UUID | None = None
    """The step revision that did this work, when it was not done again."""
    safety: str = ""
    """Versions of the policies that allowed it, ``floor.platform.project``."""
    route_reason: str = ""
    """Why a fallback did it; empty when the service that was asked for did."""


def step_id(job_id: UUID, position: int, revision: int) -> UUID:
    """Return the id of a step revision: it follows from what it is a revision of."""
    return typeid.derive(job_id, position, revision)


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """An attempt that did not win: the history behind a step."""

    job_id: UUID
    position: int
    revision: int
    attempt: int
    fence: int
    service: str
    worker: str
    started_at: datetime
    finished_at: datetime
    error: Mapping[str, Any]
    reported: bool
    """The worker said so itself; when it says so again it is told `applied`, else `stale`."""


def object_prefix(job: Job) -> str:
    """Return the folder of the current attempt's files: versioned, so that nothing is ever rewritten."""
    folder = job_folder(job.project_id, job.id)
    return f"{folder}{job.position}-{job.spec.name}/r{job.revision}/a{job.attempt}/"


def job_folder(project_id: UUID, job_id: UUID) -> str:
    """Return what the keys of all files begin with that a job's attempts made."""
    return f"projects/{project_id}/jobs/{job_id}/"
