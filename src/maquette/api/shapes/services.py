"""Services as they are shown."""

from pydantic import Field

from maquette.api.shapes.base import Shape, Timestamp


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


class Service(Shape):
    """A backend that does steps, with its workers and tasks over all projects."""

    name: str
    steps: list[str] = Field(description="What its live workers do.")
    workers: list[LiveWorker]
    running: int = Field(description="Tasks that workers hold.")
    waiting: list[Waiting] = Field(description="Tasks that a worker could take now, by step.")


class ServicePage(Shape):
    """All services by name; one page."""

    items: list[Service]
    next_cursor: None
