"""Asset versions as a beginning for new jobs: the work of the steps that made them."""

from dataclasses import dataclass
from uuid import UUID

from maquette.domain.asset import Asset
from maquette.domain.job import Artifact, StepRecord
from maquette.store import assets
from maquette.store.database import Connection, statements
from maquette.store.steps import artifact_from, record_from

_SQL = statements("sources")


@dataclass(frozen=True, slots=True)
class Source:
    """An asset version, the records of the steps that its files come from, and those files."""

    asset: Asset
    records: tuple[StepRecord, ...]
    artifacts: tuple[Artifact, ...]


async def source(connection: Connection, asset: UUID, project: UUID, number: int | None) -> Source | None:
    """Return a version (None: the latest), or None when the project has no such thing."""
    found = await assets.version(connection, asset, [project], number)
    if found is None:
        return None
    artifacts = [
        artifact_from(row) for row in await connection.fetch(_SQL["artifacts"], found.id, found.version)
    ]
    places = sorted({(item.position, item.revision) for item in artifacts})
    rows = await connection.fetch(
        _SQL["records"],
        found.job_id,
        [position for position, _ in places],
        [revision for _, revision in places],
    )
    return Source(found, tuple(record_from(row) for row in rows), tuple(artifacts))
