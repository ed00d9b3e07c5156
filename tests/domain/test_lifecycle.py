"""The transition table: total, honest about where it leads, and rebuilt by anyone who reads the events."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from walks import START, WALKS, Reader, Walk, begin, new_job

from maquette.domain import commands as c
from maquette.domain.errors import IllegalTransition, StaleFence, StaleReview
from maquette.domain.events import EventType
from maquette.domain.job import TERMINAL, JobStatus, Place, StepStatus
from maquette.domain.lifecycle import IGNORE, REFUSE, STALE, TABLE, decide, name
from maquette.domain.review import Escalation, GatePolicy, Then, Verdict


def finished(walk: Walk) -> Walk:
    """Do one step's work."""
    assert walk.do(("start", None)), walk.refusals
    assert walk.do(("complete", 0)), walk.refusals
    return walk


LETTERS = {"redrive", "discard"}
"""What a person may do about a job that failed; nothing else ever changes one that has ended."""


def test_every_status_and_command_stands_in_the_table() -> None:
    """No pair is left to chance."""
    assert set(TABLE) == set(JobStatus)
    for status, row in TABLE.items():
        assert set(row) == set(c.COMMANDS), status


@given(WALKS)
@settings(max_examples=400, deadline=None)
def test_walks_keep_every_promise(walk: tuple) -> None:
    """Whatever is asked in whatever order, the job stays consistent and its events tell all of it."""
    asset_type, skip, gates, provide, policy, objected, actions = walk
    it = begin(asset_type, skip, gates, provide=provide, policy=policy, objected=objected)
    for action in actions:
        before = it.job
        done = it.do(action)
        after = it.job
        rule = TABLE[before.status][_command(action[0])]
        if done and rule != IGNORE and after != before:
            assert after.status in rule.to, (before.status, action, after.status)
        if not done:
            assert after == before
        assert (after.status in TERMINAL) == (after.finished_at is not None)
        assert (after.status is JobStatus.FAILED) == (after.error is not None)
        assert after.gate_open <= (after.step_status is StepStatus.PAUSED)
        assert (after.status is JobStatus.PAUSED) == bool(after.holds)
        assert (after.status is JobStatus.AWAITING_REVIEW) == (
            after.gate_open and after.status is not JobStatus.PAUSED
        )
        assert after.lease is None or after.status in {
            JobStatus.RUNNING,
            JobStatus.PAUSED,
            JobStatus.CANCELED,
        }
        ticking = after.gate_policies and after.status is JobStatus.AWAITING_REVIEW
        assert (after.gate_since is not None) == bool(ticking)
        assert after.gate_due_at is None or after.gate_since is not None
        assert after.hold_at is None or after.hold_at > after.position
        assert after.position not in after.provided
        assert all(after.revisions[place] == 0 for place in after.provided)
        assert all(new >= old for new, old in zip(after.revisions, before.revisions, strict=True))
        assert after.attempts_before <= after.attempt
        if before.status in TERMINAL and not (before.status is JobStatus.FAILED and action[0] in LETTERS):
            assert (after.status, after.sequence) == (before.status, before.sequence)
    _reads_like(it)


def _command(action: str) -> type[c.Command]:
    if action == "judged":
        return c.Complete
    return {name(command): command for command in c.COMMANDS}[action]


def _reads_like(walk: Walk) -> None:
    reader = Reader()
    for event in walk.events:
        reader.take(event.data, event.sequence)
    job = walk.job
    assert reader.sequence == job.sequence
    assert reader.status == job.status
    for position, spec in enumerate(job.pipeline.steps):
        if position in job.skipped:
            assert spec.name not in reader.steps
        else:
            assert reader.steps[spec.name]["revision"] == job.revisions[position], spec.name
    assert reader.provided == {job.pipeline.steps[place].name for place in job.provided}
    assert all(reader.steps[name]["status"] == "done" for name in reader.provided)
    current = reader.steps[job.spec.name]
    assert (current["status"], current["attempt"]) == (job.step_status, job.attempt)
    if job.step_status is StepStatus.PAUSED and not job.gate_open:
        assert current["pause_reason"] is not None


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_nothing_re_enters_a_finished_job(status: JobStatus) -> None:
    """No rule leads out of succeeded and canceled, and out of failed a person's redrive alone."""
    for command, rule in TABLE[status].items():
        if command is not c.Redrive or status is not JobStatus.FAILED:
            assert set(rule.to) <= {status}


def test_an_illegal_command_is_refused_by_both_names() -> None:
    """The error names the status and the command."""
    walk = begin("2D", (), ())
    assert not walk.do(("resume", None))
    [error] = walk.refusals
    assert isinstance(error, IllegalTransition)
    assert "queued" in str(error)
    assert "resume" in str(error)


def test_the_worker_of_an_ended_lease_is_told_stale() -> None:
    """A zombie's outcome changes nothing, whatever became of the job since."""
    walk = begin("2D", (), ())
    walk.do(("start", None))
    walk.do(("expire", "lost_worker"))
    assert walk.job.place is Place.READY
    assert not walk.do(("complete", 0))
    assert isinstance(walk.refusals[-1], StaleFence)
    walk.do(("start", None))
    assert not walk.do(("complete", 1))
    assert walk.do(("complete", 0))


def test_a_worker_killer_runs_out_of_attempts() -> None:
    """Attempts count at the claim, so a task whose worker always dies ends as a dead letter."""
    walk = begin("2D", (), ())
    for _ in range(4):
        assert walk.do(("start", None))
        assert walk.do(("expire", "lost_worker"))
    assert walk.job.status is JobStatus.FAILED
    assert walk.job.error is not None
    assert walk.job.error["dead_letter_id"].startswith("dlq_")
    kinds = [event.type for event in walk.events[-3:]]
    assert kinds == [EventType.STEP_FAILED, EventType.TASK_DEAD_LETTERED, EventType.JOB_FAILED]


def test_a_permanent_error_is_not_tried_again() -> None:
    """``invalid`` fails step and job at once."""
    walk = begin("2D", (), ())
    walk.do(("start", None))
    walk.do(("fail", "invalid"))
    assert (walk.job.status, walk.job.step_status) == (JobStatus.FAILED, StepStatus.FAILED)


def test_a_transient_error_waits_and_is_tried_again() -> None:
    """The next attempt is queued once its wait is over, not before."""
    walk = begin("2D", (), ())
    walk.do(("start", None))
    walk.do(("fail", "transient"))
    assert walk.job.place is Place.DELAYED
    assert walk.job.retry_at is not None
    decision = decide(walk.job, c.RetryDue(), walk.job.retry_at - timedelta(microseconds=1))
    assert decision.job.place is Place.DELAYED
    assert decide(walk.job, c.RetryDue(), walk.job.retry_at).job.place is Place.READY


def test_a_gate_holds_until_a_person_approves() -> None:
    """Work done, gate open: the step is paused for review, the job awaits it."""
    walk = finished(begin("2D", (), ("text_to_image",)))
    assert (walk.job.status, walk.job.step_status) == (JobStatus.AWAITING_REVIEW, StepStatus.PAUSED)
    assert walk.job.pause_reason == "review"
    walk.do(("review", (Verdict.APPROVED, None)))
    assert (walk.job.spec.name, walk.job.place) == ("refine", Place.READY)


def test_a_rejection_makes_a_new_revision() -> None:
    """Without a target the gate's own step is redone; the old revision keeps its number."""
    walk = finished(begin("2D", (), ("text_to_image",)))
    walk.do(("review", (Verdict.REJECTED, None)))
    assert (walk.job.position, walk.job.revision, walk.job.attempt) == (0, 1, 0)


def test_a_rewind_redoes_what_depends_on_it_and_keeps_the_rest() -> None:
    """Rewinding to refine gives it and all after it new revisions; text_to_image keeps its work."""
    walk = begin("3D", (), ("before_export",))
    for _ in range(6):
        finished(walk)
    assert walk.job.spec.name == "anim"
    walk.do(("review", (Verdict.REJECTED, "refine")))
    assert walk.job.revisions == (0, 1, 1, 1, 1, 1, 0)
    assert walk.job.spec.name == "refine"


def test_the_second_reviewer_learns_that_the_gate_is_closed() -> None:
    """A decision about a revision that is no longer at its gate is stale."""
    walk = begin("3D", (), ("text_to_image", "refine"))
    finished(walk)
    late = c.Review("text_to_image", 0, Verdict.REJECTED, "usr_2")
    walk.do(("review", (Verdict.APPROVED, None)))
    finished(walk)
    with pytest.raises(StaleReview):
        decide(walk.job, late, START)


def test_a_held_job_finishes_what_runs_and_starts_nothing() -> None:
    """Pausing lets the running attempt be recorded; resuming queues what comes next."""
    walk = begin("2D", (), ())
    walk.do(("start", None))
    walk.do(("pause", None))
    walk.do(("complete", 0))
    assert (walk.job.status, walk.job.spec.name, walk.job.place) == (JobStatus.PAUSED, "refine", Place.NONE)
    assert walk.job.pause_reason == "decision"
    walk.do(("resume", None))
    assert (walk.job.status, walk.job.place) == (JobStatus.RUNNING, Place.READY)


def test_a_canceled_job_keeps_its_lease_until_the_worker_lets_go() -> None:
    """Cancel marks the lease; the worker's acknowledgement, or anything else it says, ends it."""
    walk = begin("2D", (), ())
    walk.do(("start", None))
    walk.do(("cancel", None))
    assert walk.job.lease is not None
    assert walk.job.lease.canceling
    assert walk.do(("complete", 0))
    assert walk.job.lease is None
    assert walk.job.status is JobStatus.CANCELED


def test_a_reused_step_opens_its_gate_only_for_those_who_have_not_seen_it() -> None:
    """Approved in this job it stays approved; work of another job meets this job's reviewer."""
    for own, status, expected in (
        (True, StepStatus.APPROVED, JobStatus.RUNNING),
        (False, StepStatus.APPROVED, JobStatus.AWAITING_REVIEW),
    ):
        walk = begin("2D", (), ("text_to_image",))
        assert walk.do(("reuse_resolved", (own, status)))
        assert walk.job.status is expected
        assert walk.job.started_at is not None


def test_reminders_end_where_the_decision_falls() -> None:
    """Every minute until the end of the wait; the last moment is the decision's, whatever the period."""

    def course(policy: GatePolicy, most: int = 9) -> list[tuple[float, str]]:
        found: list[tuple[float, str]] = []
        now = START
        while len(found) < most and (due := policy.due(START, now)) is not None:
            found.append(((due.at - START).total_seconds(), due.action))
            now = due.at
            if due.action == policy.then and policy.then is not Then.REMIND:
                break
        return found

    assert course(GatePolicy(150, Then.APPROVE, 60)) == [(60, "remind"), (120, "remind"), (150, "approve")]
    assert course(GatePolicy(60, Then.REMIND)) == [(60, "remind")]
    assert course(GatePolicy(60, Then.REMIND, 600), 3) == [(60, "remind"), (660, "remind"), (1260, "remind")]
    stages = (Escalation(48, "reviewer"), Escalation(60, "owner"), Escalation(90, None, ("usr_ada",)))
    assert course(GatePolicy(150, Then.PAUSE, 60, stages)) == [
        (48, "escalate"), (60, "escalate"), (90, "escalate"), (120, "remind"), (150, "pause"),
    ]  # fmt: skip


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_refusal_says_what_to_do_instead(status: JobStatus) -> None:
    """Both names, and the way on."""
    walk = begin("2D", (), ())
    job = replace(walk.job, status=status)
    with pytest.raises(IllegalTransition, match="submit a new job"):
        decide(job, c.Resume("usr"), START)
    with pytest.raises(IllegalTransition, match="once it is awaiting_review"):
        decide(walk.job, c.Review("text_to_image", 0, Verdict.APPROVED, "usr"), START)


def test_rules_that_change_nothing_lead_nowhere() -> None:
    """Refused, stale and ignored pairs declare no target."""
    assert REFUSE.to == STALE.to == IGNORE.to == ()


def test_a_job_is_created_once() -> None:
    """Creating what exists is refused, commanding what does not exist as well."""
    walk = begin("2D", (), ())
    with pytest.raises(IllegalTransition):
        decide(walk.job, c.Create(new_job("2D")), START)
    with pytest.raises(IllegalTransition):
        decide(None, c.Cancel("usr"), START)
