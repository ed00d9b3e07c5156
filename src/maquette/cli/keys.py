"""``maquette key``: API keys of a project, or with --operator of those who run it all; ``maquette worker-token``."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import typer

from maquette.cli.arguments import Json, Limit, Project
from maquette.cli.output import CommandError, age, err, out, print_fields, print_json, print_table
from maquette.settings import Settings, load

app = typer.Typer(help="API keys.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens of workers (operators).", no_args_is_help=True)

#: As the domain has them, whose import would cost `--help` a tenth of its time.
RoleName = Literal["viewer", "artist", "reviewer", "owner"]
_Name = Annotated[str, typer.Argument(help="Whose or what for.")]
_Days = Annotated[int | None, typer.Option(min=1, max=36_500, help="Valid for so long; default: for good.")]
_Operator = Annotated[bool, typer.Option("--operator", help="A key of an operator, who has every project.")]
_Key = Annotated[str, typer.Argument(help="mq_…, without what follows the id.", metavar="KEY")]
_Overlap = Annotated[
    int | None,
    typer.Option(
        "--overlap", min=0, max=2_592_000, help="Seconds that the old secret stays valid; default: a day."
    ),
]


@app.command("create")
def create(
    name: _Name,
    role: Annotated[RoleName | None, typer.Option(help="What it is in the project; default: artist.")] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="Narrow it, such as jobs:read; may be repeated.")
    ] = None,
    days: _Days = None,
    operator: _Operator = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Create an API key. It is shown this once: the database holds only its hash."""
    if operator and role is not None:
        raise CommandError("An operator has no role.", "Give --role or --operator, not both.")
    body = {"name": name, "role": role, "scopes": scope or None, **_expiry(days)}
    settings = load()
    _made(settings, _ring(settings, project, operator=operator), body, json=json)


@app.command("list")
def list_keys(
    limit: Limit = 100, operator: _Operator = False, project: Project = "", json: Json = False
) -> None:
    """List keys, newest first, revoked ones included, without their secrets."""
    settings = load()
    keys = _listed(settings, _ring(settings, project, operator=operator), limit)
    if json:
        print_json({"items": keys})
        return
    now = datetime.now(UTC)
    rows = [
        (
            key["id"],
            _state(key, now),
            key["role"] or "operator",
            ", ".join(key["scopes"] or ["all"]),
            age(key["created_at"], now),
            age(key["last_used_at"], now) if key["last_used_at"] else "never",
            key["name"],
        )
        for key in keys
    ]
    print_table(
        ("key", "state", "role", "scopes", "age", "used", "name"), rows, elastic="name", right=("age", "used")
    )


@app.command("rotate")
def rotate(
    key_id: _Key,
    overlap: _Overlap = None,
    operator: _Operator = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Give a key its next secret, shown this once; the old one stays valid until the overlap ends."""
    settings = load()
    _rotated(settings, _ring(settings, project, operator=operator), key_id, overlap, json=json)


@app.command("revoke")
def revoke(key_id: _Key, operator: _Operator = False, project: Project = "", json: Json = False) -> None:
    """Revoke a key for good: it is refused everywhere within two seconds."""
    settings = load()
    _revoked(settings, _ring(settings, project, operator=operator), key_id, json=json)


@token_app.command("create")
def create_token(
    name: _Name,
    service: Annotated[
        list[str] | None, typer.Option(help="A service it is for; may be repeated; default: all.")
    ] = None,
    days: _Days = None,
    json: Json = False,
) -> None:
    """Create a token for workers of some services. Give it to them as MAQUETTE_WORKER_TOKEN."""
    _made(load(), "/worker-tokens", {"name": name, "services": service or None, **_expiry(days)}, json=json)


@token_app.command("list")
def list_tokens(limit: Limit = 100, json: Json = False) -> None:
    """List tokens of workers, newest first, revoked ones included."""
    tokens = _listed(load(), "/worker-tokens", limit)
    if json:
        print_json({"items": tokens})
        return
    now = datetime.now(UTC)
    rows = [
        (
            token["id"],
            _state(token, now),
            ", ".join(token["services"] or ["all"]),
            age(token["created_at"], now),
            age(token["last_used_at"], now) if token["last_used_at"] else "never",
            token["name"],
        )
        for token in tokens
    ]
    print_table(
        ("token", "state", "services", "age", "used", "name"), rows, elastic="name", right=("age", "used")
    )


@token_app.command("rotate")
def rotate_token(key_id: _Key, overlap: _Overlap = None, json: Json = False) -> None:
    """Give a token its next secret, shown this once; the old one stays valid until the overlap ends."""
    _rotated(load(), "/worker-tokens", key_id, overlap, json=json)


@token_app.command("revoke")
def revoke_token(key_id: _Key, json: Json = False) -> None:
    """Revoke a token for good: its workers are refused within two seconds, their tasks go to others."""
    _revoked(load(), "/worker-tokens", key_id, json=json)


def _ring(settings: Settings, project: str, *, operator: bool) -> str:
    from maquette.cli.client import project_of

    return "/operators/keys" if operator else f"/projects/{project_of(settings, project)}/keys"


def _expiry(days: int | None) -> dict[str, Any]:
    if days is None:
        return {}
    return {"expires_at": (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")}


def _made(settings: Settings, ring: str, body: dict[str, Any], *, json: bool) -> None:
    from maquette.cli.client import connect

    with connect(settings) as client:
        _show(
            client.post(ring, {name: value for name, value in body.items() if value is not None}), json=json
        )


def _listed(settings: Settings, ring: str, limit: int) -> list[dict[str, Any]]:
    from maquette.cli.client import connect

    with connect(settings) as client:
        return list(client.pages(ring, limit))


def _rotated(settings: Settings, ring: str, key_id: str, overlap: int | None, *, json: bool) -> None:
    from maquette.cli.client import connect

    with connect(settings) as client:
        body = {} if overlap is None else {"overlap_seconds": overlap}
        _show(client.post(f"{ring}/{_id_of(key_id)}/rotate", body), json=json)


def _revoked(settings: Settings, ring: str, key_id: str, *, json: bool) -> None:
    from maquette.cli.client import connect

    with connect(settings) as client:
        client.delete(f"{ring}/{_id_of(key_id)}")
    if json:
        print_json({"id": _id_of(key_id), "revoked": True})
    else:
        out().print(f"revoked {_id_of(key_id)}")


def _id_of(key: str) -> str:
    """Return the id in what may be a whole key: its id is its first part, and the secret goes no further."""
    return "_".join(key.split("_")[:2])


def _show(key: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(key)
        return
    shown = {
        name: ", ".join(value) if isinstance(value, list) else value
        for name, value in key.items()
        if value is not None
    }
    print_fields(shown.items())
    err().print("[dim]Keep it now; it cannot be shown again.[/dim]")


def _state(key: dict[str, Any], now: datetime) -> str:
    if key["revoked_at"]:
        return "revoked"
    expires = key["expires_at"]
    return "expired" if expires and datetime.fromisoformat(expires) < now else "valid"
