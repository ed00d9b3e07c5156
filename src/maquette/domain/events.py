"""Facts, in the order they became true. A job is a stream, so is a webhook; sequences start at 1 without gaps."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from maquette.domain import typeid
from maquette.telemetry.trace import TraceContext

SEQUENCE_DIGITS = 20


class EventType(StrEnum):
    """What can have happened, as far as this version knows: a name of a later one is kept as it is.

    Processes of two versions share an outbox while an installation is upgraded. What reads it passes on what it does not
    know; as an error, the first such event held up its stream, and its relay all others.
    """

    JOB_CREATED = "JobCreated"
    STEP_STARTED = "StepStarted"
    STEP_COMPLETED = "StepCompleted"
    STEP_FAILED = "StepFailed"
    ATTEMPT_FAILED = "AttemptFailed"
    USER_REVIEW_UPDATED = "UserReviewUpdated"
    GATE_REMINDED = "GateReminded"
    GATE_ESCALATED = "GateEscalated"
    PAUSE_REQUESTED = "PauseRequested"
    JOB_PAUSED = "JobPaused"
    JOB_RESUMED = "JobResumed"
    STEP_REROUTED = "StepRerouted"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"
    SAFETY_DECIDED = "SafetyDecided"
    JOB_SUCCEEDED = "JobSucceeded"
    JOB_FAILED = "JobFailed"
    JOB_CANCELED = "JobCanceled"
    TASK_DEAD_LETTERED = "TaskDeadLettered"
    JOB_REDRIVEN = "JobRedriven"
    DEAD_LETTER_DISCARDED = "DeadLetterDiscarded"
    ASSET_INDEXED = "AssetIndexed"
    WEBHOOK_DISABLED = "WebhookDisabled"
    WEBHOOK_TEST = "WebhookTest"
    SAFETY_OVERRIDDEN = "SafetyOverridden"

    @classmethod
    def _missing_(cls, value: object) -> "EventType | None":
        if not isinstance(value, str) or not value:
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = unknown._value_ = value
        return unknown


FINAL_EVENTS = frozenset({EventType.JOB_SUCCEEDED, EventType.JOB_CANCELED})
"""What nothing comes after in a job's stream. After ``JobFailed`` a person may have the step tried again."""


class StreamKind(NamedTuple):
    """What a stream is about: its folder in URIs, the prefix of its ids, the name of its id in ``data``."""

    folder: str
    prefix: str
    id_name: str


JOB_STREAM = StreamKind("jobs", "job", "job_id")
_WEBHOOK = StreamKind("webhooks", "whk", "webhook_id")
_RULING = StreamKind("safety/decisions", "sdc", "decision_id")
#: Which stream a type belongs to; what is not listed happens to jobs.
_STREAMS: Mapping[EventType, StreamKind] = {
    EventType.WEBHOOK_DISABLED: _WEBHOOK,
    EventType.WEBHOOK_TEST: _WEBHOOK,
    EventType.SAFETY_OVERRIDDEN: _RULING,
}


class Event(Struct, frozen=True):
    """One fact of a stream. ``stream_id`` is what it happened to: a job, a webhook."""

    stream_id: UUID
    project_id: UUID
    sequence: int
    type: EventType
    time: datetime
    correlation_id: str
    data: dict[str, Any]
    trace: TraceContext | None = None
    """The span that it happened in; readers fill it in for streams that somebody traces."""


def stream_kind(kind: EventType) -> StreamKind:
    """Return what the streams are about in which a type of event occurs."""
    return _STREAMS.get(kind, JOB_STREAM)


def timestamp(moment: datetime) -> str:
    """Return RFC 3339 in UTC with microseconds and ``Z``."""
    # Half of what strftime takes: each event that leaves has its time written twice.
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


def cloud_event(event: Event) -> dict[str, Any]:
    """Return the CloudEvents 1.0 structured form (cloudevents.io; extensions ``sequence``, ``partitionkey``, distributed tracing)."""
    folder, prefix, id_name = stream_kind(event.type)
    stream = typeid.encode(prefix, event.stream_id)
    project = typeid.encode("prj", event.project_id)
    data: Mapping[str, Any] = event.data
    traced = {} if event.trace is None else event.trace.headers()
    subject = data["asset_id"] if event.type is EventType.ASSET_INDEXED else stream
    time = timestamp(event.time)
    return {
        "specversion": "1.0",
        "id": typeid.encode("evt", typeid.derive(event.stream_id, event.sequence)),
        "source": f"/projects/{project}/{folder}/{stream}",
        "type": str(event.type),
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "sequence": f"{event.sequence:0{SEQUENCE_DIGITS}d}",
        "partitionkey": stream,
        "correlationid": event.correlation_id,
        **traced,
        "data": {
            id_name: stream,
            "project_id": project,
            "correlation_id": event.correlation_id,
            "ts": time,
            **data,
        },
    }


def reference_form(event: Event, left_out_bytes: int) -> dict[str, Any]:
    """Return the event for a sink that cannot take all of it: without what its type says, with how much that is.

    A consumer still hears of it, in its place in the stream. ``dataref`` (CloudEvents' extension for a claim check) is
    where the API tells the whole event; the streams of jobs alone have one, and no other type comes near any limit.
    """
    whole = cloud_event(event)
    kept = {stream_kind(event.type).id_name, "project_id", "correlation_id", "ts", "step_name"}
    data = {name: value for name, value in whole["data"].items() if name in kept}
    form = {**whole, "data": {**data, "left_out_bytes": left_out_bytes}}
    if stream_kind(event.type) is JOB_STREAM:
        form["dataref"] = f"/jobs/{whole['partitionkey']}/events?last_event_id={event.sequence - 1}"
    return form
