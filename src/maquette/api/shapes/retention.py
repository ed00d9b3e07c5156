"""How long a project keeps what nothing needs any more, and what a run takes away."""

from pydantic import ConfigDict, Field

from maquette.api.shapes.base import Shape
from maquette.api.shapes.examples_retention import RETENTION, RETENTION_RUN
from maquette.domain.retention import DAYS_MAX

_CHOICE = Field(
    default=None, ge=0, le=DAYS_MAX, description="Days; 0: for ever; null: the platform's default."
)


class RetentionBody(Shape):
    """What the project chooses; what is left out or null follows the platform's default."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"artifacts_days": 14, "jobs_days": 0, "uploads_days": None}]}
    )

    events_days: int | None = _CHOICE
    artifacts_days: int | None = _CHOICE
    jobs_days: int | None = _CHOICE
    uploads_days: int | None = _CHOICE
    request_keys_days: int | None = _CHOICE


class RetentionPolicy(Shape):
    """What holds, in days; 0: for ever."""

    events_days: int = Field(description="Events, to the end of the month in which their time is over.")
    artifacts_days: int = Field(
        description="From the end of their job: files of superseded revisions and lost attempts, those that a "
        "reviewer left aside, and all of canceled jobs."
    )
    jobs_days: int = Field(description="Finished jobs with all that hangs on them. Their assets stay.")
    uploads_days: int = Field(description="Uploads that nothing uses.")
    request_keys_days: int = Field(description="Idempotency keys; never longer than their jobs.")


class Retention(Shape):
    """A version of the policy: what the project chose, and what holds."""

    model_config = ConfigDict(json_schema_extra={"examples": [RETENTION]})

    version: int
    chosen: RetentionBody
    effective: RetentionPolicy


class RetentionRunBody(Shape):
    """Whether to take away or only to tell."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"dry_run": True}]})

    dry_run: bool


class RetentionTally(Shape):
    """What goes in one category."""

    category: str = Field(description="`request_keys`, `jobs`, `artifacts`, `uploads` or `events`.")
    rows: int = Field(description="Jobs, artifacts, uploads, keys, events.")
    objects: int
    bytes: int = Field(description="Of the objects.")
    examples: list[str] = Field(description="Up to five ids.")


class RetentionRun(Shape):
    """What went, or with ``dry_run`` would go."""

    model_config = ConfigDict(json_schema_extra={"examples": [RETENTION_RUN]})

    dry_run: bool
    complete: bool = Field(description="False: time was up; the loop in the background does the rest.")
    policy: RetentionPolicy
    categories: list[RetentionTally]
