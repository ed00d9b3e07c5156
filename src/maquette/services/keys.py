"""Keys: of a project's users, of operators, and tokens of workers. One kind of thing, made and ended in one way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.credentials import check_scopes, check_within
from maquette.domain.errors import Conflict, NotFound
from maquette.domain.permissions import Kind, Role
from maquette.domain.principal import Principal
from maquette.domain.text import NAME, clean
from maquette.services import audit
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.services.principals import NewKey, make_key
from maquette.store import identity, projects
from maquette.store.database import Connection
from maquette.store.identity import KeyRow

#: Live keys of one project, or of all operators, or of all workers: people lose track long before.
LIVE_MAX = 1000


@dataclass(frozen=True, slots=True)
class Ring:
    """Where a key belongs: to a project (users), or to the installation (operators, workers)."""

    kind: Kind
    project: UUID | None = None


_NAMES: Mapping[Kind, str] = {"user": "key", "operator": "operator_key", "worker": "worker_token"}
OPERATORS, WORKERS = Ring("operator"), Ring("worker")


@dataclass(frozen=True, slots=True)
class WithText:
    """A key with its text, which is shown this once."""

    row: KeyRow
    key: NewKey


async def create(
    deps: Deps,
    principal: Principal,
    ring: Ring,
    *,
    name: str,
    role: Role = Role.OWNER,
    scopes: Sequence[str] | None = None,
    services: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> WithText:
    """Make a key for a new user, operator or fleet of workers; it has no more than its maker has."""
    _require_project(principal, ring)
    name = clean(name, NAME, ("name",), required=True)
    wanted = check_scopes(scopes)
    if ring.kind != "worker":
        check_within(principal, ring.project, role, wanted)
    key = make_key(new_id())
    async with deps.database.transaction() as connection:
        await _require_existing(connection, ring)
        if len(await identity.live_keys(connection, ring.kind, ring.project)) >= LIVE_MAX:
            raise Conflict(f"There are {LIVE_MAX} live keys already: revoke those that nobody uses.")
        await identity.insert_key(
            connection,
            key.id,
            project=ring.project,
            kind=ring.kind,
            name=name,
            subject=typeid.encode("wrk" if ring.kind == "worker" else "usr", new_id()),
            secret_hash=key.secret_hash,
            by=principal.subject,
            role=role,
            scopes=wanted,
            services=None if services is None else sorted(set(services)),
            expires_at=expires_at,
        )
        await _record(
            connection,
            principal,
            "create",
            key.id,
            ring,
            {"name": name, "role": role, "scopes": wanted, "services": services, "expires_at": expires_at},
        )
        return WithText(await _row(connection, key.id, ring), key)


async def list_keys(
    deps: Deps, principal: Principal, ring: Ring, *, before: UUID | None, limit: int
) -> list[KeyRow]:
    """Return up to ``limit`` keys, newest first, revoked ones included, none with its secret."""
    _require_project(principal, ring)
    async with deps.database.tenant(principal.memberships) as connection:
        await _require_existing(connection, ring)
        return await identity.keys(connection, ring.kind, ring.project, before=before, limit=limit)


async def rotate(
    deps: Deps, principal: Principal, ring: Ring, key_id: UUID, overlap_seconds: int
) -> WithText:
    """Give a key its next secret, shown this once; the one it had stays valid until the overlap ends.

    Whoever rotates gets to know a key's text, so it must not be able to do more than he can.
    """
    _require_project(principal, ring)
    async with deps.database.transaction() as connection:
        if not await identity.lock_key(connection, key_id, ring.kind, ring.project):
            raise NotFound("There is no such live key.")
        row = await _row(connection, key_id, ring)
        if ring.kind != "worker":
            check_within(principal, ring.project, row.role, row.scopes)
        key = make_key(key_id)
        await identity.rotate_key(connection, key_id, key.secret_hash, overlap_seconds)
        await _record(connection, principal, "rotate", key_id, ring, {"overlap_seconds": overlap_seconds})
        return WithText(await _row(connection, key_id, ring), key)


async def revoke(deps: Deps, principal: Principal, ring: Ring, key_id: UUID) -> None:
    """Revoke a key: refused everywhere within two seconds. The operators' last one stays."""
    _require_project(principal, ring)
    async with deps.database.transaction() as connection:
        if ring == OPERATORS:
            live = await identity.live_keys(connection, ring.kind, ring.project)
            if live == {key_id}:
                raise Conflict("This is the operators' last key: make another one first.")
        if not await identity.revoke_key(connection, key_id, ring.kind, ring.project):
            raise NotFound("There is no such live key.")
        await _record(connection, principal, "revoke", key_id, ring)


async def _record(
    connection: Connection,
    principal: Principal,
    verb: str,
    key_id: UUID,
    ring: Ring,
    after: Mapping[str, Any] | None = None,
) -> None:
    act = f"{verb}_{_NAMES[ring.kind]}"
    await audit.record(connection, principal, act, typeid.encode("mq", key_id), ring.project, after=after)


def _require_project(principal: Principal, ring: Ring) -> None:
    if ring.project is not None:
        principal.require_project(ring.project)


async def _require_existing(connection: Connection, ring: Ring) -> None:
    if ring.project is not None and await projects.context(connection, ring.project) is None:
        raise NotFound("There is no such project.")


async def _row(connection: Connection, key_id: UUID, ring: Ring) -> KeyRow:
    row = await identity.key(connection, key_id, ring.kind, ring.project)
    if row is None:
        raise NotFound("There is no such key.")
    return row
