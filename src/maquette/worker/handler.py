"""What a handler sees and returns. A handler is ``(Context) -> Succeeded | Failed``, sync or async."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maquette.wire import ErrorClass


@dataclass(frozen=True, slots=True)
class Input:
    """A downloaded and checksum-verified input file. Read it; never write to it."""

    step: str
    """Step that made it; ``reference`` for an upload that came with the brief."""
    kind: str
    """``image``, ``mesh``, ``clip``, …"""
    name: str
    media_type: str
    path: Path
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Output:
    """A file in ``Context.workdir`` to be uploaded as an artifact of the step."""

    path: Path
    kind: str
    media_type: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The artifact's file name."""
        return self.path.name


@dataclass(frozen=True, slots=True)
class Context:
    """One attempt at one step. Everything a handler may depend on is in here."""

    step: str
    params: Mapping[str, Any]
    seed: int
    inputs: tuple[Input, ...]
    workdir: Path
    """An empty directory of this attempt; removed afterwards."""
    progress: Callable[[float, str], None]
    """``progress(value, message)``, value from 0 to 1. Cheap; call it as often as there is news."""
    job_id: str = ""
    project_id: str = ""
    asset_type: str = ""
    revision: int = 0
    attempt: int = 1
    correlation_id: str = ""
    traceparent: str = ""
    """W3C trace context to send along when the handler asks somebody else; empty where nobody traces the job."""
    tracestate: str = ""

    def of_kind(self, kind: str) -> tuple[Input, ...]:
        """Give the inputs of one kind, in the order the server gave them (the selected or first one first)."""
        return tuple(item for item in self.inputs if item.kind == kind)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The step's work is done; the files in ``artifacts`` exist in the work directory."""

    artifacts: tuple[Output, ...]
    outputs: Mapping[str, Any]
    model: str
    """What did the work: ``maquette-studio/painter``, ``sdxl``, … Honest, for people and for the lineage."""
    model_version: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Additions to what the runner measures itself (``duration``, ``gpu_type``, ``cost_estimate``)."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed. ``error_class`` decides whether the server tries again."""

    code: str
    """lower_snake_case, stable: ``mesh_has_no_faces``."""
    message: str
    error_class: ErrorClass = "invalid"
    retry_after_seconds: float | None = None


Result = Succeeded | Failed
Handler = Callable[[Context], Result] | Callable[[Context], Awaitable[Result]]
