"""Who may ask: keys, members, and people whom issuers of OpenID know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from maquette.domain.credentials import Credential
from maquette.domain.permissions import Kind, Role
from maquette.store.database import Connection, statements
from maquette.store.paging import NEWEST

_SQL = statements("identity")


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key without its secrets, which nobody has."""

    id: UUID
    project_id: UUID | None
    name: str
    subject: str
    role: Role
    scopes: Sequence[str] | None
    services: Sequence[str] | None
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    previous_until: datetime | None


@dataclass(frozen=True, slots=True)
class Person:
    """Whom an issuer vouched for, and when last."""

    subject: str
    issuer: str
    external_id: str
    """What the issuer calls the person."""
    email: str | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Member:
    """A subject's role in a project; ``person`` is known when an issuer, or who invited, has said."""

    project_id: UUID
    subject: str
    role: Role
    added_at: datetime
    added_by: str
    person: Person | None


async def insert_key(
    connection: Connection,
    key: UUID,
    *,
    project: UUID | None,
    kind: Kind,
    name: str,
    subject: str,
    secret_hash: bytes,
    by: str,
    role: Role = Role.OWNER,
    scopes: Sequence[str] | None = None,
    services: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> None:
    """Insert a key's hash. An operator's or worker's key has no project, and its role means nothing."""
    await connection.execute(
        _SQL["insert_key"],
        key,
        project,
        kind,
        name,
        subject,
        secret_hash,
        role,
        scopes,
        services,
        by,
        expires_at,
    )


async def credential(connection: Connection, key: UUID) -> tuple[Credential, datetime] | None:
    """Return what an unrevoked key stands for, and the database's time; whether it has ended is for the caller."""
    row = await connection.fetchrow(_SQL["credential"], key)
    if row is None:
        return None
    fields = dict(row)
    now = fields.pop("now")
    return Credential(**{**fields, "role": Role(row["role"])}), now


def _key(row: Mapping[str, object]) -> KeyRow:
    fields = dict(row)
    return KeyRow(**{**fields, "role": Role(str(fields["role"]))})  # type: ignore[arg-type]  # a driver's row


async def keys(
    connection: Connection, kind: Kind, project: UUID | None, *, before: UUID | None, limit: int
) -> list[KeyRow]:
    """Return up to ``limit`` keys of a kind and project, newest first, revoked ones included."""
    return [_key(row) for row in await connection.fetch(_SQL["keys"], kind, project, before or NEWEST, limit)]


async def key(connection: Connection, key_id: UUID, kind: Kind, project: UUID | None) -> KeyRow | None:
    """Return one key of a kind and project."""
    row = await connection.fetchrow(_SQL["key"], key_id, kind, project)
    return None if row is None else _key(row)


async def lock_key(connection: Connection, key_id: UUID, kind: Kind, project: UUID | None) -> bool:
    """Lock a live key; False when there is none."""
    return await connection.fetchval(_SQL["lock_key"], key_id, kind, project) is not None


async def live_keys(connection: Connection, kind: Kind, project: UUID | None) -> set[UUID]:
    """Lock and return the live keys of a kind and project."""
    return {row["id"] for row in await connection.fetch(_SQL["live_keys"], kind, project)}


async def rotate_key(connection: Connection, key_id: UUID, secret_hash: bytes, overlap_seconds: int) -> None:
    """Give a key its next secret; the one it had stays valid until the overlap ends, any older one ends now."""
    await connection.execute(_SQL["rotate_key"], key_id, secret_hash, float(overlap_seconds))


async def revoke_key(connection: Connection, key_id: UUID, kind: Kind, project: UUID | None) -> bool:
    """Revoke a key for good; False when there was nothing to revoke."""
    return bool(await connection.execute(_SQL["revoke_key"], key_id, kind, project) == "UPDATE 1")


async def used(connection: Connection, at: Mapping[UUID, datetime]) -> None:
    """Note when keys were used last."""
    await connection.execute(_SQL["used"], list(at), list(at.values()))


async def seen(connection: Connection, people: Sequence[Person]) -> None:
    """Note whom issuers vouched for; what is not known of one now stays as it was."""
    columns = [
        [getattr(person, name) for person in people]
        for name in ("subject", "issuer", "external_id", "email", "seen_at")
    ]
    await connection.execute(_SQL["seen"], *columns)


async def roles(connection: Connection, subject: str) -> dict[UUID, Role]:
    """Return a subject's role in each of its projects."""
    return {row["project_id"]: Role(row["role"]) for row in await connection.fetch(_SQL["roles"], subject)}


async def members(connection: Connection, project: UUID) -> list[Member]:
    """Return a project's members by subject."""
    return [
        Member(
            row["project_id"],
            row["subject"],
            Role(row["role"]),
            row["added_at"],
            row["added_by"],
            None
            if row["issuer"] is None
            else Person(row["subject"], row["issuer"], row["external_id"], row["email"], row["seen_at"]),
        )
        for row in await connection.fetch(_SQL["members"], project)
    ]


async def put_members(connection: Connection, project: UUID, found: Mapping[str, Role], by: str) -> None:
    """Give subjects roles in a project, whether they had one or not. The caller holds the project's lock."""
    await connection.execute(_SQL["put_members"], project, list(found), list(found.values()), by)


async def remove_members(connection: Connection, project: UUID, subjects: Sequence[str]) -> None:
    """Take subjects out of a project. The caller holds the project's lock."""
    await connection.execute(_SQL["remove_members"], project, subjects)
