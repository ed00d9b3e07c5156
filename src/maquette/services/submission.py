"""Submission: from a request's body to a job that is durably recorded."""

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from maquette.domain import typeid
from maquette.domain.brief import PRIORITIES, SEED_MAX, Brief
from maquette.domain.commands import Create
from maquette.domain.errors import BudgetExhausted, Invalid, MaquetteError, NotFound, QuotaExceeded
from maquette.domain.idempotency import request_digest
from maquette.domain.job import Artifact, Job, JobStatus, StepStatus
from maquette.domain.ledger import MICROS
from maquette.domain.moderation import words
from maquette.domain.pipeline import REFERENCE, REFERENCE_POSITION, pipeline_for
from maquette.domain.principal import Principal
from maquette.domain.quota import above_max_cost
from maquette.services.admission import Admitted, admit
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.services.orders import NewJob, Replayed
from maquette.services.provided import parse_from_asset, rows, uploaded
from maquette.services.references import judge_brief
from maquette.services.tariff import bill
from maquette.services.uploads import require_usable
from maquette.services.webhooks import check_url
from maquette.store import jobs, projects, sources
from maquette.store.database import Connection, encode
from maquette.store.jobs import BatchLine, BriefRow, RequestKey
from maquette.store.projects import Upload
from maquette.store.sources import Source
from maquette.telemetry.trace import TraceContext


@dataclass(frozen=True, slots=True)
class Recorded:
    """The job of a request, made now or by the same request before."""

    job_id: UUID
    replayed: bool
    written: tuple[Job, BriefRow] | None = None
    """What was recorded, where it was now."""


async def record(
    deps: Deps,
    principal: Principal,
    wish: Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    correlation_id: str | None = None,
    trace: TraceContext | None = None,
    batch: BatchLine | None = None,
) -> Recorded:
    """Admit one brief and record its job durably; a request that came before gives the job it made then.

    It does so whatever has changed since: a new style, a stricter policy, an upload that is gone.
    """
    project_id = principal.require_project(typeid.decode("prj", wish["project_id"]))
    request = (
        RequestKey(project_id, idempotency_key, request_digest({"by": principal.subject, "body": wish}))
        if idempotency_key
        else None
    )
    if request is not None and (earlier := await _made_before(deps, request)):
        return Recorded(earlier, replayed=True)
    if wish.get("dry_run"):
        raise Invalid.field(("dry_run",), "briefs are rehearsed one by one")
    webhook_url = wish.get("webhook_url")
    if webhook_url is not None:
        check_url(deps.outbound, webhook_url, ("webhook_url",))
    ready = await prepare(deps, project_id, wish, correlation_id)
    admitted, job, uploads = ready.admitted, ready.job, ready.uploads
    for loc, item in ready.brought:
        await require_usable(deps, item, loc)
    if (unpaid := ready.above_max_cost) is not None:
        raise unpaid
    told = words(admitted.brief.asset_type, admitted.effective)
    judged = await judge_brief(deps, principal, project_id, told, ready.brought, job.correlation_id)
    held = judged.verdict == "hold"
    ruling = judged.ruling(project_id, principal.subject, correlation_id=job.correlation_id) if held else None
    records, files = rows(job, admitted.provided, principal.subject)
    references = [uploads[key] for key in admitted.references]
    create = Create(job, records, (*_references(job, references), *files), ruling)
    brief = dataclasses.replace(
        _brief_row(admitted, principal, batch, "" if held else judged.policy.name),
        trace=trace,
        drawn_seed=None if job.reuse else admitted.brief.seed,
    )
    new = NewJob(brief, request, webhook_url=webhook_url)
    try:
        made = await deps.transactor.create(job, create, new)
    except (QuotaExceeded, BudgetExhausted) as error:
        deps.limiter.note(project_id, principal.subject, error)
        raise
    if isinstance(made, Replayed):
        return Recorded(made.job_id, replayed=True)
    return Recorded(made.id, replayed=False, written=(made, brief))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A brief that may become this job, as far as it alone can say: not judged, and within no limits yet."""

    job: Job
    admitted: Admitted
    uploads: Mapping[UUID, Upload]
    brought: Sequence[tuple[tuple[str, ...], Upload]]
    """Files that come with it, with the field that names each."""

    @property
    def above_max_cost(self) -> MaquetteError | None:
        """The error to refuse it with when it is estimated above its own ``max_cost``."""
        bill = self.job.bill
        if bill is None or bill.max_micros is None:
            return None
        estimated = sum(item.micros for item in bill.estimates)
        return above_max_cost(estimated, bill.max_micros) if estimated > bill.max_micros else None


async def prepare(
    deps: Deps, project_id: UUID, wish: Mapping[str, Any], correlation_id: str | None
) -> Prepared:
    """Admit a brief under the project's context, and estimate what it costs."""
    project = (await deps.database.shared(projects.contexts, [project_id])).get(project_id)
    if project is None:
        raise NotFound("There is no such project.")
    places: list[tuple[tuple[str, ...], str]] = [
        (("reference_uploads",), item) for item in wish.get("reference_uploads", ())
    ]
    places += [
        (("provide", step), item) for step, items in (wish.get("provide") or {}).items() for item in items
    ]
    if not wish.get("reference_uploads"):
        places += [(("style", "references"), item) for item in project.style.references]
    ids = [typeid.decode_field("upl", item, loc) for loc, item in places]
    found: list[Upload] = []
    source = None
    if ids or wish.get("from_asset") is not None:
        async with deps.database.connection() as connection:
            found = await projects.uploads(connection, ids, [project_id]) if ids else []
            source = await _source(connection, project_id, wish.get("from_asset"))
    seed = wish.get("seed")
    uploads = {upload.id: upload for upload in found}
    admitted = admit(
        wish, project, uploads, source, seed=secrets.randbelow(SEED_MAX) if seed is None else seed
    )
    brought = [(loc, uploads[key]) for (loc, _), key in zip(places, ids, strict=True) if key in uploads]
    job = replace(_new_job(admitted, correlation_id), reuse="" if seed is None else admitted.brief.reuse)
    services = [job.service_at(position) for position in range(len(job.revisions))]
    left_out = job.skipped | job.provided
    estimated = await deps.tariff.estimate(job.pipeline, services, admitted.effective, left_out)
    most = wish.get("max_cost")
    priced = replace(job, bill=bill(estimated, None if most is None else round(most * MICROS)))
    return Prepared(priced, admitted, uploads, brought)


async def _made_before(deps: Deps, request: RequestKey) -> UUID | None:
    """Return the job that the same request made, for whoever comes later; who comes at once is told by the batch.

    Another body under the same key is left to the batch, too.
    """
    async with deps.database.connection() as connection:
        known = await jobs.remembered_requests(connection, [request])
    job_id, digest = known.get((request.project_id, request.key), (None, b""))
    return job_id if digest == request.digest else None


async def _source(connection: Connection, project: UUID, wanted: str | None) -> Source | None:
    if wanted is None:
        return None
    asset, version = parse_from_asset(wanted)
    found = await sources.source(connection, asset, project, version)
    if found is None:
        raise Invalid.field(("from_asset",), f"there is no {wanted} in this project")
    return found


def _new_job(admitted: Admitted, correlation_id: str | None) -> Job:
    brief, pipeline = admitted.brief, pipeline_for(admitted.brief.asset_type)
    job_id = new_id()
    left_out = admitted.skipped | admitted.provided.positions
    first = next(place for place in range(len(pipeline.steps)) if place not in left_out)
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
        provided=admitted.provided.positions,
        gate_policies=admitted.gate_policies,
        routes=admitted.routes,
        retries=admitted.retries,
    )


def _brief_row(admitted: Admitted, principal: Principal, batch: BatchLine | None, safety: str) -> BriefRow:
    brief = admitted.brief
    return BriefRow(
        created_by=principal.subject,
        library_path=brief.library_path,
        prompt=brief.prompt,
        pins=admitted.pins,
        inputs=encode(brief_fields(brief)),
        effective=encode(admitted.effective),
        batch=batch,
        safety=safety,
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
        "provide": {
            step: [typeid.encode("upl", item) for item in items] for step, items in brief.provide.items()
        },
        "from_asset": brief.from_asset,
        "priority": brief.priority,
        "fallback": brief.fallback,
        "reuse": brief.reuse,
        "metadata": brief.metadata,
    }


def _references(job: Job, uploads: Sequence[Upload]) -> tuple[Artifact, ...]:
    return tuple(uploaded(job.id, REFERENCE_POSITION, REFERENCE, item) for item in uploads)
