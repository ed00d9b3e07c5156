"""Safety: policies by version, decisions with what people said of them, files that nobody may read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from maquette.domain.job import Artifact
from maquette.domain.ruling import Answer, Appeal, Override, Reach, Ruling, Stage, Unjudged, Withheld
from maquette.store.database import Connection, decode, encode, statements
from maquette.store.paging import NEWEST
from maquette.store.steps import artifact_from

_SQL = statements("safety")


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One version of a policy as it was put."""

    version: int
    body: Mapping[str, Any]
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class RulingRow:
    """A decision with what people said of it, and what holds now."""

    ruling: Ruling
    in_force: Answer
    appeal: Appeal | None
    sequence: int
    """Of the last event in the decision's own stream."""
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions are listed; None: all."""

    stage: Stage | None = None
    in_force: Answer | None = None
    job_id: UUID | None = None
    appealed: bool | None = None


class Exemption(NamedTuple):
    """What a person said of a content."""

    verdict: Answer
    ruling_id: UUID
    by_operator: bool


class Due(NamedTuple):
    """A step revision that is to be judged now, and how often that was begun."""

    unjudged: Unjudged
    tries: int


async def versions(connection: Connection, projects: Sequence[UUID]) -> dict[UUID | None, int]:
    """Return the newest version of each project's policy, and under None that of the platform's; 0: there is none."""
    rows = await connection.fetch(_SQL["versions"], projects)
    return {row["project_id"]: row["version"] or 0 for row in rows}


async def platform_policy(connection: Connection, version: int | None = None) -> PolicyRow | None:
    """Return a version of the platform's policy (None: the newest)."""
    return _policy(await connection.fetchrow(_SQL["platform"], version))


async def project_policy(
    connection: Connection, project: UUID, version: int | None = None
) -> PolicyRow | None:
    """Return a version of a project's policy (None: the newest)."""
    return _policy(await connection.fetchrow(_SQL["project"], project, version))


def _policy(row: Mapping[str, Any] | None) -> PolicyRow | None:
    if row is None:
        return None
    return PolicyRow(row["version"], decode(row["body"]), row["created_at"], row["created_by"])


async def insert_platform_policy(connection: Connection, body: Mapping[str, Any], by: str) -> None:
    """Add a version; a lock orders two at once. Run it in a transaction."""
    await connection.execute(_SQL["lock_platform"])
    await connection.execute(_SQL["insert_platform"], encode(body), by)


async def insert_project_policy(
    connection: Connection, project: UUID, body: Mapping[str, Any], by: str
) -> None:
    """Add a version; the project must be locked."""
    await connection.execute(_SQL["insert_project"], project, encode(body), by)


async def insert_ruling(connection: Connection, item: Ruling) -> None:
    """Record a decision."""
    await connection.execute(
        _SQL["insert_decisions"],
        item.id,
        item.project_id,
        item.at,
        item.stage,
        item.verdict,
        list(item.categories),
        encode(item.policy),
        encode(item.moderators),
        encode(item.evidence),
        item.subject,
        item.by,
        item.reason,
        item.digest,
        item.correlation_id,
        item.job_id,
        item.position,
        item.revision,
        item.upload_id,
        item.artifact_id,
    )


async def ruling(
    connection: Connection, ruling_id: UUID, projects: Sequence[UUID] | None
) -> RulingRow | None:
    """Return a decision, or None when it is not in any of the projects (None: all)."""
    row = await connection.fetchrow(_SQL["decision"], ruling_id, projects)
    return (await _with_overrides(connection, [row]))[0] if row else None


async def lock_ruling(connection: Connection, ruling_id: UUID, project: UUID) -> RulingRow | None:
    """Lock a decision against others who override it, and return it."""
    row = await connection.fetchrow(_SQL["lock_decision"], ruling_id, project)
    return (await _with_overrides(connection, [row]))[0] if row else None


async def page(
    connection: Connection,
    projects: Sequence[UUID] | None,
    wanted: Filter,
    *,
    before: UUID | None,
    limit: int,
) -> list[RulingRow]:
    """Return up to ``limit`` decisions, newest first, older than ``before``."""
    rows = await connection.fetch(
        _SQL["page"],
        projects,
        before or NEWEST,
        wanted.stage,
        wanted.in_force,
        wanted.job_id,
        wanted.appealed,
        limit,
    )
    return await _with_overrides(connection, rows)


async def _with_overrides(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[RulingRow]:
    said: dict[UUID, list[Override]] = {}
    for row in await connection.fetch(_SQL["overrides"], [row["id"] for row in rows]):
        said.setdefault(row["decision_id"], []).append(
            Override(
                row["id"],
                row["decision_id"],
                row["project_id"],
                row["verdict"],
                row["reason"],
                row["decided_by"],
                row["by_operator"],
                at=row["decided_at"],
            )
        )
    return [_ruling(row, tuple(said.get(row["id"], ()))) for row in rows]


def _ruling(row: Mapping[str, Any], overrides: tuple[Override, ...]) -> RulingRow:
    appeal = (
        None if row["appealed_at"] is None else Appeal(row["appealed_by"], row["appealed_at"], row["appeal"])
    )
    found = Ruling(
        id=row["id"],
        project_id=row["project_id"],
        stage=Stage(row["stage"]),
        verdict=row["verdict"],
        categories=tuple(row["categories"]),
        policy=decode(row["policy"]),
        moderators=tuple(decode(row["moderators"])),
        evidence=tuple(decode(row["evidence"])),
        subject=row["subject"],
        digest=row["digest"],
        correlation_id=row["correlation_id"],
        job_id=row["job_id"],
        position=row["position"],
        revision=row["revision"],
        upload_id=row["upload_id"],
        artifact_id=row["artifact_id"],
        by=row["decided_by"],
        reason=row["reason"],
        at=row["at"],
    )
    return RulingRow(found, row["in_force"], appeal, row["sequence"], overrides)


async def insert_override(connection: Connection, item: Override) -> None:
    """Record a person's word and let it hold, for equal contents, too."""
    await connection.execute(
        _SQL["insert_override"],
        item.id,
        item.project_id,
        item.ruling_id,
        item.verdict,
        item.reason,
        item.by,
        item.by_operator,
    )
    if item.digest:
        await connection.execute(
            _SQL["exempt"], item.project_id, item.digest, item.verdict, item.ruling_id, item.by_operator
        )


async def next_event(connection: Connection, ruling_id: UUID, project: UUID) -> tuple[int, datetime]:
    """Return number and time of the next event in a decision's own stream; the decision must be locked."""
    row = await connection.fetchrow(_SQL["next_event"], ruling_id, project)
    return row["sequence"], row["now"]


async def appeal(connection: Connection, ruling_id: UUID, project: UUID, reason: str, by: str) -> bool:
    """Record an appeal; False when there is one already."""
    done: str = await connection.execute(_SQL["appeal"], ruling_id, project, reason, by)
    return done == "UPDATE 1"


async def exemptions(
    connection: Connection, project: UUID, digests: Sequence[bytes]
) -> dict[bytes, Exemption]:
    """Return what people said of contents of the project, by digest."""
    rows = await connection.fetch(_SQL["exemptions"], project, digests)
    return {row["digest"]: Exemption(row["verdict"], row["decision_id"], row["by_operator"]) for row in rows}


async def takes_away(connection: Connection, project: UUID) -> bool:
    """Whether anything was blocked in the project by a person: else there is nothing to look for."""
    return bool(await connection.fetchval(_SQL["takes_away"], project))


async def uploads_judged(connection: Connection, project: UUID, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return under which policies uploads were allowed; those that were not yet judged are left out."""
    rows = await connection.fetch(_SQL["uploads_judged"], project, ids)
    return {row["id"]: row["safety"] for row in rows}


async def upload_judged(connection: Connection, upload: UUID, project: UUID, policies: str) -> None:
    """Keep under which policies an upload was allowed."""
    await connection.execute(_SQL["upload_judged"], upload, project, policies)


async def insert_unjudged(connection: Connection, items: Sequence[Unjudged]) -> None:
    """Queue step revisions for a moderator outside."""
    await connection.execute(
        _SQL["insert_unjudged"],
        [item.job_id for item in items],
        [item.project_id for item in items],
        [item.position for item in items],
        [item.revision for item in items],
    )


async def take_unjudged(connection: Connection, seconds: float, limit: int) -> list[Due]:
    """Take what is due, for ``seconds``: nobody else takes it meanwhile."""
    rows = await connection.fetch(_SQL["take_unjudged"], seconds, limit)
    return [
        Due(Unjudged(row["job_id"], row["project_id"], row["position"], row["revision"]), row["tries"])
        for row in rows
    ]


async def postpone_unjudged(connection: Connection, item: Unjudged, seconds: float) -> None:
    """Try again later."""
    await connection.execute(_SQL["postpone_unjudged"], item.job_id, item.position, item.revision, seconds)


async def delete_unjudged(connection: Connection, item: Unjudged) -> None:
    """Strike a step revision off the queue: it was decided."""
    await connection.execute(_SQL["delete_unjudged"], item.job_id, item.position, item.revision)


async def unjudged_waiting(connection: Connection) -> int:
    """Return how many step revisions wait for a moderator outside."""
    return int(await connection.fetchval(_SQL["unjudged_waiting"]))


async def artifacts(connection: Connection, item: Unjudged | Reach) -> list[Artifact]:
    """Return the files of a step revision."""
    rows = await connection.fetch(_SQL["artifacts"], item.job_id, item.position, item.revision)
    return [artifact_from(row) for row in rows]


async def withhold_revisions(connection: Connection, items: Sequence[Reach]) -> None:
    """Let the files of step revisions be read, or not."""
    await connection.execute(
        _SQL["withhold_revisions"],
        [item.job_id for item in items],
        [item.position for item in items],
        [item.revision for item in items],
        [item.withheld for item in items],
    )


async def withhold_object(
    connection: Connection, project: UUID, key: str, home: UUID, withheld: Withheld | None
) -> list[UUID]:
    """Let one stored file be read or not wherever it is shown; return the artifacts that it concerns.

    ``home`` is the job in whose folder it is.
    """
    rows = await connection.fetch(_SQL["withhold_object"], key, project, home, withheld)
    await connection.execute(_SQL["withhold_files"], key, project, withheld)
    return [cast("UUID", row["id"]) for row in rows]
