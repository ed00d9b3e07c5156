"""Reuse: a step whose inputs are those of one that was done takes over its work instead of doing it again.

What a step reads is known once the steps before it are there. So it is looked up when a task becomes ready (a job that
finds all its steps done needs no worker at all), and once more when it would be leased, for it may have been done
meanwhile. Only for steps that a rewind made new, and for jobs whose seed was named: with a seed that was drawn nothing
can be equal, so the ordinary path asks nothing.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from maquette.domain.commands import ReuseResolved
from maquette.domain.idempotency import inputs_digest, step_key
from maquette.domain.job import Artifact, Job, Place, StepRecord
from maquette.domain.moderation import policies_name
from maquette.domain.pipeline import choose_inputs
from maquette.domain.reuse import complete, may_look, may_share, taken_over
from maquette.services import facts
from maquette.services.ids import new_id
from maquette.services.orders import Batch, Slot
from maquette.store import reuse, safety, steps
from maquette.store.database import Connection
from maquette.store.reuse import Found, Wanted
from maquette.store.steps import BriefFacts

_NOBODYS = Slot(0)
"""What is taken over when a task becomes ready is nobody's order."""


async def settle(connection: Connection, batch: Batch) -> None:
    """Let jobs go on past the steps that other jobs did before, as soon as their tasks are ready."""
    await _take_over(connection, batch, {job.id: _NOBODYS for job in batch.newly_ready if may_share(job)})


async def resolve(connection: Connection, batch: Batch, given: Mapping[Slot, list[Job]]) -> None:
    """Let the jobs that are about to be leased go on past every step that need not be done again.

    ``given`` is brought up to date: a job that stands at a step which its wish does not do stays in the queue.
    """
    looking = {job.id: slot for slot, found in given.items() for job in found if may_look(job)}
    if not looking:
        return
    await _take_over(connection, batch, looking)
    for slot, found in given.items():
        found[:] = [
            job
            for job in (batch.after[item.id] if item.id in looking else item for item in found)
            if job.id not in looking or _wanted(slot, job)
        ]


def _wanted(slot: Slot, job: Job) -> bool:
    return (
        slot.wish is not None and job.place is Place.READY and (job.service, job.spec.name) in slot.wish.pairs
    )


async def _take_over(connection: Connection, batch: Batch, looking: dict[UUID, Slot]) -> None:
    """Take over step after step, until none finds its like."""
    while looking:
        equal = await _equal(connection, [batch.after[key] for key in looking])
        told = len(batch.decisions)
        for key, (record, files) in equal.items():
            batch.fold(looking[key], key, ReuseResolved(record, files))
        await facts.write(connection, batch.decisions[told:])
        looking = {key: slot for key, slot in looking.items() if key in equal and may_look(batch.after[key])}


async def _equal(
    connection: Connection, jobs: Sequence[Job]
) -> dict[UUID, tuple[StepRecord, tuple[Artifact, ...]]]:
    """Return for each job whose current step was done before with equal inputs that record and its files anew."""
    upstream = await steps.upstream_artifacts(connection, jobs)
    briefs = await steps.briefs(connection, [job.id for job in jobs])
    digests = {job.id: _digest(job, briefs[job.id], upstream[job.id]) for job in jobs}
    # Allowed by other policies than those that hold now, it is made anew and judged by these.
    versions = await safety.versions(connection, sorted({job.project_id for job in jobs}))
    current = {job.id: policies_name(versions[None], versions[job.project_id]) for job in jobs}
    found = await _own(connection, [job for job in jobs if job.revision], digests, current)
    others = [job for job in jobs if may_share(job) and job.id not in found]
    found |= await _others(connection, others, digests, current, briefs)
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
    connection: Connection,
    jobs: Sequence[Job],
    digests: Mapping[UUID, bytes],
    current: Mapping[UUID, str],
    briefs: Mapping[UUID, BriefFacts],
) -> dict[UUID, Found]:
    """Return what other jobs made with equal inputs: by the service that would do it, else by one of its route."""
    if not jobs:
        return {}
    models = await reuse.models(
        connection, {name for job in jobs for name in _able(job)}, {job.spec.name for job in jobs}
    )
    wanted = [
        Wanted(
            job.id,
            job.project_id,
            job.position,
            briefs[job.id].effective["seeds"][job.spec.name],
            service,
            step_key(digests[job.id], models[service, job.spec.name]),
            current[job.id],
        )
        for job in jobs
        for service in _able(job)
        if (service, job.spec.name) in models and job.spec.name in briefs[job.id].effective["seeds"]
    ]
    if not wanted:
        return {}
    equal = await reuse.equal(connection, wanted)
    return {
        job.id: next(equal[job.id, name] for name in _able(job) if (job.id, name) in equal)
        for job in jobs
        if any((job.id, name) in equal for name in _able(job))
    }


def _able(job: Job) -> tuple[str, ...]:
    """Return whose work is good for the step: who would do it now first, then the others of its route."""
    return tuple(dict.fromkeys((job.service, *job.route)))


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
