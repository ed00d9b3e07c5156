"""``maquette project``: tenants, their style DNA and their gates."""

import json as json_module
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from maquette.cli import rulings
from maquette.cli.arguments import Json, Limit, Project, ProjectArgument
from maquette.cli.output import CommandError, age, out, print_fields, print_json, print_table
from maquette.settings import load

app = typer.Typer(help="Projects: the tenants.", no_args_is_help=True)
style_app = typer.Typer(help="Style DNA: words for every prompt, and colours.", no_args_is_help=True)
gates_app = typer.Typer(help="Gates: the steps after which a person decides.", no_args_is_help=True)
app.add_typer(style_app, name="style")
app.add_typer(gates_app, name="gates")
app.add_typer(rulings.project_app, name="safety")

File = Annotated[
    Path | None, typer.Option("--file", "-f", help="JSON file with the whole body, as the API takes it.")
]


@app.command("create")
def create(name: Annotated[str, typer.Argument(help="What people call it.")], json: Json = False) -> None:
    """Create a project; for operators."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        project = client.post("/projects", {"name": name})
    _print(project, as_json=json)


@app.command("list")
def list_projects(limit: Limit = 20, json: Json = False) -> None:
    """List the projects that the key sees, newest first."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        projects = list(client.pages("/projects", limit))
    if json:
        print_json({"items": projects})
        return
    now = datetime.now(UTC)
    rows = [
        (item["id"], age(item["created_at"], now), f"v{item['style']['version']}", item["name"])
        for item in projects
    ]
    print_table(("project", "age", "style", "name"), rows, elastic="name", right=("age", "style"))


@app.command("show")
def show(project: ProjectArgument = "", json: Json = False) -> None:
    """Show a project with its style, gates and limits."""
    _print(_get(project), as_json=json)


@app.command("rename")
def rename(
    name: Annotated[str, typer.Argument(help="What people call it from now on.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Give a project another name; its id stays."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        changed = client.patch(f"/projects/{project_of(settings, project)}", {"name": name})
    _print(changed, as_json=json)


@style_app.command("show")
def show_style(project: ProjectArgument = "", json: Json = False) -> None:
    """Show the style that the next job will pin."""
    style = _get(project)["style"]
    if json:
        print_json(style)
    else:
        _print_style(style)


@style_app.command("set")
def set_style(
    keyword: Annotated[
        list[str] | None, typer.Option(help="Word for every prompt; may be repeated; '' for none.")
    ] = None,
    negative: Annotated[
        list[str] | None, typer.Option(help="What nothing must be; may be repeated; '' for none.")
    ] = None,
    palette: Annotated[
        list[str] | None, typer.Option(help="Colour, #rrggbb; may be repeated; '' for none.")
    ] = None,
    file: File = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Make the next version of the style. What no option names stays as it is; jobs keep what they began with."""
    from maquette.cli.client import connect, project_of

    given = {"keywords": keyword, "negative_keywords": negative, "palette": palette}
    given_here = {
        name: [word for word in words if word] for name, words in given.items() if words is not None
    }
    if not given_here and file is None:
        raise CommandError("There is nothing to set.", "Give --keyword, --negative, --palette or --file.")
    settings = load()
    with connect(settings) as client:
        address = f"/projects/{project_of(settings, project)}"
        body = _read(file) if file else {name: client.get(address)["style"][name] for name in given}
        changed = client.put(f"{address}/style", {**body, **given_here})
    if json:
        print_json(changed)
    else:
        _print_style(changed["style"])


@gates_app.command("show")
def show_gates(project: ProjectArgument = "", json: Json = False) -> None:
    """Show the gates that the next job will pin."""
    gates = _get(project)["gates"]
    if json:
        print_json(gates)
    else:
        print_fields([("gates", _gates(gates))])


@gates_app.command("set")
def set_gates(
    gates: Annotated[
        list[str] | None,
        typer.Argument(help="Steps after which a person decides, or before_export.", metavar="GATE…"),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Let jobs run through without a person.")] = False,
    file: File = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Make the next version of the gates; jobs keep what they began with."""
    from maquette.cli.client import connect, project_of

    if sum((bool(gates), none, file is not None)) != 1:
        raise CommandError(
            "Which gates?", "Name steps or before_export, or say --none, or give a --file: one of the three."
        )
    body = _read(file) if file else {"gates": gates or []}
    settings = load()
    with connect(settings) as client:
        changed = client.put(f"/projects/{project_of(settings, project)}/gates", body)
    if json:
        print_json(changed)
    else:
        print_fields([("gates", _gates(changed["gates"]))])


def _read(file: Path) -> dict[str, Any]:
    try:
        body = json_module.loads(file.read_bytes())
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"{file} is no JSON: {error}.") from None
    if not isinstance(body, dict):
        raise CommandError(f"{file} holds no JSON object.")
    return {name: value for name, value in body.items() if name != "version"}


def _get(project: str) -> dict[str, Any]:
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        found: dict[str, Any] = client.get(f"/projects/{project_of(settings, project)}")
    return found


def _print(project: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(project)
        return
    apart = {"style", "gates"}
    rows = [(name, value) for name, value in project.items() if name not in apart]
    if gates := project.get("gates"):
        rows.append(("gates", _gates(gates)))
    _print_style(project.get("style") or {}, rows)


def _gates(gates: Mapping[str, Any]) -> str:
    named = ", ".join(map(_gate, gates["gates"])) or "none: jobs run through"
    return f"{named}  (version {gates['version']})"


def _gate(gate: Any) -> str:
    """Name a gate, with what happens when nobody decides."""
    if isinstance(gate, str):
        return gate
    return f"{gate['step']} ({gate.get('then', 'remind')} after {gate['after_seconds']} s)"


def _print_style(style: Mapping[str, Any], before: Iterable[tuple[str, Any]] = ()) -> None:
    from rich.text import Text

    rows = [*before]
    if style:
        rows.append(("style", f"version {style['version']}"))
        rows += [("keywords", style["keywords"]), ("not", style["negative_keywords"])]
    print_fields(rows)
    if palette := style.get("palette"):
        width = max(len(name) for name, value in rows if value not in (None, "", []))
        line = Text.assemble((f"{'palette':<{width}}  ", "dim"))
        for colour in palette:
            line.append("██ ", style=colour).append(f"{colour}  ")
        out().print(line, soft_wrap=True)
