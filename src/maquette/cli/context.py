"""``maquette project style|constraints|gates|routes``: the documents of a project, shown, set and compared alike."""

import json as json_module
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from maquette.cli.arguments import Json, Limit, Project, ProjectArgument
from maquette.cli.output import CommandError, age, out, print_fields, print_json, print_table
from maquette.settings import load

Version = Annotated[
    int | None, typer.Option("--version", min=0, help="Default: the newest; 0: before anybody spoke.")
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file", "-f", help="JSON or TOML file with the whole document, as `show --json` prints it."
    ),
]
Expected = Annotated[
    int | None, typer.Option("--if-version", min=0, help="Only if this is still the newest version.")
]


def add(app: typer.Typer, kind: str) -> None:
    """Give an app the commands that every kind of document has."""

    @app.command("show")
    def show(project: ProjectArgument = "", version: Version = None, json: Json = False) -> None:
        """Show what the next job will hold on to, or an earlier version."""
        found = read(project, kind, version=version)
        if json:
            print_json({"version": found["version"], **found["document"]})
        else:
            print_document(kind, found)

    @app.command("versions")
    def versions(project: ProjectArgument = "", limit: Limit = 20, json: Json = False) -> None:
        """List who made which version, and when, newest first."""
        from maquette.cli.client import connect, project_of

        settings = load()
        with connect(settings) as client:
            address = f"/projects/{project_of(settings, project)}/{kind}/versions"
            made = list(client.pages(address, limit))
        if json:
            print_json({"items": made})
            return
        now = datetime.now(UTC)
        rows = [(str(item["version"]), age(item["created_at"], now), item["created_by"]) for item in made]
        print_table(("version", "age", "by"), rows, elastic="by", right=("version", "age"))

    @app.command("diff")
    def diff(
        older: Annotated[int, typer.Argument(min=0, metavar="FROM", help="The earlier version.")],
        newer: Annotated[int | None, typer.Argument(min=0, metavar="TO", help="Default: the newest.")] = None,
        project: Project = "",
        json: Json = False,
    ) -> None:
        """Show what became different from one version to another."""
        found = read(project, f"{kind}/diff", **{"from": older, "to": newer})
        if json:
            print_json(found)
        else:
            print_differences(found)


def add_set(app: typer.Typer, kind: str) -> None:
    """Give an app the command that makes the next version of a whole file."""

    @app.command("set")
    def set_(
        file: Annotated[
            Path, typer.Argument(metavar="FILE", help="JSON or TOML, as `show --json` prints it.")
        ],
        project: Project = "",
        expected: Expected = None,
        json: Json = False,
    ) -> None:
        """Make the next version of a whole file; jobs keep what they began with."""
        put(project, kind, read_file(file), expected, as_json=json)


def read(project: str, what: str, **numbers: int | None) -> dict[str, Any]:
    """Return what the API says of a document; 0 is a number as well."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        address = f"/projects/{project_of(settings, project)}/{what}"
        given = {name: str(number) for name, number in numbers.items() if number is not None}
        found: dict[str, Any] = client.get(address, **given)
    return found


def put(project: str, kind: str, body: Mapping[str, Any], expected: int | None, *, as_json: bool) -> None:
    """Make the next version and print it."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        changed = client.put(f"/projects/{project_of(settings, project)}/{kind}", body, if_version=expected)
    if as_json:
        print_json(changed)
    else:
        made = changed[kind]
        document = {name: value for name, value in made.items() if name != "version"}
        print_document(kind, {"version": made["version"], "document": document})


def read_file(file: Path) -> dict[str, Any]:
    """Return the document in a JSON or TOML file, without the version that `show` prints with it."""
    try:
        data = file.read_bytes()
        body = tomllib.loads(data.decode()) if file.suffix == ".toml" else json_module.loads(data)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        kind = "TOML" if file.suffix == ".toml" else "JSON"
        raise CommandError(f"{file} is no {kind}: {error}.") from None
    if not isinstance(body, dict):
        raise CommandError(f"{file} holds no JSON object.")
    return {name: value for name, value in body.items() if name != "version"}


def print_document(kind: str, found: Mapping[str, Any]) -> None:
    """Print what a document says, and nothing of what it leaves open."""
    document = found["document"]
    rows: list[tuple[str, Any]] = [(kind, f"version {found['version']}")]
    rows += [(name.replace("_", " "), line(value)) for name, value in document.items() if name != "palette"]
    print_fields(rows)
    if palette := document.get("palette"):
        print_palette(palette, max(len(name) for name, value in rows if value not in (None, "", [])))


def line(value: Any) -> Any:
    """Return a member in one line; None and empty ones stay what they are."""
    if isinstance(value, Mapping) and "after_seconds" in value:
        stages = [f"{_who(item)} after {item['after_seconds']} s" for item in value.get("escalate") or ()]
        stages.append(f"{value.get('then', 'remind')} after {value['after_seconds']} s")
        return f"{value['step']} ({', '.join(stages)})"
    if isinstance(value, Mapping) and "name" in value:
        return f"{value['name']} ({value['weight']:g})"
    if isinstance(value, Mapping):
        said = {key: line(item) for key, item in value.items() if item not in (None, "", [], {})}
        return "; ".join(f"{key}: {item}" for key, item in said.items())
    if isinstance(value, list):
        return ", ".join(str(line(item)) for item in value)
    return value


def _who(told: Mapping[str, Any]) -> str:
    return told.get("role") or ", ".join(told.get("users") or ())


def print_palette(palette: list[str], width: int) -> None:
    """Print colours as they look, beside their names."""
    from rich.text import Text

    row = Text.assemble((f"{'palette':<{width}}  ", "dim"))
    for colour in palette:
        row.append("██ ", style=colour).append(f"{colour}  ")
    out().print(row, soft_wrap=True)


def print_differences(found: Mapping[str, Any]) -> None:
    """Print changes, what went and what came."""
    from rich.text import Text

    head = Text(f"version {found['from_version']} to {found['to_version']}", style="bold")
    out().print(head if found["changes"] else Text.assemble(head, ": no difference"))
    for change in found["changes"]:
        out().print(Text(change["field"]), soft_wrap=True)
        listed = "added" in change and (change["added"] or change["removed"])
        gone = change["removed"] if listed else [change["before"]]
        come = change["added"] if listed else [change["after"]]
        for sign, items, colour in (("-", gone, "red"), ("+", come, "green")):
            for item in items:
                out().print(
                    Text(f"  {sign} {json_module.dumps(item, ensure_ascii=False)}", style=colour),
                    soft_wrap=True,
                )
