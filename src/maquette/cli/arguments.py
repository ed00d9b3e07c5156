"""Options that several commands share, and how values are read from them."""

import json
from typing import Annotated, Any, Literal

import typer

from maquette.cli import complete
from maquette.cli.output import CommandError

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
JobId = Annotated[str, typer.Argument(help="job_…", metavar="JOB", autocompletion=complete.jobs)]
AssetType = Annotated[Literal["2D", "3D"], typer.Option("--type", case_sensitive=False, help="Pipeline.")]
#: As the domain has them, whose import would cost `--help` a tenth of its time.
JobStatus = Literal["queued", "running", "awaiting_review", "paused", "succeeded", "failed", "canceled"]
Project = Annotated[
    str,
    typer.Option(
        "--project",
        help="Project; default: MAQUETTE_PROJECT_ID or the first one.",
        autocompletion=complete.projects,
    ),
]
ProjectArgument = Annotated[
    str,
    typer.Argument(
        help="prj_…; default: MAQUETTE_PROJECT_ID or the first one.",
        metavar="PROJECT",
        autocompletion=complete.projects,
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Rows at most.")]


def parse_params(pairs: list[str]) -> dict[str, dict[str, Any]]:
    """Read ``STEP.NAME=VALUE``; a value that is JSON is taken as that, any other as text."""
    params: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        step, dot, name = key.partition(".")
        if not (equals and dot and step and name):
            raise CommandError(
                f"{pair!r} is not STEP.NAME=VALUE.", "Such as --param retopo.target_polycount=8000"
            )
        params.setdefault(step, {})[name] = _value(value)
    return params


def parse_changes(pairs: list[str]) -> dict[str, Any]:
    """Read a review's changes: ``NAME=VALUE`` of the brief, or ``STEP.NAME=VALUE`` of a step."""
    plain = [pair for pair in pairs if "." not in pair.partition("=")[0]]
    changes: dict[str, Any] = {}
    for pair in plain:
        name, equals, value = pair.partition("=")
        if not (equals and name):
            raise CommandError(f"{pair!r} is not NAME=VALUE.", "Such as --set seed=7")
        # Texts of the brief stay texts: a prompt may well be `7` or `null`.
        changes[name] = value if "prompt" in name else _value(value)
    if params := parse_params([pair for pair in pairs if pair not in plain]):
        changes["params"] = params
    return changes


def parse_named(pairs: list[str], example: str) -> list[tuple[str, str]]:
    """Read ``NAME=VALUE`` pairs whose values are texts."""
    found = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (equals and name and value):
            raise CommandError(f"{pair!r} is not NAME=VALUE.", f"Such as {example}")
        found.append((name, value))
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
