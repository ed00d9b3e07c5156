"""The documents of a project's context: versions that never change. Read together with their project: ``projects``."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.context import Version
from maquette.store import projects
from maquette.store.database import Connection, decode, encode, statements

_SQL = statements("context")


async def version(
    connection: Connection, project: UUID, kind: str, number: int | None = None
) -> Version | None:
    """Return one version of a document, or the newest; None when nobody has made it."""
    row = await connection.fetchrow(_SQL["version"], project, kind, number)
    if row is None:
        return None
    body = projects.gates_body(row["gates"], row["policies"]) if kind == "gates" else decode(row["body"])
    return Version(row["version"], body, row["created_at"], row["created_by"])


async def page(
    connection: Connection, project: UUID, kind: str, before: int | None, limit: int
) -> list[Version]:
    """Return up to ``limit`` versions without their bodies, newest first, older than ``before``."""
    rows = await connection.fetch(_SQL["page"], project, kind, before, limit)
    return [Version(row["version"], {}, row["created_at"], row["created_by"]) for row in rows]


async def lock(connection: Connection, project: UUID, kind: str) -> int:
    """Lock the project, so that two versions made at once get two numbers; return the newest one's."""
    await projects.lock(connection, project)
    newest = await version(connection, project, kind)
    return 0 if newest is None else newest.number


async def insert(
    connection: Connection, project: UUID, kind: str, number: int, body: Mapping[str, Any], by: str
) -> None:
    """Add a version under the project's lock."""
    if kind == "style":
        references = [typeid.decode("upl", item) for item in body.get("references", ())]
        await connection.execute(_SQL["insert_style"], project, number, encode(body), references, by)
    elif kind == "gates":
        gates = body["gates"]
        names = [gate if isinstance(gate, str) else gate["step"] for gate in gates]
        timed = {gate["step"]: gate for gate in gates if not isinstance(gate, str)}
        policies = {
            name: {key: value for key, value in gate.items() if key != "step"} for name, gate in timed.items()
        }
        kept = encode(policies) if policies else None
        await connection.execute(_SQL["insert_gates"], project, number, names, kept, by)
    else:
        await connection.execute(_SQL["insert_document"], project, kind, number, encode(body), by)
