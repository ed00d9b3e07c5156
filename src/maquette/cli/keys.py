"""``maquette key``: API keys of a project."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from maquette.cli.arguments import Json, Project
from maquette.cli.output import age, err, out, print_fields, print_json, print_table
from maquette.settings import load

app = typer.Typer(help="API keys.", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whose or what for.")],
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Valid for so long; default: for good.")
    ] = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Create an API key. It is shown this once: the database holds only its hash."""
    from maquette.cli.client import connect, project_of

    settings = load()
    body: dict[str, Any] = {"name": name}
    if days is not None:
        body["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
    with connect(settings) as client:
        key = client.post(f"/projects/{project_of(settings, project)}/keys", body)
    if json:
        print_json(key)
        return
    print_fields(key.items())
    err().print("[dim]Keep it now; it cannot be shown again.[/dim]")


@app.command("list")
def list_keys(project: Project = "", json: Json = False) -> None:
    """List a project's keys, revoked ones included, without their secrets."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        keys = client.get(f"/projects/{project_of(settings, project)}/keys")["items"]
    if json:
        print_json({"items": keys})
        return
    now = datetime.now(UTC)
    rows = [(key["id"], _state(key, now), age(key["created_at"], now), key["name"]) for key in keys]
    print_table(("key", "state", "age", "name"), rows, elastic="name", right=("age",))


def _state(key: dict[str, Any], now: datetime) -> str:
    if key["revoked_at"]:
        return "revoked"
    expires = key["expires_at"]
    return "expired" if expires and datetime.fromisoformat(expires) < now else "valid"


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="mq_…, without what follows the id.", metavar="KEY")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Revoke a key for good: it is refused everywhere within two seconds."""
    from maquette.cli.client import connect, project_of

    settings = load()
    # A whole key may be pasted: its id is its first part, and the secret goes no further.
    key_id = "_".join(key_id.split("_")[:2])
    with connect(settings) as client:
        client.delete(f"/projects/{project_of(settings, project)}/keys/{key_id}")
    if json:
        print_json({"id": key_id, "revoked": True})
    else:
        out().print(f"revoked {key_id}")
