"""Worker protocol: the JSON bodies of ``/worker/*``, shared by the API and the worker SDK.

Times are seconds unless a name says otherwise; timestamps are RFC 3339 UTC strings. Unknown fields are
ignored on both sides, so that either may be newer than the other.
"""

from typing import Any, Literal

import msgspec

#: Why an attempt failed. The class alone decides whether and when it is tried again.
ErrorClass = Literal["transient", "rate_limited", "timeout", "resource", "invalid", "policy", "lost_worker"]

#: What became of one thing a worker sent: applied (now, or already before), stale (the fence is not the live
#: one, or the job was canceled: the work is dropped), rejected (unacceptable, and recorded as a failure).
Verdict = Literal["applied", "stale", "rejected"]


class InputArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an earlier step, or an uploaded reference, that the handler may read."""

    id: str
    step: str
    """Step that made it; ``reference`` for an upload that came with the brief."""
    kind: str
    name: str
    """A plain file name, not unique among a task's inputs: two people may both bring a ``sketch.png``."""
    media_type: str
    bytes: int
    sha256: str
    url: str
    """Signed GET, relative to the API's base URL or absolute; valid until the lease's deadline at least."""
    attributes: dict[str, Any] = {}


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one step revision, leased to this worker until it stops sending heartbeats."""

    task_id: str
    fence: int
    job_id: str
    project_id: str
    step: str
    revision: int
    attempt: int
    asset_type: str
    service: str
    seed: int
    params: dict[str, Any]
    """Effective parameters of the step: brief, style DNA and defaults already composed and validated."""
    inputs: list[InputArtifact]
    correlation_id: str
    deadline_seconds: float
    """From the claim's answer on: the longest this attempt may take before it is failed as ``timeout``."""
    traceparent: str = ""
    """W3C trace context of the attempt, the parent of what the worker records; empty where nobody traces the job."""
    tracestate: str = ""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """``POST /worker/claims``; also the ``claim`` of an outcomes request."""

    claim_id: str
    """Chosen by the worker (a UUID). Sending the same one again replays the answer that got lost."""
    retried: bool = False
    """Whether this ``claim_id`` was sent before: only then does the server look for an answer to replay."""
    worker_epoch: str
    """A UUID made once per process start."""
    worker: str
    """A name for people: host and process."""
    services: list[str]
    steps: list[str] = []
    """Steps this worker has handlers for; empty means every step of its services."""
    capacity: int = 1
    """How many tasks at most. 0 with ``retried`` asks what this claim was given, and for nothing new: before leaving."""
    wait_seconds: float = 0.0
    """Long poll: how long to wait for a first task when there is none. Capped by the server (``MAQUETTE_POLL_SECONDS_MAX``)."""
    task_ids: list[str] = []
    """Only these, which a queue told of; empty means whatever comes next. What is not given is not to be had now."""


class ClaimAnswer(msgspec.Struct, frozen=True, kw_only=True):
    claim_id: str
    tasks: list[Task]
    heartbeat_seconds: float = 5.0
    """Send a heartbeat at least this often; after three missed ones the leases are given away."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    task_id: str
    fence: int
    value: float = 0.0
    """0 to 1, never going back within an attempt."""
    message: str = ""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """``POST /worker/heartbeats``: proves the process alive and lists every lease it holds."""

    worker_epoch: str
    worker: str
    held: list[Progress]
    draining: bool = False
    services: list[str] = []
    steps: list[str] = []
    """What this worker does, as in its claims: for people, who see which steps nobody does."""


class HeartbeatVerdict(msgspec.Struct, frozen=True, kw_only=True):
    task_id: str
    fence: int
    verdict: Literal["held", "stale", "cancel"]
    """``cancel``: stop the handler and report a canceled outcome; ``stale``: stop and report nothing."""


class HeartbeatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    verdicts: list[HeartbeatVerdict]
    heartbeat_seconds: float = 5.0


class UploadRequest(msgspec.Struct, frozen=True, kw_only=True):
    task_id: str
    fence: int
    name: str
    """A plain file name: letters, digits, ``._-``, at most 120 characters, no leading dot."""
    media_type: str
    bytes: int
    sha256: str


class UploadsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``POST /worker/uploads``: asks for presigned PUTs, several at once."""

    uploads: list[UploadRequest]


class UploadGrant(msgspec.Struct, frozen=True, kw_only=True):
    task_id: str
    name: str
    verdict: Verdict
    url: str = ""
    headers: dict[str, str] = {}
    """To be sent with the PUT exactly as given. 200, 201 and 204 mean stored; equal bytes may be sent again."""
    error: str = ""


class UploadsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    grants: list[UploadGrant]


class OutputArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file the worker has uploaded for this attempt."""

    name: str
    kind: str
    media_type: str
    bytes: int
    sha256: str
    attributes: dict[str, Any] = {}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one attempt ended. ``status`` decides which of the other fields count."""

    task_id: str
    fence: int
    status: Literal["succeeded", "failed", "canceled"]
    artifacts: list[OutputArtifact] = []
    outputs: dict[str, Any] = {}
    """What the step must persist besides files: ``seed``, ``poly_count``, ``armature``, …"""
    model: str = ""
    model_version: str = ""
    """What did the work, as the handler names it; part of the step's idempotency key and of the lineage."""
    metrics: dict[str, Any] = {}
    """``duration`` (s), ``gpu_type``, ``cost_estimate`` (the project's currency) and what else was measured."""
    error_class: ErrorClass = "transient"
    error_code: str = ""
    error_message: str = ""
    retry_after_seconds: float | None = None
    traceparent: str = ""
    """Of the span in which the worker did it, or of the task; empty where nobody traces."""


class OutcomesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``POST /worker/outcomes``: reports outcomes and, in the same transaction, asks for more work."""

    outcomes: list[Outcome]
    claim: Claim | None = None


class OutcomeVerdict(msgspec.Struct, frozen=True, kw_only=True):
    task_id: str
    fence: int
    verdict: Verdict
    error: str = ""


class OutcomesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    verdicts: list[OutcomeVerdict]
    claim: ClaimAnswer | None = None
