"""The events of a job alone tell what GET shows, whatever was brought, replaced, reused, reminded or held."""

from typing import Any

from event_stream import assert_tells_all
from house import House
from own_work import bring, glb, png, told

from maquette import wire
from maquette.api import present
from maquette.domain import typeid
from maquette.domain.events import cloud_event
from maquette.domain.job import JobStatus
from maquette.domain.review import GatePolicy, Then
from maquette.services import jobs


async def test_one_job_with_all_of_it(house: House) -> None:
    """A brought concept, a replaced mesh, a hold, a pause, a rewind that reuses, a time-out: each snapshot follows."""
    policies = {"before_export": GatePolicy(86_400, Then.APPROVE, 3600)}
    await house.gates("retopo", "before_export", policies=policies)
    picture, mesh = await bring(house, png(), "concept.png"), await bring(house, glb(), "fixed.glb")
    view = await house.submit("3D", seed=7, provide={"text_to_image": [picture]})
    job_id, snapshots = view.job.id, list[dict[str, Any]]()

    async def look() -> None:
        shown = present.job(
            await house.view(job_id), house.deps.objects, ttl_seconds=60, root_path="", history=True
        )
        snapshots.append(shown)

    async def work() -> wire.Task:
        [task] = await house.claim()
        await look()
        made = await house.stored(task, f"{task.step}.glb", task.step.encode(), "model/gltf-binary")
        await house.report(house.made(task, made))
        await look()
        return task

    await look()
    await jobs.pause(house.deps, house.user, job_id, "rig")
    for _ in range(3):
        await work()
    view = await house.view(job_id)
    original = next(item for item in view.artifacts if item.step == "retopo")
    await house.review(view, "approved", replacements={typeid.encode("art", original.id): mesh})
    await look()
    assert snapshots[-1]["status"] == "paused"
    await jobs.resume(house.deps, house.user, job_id)
    for _ in range(2):
        await work()
    view = await house.view(job_id)
    assert view.job.status is JobStatus.AWAITING_REVIEW
    await house.review(view, "rejected", rewind_to="image_to_3d")
    await look()
    assert [(await work()).step for _ in range(2)] == ["image_to_3d", "anim"]
    assert [step["name"] for step in snapshots[-1]["steps"] if step["reused_from"]] == ["retopo", "rig"]
    view = await house.view(job_id)
    await jobs.pause(house.deps, house.user, job_id)
    await look()
    view = await house.view(job_id)
    await house.review(view, "approved")
    await work()
    assert snapshots[-1]["status"] == "succeeded"
    assert snapshots[-1]["steps"][0]["provided"]
    assert_tells_all([cloud_event(event) for event in await told(house, job_id)], snapshots)
