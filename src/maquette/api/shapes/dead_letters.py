"""Dead letters as they are shown, and what people ask about them."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from maquette.api.shapes.base import Shape, Timestamp
from maquette.api.shapes.jobs import Changes, FailedAttempt
from maquette.domain.text import NOTES
from maquette.services.dead_letters import CAP_MAX, PER_MINUTE_MAX

Status = Literal["open", "redriven", "discarded"]


class DeadLetter(Shape):
    """A task that nobody tries again by itself."""

    id: str
    project_id: str
    job_id: str
    job_status: str = Field(description="What the job is now.")
    asset_type: str
    step: str
    revision: int
    attempt: int = Field(description="The last one that was made.")
    status: Status
    error: dict[str, Any] = Field(description="Why: `code`, `message`, `class`; of `poison` also `workers`.")
    created_at: Timestamp
    closed_at: Timestamp | None
    closed_by: str | None
    reason: str | None = Field(description="Why it was discarded.")
    correlation_id: str


class DeadLetterWithAttempts(DeadLetter):
    """The same with its whole history."""

    attempts: list[FailedAttempt]


class DeadLetterPage(Shape):
    """Newest first."""

    items: list[DeadLetter]
    next_cursor: str | None


class RedriveBody(Shape):
    """What is to be different this time. What is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"changes": {"params": {"retopo": {"target_polycount": 8000}}}}]}
    )

    changes: Changes = Changes()


class DiscardBody(Shape):
    """Why nobody is to try again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the brief was a mistake"}]})

    reason: str = Field(default="", max_length=NOTES.points_max)


class LetterFilter(Shape):
    """Which open letters; what is left out does not matter."""

    step: Annotated[str, Field(max_length=40)] | None = None
    error_code: Annotated[str, Field(max_length=60)] | None = None


class RedriveMany(Shape):
    """An order to redrive what has failed until now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project_id": "prj_01h45ytscbebyvny4gc8cr8ma2",
                    "filter": {"error_code": "lost_worker"},
                    "per_minute": 60,
                }
            ]
        }
    )

    project_id: str = Field(max_length=60)
    filter: LetterFilter = LetterFilter()
    per_minute: int = Field(default=60, ge=1, le=PER_MINUTE_MAX, description="How many at most.")
    max: int = Field(default=1000, ge=1, le=CAP_MAX, description="How many in all.")
    dry_run: bool = Field(default=False, description="Only say which ones it would be.")


class Redrive(Shape):
    """How far an order has come."""

    id: str | None = Field(description="None of a dry run.")
    project_id: str
    filter: dict[str, str]
    per_minute: int
    max: int
    status: Literal["running", "finished", "canceled", "dry_run"]
    redriven: int
    refused: int = Field(description="Somebody was faster, or it may not be tried again.")
    matching: list[str] = Field(description="Of a dry run: the first hundred that it would come to.")
    created_at: Timestamp | None
    created_by: str
    finished_at: Timestamp | None
