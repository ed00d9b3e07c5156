"""Taking a whole folder of the library: each asset in a folder of its own, and a manifest of all."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from maquette.cli.client import Client
from maquette.cli.files import inside, make_directory, save_files
from maquette.cli.output import CommandError, err, print_json, print_table

MANIFEST = "manifest.json"
_ASSETS_MAX = 100_000

Entry = dict[str, Any]


def pull_path(
    client: Client,
    project_id: str,
    path: str,
    output: Path,
    *,
    version: str,
    roles: list[str] | None,
    as_json: bool,
) -> None:
    """Save every asset at or below a library path. A second run fetches only what is missing or changed."""
    folder = path.strip("/")
    found = list(client.pages(f"/projects/{project_id}/assets", _ASSETS_MAX, path=folder))
    if not found:
        raise CommandError(f"The library has nothing at {path!r}.", "See maquette asset list")
    make_directory(output)
    entries: list[Entry] = []
    skipped: list[str] = []
    with err().status("") as status:
        for at, listed in enumerate(sorted(found, key=lambda item: item["library_path"]), 1):
            status.update(f"{at} of {len(found)}  {listed['library_path']}")
            # Read again, one by one: signed links end before the last of many assets has come.
            asset = find(client, listed["id"], "latest" if version == "approved" else version)
            if version == "approved":
                accepted = approved(client, asset)
                if accepted is None:
                    skipped.append(listed["library_path"])
                    continue
                asset = accepted
            files = [item for item in asset["files"] if not roles or item["role"] in roles]
            home = inside(output, asset["library_path"])
            paths = save_files(client, files, home, resume=True)
            entries.append(_entry(asset, files, paths, output))
    manifest = {
        "project_id": project_id,
        "path": folder,
        "version": version,
        "pulled_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "assets": entries,
    }
    _write(output / MANIFEST, manifest)
    if as_json:
        print_json(manifest)
        return
    _print(entries, skipped, output)


def _entry(asset: Entry, files: list[Entry], paths: list[Path], output: Path) -> Entry:
    return {
        "asset_id": asset["id"],
        "library_path": asset["library_path"],
        "version": asset["version"],
        "status": asset["status"],
        "files": [
            {
                "path": path.relative_to(output).as_posix(),
                **{name: file[name] for name in ("role", "media_type", "bytes", "sha256")},
            }
            for file, path in zip(files, paths, strict=True)
        ],
    }


def _write(path: Path, manifest: Entry) -> None:
    """Replace the manifest in one go."""
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    staging.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    staging.replace(path)


def _print(entries: list[Entry], skipped: list[str], output: Path) -> None:
    rows = [
        (
            f"v{entry['version']}",
            entry["status"],
            len(entry["files"]),
            f"{sum(file['bytes'] for file in entry['files']):,}",
            entry["library_path"],
        )
        for entry in entries
    ]
    print_table(
        ("ver", "status", "files", "bytes", "library path"),
        rows,
        elastic="library path",
        right=("ver", "files", "bytes"),
    )
    for path in skipped:
        err().print(f"[yellow]left out:[/yellow] {path} has no approved version")
    err().print(
        f"[dim]{len(entries)} {'asset' if len(entries) == 1 else 'assets'} saved in[/dim] {output.resolve()} [dim](see {MANIFEST})[/dim]"
    )


def find(client: Client, asset_id: str, version: str) -> dict[str, Any]:
    """Return an asset at a version: a number, ``latest``, or the newest one that was approved."""
    if version == "approved":
        latest = client.get(f"/assets/{asset_id}")
        if (found := approved(client, latest)) is None:
            raise CommandError(f"{latest['library_path']} has no approved version.", "Take --version latest.")
        return found
    if version != "latest" and not version.isdecimal():
        raise CommandError(f"{version!r} is no version.", "Say a number, latest or approved.")
    address = f"/assets/{asset_id}" if version == "latest" else f"/assets/{asset_id}/versions/{version}"
    return dict(client.get(address))


def approved(client: Client, asset: dict[str, Any]) -> dict[str, Any] | None:
    """Return the newest approved version up to the given one; None when there is none."""
    while asset["status"] != "approved":
        if asset["version"] == 1:
            return None
        asset = client.get(f"/assets/{asset['id']}/versions/{asset['version'] - 1}")
    return asset
