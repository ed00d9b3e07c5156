"""Events for sinks: streams of jobs, made without a database."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from maquette.domain.events import Event, EventType
from maquette.services.ids import new_id

PROJECT = UUID("01990000-0000-7000-8000-000000000002")
_BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(stream: uuid.UUID, sequence: int, data: dict[str, Any] | None = None) -> Event:
    return Event(
        stream,
        PROJECT,
        sequence,
        EventType.STEP_STARTED,
        _BEGAN + timedelta(milliseconds=sequence),
        "corr-1",
        {"job_status": "running", "step_name": "refine", "service": "studio"} if data is None else data,
    )


def streams(count: int, length: int) -> list[Event]:
    """Return streams one after the other, each from 1."""
    return [
        event(stream, number)
        for stream in [new_id() for _ in range(count)]
        for number in range(1, length + 1)
    ]
