"""``maquette audit``: what was administered, by whom."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from maquette.cli.arguments import Json, Limit, Project
from maquette.cli.output import age, print_json, print_table
from maquette.settings import load

app = typer.Typer(help="The audit log.", no_args_is_help=True)


@app.command("list")
def list_audit(
    project: Project = "",
    everywhere: Annotated[
        bool, typer.Option("--all", help="Of all projects and the installation; for operators.")
    ] = False,
    subject: Annotated[str, typer.Option("--by", help="Only what this subject did: usr_….")] = "",
    act: Annotated[str, typer.Option(help="Only this operation, such as put_project_style.")] = "",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List administrative acts, newest first."""
    from maquette.cli.client import connect, project_of

    settings = load()
    path = "/audit" if everywhere else f"/projects/{project_of(settings, project)}/audit"
    with connect(settings) as client:
        items = list(client.pages(path, limit, subject=subject or None, act=act or None))
    if json:
        print_json({"items": items})
        return
    now = datetime.now(UTC)
    rows = [(age(item["at"], now), item["subject"], item["act"], item["object"]) for item in items]
    print_table(("age", "who", "act", "object"), rows, elastic="object", right=("age",))
