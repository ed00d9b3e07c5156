"""The pages about the API say what the API does."""

import re
from pathlib import Path
from typing import Any

from maquette.api import problems
from maquette.api.app import build_app
from maquette.domain.errors import MaquetteError
from maquette.maintenance.loop import LoopCollector
from maquette.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def test_every_error_code_is_listed_with_its_status() -> None:
    """docs/errors.md has one row for each class, with the status that it is sent with, and no other row."""

    def classes(kind: type[MaquetteError]) -> set[type[MaquetteError]]:
        return {kind}.union(*(classes(child) for child in kind.__subclasses__()))

    known = {
        kind.code: str(int(problems.status_of(kind)))
        for kind in classes(MaquetteError) - {MaquetteError}
        if kind.__module__.startswith("maquette.")
    }
    page = (DOCS / "errors.md").read_text()
    assert dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE)) == known


def test_every_endpoint_is_listed(skeleton: Any) -> None:
    """docs/api.md names each method and path of the document, and none that does not exist."""
    document = build_app(skeleton, Settings()).openapi()
    served = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    page = (DOCS / "api.md").read_text()
    listed = set(re.findall(r"^\| `([A-Z]+) (/[^`]*)` \|", page, re.MULTILINE))
    assert listed == served | {("GET", "/openapi.json"), ("GET", "/asyncapi.json")}


async def test_every_metric_is_listed(live: Any) -> None:
    """docs/observability.md names each metric of Maquette's in full, and none that does not exist."""
    answer = (await live.nobody.get("/metrics")).text
    told = set(re.findall(r"^# TYPE (maquette_\w+) ", answer, re.MULTILINE))
    told -= {name for name in told if name.endswith("_created")}
    told |= {f"{family.name}_total" for family in LoopCollector().collect()}
    assert len(told) > 10
    listed = set(re.findall(r"`(maquette_\w+)[`{]", (DOCS / "observability.md").read_text()))
    assert listed == told
