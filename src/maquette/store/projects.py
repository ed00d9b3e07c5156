"""Projects with the newest version of their context, and uploads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

from maquette.domain.constraints import Constraints
from maquette.domain.context import KINDS
from maquette.domain.pipeline import DEFAULT_GATES
from maquette.domain.retry import Retries
from maquette.domain.review import Gates
from maquette.domain.routing import Routes
from maquette.domain.style import Style
from maquette.store.database import Connection, decode, encode, statements
from maquette.store.paging import NEWEST

_SQL = statements("projects")


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant with the newest version of its context."""

    id: UUID
    name: str
    created_at: datetime
    created_by: str
    open_jobs_max: int
    weight: int
    """How much of the workers' time it gets beside others: ``domain/fair.py``."""
    style: Style
    constraints: Constraints
    gates: Gates
    routes: Routes
    retries: Retries


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


async def change(
    connection: Connection, project: UUID, name: str | None, open_jobs_max: int | None, weight: int | None
) -> None:
    """Change what is not None."""
    await connection.execute(_SQL["change"], project, name, open_jobs_max, weight)


async def context(connection: Connection, project: UUID) -> Project | None:
    """Return a project, or None."""
    return (await contexts(connection, [project])).get(project)


async def contexts(connection: Connection, projects: Sequence[UUID]) -> dict[UUID, Project]:
    """Return those of the projects that there are, by id."""
    return {row["id"]: _project(row) for row in await connection.fetch(_SQL["contexts"], projects)}


def _project(row: Mapping[str, Any]) -> Project:
    return Project(
        row["id"],
        row["name"],
        row["created_at"],
        row["created_by"],
        row["open_jobs_max"],
        row["weight"],
        _document("style", row["style_version"], row["style"]),
        _document("constraints", row["constraints_version"], row["constraints"]),
        _gates(row["gates_version"], None if row["gates"] is None else tuple(row["gates"]), row["policies"]),
        _document("routes", row["routes_version"], row["routes"]),
        _document("retries", row["retries_version"], row["retries"]),
    )


@lru_cache(maxsize=256)
def _document(kind: str, version: int, body: bytes | None) -> Any:
    """Return a document as the domain knows it; read once, for it never changes."""
    return KINDS[kind].parse({} if body is None else decode(body), version)


@lru_cache(maxsize=256)
def _gates(version: int, gates: tuple[str, ...] | None, policies: bytes | None) -> Any:
    return KINDS["gates"].parse(gates_body(gates, policies), version)


def gates_body(gates: Sequence[str] | None, policies: bytes | None) -> dict[str, Any]:
    """Return the document of gates, which is kept in columns of its own."""
    known: Mapping[str, Any] = decode(policies) if policies is not None else {}
    names = DEFAULT_GATES if gates is None else gates
    return {"gates": [{"step": name, **known[name]} if name in known else name for name in names]}


async def page(
    connection: Connection, projects: Sequence[UUID] | None, before: UUID | None, limit: int
) -> list[Project]:
    """Return up to ``limit`` of the projects (None: of all), newest first."""
    rows = await connection.fetch(_SQL["page"], projects, before or NEWEST, limit)
    ids = [row["id"] for row in rows]
    found = await contexts(connection, ids)
    return [found[key] for key in ids if key in found]


async def lock(connection: Connection, project: UUID) -> None:
    """Let others who change the project wait until this transaction ends."""
    await connection.execute(_SQL["lock"], project)


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


async def uploads(
    connection: Connection, ids: Sequence[UUID], projects: Sequence[UUID] | None
) -> list[Upload]:
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
