"""The OpenAPI document for Amazon API Gateway keeps to what that imports, and loses nothing that counts."""

import json
from typing import Any

import pytest
from fastapi.routing import APIRoute
from gateway_rules import violations
from typer.testing import CliRunner

from maquette import bootstrap
from maquette.api import files
from maquette.api.openapi_gateway import GREEDY, for_api_gateway
from maquette.cli.main import app as cli


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return bootstrap.openapi()


def test_it_keeps_to_the_importers_rules(document: dict[str, Any]) -> None:
    """No violation in the whole document, with and without a backend; it is smaller than the 6 MB that are read."""
    for backend in ("", "https://maquette.internal:8470/"):
        made = for_api_gateway(document, backend)
        assert violations(made) == []
        assert len(json.dumps(made)) < 1_000_000


def test_the_rules_find_what_is_wrong(document: dict[str, Any]) -> None:
    """Our own 3.1 document breaks most of them, and each further breach is found: the checker can fail."""
    found = "\n".join(violations(document))
    for word in (
        "3.0.x",
        "anyOf",
        "additionalProperties",
        "example",
        "security",
        "components.securitySchemes",
    ):
        assert word in found
    made = for_api_gateway(document)
    schemas, jobs = made["components"]["schemas"], made["paths"]["/jobs"]
    schemas["Bad_Name"] = {"type": ["string", "null"], "exclusiveMinimum": 1}
    schemas["List"] = {"type": "array"}
    schemas["Gone"] = {"$ref": "#/components/schemas/Nowhere", "title": "x"}
    jobs["get"]["responses"]["default"] = {
        "description": "",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    jobs["get"]["parameters"][0]["style"] = "form"
    made["paths"] |= {"/jobs/{id}": {}, "/jobs/a{b}": {}, "/files/{key+}/more": {}, "/ping": {}}
    found = "\n".join(violations(made))
    for word in (
        "Bad_Name: model names", "type ['string', 'null']", "exclusiveMinimum", "an array of nothing", "is not there",
        "beside $ref", "response 'default'", "no model by reference", "'style'", "side by side", "is no segment",
        "greedy variable", "gateway's own",
    ):  # fmt: skip
        assert word in found, word


def test_every_operation_is_in_it(document: dict[str, Any]) -> None:
    """With its parameters, its answers and its models; a path that goes on behind a variable takes all of it."""
    made = for_api_gateway(document, "https://maquette.internal")
    for path, item in document["paths"].items():
        for method, operation in item.items():
            there = made["paths"][GREEDY.get(path, path)][method]
            assert there["operationId"] == operation["operationId"]
            assert set(there["responses"]) == set(operation["responses"])
            integration = there["x-amazon-apigateway-integration"]
            assert (integration["uri"], integration["type"]) == (
                f"https://maquette.internal{path}",
                "http_proxy",
            )
            assert integration["timeoutInMillis"] < 30_000
    review = made["paths"]["/jobs/{job_id}/review"]["post"]["x-amazon-apigateway-integration"]
    assert review["requestParameters"] == {"integration.request.path.job_id": "method.request.path.job_id"}
    assert set(made["components"]["schemas"]) == set(document["components"]["schemas"])
    whole = {
        route.path_format
        for route in files.router.routes
        if isinstance(route, APIRoute) and ":path" in route.path
    }
    assert whole == set(GREEDY)


def test_a_model_is_never_stricter_than_the_api(document: dict[str, Any]) -> None:
    """What may be null, or one of several types, has no type in a model: it would be refused in front of us."""
    made = for_api_gateway(document)["components"]["schemas"]
    given = document["components"]["schemas"]
    for name, schema in given.items():
        for field, inner in schema.get("properties", {}).items():
            kept = made[name]["properties"][field]
            if "anyOf" in inner or not isinstance(inner.get("type", ""), str):
                assert "type" not in kept, (name, field)
            assert kept.get("required", []) == inner.get("required", [])


def test_the_command_writes_it(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """`maquette openapi --for aws-api-gateway --backend …`; an address that is none is refused with a sentence."""
    monkeypatch.setattr(bootstrap, "openapi", lambda: document)
    wanted = ["openapi", "--for", "aws-api-gateway", "--backend"]
    made = CliRunner().invoke(cli, [*wanted, "https://maquette.internal"])
    assert made.exit_code == 0
    assert json.loads(made.stdout) == for_api_gateway(document, "https://maquette.internal")
    assert CliRunner().invoke(cli, [*wanted, "maquette.internal"]).exit_code != 0
