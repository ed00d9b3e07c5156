"""``maquette safety``: what was decided about contents, and what people say of it; policies of projects and platform."""

import json as json_module
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from maquette.cli.arguments import Json, Limit, Project, ProjectArgument
from maquette.cli.output import CommandError, age, out, print_fields, print_json, print_table
from maquette.settings import load

app = typer.Typer(help="Safety: what was decided, and people's words on it.", no_args_is_help=True)
policy_app = typer.Typer(help="The platform's own policy; for operators.", no_args_is_help=True)
project_app = typer.Typer(help="The project's safety policy.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")

DecisionId = Annotated[str, typer.Argument(help="sdc_…", metavar="DECISION")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept with the decision.")]
File = Annotated[Path, typer.Argument(help="JSON file with the policy.", metavar="FILE")]
Version = Annotated[int | None, typer.Option(min=1, help="Another than the newest.", show_default=False)]


@app.command("decisions")
def decisions(
    project: Project = "",
    stage: Annotated[
        Literal["prompt", "reference", "output"] | None, typer.Option(help="Only these.")
    ] = None,
    in_force: Annotated[
        Literal["allow", "hold", "block"] | None,
        typer.Option("--in-force", help="What holds now; hold: what waits for a person."),
    ] = None,
    appealed: Annotated[bool, typer.Option("--appealed", help="Only those with an appeal.")] = False,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List decisions, newest first: all but plain allows. A * stands where somebody appealed."""
    from maquette.cli.client import connect, project_of

    settings = load()
    query = {"project_id": project_of(settings, project), "stage": stage, "in_force": in_force}
    query |= {"appealed": "true"} if appealed else {}
    with connect(settings) as client:
        items = list(client.pages("/safety/decisions", limit, **query))
    if json:
        print_json({"items": items})
        return
    if not items:
        out().print("[dim]Nothing was objected to.[/dim]")
        return
    now = datetime.now(UTC)
    rows = [
        (
            item["id"],
            age(item["at"], now),
            item["stage"],
            item["verdict"],
            item["in_force"] + ("*" if item["appeal"] else ""),
            ", ".join(item["categories"]),
        )
        for item in items
    ]
    head = ("decision", "age", "stage", "verdict", "holds", "categories")
    print_table(head, rows, elastic="categories", right=("age",))


@app.command("show")
def show(decision: DecisionId, json: Json = False) -> None:
    """Show a decision: what was found where, and what people said of it."""
    _print(_call("get", f"/safety/decisions/{decision}"), as_json=json)


@app.command("appeal")
def appeal(decision: DecisionId, reason: Reason, json: Json = False) -> None:
    """Say why a decision should be another; once."""
    _print(_call("post", f"/safety/decisions/{decision}/appeal", {"reason": reason}), as_json=json)


@app.command("override")
def override(
    decision: DecisionId,
    verdict: Annotated[Literal["allow", "block"], typer.Argument(help="What shall hold.")],
    reason: Reason,
    in_force: Annotated[
        Literal["allow", "hold", "block"] | None,
        typer.Option("--in-force", help="What held when you looked; to change an earlier word."),
    ] = None,
    json: Json = False,
) -> None:
    """Let your word hold: a held job goes on or fails, a blocked prompt passes, files are shown or not."""
    body = {"verdict": verdict, "reason": reason, "in_force": in_force}
    _print(_call("post", f"/safety/decisions/{decision}/override", body), as_json=json)


@app.command("block")
def block(
    artifact: Annotated[str, typer.Argument(help="art_…", metavar="ARTIFACT")],
    reason: Reason,
    category: Annotated[
        list[str] | None, typer.Option("--category", "-c", help="Such as gore; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Take a file away that was allowed: nobody reads it from now on."""
    body = {"artifact_id": artifact, "reason": reason, "categories": category or []}
    _print(_call("post", "/safety/decisions", body), as_json=json)


@policy_app.command("get")
def get_platform(version: Version = None, json: Json = False) -> None:
    """Print the platform's policy."""
    _print_policy(_call("get", f"/safety/policy{_query(version)}"), as_json=json)


@policy_app.command("set")
def set_platform(file: File, json: Json = False) -> None:
    """Make the next version of the platform's policy."""
    _print_policy(_call("put", "/safety/policy", _read(file)), as_json=json)


@project_app.command("get")
def get_project(project: ProjectArgument = "", version: Version = None, json: Json = False) -> None:
    """Print a project's safety policy."""
    _print_policy(_call("get", f"/projects/{_project(project)}/safety{_query(version)}"), as_json=json)


@project_app.command("set")
def set_project(file: File, project: ProjectArgument = "", json: Json = False) -> None:
    """Make the next version of a project's safety policy; it holds at once."""
    _print_policy(_call("put", f"/projects/{_project(project)}/safety", _read(file)), as_json=json)


def _project(given: str) -> str:
    from maquette.cli.client import project_of

    return str(project_of(load(), given))


def _query(version: int | None) -> str:
    return "" if version is None else f"?version={version}"


def _read(file: Path) -> dict[str, Any]:
    try:
        body = json_module.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"{file} is no JSON: {error}.") from None
    if not isinstance(body, dict):
        raise CommandError(f"{file} holds no object.", "A policy is a JSON object; see docs/safety.md")
    return body


def _call(method: Literal["get", "post", "put"], path: str, *body: Any) -> Any:
    from maquette.cli.client import connect

    with connect(load()) as client:
        return getattr(client, method)(path, *body)


def _print(item: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(item)
        return
    fields = {name: value for name, value in item.items() if value not in (None, [], "")}
    print_fields(fields.items())


def _print_policy(item: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(item)
        return
    print_fields((name, value) for name, value in item.items() if name != "policy" and value is not None)
    print_json(item["policy"])
