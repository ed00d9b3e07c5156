"""Composition, looked at for every brief and every set of constraints: bounds hold, conflicts have two sides."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maquette.domain import constraints as limits
from maquette.domain import routing
from maquette.domain import style as styles
from maquette.domain.brief import Brief, library_path
from maquette.domain.composition import compose
from maquette.domain.context import KINDS, differences, kept
from maquette.domain.errors import ConstraintConflict, Invalid
from maquette.domain.parameters import PARAMETERS
from maquette.domain.pipeline import PIPELINES
from maquette.domain.style import Style

FORMATS = {kind: PARAMETERS[kind]["export"]["formats"].choices for kind in PARAMETERS}
ENGINES = PARAMETERS["3D"]["export"]["engine"].choices


def brief(asset_type: str = "3D", **params: dict[str, Any]) -> Brief:
    return Brief(UUID(int=1), asset_type, "a rusty robot", 7, library_path="props/robot", params=params)


def some(choices: tuple[str, ...], least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(choices), min_size=least, unique=True)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Constraints that ``parse`` takes: what is required is allowed."""
    allowed = {kind: draw(some(FORMATS[kind])) for kind in FORMATS}
    required = {kind: draw(some(tuple(allowed[kind]) or FORMATS[kind])) for kind in FORMATS}
    return {
        "asset_types": draw(some(("2D", "3D"))),
        "polygons_max": draw(st.none() | st.integers(100, 300_000)),
        "texture_size_max": draw(st.none() | st.integers(256, 4096)),
        "image_size_max": draw(st.none() | st.integers(256, 4096)),
        "formats_allowed": allowed,
        "formats_required": required,
        "engines": draw(some(ENGINES)),
        "units": draw(st.sampled_from((None, *limits.UNITS))),
    }


@st.composite
def briefs(draw: st.DrawFn) -> Brief:
    """Briefs with valid parameters, each named or not."""
    kind = draw(st.sampled_from(("2D", "3D")))
    wishes: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "text_to_image": {"size": st.integers(256, 2048)},
        "refine": {"max_size": st.integers(256, 4096)},
        "export": {"formats": some(FORMATS[kind], 1), "engine": st.sampled_from(ENGINES)},
    }
    if kind == "3D":
        wishes["retopo"] = {
            "target_polycount": st.integers(100, 300_000),
            "texture_size": st.integers(256, 4096),
            "topology": st.sampled_from(("triangle", "quad")),
        }
    params = {
        step: {name: draw(values) for name, values in named.items() if draw(st.booleans())}
        for step, named in wishes.items()
        if draw(st.booleans())
    }
    return brief(kind, **params)


def excesses(found: dict[str, Any], bounds: limits.Constraints, kind: str) -> list[str]:
    """Name the constraints that effective inputs break."""
    params = found["params"]
    broken = [
        name
        for name, places in limits.UPPER.items()
        for step, parameter in places
        if (bound := getattr(bounds, name)) is not None and step in params and params[step][parameter] > bound
    ]
    formats = params["export"]["formats"]
    allowed = bounds.formats_allowed.get(kind)
    if allowed and not set(formats) <= set(allowed):
        broken.append("formats_allowed")
    if not set(bounds.formats_required.get(kind, ())) <= set(formats):
        broken.append("formats_required")
    if bounds.engines and params["export"]["engine"] not in bounds.engines:
        broken.append("engines")
    return broken


def check_sides(refused: ConstraintConflict, bounds: limits.Constraints, wish: Brief) -> None:
    """Look for what was asked for and for what forbids it."""
    locs = [detail.loc for detail in refused.details]
    forbidding = [loc for loc in locs if loc[0] == "constraints"]
    assert forbidding
    assert all(getattr(bounds, str(loc[1])) for loc in forbidding)
    asked = {("params", step, name) for step, named in wish.params.items() for name in named}
    assert asked & set(locs) or ("asset_type",) in locs
    assert refused.extra == {"constraints_version": bounds.version}


@settings(max_examples=150, deadline=None)
@given(documents(), briefs())
def test_constraints_hold_or_both_sides_are_told(document: dict[str, Any], wish: Brief) -> None:
    """What comes out never exceeds a constraint and is no refusal of a default; equal input gives equal output."""
    bounds = limits.parse(document, 4)
    try:
        plain = compose(wish, Style())
    except Invalid:
        return  # wrong all by itself
    try:
        found = compose(wish, Style(), bounds)
    except ConstraintConflict as refused:
        check_sides(refused, bounds, wish)
        return
    assert excesses(found, bounds, wish.asset_type) == []
    assert found == compose(wish, Style(), bounds)
    # A wish is kept to the letter, but for formats that have to come along.
    for step, named in wish.params.items():
        for name, value in named.items():
            given_value = found["params"][step][name]
            assert given_value == value or (name == "formats" and given_value[: len(value)] == value)
    told = {item["field"] for item in found.get("adjusted", ())}
    changed = {
        f"{step}.{name}"
        for step, named in plain["params"].items()
        for name, value in named.items()
        if found["params"][step][name] != value
    }
    assert told == changed


@pytest.mark.parametrize(
    ("document", "wish", "field", "constraint"),
    [
        ({"polygons_max": 3000}, brief(retopo={"target_polycount": 3001}), "target_polycount", "polygons_max"),
        ({"texture_size_max": 512}, brief(retopo={"texture_size": 513}), "texture_size", "texture_size_max"),
        ({"image_size_max": 512}, brief("2D", refine={"max_size": 2048}), "max_size", "image_size_max"),
        ({"formats_allowed": {"3D": ["glb"]}}, brief(export={"formats": ["glb", "obj"]}), "formats", "formats_allowed"),
        ({"engines": ["unity"]}, brief(export={"engine": "godot"}), "engine", "engines"),
        ({"asset_types": ["2D"]}, brief(), "asset_type", "asset_types"),
        ({"formats_allowed": {"3D": ["glb"]}}, brief(retopo={"topology": "quad"}), "topology", "formats_allowed"),
    ],
)  # fmt: skip
def test_a_wish_that_conflicts_is_refused(
    document: dict[str, Any], wish: Brief, field: str, constraint: str
) -> None:
    """One detail is the brief's field, one the constraint with its value and version."""
    with pytest.raises(ConstraintConflict) as caught:
        compose(wish, Style(), limits.parse(document, 9))
    by_side = {detail.loc[-1]: detail for detail in caught.value.details}
    assert {field, constraint} <= set(by_side)
    assert "version 9" in by_side[constraint].msg


def test_defaults_give_way_and_say_so() -> None:
    """A project's bounds lower what nobody asked for; formats that it requires come along with those asked for."""
    bounds = limits.parse(
        {
            "polygons_max": 3000,
            "formats_allowed": {"3D": ["glb", "usdz"]},
            "formats_required": {"3D": ["usdz"]},
            "engines": ["unreal", "unity"],
            "units": "centimeters",
            "up_axis": "z",
        }
    )
    found = compose(brief(export={"formats": ["glb"]}), Style(), bounds)
    assert found["params"]["retopo"]["target_polycount"] == 3000
    assert found["params"]["export"]["formats"] == ["glb", "usdz"]
    assert found["params"]["export"]["engine"] == "unreal"
    assert found["params"]["export"]["conventions"] == {"units": "centimeters", "up_axis": "z"}
    assert [(item["field"], item["constraint"]) for item in found["adjusted"]] == [
        ("retopo.target_polycount", "polygons_max"),
        ("export.engine", "engines"),
        ("export.formats", "formats_required"),
    ]


def test_who_says_nothing_new_is_told_nothing_new() -> None:
    """Step keys and reuse depend on it: a style of words and colours alone adds no member to what workers are told."""
    found = compose(brief(), Style(2, ("wood",), ("photo",), ("#aabbcc",)))
    assert found["params"]["text_to_image"]["style"] == {
        "keywords": ["wood"],
        "negative_keywords": ["photo"],
        "palette": ["#aabbcc"],
    }
    assert set(found) == {"params", "seeds"}
    assert "conventions" not in found["params"]["export"]
    rich = styles.parse({"line": {"weight": "bold"}, "materials": ["brass"], "loras": [{"name": "ink"}]})
    assert compose(brief(), rich)["params"]["text_to_image"]["style"] == {
        "keywords": [], "negative_keywords": [], "palette": [], "materials": ["brass"],
        "line": {"weight": "bold"}, "loras": [{"name": "ink", "weight": 1.0}],
    }  # fmt: skip


def timed(**more: Any) -> dict[str, Any]:
    """Return gates with one that is approved after a minute."""
    return {"gates": [{"step": "rig", "after_seconds": 60, "then": "approve", **more}]}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("style", {"line": {"weight": "fat"}}),
        ("style", {"light": {"direction": "below"}}),
        ("style", {"materials": ["brass"] * 17}),
        ("style", {"materials": ["\x07"]}),
        ("style", {"references": ["upl_1"]}),
        ("style", {"references": ["upl_01kgh5s1d0f3c8m5y2w9x7v4tz"] * 2}),
        ("style", {"loras": [{"name": "../../etc/passwd"}]}),
        ("style", {"loras": [{"name": "ink", "weight": 2.1}]}),
        ("constraints", {"polygons_max": 99}),
        ("constraints", {"asset_types": ["4D"]}),
        ("constraints", {"engines": ["doom"]}),
        ("constraints", {"formats_allowed": {"3D": ["png"]}}),
        ("constraints", {"formats_allowed": {"4D": ["png"]}}),
        ("constraints", {"formats_allowed": {"3D": ["glb"]}, "formats_required": {"3D": ["fbx"]}}),
        ("constraints", {"library_path_pattern": "(a"}),
        ("constraints", {"library_path_pattern": "a" * 201}),
        ("constraints", {"library_path_pattern": r"(a)\1"}),
        ("constraints", {"library_folder": "../up"}),
        ("constraints", {"up_axis": "y", "forward_axis": "-y"}),
        ("routes", {"routes": {"paint": ["studio"]}}),
        ("routes", {"routes": {"rig": []}}),
        ("routes", {"routes": {"rig": ["studio", "studio"]}}),
        ("routes", {"routes": {"rig": ["Studio!"]}}),
        ("retries", {"retries": {"paint": {}}}),
        ("retries", {"retries": {"rig": {"deadline_seconds": 9}}}),
        ("retries", {"retries": {"rig": {"errors": {"bad_luck": {}}}}}),
        ("retries", {"retries": {"rig": {"errors": {"invalid": {"attempts_max": 2}}}}}),
        ("retries", {"retries": {"default": {"errors": {"policy": {}}}}}),
        ("retries", {"retries": {"rig": {"errors": {"timeout": {"attempts_max": 51}}}}}),
        ("retries", {"retries": {"rig": {"errors": {"timeout": {"attempts_max": 0}}}}}),
        ("retries", {"retries": {"rig": {"errors": {"timeout": {"base_seconds": 61.0}}}}}),
        ("retries", {"retries": {"rig": {"errors": {"timeout": {"cap_seconds": 86401.0}}}}}),
        ("gates", {"gates": ["lunch"]}),
        ("gates", {"gates": ["rig", "rig"]}),
        ("gates", timed(escalate=[{"after_seconds": 60, "role": "owner"}])),
        ("gates", timed(escalate=[{"after_seconds": 9, "role": "king"}])),
        ("gates", timed(escalate=[{"after_seconds": 9}])),
        ("gates", timed(escalate=[{"after_seconds": 9, "role": "owner", "users": ["usr_ada"]}])),
        ("gates", timed(escalate=[{"after_seconds": 9, "role": "owner"}] * 2)),
        ("gates", timed(escalate=[{"after_seconds": 1 + at, "role": "owner"} for at in range(6)])),
    ],
)
def test_documents_that_make_no_sense_are_refused(kind: str, body: dict[str, Any]) -> None:
    """Each names its field."""
    with pytest.raises(Invalid) as caught:
        KINDS[kind].parse(body, 0)
    assert caught.value.details[0].loc[0] in body


@settings(max_examples=50, deadline=None)
@given(documents())
def test_documents_come_back_as_they_went(document: dict[str, Any]) -> None:
    """What is written down reads as what was said; what older versions wrote reads well."""
    for kind, body in {
        "constraints": document,
        "style": {"keywords": ["wood"], "light": {"direction": "top", "words": ["dusk"]}},
        "gates": {
            "gates": [
                {"step": "rig", "after_seconds": 60, "then": "approve"},
                timed(escalate=[{"after_seconds": 9, "users": ["usr_ada"]}])["gates"][0] | {"step": "export"},
            ]
        },
        "routes": {"routes": {"rig": ["a", "b"]}},
        "retries": {"retries": {"rig": {"errors": {"timeout": {"attempts_max": 2}}}}},
    }.items():
        value = KINDS[kind].parse(body, 3)
        shown = KINDS[kind].fields(value)
        assert KINDS[kind].parse(shown, 3) == value
        assert KINDS[kind].parse(kept(kind, shown), 3) == value
    assert kept("style", styles.fields(Style(1, ("wood",)))) == {"keywords": ["wood"]}


def test_differences_name_what_came_and_went() -> None:
    """By dotted path; a list of equal entries in another order has changed with nothing come and nothing gone."""
    before = styles.fields(
        styles.parse({"keywords": ["a", "b"], "palette": ["#000000"], "line": {"weight": "thin"}})
    )
    after = styles.fields(
        styles.parse({"keywords": ["b", "a"], "palette": ["#ffffff"], "line": {"weight": "bold"}})
    )
    assert differences(before, after) == [
        {"field": "keywords", "before": ["a", "b"], "after": ["b", "a"], "removed": [], "added": []},
        {"field": "line.weight", "before": "thin", "after": "bold"},
        {"field": "palette", "before": ["#000000"], "after": ["#ffffff"], "removed": ["#000000"], "added": ["#ffffff"]},
    ]  # fmt: skip
    assert differences(after, after) == []


def test_paths_keep_to_the_projects_names_in_linear_time() -> None:
    """A folder stands in front of what was made up; a hostile pattern takes no longer than another."""
    bounds = limits.parse({"library_path_pattern": "props/[a-z0-9-]+", "library_folder": "props"}, 2)
    limits.check_path(bounds, library_path("", "A Rusty Robot", bounds.library_folder))
    with pytest.raises(ConstraintConflict) as caught:
        limits.check_path(bounds, "chars/robot")
    assert [detail.loc for detail in caught.value.details] == [
        ("library_path",),
        ("constraints", "library_path_pattern"),
    ]
    evil = limits.parse({"library_path_pattern": "(a*)*(a*)*(a|a)*b"})
    with pytest.raises(ConstraintConflict):
        limits.check_path(evil, "a" * 640)


def test_routes_are_pinned_by_position() -> None:
    """Steps of other pipelines fall away."""
    routes = routing.parse({"routes": {"rig": ["a"], "export": ["b", "c"]}})
    assert routing.pinned(routes, PIPELINES["2D"]) == {2: ("b", "c")}
    assert routing.pinned(routes, PIPELINES["3D"]) == {4: ("a",), 6: ("b", "c")}
