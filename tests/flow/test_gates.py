"""Gates that do not wait for ever, holds further on, and several who decide at once."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from house import House
from own_work import bring, glb, told

from maquette.api import present
from maquette.domain.commands import GateTimeout
from maquette.domain.errors import IllegalTransition, Invalid, MaquetteError, StaleReview
from maquette.domain.events import EventType
from maquette.domain.job import TERMINAL, JobStatus, StepStatus
from maquette.domain.review import GATE_TIMEOUT, Escalation, GatePolicy, Then, Verdict
from maquette.maintenance.gates import GateKeeper
from maquette.services import jobs
from maquette.services.jobs import JobView
from maquette.services.orders import Order


def keeper(house: House) -> GateKeeper:
    return GateKeeper(house.deps.database, house.deps.transactor)


async def gate(house: House, policy: GatePolicy | None, *, step: str = "text_to_image") -> None:
    """Let jobs of the project stop after one step, for as long as the policy says."""
    policies = {} if policy is None else {step: policy}
    await house.gates(step, policies=policies)


async def waiting(house: House) -> JobView:
    """Return a 2D job at its gate."""
    view = await house.submit("2D")
    await house.work()
    return await house.view(view.job.id)


async def overdue(house: House, view: JobView, seconds: int) -> None:
    """Let the gate have been open for a while longer."""
    async with house.deps.database.transaction() as connection:
        await connection.execute(
            "with moved as (update jobs set gate_since = gate_since - make_interval(secs => $2),"
            " gate_due_at = gate_due_at - make_interval(secs => $2) where id = $1 returning *)"
            " update gates_due g set due_at = moved.gate_due_at from moved where g.job_id = moved.id",
            view.job.id,
            seconds,
        )


async def clocks(house: House) -> int:
    async with house.deps.database.connection() as connection:
        return int(await connection.fetchval("select count(*) from gates_due"))


async def test_nobody_decided_so_it_is_approved(house: House) -> None:
    """After the wait the job goes on; decision and event name the time-out, and the clock is gone."""
    await gate(house, GatePolicy(3600, Then.APPROVE))
    view = await waiting(house)
    assert view.job.gate_due_at is not None
    assert await keeper(house).run_once() == 0
    await overdue(house, view, 3600)
    assert await keeper(house).run_once() == 1
    view = await house.view(view.job.id)
    assert (view.job.spec.name, view.job.status) == ("refine", JobStatus.RUNNING)
    [decision] = view.decisions
    assert (decision.verdict, decision.by) == (Verdict.APPROVED, GATE_TIMEOUT)
    event = (await told(house, view.job.id))[-1]
    assert (event.type, event.data["by"], event.data["decision"]) == (
        EventType.USER_REVIEW_UPDATED, GATE_TIMEOUT, "approved",
    )  # fmt: skip
    assert (await clocks(house), view.job.gate_due_at) == (0, None)


async def test_nobody_decided_so_the_job_is_given_up(house: House) -> None:
    """A rejection for nobody ends the job: the step is rejected, the job canceled, both by the time-out."""
    await gate(house, GatePolicy(60, Then.REJECT))
    view = await waiting(house)
    await overdue(house, view, 60)
    await keeper(house).run_once()
    view = await house.view(view.job.id)
    assert (view.job.status, view.job.step_status, view.records[0].status) == (
        JobStatus.CANCELED, StepStatus.REJECTED, StepStatus.REJECTED,
    )  # fmt: skip
    assert [(item.verdict, item.by) for item in view.decisions] == [(Verdict.REJECTED, GATE_TIMEOUT)]
    assert [event.type for event in (await told(house, view.job.id))[-2:]] == [
        EventType.USER_REVIEW_UPDATED, EventType.JOB_CANCELED,
    ]  # fmt: skip
    assert await clocks(house) == 0


async def test_reminders_come_every_so_often(house: House) -> None:
    """Several keepers remind once each time; the next one is due a period later, and the gate stays open."""
    await gate(house, GatePolicy(60, Then.REMIND, 60))
    view = await waiting(house)
    for count in (1, 2):
        await overdue(house, view, 60)
        await asyncio.gather(*(keeper(house).run_once() for _ in range(4)))
        view = await house.view(view.job.id)
        assert view.job.status is JobStatus.AWAITING_REVIEW
        reminders = [
            event for event in await told(house, view.job.id) if event.type is EventType.GATE_REMINDED
        ]
        assert len(reminders) == count
    assert reminders[-1].data["step_name"] == "text_to_image"
    assert await clocks(house) == 1


async def test_a_pause_stops_the_clock(house: House) -> None:
    """A held gate is no business of the keeper's; let go, it has its whole time again."""
    await gate(house, GatePolicy(60, Then.APPROVE))
    view = await waiting(house)
    await overdue(house, view, 50)
    held = await jobs.pause(house.deps, house.user, view.job.id)
    assert (held.job.gate_due_at, await clocks(house)) == (None, 0)
    again = await jobs.resume(house.deps, house.user, view.job.id)
    assert again.job.gate_since is not None
    assert again.job.gate_due_at is not None
    assert (again.job.gate_due_at - again.job.gate_since).total_seconds() == 60
    view = await house.review(again, "paused")
    assert (view.job.status, await clocks(house)) == (JobStatus.PAUSED, 0)
    await house.review(view, "approved")


async def test_a_job_keeps_the_policy_it_began_with(house: House) -> None:
    """Changing the project's gates changes nothing for jobs under way."""
    await gate(house, GatePolicy(60, Then.APPROVE))
    view = await house.submit("2D")
    await gate(house, None)
    await house.work()
    view = await house.view(view.job.id)
    assert view.job.gate_policies == {0: GatePolicy(60, Then.APPROVE)}
    assert await clocks(house) == 1


async def test_a_time_out_for_another_revision_does_nothing(house: House) -> None:
    """The hint was about a gate that somebody has decided about since."""
    await gate(house, GatePolicy(60, Then.APPROVE))
    view = await waiting(house)
    await house.review(view, "rejected")
    await house.work()
    await overdue(house, view, 60)
    [verdict], _ = await house.deps.transactor.exchange([Order(view.job.id, GateTimeout("text_to_image", 0))])
    assert not isinstance(verdict, MaquetteError)
    view = await house.view(view.job.id)
    assert (view.job.status, view.job.revision) == (JobStatus.AWAITING_REVIEW, 1)


async def attempt(action: Awaitable[Any]) -> object:
    try:
        return await action
    except MaquetteError as error:
        return error


async def test_several_decide_at_once_and_one_wins(house: House) -> None:
    """Approval, rejection, time-out and cancel race: one of them is true afterwards, the reviewers who lost are told who won."""
    await gate(house, GatePolicy(1, Then.APPROVE))
    winners: set[str] = set()
    for _ in range(12):
        view = await waiting(house)
        await overdue(house, view, 5)
        before = view.job.sequence
        approve, reject, _, cancel = await asyncio.gather(
            attempt(house.review(view, "approved")),
            attempt(house.review(view, "rejected")),
            attempt(keeper(house).run_once()),
            attempt(jobs.cancel(house.deps, house.user, view.job.id)),
        )
        view = await house.view(view.job.id)
        closed = [item for item in view.decisions if item.verdict is not Verdict.PAUSED]
        assert len(closed) <= 1
        lost = [item for item in (approve, reject) if isinstance(item, MaquetteError)]
        assert len(lost) >= 1
        assert isinstance(cancel, JobView)
        assert view.job.status is JobStatus.CANCELED
        assert view.job.sequence == before + len(closed) + 1
        for error in lost:
            assert isinstance(error, StaleReview | IllegalTransition)
            if closed:
                assert error.extra["decision"]["by"] == closed[0].by
        winners |= {item.by if item.by == GATE_TIMEOUT else item.verdict for item in closed}
        assert await clocks(house) == 0
        while await house.claim():
            pass  # what a rejection or an approval queued was canceled with its job
    assert winners


async def test_a_job_is_held_before_a_step(house: House) -> None:
    """It goes on until that step would begin; resume lets it go on; the place is free for another hold then."""
    await house.gates()
    view = await house.submit("2D")
    view = await jobs.pause(house.deps, house.user, view.job.id, "export")
    assert (view.job.status, view.job.hold_at) == (JobStatus.QUEUED, 2)
    await house.work()
    await house.work()
    view = await house.view(view.job.id)
    assert (view.job.spec.name, view.job.status, view.job.pause_reason, view.job.hold_at) == (
        "export", JobStatus.PAUSED, "decision", None,
    )  # fmt: skip
    assert await house.claim() == []
    types = [event.type for event in await told(house, view.job.id)]
    assert types[-2:] == [EventType.STEP_COMPLETED, EventType.JOB_PAUSED]
    assert EventType.PAUSE_REQUESTED in types
    await jobs.resume(house.deps, house.user, view.job.id)
    await house.work()
    assert (await house.view(view.job.id)).job.status is JobStatus.SUCCEEDED


async def test_a_hold_further_on_can_be_taken_back(house: House) -> None:
    """Resume on a job that runs withdraws it; a second resume has nothing to do."""
    await house.gates()
    view = await house.submit("2D")
    await jobs.pause(house.deps, house.user, view.job.id, "export")
    await jobs.resume(house.deps, house.user, view.job.id)
    with pytest.raises(IllegalTransition):
        await jobs.resume(house.deps, house.user, view.job.id)
    for _ in range(3):
        await house.work()
    assert (await house.view(view.job.id)).job.status is JobStatus.SUCCEEDED


@pytest.mark.parametrize("before", ["nonsense", "text_to_image", "retopo", "rig"])
async def test_a_hold_where_nothing_comes_is_refused(house: House, before: str) -> None:
    """Unknown, not needed, provided, or current: the field is named."""
    mesh = await bring(house, glb(), "mine.glb")
    view = await house.submit("3D", provide={"retopo": [mesh]})
    with pytest.raises(Invalid) as caught:
        await jobs.pause(house.deps, house.user, view.job.id, before)
    assert caught.value.details[0].loc == ("before",)


async def test_what_comes_after_a_cancel_is_told_to_be_dropped(house: House) -> None:
    """A result that nobody will see was not applied, however often it is sent; that the worker stopped is."""
    for word, verdict in (("succeeded", "stale"), ("canceled", "applied")):
        view = await house.submit("2D")
        [task] = await house.claim()
        outcome = await house.succeeded(task)
        await jobs.cancel(house.deps, house.user, view.job.id)
        if word == "canceled":
            outcome = type(outcome)(task_id=task.task_id, fence=task.fence, status="canceled")
        for _ in range(2):
            answer = await house.report(outcome)
            assert [item.verdict for item in answer.verdicts] == [verdict]
        view = await house.view(view.job.id)
        assert (view.job.status in TERMINAL, view.records, view.lease) == (True, [], None)


async def test_a_gate_that_nobody_decides_at_is_taken_further_up(house: House) -> None:
    """Each stage is told once, with who is to hear of it; the job shows what comes next; at last it is held."""
    stages = (Escalation(60, "reviewer"), Escalation(120, None, ("usr_ada",)))
    await gate(house, GatePolicy(600, Then.PAUSE, None, stages))
    view = await waiting(house)
    for number, action, to in (
        (0, "escalate", {"role": "reviewer"}),
        (1, "escalate", {"users": ["usr_ada"]}),
    ):
        shown = clock(house, view)
        assert (shown["escalated"], shown["next"]["action"], shown["next"]["to"]) == (number, action, to)
        await overdue(house, view, 60)
        await asyncio.gather(*(keeper(house).run_once() for _ in range(4)))
        view = await house.view(view.job.id)
    shown = clock(house, view)
    assert (shown["escalated"], shown["next"]["action"], shown["then"]) == (2, "pause", "pause")
    await overdue(house, view, 480)
    await keeper(house).run_once()
    view = await house.view(view.job.id)
    assert (view.job.status, view.job.pause_reason) == (JobStatus.PAUSED, "decision")
    assert (clock(house, view), await clocks(house)) == (None, 0)
    assert [(item.verdict, item.by) for item in view.decisions] == [(Verdict.PAUSED, GATE_TIMEOUT)]
    found = [item.data for item in await told(house, view.job.id) if item.type is EventType.GATE_ESCALATED]
    assert [(item["stage"], item["stages"], item["to"]) for item in found] == [
        (1, 2, {"role": "reviewer"}), (2, 2, {"users": ["usr_ada"]}),
    ]  # fmt: skip
    again = await jobs.resume(house.deps, house.user, view.job.id)
    assert (again.job.status, clock(house, again)["escalated"]) == (JobStatus.AWAITING_REVIEW, 0)


async def test_who_was_to_be_told_is_told_before_the_decision_falls(house: House) -> None:
    """Nobody looked after gates until the wait was over: both stages are told, then it is approved, without a gap."""
    await gate(
        house, GatePolicy(600, Then.APPROVE, 60, (Escalation(90, "reviewer"), Escalation(120, "owner")))
    )
    view = await waiting(house)
    await overdue(house, view, 700)
    await keeper(house).run_once()
    events = (await told(house, view.job.id))[-3:]
    assert [item.type for item in events] == [
        EventType.GATE_ESCALATED, EventType.GATE_ESCALATED, EventType.USER_REVIEW_UPDATED,
    ]  # fmt: skip
    assert [item.sequence for item in events] == list(range(events[0].sequence, events[0].sequence + 3))
    view = await house.view(view.job.id)
    assert (view.job.spec.name, view.job.sequence) == ("refine", events[-1].sequence)


def clock(house: House, view: JobView) -> Any:
    """Return what the job shows of its gate's clock."""
    return present.job(view, house.deps.objects, ttl_seconds=60, root_path="")["gate"]
