"""Parameters that exclude each other are refused before anything is made."""

import pytest

from maquette.domain.errors import Invalid
from maquette.domain.parameters import complete_params
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
