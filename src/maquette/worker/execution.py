"""One task from lease to outcome: a straight line of stages over one value.

    download ─► handle ─► collect ─► upload ─► outcome

Each stage takes an Attempt and gives the next one; the first failure ends the line. Nothing here knows of
claims, heartbeats or other tasks, and nothing here outlives the attempt: its directories are gone at the end.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from maquette.telemetry.ids import binding
from maquette.telemetry.tracer import OFF, Tracer
from maquette.wire import Outcome, OutputArtifact, Task
from maquette.worker.calls import Answer, Measures
from maquette.worker.errors import AttemptFailed
from maquette.worker.folders import Folders
from maquette.worker.handler import Failed, Input, Output, Result, Succeeded
from maquette.worker.tracing import AttemptTrace
from maquette.worker.transfer import Transfers, sha256_of

ReportProgress = Callable[[float, str], None]
RunHandler = Callable[[Task, tuple[Input, ...], Path, ReportProgress], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Equipment:
    """What an attempt needs of its worker."""

    folders: Folders
    transfers: Transfers
    run: RunHandler
    """Runs the step's handler wherever it has to run; never raises for what the handler does."""
    gpu_type: str
    cost_per_second: float
    """In the project's currency."""
    tracer: Tracer = OFF
    worker: str = ""

    def metrics(self, duration_seconds: float) -> dict[str, Any]:
        """Say what every attempt reports: how long it occupied the worker, on what, and what that costs."""
        return {
            "duration": round(duration_seconds, 6),
            "gpu_type": self.gpu_type,
            "cost_estimate": self.cost_per_second * duration_seconds,
        }


@dataclass(frozen=True, slots=True)
class Attempt:
    """A task on its way; each stage fills in one more field."""

    task: Task
    workdir: Path
    progress: ReportProgress
    inputs: tuple[Input, ...] = ()
    result: Result | None = None
    measures: Measures | None = None
    files: tuple[OutputArtifact, ...] = ()


async def execute(task: Task, equipment: Equipment, progress: ReportProgress) -> Outcome:
    """Carry one task through all stages and say how it ended.

    Raises LeaseLost when the server says that the lease is another's, and CancelledError when canceled.
    """
    trace = AttemptTrace(equipment.tracer, task, equipment.worker)
    outcome: Outcome | None = None
    try:
        with binding(trace.context, job_id=task.job_id, correlation_id=task.correlation_id):
            outcome = await _execute(task, equipment, progress, trace)
    finally:
        trace.end(outcome)
    return trace.marked(outcome)


async def _execute(
    task: Task, equipment: Equipment, progress: ReportProgress, trace: AttemptTrace
) -> Outcome:
    started = time.monotonic()
    attempt = Attempt(task, equipment.folders.create(), progress)
    failed: Failed | None = None
    try:
        async with asyncio.timeout(task.deadline_seconds) as deadline:
            for stage in (download, handle, collect, upload):
                with trace.stage(stage.__name__) as told:
                    attempt = await stage(replace(attempt, task=told), equipment)
                if isinstance(attempt.result, Failed):
                    break
    except AttemptFailed as error:
        failed = error.failed
    except OSError as error:  # the asyncio.timeout's TimeoutError is one too
        failed = (
            Failed("deadline_exceeded", f"Not done after {task.deadline_seconds:g} s.", "timeout")
            if deadline.expired()
            else Failed("worker_io_error", f"{type(error).__name__}: {error.strerror or ''}", "resource")
        )
    finally:
        # A handler that was stopped halfway may have left a thread that still writes: no reuse then.
        await equipment.folders.discard(attempt.workdir, reuse=attempt.result is not None)
        if task.inputs:
            await equipment.folders.discard(_inputs_folder(attempt.workdir), reuse=False)
    ended = replace(attempt, result=failed) if failed else attempt
    return _outcome(ended, equipment, time.monotonic() - started)


async def download(attempt: Attempt, equipment: Equipment) -> Attempt:
    """Fetch the inputs beside the work directory, so that this is empty when the handler starts."""
    if not attempt.task.inputs:
        return attempt
    folder = _inputs_folder(attempt.workdir)
    folder.mkdir(mode=0o700)
    return replace(attempt, inputs=await equipment.transfers.download(attempt.task.inputs, folder))


async def handle(attempt: Attempt, equipment: Equipment) -> Attempt:
    """Run the handler and check what it returns against the contract."""
    answer = await equipment.run(attempt.task, attempt.inputs, attempt.workdir, attempt.progress)
    return replace(attempt, result=answer.result, measures=answer.measures)


async def collect(attempt: Attempt, _: Equipment) -> Attempt:
    """Measure and hash the files that the handler returned."""
    assert isinstance(attempt.result, Succeeded)
    if not attempt.result.artifacts:
        return attempt
    return replace(attempt, files=await asyncio.to_thread(_measured, attempt.result.artifacts))


async def upload(attempt: Attempt, equipment: Equipment) -> Attempt:
    """Store the files where the server says."""
    assert isinstance(attempt.result, Succeeded)
    if attempt.files:
        pairs = zip(attempt.result.artifacts, attempt.files, strict=True)
        await equipment.transfers.upload(attempt.task, list(pairs))
    return attempt


def _inputs_folder(workdir: Path) -> Path:
    return workdir.with_name(f"{workdir.name}-inputs")


def _measured(outputs: tuple[Output, ...]) -> tuple[OutputArtifact, ...]:
    return tuple(
        OutputArtifact(
            name=output.name,
            kind=output.kind,
            media_type=output.media_type,
            bytes=output.path.stat().st_size,
            sha256=sha256_of(output.path),
            attributes=dict(output.attributes),
        )
        for output in outputs
    )


def _outcome(attempt: Attempt, equipment: Equipment, duration: float) -> Outcome:
    task, result = attempt.task, attempt.result
    metrics = equipment.metrics(duration)
    if attempt.measures is not None:
        metrics |= msgspec.to_builtins(attempt.measures)
    if isinstance(result, Succeeded):
        # A handler knows better what it paid for: its own metrics win.
        return Outcome(
            task_id=task.task_id,
            fence=task.fence,
            status="succeeded",
            artifacts=list(attempt.files),
            outputs=dict(result.outputs),
            model=result.model,
            model_version=result.model_version,
            metrics=metrics | dict(result.metrics),
        )
    assert isinstance(result, Failed), "the line ends with a result"
    return failed_outcome(task, result, metrics)


def failed_outcome(task: Task, failed: Failed, metrics: dict[str, Any]) -> Outcome:
    """Word a failure for the wire."""
    return Outcome(
        task_id=task.task_id,
        fence=task.fence,
        status="failed",
        metrics=metrics,
        error_class=failed.error_class,
        error_code=failed.code,
        error_message=failed.message,
        retry_after_seconds=failed.retry_after_seconds,
    )
