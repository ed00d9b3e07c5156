"""The document: valid 3.1, complete, and its examples are what they are examples of."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from maquette import wire
from maquette.api import shapes
from maquette.api.shapes.base import Shape

SHAPES = [
    kind
    for found in pkgutil.iter_modules(shapes.__path__)
    for module in [importlib.import_module(f"{shapes.__name__}.{found.name}")]
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Shape) and kind.__module__ == module.__name__
]
METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/openapi.json")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    for path in [
        path for path, item in found["paths"].items() if next(iter(item.values()))["tags"] == ["test"]
    ]:
        del found["paths"][path]
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    """Version, title, licence and the security scheme are said; every reference leads somewhere."""
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "Maquette"
    assert document["info"]["version"]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for reference in set(references(document)):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    """Each has an id of its own, a summary, a description, one known tag, and says what its path takes."""
    ids, tags = set(), {tag["name"] for tag in document["tags"]}
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert method in METHODS, where
        assert operation["operationId"] not in ids, where
        ids.add(operation["operationId"])
        assert operation["summary"], where
        assert not operation["summary"].endswith("."), where
        assert operation["description"], where
        assert set(operation["tags"]) <= tags, where
        assert len(operation["tags"]) == 1, where
        names = {item["name"] for item in operation.get("parameters", []) if item["in"] == "path"}
        assert names == {part.strip("{}") for part in path.split("/") if part.startswith("{")}, where
    assert len(ids) > 30


def test_every_operation_shows_success_and_problems(document: dict[str, Any]) -> None:
    """Each answers with an example when it goes well, and with problem documents when it does not."""
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        responses = operation["responses"]
        good = [status for status in responses if status < "400"]
        assert good, where
        for status in good:
            if status not in {"204", "302", "304"}:
                [content] = responses[status]["content"].values()
                assert "example" in content or "example" in content["examples"], where
                assert content.get("schema"), where
        bad = {status for status in responses if status >= "400"}
        assert "500" in bad, where
        for status in bad:
            [(media_type, content)] = responses[status]["content"].items()
            assert media_type == "application/problem+json", where
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, where
            assert content["example"]["status"] == int(status), where


def test_all_but_files_and_health_need_a_key(document: dict[str, Any]) -> None:
    """Whoever adds an endpoint says so when it needs no key; those that need one can answer 401."""
    for path, _, operation in operations(document):
        open_to_all = path.startswith("/files/") or path in {"/", "/healthz", "/readyz", "/metrics"}
        assert ("security" in operation) != open_to_all, path
        assert ("401" in operation["responses"]) != (open_to_all and path != "/metrics"), path


def test_every_example_is_what_it_is_an_example_of(document: dict[str, Any]) -> None:
    """Answers' examples are whole values of their shape, nulls included; requests' examples are accepted."""
    shown = document["components"]["examples"]
    for name, example in shown.items():
        assert name in document["components"]["schemas"], name
        text = json.dumps(example["value"])
        if name.startswith("Worker"):
            msgspec.json.decode(text, type=getattr(wire, name.removeprefix("Worker")), strict=True)
        else:
            [shape] = [kind for kind in SHAPES if kind.__name__ == name]
            assert (
                shape.model_validate_json(text).model_dump(exclude_unset=True).keys()
                == example["value"].keys()
            )
    for shape in SHAPES:
        for example in shape.model_config.get("json_schema_extra", {}).get("examples", []):
            shape.model_validate_json(json.dumps(example))


def test_the_root_path_is_the_server(skeleton: Any) -> None:
    """Behind a gateway's stage, the document's addresses are those that callers use."""
    from maquette.api.app import build_app
    from maquette.settings import Settings

    document = build_app(skeleton, Settings(root_path="/prod")).openapi()
    assert document["servers"] == [{"url": "/prod"}]
