"""Jobs: submit, read, hold, let go on, give up."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.brief import PRIORITIES, SEED_MAX, Brief
from maquette.domain.commands import Cancel, Command, Create, Pause, Resume
from maquette.domain.errors import Invalid, NotFound
from maquette.domain.events import Event
from maquette.domain.idempotency import canonical, request_digest
from maquette.domain.job import Artifact, Job, JobStatus, Lease, Place, StepRecord, StepStatus
from maquette.domain.pipeline import REFERENCE, REFERENCE_POSITION, pipeline_for
from maquette.domain.principal import Principal
from maquette.domain.review import UserDecision
from maquette.services.admission import Admitted, admit
from maquette.services.deps import Deps
from maquette.services.follow import follow
from maquette.services.ids import new_id
from maquette.services.orders import NewJob, Replayed
from maquette.store import projects, reading
from maquette.store.jobs import BriefRow, RequestKey
from maquette.store.projects import Upload
from maquette.store.reading import JobRow, Progress


@dataclass(frozen=True, slots=True)
class JobView:
    """A job with everything a person may see of it."""

    row: JobRow
    records: Sequence[StepRecord]
    artifacts: Sequence[Artifact]
    decisions: Sequence[UserDecision]
    lease: Lease | None = None
    progress: Progress | None = None
    queue_position: int | None = None

    @property
    def job(self) -> Job:
        """The job itself."""
        return self.row.job


@dataclass(frozen=True, slots=True)
class Submitted:
    """A new job, or the one that the same request made before."""

    view: JobView
    replayed: bool


async def submit(
    deps: Deps,
    principal: Principal,
    wish: Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    correlation_id: str | None = None,
) -> Submitted:
    """Admit a brief and record its job durably. ``wish`` is the request's body as the API's shape gives it."""
    principal.require("user", "operator")
    project_id = principal.require_project(typeid.decode("prj", wish["project_id"]))
    async with deps.database.connection() as connection:
        project = await projects.context(connection, project_id)
        ids = [typeid.decode("upl", item) for item in wish.get("reference_uploads", ())]
        uploads = await projects.uploads(connection, ids, [project_id]) if ids else []
    if project is None:
        raise NotFound("There is no such project.")
    seed = wish.get("seed")
    admitted = admit(wish, project, uploads, seed=secrets.randbelow(SEED_MAX) if seed is None else seed)
    for upload in uploads:
        if await deps.objects.stat(upload.key) is None:
            raise Invalid.field(
                ("reference_uploads",), f"{typeid.encode('upl', upload.id)} has not arrived yet"
            )
    request = (
        RequestKey(project_id, idempotency_key, request_digest({"by": principal.subject, "body": wish}))
        if idempotency_key
        else None
    )
    uploads = sorted(uploads, key=lambda upload: ids.index(upload.id))
    job = _new_job(admitted, correlation_id)
    new = NewJob(_brief_row(admitted, principal), _references(job, uploads), request)
    made = await deps.transactor.create(job, Create(job), new)
    if isinstance(made, Replayed):
        return Submitted(await get(deps, principal, made.job_id), replayed=True)
    return Submitted(await get(deps, principal, made.id), replayed=False)


def _new_job(admitted: Admitted, correlation_id: str | None) -> Job:
    brief, pipeline = admitted.brief, pipeline_for(admitted.brief.asset_type)
    job_id = new_id()
    first = next(place for place in range(len(pipeline.steps)) if place not in admitted.skipped)
    return Job(
        id=job_id,
        project_id=brief.project_id,
        asset_type=brief.asset_type,
        pipeline_version=pipeline.version,
        correlation_id=correlation_id or str(job_id),
        skipped=admitted.skipped,
        gates=admitted.gates,
        status=JobStatus.QUEUED,
        position=first,
        step_status=StepStatus.PENDING,
        revisions=(0,) * len(pipeline.steps),
        created_at=datetime.now(UTC),  # decide() sets the time of the transaction
        priority=PRIORITIES[brief.priority],
    )


def _brief_row(admitted: Admitted, principal: Principal) -> BriefRow:
    brief = admitted.brief
    return BriefRow(
        created_by=principal.subject,
        library_path=brief.library_path,
        prompt=brief.prompt,
        style_version=admitted.style_version,
        inputs=canonical(brief_fields(brief)),
        effective=canonical(admitted.effective),
    )


def brief_fields(brief: Brief) -> dict[str, Any]:
    """Return a brief as it is kept and shown: the submission's own names."""
    return {
        "prompt": brief.prompt,
        "negative_prompt": brief.negative_prompt,
        "seed": brief.seed,
        "variants": brief.variants,
        "library_path": brief.library_path,
        "skip": list(brief.skip),
        "reference_uploads": [typeid.encode("upl", item) for item in brief.reference_uploads],
        "params": brief.params,
        "priority": brief.priority,
        "metadata": brief.metadata,
    }


def _references(job: Job, uploads: Sequence[Upload]) -> tuple[Artifact, ...]:
    return tuple(
        Artifact(
            id=new_id(),
            job_id=job.id,
            position=REFERENCE_POSITION,
            revision=0,
            attempt=0,
            step=REFERENCE,
            kind="image",
            name=item.name,
            media_type=item.media_type,
            bytes=item.bytes,
            sha256=item.sha256,
            key=item.key,
            attributes={},
        )
        for item in uploads
    )


async def get(deps: Deps, principal: Principal, job_id: UUID) -> JobView:
    """Return a job with its steps; ``NotFound`` when it is missing or another project's."""
    principal.require("user", "operator")
    async with deps.database.connection() as connection:
        row = await reading.job(connection, job_id, principal.projects)
        if row is None:
            raise NotFound("There is no such job.")
        found = await reading.attached(connection, [job_id])
        queued = row.job.place is Place.READY and job_id not in found.leases
        position = await reading.queue_position(connection, job_id) if queued else None
    return _view(row, found, position)


def _view(row: JobRow, found: reading.Attached, position: int | None) -> JobView:
    key = row.job.id
    lease, progress = found.leases.get(key, (None, None))
    return JobView(
        row,
        found.records.get(key, []),
        found.artifacts.get(key, []),
        found.decisions.get(key, []),
        lease,
        progress,
        position,
    )


async def list_jobs(
    deps: Deps,
    principal: Principal,
    *,
    project: UUID | None,
    before: UUID | None,
    status: str | None,
    asset_type: str | None,
    limit: int,
) -> list[JobView]:
    """Return up to ``limit`` jobs, newest first, older than ``before``."""
    principal.require("user", "operator")
    scope = principal.projects if project is None else [principal.require_project(project)]
    async with deps.database.connection() as connection:
        rows = await reading.jobs(
            connection, scope, before=before, status=status, asset_type=asset_type, limit=limit
        )
        found = await reading.attached(connection, [row.job.id for row in rows])
    return [_view(row, found, None) for row in rows]


async def cancel(deps: Deps, principal: Principal, job_id: UUID) -> JobView:
    """Give a job up."""
    return await _command(deps, principal, job_id, Cancel(principal.subject))


async def pause(deps: Deps, principal: Principal, job_id: UUID) -> JobView:
    """Hold a job."""
    return await _command(deps, principal, job_id, Pause(principal.subject))


async def resume(deps: Deps, principal: Principal, job_id: UUID) -> JobView:
    """Let a held job go on."""
    return await _command(deps, principal, job_id, Resume(principal.subject))


async def _command(deps: Deps, principal: Principal, job_id: UUID, command: Command) -> JobView:
    await get(deps, principal, job_id)
    await deps.transactor.apply(job_id, command)
    return await get(deps, principal, job_id)


async def events(
    deps: Deps, principal: Principal, job_id: UUID, after: int
) -> AsyncIterator[Event | Progress | None]:
    """Follow a job's events; the caller's right to it is checked before the first one."""
    await get(deps, principal, job_id)
    return follow(deps.database, deps.hub, job_id, after)
