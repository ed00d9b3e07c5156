"""Rewinds keep what they leave as it was: equal inputs, equal work, taken over and disclosed."""

from typing import Any

import pytest
from house import House
from own_work import bring, glb, told

from maquette import wire
from maquette.domain import typeid
from maquette.domain.errors import Invalid
from maquette.domain.events import EventType
from maquette.domain.job import JobStatus, Place, StepStatus, step_id
from maquette.services import jobs
from maquette.services.jobs import JobView


async def to_anim(house: House, gates: list[str]) -> JobView:
    """Run a 3D job up to the gate after anim; what a step makes depends on the step alone."""
    await house.gates(*gates)
    view = await house.submit("3D", seed=7)
    while (view.job.spec.name, view.job.status) != ("anim", JobStatus.AWAITING_REVIEW):
        if view.job.status is JobStatus.AWAITING_REVIEW:
            await house.review(view, "approved")
        else:
            await same_again(house)
        view = await house.view(view.job.id)
    return view


async def same_again(house: House, **more: Any) -> wire.Task:
    """Do the next step with the result that it always has."""
    [task] = await house.claim(**more)
    await house.report(await house.succeeded(task, content=f"{task.step} as ever".encode()))
    return task


def current(view: JobView, step: str) -> Any:
    position = view.job.pipeline.position(step)
    key = (position, view.job.revisions[position])
    return next(record for record in view.records if (record.position, record.revision) == key)


async def test_a_step_between_is_not_done_again(house: House) -> None:
    """retopo comes out the same, so rig takes over what it made; anim, which was rejected, is done anew."""
    view = await to_anim(house, ["before_export"])
    await house.review(view, "rejected", rewind_to="retopo")
    assert (await same_again(house)).step == "retopo"
    [task] = await house.claim()
    assert (task.step, task.revision) == ("anim", 1)
    assert [item.step for item in task.inputs] == ["rig"]
    view = await house.view(view.job.id)
    rig = current(view, "rig")
    assert (rig.status, rig.revision, rig.attempt, rig.reused_from) == (
        StepStatus.DONE, 1, 0, step_id(view.job.id, view.job.pipeline.position("rig"), 0),
    )  # fmt: skip
    assert (rig.service, rig.metrics["cost_estimate"], rig.metrics["duration"]) == ("studio", 0, 0)
    files = {item.revision: item for item in view.artifacts if item.step == "rig"}
    assert (files[0].sha256, files[0].key) == (files[1].sha256, files[1].key)
    assert files[0].id != files[1].id
    event = [item for item in await told(house, view.job.id) if item.data.get("reused_from")][-1]
    assert (event.type, event.data["step_name"]) == (EventType.STEP_COMPLETED, "rig")
    assert event.data["reused_from"] == typeid.encode("step", rig.reused_from)
    assert [step["status"] for step in event.data["steps"]] == ["done", "pending"]


async def test_what_was_approved_stays_approved(house: House) -> None:
    """Its gate does not open again for the same result; for another one it does."""
    view = await to_anim(house, ["rig", "before_export"])
    await house.review(view, "rejected", rewind_to="retopo")
    await same_again(house)
    assert (await same_again(house)).step == "anim"
    view = await house.view(view.job.id)
    assert current(view, "rig").status is StepStatus.APPROVED
    await house.review(view, "rejected", rewind_to="retopo")
    [task] = await house.claim()
    await house.report(await house.succeeded(task, content=b"another retopo"))
    assert (await same_again(house)).step == "rig"
    view = await house.view(view.job.id)
    assert (view.job.spec.name, view.job.status) == ("rig", JobStatus.AWAITING_REVIEW)


async def test_several_in_a_row_are_taken_over_at_once(house: House) -> None:
    """One claim goes past all of them to the step that must run."""
    view = await to_anim(house, ["before_export"])
    await house.review(view, "rejected", rewind_to="refine")
    assert (await same_again(house)).step == "refine"
    assert (await same_again(house)).step == "anim"
    view = await house.view(view.job.id)
    reused = [item.step for item in view.records if item.reused_from]
    assert reused == ["image_to_3d", "retopo", "rig"]
    assert view.job.revisions == (0, 1, 1, 1, 1, 1, 0)
    await house.review(view, "approved")
    await same_again(house)
    assert (await house.view(view.job.id)).job.status is JobStatus.SUCCEEDED


async def test_a_rejected_result_does_not_come_back(house: House) -> None:
    """Not even when the reviewer names the seed that it had."""
    view = await to_anim(house, ["before_export"])
    await house.review(view, "rejected", rewind_to="rig", changes={"seed": 7})
    assert (await same_again(house)).step == "anim"
    view = await house.view(view.job.id)
    assert current(view, "rig").reused_from is not None
    assert current(view, "anim").reused_from is None


async def test_what_is_changed_is_done_again(house: House) -> None:
    """A step between whose params the reviewer named has other inputs, though what it reads is the same."""
    view = await to_anim(house, ["before_export"])
    changes = {"params": {"rig": {"height_meters": 2.0}}}
    await house.review(view, "rejected", rewind_to="retopo", changes=changes)
    assert (await same_again(house)).step == "retopo"
    assert (await same_again(house)).step == "rig"


async def test_seeds_of_steps_between_stay(house: House) -> None:
    """A new seed is drawn for the step gone back to and the rejected one; effective_inputs show it."""
    view = await to_anim(house, ["before_export"])
    view = await house.review(view, "rejected", rewind_to="image_to_3d")
    seeds = view.row.effective["seeds"]
    assert {name for name, seed in seeds.items() if seed == 7} == {
        "text_to_image", "refine", "retopo", "rig", "export",
    }  # fmt: skip
    assert seeds["image_to_3d"] == seeds["anim"]


async def test_a_worker_that_does_only_one_step_leaves_the_job_where_it_must_be_done(house: House) -> None:
    """The claim takes rig over, anim is not its business: the job waits for a worker of anim, and is found."""
    view = await to_anim(house, ["before_export"])
    await house.review(view, "rejected", rewind_to="retopo")
    await same_again(house)
    assert await house.claim(steps=["rig"]) == []
    view = await house.view(view.job.id)
    assert (view.job.spec.name, view.job.place) == ("anim", Place.READY)
    assert (await same_again(house, steps=["anim"])).step == "anim"


async def test_a_hand_fixed_file_is_taken_over_too(house: House) -> None:
    """What stood in an artifact's place when it was approved stands there again."""
    view = await to_anim(house, ["before_export"])
    await jobs.cancel(house.deps, house.user, view.job.id)
    await house.gates("retopo", "rig")
    view = await house.submit("3D", seed=8)
    while view.job.status is not JobStatus.AWAITING_REVIEW:
        [task] = await house.claim()
        name, kind = f"{task.step}.glb", "model/gltf-binary"
        await house.report(house.made(task, await house.stored(task, name, task.step.encode(), kind)))
        view = await house.view(view.job.id)
    original = next(item for item in view.artifacts if item.step == "retopo")
    upload = await bring(house, glb(4.0), "fixed.glb")
    await house.review(view, "approved", replacements={typeid.encode("art", original.id): upload})
    await same_again(house)
    view = await house.view(view.job.id)
    await house.review(view, "rejected", rewind_to="image_to_3d")
    [task] = await house.claim()
    name, kind = f"{task.step}.glb", "model/gltf-binary"
    await house.report(house.made(task, await house.stored(task, name, task.step.encode(), kind)))
    [task] = await house.claim()
    heir = next(item for item in view.artifacts if "replaces" in item.attributes)
    assert (task.step, [item.sha256 for item in task.inputs]) == ("rig", [heir.sha256])


async def test_a_step_that_does_not_run_takes_no_changes(house: House) -> None:
    """Parameters for a skipped step would do nothing: the reviewer is told so, the gate stays open."""
    view = await house.submit("3D", skip=["rig", "anim"])
    await house.work()
    view = await house.view(view.job.id)
    with pytest.raises(Invalid, match="rig is not redone"):
        await house.review(view, "approved", changes={"params": {"rig": {"height_meters": 2.0}}})
    assert (await house.view(view.job.id)).job.gate_open
