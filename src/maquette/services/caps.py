"""Caps: how many tasks of a project may run at once, over all processes.

Running tasks are counted from leases, under a lock that only those take who give out tasks of a capped project: two
batches cannot both take the last place. What is over the cap is put aside, so that claims need not pass over it, and
comes back as places become free. Without capped projects there is no statement for any of this.
"""

from collections.abc import Collection, Iterable
from contextlib import nullcontext
from uuid import UUID

from maquette.domain.fair import Clocks
from maquette.domain.job import Job
from maquette.services.board import Board
from maquette.services.orders import Batch
from maquette.store import caps, quotas, tasks
from maquette.store.database import Connection
from maquette.store.locks import waiting_briefly


class Caps:
    """What is left of the capped projects in one batch."""

    def __init__(self, board: Board) -> None:
        self._capped = board.capped
        self._left: dict[UUID, int] = {}
        self._locked: set[UUID] = set()

    async def look(
        self, connection: Connection, batch: Batch, jobs: Iterable[Job], *, claimed: bool = False
    ) -> None:
        """Count what is left of the capped projects among those of the jobs.

        The first time locks are waited for; later on, where some are held already, a project whose tasks somebody else is
        giving out right now has nothing left for this batch. ``claimed``: the batch holds rows of the line, among them some
        of jobs that others hold and take out of it, so it waits briefly.
        """
        if not self._capped:
            return
        asked = sorted({job.project_id for job in jobs} & self._capped - self._left.keys())
        if not asked:
            return
        if self._locked:
            held = await caps.try_lock(connection, asked)
        else:
            async with waiting_briefly(connection) if claimed else nullcontext():
                await caps.lock(connection, asked)
            held = set(asked)
        self._locked |= held
        terms = await quotas.terms(connection, held)
        running = await caps.running(connection, held)
        for project in asked:
            cap = terms[project].project.running_tasks if project in terms else None
            if project not in held:
                self._left[project] = 0
            elif cap is not None:
                self._left[project] = cap - running.get(project, 0) + _ended(batch, project)

    def room(self, project: UUID) -> bool:
        """Whether one more task of a project may be given out."""
        return self._left.get(project, 1) > 0

    def take(self, project: UUID) -> None:
        """One more task of a project is given out."""
        if project in self._left:
            self._left[project] -= 1

    async def put_aside(self, connection: Connection, left: Iterable[Job]) -> bool:
        """Take the projects out of line that are at their cap and still at its head; return whether there were any."""
        full = {job.project_id for job in left if not self.room(job.project_id)} & self._locked
        if full:
            await caps.put_aside(connection, sorted(full))
        return bool(full)


def _ended(batch: Batch, project: UUID) -> int:
    """Return how many leases of a project this batch has ended: their rows are still there."""
    return sum(_left_its_lease(batch, key) for key, job in batch.after.items() if job.project_id == project)


def _left_its_lease(batch: Batch, key: UUID) -> bool:
    before = batch.before[key]
    return before is not None and before.lease is not None and batch.after[key].lease is None


async def follow(connection: Connection, batch: Batch, board: Board, clocks: Clocks) -> None:
    """Let tasks back into line for the leases that this batch ended; to be called when their rows are gone."""
    if board.capped:
        ended = {job.project_id for key, job in batch.after.items() if _left_its_lease(batch, key)}
        if projects := ended & board.capped:
            batch.let_in += await let_in(connection, projects, clocks)


async def let_in(connection: Connection, projects: Collection[UUID], clocks: Clocks) -> list[tuple[str, str]]:
    """Bring as many tasks back into line as their projects may begin; return (service, step) of each."""
    terms = await quotas.terms(connection, projects)
    room = {
        project: terms[project].project.running_tasks if project in terms else None
        for project in sorted(projects)
    }
    back = await caps.take_back(connection, room)
    if back:
        await tasks.enter(connection, back, clocks)
    return [(item.service, item.step) for item in back]
