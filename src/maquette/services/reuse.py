"""Reuse: a step whose inputs are those of one that was done takes over its work instead of doing it again.

What a step reads is known once the steps before it are there. So it is looked up when a task becomes ready (a job that
finds all its steps done needs no worker at all), and once more when it would be leased, for it may have been done
meanwhile. Only for steps that a rewind made new, and for jobs whose seed was named: with a seed that was drawn nothing
can be equal, so the ordinary path asks nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from maquette.domain.commands import EqualInFlight, ReuseResolved
from maquette.domain.idempotency import inputs_digest, step_key
from maquette.domain.job import Artifact, Job, Place, StepRecord
from maquette.domain.moderation import policies_name
from maquette.domain.pipeline import choose_inputs
from maquette.domain.reuse import complete, may_look, may_share, reach, taken_over
from maquette.services import facts
from maquette.services.ids import new_id
from maquette.services.orders import Batch, Slot
from maquette.store import reuse as store
from maquette.store import safety, steps
from maquette.store.database import Connection
from maquette.store.reuse import Found, Wanted, Work
from maquette.store.steps import BriefFacts

#: Digests that one look locks: PostgreSQL's table of locks has room for some thousands. What is over stays in the queue.
LOCKS_MAX = 500
_NOBODYS = Slot(0)
"""What is taken over when a task becomes ready is nobody's order."""


async def settle(connection: Connection, batch: Batch) -> None:
    """Let jobs go on past the steps that other jobs did before, as soon as their tasks are ready."""
    await _go_on(connection, batch, {job.id: _NOBODYS for job in batch.newly_ready if may_share(job)})


async def resolve(connection: Connection, batch: Batch, given: Mapping[Slot, list[Job]]) -> None:
    """Let the jobs that are about to be leased go on past every step that need not be done again.

    ``given`` is brought up to date: a job that stands at a step which its wish does not do stays in the queue, as does one
    whose like another batch is leasing right now. Its wish looks again at once, for who comes behind it.
    """
    looking = {job.id: slot for slot, found in given.items() for job in found if may_look(job)}
    if not looking:
        return
    asked = {key: (batch.after[key].service, batch.after[key].spec.name) for key in looking}
    busy = await _go_on(connection, batch, looking, leasing=True)
    for slot, found in given.items():
        found[:] = [
            job
            for job in (batch.after[item.id] if item.id in looking else item for item in found)
            if job.id not in looking or (job.id not in busy and _wanted(slot, job))
        ]
    left = {job.id for found in given.values() for job in found}
    batch.let_in += [asked[key] for key in looking if key not in left]


def _wanted(slot: Slot, job: Job) -> bool:
    return (
        slot.wish is not None and job.place is Place.READY and (job.service, job.spec.name) in slot.wish.pairs
    )


async def _go_on(
    connection: Connection, batch: Batch, looking: dict[UUID, Slot], *, leasing: bool = False
) -> set[UUID]:
    """Take over step after step, until none finds its like; who finds it being made waits for it.

    Returns the jobs that must not be leased, because another batch is leasing their like.
    """
    busy: set[UUID] = set()
    while looking:
        looks = await _looks(connection, [batch.after[key] for key in looking])
        sharing = {item.digest for item in looks if may_share(item.job)}
        held = (
            await store.try_lock(connection, sorted(sharing)[:LOCKS_MAX]) if leasing and sharing else sharing
        )
        # Who works on it is asked first: whoever ends in between has left what is looked for then.
        running = await _running(connection, batch, looks)
        equal = await _equal(connection, looks)
        told = len(batch.decisions)
        for key, (record, files) in equal.items():
            batch.fold(looking[key], key, ReuseResolved(record, files))
        for item in looks:
            job = item.job
            if job.id in equal or not may_share(job):
                continue
            if item.digest not in held:
                busy.add(job.id)
                continue
            able = reach(job)
            leader = next((work for work in running[item.digest] if work.service in able), None)
            if leader is not None:
                if batch.fold(looking[job.id], job.id, EqualInFlight(leader.job_id)):
                    batch.following[job.id] = leader.job_id, item.digest
            elif leasing and job.position not in job.gates and _wanted(looking[job.id], job):
                running[item.digest].append(Work(job.id, job.service, item.digest))
        await facts.write(connection, batch.decisions[told:])
        looking = {key: slot for key, slot in looking.items() if key in equal and may_look(batch.after[key])}
    return busy


@dataclass(frozen=True, slots=True)
class _Look:
    """A job that looks for what its current step reads: the digest of that, and its seed."""

    job: Job
    digest: bytes
    seed: int | None


async def _looks(connection: Connection, jobs: Sequence[Job]) -> list[_Look]:
    upstream = await steps.upstream_artifacts(connection, jobs)
    briefs = await steps.briefs(connection, [job.id for job in jobs])
    return [
        _Look(
            job,
            _digest(job, briefs[job.id], upstream[job.id]),
            briefs[job.id].effective["seeds"].get(job.spec.name),
        )
        for job in jobs
    ]


async def _running(
    connection: Connection, batch: Batch, looks: Sequence[_Look]
) -> defaultdict[bytes, list[Work]]:
    """Return who does the steps of those who share right now, by digest: as this batch leaves them."""
    found: defaultdict[bytes, list[Work]] = defaultdict(list)
    sharing = [item for item in looks if may_share(item.job)]
    if not sharing:
        return found
    projects = {item.job.project_id for item in sharing}
    for work in await store.in_flight(connection, projects, {item.digest for item in sharing}):
        job = batch.after.get(work.job_id)
        if job is None or _leads(job, work.digest):
            found[work.digest].append(work)
    return found


def _leads(job: Job, digest: bytes) -> bool:
    """Whether a job of this batch is still at that work: until the batch is written, its lease's row says so anyhow."""
    lease = job.lease
    return lease is not None and not lease.canceling and lease.inputs_digest == digest


async def _equal(
    connection: Connection, looks: Sequence[_Look]
) -> dict[UUID, tuple[StepRecord, tuple[Artifact, ...]]]:
    """Return for each job whose current step was done before with equal inputs that record and its files anew."""
    jobs = [item.job for item in looks]
    # Allowed by other policies than those that hold now, it is made anew and judged by these.
    versions = await safety.versions(connection, sorted({job.project_id for job in jobs}))
    current = {job.id: policies_name(versions[None], versions[job.project_id]) for job in jobs}
    digests = {item.job.id: item.digest for item in looks}
    found = await _own(connection, [job for job in jobs if job.revision], digests, current)
    others = [item for item in looks if may_share(item.job) and item.job.id not in found]
    found |= await _others(connection, others, current)
    if not found:
        return {}
    files = await _files(connection, [item.record for item in found.values()])
    taken: dict[UUID, tuple[StepRecord, tuple[Artifact, ...]]] = {}
    for job in jobs:
        if job.id not in found:
            continue
        record = found[job.id].record
        own = files[_place(record)]
        # What somebody took away since is done again: it may not be seen.
        if complete(record, own, found[job.id].files or len(own)):
            taken[job.id] = record, taken_over(job, own, [new_id() for _ in own])
    return taken


def _digest(job: Job, brief: BriefFacts, upstream: Sequence[Artifact]) -> bytes:
    name = job.spec.name
    return inputs_digest(
        project_id=job.project_id,
        asset_type=job.asset_type,
        step=name,
        params=brief.effective["params"].get(name),
        seed=brief.effective["seeds"].get(name),
        upstream=[item.sha256 for item in choose_inputs(job.spec, upstream)],
    )


async def _own(
    connection: Connection, jobs: Sequence[Job], digests: Mapping[UUID, bytes], current: Mapping[UUID, str]
) -> dict[UUID, Found]:
    """Return what earlier revisions of the same step made with equal inputs, the newest."""
    if not jobs:
        return {}
    earlier = await steps.earlier_records(connection, jobs)
    found: dict[UUID, Found] = {}
    for job in jobs:
        for record in earlier[job.id]:
            equal = record.idempotency_key == step_key(digests[job.id], record.model_version)
            if equal and record.safety == current[job.id]:
                found[job.id] = Found(record, 0)
                break
    return found


async def _others(
    connection: Connection, looks: Sequence[_Look], current: Mapping[UUID, str]
) -> dict[UUID, Found]:
    """Return what other jobs made with equal inputs: by the service that would do it, else by one of its route."""
    if not looks:
        return {}
    jobs = [item.job for item in looks]
    models = await store.models(
        connection, {name for job in jobs for name in reach(job)}, {job.spec.name for job in jobs}
    )
    wanted = [
        Wanted(
            item.job.id,
            item.job.project_id,
            item.job.position,
            item.seed,
            service,
            step_key(item.digest, models[service, item.job.spec.name]),
            current[item.job.id],
        )
        for item in looks
        for service in reach(item.job)
        if (service, item.job.spec.name) in models and item.seed is not None
    ]
    if not wanted:
        return {}
    equal = await store.equal(connection, wanted)
    return {
        job.id: next(equal[job.id, name] for name in reach(job) if (job.id, name) in equal)
        for job in jobs
        if any((job.id, name) in equal for name in reach(job))
    }


_Place = tuple[UUID, int, int]


def _place(record: StepRecord) -> _Place:
    return record.job_id, record.position, record.revision


async def _files(connection: Connection, records: Sequence[StepRecord]) -> dict[_Place, list[Artifact]]:
    """Return the files of step revisions, each looked up once however many take it over."""
    different = {_place(record): record for record in records}
    found: dict[_Place, list[Artifact]] = {place: [] for place in different}
    for item in await steps.revision_artifacts(connection, list(different.values())):
        found[item.job_id, item.position, item.revision].append(item)
    return found
