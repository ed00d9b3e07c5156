"""The parameter tables as JSON Schema, for the OpenAPI document: what forms and clients are made from."""

from collections.abc import Mapping
from typing import Any

from maquette.domain.parameters import PARAMETERS, Parameter

_TYPES = {"int": "integer", "float": "number", "bool": "boolean"}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of ``params`` by asset type; ``title`` is its name for generated code."""
    return {
        asset_type: {
            "type": "object",
            "title": f"Params{asset_type}",
            "description": f"Parameters of a {asset_type} job by step. What is left out takes its default.",
            "properties": {step: _step(step, parameters) for step, parameters in steps.items()},
            "additionalProperties": False,
        }
        for asset_type, steps in PARAMETERS.items()
    }


def _step(step: str, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    return {
        "type": "object",
        "title": step,
        "properties": {name: parameter_schema(parameter) for name, parameter in parameters.items()},
        "additionalProperties": False,
    }


def parameter_schema(parameter: Parameter) -> dict[str, Any]:
    """Return the schema of one parameter: type, bounds, default, meaning."""
    return {**_shape(parameter), "description": parameter.help, "default": parameter.default}


def _shape(parameter: Parameter) -> dict[str, Any]:
    if parameter.kind == "choice":
        kind = "string" if isinstance(parameter.choices[0], str) else "integer"
        return {"type": kind, "enum": list(parameter.choices)}
    if parameter.kind == "choices":
        return {
            "type": ["array", "null"] if parameter.nullable else "array",
            "items": {"type": "string", "enum": list(parameter.choices)},
            "minItems": 1,
            "maxItems": len(parameter.choices),
            "uniqueItems": True,
        }
    kind = _TYPES[parameter.kind]
    schema: dict[str, Any] = {"type": [kind, "null"] if parameter.nullable else kind}
    if parameter.kind != "bool":
        schema |= {"minimum": parameter.low, "maximum": parameter.high}
    return schema
