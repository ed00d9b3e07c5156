"""Projects and what belongs to them: style, gates, uploads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from maquette.domain.pipeline import DEFAULT_GATES
from maquette.domain.review import GatePolicy
from maquette.domain.style import Style
from maquette.store.database import Connection, decode, encode, statements
from maquette.store.jobs import policy_fields, policy_from

_SQL = statements("projects")


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant with the newest version of its context."""

    id: UUID
    name: str
    created_at: datetime
    created_by: str
    open_jobs_max: int
    style: Style
    gates: tuple[str, ...]
    gates_version: int
    gate_policies: Mapping[str, GatePolicy]
    """What follows when nobody decides, by gate."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file a person brings."""

    id: UUID
    project_id: UUID
    name: str
    media_type: str
    bytes: int
    sha256: str
    key: str
    created_at: datetime
    found: Mapping[str, int] | None = None
    """What its bytes say of it; None until they were looked at."""
    refused: Mapping[str, str] | None = None
    """Why its bytes can never be used: ``type`` of a detail, and ``msg``."""

    @property
    def state(self) -> Literal["quarantined", "usable", "refused"]:
        """What may be done with it: in quarantine and after a refusal, nothing."""
        if self.refused is not None:
            return "refused"
        return "quarantined" if self.found is None else "usable"


async def insert(connection: Connection, project: UUID, name: str, by: str, open_jobs_max: int) -> None:
    """Insert a project."""
    await connection.execute(_SQL["insert"], project, name, by, open_jobs_max)


async def first(connection: Connection) -> UUID | None:
    """Return the oldest project, or None when there is none."""
    found: UUID | None = await connection.fetchval(_SQL["first"])
    return found


async def rename(connection: Connection, project: UUID, name: str | None, open_jobs_max: int | None) -> None:
    """Change what is not None."""
    await connection.execute(_SQL["rename"], project, name, open_jobs_max)


async def context(connection: Connection, project: UUID) -> Project | None:
    """Return a project, or None."""
    row = await connection.fetchrow(_SQL["context"], project)
    if row is None:
        return None
    body: dict[str, Any] = decode(row["style"]) if row["style"] else {}
    style = Style(row["style_version"], **{name: tuple(words) for name, words in body.items()})
    gates = tuple(row["gates"]) if row["gates"] is not None else DEFAULT_GATES
    return Project(
        row["id"],
        row["name"],
        row["created_at"],
        row["created_by"],
        row["open_jobs_max"],
        style,
        gates,
        row["gates_version"],
        {} if row["gate_policies"] is None else _policies(row["gate_policies"]),
    )


def _policies(data: bytes) -> dict[str, GatePolicy]:
    return {gate: policy_from(fields) for gate, fields in decode(data).items()}


async def page(
    connection: Connection, projects: Sequence[UUID] | None, before: UUID | None, limit: int
) -> list[Project]:
    """Return up to ``limit`` of the projects (None: of all), newest first."""
    rows = await connection.fetch(_SQL["page"], projects, before, limit)
    found = [await context(connection, row["id"]) for row in rows]
    return [project for project in found if project is not None]


async def lock(connection: Connection, project: UUID) -> None:
    """Let others who change the project wait until this transaction ends."""
    await connection.execute(_SQL["lock"], project)


async def insert_style(connection: Connection, project: UUID, style: Style, by: str) -> None:
    """Add a version; the project's lock orders two at once. Run it in a transaction."""
    await lock(connection, project)
    body = {
        "keywords": style.keywords,
        "negative_keywords": style.negative_keywords,
        "palette": style.palette,
    }
    await connection.execute(_SQL["insert_style"], project, encode(body), by)


async def insert_gates(
    connection: Connection,
    project: UUID,
    gates: Sequence[str],
    by: str,
    policies: Mapping[str, GatePolicy] | None = None,
) -> None:
    """Add a version; the project's lock orders two at once. Run it in a transaction."""
    await lock(connection, project)
    kept = encode({gate: policy_fields(policy) for gate, policy in policies.items()}) if policies else None
    await connection.execute(_SQL["insert_gates"], project, list(gates), kept, by)


async def insert_upload(connection: Connection, upload: Upload, by: str) -> datetime:
    """Insert an upload that may now arrive; return when."""
    at: datetime = await connection.fetchval(
        _SQL["insert_upload"],
        upload.id,
        upload.project_id,
        upload.name,
        upload.media_type,
        upload.bytes,
        upload.sha256,
        upload.key,
        by,
    )
    return at


async def uploads(connection: Connection, ids: Sequence[UUID], projects: Sequence[UUID] | None) -> list[Upload]:
    """Return the uploads that exist in the projects; None: in any."""
    rows = await connection.fetch(_SQL["uploads"], ids, projects)
    return [
        Upload(**row | {name: row[name] and decode(row[name]) for name in ("found", "refused")})
        for row in map(dict, rows)
    ]


async def found(connection: Connection, upload: Upload, numbers: Mapping[str, int]) -> None:
    """Keep what was found in an upload's bytes: it may be used from now on."""
    await connection.execute(_SQL["found"], upload.id, upload.project_id, encode(numbers))


async def refuse_upload(connection: Connection, upload: Upload, reason: Mapping[str, str]) -> None:
    """Keep why an upload's bytes can never be used."""
    await connection.execute(_SQL["refuse_upload"], upload.id, upload.project_id, encode(reason))
