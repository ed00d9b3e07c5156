"""Webhooks: endpoints, their secrets, and the log of what was sent."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from maquette.api.shapes.base import Shape, Timestamp
from maquette.api.shapes.examples import WEBHOOK_CREATION
from maquette.domain.text import NAME
from maquette.domain.webhook import OVERLAP_SECONDS, OVERLAP_SECONDS_MAX
from maquette.outbound import URL_LENGTH_MAX

Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=URL_LENGTH_MAX,
        description="https, of a host on the public internet; no user name.",
    ),
]
Events = Annotated[
    list[Annotated[str, Field(max_length=60)]],
    Field(max_length=100, description="Types of events to send; empty: all."),
]


class WebhookCreation(Shape):
    """An endpoint for a project's events."""

    model_config = ConfigDict(json_schema_extra={"examples": [WEBHOOK_CREATION]})

    project_id: str = Field(max_length=60)
    url: Url
    name: str = Field(default="", max_length=NAME.points_max)
    events: Events = Field(default=[])


class WebhookChange(Shape):
    """What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": ["JobSucceeded", "JobFailed"]}]})

    url: Url | None = None
    name: str | None = Field(default=None, max_length=NAME.points_max)
    events: Events | None = None


class Rotation(Shape):
    """How to change a secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": OVERLAP_SECONDS}]})

    overlap_seconds: int = Field(
        default=OVERLAP_SECONDS,
        ge=0,
        le=OVERLAP_SECONDS_MAX,
        description="How long the old secret signs as well; 0 ends it at once.",
    )


class Webhook(Shape):
    """Where events are sent."""

    id: str
    project_id: str
    job_id: str | None = Field(description="The job whose `webhook_url` this is; null for the project's own.")
    url: str
    name: str
    events: list[str]
    status: Literal["enabled", "disabled"]
    disabled_at: Timestamp | None
    disabled_reason: str | None
    failing_since: Timestamp | None = Field(description="Since when every try has failed.")
    throttled_until: Timestamp | None = Field(description="Until when the receiver asked for silence.")
    secrets_overlap_until: Timestamp | None = Field(description="Until when older secrets sign, too.")
    created_at: Timestamp
    created_by: str


class NewWebhook(Webhook):
    """An endpoint with its secret, which is shown this once."""

    secret: str


class WebhookPage(Shape):
    """Webhooks, newest first."""

    items: list[Webhook]
    next_cursor: str | None


class ProjectSecret(Shape):
    """The secret that signs what is sent to the `webhook_url` of a project's jobs, shown this once."""

    project_id: str
    secret: str
    secrets_overlap_until: Timestamp | None


class WebhookTest(Shape):
    """A test that is on its way."""

    webhook_id: str
    event_id: str = Field(
        description="The log shows it under this id, and the receiver gets it as `webhook-id`."
    )


class Attempt(Shape):
    """One try."""

    attempt: int
    at: Timestamp
    duration_ms: int
    status_code: int | None = Field(description="Null: there was no answer.")
    error: str | None = Field(description="Why there was no answer: a code, a colon, a sentence.")
    next_attempt_at: Timestamp | None


class Delivery(Shape):
    """What became of an event at an endpoint, so far."""

    id: str
    webhook_id: str
    event_id: str
    event_type: str
    sequence: int
    status: Literal["pending", "succeeded", "failed", "dropped"]
    created_at: Timestamp
    finished_at: Timestamp | None
    next_attempt_at: Timestamp | None
    attempts: list[Attempt]


class DeliveryPage(Shape):
    """Deliveries, newest first."""

    items: list[Delivery]
    next_cursor: str | None
