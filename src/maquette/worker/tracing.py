"""What a worker records of an attempt: a span for the whole of it, below the server's, and one for each stage."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from maquette.telemetry.trace import Span, TraceContext, parse
from maquette.telemetry.tracer import Tracer
from maquette.wire import Outcome, Task


class AttemptTrace:
    """The trace of one attempt, if somebody traces its job; else everything here does nothing."""

    def __init__(self, tracer: Tracer, task: Task, worker: str) -> None:
        self._tracer = tracer
        self._task = task
        self._worker = worker
        self._parent = parse(task.traceparent, task.tracestate)
        self._own = self._parent
        if tracer.on and self._parent is not None:
            self._own = tracer.begin(self._parent)
        self._began = time.time_ns()

    @property
    def _on(self) -> bool:
        return self._own is not self._parent

    @contextmanager
    def stage(self, name: str) -> Iterator[Task]:
        """Record a stage; gives the task as the stage is to pass it on, with itself as the parent of what follows."""
        if not self._on or self._own is None:
            yield self._task
            return
        context, began = self._tracer.begin(self._own), time.time_ns()
        error = ""
        try:
            yield msgspec.structs.replace(self._task, traceparent=context.traceparent)
        except BaseException as failure:
            error = type(failure).__name__
            raise
        finally:
            self._record(f"{name} {self._task.step}", context, self._own, began, error)

    @property
    def context(self) -> TraceContext | None:
        """Where in the trace this happens; None where nobody traces the job."""
        return self._own

    def end(self, outcome: Outcome | None) -> None:
        """Record the whole; None: the attempt was stopped or let go."""
        if self._on and self._own is not None and self._parent is not None:
            error = "stopped" if outcome is None else outcome.error_code
            self._record(f"work {self._task.step}", self._own, self._parent, self._began, error)

    def marked(self, outcome: Outcome) -> Outcome:
        """Return the outcome that says where in the trace it came from."""
        if self._own is None:
            return outcome
        return msgspec.structs.replace(outcome, traceparent=self._own.traceparent)

    def _record(self, name: str, context: TraceContext, parent: TraceContext, began: int, error: str) -> None:
        task = self._task
        span = Span(
            name=name,
            context=context,
            parent=parent.span_id,
            started=began,
            ended=max(began, time.time_ns()),
            attributes={
                "maquette.job_id": task.job_id,
                "maquette.project_id": task.project_id,
                "maquette.correlation_id": task.correlation_id,
                "maquette.step": task.step,
                "maquette.revision": task.revision,
                "maquette.attempt": task.attempt,
                "maquette.fence": task.fence,
                "maquette.service": task.service,
                "maquette.worker": self._worker,
                **({"error.type": error} if error else {}),
            },
            error=error,
        )
        self._tracer.record(span)
