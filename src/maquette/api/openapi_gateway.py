"""The OpenAPI document as Amazon API Gateway (REST APIs) imports it: 3.0.1, and models in the little that it knows.

From "Important notes" of its developer guide: models are JSON Schema draft 4 without ``additionalProperties``,
``anyOf``, ``oneOf``, ``discriminator``, ``example``, ``exclusiveMinimum``; model names are letters and digits; of
parameters only name, place, type and description count; a security scheme is its own kind of key. ``nullable`` is read and
forgotten, which would refuse null: a value that may be null has no type here. What is written may be looser than the
API, never stricter: the API checks everything again.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

#: Below the 29 s that it waits for an answer at most.
TIMEOUT_MS = 29_000
#: What has slashes in it: it takes the rest of the path.
GREEDY: Mapping[str, str] = {"/files/{key}": "/files/{key+}"}
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
#: What is kept of a schema as it is.
_KEPT = frozenset(
    {
        "type",
        "title",
        "description",
        "enum",
        "required",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "maxItems",
    }
)
_FORMATS = frozenset({"date-time"})


def for_api_gateway(document: Mapping[str, Any], backend: str = "") -> dict[str, Any]:
    """Return a document to import. With ``backend``, each operation is passed on to that address.

    Raises ``ValueError`` for an address that is none.
    """
    if backend and (urlsplit(backend).scheme not in {"http", "https"} or not urlsplit(backend).hostname):
        raise ValueError(f"{backend!r} is no address that begins with http:// or https://")
    info = {name: document["info"][name] for name in ("title", "version", "description")}
    schemas = document["components"]["schemas"]
    return {
        "openapi": "3.0.1",
        "info": {**info, "license": {"name": document["info"]["license"]["name"]}},
        "tags": document["tags"],
        "paths": {
            GREEDY.get(path, path): {
                method: _operation(operation, method, path, backend.rstrip("/"))
                for method, operation in item.items()
                if method in _METHODS
            }
            for path, item in document["paths"].items()
        },
        "components": {"schemas": {name: _schema(schema) for name, schema in schemas.items()}},
        # Files pass through it as they are: read as text, they would not be the same bytes any more.
        "x-amazon-apigateway-binary-media-types": ["*/*"],
    }


def _operation(operation: Mapping[str, Any], method: str, path: str, backend: str) -> dict[str, Any]:
    kept = {
        name: operation[name]
        for name in ("operationId", "summary", "description", "tags")
        if name in operation
    }
    parameters = [_parameter(item) for item in operation.get("parameters", ())]
    if parameters:
        kept["parameters"] = parameters
    if "requestBody" in operation:
        body = operation["requestBody"]
        kept["requestBody"] = {"required": body.get("required", False), "content": _content(body["content"])}
    kept["responses"] = {
        status: {
            "description": response["description"],
            **({"headers": _headers(response["headers"])} if "headers" in response else {}),
            **({"content": found} if (found := _content(response.get("content", {}))) else {}),
        }
        for status, response in operation["responses"].items()
    }
    if backend:
        kept["x-amazon-apigateway-integration"] = _integration(method, path, parameters, backend)
    return kept


def _parameter(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: item[name] for name in ("name", "in", "required", "description") if name in item}
    kind = _schema(item["schema"]).get("type", "string")
    return {**kept, "schema": {"type": kind if isinstance(kind, str) and kind != "array" else "string"}}


def _headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"schema": {"type": "string"}} for name in headers}


def _content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the models of JSON bodies; what else there is has a type and no model, for it cannot be a text alone."""
    return {
        media_type: {"schema": _schema(item["schema"])}
        if "json" in media_type and "$ref" in item.get("schema", {})
        else {}
        for media_type, item in content.items()
    }


def _integration(method: str, path: str, parameters: list[dict[str, Any]], backend: str) -> dict[str, Any]:
    mapped = {
        f"integration.request.path.{item['name']}": f"method.request.path.{item['name']}"
        for item in parameters
        if item["in"] == "path"
    }
    return {
        "type": "http_proxy",
        "httpMethod": method.upper(),
        "uri": backend + path,
        "passthroughBehavior": "when_no_match",
        "timeoutInMillis": TIMEOUT_MS,
        **({"requestParameters": mapped} if mapped else {}),
    }


def _schema(schema: Any) -> dict[str, Any]:
    """Return what of a schema a model can say; an empty one where that is nothing: anything is fine then."""
    if not isinstance(schema, Mapping):
        return {}
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    kept = {name: value for name, value in schema.items() if name in _KEPT}
    if "const" in schema:
        kept["enum"] = [schema["const"]]
    if not isinstance(kept.get("type", ""), str) or kept.get("type") == "null":
        del kept["type"]
    if None in kept.get("enum", ()):
        del kept["enum"]
    if schema.get("format") in _FORMATS:
        kept["format"] = schema["format"]
    if "properties" in schema:
        kept["properties"] = {name: _schema(item) for name, item in schema["properties"].items()}
    if kept.get("type") == "array":
        kept["items"] = _schema(schema.get("items", {}))
    return kept
