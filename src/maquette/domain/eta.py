"""When a job will come to its end, or to a person: from what was measured lately, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from maquette.domain.job import Job, JobStatus, Lease, Place

WINDOW_SECONDS = 900
"""What was longer ago says nothing of now."""

Line = tuple[str, str]
"""(service, step)"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How steps of a line went in the window: how many were done, how long they took in all (s), since when."""

    done: int
    seconds: float
    began_at: datetime

    @property
    def duration(self) -> float:
        """How long one takes (s)."""
        return self.seconds / self.done

    def each(self, now: datetime) -> float:
        """How long it takes until the next one is done (s), whoever does it: the inverse of the line's throughput."""
        return max((now - self.began_at).total_seconds(), 0.001) / self.done


def lines(job: Job) -> list[Line]:
    """Return who does what is still to do, from the current step up to the end or to the first gate."""
    found = [(job.service, job.spec.name)]
    last = job.position
    for position in range(job.position + 1, len(job.revisions)):
        if last in job.gates:
            break
        if position not in job.skipped | job.provided:
            found.append((job.service_at(position), job.pipeline.steps[position].name))
            last = position
    return found


def seconds_left(
    job: Job, lease: Lease | None, queue_position: int | None, paces: Mapping[Line, Pace], now: datetime
) -> float | None:
    """Return how long it takes (s) until the job ends or waits for a person; None where nothing was measured.

    The line before it, at the pace at which it went lately, then the mean duration of each step. That a later step
    finds a line as well, that a step fails, and how long a person takes is not foreseen.
    """
    ahead = lines(job)
    if job.status not in {JobStatus.QUEUED, JobStatus.RUNNING} or any(line not in paces for line in ahead):
        return None
    first, *later = (paces[line] for line in ahead)
    rest = sum(pace.duration for pace in later)
    if lease is not None:
        return max(first.duration - (now - lease.leased_at).total_seconds(), 0.0) + rest
    if job.place is Place.DELAYED and job.retry_at is not None:
        return max((job.retry_at - now).total_seconds(), 0.0) + first.duration + rest
    if queue_position is None:
        return None
    return (queue_position - 1) * first.each(now) + first.duration + rest
