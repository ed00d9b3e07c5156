from datetime import UTC, datetime

import pytest
from contract_server import APPROVED, FAILED, FINISHED, REVIEW, RUNNING, job, step
from rich.console import Console

from maquette.cli.job_view import JobView, changes, duration, seconds_of, step_word

ARTIFACTS = [{"name": f"concept-{at}.png"} for at in range(1, 5)]


def drawn(view: JobView, width: int) -> list[str]:
    console = Console(width=width, color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(view)
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_it_fits_the_terminal(width: int) -> None:
    """Every line fits, every step is there, and a long brief or message is cut and not wrapped."""
    view = JobView(
        job(
            "running",
            step("text_to_image", 0, **APPROVED, artifacts=ARTIFACTS),
            step("refine", 1, **{**RUNNING, "started_at": datetime.now(UTC).isoformat()}),
            inputs={"prompt": "a kettle " * 40, "library_path": "props/kettle", "seed": 42},
        )
    )
    view.progress = {"refine": {"value": 0.4, "message": "sharpening " * 30}}
    lines = drawn(view, width)
    assert max(map(len, lines)) <= width
    assert len(lines) == 9
    for name in ("text_to_image", "refine", "export"):
        assert any(name in line for line in lines)
    assert any("concept-1.png" in line for line in lines)


def test_a_failure_is_shown_where_it_happened() -> None:
    """A failed step shows its code, and the job its error."""
    error = {"code": "mesh_has_no_faces", "message": "The mesh is empty."}
    lines = drawn(JobView(job("failed", step("text_to_image", 0, **FAILED), error=error)), 100)
    assert any("text_to_image" in line and "mesh_has_no_faces" in line for line in lines)
    assert "failed" in lines[-1]


def test_words_say_why_a_step_waits() -> None:
    """An open gate, another pause and a reused result have words of their own."""
    assert step_word(step("refine", 1, **REVIEW)) == "review"
    assert step_word(step("refine", 1, status="paused", pause_reason="quota")) == "waiting"
    assert (
        step_word(step("refine", 1, **FINISHED, reused_from="step_9") | {"reused_from": "step_9"}) == "reused"
    )


def test_work_of_another_job_says_whose_it_is() -> None:
    """Drawn and told line by line, also where a person approved it since."""
    reused = step("text_to_image", 0, **APPROVED, artifacts=ARTIFACTS) | {"reused_from": "step_9"}
    seen = job("running", reused, step("refine", 1, **RUNNING))
    assert any("reused from step_9" in line for line in drawn(JobView(seen), 118))
    [line, *_] = changes(None, seen, datetime.now(UTC))
    assert "reused from step_9" in line


@pytest.mark.parametrize(
    ("position", "said"),
    [
        (1000, "place 1000 in the queue, about 2:20 left"),
        (1001, "behind 1,000 or more in the queue, at least 2:20 left"),
    ],
)
def test_a_place_that_was_not_counted_is_not_told(position: int, said: str) -> None:
    """Where counting ended, place and time are bounds."""
    view = JobView(job("queued", step("text_to_image", 0), queue_position=position, eta_seconds=140.0))
    assert any(said in line for line in drawn(view, 100))


def test_a_hold_further_on_is_shown_where_it_holds() -> None:
    """`job pause --before` leaves a word at the step that will not begin."""
    steps = (step("text_to_image", 0, **RUNNING), step("refine", 1))
    lines = drawn(JobView(job("running", *steps, hold_before="refine")), 100)
    assert [line for line in lines if "holds before it begins" in line] == [
        line for line in lines if " refine " in line
    ]


def test_seconds_count_until_now_while_it_runs() -> None:
    """A finished step took its time; a running one has taken the time until now; a clock behind gives no minus."""
    now = datetime(2026, 1, 1, 0, 0, 9, tzinfo=UTC)
    assert seconds_of(step("refine", 1, **FINISHED), now) == 2.5
    assert seconds_of(step("refine", 1, **RUNNING), now) == 9.0
    assert seconds_of(step("refine", 1, **RUNNING), now.replace(year=2025)) == 0.0
    assert seconds_of(step("refine", 1), now) is None


def test_durations_are_for_people() -> None:
    """Short ones have a decimal, long ones are minutes and hours."""
    assert [duration(seconds) for seconds in (2.54, 200.2, 3725)] == ["2.5 s", "3:20", "1:02:05"]


def test_changes_are_told_once() -> None:
    """Only what is new gives a line: a start, another attempt, an end, and the job's own status."""
    now = datetime(2026, 1, 1, 0, 0, 9, tzinfo=UTC)
    queued, running = job("queued"), job("running", step("text_to_image", 0, **RUNNING))
    again = job("running", step("text_to_image", 0, **{**RUNNING, "attempt": 2}))
    assert [line.split()[:2] for line in changes(None, queued, now)] == [["job", "queued"]]
    assert [line.split()[:2] for line in changes(queued, running, now)] == [
        ["text_to_image", "running"],
        ["job", "running"],
    ]
    assert list(changes(running, running, now)) == []
    assert ["attempt 2 on studio" in line for line in changes(running, again, now)] == [True]
