"""Sinks as operators see them, and replays."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from maquette.api.shapes.base import Shape, Timestamp
from maquette.api.shapes.identity import Moment
from maquette.services.sinks import PER_SECOND_MAX


class Sink(Shape):
    """Where events are published to, and how that goes."""

    name: str
    served_by: int = Field(description="Maintenance processes that publish to it now; 0: it is switched off.")
    published: int = Field(description="Events that it acknowledged, ever.")
    failures: int = Field(description="Times that it refused some.")
    error: str | None = Field(description="The last refusal.")
    error_at: Timestamp | None
    pending: int = Field(description="Events that it is owed, counted up to 10,000.")
    oldest_seconds: float = Field(description="Age of the oldest of those.")
    parked: int = Field(description="Events that it can never take, counted up to 10,000.")


class SinkPage(Shape):
    """All of them."""

    items: list[Sink]
    next_cursor: str | None


class ParkedEvent(Shape):
    """An event that a sink can never take."""

    id: str
    type: str | None = Field(description="None once retention has removed the event.")
    source: str
    sequence: int
    project_id: str
    time: Timestamp
    reason: str
    parked_at: Timestamp


class ParkedPage(Shape):
    """The newest first."""

    items: list[ParkedEvent]
    next_cursor: str | None


class ReplayBody(Shape):
    """Which events a sink is to be told once more."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "per_second": 500}
            ]
        }
    )

    since: Moment = Field(description="The earliest.")
    until: Moment | None = Field(default=None, description="Nothing from then on; left out: until now.")
    project_id: Annotated[str, Field(max_length=60)] | None = Field(
        default=None, description="Only this project's."
    )
    per_second: int = Field(default=1000, ge=1, le=PER_SECOND_MAX, description="How many about.")
    dry_run: bool = Field(default=False, description="Only count them.")


class Replay(Shape):
    """How far a replay has come."""

    id: str | None = Field(description="None of a dry run.")
    sink: str
    project_id: str | None
    since: Timestamp
    until: Timestamp | None
    per_second: int
    status: Literal["running", "finished", "canceled", "dry_run"]
    reached: Timestamp | None = Field(description="All that happened before is on its way or there.")
    told: int
    matching: dict[str, int] = Field(description="Of a dry run: events by type, counted up to 100,000.")
    created_at: Timestamp | None
    created_by: str
    finished_at: Timestamp | None


class ReplayPage(Shape):
    """The newest first."""

    items: list[Replay]
    next_cursor: str | None
