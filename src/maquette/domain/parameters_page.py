"""docs/parameters.md, made from the parameter tables."""

import json

from maquette.domain.parameters import PARAMETERS, Parameter
from maquette.domain.pipeline import PIPELINES


def render() -> str:
    """Return the page as Markdown."""
    lines = [
        "# Parameters",
        "",
        "<!-- Made by `make docs` from src/maquette/domain/parameters.py. Do not edit. -->",
        "",
        "`params` of a submission and of a review's `changes`: an object by step, each an object by parameter. What is",
        "left out takes its default; what is wrong is a 422 that names the field. `effective_inputs` of a job shows",
        "what each step is really given; what is marked *not shown* is there only when it was asked for, because it came later",
        "and what was made before it stays the same work.",
        "",
        "The OpenAPI document holds these tables as JSON Schema, one for each asset type (`Params2D`, `Params3D`). What does not go together is refused at",
        "submission, at both places: see [validation](validation.md).",
        "",
    ]
    for name, steps in PARAMETERS.items():
        lines += [f"## {name}", ""]
        for spec in PIPELINES[name].steps:
            optional = " (can be skipped)" if spec.optional else ""
            lines += [
                f"### `{spec.name}`{optional}",
                "",
                "| parameter | default | allowed | meaning |",
                "|---|---|---|---|",
            ]
            lines += [
                f"| `{key}` | {_default(parameter)} | {_allowed(parameter)} | {parameter.help} |"
                for key, parameter in steps[spec.name].items()
            ]
            lines.append("")
    return "\n".join(lines)


def _default(parameter: Parameter) -> str:
    default = f"`{json.dumps(parameter.default)}`"
    return f"{default}, not shown" if parameter.optional else default


def _allowed(parameter: Parameter) -> str:
    if parameter.kind in {"choice", "choices"}:
        several = "some of " if parameter.kind == "choices" else ""
        return several + ", ".join(f"`{json.dumps(choice)}`" for choice in parameter.choices)
    if parameter.kind == "bool":
        return "`true`, `false`"
    return f"{parameter.kind}, {parameter.low:g} to {parameter.high:g}"
