"""What follows from each verdict at the prompt and at a result, and what people's words change."""

import asyncio
from typing import Any

import msgspec
import pytest
from house import House, furnish
from own_work import told
from played import OPERATOR, play

from maquette import wire
from maquette.domain import typeid
from maquette.domain.errors import (
    AwaitingVerdict,
    Conflict,
    ContentBlocked,
    Forbidden,
    Invalid,
    NotFound,
    StaleRuling,
    UnsafeContent,
)
from maquette.domain.events import EventType
from maquette.domain.job import JobStatus, PauseReason
from maquette.domain.permissions import Role
from maquette.domain.principal import Principal
from maquette.services import artifacts, assets, integrity, jobs, safety
from maquette.services.jobs import JobView
from maquette.services.safety import Word
from maquette.store import events
from maquette.store.safety import Filter, RulingRow

ALLOW, BLOCK = Word("allow", "It is a toy."), Word("block", "It is not.")


async def rulings(house: House, **wanted: Any) -> list[RulingRow]:
    return await safety.list_rulings(house.deps, house.user, None, Filter(**wanted), before=None, limit=100)


async def done(house: House, view: JobView) -> JobView:
    """Let the workers finish a job without gates."""
    while (tasks := await house.claim()) != []:
        await house.report(await house.succeeded(tasks[0]))
    return await house.view(view.job.id)


async def said(house: House, text: str, **more: Any) -> tuple[JobView, wire.OutcomesAnswer]:
    """Let a worker finish the first step of a new job with this as the prompt it used."""
    view = await house.submit("2D", **more)
    [task] = await house.claim()
    outcome = await house.succeeded(task)
    outcome = msgspec.structs.replace(outcome, outputs={**outcome.outputs, "prompt_used": text})
    answer = await house.report(outcome)
    return await house.view(view.job.id), answer


async def test_a_held_prompt_waits_for_a_person_and_goes_on_with_his_word(house: House) -> None:
    """Nothing is dispatched while it is held; allowing it queues the first step, and the same prompt passes then."""
    play(house)
    view = await house.submit("2D", prompt="maybe a robot")
    assert (view.job.status, view.job.pause_reason) == (JobStatus.PAUSED, PauseReason.SAFETY)
    assert view.row.safety == ""
    assert await house.claim() == []
    [row] = await rulings(house, in_force="hold", job_id=view.job.id)
    assert (row.ruling.stage, row.ruling.categories) == ("prompt", ("weapons",))
    assert row.ruling.evidence[0]["where"] == "text_to_image.prompt"
    with pytest.raises(Conflict, match="nobody paused it"):
        await jobs.resume(house.deps, house.user, view.job.id)
    decided = await safety.override(house.deps, house.user, row.ruling.id, ALLOW)
    assert (decided.in_force, decided.overrides[0].by) == ("allow", "usr_test")
    view = await house.view(view.job.id)
    assert view.job.status is JobStatus.QUEUED
    assert len(await house.claim()) == 1
    kinds = [item.type for item in await told(house, view.job.id)]
    assert kinds == [EventType.JOB_CREATED, EventType.SAFETY_DECIDED, EventType.STEP_STARTED]
    again = await house.submit("2D", prompt="maybe a robot")
    assert again.job.status is JobStatus.QUEUED


async def test_a_held_prompt_that_is_blocked_fails_its_job(house: House) -> None:
    """Step and job fail with ``content_policy`` and a dead letter that name the decision."""
    play(house)
    view = await house.submit("2D", prompt="maybe a robot")
    [row] = await rulings(house)
    await safety.override(house.deps, house.user, row.ruling.id, BLOCK)
    view = await house.view(view.job.id)
    assert view.job.status is JobStatus.FAILED
    assert view.job.error is not None
    assert view.job.error["code"] == "content_policy"
    assert view.job.error["decision_id"] == typeid.encode("sdc", row.ruling.id)
    assert view.job.error["dead_letter_id"].startswith("dlq_")
    [record] = view.records
    assert (record.status, record.attempt, record.error) == ("failed", 0, view.job.error)
    report = await integrity.check(house.deps.database, house.deps.objects)
    assert report.findings == []


async def test_a_blocked_prompt_creates_nothing_until_a_person_allows_it(house: House) -> None:
    """The refusal names the decision; after a word on that the same composed prompt passes, another does not."""
    play(house)
    with pytest.raises(UnsafeContent) as refused:
        await house.submit("2D", prompt="never a robot")
    assert refused.value.extra["stage"] == "prompt"
    assert refused.value.extra["categories"] == ["weapons"]
    ruling = typeid.decode("sdc", refused.value.extra["decision_id"])
    await safety.appeal(house.deps, house.user, ruling, "It is the name of a village.")
    [row] = await rulings(house, appealed=True)
    assert row.ruling.id == ruling
    with pytest.raises(Conflict, match="appealed"):
        await safety.appeal(house.deps, house.user, ruling, "Again.")
    await safety.override(house.deps, house.user, ruling, ALLOW)
    assert (await house.submit("2D", prompt="never a robot")).job.status is JobStatus.QUEUED
    with pytest.raises(UnsafeContent):
        await house.submit("2D", prompt="never a dog")


async def test_what_the_platform_found_is_for_its_operators(house: House) -> None:
    """An owner cannot lift what the floor holds; an operator can, and then the owner cannot undo his word."""
    play(house, source="floor")
    await house.submit("2D", prompt="maybe a robot")
    [row] = await rulings(house)
    assert safety.decidable_by(row) == "operator"
    with pytest.raises(Forbidden, match="operator"):
        await safety.override(house.deps, house.user, row.ruling.id, ALLOW)
    await safety.override(house.deps, OPERATOR, row.ruling.id, ALLOW)
    with pytest.raises(Forbidden):
        await safety.override(house.deps, house.user, row.ruling.id, Word("block", "No.", "allow"))


async def test_a_reviewers_word_does_not_excuse_what_the_floor_finds_later(house: House) -> None:
    """What he allowed passes as long as his project's rules alone object; a growing floor asks an operator."""
    played = play(house)
    await house.submit("2D", prompt="maybe a robot")
    [row] = await rulings(house)
    await safety.override(house.deps, house.user, row.ruling.id, ALLOW)
    assert (await house.submit("2D", prompt="maybe a robot")).job.status is JobStatus.QUEUED
    played.source = "floor"
    assert (await house.submit("2D", prompt="maybe a robot")).job.status is JobStatus.PAUSED
    [row, _] = await rulings(house)
    await safety.override(house.deps, OPERATOR, row.ruling.id, ALLOW)
    assert (await house.submit("2D", prompt="maybe a robot")).job.status is JobStatus.QUEUED


async def test_what_a_person_blocked_is_blocked_from_then_on(house: House) -> None:
    """The same prompt again is not held for a person again: it is refused at once."""
    play(house)
    await house.submit("2D", prompt="maybe a robot")
    [row] = await rulings(house)
    await safety.override(house.deps, house.user, row.ruling.id, BLOCK)
    with pytest.raises(UnsafeContent):
        await house.submit("2D", prompt="maybe a robot")


async def test_of_two_who_decide_at_once_one_wins(house: House) -> None:
    """The other is told what holds, and changes it only by saying that he has seen it."""
    play(house)
    view = await house.submit("2D", prompt="maybe a robot")
    [row] = await rulings(house)
    both = await asyncio.gather(
        safety.override(house.deps, house.user, row.ruling.id, ALLOW),
        safety.override(house.deps, house.user, row.ruling.id, BLOCK),
        return_exceptions=True,
    )
    [lost] = [item for item in both if isinstance(item, Exception)]
    assert isinstance(lost, StaleRuling)
    found = await safety.get_ruling(house.deps, house.user, row.ruling.id)
    assert len(found.overrides) == 1
    status = (await house.view(view.job.id)).job.status
    assert status is (JobStatus.QUEUED if found.in_force == "allow" else JobStatus.FAILED)
    assert lost.extra["decision"]["in_force"] == found.in_force
    other = Word("block" if found.in_force == "allow" else "allow", "On reflection.", found.in_force)
    changed = await safety.override(house.deps, house.user, row.ruling.id, other)
    assert [item.verdict for item in changed.overrides] == [found.in_force, other.verdict]


async def test_a_review_that_changes_the_prompt_is_judged_again(house: House) -> None:
    """Blocked changes are refused and the gate stays open; held ones hold the job before it redoes anything."""
    play(house)
    view = await house.submit("2D", prompt="a robot")
    await house.work()
    view = await house.view(view.job.id)
    with pytest.raises(UnsafeContent) as refused:
        await house.review(view, "rejected", changes={"prompt": "never a robot"})
    assert refused.value.details[0].loc == ("changes",)
    assert (await house.view(view.job.id)).job.status is JobStatus.AWAITING_REVIEW
    held = await house.review(view, "rejected", changes={"prompt": "maybe a robot"})
    assert (held.job.status, held.job.pause_reason, held.job.revision) == ("paused", "safety", 1)
    assert await house.claim() == []
    [row] = await rulings(house, in_force="hold")
    assert (row.ruling.position, row.ruling.revision) == (0, 1)
    await safety.override(house.deps, house.user, row.ruling.id, ALLOW)
    task = await house.work()
    assert (task.revision, task.params["prompt"]) == (1, "maybe a robot")


async def test_a_held_result_is_seen_by_nobody_until_a_person_allows_it(house: House) -> None:
    """The work is kept, the files are withheld on every path, the next step waits; then it goes on as if just done."""
    play(house)
    await house.gates()
    view, answer = await said(house, "maybe a robot")
    assert [item.verdict for item in answer.verdicts] == ["applied"]
    assert (view.job.status, view.job.pause_reason, view.job.position) == ("paused", "safety", 0)
    assert await house.claim() == []
    [file] = view.artifacts
    assert file.withheld == "awaiting"
    with pytest.raises(AwaitingVerdict):
        await artifacts.location(house.deps, house.user, file.id)
    completed = (await told(house, view.job.id))[-1]
    assert completed.data["safety"]["verdict"] == "hold"
    assert "url" not in completed.data["artifacts"][0]
    [row] = await rulings(house)
    assert row.ruling.evidence[0]["where"] == "outputs.prompt_used"
    await safety.override(house.deps, house.user, row.ruling.id, ALLOW)
    view = await done(house, view)
    assert view.job.status is JobStatus.SUCCEEDED
    assert {item.withheld for item in view.artifacts} == {None}
    await artifacts.location(house.deps, house.user, file.id)
    report = await integrity.check(house.deps.database, house.deps.objects)
    assert report.findings == []


@pytest.mark.parametrize(
    ("reported", "status"),
    [
        ("maybe a robot, inked", "succeeded"),
        ("maybe a tank, beside maybe a robot", "paused"),
        ("maybe a robotic arm", "paused"),
    ],
)
async def test_what_a_worker_repeats_of_an_allowed_prompt_is_not_held_again(
    house: House, reported: str, status: str
) -> None:
    """A person has judged these words; whatever else the worker says of its work is judged as ever."""
    play(house)
    await house.gates()
    view = await house.submit("2D", prompt="maybe a robot")
    [row] = await rulings(house)
    await safety.override(house.deps, house.user, row.ruling.id, ALLOW)
    [task] = await house.claim()
    outcome = await house.succeeded(task)
    await house.report(msgspec.structs.replace(outcome, outputs={**outcome.outputs, "prompt_used": reported}))
    assert (await done(house, view)).job.status == status


async def test_an_allowed_result_meets_its_gate_only_then(house: House) -> None:
    """A gate opens when the files may be seen, not before; a pause in between is kept."""
    play(house)
    view, _ = await said(house, "maybe a robot")
    assert not view.job.gate_open
    view = await jobs.pause(house.deps, house.user, view.job.id)
    [row] = await rulings(house)
    await safety.override(house.deps, house.user, row.ruling.id, ALLOW)
    view = await house.view(view.job.id)
    assert (view.job.status, view.job.gate_open) == (JobStatus.PAUSED, True)
    view = await jobs.resume(house.deps, house.user, view.job.id)
    assert view.job.status is JobStatus.AWAITING_REVIEW


@pytest.mark.parametrize("word", ["never", "maybe"])
async def test_a_blocked_result_fails_the_job_and_its_files_stay_withheld(house: House, word: str) -> None:
    """Whether a rule blocked it or a person did after it was held; a later word of allowance shows the files again."""
    play(house)
    view, answer = await said(house, f"{word} a robot")
    assert [item.verdict for item in answer.verdicts] == ["applied"]
    [row] = await rulings(house)
    if word == "maybe":
        await safety.override(house.deps, house.user, row.ruling.id, BLOCK)
        view = await house.view(view.job.id)
    assert view.job.status is JobStatus.FAILED
    assert view.job.error is not None
    assert view.job.error["code"] == "content_policy"
    [record] = view.records
    assert (record.status, record.error) == ("failed", view.job.error)
    [file] = view.artifacts
    assert file.withheld == "blocked"
    with pytest.raises(ContentBlocked):
        await artifacts.location(house.deps, house.user, file.id)
    await safety.override(house.deps, OPERATOR, row.ruling.id, Word("allow", "A museum.", "block"))
    await artifacts.location(house.deps, house.user, file.id)
    assert (await house.view(view.job.id)).job.status is JobStatus.FAILED


async def test_a_job_given_up_while_held_takes_no_verdict(house: House) -> None:
    """Canceling ends the wait; a later word shows the files, and changes nothing else."""
    play(house)
    view, _ = await said(house, "maybe a robot")
    [row] = await rulings(house)
    view = await jobs.cancel(house.deps, house.user, view.job.id)
    assert view.job.status is JobStatus.CANCELED
    assert view.records[0].status == "canceled"
    assert view.artifacts[0].withheld == "awaiting"
    await safety.override(house.deps, house.user, row.ruling.id, ALLOW)
    view = await house.view(view.job.id)
    assert (view.job.status, view.artifacts[0].withheld) == (JobStatus.CANCELED, None)


async def test_a_file_that_is_taken_away_is_gone_everywhere(house: House) -> None:
    """Content, library, later jobs and steps that would read it, in this job and in those that took it over."""
    play(house)
    await house.gates()
    view = await done(house, await house.submit("2D"))
    assert view.job.status is JobStatus.SUCCEEDED
    assert view.job.asset_id is not None
    heir = await done(
        house,
        await house.submit("2D", from_asset=typeid.encode("ast", view.job.asset_id), redo_from="export"),
    )
    assert heir.job.status is JobStatus.SUCCEEDED
    concept = next(item for item in view.artifacts if item.step == "text_to_image")
    row = await safety.block_artifact(house.deps, house.user, concept.id, "It shows a person.", ("gore",))
    assert (row.ruling.verdict, row.in_force, row.ruling.categories) == ("allow", "block", ("gore",))
    with pytest.raises(ContentBlocked):
        await artifacts.location(house.deps, house.user, concept.id)
    for version in (1, 2):
        asset = await assets.get(house.deps, house.user, view.job.asset_id, version)
        assert [item.withheld for item in asset.files if item.key == concept.key] == ["blocked"]
    copy = next(item for item in (await house.view(heir.job.id)).artifacts if item.key == concept.key)
    assert copy.withheld == "blocked"
    with pytest.raises(Invalid, match="took away"):
        await house.submit("2D", from_asset=typeid.encode("ast", view.job.asset_id), redo_from="export")
    with pytest.raises(Conflict):
        await safety.block_artifact(house.deps, house.user, concept.id, "Again.", ())
    await safety.override(house.deps, house.user, row.ruling.id, Word("allow", "A double.", "block"))
    await artifacts.location(house.deps, house.user, concept.id)
    async with house.deps.database.connection() as connection:
        [first, second] = await events.of_job(connection, row.ruling.id, 0, 10)
    assert {first.type, second.type} == {EventType.SAFETY_OVERRIDDEN}
    assert [first.data["verdict"], second.data["verdict"]] == ["block", "allow"]
    assert typeid.encode("art", copy.id) in first.data["artifacts"]


async def test_what_was_taken_away_is_not_made_again(house: House) -> None:
    """A worker that hands in the same bytes, in whichever job of the project, has them blocked."""
    view = await house.submit("2D")
    await as_ever(house)
    view = await house.view(view.job.id)
    await safety.block_artifact(house.deps, house.user, view.artifacts[0].id, "No.", ())
    again = await house.submit("2D")
    await as_ever(house)
    again = await house.view(again.job.id)
    assert (again.job.status, again.artifacts[0].withheld) == (JobStatus.FAILED, "blocked")
    [row, _] = await rulings(house)
    assert row.ruling.categories == ("taken_away",)


async def test_no_step_is_given_what_was_taken_away(house: House) -> None:
    """The step that would read it fails with ``content_policy`` instead of being handed out."""
    play(house)
    view = await house.submit("2D")
    await house.work()
    view = await house.view(view.job.id)
    await safety.block_artifact(house.deps, house.user, view.artifacts[0].id, "No.", ())
    await house.review(view, "approved")
    assert await house.claim() == []
    view = await house.view(view.job.id)
    assert view.job.status is JobStatus.FAILED
    assert view.job.error is not None
    assert view.job.error["code"] == "content_policy"


async def test_a_foreign_tenant_sees_nothing(house: House) -> None:
    """Lists leave out, reads and words find nothing: as if the decision did not exist."""
    play(house)
    await house.submit("2D", prompt="maybe a robot")
    [row] = await rulings(house)
    other = await furnish(house.deps)
    assert await rulings(other) == []
    for act in (
        safety.get_ruling(house.deps, other.user, row.ruling.id),
        safety.appeal(house.deps, other.user, row.ruling.id, "Why?"),
        safety.override(house.deps, other.user, row.ruling.id, ALLOW),
    ):
        with pytest.raises(NotFound):
            await act
    viewer = Principal("user", "usr_viewer", {typeid.decode("prj", house.project): Role.VIEWER})
    with pytest.raises(Forbidden):
        await safety.override(house.deps, viewer.under("override_safety_decision"), row.ruling.id, ALLOW)


@pytest.mark.parametrize("changed", [False, True])
async def test_what_other_policies_allowed_is_done_again(house: House, changed: bool) -> None:
    """Equal work of an earlier revision is taken over only as long as the same policies hold."""
    await house.gates("before_export")
    view = await house.submit("3D", seed=7)
    while view.job.status is not JobStatus.AWAITING_REVIEW:
        await as_ever(house)
        view = await house.view(view.job.id)
    if changed:
        project = typeid.decode("prj", house.project)
        await safety.put_project_policy(house.deps, house.user, project, {"moderator": {}})
    await house.review(view, "rejected", rewind_to="retopo")
    assert await as_ever(house) == "retopo"
    assert await as_ever(house) == ("rig" if changed else "anim")


async def as_ever(house: House) -> str:
    """Do the next step with the result that it always has."""
    [task] = await house.claim()
    await house.report(await house.succeeded(task, content=f"{task.step} as ever".encode()))
    return task.step


async def test_a_word_and_its_line_in_the_audit_log_are_one_transaction(house: House) -> None:
    """Whether or not a job waits for it: no crash leaves a decision that the log knows nothing of."""
    play(house)
    view = await house.submit("2D", prompt="maybe")
    [row] = await rulings(house)
    await safety.override(house.deps, house.user, row.ruling.id, ALLOW)
    assert (await house.view(view.job.id)).job.status is JobStatus.QUEUED
    await safety.override(house.deps, house.user, row.ruling.id, Word("block", "No.", "allow"))
    async with house.deps.database.connection() as connection:
        pairs = await connection.fetch(
            "select o.xmin::text as said, a.xmin::text as told from safety_overrides o"
            " join audit a on convert_from(a.after, 'UTF8')::jsonb ->> 'in_force' = o.verdict"
        )
    assert len(pairs) == 2
    assert [pair["said"] for pair in pairs] == [pair["told"] for pair in pairs]
