"""docs/style.md: its example runs, and comes to what the page says."""

import json
import re
from pathlib import Path

import pytest
from house import House

from maquette.domain import typeid
from maquette.domain.context import KINDS
from maquette.domain.errors import ConstraintConflict
from maquette.services import context

PAGE = (Path(__file__).parents[2] / "docs" / "style.md").read_text()


async def test_the_worked_example_runs(house: House) -> None:
    """Style and constraints as printed, then a brief that says nothing and one that asks for too much."""
    printed = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    pins, style, constraints, adjusted, sides = printed
    project = typeid.decode("prj", house.project)
    await context.put(house.deps, house.user, project, "style", style)
    await context.put(house.deps, house.user, project, "constraints", constraints)
    view = await house.submit("3D", prompt="a lantern")
    assert view.row.library_path == "props/lantern"
    assert view.row.effective["adjusted"] == adjusted["adjusted"]
    assert view.row.effective["params"]["text_to_image"]["style"]["line"] == style["line"]
    with pytest.raises(ConstraintConflict) as caught:
        await house.submit("3D", params={"retopo": {"target_polycount": 8000}})
    assert [list(detail.loc) for detail in caught.value.details] == sides
    assert set(pins["context"]) == {f"{kind}_version" for kind in KINDS}


def test_every_member_is_told() -> None:
    """Of style and constraints, each by its name."""
    for kind in ("style", "constraints", "routes"):
        for name in KINDS[kind].default():
            assert f"`{name}`" in PAGE or f'"{name}"' in PAGE, name
