"""``maquette project`` and ``maquette key``."""

from typing import Annotated

import typer

from maquette.cli.output import err, print_fields, print_json
from maquette.settings import load

project_app = typer.Typer(help="Projects: the tenants.", no_args_is_help=True)
key_app = typer.Typer(help="API keys.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Project = Annotated[
    str, typer.Argument(help="prj_…; default: MAQUETTE_PROJECT_ID or the first one.", metavar="PROJECT")
]


@project_app.command("create")
def create_project(
    name: Annotated[str, typer.Argument(help="What people call it.")], json: Json = False
) -> None:
    """Create a project."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        project = client.post("/projects", {"name": name})
    _print(project, json)


@project_app.command("show")
def show_project(project: Project = "", json: Json = False) -> None:
    """Show a project with its gates and limits."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        found = client.get(f"/projects/{project_of(settings, project)}")
    _print(found, json)


@key_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Whose or what for.")],
    project: Annotated[str, typer.Option(help="Default: MAQUETTE_PROJECT_ID or the first one.")] = "",
    json: Json = False,
) -> None:
    """Create an API key. It is shown this once: the database holds only its hash."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        key = client.post(f"/projects/{project_of(settings, project)}/keys", {"name": name})
    _print(key, json)
    if not json:
        err().print("[dim]Keep it now; it cannot be shown again.[/dim]")


def _print(value: dict[str, object], as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        print_fields(value.items())
