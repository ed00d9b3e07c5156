"""Tasks that this process handed out: most outcomes come back to where the task came from, and need no look at its row."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from maquette.domain.job import Job
from maquette.services.orders import Handout

#: About 2 KB each; what does not fit is read from the database.
HANDED_MAX = 5000


class Handed:
    """Jobs as they were leased, by fence. What belongs to a fence never changes while it lives.

    Whether it still does, only the job's row says, under its lock: what is known here decides nothing.
    """

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}

    def note(self, handouts: Sequence[Handout]) -> None:
        """Keep jobs that were just leased, instead of those that were leased first."""
        for item in handouts:
            self._jobs[item.lease.fence] = item.job
        while len(self._jobs) > HANDED_MAX:
            del self._jobs[next(iter(self._jobs))]

    def job(self, job_id: UUID, fence: int) -> Job | None:
        """Return the job that was leased under a fence; None where this process does not know it."""
        job = self._jobs.get(fence)
        return job if job is not None and job.id == job_id else None

    def forget(self, fences: Iterable[int]) -> None:
        """Let go of leases that a worker has reported on."""
        for fence in fences:
            self._jobs.pop(fence, None)
