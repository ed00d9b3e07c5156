"""Holds: the one place where a job stops and goes on for a reason that is not its own work."""

from msgspec.structs import replace

from maquette.domain.job import Hold, Job, JobStatus, StepStatus

NONE: frozenset[Hold] = frozenset()


def hold(job: Job, reason: Hold) -> Job:
    """Return the job held: what runs finishes and is recorded, nothing further starts, an open gate stays open."""
    waiting = job.step_status is StepStatus.PENDING
    return replace(
        job,
        holds=job.holds | {reason},
        status=JobStatus.PAUSED,
        step_status=StepStatus.PAUSED if waiting else job.step_status,
        retry_at=None,
    )


def let_go(job: Job, reason: Hold) -> Job:
    """Return the job without this hold; with none left it stands where it would stand if it had never been held.

    Not for ``Hold.RESULT``: what follows then is what follows a completed step.
    """
    left = job.holds - {reason}
    if left:
        return replace(job, holds=left)
    if job.gate_open:
        return replace(job, holds=left, status=JobStatus.AWAITING_REVIEW, step_status=StepStatus.PAUSED)
    return replace(
        job,
        holds=left,
        status=JobStatus.RUNNING if job.started_at else JobStatus.QUEUED,
        step_status=StepStatus.PENDING if job.lease is None else StepStatus.RUNNING,
    )
