"""Reuse: which steps may take over what was made with equal inputs, and what of it."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from maquette.domain.job import Artifact, Job, Place, StepRecord

ALLOW = "allow"


def may_share(job: Job) -> bool:
    """Whether the waiting task may be done already by another job: its seed was named, and nobody forbade it."""
    return job.reuse == ALLOW and _untried(job)


def may_look(job: Job) -> bool:
    """Whether the waiting task may be done already, be it by an earlier revision of the same step."""
    return (job.revision > 0 or job.reuse == ALLOW) and _untried(job)


def _untried(job: Job) -> bool:
    """Whether nobody has begun: a step that was tried is the work of its own attempts, the last of which wins."""
    return job.place is Place.READY and job.attempt == 0


def reach(job: Job) -> tuple[str, ...]:
    """Return whose work is good for the step: who would do it now first, then the others of its route."""
    return tuple(dict.fromkeys((job.service, *job.route)))


def complete(record: StepRecord, files: Sequence[Artifact], number: int) -> bool:
    """Whether all files are there that the work consists of, and may be seen."""
    return len(files) == number and all(
        item.revision == record.revision and item.withheld is None for item in files
    )


def taken_over(job: Job, files: Sequence[Artifact], ids: Sequence[UUID]) -> tuple[Artifact, ...]:
    """Return files as those of the job's current revision.

    What this job's reviewer chose among them stays chosen; another's choice is not this one's.
    """
    return tuple(
        replace(
            item,
            id=new,
            job_id=job.id,
            revision=job.revision,
            attempt=0,
            selected=item.selected if item.job_id == job.id else None,
        )
        for item, new in zip(files, ids, strict=True)
    )
