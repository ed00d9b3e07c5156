"""Services as they are shown."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from maquette.api.shapes.base import Shape, Timestamp
from maquette.api.shapes.examples_services import SERVICE_CHANGE


class LiveWorker(Shape):
    """A worker process that was heard of lately."""

    name: str
    steps: list[str] = Field(description="Steps it does; empty when it named none: all of the service's.")
    last_heartbeat_at: Timestamp | None
    draining: bool = Field(description="It finishes what it holds and takes nothing more.")
    running: int


class Waiting(Shape):
    """Ready tasks of a step."""

    step: str
    tasks: int = Field(description="Counted up to 10,000.")


class BreakerPolicy(Shape):
    """When the breaker opens and closes."""

    window_seconds: float = Field(description="Attempts that ended in it are judged.")
    calls_min: int = Field(description="Fewer attempts in the window say nothing.")
    failure_rate: float = Field(description="The part of attempts that failed at which it opens.")
    slow_seconds: float | None = Field(description="From here on an attempt is slow; null: none is.")
    slow_rate: float = Field(description="The part of attempts that were slow at which it opens.")
    open_seconds: float = Field(
        description="How long it stays open at first; each time in a row twice as long."
    )
    open_seconds_max: float
    probes: int = Field(description="Attempts at a time while it is half-open.")
    successes_to_close: int


class Recent(Shape):
    """Attempts of the window, all processes together."""

    attempts: int
    failed: int
    slow: int


class Breaker(Shape):
    """Whether the service is asked."""

    state: Literal["closed", "open", "half_open"] = Field(
        description="An operator's word comes before its own."
    )
    since: Timestamp | None = Field(description="Since when its own state holds; null: from the start.")
    reason: str
    probe_at: Timestamp | None = Field(description="When an open one is tried again.")
    forced: Literal["open", "closed"] | None
    forced_by: str | None
    recent: Recent
    policy: BreakerPolicy


class BreakerChange(Shape):
    """What is left out stays as it is."""

    window_seconds: float | None = None
    calls_min: int | None = None
    failure_rate: float | None = None
    slow_seconds: float | None = None
    slow_rate: float | None = None
    open_seconds: float | None = None
    open_seconds_max: float | None = None
    probes: int | None = None
    successes_to_close: int | None = None


class ServiceChange(Shape):
    """What is left out stays as it is; null takes a bound away."""

    model_config = ConfigDict(json_schema_extra={"examples": [SERVICE_CHANGE]})

    concurrency_max: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="Tasks that workers may hold at a time, over all processes."
    )
    starts_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Attempts begun in a minute; up to a quarter of them at once."
    )
    draining: bool = Field(
        default=False, description="What runs goes on to its end, nothing more is given to it."
    )
    breaker: BreakerChange | None = Field(default=None, description="Null: as services are by default.")
    forced: Literal["open", "closed"] | None = Field(
        default=None,
        description="`open`: nobody asks it; `closed`: it is asked whatever happens; null: it is judged.",
    )
    reason: Annotated[str, Field(max_length=500)] = Field(default="", description="Goes with `forced`.")


class Service(Shape):
    """A backend that does steps, with its workers and tasks over all projects."""

    name: str
    available: bool = Field(description="Whether tasks are given to it.")
    unavailable_reason: Literal["breaker_open", "forced_open", "draining"] | None
    breaker: Breaker
    concurrency_max: int | None
    starts_per_minute: int | None
    draining: bool
    steps: list[str] = Field(description="What its live workers do.")
    workers: list[LiveWorker]
    running: int = Field(description="Tasks that workers hold.")
    waiting: list[Waiting] = Field(description="Tasks that a worker could take now, by step.")


class ServicePage(Shape):
    """All services by name; one page."""

    items: list[Service]
    next_cursor: None
