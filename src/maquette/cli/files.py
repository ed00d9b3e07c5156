"""Files between the API and this machine: saved whole and verified, or brought as uploads."""

import hashlib
import mimetypes
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from maquette.cli.client import Client
from maquette.cli.output import CommandError, print_table

#: What an upload's name cannot have.
_UNUSABLE = re.compile(r"[^A-Za-z0-9._-]+")
#: What the standard library's table of file names lacks.
_MEDIA_TYPES = {
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".webp": "image/webp",
    ".fbx": "application/octet-stream",
}
_WHY = {
    "awaiting": "Nobody has said yet that it may be seen; try again later.",
    "blocked": "The content policy took it away; see maquette safety decisions.",
    None: "The project's retention has taken it.",
}


def save_files(
    client: Client,
    files: Iterable[Mapping[str, Any]],
    directory: Path,
    *,
    resume: bool = False,
    saved: Callable[[Path], None] = lambda _path: None,
) -> list[Path]:
    """Download files into ``directory`` (made when absent), each verified by its sha256.

    With ``resume`` a file that is there already is not fetched again, and half a file is gone on with.
    """
    make_directory(directory)
    paths = []
    for item in files:
        name = item["name"]
        if Path(name).name != name or name in {"", ".", ".."} or not name.isprintable():
            raise CommandError(f"The library has a file with the unusable name {name!r}.")
        path = directory / name
        kept = path.with_name(f".{name}.{item['sha256'][:12]}.part") if resume else None
        if item["url"] is None:
            raise CommandError(f"{name} cannot be read.", _WHY[item.get("withheld")])
        if not (resume and _is(path, item["sha256"])):
            client.download(item["url"], path, item["sha256"], kept=kept)
        saved(path)
        paths.append(path)
    return paths


def make_directory(directory: Path) -> None:
    """Make a directory for output unless it exists."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"{directory} cannot be made: {error.strerror}.", "Choose another --output."
        ) from None


def inside(directory: Path, library_path: str) -> Path:
    """Return where an asset's folder lies below ``directory``; an error for a path that leads elsewhere."""
    parts = PurePosixPath(library_path).parts
    if not parts or {"..", "/", "."} & set(parts) or "\\" in library_path or not library_path.isprintable():
        raise CommandError(f"The library has an asset at the unusable path {library_path!r}.")
    return directory.joinpath(*parts)


def _is(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def upload(client: Client, project_id: str, path: Path) -> str:
    """Bring a file as an upload and return its id."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    guessed = _MEDIA_TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
    body = {
        "project_id": project_id,
        "name": _UNUSABLE.sub("-", path.name).lstrip(".-")[-120:] or "file",
        "media_type": guessed or "application/octet-stream",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    grant = client.post("/uploads", body)
    client.upload(grant["url"], grant.get("headers", {}), content)
    return str(grant["id"])


def print_files(files: Iterable[Mapping[str, Any]]) -> None:
    """Show files as a table."""
    rows = [
        (item["name"], item["role"], item["media_type"], f"{item['bytes']:,}", item["sha256"][:12])
        for item in files
    ]
    print_table(
        ("name", "role", "media type", "bytes", "sha256"), rows, elastic="media type", right=("bytes",)
    )
