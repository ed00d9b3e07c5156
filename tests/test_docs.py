"""The pages tell each status that there is. Endpoints and metrics: tests/api; commands: tests/cli; settings: tests/supervisor."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from maquette.api.app import build_app
from maquette.services.transactor import Counters
from maquette.settings import Settings
from maquette.telemetry.tracer import OFF

DOCS = Path(__file__).parent.parent / "docs"


def enums(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Give (member, value) for each value that the OpenAPI document lists for a member."""
    if isinstance(value, dict):
        for found in value.get("enum", []):
            yield name, str(found)
        if "const" in value and isinstance(value["const"], str):
            yield name, value["const"]
        for key, item in value.items():
            if key not in {"example", "examples"}:
                inside = key not in {"items", "anyOf", "oneOf", "allOf", "schema", "properties", "enum"}
                yield from enums(item, key if inside else name)
    elif isinstance(value, list):
        for item in value:
            yield from enums(item, name)


def words() -> set[str]:
    """Return everything that stands in the pages as code, each word of it."""
    text = "\n".join(path.read_text() for path in sorted(DOCS.glob("*.md")))
    return set(re.findall(r"\d+:\d+|[\w.-]+", " ".join(re.findall(r"`([^`\n]+)`", text))))


def test_every_status_is_documented() -> None:
    """Whatever value an answer or a request may have by the document — statuses, pause reasons, verdicts — is told of."""
    deps: Any = SimpleNamespace(
        objects=None, tracer=OFF, transactor=SimpleNamespace(counters=Counters(), waiting=0, parked=0)
    )
    found = set(enums(build_app(deps, Settings()).openapi()))
    assert {value for name, value in found if "status" in name.lower()} >= {
        "queued", "awaiting_review", "pending", "enabled", "dropped",
    }, found  # fmt: skip
    known = words()
    assert sorted(f"{name}: {value}" for name, value in found if value not in known) == []
