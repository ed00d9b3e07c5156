"""A job as a trace: its events say when what began and ended, so nothing has to live as long as a job does.

The caller's span (or the request's) has a child for the job, and that has one for each wait and each attempt:

    job 3D ─┬─ queue text_to_image ── attempt text_to_image ── (the worker's own spans)
            ├─ gate text_to_image
            ├─ queue refine ── attempt refine (failed) ── backoff refine ── queue refine ── attempt refine
            └─ …

Ids follow from the job, position, revision and attempt: any process can name a parent, and saying a span twice is
saying it once. A job that is tried again after its failure gets a further span, beside the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.events import Event, EventType
from maquette.telemetry.trace import Span, TraceContext, nanoseconds

E = EventType
_ATTEMPT_ENDS = frozenset({E.STEP_COMPLETED, E.ATTEMPT_FAILED, E.STEP_FAILED, E.JOB_CANCELED})
_JOB_ENDS: Mapping[EventType, str] = {E.JOB_SUCCEEDED: "", E.JOB_FAILED: "failed", E.JOB_CANCELED: "canceled"}
#: What a job waits for, by the status that its events say.
_WAITS: Mapping[str, str] = {
    "queued": "queue",
    "running": "queue",
    "awaiting_review": "gate",
    "paused": "hold",
}
Attributes = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Try:
    """What is known of an attempt besides its events, from its row."""

    fence: int | None = None
    worker: str = ""
    error_class: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A span, and the sequence of the event with which it ended."""

    sequence: int
    span: Span


@dataclass(frozen=True, slots=True)
class _Wait:
    kind: str
    since: datetime
    sequence: int
    reason: str


def attempt_context(
    trace: TraceContext, job: UUID, position: int, revision: int, attempt: int
) -> TraceContext:
    """Return the context of an attempt: what its worker is told, and the parent of what that records."""
    return trace.child(job, position, revision, attempt)


def job_context(trace: TraceContext, job: UUID, run: int = 0) -> TraceContext:
    """Return the context of a job. ``run`` counts how often it was tried again after it had failed."""
    return trace.child(job, "job", run)


def job_spans(
    trace: TraceContext, events: Sequence[Event], tries: Mapping[tuple[int, int, int], Try]
) -> list[Ended]:
    """Return every span that a job's events so far have ended. ``events`` are all of the stream, in order.

    ``trace`` came with the job; ``tries`` are by position, revision and attempt.
    """
    if not events or events[0].type is not E.JOB_CREATED:
        return []  # retention has taken the beginning away
    walk = _Walk(trace, tries, events[0])
    for event in events:
        walk.step(event)
    return walk.found


@dataclass(slots=True)
class _Walk:
    trace: TraceContext
    tries: Mapping[tuple[int, int, int], Try]
    first: Event
    run: int = 0
    began: Event | None = None
    attempt: Event | None = None
    wait: _Wait | None = None
    detour: Event | None = None
    """The last word on who does a step instead of the service that was asked for."""
    found: list[Ended] = field(default_factory=list)

    def step(self, event: Event) -> None:
        if event.type in {E.JOB_CREATED, E.JOB_REDRIVEN}:
            self.run += event.type is E.JOB_REDRIVEN
            self.began = event
        if event.type is E.STEP_REROUTED:
            self.detour = event
        if event.type is E.STEP_STARTED:
            self._end_wait(event)
            self.attempt = event
        elif self.attempt is not None and event.type in _ATTEMPT_ENDS:
            self._end_attempt(self.attempt, event)
            self.attempt = None
        elif event.type is E.STEP_COMPLETED and event.data.get("reused_from"):
            self._end_wait(event)
            self._reused(event)
        if event.type in _JOB_ENDS:
            self._end_wait(event)
            self._end_job(event)
        elif self.attempt is None:
            self._wait_on(event)

    def _wait_on(self, event: Event) -> None:
        """Note what the job waits for from here on, unless it is the same as before."""
        kind = _WAITS.get(str(event.data["job_status"]))
        if self.wait is not None and self.wait.kind == kind:
            return
        self._end_wait(event)
        since = event.time
        if kind == "queue" and event.type is E.ATTEMPT_FAILED:
            since = max(since, datetime.fromisoformat(event.data["retry_at"]))
            if since > event.time:
                named = {"maquette.step": str(event.data["step_name"])}
                self._add(
                    event,
                    f"backoff {event.data['step_name']}",
                    ("backoff", event.sequence),
                    event.time,
                    since,
                    named,
                )
        steps = event.data.get("steps") or [{}]
        reason = str(steps[-1].get("pause_reason") or "") if kind == "hold" else ""
        self.wait = None if kind is None else _Wait(kind, since, event.sequence, reason)

    def _end_wait(self, event: Event) -> None:
        """End a wait with the event that says what came of it, and knows which step it was for."""
        wait, self.wait = self.wait, None
        if wait is None:
            return
        steps = event.data.get("steps") or [{}]
        named = event.data.get("step_name") or steps[0].get("name") or ""
        about: Attributes = {"maquette.step": str(named)}
        if wait.reason:
            about["maquette.pause_reason"] = wait.reason
        if wait.kind == "queue" and "service" in event.data:
            about["maquette.service"] = str(event.data["service"])
        if wait.kind == "gate" and "decision" in event.data:
            about["maquette.decision"] = str(event.data["decision"])
        ids = (wait.kind, wait.sequence)
        self._add(event, f"{wait.kind} {named}".strip(), ids, wait.since, max(event.time, wait.since), about)

    def _end_attempt(self, began: Event, event: Event) -> None:
        facts = began.data["steps"][0]
        place = (facts["position"], facts["revision"], facts["attempt"])
        known = self.tries.get(place, Try())
        about = self._step_attributes(facts, began.data)
        if known.fence is not None:
            about["maquette.fence"] = known.fence
        if known.worker:
            about["maquette.worker"] = known.worker
        error = "" if event.type is E.STEP_COMPLETED else str(event.data.get("error_message") or "canceled")
        if error:
            about["error.type"] = known.error_class or str(event.data.get("error_code") or "canceled")
        if "error_code" in event.data:
            about["maquette.error_code"] = str(event.data["error_code"])
        context = attempt_context(self.trace, self.first.stream_id, *place)
        self._add(event, f"attempt {facts['name']}", context, began.time, event.time, about, error=error)

    def _reused(self, event: Event) -> None:
        facts = event.data["steps"][0]
        about = self._step_attributes(facts, event.data) | {
            "maquette.reused_from": str(event.data["reused_from"])
        }
        self._add(event, f"reuse {facts['name']}", ("reuse", event.sequence), event.time, event.time, about)

    def _step_attributes(self, facts: Mapping[str, Any], data: Mapping[str, Any]) -> Attributes:
        about: Attributes = {
            "maquette.step": facts["name"],
            "maquette.revision": facts["revision"],
            "maquette.attempt": facts["attempt"],
        }
        if "service" in data:
            about["maquette.service"] = str(data["service"])
        if self.detour is not None and self._is_detour(self.detour.data, facts, data):
            about["maquette.requested_service"] = str(self.detour.data["requested_service"])
            about["maquette.fallback_reason"] = str(self.detour.data["reason"])
        return about

    @staticmethod
    def _is_detour(said: Mapping[str, Any], facts: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
        [place] = said["steps"]
        same = (place["position"], place["revision"]) == (facts["position"], facts["revision"])
        return same and said["served_by"] == data.get("service") != said["requested_service"]

    def _end_job(self, event: Event) -> None:
        began, self.began = self.began or self.first, None
        about: Attributes = {
            "maquette.asset_type": str(self.first.data.get("asset_type", "")),
            "maquette.job_status": str(event.data["job_status"]),
            "maquette.run": self.run,
        }
        error = str(event.data.get("error_message") or _JOB_ENDS[event.type])
        if error:
            about["error.type"] = str(event.data.get("error_code") or _JOB_ENDS[event.type])
        name = f"job {about['maquette.asset_type']}"
        context = job_context(self.trace, self.first.stream_id, self.run)
        self._add(event, name, context, began.time, event.time, about, error=error)

    def _add(
        self,
        event: Event,
        name: str,
        what: TraceContext | tuple[str, int],
        started: datetime,
        ended: datetime,
        about: Mapping[str, str | int | float | bool],
        *,
        error: str = "",
    ) -> None:
        job = self.first.stream_id
        own = job_context(self.trace, job, self.run)
        context = what if isinstance(what, TraceContext) else self.trace.child(job, *what)
        shared = {
            "maquette.job_id": typeid.encode("job", job),
            "maquette.project_id": typeid.encode("prj", self.first.project_id),
            "maquette.correlation_id": self.first.correlation_id,
        }
        span = Span(
            name=name,
            context=context,
            parent=self.trace.span_id if context == own else own.span_id,
            started=nanoseconds(started),
            ended=nanoseconds(ended),
            attributes={**shared, **about},
            error=error,
        )
        self.found.append(Ended(event.sequence, span))
