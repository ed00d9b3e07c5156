"""The audit log, written by each administrative use case in the transaction of its act, and read."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from maquette.domain.audit import Entry
from maquette.domain.permissions import RULES
from maquette.domain.principal import Principal
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.store import audit
from maquette.store.database import Connection, encode

_ADMINISTRATIVE_SCOPES = {"safety:write"}
#: Operations that leave an entry: whatever changes something under a scope that administers.
ADMINISTRATIVE = frozenset(
    name
    for name, rule in RULES.items()
    if rule.scope is not None
    and (rule.scope.endswith(":admin") or rule.scope in _ADMINISTRATIVE_SCOPES)
    and not name.startswith(("get_", "list_"))
)
#: Of what was, and of what became, as JSON. Documents have versions and are named by those.
BYTES_MAX = 4096


async def record(
    connection: Connection,
    principal: Principal,
    act: str,
    object_: str,
    project: UUID | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down an act, named by its operation, on an object, named by its id. Hand in nothing secret.

    It stands when the act does: both are one transaction.
    """
    await audit.insert(connection, entry(principal, act, object_, project, before=before, after=after))


def entry(
    principal: Principal,
    act: str,
    object_: str,
    project: UUID | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> Entry:
    """Return what `record` writes, for an act that another transaction than the use case's own makes true."""
    origin = principal.origin
    return Entry(
        id=new_id(),
        project_id=project,
        subject=principal.subject,
        kind=principal.kind,
        act=act,
        object=object_,
        before=_bounded(before),
        after=_bounded(after),
        request_id="" if origin is None else origin.request_id,
        address=None if origin is None else origin.address,
    )


def _bounded(value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if value is None or (size := len(encode(value))) <= BYTES_MAX:
        return value
    return {"left_out_bytes": size}


async def entries(
    deps: Deps,
    principal: Principal,
    project: UUID | None,
    *,
    before: UUID | None,
    subject: str | None,
    act: str | None,
    object_: str | None,
    limit: int,
) -> list[Entry]:
    """Return up to ``limit`` entries, newest first, older than ``before``; ``project`` None is for operators: all."""
    if project is None:
        principal.require_operator("The installation's audit log")
    else:
        principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        return await audit.page(
            connection, project, before=before, subject=subject, act=act, object_=object_, limit=limit
        )
