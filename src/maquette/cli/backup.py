"""``maquette backup`` and ``maquette restore``."""

import dataclasses
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from maquette.cli.arguments import Json
from maquette.cli.output import CommandError, err, print_fields, print_json
from maquette.cli.serving import database_errors
from maquette.settings import Settings, load

if TYPE_CHECKING:
    from maquette.services.backup import Progress
    from maquette.services.backup_folder import Folder, Manifest

_PACKED = (".tar",)
_STAGING = ".restoring"
_NAME_IT = "Name the folder or the FILE.tar."
T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command(rich_help_panel="Run")(backup)
    app.command(rich_help_panel="Run")(restore)


def backup(
    target: Annotated[
        Path,
        typer.Argument(help="A folder, new or of an earlier backup; or FILE.tar.", metavar="DIR|FILE.tar"),
    ],
    files: Annotated[
        bool, typer.Option("--files/--no-files", help="With the files, or the database alone.")
    ] = True,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="With keys and credentials: whoever has them can do everything.")
    ] = False,
    json: Json = False,
) -> None:
    """Back up a running installation, or one that is stopped. Into the same folder again, only what is new is copied."""
    import asyncio

    from maquette.services import backup as backups
    from maquette.services.backup_folder import Folder
    from maquette.store.database import Database
    from maquette.supervisor import dump
    from maquette.supervisor.access import with_database
    from maquette.supervisor.data_dir import SECRET_FILES, with_secrets
    from maquette.wiring.stores import open_objects

    with with_database(load()) as found, database_errors(found), _packed(target) as root, _progress() as show:
        settings = with_secrets(found)
        paths = [settings.data_dir / name for name in SECRET_FILES] if secrets else []

        async def run() -> "Manifest":
            database = await Database.open(settings.direct_url, connections_max=3)
            try:
                return await backups.take(
                    database,
                    open_objects(settings) if files else None,
                    Folder(root),
                    dump=lambda path, snapshot, version: dump.dump(
                        settings.direct_url, path, snapshot=snapshot, server_version=version
                    ),
                    secrets={path.name: path.read_bytes() for path in paths if path.exists()},
                    show=show,
                )
            finally:
                await database.close()

        manifest = asyncio.run(run())
    _tell(manifest, target, json=json)


def restore(
    source: Annotated[Path, typer.Argument(help="What `backup` made.", metavar="DIR|FILE.tar")],
    keep_webhooks: Annotated[
        bool,
        typer.Option(
            "--keep-webhooks",
            help="Go on sending to webhooks: when this takes the old installation's place. Default: disable them.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Restore a backup into MAQUETTE_DATA_DIR, which must be empty (and MAQUETTE_DATABASE_URL, where it is set)."""
    from maquette.services import backup as backups
    from maquette.services.backup_folder import Folder

    settings = load()
    there = list(settings.data_dir.iterdir()) if settings.data_dir.exists() else []
    if any(path.name != _STAGING for path in there):
        raise CommandError(
            f"{settings.data_dir} is not empty: nothing is ever overwritten.",
            "Choose another directory with MAQUETTE_DATA_DIR, or move this one away.",
        )
    with _unpacked(source) as root, database_errors(settings), _staged(settings.data_dir) as staging:
        folder = Folder(root)
        manifest = backups.readable(folder)
        staged = dataclasses.replace(settings, data_dir=staging, signing_key="unused while restoring")
        for name in manifest.secrets:
            folder_file = folder.root / "secrets" / name
            Folder(staging).write_private(name, folder_file.read_bytes())
        with _progress() as show:
            disabled = _restore(staged, folder, manifest, show, keep_webhooks=keep_webhooks)
    _tell(manifest, settings.data_dir, json=json, webhooks_disabled=disabled)
    if not json:
        if disabled:
            count = "1 webhook is" if disabled == 1 else f"{disabled:,} webhooks are"
            err().print(
                f"[yellow]{count} disabled, so that no receiver hears of the same jobs from two installations.[/yellow]\n"
                "[dim]Where this one takes the old one's place: maquette webhook enable WEBHOOK, or restore with "
                "--keep-webhooks.[/dim]"
            )
        advice = (
            "`maquette up` starts it."
            if not settings.database_url
            else "`maquette serve` and `maintain` run it."
        )
        err().print(f"[dim]Jobs that ran then start their step anew. {advice}[/dim]")
        if manifest.listing is None:
            err().print(
                "[yellow]This backup has no files: `maquette integrity` lists what is missing.[/yellow]"
            )


def _restore(
    settings: Settings,
    folder: "Folder",
    manifest: "Manifest",
    show: "Callable[[Progress], None]",
    *,
    keep_webhooks: bool,
) -> int:
    """Objects first, the database last: it is what says that there is something. Return the webhooks disabled."""
    import asyncio

    from maquette.services import backup as backups
    from maquette.store.database import Database
    from maquette.supervisor import dump
    from maquette.supervisor.postgres import EmbeddedPostgres
    from maquette.wiring.stores import open_objects

    async def with_open(url: str, step: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
        database = await Database.open(url, connections_max=2)
        try:
            return await step(database)
        finally:
            await database.close()

    def fill(url: str) -> int:
        asyncio.run(with_open(url, backups.require_empty))
        asyncio.run(backups.put_objects(folder, manifest, open_objects(settings), show))
        dump.restore(url, folder.root / manifest.database.name, server_version=manifest.server_version)
        return asyncio.run(
            with_open(url, lambda database: backups.settle(database, manifest, keep_webhooks=keep_webhooks))
        )

    if settings.database_url:
        return fill(settings.direct_url)
    with EmbeddedPostgres(settings.data_dir / "postgres") as server:
        return fill(server.url)


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """Give a folder in the directory whose contents become the directory's when all went well, and go when not.

    In it, not beside it: it may be a mounted volume. The database moves last; before, there is nothing to run.
    """
    made = not target.exists()
    staging = target / _STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700, parents=True)
    try:
        target.chmod(0o700)
        yield staging
        for path in sorted(staging.iterdir(), key=lambda path: path.name == "postgres"):
            path.replace(target / path.name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if made and not any(target.iterdir()):
            target.rmdir()


@contextmanager
def _packed(target: Path) -> Iterator[Path]:
    """Give the folder to back up into; for a FILE.tar one beside it, which is packed at the end."""
    if target.suffix not in _PACKED:
        yield target
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        yield Path(folder)
        part = target.with_name(f".{target.name}.part")
        part.touch(mode=0o600)
        with tarfile.open(part, "w") as archive:
            archive.add(folder, arcname=target.stem)
        part.replace(target)


@contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    """Give the folder of a backup; a FILE.tar is unpacked beside it for as long."""
    if source.is_dir():
        yield source
        return
    try:
        archive = tarfile.open(source)  # noqa: SIM115 - closed below; only opening tells what it is
    except (OSError, tarfile.TarError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandError(f"{source} is no backup: {reason}.", _NAME_IT) from None
    with archive, tempfile.TemporaryDirectory(dir=source.parent, prefix=f".{source.name}-") as folder:
        _extract(archive, Path(folder), source)
        roots = list(Path(folder).iterdir())
        if len(roots) != 1:
            raise CommandError(f"{source} is no backup: it holds {len(roots)} folders.", _NAME_IT)
        yield roots[0]


def _extract(archive: tarfile.TarFile, folder: Path, source: Path) -> None:
    """Unpack files and folders that stay inside of ``folder``, and refuse anything else.

    By hand, because Python 3.11 learned to extract with a filter only in its fourth patch.
    """
    for member in archive:
        parts = PurePosixPath(member.name).parts
        if not parts or parts[0] == "/" or ".." in parts or not (member.isfile() or member.isdir()):
            raise CommandError(f"{source} is no backup: it holds {member.name!r}.", _NAME_IT)
        target = folder.joinpath(*parts)
        if member.isdir():
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = archive.extractfile(member)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            if content is not None:
                shutil.copyfileobj(content, file)


@contextmanager
def _progress() -> "Iterator[Callable[[Progress], None]]":
    """Show a bar of bytes on a terminal, nothing elsewhere."""
    if not err().is_terminal:
        yield lambda _progress: None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, console=err(), transient=True) as bar:
        task = bar.add_task("database", total=None)

        def show(progress: "Progress") -> None:
            bar.update(
                task,
                description=f"{progress.objects:,} of {progress.objects_total:,} files",
                completed=progress.bytes,
                total=progress.bytes_total,
            )

        yield show


def _tell(manifest: "Manifest", place: Path, *, json: bool, **more: int) -> None:
    if json:
        print_json({"path": str(place), **dataclasses.asdict(manifest), **more})
        return
    counts = manifest.counts
    print_fields(
        [
            ("path", place),
            ("made", f"{manifest.created_at} by Maquette {manifest.maquette}"),
            (
                "database",
                f"{manifest.database.bytes:,} bytes: {counts['jobs']:,} jobs, {counts['assets']:,} assets",
            ),
            (
                "files",
                "none"
                if manifest.listing is None
                else f"{manifest.objects:,} of {manifest.object_bytes:,} bytes",
            ),
            ("secrets", ", ".join(manifest.secrets) or "none: new ones are made after a restore"),
        ]
    )
