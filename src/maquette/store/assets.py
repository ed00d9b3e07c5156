"""The library: filing versions under the lock of (project, path), and reading them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from maquette.domain.asset import Asset, AssetDraft, AssetFile
from maquette.domain.pipeline import PIPELINES
from maquette.store.database import Connection, decode, encode, statements
from maquette.store.paging import NEWEST
from maquette.store.reading import plan_anew

_SQL = statements("assets")
READY = "draft"
"""Status of a version as export leaves it; approving it in the library is a later act."""


async def file_versions(
    connection: Connection, drafts: Sequence[AssetDraft], new_id: Callable[[], UUID]
) -> dict[UUID, tuple[UUID, int]]:
    """Insert a version for each draft; return (asset id, version) by job id.

    Drafts of one path take consecutive numbers: a statement touches a row once, so they go in rounds.
    """
    filed: dict[UUID, tuple[UUID, int]] = {}
    waiting = {item.job.id: item for item in drafts}
    while waiting:
        round_: dict[tuple[UUID, str], AssetDraft] = {}
        for item in waiting.values():
            round_.setdefault((item.job.project_id, item.library_path), item)
        filed |= await _reserve(connection, round_, new_id)
        waiting = {key: item for key, item in waiting.items() if key not in filed}
    await _insert_versions(connection, drafts, filed)
    return filed


async def _reserve(
    connection: Connection, drafts: Mapping[tuple[UUID, str], AssetDraft], new_id: Callable[[], UUID]
) -> dict[UUID, tuple[UUID, int]]:
    items = list(drafts.values())
    rows = await connection.fetch(
        _SQL["reserve"],
        [new_id() for _ in items],
        [item.job.project_id for item in items],
        [item.library_path for item in items],
        [item.job.asset_type for item in items],
        [item.name for item in items],
        [item.job.finished_at for item in items],
        [item.lineage["style_version"] for item in items],
        [f"{item.library_path.replace('/', ' ').replace('-', ' ')} {item.prompt}" for item in items],
    )
    return {drafts[row["project_id"], row["library_path"]].job.id: (row["id"], row["latest"]) for row in rows}


async def _insert_versions(
    connection: Connection, drafts: Sequence[AssetDraft], filed: Mapping[UUID, tuple[UUID, int]]
) -> None:
    await connection.execute(
        _SQL["insert_versions"],
        [filed[item.job.id][0] for item in drafts],
        [filed[item.job.id][1] for item in drafts],
        [item.job.project_id for item in drafts],
        [item.job.id for item in drafts],
        [READY] * len(drafts),
        [encode(item.metadata) for item in drafts],
        [encode(item.lineage) for item in drafts],
        [item.job.finished_at for item in drafts],
    )
    files = [(item, place, file) for item in drafts for place, file in enumerate(item.files)]
    await connection.execute(
        _SQL["insert_files"],
        [
            (
                filed[item.job.id][0],
                filed[item.job.id][1],
                place,
                item.job.project_id,
                file.artifact_id,
                file.name,
                file.role,
                file.media_type,
                file.bytes,
                file.sha256,
                file.key,
                file.withheld,
            )
            for item, place, file in files
        ],
    )


async def page(
    connection: Connection,
    project: UUID,
    *,
    before: UUID | None,
    asset_type: str | None,
    path: str | None,
    text: str | None,
    style_version: int | None,
    limit: int,
) -> list[Asset]:
    """Return up to ``limit`` assets at their latest version, newest first, older than ``before``."""
    if path or text or style_version is not None:
        await plan_anew(connection)
    types = [asset_type] if asset_type else list(PIPELINES)
    rows = await connection.fetch(
        _SQL["page"], project, before or NEWEST, types, path, text, limit, style_version
    )
    return await _with_files(connection, rows)


async def visible(connection: Connection, project: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these assets of a project the connection shows."""
    return {row["id"] for row in await connection.fetch(_SQL["visible"], ids, project)}


async def version(
    connection: Connection, asset: UUID, projects: Sequence[UUID] | None, number: int | None
) -> Asset | None:
    """Return one version, or the latest; None when the asset is not in any of the projects."""
    rows = await connection.fetch(_SQL["version"], asset, projects, number)
    return next(iter(await _with_files(connection, rows)), None)


async def _with_files(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Asset]:
    found = await connection.fetch(
        _SQL["files"], [row["id"] for row in rows], [row["version"] for row in rows]
    )
    files: dict[tuple[UUID, int], list[AssetFile]] = {}
    for row in found:
        files.setdefault((row["asset_id"], row["version"]), []).append(
            AssetFile(
                row["name"],
                row["role"],
                row["artifact_id"],
                row["media_type"],
                row["bytes"],
                row["sha256"],
                row["key"],
                row["withheld"],
            )
        )
    return [
        Asset(
            id=row["id"],
            project_id=row["project_id"],
            type=row["type"],
            name=row["name"],
            library_path=row["library_path"],
            version=row["version"],
            latest=row["latest"],
            status=row["status"],
            job_id=row["job_id"],
            files=tuple(files.get((row["id"], row["version"]), ())),
            metadata=decode(row["metadata"]),
            lineage=decode(row["lineage"]),
            created_at=row["created_at"],
        )
        for row in rows
    ]
