"""Documents of a project over the real database: versions, who was first, what jobs hold on to."""

import asyncio
from typing import Any

import pytest
from house import House, furnish
from own_work import bring, png

from maquette.domain import typeid
from maquette.domain.errors import ConstraintConflict, Invalid, NotFound, StaleVersion, UnsafeContent
from maquette.domain.job import JobStatus
from maquette.services import assets, context, jobs, projects
from maquette.store.projects import Project

KINDS: dict[str, list[dict[str, Any]]] = {
    "style": [{"keywords": ["wood"]}, {"keywords": ["brass"], "line": {"weight": "bold"}}],
    "constraints": [{"polygons_max": 3000}, {"polygons_max": 2000}],
    "gates": [{"gates": []}, {"gates": [{"step": "rig", "after_seconds": 60, "then": "approve"}]}],
    "routes": [{"routes": {"rig": ["a"]}}, {"routes": {"rig": ["b", "a"]}}],
    "retries": [
        {"retries": {}},
        {"retries": {"rig": {"errors": {"timeout": {"attempts_max": 2}}, "deadline_seconds": None}}},
    ],
}


async def put(house: House, kind: str, body: dict[str, Any], expected: int | None = None) -> Project:
    return await context.put(
        house.deps, house.user, typeid.decode("prj", house.project), kind, body, expected
    )


async def test_versions_stay_as_they_are(house: House) -> None:
    """Each kind: numbered from 1, 0 is before; who made it is told; a diff is what became different; no gap can be read."""
    project = typeid.decode("prj", house.project)
    for kind, (first, second) in KINDS.items():
        before = await context.get(house.deps, house.user, project, kind)
        assert (before.number, before.created_by) == (0, None)
        await put(house, kind, first)
        await put(house, kind, second, 1)
        one = await context.get(house.deps, house.user, project, kind, 1)
        two = await context.get(house.deps, house.user, project, kind)
        assert (one.number, two.number, two.created_by) == (1, 2, "usr_test")
        assert {name: one.body[name] for name in first} == first
        listed = await context.versions(house.deps, house.user, project, kind, None, 10)
        assert [item.number for item in listed] == [2, 1]
        assert [
            item.number for item in await context.versions(house.deps, house.user, project, kind, 2, 10)
        ] == [1]
        number, changes = await context.diff(house.deps, house.user, project, kind, 1, None)
        assert number == 2
        assert {item["field"].split(".")[0] for item in changes} <= {*first, *second}
        assert changes
        assert (await context.diff(house.deps, house.user, project, kind, 2, 2))[1] == []
        with pytest.raises(NotFound):
            await context.get(house.deps, house.user, project, kind, 3)
        with pytest.raises(StaleVersion) as caught:
            await put(house, kind, first, 1)
        assert caught.value.extra == {"version": 2}


async def test_of_two_at_once_one_is_told(house: House) -> None:
    """Both edited version 0: one makes version 1, the other hears of it. Without a word on it, both count."""
    body = KINDS["style"][0]
    said = await asyncio.gather(*(put(house, "style", body, 0) for _ in range(4)), return_exceptions=True)
    assert sorted(type(item).__name__ for item in said) == ["Project", *["StaleVersion"] * 3]
    made = await asyncio.gather(*(put(house, "constraints", {}) for _ in range(4)))
    assert {item.constraints.version for item in made} <= {1, 2, 3, 4}
    assert (
        await projects.get(house.deps, house.user, typeid.decode("prj", house.project))
    ).constraints.version == 4


async def test_another_projects_documents_are_not_there(house: House) -> None:
    """Reading, comparing and changing are all 404."""
    other = await furnish(house.deps)
    mine, user = typeid.decode("prj", house.project), other.user
    for kind, (body, _) in KINDS.items():
        for attempt in (
            context.get(house.deps, user, mine, kind),
            context.versions(house.deps, user, mine, kind, None, 10),
            context.diff(house.deps, user, mine, kind, 0, None),
            context.put(house.deps, user, mine, kind, body),
        ):
            with pytest.raises(NotFound):
                await attempt


async def test_a_job_keeps_what_it_began_with(house: House) -> None:
    """An edit does not reach it: a reviewer's change is measured by the constraints that held then."""
    await house.gates("text_to_image")
    await put(house, "style", {"keywords": ["wood"], "materials": ["oak"]})
    await put(house, "constraints", {"polygons_max": 3000})
    view = await house.submit("3D")
    await put(house, "style", {"keywords": ["brass"]})
    await put(house, "constraints", {"polygons_max": 500})
    await house.work()
    view = await house.view(view.job.id)
    assert view.job.status is JobStatus.AWAITING_REVIEW
    assert (view.row.pins.style, view.row.pins.constraints, view.row.pins.gates) == (1, 1, 1)
    with pytest.raises(ConstraintConflict) as caught:
        await house.review(view, "approved", changes={"params": {"retopo": {"target_polycount": 3001}}})
    assert [detail.loc for detail in caught.value.details] == [
        ("changes", "params", "retopo", "target_polycount"),
        ("constraints", "polygons_max"),
    ]
    await house.review(view, "approved", changes={"params": {"retopo": {"target_polycount": 2500}}})
    view = await house.view(view.job.id)
    told = view.row.effective["params"]
    assert told["retopo"]["target_polycount"] == 2500
    assert told["text_to_image"]["style"]["materials"] == ["oak"]
    assert "adjusted" not in view.row.effective


async def test_a_step_goes_to_the_first_of_its_route(house: House) -> None:
    """Who serves another name is not given it; a step that no route names is the studio's; the edit reaches new jobs."""
    await house.gates()
    await put(house, "routes", {"routes": {"refine": ["comfyui", "studio"]}})
    view = await house.submit("2D")
    await put(house, "routes", {"routes": {}})
    await house.work()
    assert await house.claim() == []
    waiting = await house.view(view.job.id)
    assert (waiting.job.spec.name, waiting.job.service, waiting.queue_position) == ("refine", "comfyui", 1)
    [task] = await house.claim(services=["comfyui"])
    assert (task.step, task.service) == ("refine", "comfyui")
    await house.report(await house.succeeded(task))
    await house.work()
    view = await house.view(view.job.id)
    assert view.job.status is JobStatus.SUCCEEDED
    assert [record.service for record in view.records] == ["studio", "comfyui", "studio"]


async def test_assets_are_found_by_the_style_they_were_made_with(house: House) -> None:
    """By that of the latest version: what an old style made is what is left to make anew."""
    await house.gates()
    project = typeid.decode("prj", house.project)

    async def make(path: str) -> None:
        await house.submit("2D", library_path=path)
        for _ in range(3):
            await house.work()

    async def found(version: int) -> list[str]:
        listed = await assets.list_assets(house.deps, house.user, project, style_version=version)
        return sorted(item.library_path for item in listed)

    await put(house, "style", {"keywords": ["wood"]})
    await make("a")
    await make("b")
    assert await found(1) == ["a", "b"]
    await put(house, "style", {"keywords": ["brass"]})
    await make("a")
    assert (await found(1), await found(2), await found(0)) == (["b"], ["a"], [])


async def test_reference_images_of_the_style_go_to_those_who_bring_none(house: House) -> None:
    """They are looked at when the style is made; a brief's own take their place; no painting, no references."""
    shared, own = await bring(house, png(1), "mood.png"), await bring(house, png(2), "own.png")
    for wrong in ("upl_01kgh5s1d0f3c8m5y2w9x7v4tz", await bring(house, png(3), "late.png", arrives=False)):
        with pytest.raises(Invalid) as caught:
            await put(house, "style", {"references": [wrong]})
        assert caught.value.details[0].loc == ("references", 0)
    await put(house, "style", {"references": [shared]})

    async def seen(**more: Any) -> list[str]:
        view = await house.submit("2D", **more)
        [task] = await house.claim()
        names = [f"{task.step}: {item.name}" for item in task.inputs]
        await jobs.cancel(house.deps, house.user, view.job.id)
        return names

    assert await seen() == ["text_to_image: mood.png"]
    assert await seen(reference_uploads=[own]) == ["text_to_image: own.png"]
    assert await seen(provide={"text_to_image": [own]}) == ["refine: own.png"]


async def test_a_style_that_is_not_allowed_is_refused_at_once(house: House) -> None:
    """And not with every job; the newest version stays what it was."""
    with pytest.raises(UnsafeContent):
        await put(house, "style", {"light": {"words": ["child porn"]}})
    found = await context.get(house.deps, house.user, typeid.decode("prj", house.project), "style")
    assert found.number == 0
