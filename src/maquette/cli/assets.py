"""``maquette asset``: the library."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from maquette.cli import complete
from maquette.cli.arguments import Json, Limit, Project
from maquette.cli.output import CommandError, age, err, out, print_fields, print_json, print_table
from maquette.settings import load

if TYPE_CHECKING:
    pass

app = typer.Typer(help="Look into the library and take files out of it.", no_args_is_help=True)

AssetId = Annotated[str, typer.Argument(help="ast_…", metavar="ASSET", autocompletion=complete.assets)]
Version = Annotated[
    str, typer.Option(help="A number, `latest`, or `approved`: the newest version with that status.")
]
Role = Annotated[list[str] | None, typer.Option(help="Only files of this role; may be repeated.")]


@app.command("list")
def list_assets(
    project: Project = "",
    asset_type: Annotated[
        Literal["2D", "3D"] | None, typer.Option("--type", case_sensitive=False, help="Only of this type.")
    ] = None,
    path: Annotated[str, typer.Option(help="A library path, or a folder of it.")] = "",
    text: Annotated[str, typer.Option(help="Words of path or brief; all must occur.")] = "",
    status: Annotated[str, typer.Option(help="Only in this status: draft, approved.")] = "",
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List assets, newest first."""
    from maquette.cli.client import connect, project_of

    settings = load()
    project = project_of(settings, project)
    with connect(settings) as client:
        found = client.pages(
            f"/projects/{project}/assets", limit, type=asset_type, path=path.strip("/"), q=text
        )
        assets = [asset for asset in found if not status or asset["status"] == status]
    if json:
        print_json({"items": assets})
        return
    now = datetime.now(UTC)
    rows = [
        (
            asset["id"],
            asset["type"],
            f"v{asset['version']}",
            asset["status"],
            age(asset["created_at"], now),
            asset["library_path"],
        )
        for asset in assets
    ]
    print_table(
        ("asset", "type", "ver", "status", "age", "library path"),
        rows,
        elastic="library path",
        right=("age", "ver"),
    )


@app.command()
def show(asset_id: AssetId, version: Version = "latest", json: Json = False) -> None:
    """Show an asset: its files, its versions and where it came from."""
    from maquette.cli.client import connect
    from maquette.cli.files import print_files
    from maquette.cli.pulling import find

    with connect(load()) as client:
        asset = find(client, asset_id, version)
        if json:
            print_json(asset)
            return
        latest = asset.get("latest_version", asset["version"])
        others = [client.get(f"/assets/{asset_id}/versions/{number}") for number in _newest(latest)]
    metadata, lineage = asset.get("metadata") or {}, asset.get("lineage") or {}
    print_fields(
        [
            ("asset", asset["id"]),
            ("library path", f"{asset['library_path']}  v{asset['version']}  ({asset['status']})"),
            ("brief", lineage.get("prompt")),
            ("job", lineage.get("job_id")),
            ("style", f"version {lineage['style_version']}" if lineage.get("style_version") else ""),
            ("polygons", metadata.get("poly_count")),
            ("bones", len((metadata.get("armature") or {}).get("bones") or []) or None),
            ("clips", ", ".join(str(clip.get("name", clip)) for clip in metadata.get("clips") or [])),
        ]
    )
    _print_lineage(lineage)
    out().print()
    print_files(asset["files"])
    if latest > 1:
        _print_versions(others, asset["version"])


def _print_lineage(lineage: dict[str, Any]) -> None:
    """Show which service and model did each step, and from which seed."""
    services, seeds, models = (lineage.get(name) or {} for name in ("services", "seeds", "models"))
    rows = [(step, services[step], _model(models.get(step)), seeds.get(step, "")) for step in services]
    if rows:
        out().print()
        print_table(("step", "service", "model", "seed"), rows, elastic="model", right=("seed",))


def _model(model: Any) -> str:
    return (
        f"{model.get('name', '')} {model.get('version', '')}".strip()
        if isinstance(model, dict)
        else str(model or "")
    )


def _newest(latest: int, count: int = 10) -> range:
    return range(latest, max(0, latest - count), -1) if latest > 1 else range(0)


def _print_versions(versions: list[dict[str, Any]], shown: int) -> None:
    now = datetime.now(UTC)
    rows = [
        (
            f"v{item['version']}",
            item["status"],
            age(item["created_at"], now),
            (item.get("lineage") or {}).get("job_id", ""),
            "shown" if item["version"] == shown else "",
        )
        for item in versions
    ]
    print_table(("ver", "status", "age", "job", ""), rows, elastic="job", right=("ver", "age"))


@app.command()
def pull(
    target: Annotated[
        str,
        typer.Argument(
            help="ast_…, or a library path: characters/ takes all below it.",
            metavar="ASSET|PATH",
            autocompletion=complete.assets,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory for the files.")] = Path(),
    version: Version = "latest",
    role: Role = None,
    project: Project = "",
    json: Json = False,
) -> None:
    """Download files of an asset, or of every asset below a path; verified, and gone on with after a break.

    Below a path each asset gets a folder of its own, and manifest.json says what is where.
    """
    from maquette.cli.client import connect, project_of
    from maquette.cli.files import print_files, save_files
    from maquette.cli.pulling import find, pull_path

    settings = load()
    with connect(settings) as client:
        if not target.startswith("ast_"):
            pull_path(
                client,
                project_of(settings, project),
                target,
                output,
                version=version,
                roles=role,
                as_json=json,
            )
            return
        asset = find(client, target, version)
        files = [item for item in asset["files"] if not role or item["role"] in role]
        if not files:
            roles = ", ".join(sorted({item["role"] for item in asset["files"]}))
            raise CommandError(
                f"The asset has no file of role {' or '.join(role or [])}.", f"It has: {roles}."
            )
        paths = save_files(client, files, output, resume=True)
    if json:
        print_json(
            {"asset_id": asset["id"], "version": asset["version"], "files": [str(path) for path in paths]}
        )
        return
    print_files(files)
    err().print(f"[dim]saved in[/dim] {output.resolve()}")
