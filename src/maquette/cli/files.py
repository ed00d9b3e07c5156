"""Saving an asset's files."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from maquette.cli.client import Client
from maquette.cli.output import CommandError, print_table


def save_files(
    client: Client,
    files: Iterable[Mapping[str, Any]],
    directory: Path,
    *,
    saved: Callable[[Path], None] = lambda _path: None,
) -> list[Path]:
    """Download files into ``directory`` (made when absent), each verified by its sha256."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"{directory} cannot be made: {error.strerror}.", "Choose another --output."
        ) from None
    paths = []
    for item in files:
        name = item["name"]
        if Path(name).name != name or name in {"", ".", ".."}:
            raise CommandError(f"The library has a file with the unusable name {name!r}.")
        path = directory / name
        client.download(item["url"], path, item["sha256"])
        saved(path)
        paths.append(path)
    return paths


def print_files(files: Iterable[Mapping[str, Any]]) -> None:
    """Show files as a table."""
    rows = [
        (item["name"], item["role"], item["media_type"], f"{item['bytes']:,}", item["sha256"][:12])
        for item in files
    ]
    print_table(
        ("name", "role", "media type", "bytes", "sha256"), rows, elastic="media type", right=("bytes",)
    )
