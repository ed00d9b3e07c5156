"""Facts, in the order they became true. One stream a job; sequences start at 1 and have no gaps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from maquette.domain import typeid

SEQUENCE_DIGITS = 20


class EventType(StrEnum):
    """What can have happened to a job."""

    JOB_CREATED = "JobCreated"
    STEP_STARTED = "StepStarted"
    STEP_COMPLETED = "StepCompleted"
    STEP_FAILED = "StepFailed"
    ATTEMPT_FAILED = "AttemptFailed"
    USER_REVIEW_UPDATED = "UserReviewUpdated"
    JOB_PAUSED = "JobPaused"
    JOB_RESUMED = "JobResumed"
    JOB_SUCCEEDED = "JobSucceeded"
    JOB_FAILED = "JobFailed"
    JOB_CANCELED = "JobCanceled"
    TASK_DEAD_LETTERED = "TaskDeadLettered"
    ASSET_INDEXED = "AssetIndexed"


TERMINAL_EVENTS = frozenset({EventType.JOB_SUCCEEDED, EventType.JOB_FAILED, EventType.JOB_CANCELED})


@dataclass(frozen=True, slots=True)
class Event:
    """One fact of a job's stream."""

    job_id: UUID
    project_id: UUID
    sequence: int
    type: EventType
    time: datetime
    correlation_id: str
    data: dict[str, Any]


def timestamp(moment: datetime) -> str:
    """Return RFC 3339 in UTC with microseconds and ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def cloud_event(event: Event) -> dict[str, Any]:
    """Return the CloudEvents 1.0 structured form (cloudevents.io; ``sequence`` and ``partitionkey`` extensions)."""
    job = typeid.encode("job", event.job_id)
    project = typeid.encode("prj", event.project_id)
    data: Mapping[str, Any] = event.data
    subject = data["asset_id"] if event.type is EventType.ASSET_INDEXED else job
    return {
        "specversion": "1.0",
        "id": typeid.encode("evt", typeid.derive(event.job_id, event.sequence)),
        "source": f"/projects/{project}/jobs/{job}",
        "type": str(event.type),
        "subject": subject,
        "time": timestamp(event.time),
        "datacontenttype": "application/json",
        "sequence": f"{event.sequence:0{SEQUENCE_DIGITS}d}",
        "partitionkey": job,
        "correlationid": event.correlation_id,
        "data": {
            "job_id": job,
            "project_id": project,
            "correlation_id": event.correlation_id,
            "ts": timestamp(event.time),
            **data,
        },
    }
