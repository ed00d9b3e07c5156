"""Work that a person brings with a brief: uploads for steps, and an asset version to begin from."""

from typing import Any

import pytest
from house import House
from own_work import bring, glb, png, told

from maquette.domain import typeid
from maquette.domain.errors import Invalid
from maquette.domain.job import JobStatus, StepStatus
from maquette.services import assets
from maquette.services.ids import new_id
from maquette.services.jobs import JobView
from maquette.store import reading

SKIP = ["rig", "anim"]


@pytest.fixture
async def ungated(house: House) -> House:
    await house.gates()
    return house


async def run_out(house: House, view: JobView) -> JobView:
    """Do whatever is left to do, approving what waits for it."""
    for _ in range(20):
        view = await house.view(view.job.id)
        if view.job.status is JobStatus.SUCCEEDED:
            return view
        if view.job.status is JobStatus.AWAITING_REVIEW:
            view = await house.review(view, "approved")
        else:
            await house.work()
    raise AssertionError(view.job.status)


def done(view: JobView) -> dict[str, Any]:
    return {record.step: record for record in view.records}


async def test_a_brought_mesh_is_the_steps_work(house: House) -> None:
    """The steps before it are not needed, the first that runs is retopo, and the library has the person's file."""
    mesh = await bring(house, glb(), "mine.glb")
    view = await house.submit(provide={"image_to_3d": [mesh]}, skip=SKIP)
    assert (view.job.spec.name, view.job.status) == ("retopo", JobStatus.QUEUED)
    [record] = view.records
    assert (record.step, record.status, record.attempt, record.service) == (
        "image_to_3d", StepStatus.DONE, 0, "",
    )  # fmt: skip
    assert record.outputs == {"provided": True, "uploads": [mesh], "by": "usr_test"}
    assert [(item.name, item.kind) for item in view.artifacts] == [("mine.glb", "mesh")]
    [task] = await house.claim()
    assert [(item.step, item.name) for item in task.inputs] == [("image_to_3d", "mine.glb")]
    await house.report(await house.succeeded(task))
    view = await run_out(house, view)
    assert {record.step for record in view.records} == {"image_to_3d", "retopo", "export"}
    asset = await assets.get(house.deps, house.user, view.job.asset_id)
    assert "mine.glb" in {file.name for file in asset.files}
    assert asset.lineage["provided"] == {"image_to_3d": [mesh]}
    assert set(asset.lineage["services"]) == {"retopo", "export"}
    assert asset.metadata["poly_count"] == 10


async def test_a_brought_picture_meets_no_gate(house: House) -> None:
    """The person chose it: nobody is asked about it, the gates of what runs stay."""
    picture = await bring(house, png(), "concept.png")
    view = await house.submit("2D", provide={"text_to_image": [picture]})
    assert (view.job.spec.name, view.job.place.value) == ("refine", "ready")
    await house.work()
    view = await house.view(view.job.id)
    assert (view.job.spec.name, view.job.status) == ("refine", JobStatus.AWAITING_REVIEW)


async def test_its_events_alone_tell_it(house: House) -> None:
    """A StepCompleted for each provided step, in the transaction of the creation, numbered on."""
    picture, mesh = await bring(house, png(), "a.png"), await bring(house, glb(), "b.glb")
    view = await house.submit(provide={"text_to_image": [picture], "image_to_3d": [mesh]})
    events = await told(house, view.job.id)
    assert [(event.sequence, event.type) for event in events] == [
        (1, "JobCreated"), (2, "StepCompleted"), (3, "StepCompleted"),
    ]  # fmt: skip
    assert [event.data["step_name"] for event in events[1:]] == ["text_to_image", "image_to_3d"]
    assert all(event.data["provided"] for event in events[1:])
    assert [step["name"] for step in events[0].data["steps"]] == [
        "text_to_image", "image_to_3d", "retopo", "rig", "anim", "export",
    ]  # fmt: skip


async def test_a_step_that_is_not_provided_still_runs_before_one_that_is_read(house: House) -> None:
    """A picture for the concept: refine reads it, as it would the studio's."""
    first, second = await bring(house, png(1), "same.png"), await bring(house, png(2), "same.png")
    view = await house.submit("3D", provide={"text_to_image": [first, second]})
    assert [item.name for item in view.artifacts] == ["1-same.png", "2-same.png"]
    [task] = await house.claim()
    assert (task.step, [item.name for item in task.inputs]) == ("refine", ["1-same.png"])


async def test_provided_work_is_never_redone(house: House) -> None:
    """A rejection keeps its revision, and cannot go back to it."""
    picture = await bring(house, png(), "concept.png")
    view = await house.submit("3D", provide={"refine": [picture]}, skip=SKIP)
    for _ in range(2):
        await house.work()
    view = await house.view(view.job.id)
    assert view.job.spec.name == "retopo"
    with pytest.raises(Invalid) as caught:
        await house.review(view, "rejected", rewind_to="refine")
    assert caught.value.details[0].loc == ("rewind_to",)
    view = await house.review(view, "rejected", rewind_to="image_to_3d")
    assert view.job.revisions == (0, 0, 1, 1, 0, 0, 0)


BAD = [
    ({"provide": {"nonsense": "png"}}, ("provide", "nonsense")),
    ({"provide": {"image_to_3d": "png"}}, ("provide", "image_to_3d")),
    ({"provide": {"text_to_image": "glb"}}, ("provide", "text_to_image")),
    ({"provide": {"anim": "glb"}}, ("provide", "anim")),
    ({"provide": {"export": "glb"}}, ("provide", "export")),
    ({"provide": {"refine": "png"}, "skip": ["refine"]}, ("provide", "refine")),
    ({"provide": {"image_to_3d": "late"}}, ("provide", "image_to_3d")),
    ({"provide": {"image_to_3d": "gone"}}, ("provide", "image_to_3d")),
    ({"provide": {"image_to_3d": "glb"}, "params": {"image_to_3d": {}}}, ("params", "image_to_3d")),
    ({"provide": {"image_to_3d": "glb"}, "params": {"refine": {"scale": 2}}}, ("params", "refine")),
    ({"provide": {"image_to_3d": "glb"}, "variants": 2}, ("variants",)),
]


@pytest.mark.parametrize(("wish", "loc"), BAD, ids=lambda value: str(value)[:60])
async def test_what_does_not_fit_is_refused(house: House, wish: dict[str, Any], loc: tuple[str, ...]) -> None:
    """The error names the field, and no job is made."""
    files = {
        "png": await bring(house, png(), "a.png"),
        "glb": await bring(house, glb(), "a.glb"),
        "late": await bring(house, glb(), "late.glb", arrives=False),
        "gone": typeid.encode("upl", new_id()),
    }
    given = {step: [files[name]] for step, name in wish["provide"].items()}
    with pytest.raises(Invalid) as caught:
        await house.submit(**{**wish, "provide": given})
    assert caught.value.details[0].loc == loc
    async with house.deps.database.connection() as connection:
        assert (
            await reading.jobs(
                connection, None, before=None, status=None, asset_type=None, batch=None, limit=5
            )
            == []
        )


async def first_version(house: House) -> str:
    view = await run_out(house, await house.submit(library_path="props/crate", skip=SKIP))
    return typeid.encode("ast", view.job.asset_id)


async def test_a_job_can_begin_from_an_asset(ungated: House) -> None:
    """New params of a late step: the steps before it are taken over, the next version says from which."""
    house = ungated
    asset = await first_version(house)
    view = await house.submit(from_asset=asset, prompt="", skip=SKIP, params={"export": {"formats": ["glb"]}})
    assert view.job.spec.name == "export"
    assert view.row.inputs["from_asset"] == f"{asset}@1"
    assert view.row.inputs["prompt"] == "a rusty robot"
    taken = done(view)
    assert set(taken) == {"text_to_image", "refine", "image_to_3d", "retopo"}
    assert (taken["retopo"].service, taken["retopo"].model, taken["retopo"].outputs["poly_count"]) == (
        "", "test", 10,
    )  # fmt: skip
    view = await run_out(house, view)
    second = await assets.get(house.deps, house.user, view.job.asset_id)
    assert (second.id, second.version, second.library_path) == (
        typeid.decode("ast", asset), 2, "props/crate",
    )  # fmt: skip
    assert second.lineage["from_asset"] == f"{asset}@1"
    assert second.lineage["from_asset_steps"] == ["text_to_image", "refine", "image_to_3d", "retopo"]
    assert second.metadata["poly_count"] == 10
    first = await assets.get(house.deps, house.user, second.id, 1)
    shas = [{file.sha256 for file in item.files if file.role == "mesh"} for item in (first, second)]
    assert shas[0] == shas[1]
    again = await run_out(house, await house.submit(from_asset=f"{asset}@2", redo_from="export", skip=SKIP))
    third = await assets.get(house.deps, house.user, again.job.asset_id)
    assert third.lineage["from_asset"] == f"{asset}@2"


async def test_own_work_goes_before_the_assets(ungated: House) -> None:
    """``provide`` replaces a single step of what is taken over."""
    house = ungated
    asset = await first_version(house)
    mesh = await bring(house, glb(), "fixed.glb")
    view = await house.submit(from_asset=asset, redo_from="export", skip=SKIP, provide={"retopo": [mesh]})
    [task] = await house.claim()
    assert (task.step, {item.name for item in task.inputs if item.step == "retopo"}) == (
        "export", {"fixed.glb"},
    )  # fmt: skip
    assert done(view)["retopo"].outputs["uploads"] == [mesh]


async def test_a_picture_becomes_a_mesh_from_the_library(ungated: House) -> None:
    """A 3D job from a 2D asset goes on with the first step that the asset knows nothing of."""
    house = ungated
    view = await run_out(house, await house.submit("2D"))
    asset = typeid.encode("ast", view.job.asset_id)
    view = await house.submit("3D", from_asset=asset, library_path="props/robot")
    assert view.job.spec.name == "image_to_3d"
    assert set(done(view)) == {"text_to_image", "refine"}


@pytest.mark.parametrize(
    ("more", "loc"),
    [
        ({}, ("redo_from",)),
        ({"redo_from": "nonsense"}, ("redo_from",)),
        ({"redo_from": "export", "params": {"retopo": {}}}, ("params", "retopo")),
        ({"version": 9, "redo_from": "export"}, ("from_asset",)),
    ],
)
async def test_a_beginning_that_makes_no_sense_is_refused(
    ungated: House, more: dict[str, Any], loc: tuple[str, ...]
) -> None:
    """Nothing new, an unknown step, params of what is taken over, a version that is not there."""
    house = ungated
    asset = await first_version(house)
    wish = {**more, "from_asset": f"{asset}@{more.get('version', 1)}"}
    wish.pop("version", None)
    with pytest.raises(Invalid) as caught:
        await house.submit(skip=SKIP, **wish)
    assert caught.value.details[0].loc == loc
