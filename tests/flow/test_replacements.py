"""A hand-fixed file takes the place of what a step made: downstream, in the library, in what is told."""

from typing import Any

import pytest
from house import House
from own_work import bring, glb, png, told

from maquette.domain import typeid
from maquette.domain.errors import Invalid
from maquette.domain.events import EventType
from maquette.domain.job import FILE_NAME, JobStatus
from maquette.services import assets
from maquette.services.ids import new_id
from maquette.services.jobs import JobView


def art(item: Any) -> str:
    return typeid.encode("art", item.id)


async def at_the_gate(house: House, count: int = 3) -> JobView:
    view = await house.submit("3D", skip=["rig", "anim"])
    [task] = await house.claim()
    names = [(f"concept-{number}.png", png(number)) for number in range(1, count + 1)]
    made = [await house.stored(task, name, data, "image/png") for name, data in names]
    await house.report(house.made(task, *made))
    return await house.view(view.job.id)


async def test_the_hand_fixed_file_goes_on_in_its_place(house: House) -> None:
    """Selected and replaced: refine reads the upload, the original stays as history, the decision names both."""
    view = await at_the_gate(house)
    second = view.artifacts[1]
    upload = await bring(house, png(99), "fixed.png")
    view = await house.review(view, "approved", selection=[art(second)], replacements={art(second): upload})
    [decision] = view.decisions
    assert decision.replacements == {art(second): upload}
    shown = {item.name: item for item in view.artifacts if item.replaced_by is None}
    heir = shown["concept-2.png"]
    assert (heir.selected, heir.kind, heir.attributes) == (
        True, "image", {"upload": upload, "replaces": art(second)},
    )  # fmt: skip
    [gone] = [item for item in view.artifacts if item.replaced_by is not None]
    assert (gone.id, gone.replaced_by) == (second.id, heir.id)
    [task] = await house.claim()
    assert [item.sha256 for item in task.inputs] == [heir.sha256]
    event = next(
        item for item in await told(house, view.job.id) if item.type is EventType.USER_REVIEW_UPDATED
    )
    assert event.data["replacements"] == {art(second): upload}
    assert event.data["selection"] == [art(second)]
    assert [item["id"] for item in event.data["artifacts"]] == [art(heir)]


async def test_without_a_choice_what_is_replaced_keeps_its_place(house: House) -> None:
    """The first is still the first: replacing it changes what refine reads, replacing another one does not."""
    view = await at_the_gate(house)
    upload = await bring(house, png(99), "fixed.png")
    view = await house.review(view, "approved", replacements={art(view.artifacts[0]): upload})
    [task] = await house.claim()
    heir = next(item for item in view.artifacts if "replaces" in item.attributes)
    assert [item.sha256 for item in task.inputs] == [heir.sha256]
    assert heir.name == "concept-1.png"


async def test_several_are_chosen_and_go_on_together(house: House) -> None:
    """Two of three selected: refine gets both, in order; the third is shown as not selected."""
    view = await at_the_gate(house)
    chosen = [art(view.artifacts[2]), art(view.artifacts[0])]
    view = await house.review(view, "approved", selection=chosen)
    assert [item.selected for item in view.artifacts] == [True, False, True]
    [task] = await house.claim()
    assert [item.name for item in task.inputs] == ["concept-1.png", "concept-3.png"]


async def test_the_library_has_the_fixed_file_and_forgets_what_was_said_of_the_other(house: House) -> None:
    """A replaced mesh is filed, its lineage says so, and the worker's count of polygons is not claimed of it."""
    view = await at_the_gate(house, 1)
    await house.review(view, "approved")
    for _ in range(2):
        await house.work()
    [task] = await house.claim()
    made = await house.stored(task, "retopo.glb", glb(2.0), "model/gltf-binary")
    await house.report(house.made(task, made))
    view = await house.view(view.job.id)
    assert (view.job.spec.name, view.job.status) == ("retopo", JobStatus.AWAITING_REVIEW)
    original = next(item for item in view.artifacts if item.step == "retopo")
    upload = await bring(house, glb(3.0), "mine.glb")
    await house.review(view, "approved", replacements={art(original): upload})
    await house.work()
    view = await house.view(view.job.id)
    asset = await assets.get(house.deps, house.user, view.job.asset_id)
    filed = next(file for file in asset.files if file.name == "retopo.glb")
    assert filed.sha256 != original.sha256
    assert asset.lineage["replaced"] == {"retopo": {art(original): upload}}
    assert "poly_count" not in asset.metadata


@pytest.mark.parametrize(
    "case", ["rejected", "another kind", "not arrived", "no upload", "no artifact", "no id"]
)
async def test_what_cannot_stand_for_it_is_refused(house: House, case: str) -> None:
    """Each names the field; the gate stays open."""
    view = await at_the_gate(house, 1)
    original = art(view.artifacts[0])
    upload = await bring(house, png(9), "fixed.png")
    wish: dict[str, str] = {
        "rejected": {original: upload},
        "another kind": {original: await bring(house, glb(), "a.glb")},
        "not arrived": {original: await bring(house, png(8), "late.png", arrives=False)},
        "no upload": {original: typeid.encode("upl", new_id())},
        "no artifact": {typeid.encode("art", new_id()): upload},
        "no id": {"nonsense": upload},
    }[case]
    with pytest.raises(Invalid) as caught:
        await house.review(view, "rejected" if case == "rejected" else "approved", replacements=wish)
    assert caught.value.details[0].loc[0] == "replacements"
    assert (await house.view(view.job.id)).job.status is JobStatus.AWAITING_REVIEW


async def test_a_name_that_grows_too_long_stays_a_name(house: House) -> None:
    """The longer suffix is kept and the name's end gives way: cut at its front, it could begin with a dot."""
    view = await house.submit("3D", skip=["rig", "anim"])
    [task] = await house.claim()
    made = await house.stored(task, f"a.{'b' * 115}.p", png(1), "image/png")
    await house.report(house.made(task, made))
    view = await house.view(view.job.id)
    upload = await bring(house, png(99), "fixed.png")
    view = await house.review(view, "approved", replacements={art(view.artifacts[0]): upload})
    [heir] = [item for item in view.artifacts if item.replaced_by is None]
    assert FILE_NAME.fullmatch(heir.name)
    assert heir.name.endswith(".png")
