"""A new installation's first project and key."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from maquette.domain import typeid
from maquette.domain.errors import NotFound, Unauthenticated
from maquette.domain.principal import Principal
from maquette.services.ids import new_id
from maquette.services.principals import Authenticator, make_key
from maquette.settings import Settings
from maquette.store import identity
from maquette.store import projects as project_rows
from maquette.store.database import Database

_DEFAULT_PROJECT = "default"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a new installation hands to its owner and its workers."""

    api_key: str
    project_id: str
    worker_token: str


async def provision(settings: Settings) -> Credentials:
    """Make the first project and its operator's key, unless those in the data directory still work.

    A database that was restored without its credentials has projects: the key is made anew then, and nothing else.
    """
    path = settings.data_dir / "credentials.json"
    database = await Database.open(settings.direct_url, connections_max=2)
    try:
        found = await _valid(database, settings, path)
        if found is not None:
            return found
        key = make_key(new_id())
        subject = typeid.encode("usr", new_id())
        async with database.transaction() as connection:
            project = await project_rows.first(connection)
            if project is None:
                project = new_id()
                await project_rows.insert(
                    connection, project, _DEFAULT_PROJECT, subject, settings.open_jobs_max
                )
            await identity.insert_key(
                connection,
                key.id,
                project=None,
                kind="operator",
                name="first key",
                subject=subject,
                secret_hash=key.secret_hash,
                by=subject,
            )
        made = Credentials(key.text, typeid.encode("prj", project), settings.worker_token)
        _write_private(path, json.dumps({"api_key": made.api_key, "project_id": made.project_id}))
        return made
    finally:
        await database.close()


async def _valid(database: Database, settings: Settings, path: Path) -> Credentials | None:
    """Return the kept credentials when this database knows them."""
    try:
        kept = dict(json.loads(path.read_bytes()))  # noqa: ASYNC240 - a start-up read of 100 bytes
        principal: Principal = await Authenticator(database, settings.worker_token).authenticate(
            kept["api_key"]
        )
        principal.require_project(typeid.decode("prj", kept["project_id"]))
        async with database.connection() as connection:
            project = await project_rows.context(connection, typeid.decode("prj", kept["project_id"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError, Unauthenticated, NotFound):
        return None
    if project is None:
        return None
    return Credentials(kept["api_key"], kept["project_id"], settings.worker_token)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    staging.replace(path)
