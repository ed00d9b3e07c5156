"""The worker protocol: claims, heartbeats, uploads, outcomes."""

import re
import time
from collections.abc import Iterator, Sequence
from uuid import UUID

from maquette import wire
from maquette.domain import typeid
from maquette.domain.errors import Invalid, MaquetteError, NotFound, StaleFence
from maquette.domain.job import FILE_NAME, Job, JobStatus, object_prefix
from maquette.domain.pipeline import STEP_NAMES
from maquette.domain.principal import Principal
from maquette.domain.spans import attempt_context
from maquette.services.deps import Deps
from maquette.services.orders import Handout, Order, Verdict, Wish
from maquette.services.outcomes import commands_of, heard_fence, printable
from maquette.store import announced, tasks
from maquette.store.database import encode
from maquette.telemetry.trace import Span, parse

CAPACITY_MAX = 200
#: A worker may hold what several claims gave it, and what it has finished but not heard a verdict on.
HELD_MAX = 2000
#: The job that no task belongs to: ids have a time in them and are never this one.
_NOBODYS = UUID(int=0)
_SERVICE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


async def claim(deps: Deps, principal: Principal, request: wire.Claim) -> wire.ClaimAnswer:
    """Lease ready tasks; with none, wait for one as long as the request allows."""
    wish = _wish(deps, principal, request)
    if not wish.only:
        wait = max(0.0, min(request.wait_seconds, deps.limits.poll_seconds_max))
        _, handouts = await deps.transactor.exchange([], wish, wait)
        return _answer(deps, request.claim_id, handouts)
    _, handouts = await deps.transactor.exchange([], wish)
    async with deps.database.connection() as connection:
        await announced.forget(connection, wish.only)
    return _answer(deps, request.claim_id, handouts)


async def outcomes(deps: Deps, principal: Principal, request: wire.OutcomesRequest) -> wire.OutcomesAnswer:
    """Apply outcomes and, in the same transaction, lease more work."""
    if len(request.outcomes) > CAPACITY_MAX:
        raise Invalid.field(("outcomes",), f"must have at most {CAPACITY_MAX} entries")
    began = time.time_ns()
    ids = [_job_id(item.task_id) for item in request.outcomes]
    jobs = await _leased(deps, ids, request.outcomes)
    prepared = await commands_of(deps, principal, [*zip(request.outcomes, jobs, strict=True)])
    orders = [Order(key, command) for key, (command, _) in zip(ids, prepared, strict=True)]
    wish = _wish(deps, principal, request.claim) if request.claim is not None else None
    verdicts, handouts = await deps.transactor.exchange(orders, wish)
    applied = await _applied_before(deps, request.outcomes, ids, verdicts)
    deps.handed.forget(item.fence for item in request.outcomes)
    told = [
        _verdict(item, verdict, problem, applied)
        for item, verdict, (_, problem) in zip(request.outcomes, verdicts, prepared, strict=True)
    ]
    if deps.tracer.on:
        deps.tracer.record(*_recorded(deps, request.outcomes, told, began))
    return wire.OutcomesAnswer(
        verdicts=told,
        claim=_answer(deps, request.claim.claim_id, handouts) if request.claim is not None else None,
    )


async def _leased(deps: Deps, ids: Sequence[UUID], items: Sequence[wire.Outcome]) -> list[Job | None]:
    """Return the job of each outcome as it was leased. Only what another process handed out has to be read."""
    jobs = [deps.handed.job(key, item.fence) for key, item in zip(ids, items, strict=True)]
    unknown = [key for key, job in zip(ids, jobs, strict=True) if job is None]
    live = await deps.database.shared(tasks.live, unknown) if unknown else {}
    return [job or live.get(key) for key, job in zip(ids, jobs, strict=True)]


def _recorded(
    deps: Deps, items: Sequence[wire.Outcome], verdicts: Sequence[wire.OutcomeVerdict], began: int
) -> Iterator[Span]:
    """Yield what it took to record each outcome that somebody traces, below the worker's span."""
    ended = time.time_ns()
    for item, verdict in zip(items, verdicts, strict=True):
        if (parent := parse(item.traceparent)) is not None:
            yield Span(
                name="record outcome",
                context=deps.tracer.begin(parent),
                parent=parent.span_id,
                started=began,
                ended=ended,
                kind="server",
                attributes={"maquette.verdict": verdict.verdict, "maquette.fence": item.fence},
            )


async def _applied_before(
    deps: Deps, items: Sequence[wire.Outcome], ids: Sequence[UUID], verdicts: Sequence[Verdict]
) -> set[int]:
    """Return the fences among the refused ones whose outcome was recorded earlier: the answer got lost."""
    refused = [
        (key, item.fence)
        for key, item, verdict in zip(ids, items, verdicts, strict=True)
        if isinstance(verdict, StaleFence)
    ]
    if not refused:
        return set()
    async with deps.database.connection() as connection:
        return await tasks.applied_fences(connection, refused)


def _verdict(item: wire.Outcome, verdict: Verdict, problem: str, applied: set[int]) -> wire.OutcomeVerdict:
    if isinstance(verdict, Job):
        # The lease of a canceled job ends with whatever its worker says; what it made was dropped.
        dropped = verdict.status is JobStatus.CANCELED and item.status != "canceled"
        word: wire.Verdict = "stale" if dropped else "rejected" if problem else "applied"
    elif isinstance(verdict, StaleFence | NotFound):
        word = "applied" if item.fence in applied else "stale"
    else:
        word, problem = "rejected", str(verdict)
    return wire.OutcomeVerdict(task_id=item.task_id, fence=item.fence, verdict=word, error=problem)


async def heartbeat(deps: Deps, principal: Principal, beat: wire.Heartbeat) -> wire.HeartbeatAnswer:
    """Record that a worker lives and how far it is; tell it which leases it still holds."""
    if len(beat.held) > HELD_MAX:
        raise Invalid.field(("held",), f"must have at most {HELD_MAX} entries")
    epoch = _uuid(beat.worker_epoch, "worker_epoch")
    _check_work(beat.services, beat.steps)
    principal.require_services(beat.services)
    ids = [_job_id(item.task_id) for item in beat.held]
    progress = [
        [item.fence, min(max(item.value, 0.0), 1.0), printable(item.message, 200)] for item in beat.held
    ]
    async with deps.database.connection() as connection:
        await tasks.beat(
            connection,
            epoch=epoch,
            name=printable(beat.worker, 200),
            ttl_seconds=deps.limits.lease_seconds,
            fences=[item.fence for item in beat.held],
            progress=encode(progress),
            draining=beat.draining,
            services=beat.services,
            steps=[step for step in STEP_NAMES if step in beat.steps],
        )
        live = await tasks.live(connection, ids)
    return wire.HeartbeatAnswer(
        verdicts=[
            _held(item, live.get(key), heard_fence(principal, item.fence, live.get(key)))
            for key, item in zip(ids, beat.held, strict=True)
        ],
        heartbeat_seconds=deps.limits.heartbeat_seconds,
    )


def _held(item: wire.Progress, job: Job | None, fence: int) -> wire.HeartbeatVerdict:
    if job is None or job.lease is None or job.lease.fence != fence:
        return wire.HeartbeatVerdict(task_id=item.task_id, fence=item.fence, verdict="stale")
    return wire.HeartbeatVerdict(
        task_id=item.task_id, fence=item.fence, verdict="cancel" if job.lease.canceling else "held"
    )


async def uploads(deps: Deps, principal: Principal, request: wire.UploadsRequest) -> wire.UploadsAnswer:
    """Grant presigned PUTs below the attempt's own folder."""
    if len(request.uploads) > CAPACITY_MAX:
        raise Invalid.field(("uploads",), f"must have at most {CAPACITY_MAX} entries")
    ids = [_job_id(item.task_id) for item in request.uploads]
    live = await deps.database.shared(tasks.live, ids)
    return wire.UploadsAnswer(
        grants=[
            _grant(deps, item, live.get(key), heard_fence(principal, item.fence, live.get(key)))
            for key, item in zip(ids, request.uploads, strict=True)
        ]
    )


def _grant(deps: Deps, item: wire.UploadRequest, job: Job | None, fence: int) -> wire.UploadGrant:
    if job is None or job.lease is None or job.lease.fence != fence or job.lease.canceling:
        return wire.UploadGrant(task_id=item.task_id, name=item.name, verdict="stale")
    problem = None
    if not FILE_NAME.fullmatch(item.name):
        problem = "name: letters, digits and ._- only, at most 120, no leading dot"
    elif not 0 < item.bytes <= deps.limits.upload_bytes_max:
        problem = f"bytes: must be from 1 to {deps.limits.upload_bytes_max}"
    if problem is not None:
        return wire.UploadGrant(task_id=item.task_id, name=item.name, verdict="rejected", error=problem)
    try:
        signed = deps.objects.sign_put(
            object_prefix(job) + item.name,
            media_type=item.media_type,
            bytes_=item.bytes,
            sha256=item.sha256,
            ttl_seconds=deps.limits.url_ttl_seconds,
        )
    except MaquetteError as error:
        return wire.UploadGrant(task_id=item.task_id, name=item.name, verdict="rejected", error=error.message)
    return wire.UploadGrant(
        task_id=item.task_id, name=item.name, verdict="applied", url=signed.url, headers=dict(signed.headers)
    )


def _wish(deps: Deps, principal: Principal, request: wire.Claim) -> Wish:
    if not (0 if request.retried else 1) <= request.capacity <= CAPACITY_MAX:
        raise Invalid.field(
            ("capacity",), f"must be from 1 to {CAPACITY_MAX}, or 0 to ask again for nothing new"
        )
    if len(request.task_ids) > CAPACITY_MAX:
        raise Invalid.field(("task_ids",), f"must have at most {CAPACITY_MAX} entries")
    if not request.services:
        raise Invalid.field(("services",), "must name one at least")
    _check_work(request.services, request.steps)
    principal.require_services(request.services)
    epoch = _uuid(request.worker_epoch, "worker_epoch")
    worker = printable(request.worker, 200)
    return Wish(
        claim_id=_uuid(request.claim_id, "claim_id"),
        worker_epoch=epoch,
        worker=worker,
        pairs=tuple(
            (service, step)
            for service in sorted(set(request.services))
            for step in sorted(set(request.steps or STEP_NAMES))
        ),
        capacity=request.capacity,
        deadline_seconds_max=deps.limits.attempt_seconds_max,
        retried=request.retried,
        only=tuple(sorted({_job_id(item) for item in request.task_ids})),
    )


def _check_work(services: Sequence[str], steps: Sequence[str]) -> None:
    if len(services) > 8 or not all(map(_SERVICE.fullmatch, services)):
        raise Invalid.field(("services",), "must be up to eight names of lower-case letters, digits and _-")
    unknown = sorted(set(steps) - set(STEP_NAMES))
    if unknown:
        raise Invalid.field(("steps",), f"{unknown[0]!r} is not one of {', '.join(STEP_NAMES)}")


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid.field((field,), "must be a UUID") from None


def _job_id(task_id: str) -> UUID:
    """Return the job of a task: it has one live task at most, so the id is the same under another prefix.

    What is no id is nobody's task, as one that never was: it gets that verdict, and its neighbours theirs.
    """
    try:
        return typeid.decode("task", task_id)
    except NotFound:
        return _NOBODYS


def _answer(deps: Deps, claim_id: str, handouts: Sequence[Handout]) -> wire.ClaimAnswer:
    deps.handed.note(handouts)
    return wire.ClaimAnswer(
        claim_id=claim_id,
        tasks=[_task(deps, item) for item in handouts],
        heartbeat_seconds=deps.limits.heartbeat_seconds,
    )


def _task(deps: Deps, item: Handout) -> wire.Task:
    job, lease = item.job, item.lease
    seconds = (lease.deadline_at - lease.leased_at).total_seconds()
    ttl = int(seconds) + deps.limits.url_ttl_seconds
    trace = item.trace and attempt_context(item.trace, job.id, job.position, job.revision, job.attempt)
    return wire.Task(
        task_id=typeid.encode("task", job.id),
        fence=lease.fence,
        job_id=typeid.encode("job", job.id),
        project_id=typeid.encode("prj", job.project_id),
        step=job.spec.name,
        revision=job.revision,
        attempt=job.attempt,
        asset_type=job.asset_type,
        service=lease.service,
        seed=item.seed,
        params=item.params,
        inputs=[
            wire.InputArtifact(
                id=typeid.encode("art", file.id),
                step=file.step,
                kind=file.kind,
                name=file.name,
                media_type=file.media_type,
                bytes=file.bytes,
                sha256=file.sha256,
                url=deps.objects.sign_get(
                    file.key, media_type=file.media_type, filename=file.name, ttl_seconds=ttl
                ).url,
                attributes=dict(file.attributes),
            )
            for file in item.inputs
        ],
        correlation_id=job.correlation_id,
        deadline_seconds=seconds,
        traceparent="" if trace is None else trace.traceparent,
        tracestate="" if trace is None else trace.state,
    )
