"""Redrive: what failed is tried again where it failed; what was finished stays, and history tells all of it."""

from typing import Any
from uuid import UUID

import pytest
from house import House
from ledger import violations

from maquette import wire
from maquette.domain import typeid
from maquette.domain.commands import Redrive, SafetyDecided
from maquette.domain.errors import IllegalTransition, Invalid, NotFound, QuotaExceeded
from maquette.domain.job import Hold
from maquette.domain.principal import Principal
from maquette.domain.ruling import Ruling, Stage
from maquette.maintenance.redrives import RedriveLoop
from maquette.services import dead_letters, quotas
from maquette.services import jobs as services_jobs
from maquette.services.ids import new_id
from maquette.services.jobs import JobView
from maquette.store.dead_letters import Letter


async def fail(house: House, error_class: str = "invalid") -> wire.Task:
    """Claim one task and fail it."""
    [task] = await house.claim()
    outcome = wire.Outcome(
        task_id=task.task_id,
        fence=task.fence,
        status="failed",
        error_class=error_class,
        error_code="boom",
        error_message="it broke",
    )
    answer = await house.report(outcome)
    assert [item.verdict for item in answer.verdicts] == ["applied"]
    return task


async def failed_at_refine(house: House) -> tuple[JobView, Letter]:
    """Bring a job to its second step and let that fail for good."""
    view = await house.submit("2D")
    await house.work()
    await house.review(await house.view(view.job.id), "approved")
    await fail(house)
    [letter] = await listed(house, job=view.job.id)
    return await house.view(view.job.id), letter


async def listed(house: House, **more: Any) -> list[Letter]:
    wanted = {"project": None, "before": None, "status": None, "step": None, "job": None, "limit": 100}
    return await dead_letters.list_letters(house.deps, house.user, **{**wanted, **more})


async def laws(house: House, job_id: UUID) -> dict[str, list[Any]]:
    async with house.deps.database.connection() as connection:
        return await violations(connection, [job_id])


async def test_a_failed_job_goes_on_where_it_failed(house: House) -> None:
    """Finished steps stay, the attempt's number goes on, the job succeeds, and its rows are lawful."""
    view, letter = await failed_at_refine(house)
    assert (view.job.status, letter.status, letter.step) == ("failed", "open", "refine")
    after = await dead_letters.redrive(house.deps, house.user, letter.id)
    assert (after.job.status, after.job.spec.name, after.job.error) == ("running", "refine", None)
    task = await house.work()
    assert (task.step, task.attempt) == ("refine", 2)
    await house.review(await house.view(view.job.id), "approved")
    await house.work()
    done = await house.view(view.job.id)
    assert done.job.status == "succeeded"
    assert [(record.step, record.attempt) for record in done.records] == [
        ("text_to_image", 1),
        ("refine", 2),
        ("export", 1),
    ]
    assert await laws(house, view.job.id) == {}
    whole = await dead_letters.show(house.deps, house.user, letter.id)
    assert whole.letter.status == "redriven"
    assert [(tried.attempt, tried.error["code"]) for tried in whole.attempts] == [(1, "boom")]


async def test_retries_start_anew(house: House) -> None:
    """A transient error after a redrive is tried again as often as the first time; one letter more when that is used up."""
    view = await house.submit("2D")
    await fail(house)
    [first] = await listed(house)
    await dead_letters.redrive(house.deps, house.user, first.id)
    await fail(house, "transient")
    waiting = await house.view(view.job.id)
    assert (waiting.job.status, waiting.job.attempt) == ("running", 2)
    async with house.deps.database.transaction() as connection:
        await connection.execute("update delayed set due_at = now()")
        await connection.execute("update jobs set retry_at = now() where id = $1", view.job.id)
    await house.sweeper().run_once()
    await fail(house)
    assert {letter.status for letter in await listed(house)} == {"open", "redriven"}
    newest = (await listed(house, status="open"))[0]
    whole = await dead_letters.show(house.deps, house.user, newest.id)
    assert [tried.attempt for tried in whole.attempts] == [1, 2, 3]
    assert (await laws(house, view.job.id)) == {}


async def test_changed_parameters_are_validated_and_used(house: House) -> None:
    """A redrive may change what the failed step and those after it do, within their bounds, and nothing before it."""
    view, letter = await failed_at_refine(house)
    with pytest.raises(Invalid, match="must be from 1 to 4"):
        await dead_letters.redrive(house.deps, house.user, letter.id, {"params": {"refine": {"scale": 9}}})
    with pytest.raises(Invalid, match="not redone"):
        await dead_letters.redrive(house.deps, house.user, letter.id, {"prompt": "something else"})
    assert (await house.view(view.job.id)).job.status == "failed"
    await dead_letters.redrive(house.deps, house.user, letter.id, {"params": {"refine": {"scale": 1}}})
    [task] = await house.claim()
    assert (task.step, task.params["scale"]) == ("refine", 1)


async def test_a_letter_is_answered_once(house: House) -> None:
    """Who redrives twice, or discards what was redriven, is told so; a discarded letter stays down."""
    view, letter = await failed_at_refine(house)
    await dead_letters.redrive(house.deps, house.user, letter.id)
    for act in (
        dead_letters.redrive(house.deps, house.user, letter.id),
        dead_letters.discard(house.deps, house.user, letter.id, ""),
    ):
        with pytest.raises(IllegalTransition):
            await act
    await fail(house)
    newest = (await listed(house, status="open"))[0]
    with pytest.raises(IllegalTransition, match="failed again since"):
        await dead_letters.redrive(house.deps, house.user, letter.id)
    closed = await dead_letters.discard(house.deps, house.user, newest.id, "a mistake")
    assert (closed.letter.status, closed.letter.reason, closed.letter.closed_by) == (
        "discarded",
        "a mistake",
        house.user.subject,
    )
    with pytest.raises(IllegalTransition, match="discarded"):
        await dead_letters.redrive(house.deps, house.user, newest.id)
    assert (await house.view(view.job.id)).job.status == "failed"


async def test_a_redrive_that_is_refused_ends_with_a_letter_of_its_own(house: House) -> None:
    """What was changed waits for a moderator; refused without another attempt, the job fails anew, and can be looked at."""
    view, letter = await failed_at_refine(house)
    ruling = Ruling(
        id=new_id(),
        project_id=view.job.project_id,
        stage=Stage.PROMPT,
        verdict="hold",
        categories=("violence",),
        policy={},
        moderators=(),
        evidence=(),
        subject=house.user.subject,
        digest=b"\0" * 32,
        correlation_id=view.job.correlation_id,
    )
    transactor = house.deps.transactor
    await transactor.apply(view.job.id, Redrive(letter.id, house.user.subject, ruling=ruling))
    held = (await house.view(view.job.id)).job
    assert (held.status, held.holds) == ("paused", {Hold.PROMPT})
    refused = SafetyDecided(
        hold=Hold.PROMPT,
        position=held.position,
        revision=held.revision,
        allowed=False,
        ruling_id=ruling.id,
        categories=ruling.categories,
        by=house.user.subject,
    )
    await transactor.apply(view.job.id, refused)
    assert (await house.view(view.job.id)).job.status == "failed"
    newer, older = await listed(house, job=view.job.id)
    assert (newer.status, older.status) == ("open", "redriven")
    assert older.id == letter.id
    assert await laws(house, view.job.id) == {}


async def test_a_lost_worker_leaves_its_attempts_in_the_history(house: House) -> None:
    """An attempt that nobody reported has its place among the others after a redrive."""
    view = await house.submit("2D")
    for _ in range(4):
        await house.claim()
        async with house.deps.database.transaction() as connection:
            await connection.execute("update leases set leased_at = now() - interval '1 hour'")
        await house.sweeper().run_once()
        async with house.deps.database.transaction() as connection:
            await connection.execute("update jobs set retry_at = now() where retry_at is not null")
            await connection.execute("update delayed set due_at = now()")
        await house.sweeper().run_once()
    assert (await house.view(view.job.id)).job.status == "failed"
    [letter] = await listed(house)
    await dead_letters.redrive(house.deps, house.user, letter.id)
    await house.work()
    assert await laws(house, view.job.id) == {}
    whole = await dead_letters.show(house.deps, house.user, letter.id)
    assert [tried.error["code"] for tried in whole.attempts] == ["lost_worker"] * 3 + ["poison"]


async def test_a_stranger_sees_no_letter(house: House) -> None:
    """Another project's letters look missing."""
    _, letter = await failed_at_refine(house)
    stranger = Principal("user", "usr_other", {new_id(): next(iter(house.user.roles.values()))})
    assert (
        await dead_letters.list_letters(
            house.deps, stranger, project=None, before=None, status=None, step=None, job=None, limit=10
        )
        == []
    )
    with pytest.raises(NotFound):
        await dead_letters.show(house.deps, stranger, letter.id)
    with pytest.raises(NotFound):
        await dead_letters.redrive(house.deps, stranger, letter.id)


async def test_many_are_redriven_at_their_pace(house: House) -> None:
    """An order redrives the oldest first, so many a minute and so many in all, and counts what others were faster with."""
    jobs = [(await house.submit("2D", prompt=f"robot {number}")).job.id for number in range(5)]
    for _ in jobs:
        await fail(house)
    project = typeid.decode("prj", house.project)
    dry = await dead_letters.matching(house.deps, house.user, project, {"error_code": "boom"}, 10)
    assert len(dry) == 5
    assert await dead_letters.matching(house.deps, house.user, project, {"step": "refine"}, 10) == []
    order = await dead_letters.redrive_many(
        house.deps, house.user, project, {"error_code": "boom"}, per_minute=120, cap=4
    )
    loop = RedriveLoop(house.deps.database, house.deps.transactor)
    assert await loop.run_once()
    now = await dead_letters.order(house.deps, house.user, order.id)
    assert (now.redriven, now.refused, now.finished_at) == (2, 0, None)
    assert [letter.status for letter in reversed(await listed(house))] == ["redriven"] * 2 + ["open"] * 3
    assert not await loop.run_once(), "its next turn is a second away"
    await dead_letters.redrive(house.deps, house.user, (await listed(house, status="open"))[-1].id)
    async with house.deps.database.transaction() as connection:
        await connection.execute("update redrives set next_at = now()")
    assert await loop.run_once()
    done = await dead_letters.order(house.deps, house.user, order.id)
    assert (done.redriven, done.finished_at is not None) == (4, True)


async def test_an_order_can_be_stopped(house: House) -> None:
    """What it has redriven goes on, the rest stays open."""
    for number in range(3):
        await house.submit("2D", prompt=f"robot {number}")
        await fail(house)
    project = typeid.decode("prj", house.project)
    order = await dead_letters.redrive_many(house.deps, house.user, project, {}, per_minute=1, cap=10)
    loop = RedriveLoop(house.deps.database, house.deps.transactor)
    assert await loop.run_once()
    stopped = await dead_letters.cancel_order(house.deps, house.user, order.id)
    assert (stopped.redriven, stopped.canceled_by) == (1, house.user.subject)
    async with house.deps.database.transaction() as connection:
        await connection.execute("update redrives set next_at = now()")
    assert not await loop.run_once()
    assert len(await listed(house, status="open")) == 2


async def test_an_order_goes_on_after_its_letter_is_gone(house: House) -> None:
    """Retention deletes the letter that had its turn last, job and all: those after it have theirs all the same."""
    for number in range(3):
        await house.submit("2D", prompt=f"robot {number}")
        await fail(house)
    project = typeid.decode("prj", house.project)
    order = await dead_letters.redrive_many(house.deps, house.user, project, {}, per_minute=60, cap=10)
    loop = RedriveLoop(house.deps.database, house.deps.transactor)
    assert await loop.run_once()
    async with house.deps.database.transaction() as connection:
        await connection.execute("delete from dead_letters where status = 'redriven'")
        await connection.execute("update redrives set next_at = now()")
    assert await loop.run_once()
    now = await dead_letters.order(house.deps, house.user, order.id)
    assert (now.redriven, now.finished_at) == (2, None)


async def test_a_redrive_needs_room_like_a_new_job(house: House) -> None:
    """One by one it is refused with the limit; an order waits, and goes on where it was when there is room."""
    for number in range(3):
        await house.submit("2D", prompt=f"robot {number}")
        await fail(house)
    project = typeid.decode("prj", house.project)
    operator = Principal("operator", "op")
    await quotas.put(house.deps, operator, project, {"limits": {"concurrent_jobs": 2, "jobs_per_day": 3}})
    first, second, third = reversed(await listed(house))
    open_one = await dead_letters.redrive(house.deps, house.user, first.id)
    order = await dead_letters.redrive_many(house.deps, house.user, project, {}, per_minute=6000, cap=10)
    loop = RedriveLoop(house.deps.database, house.deps.transactor)
    assert await loop.run_once()
    with pytest.raises(QuotaExceeded) as caught:
        await dead_letters.redrive(house.deps, house.user, third.id)
    assert caught.value.extra["quota"]["limit"] == "concurrent_jobs"
    assert not await loop.run_once(), "it looks again in some seconds"
    now = await dead_letters.order(house.deps, house.user, order.id)
    assert (now.redriven, now.refused, now.finished_at) == (1, 0, None)
    assert [letter.id for letter in await listed(house, status="open")] == [third.id]
    assert second.id not in {third.id, first.id}
    await services_jobs.cancel(house.deps, house.user, open_one.job.id)
    async with house.deps.database.transaction() as connection:
        await connection.execute("update redrives set next_at = now()")
    assert await loop.run_once()
    done = await dead_letters.order(house.deps, house.user, order.id)
    assert (done.redriven, done.refused, done.finished_at is not None) == (2, 0, True)
    assert await listed(house, status="open") == []
