"""``maquette project``: tenants and their context."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from maquette.cli import context, rulings, usage
from maquette.cli.arguments import Json, Limit, Project, ProjectArgument
from maquette.cli.output import CommandError, age, print_fields, print_json, print_table
from maquette.settings import load

app = typer.Typer(help="Projects: the tenants.", no_args_is_help=True)
style_app = typer.Typer(help="Style DNA: what all assets share.", no_args_is_help=True)
constraints_app = typer.Typer(help="Constraints: what all assets keep to.", no_args_is_help=True)
gates_app = typer.Typer(help="Gates: the steps after which a person decides.", no_args_is_help=True)
routes_app = typer.Typer(help="Routes: who does which step.", no_args_is_help=True)
retries_app = typer.Typer(
    help="Retries: how often steps are tried again, and how long they may take.", no_args_is_help=True
)
for kind, documents in {
    "style": style_app,
    "constraints": constraints_app,
    "gates": gates_app,
    "routes": routes_app,
    "retries": retries_app,
}.items():
    app.add_typer(documents, name=kind)
    context.add(documents, kind)
context.add_set(constraints_app, "constraints")
context.add_set(routes_app, "routes")
context.add_set(retries_app, "retries")
app.add_typer(rulings.project_app, name="safety")
app.add_typer(usage.quotas_app, name="quotas")


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
    file: context.File = None,
    project: Project = "",
    expected: context.Expected = None,
    json: Json = False,
) -> None:
    """Make the next version of the style. What no option names stays as it is; jobs keep what they began with."""
    given = {"keywords": keyword, "negative_keywords": negative, "palette": palette}
    given_here = {
        name: [word for word in words if word] for name, words in given.items() if words is not None
    }
    if not given_here and file is None:
        raise CommandError("There is nothing to set.", "Give --keyword, --negative, --palette or --file.")
    if file is not None:
        body = context.read_file(file)
    else:
        found = context.read(project, "style")
        body, expected = found["document"], found["version"] if expected is None else expected
    context.put(project, "style", {**body, **given_here}, expected, as_json=json)


@gates_app.command("set")
def set_gates(
    gates: Annotated[
        list[str] | None,
        typer.Argument(help="Steps after which a person decides, or before_export.", metavar="GATE…"),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Let jobs run through without a person.")] = False,
    file: context.File = None,
    project: Project = "",
    expected: context.Expected = None,
    json: Json = False,
) -> None:
    """Make the next version of the gates; jobs keep what they began with."""
    if sum((bool(gates), none, file is not None)) != 1:
        raise CommandError(
            "Which gates?", "Name steps or before_export, or say --none, or give a --file: one of the three."
        )
    body = context.read_file(file) if file else {"gates": gates or []}
    context.put(project, "gates", body, expected, as_json=json)


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
    documents = ("style", "constraints", "gates", "routes", "retries")
    print_fields([(name, value) for name, value in project.items() if name not in documents])
    for kind in documents:
        if made := project.get(kind):
            document = {name: value for name, value in made.items() if name != "version"}
            context.print_document(kind, {"version": made["version"], "document": document})
