"""Migrations: numbered SQL files, applied in order under one lock, all that are missing in one transaction.

``NNNN_pre_name.sql`` runs before new code starts and must suit the old code; ``NNNN_post_name.sql`` runs once
the old code is gone. A file that was applied never changes: its checksum is kept and compared.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from maquette.domain.errors import Unavailable
from maquette.store import tenancy
from maquette.store.database import Connection

_LOCK = 0x6D617175  # "maqu": any constant that no other program on this database takes
_LEDGER = """
create table if not exists schema_migrations (
    name text not null primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Checksum of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return all shipped migrations in order."""
    folder = files("maquette.store") / "migrations"
    found = [item for item in folder.iterdir() if item.name.endswith(".sql")]
    return [Migration(item.name, item.read_text()) for item in sorted(found, key=lambda item: item.name)]


async def migrate(url: str) -> list[str]:
    """Apply what is missing and return the names; safe to run from several processes at once."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(_LEDGER)
            applied = await _applied(connection)
            _check_unchanged(applied)
            missing = [item for item in migrations() if item.name not in applied]
            for item in missing:
                await connection.execute(item.sql)
                await connection.execute(
                    "insert into schema_migrations (name, sha256) values ($1, $2)", item.name, item.sha256
                )
            await tenancy.establish(connection)
        return [item.name for item in missing]
    finally:
        await connection.close()


async def check(connection: Connection) -> None:
    """Raise ``Unavailable`` unless the database has exactly the migrations of this version."""
    if not await connection.fetchval("select to_regclass('schema_migrations') is not null"):
        raise Unavailable("The database is empty: run `maquette migrate`.")
    applied = await _applied(connection)
    _check_unchanged(applied)
    missing = [item.name for item in migrations() if item.name not in applied]
    if missing:
        raise Unavailable(f"The database lacks {', '.join(missing)}: run `maquette migrate`.")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a database's schema stands to this version: names of files, none when all is well."""

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    edited: tuple[str, ...]


async def standing(connection: Connection) -> Standing:
    """Compare the ledger with the shipped files; an empty database misses all of them."""
    exists = await connection.fetchval("select to_regclass('schema_migrations') is not null")
    applied = await _applied(connection) if exists else {}
    shipped = {item.name: item.sha256 for item in migrations()}
    return Standing(
        tuple(name for name in shipped if name not in applied),
        tuple(sorted(name for name in applied if name not in shipped)),
        tuple(name for name, sha256 in shipped.items() if applied.get(name, sha256) != sha256),
    )


async def _applied(connection: Connection) -> dict[str, str]:
    rows = await connection.fetch("select name, sha256 from schema_migrations")
    return {row["name"]: row["sha256"] for row in rows}


def _check_unchanged(applied: dict[str, str]) -> None:
    for item in migrations():
        if applied.get(item.name, item.sha256) != item.sha256:
            raise Unavailable(
                f"{item.name} was applied with other contents: this database belongs to another version."
            )
