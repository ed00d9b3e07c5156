"""Parameters: those that exclude each other, the schema that is published of them, and what came before they did."""

import hashlib
import json
from typing import Any

import jsonschema_rs
import pytest

from maquette.domain.errors import Invalid
from maquette.domain.idempotency import canonical
from maquette.domain.parameters import PARAMETERS, complete_params
from maquette.domain.parameters_schema import schemas
from maquette.domain.pipeline import PIPELINES


@pytest.mark.parametrize("formats", [["glb"], ["gltf"], ["glb", "gltf"]])
def test_quads_need_a_format_that_holds_them(formats: list[str]) -> None:
    """Quads for files of triangles alone are refused, and both fields are named."""
    with pytest.raises(Invalid, match="hold triangles alone") as refused:
        complete_params(PIPELINES["3D"], {"retopo": {"topology": "quad"}, "export": {"formats": formats}})
    assert [detail.loc for detail in refused.value.details] == [
        ("params", "retopo", "topology"),
        ("params", "export", "formats"),
    ]
    assert {detail.type for detail in refused.value.details} == {"topology_needs_format"}


@pytest.mark.parametrize("formats", [["fbx"], ["glb", "obj"], ["usdz", "gltf"]])
def test_quads_go_with_any_format_that_holds_them(formats: list[str]) -> None:
    """One such format is enough; triangles go with every format."""
    params = complete_params(
        PIPELINES["3D"], {"retopo": {"topology": "quad"}, "export": {"formats": formats}}
    )
    assert params["retopo"]["topology"] == "quad"
    assert complete_params(PIPELINES["3D"], {"export": {"formats": ["glb"]}})


@pytest.mark.parametrize(
    ("params", "kind", "places"),
    [
        (
            {"rig": {"rig_type": "biped"}, "anim": {"clips": ["walk", "trot"]}},
            "clip_needs_rig",
            ["anim.clips", "rig.rig_type"],
        ),
        (
            {"rig": {"rig_type": "prop"}, "anim": {"clips": ["wave"]}},
            "clip_needs_rig",
            ["anim.clips", "rig.rig_type"],
        ),
        (
            {"anim": {"clips": ["walk"]}, "export": {"formats": ["obj"]}},
            "clip_needs_format",
            ["anim.clips", "export.formats"],
        ),
    ],
)
def test_what_does_not_go_together_is_told_at_both_places(
    params: dict[str, Any], kind: str, places: list[str]
) -> None:
    """Before a step has run that the next could not go on with."""
    with pytest.raises(Invalid) as refused:
        complete_params(PIPELINES["3D"], params)
    assert [".".join(map(str, detail.loc)) for detail in refused.value.details] == [
        f"params.{place}" for place in places
    ]
    assert {detail.type for detail in refused.value.details} == {kind}


@pytest.mark.parametrize(
    "params",
    [
        {"rig": {"rig_type": "quadruped"}, "anim": {"clips": ["trot", "bounce"]}},
        {"rig": {"rig_type": "auto"}, "anim": {"clips": ["trot", "wave"]}},
        {"rig": {"rig_type": "prop"}, "anim": {"clips": None}},
        {"anim": {"clips": ["walk"]}, "export": {"formats": ["obj", "fbx"]}},
        {"export": {"formats": ["obj"]}},
    ],
)
def test_what_goes_together_passes(params: dict[str, Any]) -> None:
    """Nothing is refused that something could make."""
    assert complete_params(PIPELINES["3D"], params)


@pytest.mark.parametrize(
    ("asset_type", "params", "digest"),
    [
        ("2D", {}, "bc1dc8da31dcfc48"),
        ("3D", {}, "93d5c8bf928ba229"),
        ("3D", {"retopo": {"target_polycount": 900}, "anim": {"clips": ["idle"]}}, "364f213f100d9cff"),
    ],
)
def test_a_brief_from_before_is_the_same_work(asset_type: str, params: dict[str, Any], digest: str) -> None:
    """To the byte as before there were optional parameters: step keys hold, and what was made is reused."""
    complete = canonical(complete_params(PIPELINES[asset_type], params))
    assert hashlib.sha256(complete).hexdigest()[:16] == digest


def test_an_optional_parameter_is_told_only_when_asked_for() -> None:
    """Even when it asks for what is so anyway."""
    given = {"text_to_image": {"aspect_ratio": "1:1"}}
    assert complete_params(PIPELINES["2D"], given)["text_to_image"]["aspect_ratio"] == "1:1"
    assert "aspect_ratio" not in complete_params(PIPELINES["2D"], {})["text_to_image"]


def _tried(value: Any) -> list[Any]:
    return [value, None, True, 0, -1, 1.5, 10**9, "x", "", [], ["x"], {}, [value, value]]


@pytest.mark.parametrize("asset_type", PARAMETERS)
def test_the_published_schema_allows_what_is_allowed(asset_type: str) -> None:
    """For every parameter and all sorts of values: the schema and the check agree."""
    schema = schemas()[asset_type]
    validator = jsonschema_rs.Draft202012Validator(schema)
    seen = set()
    for step, parameters in PARAMETERS[asset_type].items():
        for name, parameter in parameters.items():
            for value in [*_tried(parameter.default), *parameter.choices, parameter.low, parameter.high]:
                allowed = parameter.problem(value) is None
                assert validator.is_valid({step: {name: value}}) is allowed, (step, name, value)
                seen.add(allowed)
    assert seen == {True, False}
    assert not validator.is_valid({"nonsense": {}})
    assert not validator.is_valid({"refine": {"nonsense": 1}})
    assert len(json.dumps(schema)) < 8000, "the whole of it is one answer of a few kilobytes"
