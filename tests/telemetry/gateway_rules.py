"""What Amazon API Gateway (REST APIs) refuses or forgets of an OpenAPI document, as a list of what is wrong with one.

From its developer guide: "Important notes for REST APIs" and "Quotas". Not made from our converter.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

RESOURCES_MAX = 300
_SEGMENT = re.compile(r"[A-Za-z0-9_.,:-]+|\{[A-Za-z0-9_.-]+\+?\}")
_UNSUPPORTED = frozenset(
    {
        "additionalProperties", "allOf", "anyOf", "const", "default", "deprecated", "discriminator", "example", "examples",
        "exclusiveMaximum", "exclusiveMinimum", "nullable", "not", "oneOf", "pattern", "patternProperties", "prefixItems",
        "propertyNames", "readOnly", "writeOnly", "$defs", "if", "contentMediaType",
    }
)  # fmt: skip
_SIMPLE = frozenset({"string", "integer", "number", "boolean"})
_PARAMETER = frozenset({"name", "in", "required", "description", "schema"})


def violations(document: Mapping[str, Any]) -> list[str]:
    """Return every breach with where it is."""
    found = (
        [] if str(document.get("openapi", "")).startswith("3.0.") else ["openapi: 3.0.x alone is imported"]
    )
    components = document.get("components", {})
    found += [f"components.{name}: forgotten or refused" for name in components if name != "schemas"]
    found += ["servers: the stage's address counts"] * ("servers" in document)
    schemas = components.get("schemas", {})
    found += [
        f"{name}: model names are letters and digits"
        for name in schemas
        if not re.fullmatch(r"[A-Za-z0-9]+", name)
    ]
    for name, schema in schemas.items():
        found += _of_schema(schema, name, schemas)
    found += _of_paths(document["paths"])
    for path, item in document["paths"].items():
        for method, operation in item.items():
            found += _of_operation(operation, f"{method} {path}", schemas)
    return found


def _of_paths(paths: Mapping[str, Any]) -> Iterator[str]:
    resources: set[str] = set()
    variables: dict[str, set[str]] = {}
    for path in paths:
        above = ""
        for segment in path.strip("/").split("/"):
            if segment and not _SEGMENT.fullmatch(segment):
                yield f"{path}: {segment!r} is no segment"
            if segment.startswith("{"):
                variables.setdefault(above, set()).add(segment)
            above = f"{above}/{segment}"
            resources.add(above)
        if "+}" in path and not path.endswith("+}"):
            yield f"{path}: a greedy variable is the last segment"
        if path in {"/ping", "/sping"}:
            yield f"{path}: is the gateway's own"
    yield from (
        f"{above or '/'}: {sorted(names)} side by side"
        for above, names in variables.items()
        if len(names) > 1
    )
    if len(resources) > RESOURCES_MAX:
        yield f"{len(resources)} resources; {RESOURCES_MAX} at most"


def _of_operation(operation: Mapping[str, Any], where: str, schemas: Mapping[str, Any]) -> Iterator[str]:
    if "security" in operation:
        yield f"{where}: security asks for the gateway's own keys"
    yield from _of_parameters(operation.get("parameters", ()), where)
    yield from _of_bodies([operation["requestBody"]] if "requestBody" in operation else [], where, schemas)
    for status, response in operation["responses"].items():
        if not re.fullmatch(r"[1-5]\d\d", status):
            yield f"{where}: response {status!r}"
        if "$ref" in response:
            yield f"{where}: response {status} by reference"
    yield from _of_bodies(operation["responses"].values(), where, schemas)


def _of_parameters(parameters: Iterable[Mapping[str, Any]], where: str) -> Iterator[str]:
    named = {name.rstrip("+") for name in re.findall(r"\{([^}]+)\}", where)}
    declared = {item["name"] for item in parameters if item["in"] == "path"}
    if named != declared:
        yield f"{where}: path variables {sorted(named ^ declared)}"
    for item in parameters:
        if extra := set(item) - _PARAMETER:
            yield f"{where}: parameter {item['name']} has {sorted(extra)}"
        if set(item["schema"]) - {"type"} or item["schema"]["type"] not in _SIMPLE:
            yield f"{where}: parameter {item['name']} is {item['schema']}"


def _of_bodies(bodies: Iterable[Mapping[str, Any]], where: str, schemas: Mapping[str, Any]) -> Iterator[str]:
    for media_type, item in (
        (kind, item) for body in bodies for kind, item in body.get("content", {}).items()
    ):
        if set(item) - {"schema"}:
            yield f"{where}: {media_type} has {sorted(set(item) - {'schema'})}"
        if "schema" in item:
            if set(item["schema"]) != {"$ref"}:
                yield f"{where}: {media_type} is no model by reference"
            yield from _of_schema(item["schema"], where, schemas)


def _of_schema(schema: Mapping[str, Any], where: str, schemas: Mapping[str, Any]) -> Iterator[str]:
    if bad := sorted(_UNSUPPORTED & set(schema)):
        yield f"{where}: {bad} in a model"
    if not isinstance(schema.get("type", ""), str) or schema.get("type") == "null":
        yield f"{where}: type {schema['type']}"
    if schema.get("format") in {"int32", "int64", "decimal"}:
        yield f"{where}: format {schema['format']}"
    if "$ref" in schema:
        if set(schema) != {"$ref"}:
            yield f"{where}: {sorted(schema)} beside $ref"
        target = schema["$ref"].removeprefix("#/components/schemas/")
        if target not in schemas:
            yield f"{where}: {schema['$ref']} is not there"
    if schema.get("type") == "array" and "items" not in schema:
        yield f"{where}: an array of nothing"
    for name, item in schema.get("properties", {}).items():
        yield from _of_schema(item, f"{where}.{name}", schemas)
    if isinstance(schema.get("items"), Mapping):
        yield from _of_schema(schema["items"], f"{where}[]", schemas)
