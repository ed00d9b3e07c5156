"""Reuse: a step whose inputs are those of an earlier one takes over its work instead of doing it again.

Looked up where a task would be leased, because only then is known what the step reads; and only for steps that a
rewind made new: the ordinary path asks nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from maquette.domain.commands import ReuseResolved
from maquette.domain.idempotency import inputs_digest, step_key
from maquette.domain.job import Artifact, Job, Place, StepRecord
from maquette.domain.moderation import policies_name
from maquette.domain.pipeline import choose_inputs
from maquette.services import facts
from maquette.services.ids import new_id
from maquette.services.orders import Batch, Slot
from maquette.store import safety, steps
from maquette.store.database import Connection


async def resolve(connection: Connection, batch: Batch, given: Mapping[Slot, list[Job]]) -> None:
    """Let the jobs that are about to be leased go on past every step that need not be done again.

    ``given`` is brought up to date: a job that stands at a step which its wish does not do stays in the queue.
    """
    looking = {
        job.id: slot for slot, found in given.items() for job in found if job.revision and not job.lease
    }
    if not looking:
        return
    touched = set(looking)
    while looking:
        equal = await _equal(connection, [batch.after[key] for key in looking])
        told = len(batch.decisions)
        for key, (record, files) in equal.items():
            batch.fold(looking[key], key, ReuseResolved(record, files))
        await facts.write(connection, batch.decisions[told:])
        looking = {
            key: slot
            for key, slot in looking.items()
            if key in equal and batch.after[key].place is Place.READY and batch.after[key].revision
        }
    for slot, found in given.items():
        found[:] = [
            job
            for job in (batch.after[item.id] if item.id in touched else item for item in found)
            if job.id not in touched or _wanted(slot, job)
        ]


def _wanted(slot: Slot, job: Job) -> bool:
    return (
        slot.wish is not None and job.place is Place.READY and (job.service, job.spec.name) in slot.wish.pairs
    )


async def _equal(
    connection: Connection, jobs: list[Job]
) -> dict[UUID, tuple[StepRecord, tuple[Artifact, ...]]]:
    """Return for each job whose current step was done before with equal inputs that record and its files anew."""
    upstream = await steps.upstream_artifacts(connection, jobs)
    briefs = await steps.briefs(connection, [job.id for job in jobs])
    earlier = await steps.earlier_records(connection, jobs)
    found: dict[UUID, StepRecord] = {}
    for job in jobs:
        effective, name = briefs[job.id].effective, job.spec.name
        digest = inputs_digest(
            project_id=job.project_id,
            asset_type=job.asset_type,
            step=name,
            params=effective["params"].get(name),
            seed=effective["seeds"].get(name),
            upstream=[item.sha256 for item in choose_inputs(job.spec, upstream[job.id])],
        )
        for record in earlier[job.id]:
            if record.idempotency_key == step_key(digest, record.model_version):
                found[job.id] = record
                break
    if not found:
        return {}
    # Allowed by other policies than those that hold now, it is made anew and judged by these.
    versions = await safety.versions(connection, sorted({job.project_id for job in jobs}))
    current = {job.id: policies_name(versions[None], versions[job.project_id]) for job in jobs}
    found = {key: record for key, record in found.items() if record.safety == current[key]}
    files = await steps.revision_artifacts(connection, list(found.values()))
    # What somebody took away since is done again: it may not be seen.
    found = {
        key: record
        for key, record in found.items()
        if not any(item.withheld for item in files[record.job_id])
    }
    revisions = {job.id: job.revision for job in jobs}
    return {
        key: (
            record,
            tuple(
                replace(item, id=new_id(), revision=revisions[key], attempt=0)
                for item in files[record.job_id]
            ),
        )
        for key, record in found.items()
    }
