"""The database of an installation, whoever runs it: for commands that work beside `maquette up`, or without it."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maquette.settings import Settings
from maquette.supervisor import cluster as clusters
from maquette.supervisor.errors import AlreadyRunningError, SupervisorError
from maquette.supervisor.postgres import EmbeddedPostgres


@contextmanager
def with_database(settings: Settings) -> Iterator[Settings]:
    """Give settings whose database can be reached: one of your own, that of a running `up`, or else started for this."""
    if settings.database_url:
        yield settings
        return
    home = settings.data_dir / "postgres"
    if not (home / "cluster").exists():
        raise SupervisorError(
            f"There is no installation in {settings.data_dir}. Choose its directory with MAQUETTE_DATA_DIR, or set "
            f"MAQUETTE_DATABASE_URL."
        )
    server = EmbeddedPostgres(home)
    try:
        server.start()
    except AlreadyRunningError:
        yield _reached(settings, running_url(home))
        return
    try:
        yield _reached(settings, server.url)
    finally:
        server.stop()


def running_url(home: Path) -> str:
    """Return the address of the embedded server that runs on ``home``: a secret."""
    try:
        password = (home / "password").read_text(encoding="ascii").strip()
        lines = (home / "cluster" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise SupervisorError(f"The database in {home} is starting or stopping. Try again.") from None
    except PermissionError as error:
        raise SupervisorError(
            f"{error.filename} belongs to another user: run this as the one that runs `maquette up`."
        ) from None
    if len(lines) < 8 or lines[7].strip() != "ready":
        raise SupervisorError(f"The database in {home} is starting or stopping. Try again.")
    return clusters.address(password, int(lines[3]))


def _reached(settings: Settings, url: str) -> Settings:
    return dataclasses.replace(settings, database_url=url, database_direct_url="")
