"""Holds: a job stands still as long as there is one, and then goes on from where it stood."""

from datetime import timedelta
from itertools import permutations

import pytest
from msgspec.structs import replace
from walks import START, new_job

from maquette.domain import commands as c
from maquette.domain.errors import IllegalTransition
from maquette.domain.holds import hold, let_go
from maquette.domain.job import Hold, Job, JobStatus, PauseReason, Place, StepStatus
from maquette.domain.lifecycle import decide

REASONS = (Hold.DECISION, Hold.PROMPT, Hold.QUOTA)


def waiting() -> Job:
    """Return a job whose first task waits for a worker."""
    return decide(None, c.Create(new_job("2D")), START).job


@pytest.mark.parametrize("order", list(permutations(REASONS)))
def test_a_job_goes_on_when_the_last_hold_is_gone(order: tuple[Hold, ...]) -> None:
    """In whatever order reasons come and go, only the last one to go lets the task be taken again."""
    before = waiting()
    job = before
    for reason in REASONS:
        job = hold(job, reason)
    for reason in order:
        assert (job.status, job.place) == (JobStatus.PAUSED, Place.NONE)
        job = let_go(job, reason)
    assert job == before


def test_a_person_sees_what_would_hold_the_job_all_the_same() -> None:
    """With several reasons the pause of a person is shown last: taking it back would not help."""
    job = hold(hold(waiting(), Hold.DECISION), Hold.QUOTA)
    assert job.pause_reason is PauseReason.QUOTA
    resumed = decide(job, c.Resume("usr_a"), START).job
    assert (resumed.status, resumed.holds) == (JobStatus.PAUSED, {Hold.QUOTA})
    assert let_go(job, Hold.QUOTA).pause_reason is PauseReason.DECISION


def test_nobody_resumes_what_nobody_paused() -> None:
    """A job that waits for its safety verdict says so to a person who tries to let it go on."""
    with pytest.raises(IllegalTransition, match="waits for safety"):
        decide(hold(waiting(), Hold.PROMPT), c.Resume("usr_a"), START)


def test_a_person_may_pause_what_waits_for_something_else() -> None:
    """The job stays where it is when the other reason goes, until the person lets it go on; a second pause is refused."""
    job = decide(hold(waiting(), Hold.QUOTA), c.Pause("usr_a"), START).job
    assert let_go(job, Hold.QUOTA).status is JobStatus.PAUSED
    with pytest.raises(IllegalTransition, match="held already"):
        decide(job, c.Pause("usr_b"), START)


def test_a_held_retry_is_due_at_once_when_it_goes_on() -> None:
    """The wait before a retry passes while the job is held."""
    late = replace(waiting(), retry_at=START + timedelta(hours=1), started_at=START, status=JobStatus.RUNNING)
    again = let_go(hold(late, Hold.QUOTA), Hold.QUOTA)
    assert (again.status, again.step_status, again.place) == (
        JobStatus.RUNNING,
        StepStatus.PENDING,
        Place.READY,
    )
