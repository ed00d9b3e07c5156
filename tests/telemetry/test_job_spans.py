"""A job's events as spans: holds, cancels, failures, another try after them, reuse; the same from any prefix."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from maquette.domain.events import Event, EventType, timestamp
from maquette.domain.spans import Ended, Try, attempt_context, job_context, job_spans
from maquette.telemetry.trace import Span, TraceContext, nanoseconds

E = EventType
JOB, PROJECT = UUID(int=1), UUID(int=2)
START = datetime(2026, 1, 1, tzinfo=UTC)
TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
Said = tuple[int, EventType, dict[str, Any]]


def story(*said: Said) -> list[Event]:
    """Events by (second, type, data), the first one the job's beginning."""
    begun: Said = (0, E.JOB_CREATED, {"job_status": "queued", "asset_type": "2D", "steps": [step()]})
    return [
        Event(JOB, PROJECT, number, kind, START + timedelta(seconds=second), "order-7", data)
        for number, (second, kind, data) in enumerate((begun, *said), 1)
    ]


def step(name: str = "refine", attempt: int = 0, **more: Any) -> dict[str, Any]:
    return {"name": name, "position": 1, "revision": 0, "attempt": attempt, **more}


def started(second: int, attempt: int = 1) -> Said:
    return (
        second,
        E.STEP_STARTED,
        {
            "job_status": "running",
            "step_name": "refine",
            "service": "studio",
            "steps": [step(attempt=attempt)],
        },
    )


def told(ended: list[Ended]) -> list[tuple[str, int, int]]:
    """Names with the seconds from and to, in order of the end."""
    begin = nanoseconds(START)
    return [
        (item.span.name, (item.span.started - begin) // 10**9, (item.span.ended - begin) // 10**9)
        for item in ended
    ]


def spans_of(*said: Said, tries: Any = None) -> dict[str, Span]:
    return {item.span.name: item.span for item in job_spans(TRACE, story(*said), tries or {})}


def test_a_hold_is_a_wait_with_its_reason() -> None:
    """Paused before it began and let go: a wait in line, a hold, a wait in line, and then the attempt."""
    said = (
        (2, E.JOB_PAUSED, {"job_status": "paused", "steps": [step(pause_reason="decision")]}),
        (5, E.JOB_RESUMED, {"job_status": "queued", "steps": [step()]}),
        started(6),
    )
    found = job_spans(TRACE, story(*said), {})
    assert told(found) == [("queue refine", 0, 2), ("hold refine", 2, 5), ("queue refine", 5, 6)]
    assert found[1].span.attributes["maquette.pause_reason"] == "decision"


def test_a_cancel_ends_the_attempt_and_the_job() -> None:
    """With what is known of both: nothing is left without an end."""
    said = (
        started(1),
        (4, E.JOB_CANCELED, {"job_status": "canceled", "by": "usr_1", "steps": [step(attempt=1)]}),
    )
    found = spans_of(*said, tries={(1, 0, 1): Try(7, "host:1")})
    assert (found["attempt refine"].error, found["job 2D"].error) == ("canceled", "canceled")
    assert found["attempt refine"].attributes["maquette.fence"] == 7
    assert found["attempt refine"].context == attempt_context(TRACE, JOB, 1, 0, 1)


def test_a_pause_while_it_runs_is_part_of_the_attempt() -> None:
    """The attempt goes on to its end; the hold begins when there is something to hold."""
    said = (
        started(1),
        (2, E.JOB_PAUSED, {"job_status": "paused", "steps": [step(attempt=1)]}),
        (
            3,
            E.STEP_COMPLETED,
            {
                "job_status": "paused",
                "step_name": "refine",
                "steps": [step(attempt=1), step("export", pause_reason="decision")],
            },
        ),
        (9, E.JOB_RESUMED, {"job_status": "running", "steps": [step("export")]}),
    )
    found = told(job_spans(TRACE, story(*said), {}))
    assert found == [("queue refine", 0, 1), ("attempt refine", 1, 3), ("hold export", 3, 9)]


def test_another_try_after_a_failure_is_a_span_of_its_own() -> None:
    """The first one has ended, and spans do not begin again; both hang where the job does."""
    failed = {"job_status": "failed", "step_name": "refine", "error_code": "no_gpu", "error_message": "None."}
    said = (
        started(1),
        (2, E.STEP_FAILED, {**failed, "steps": [step(attempt=1)]}),
        (2, E.TASK_DEAD_LETTERED, failed),
        (2, E.JOB_FAILED, {**failed, "steps": []}),
        (60, E.JOB_REDRIVEN, {"job_status": "running", "step_name": "refine", "steps": [step(attempt=1)]}),
        started(61, attempt=2),
        (
            70,
            E.STEP_COMPLETED,
            {"job_status": "succeeded", "step_name": "refine", "steps": [step(attempt=2)]},
        ),
        (70, E.JOB_SUCCEEDED, {"job_status": "succeeded", "steps": []}),
    )
    found = job_spans(TRACE, story(*said), {(1, 0, 1): Try(1, "w", "invalid"), (1, 0, 2): Try(2, "w")})
    assert told(found) == [
        ("queue refine", 0, 1), ("attempt refine", 1, 2), ("job 2D", 0, 2),
        ("queue refine", 60, 61), ("attempt refine", 61, 70), ("job 2D", 60, 70),
    ]  # fmt: skip
    first, second = (item.span for item in found if item.span.name == "job 2D")
    assert (first.context, second.context) == (job_context(TRACE, JOB, 0), job_context(TRACE, JOB, 1))
    assert (first.parent, second.parent) == (TRACE.span_id, TRACE.span_id)
    assert (first.error, second.error) == ("None.", "")
    assert [item.span.parent for item in found if item.span.name == "attempt refine"] == [
        first.context.span_id,
        second.context.span_id,
    ]
    assert found[1].span.attributes["error.type"] == "invalid"


def test_reused_work_is_a_moment() -> None:
    """No attempt, and the step revision that did it."""
    reused = {
        "job_status": "running",
        "step_name": "refine",
        "reused_from": "step_1",
        "steps": [step(), step("export")],
    }
    found = spans_of((3, E.STEP_COMPLETED, reused))
    assert found["reuse refine"].started == found["reuse refine"].ended
    assert found["reuse refine"].attributes["maquette.reused_from"] == "step_1"
    assert "attempt refine" not in found


def test_a_prefix_of_the_events_gives_a_prefix_of_the_spans() -> None:
    """Whoever relays the next page adds to what was told and changes none of it."""
    said = (
        started(1),
        (2, E.ATTEMPT_FAILED, {"job_status": "running", "step_name": "refine", "error_code": "x", "error_message": "y",
                               "retry_at": timestamp(START + timedelta(seconds=5)), "steps": [step(attempt=1)]}),
        started(6, attempt=2),
        (7, E.STEP_COMPLETED, {"job_status": "awaiting_review", "step_name": "refine", "steps": [step(attempt=2)]}),
        (9, E.USER_REVIEW_UPDATED, {"job_status": "succeeded", "step_name": "refine", "decision": "approved", "steps": [step()]}),
        (9, E.JOB_SUCCEEDED, {"job_status": "succeeded", "steps": []}),
    )  # fmt: skip
    events = story(*said)
    whole = job_spans(TRACE, events, {})
    assert told(whole) == [
        ("queue refine", 0, 1), ("attempt refine", 1, 2), ("backoff refine", 2, 5), ("queue refine", 5, 6),
        ("attempt refine", 6, 7), ("gate refine", 7, 9), ("job 2D", 0, 9),
    ]  # fmt: skip
    for length in range(len(events) + 1):
        assert job_spans(TRACE, events[:length], {}) == [item for item in whole if item.sequence <= length]


def test_a_job_whose_beginning_is_gone_has_no_spans() -> None:
    """Retention took its first events away: better nothing than half of it."""
    assert job_spans(TRACE, story(started(1))[1:], {}) == []
