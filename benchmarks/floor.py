"""The floor: the store's own functions called with rows that were prepared before, in batches as the product makes them.

No HTTP, no decisions, no worker. Every job goes through the same statements as in ``services.batch``: locks, facts, the
library, the claim, what hand-outs look up, state, tasks, events; ``tests/cost/test_floor_statements.py`` holds that they
are those that the product's batches send. Two connections take turns at nothing: each has jobs of its own, so they
never wait for each other.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from benchmarks.server import fresh_database
from benchmarks.work import MODEL, MODEL_VERSION, STEPS, file_of, outputs_of
from maquette.domain.asset import AssetDraft, draft
from maquette.domain.commands import Complete, Create, Start
from maquette.domain.context import Pins
from maquette.domain.decision import Decision
from maquette.domain.idempotency import canonical
from maquette.domain.job import Artifact, Job, JobStatus, Lease, StepStatus, object_prefix
from maquette.domain.lifecycle import decide
from maquette.services.ids import new_id
from maquette.store import assets, jobs, steps, tasks
from maquette.store.database import Connection, Database
from maquette.store.jobs import BriefRow
from maquette.store.migrate import migrate

CONNECTIONS = 2
_EFFECTIVE = {
    "params": {step: {"prompt": "a rusty robot courier, game-ready"} for step in STEPS},
    "seeds": dict.fromkeys(STEPS, 42),
}


@dataclass(slots=True)
class _Batch:
    """The rows of one transaction: some jobs' completions and the starts that follow them."""

    before: dict[UUID, Job] = field(default_factory=dict)
    after: dict[UUID, Job] = field(default_factory=dict)
    completed: list[UUID] = field(default_factory=list)
    started: list[UUID] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    drafts: list[AssetDraft] = field(default_factory=list)
    claims: int = 0


@dataclass(slots=True)
class _Lane:
    """One connection's jobs: they have a service of their own, so that claims find them in order."""

    service: str
    created: list[Job]
    batches: list[_Batch]


@dataclass(frozen=True, slots=True)
class Bare:
    """What the statements alone take."""

    rate: float
    """Steps a second."""
    cpu: float
    """Seconds of this process's CPU time a step."""


async def measure(url: str, *, jobs_count: int, batch: int) -> Bare:
    """Run bare steps in a fresh database ``floor`` of the server, in batches of ``batch`` completions."""
    floor_url = await fresh_database(url, "floor")
    await migrate(floor_url)
    cohorts = max(1, jobs_count // (batch * CONNECTIONS))
    lanes = [_lane(f"lane-{number}", cohorts, batch) for number in range(CONNECTIONS)]
    database = await Database.open(floor_url, connections_max=CONNECTIONS)
    try:
        for lane in lanes:
            await _record(database, lane)
        begun, cpu_begun = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_run(database, lane) for lane in lanes))
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu_begun
        expected = len(STEPS) * cohorts * batch * CONNECTIONS
        async with database.connection() as connection:
            done = await connection.fetchval("select count(*) from steps where status = 'done'")
    finally:
        await database.close()
    if done != expected:
        raise RuntimeError(f"The bare statements made {done} steps instead of {expected}.")
    return Bare(expected / seconds, cpu / expected)


async def _record(database: Database, lane: _Lane) -> None:
    brief = BriefRow("usr_benchmark", "props/floor", "a prompt", Pins(style=1), b"{}", canonical(_EFFECTIVE))
    async with database.transaction() as connection:
        await jobs.insert(connection, [(job, brief) for job in lane.created])
        fresh = {job.id: job for job in lane.created}
        await tasks.move(connection, dict.fromkeys(fresh), fresh, lane.created[0].created_at, {})


async def _run(database: Database, lane: _Lane) -> None:
    async with database.connection() as connection:
        for batch in lane.batches:
            await _apply(connection, lane.service, batch)


async def _apply(connection: Connection, service: str, batch: _Batch) -> None:
    """Issue one batch's statements, in the order of ``services.batch.run``."""
    decisions = batch.decisions
    async with connection.transaction():
        await jobs.lock(connection, batch.completed)
        records = [(item.job.project_id, record) for item in decisions for record in item.records]
        if records:
            await steps.insert_records(connection, records)
            files = [
                (item.job.project_id, place, file)
                for item in decisions
                for place, file in enumerate(item.artifacts)
            ]
            await steps.insert_artifacts(connection, files)
        if batch.drafts:
            done = [item.job for item in batch.drafts]
            await steps.briefs(connection, [job.id for job in done])
            await steps.current_records(connection, done)
            await steps.all_artifacts(connection, done)
            await assets.file_versions(connection, batch.drafts, new_id)
        if batch.completed and batch.started:
            await tasks.heads(connection, [(service, step) for step in STEPS])
        if batch.claims:
            claimed = await tasks.claim(connection, [(service, step) for step in STEPS], batch.claims)
            if {job.id for job in claimed.jobs} - set(batch.started):
                raise RuntimeError("The claim found other jobs than those prepared.")
        if batch.started:
            await steps.upstream_artifacts(connection, [batch.after[key] for key in batch.started])
            await steps.briefs(connection, batch.started)
        await jobs.update(connection, [job for _, job in sorted(batch.after.items())])
        await tasks.move(connection, batch.before, batch.after, decisions[0].events[0].time, {})
        await steps.insert_events(connection, [event for item in decisions for event in item.events])


def _lane(service: str, cohorts: int, size: int) -> _Lane:
    """Decide everything beforehand: each cohort's last completions share a batch with the next one's first claims."""
    lane = _Lane(service, [], [_Batch()])
    for _ in range(cohorts):
        cohort = [new_job(service) for _ in range(size)]
        lane.created += cohort
        done: dict[UUID, list[Decision]] = {job.id: [] for job in cohort}
        lane.batches[-1].claims = size
        for step in STEPS:
            batch = lane.batches[-1]
            cohort = [_enter(batch, job, Start(lease_at(service))).job for job in cohort]
            batch.started += [job.id for job in cohort]
            lane.batches.append(batch := _Batch())
            batch.completed = [job.id for job in cohort]
            ended = [_enter(batch, job, completion(job, step)) for job in cohort]
            for decision in ended:
                done[decision.job.id].append(decision)
            cohort = [decision.job for decision in ended]
        lane.batches[-1].drafts = [_draft(job, done[job.id]) for job in cohort]
    return lane


def _enter(batch: _Batch, job: Job, command: Start | Complete) -> Decision:
    decision = decide(job, command, datetime.now(UTC))
    batch.before.setdefault(job.id, job)
    batch.after[job.id] = decision.job
    batch.decisions.append(decision)
    return decision


def new_job(service: str) -> Job:
    job = Job(
        id=new_id(),
        project_id=UUID(int=1),
        asset_type="3D",
        pipeline_version=1,
        correlation_id="floor",
        skipped=frozenset(),
        gates=frozenset(),
        status=JobStatus.QUEUED,
        position=0,
        step_status=StepStatus.PENDING,
        revisions=(0,) * len(STEPS),
        created_at=datetime.now(UTC),
    )
    return decide(None, Create(replace(job, default_service=service)), datetime.now(UTC)).job


_fences = iter(range(1, 10**9))
_EPOCH = new_id()


def lease_at(service: str) -> Lease:
    now = datetime.now(UTC)
    return Lease(
        fence=next(_fences),
        worker_epoch=_EPOCH,
        claim_id=_EPOCH,
        worker="floor:1",
        service=service,
        leased_at=now,
        deadline_at=now + timedelta(seconds=600),
        inputs_digest=bytes(32),
    )


def completion(job: Job, step: str) -> Complete:
    assert job.lease is not None
    file = file_of(step)
    artifact = Artifact(
        id=new_id(),
        job_id=job.id,
        position=job.position,
        revision=job.revision,
        attempt=job.attempt,
        step=step,
        kind=file.kind,
        name=file.name,
        media_type=file.media_type,
        bytes=file.bytes,
        sha256=file.sha256,
        key=object_prefix(job) + file.name,
        attributes={},
    )
    metrics = {"duration": 0.000123, "gpu_type": "cpu", "cost_estimate": 0.0}
    return Complete(job.lease.fence, (artifact,), outputs_of(step), metrics, MODEL, MODEL_VERSION)


def _draft(job: Job, done: Sequence[Decision]) -> AssetDraft:
    return draft(
        job,
        library_path=f"props/{job.id.hex}",
        prompt="a rusty robot courier, game-ready",
        style_version=1,
        effective=_EFFECTIVE,
        records=[record for item in done for record in item.records],
        artifacts=[file for item in done for file in item.artifacts],
    )
