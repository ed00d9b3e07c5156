"""``maquette asset``: the library."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from maquette.cli.output import CommandError, age, err, print_fields, print_json, print_table
from maquette.settings import load

app = typer.Typer(help="Look into the library and take files out of it.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
AssetId = Annotated[str, typer.Argument(help="ast_…", metavar="ASSET")]
Version = Annotated[int | None, typer.Option(min=1, help="Default: the latest.")]


@app.command("list")
def list_assets(
    project: Annotated[str, typer.Option(help="Default: MAQUETTE_PROJECT_ID or the first one.")] = "",
    asset_type: Annotated[str, typer.Option("--type", help="3D or 2D.")] = "",
    path: Annotated[str, typer.Option(help="Library path that the asset's begins with.")] = "",
    text: Annotated[str, typer.Option(help="Words to find.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    json: Json = False,
) -> None:
    """List assets, newest first."""
    from maquette.cli.client import connect, project_of

    settings = load()
    project = project_of(settings, project)
    with connect(settings) as client:
        assets = list(client.pages(f"/projects/{project}/assets", limit, type=asset_type, path=path, q=text))
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
        ("asset", "type", "version", "status", "age", "library path"),
        rows,
        elastic="library path",
        right=("age", "version"),
    )


@app.command()
def show(asset_id: AssetId, version: Version = None, json: Json = False) -> None:
    """Show an asset, its files and where it came from."""
    from maquette.cli.client import connect
    from maquette.cli.files import print_files

    with connect(load()) as client:
        asset = client.get(_address(asset_id, version))
    if json:
        print_json(asset)
        return
    metadata, lineage = asset.get("metadata") or {}, asset.get("lineage") or {}
    print_fields(
        [
            ("asset", asset["id"]),
            ("library path", f"{asset['library_path']}  v{asset['version']}  ({asset['status']})"),
            ("brief", lineage.get("prompt")),
            ("job", lineage.get("job_id")),
            ("polygons", metadata.get("poly_count")),
            ("clips", ", ".join(str(clip.get("name", clip)) for clip in metadata.get("clips") or [])),
        ]
    )
    print_files(asset["files"])


@app.command()
def pull(
    asset_id: AssetId,
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory for the files.")] = Path(),
    version: Version = None,
    role: Annotated[list[str] | None, typer.Option(help="Only files of this role; may be repeated.")] = None,
    json: Json = False,
) -> None:
    """Download an asset's files, each verified by its sha256."""
    from maquette.cli.client import connect
    from maquette.cli.files import print_files, save_files

    with connect(load()) as client:
        asset = client.get(_address(asset_id, version))
        files = [item for item in asset["files"] if not role or item["role"] in role]
        if not files:
            roles = ", ".join(sorted({item["role"] for item in asset["files"]}))
            raise CommandError(
                f"The asset has no file of role {' or '.join(role or [])}.", f"It has: {roles}."
            )
        paths = save_files(client, files, output)
    if json:
        print_json(
            {"asset_id": asset["id"], "version": asset["version"], "files": [str(path) for path in paths]}
        )
        return
    print_files(files)
    err().print(f"[dim]saved in[/dim] {output.resolve()}")


def _address(asset_id: str, version: int | None) -> str:
    return f"/assets/{asset_id}" if version is None else f"/assets/{asset_id}/versions/{version}"
