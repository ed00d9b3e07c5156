"""Jobs: submit, read, hold, let go on, give up."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from maquette.domain import eta
from maquette.domain.commands import Cancel, Command, Pause, Resume
from maquette.domain.errors import NotFound
from maquette.domain.events import Event
from maquette.domain.job import Artifact, Hold, Job, JobStatus, Lease, Place, StepRecord
from maquette.domain.ledger import MICROS
from maquette.domain.principal import Principal
from maquette.domain.review import UserDecision
from maquette.services.deps import Deps
from maquette.services.follow import follow
from maquette.services.submission import record
from maquette.store import reading, reuse
from maquette.store.database import Connection
from maquette.store.events import Running
from maquette.store.jobs import BriefRow
from maquette.store.reading import History, JobRow, Progress
from maquette.telemetry.trace import TraceContext


@dataclass(frozen=True, slots=True)
class JobView:
    """A job with everything a person may see of it."""

    row: JobRow
    records: Sequence[StepRecord]
    artifacts: Sequence[Artifact]
    attempts: History
    decisions: Sequence[UserDecision]
    lease: Lease | None = None
    progress: Progress | None = None
    queue_position: int | None = None
    eta_seconds: float | None = None
    """Until it ends or waits for a person; None where nothing was measured."""
    waiting_for: UUID | None = None
    """The job whose work it waits for; None when it waits for nobody's."""

    @property
    def job(self) -> Job:
        """The job itself."""
        return self.row.job


@dataclass(frozen=True, slots=True)
class Submitted:
    """A new job, or the one that the same request made before."""

    view: JobView
    replayed: bool


async def submit(
    deps: Deps,
    principal: Principal,
    wish: Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    correlation_id: str | None = None,
    trace: TraceContext | None = None,
) -> Submitted:
    """Admit a brief and record its job durably. ``wish`` is the request's body as the API's shape gives it."""
    made = await record(
        deps,
        principal,
        wish,
        idempotency_key=idempotency_key,
        correlation_id=correlation_id,
        trace=trace,
    )
    if made.written is None:
        return Submitted(await get(deps, principal, made.job_id), made.replayed)
    return Submitted(await _as_recorded(deps, principal, *made.written), made.replayed)


async def get(deps: Deps, principal: Principal, job_id: UUID) -> JobView:
    """Return a job with its steps as of one moment; ``NotFound`` when it is missing or another project's.

    Read one after the other, a job could still run a step whose files are there already.
    """
    async with deps.database.tenant(principal.memberships) as connection:
        row = await reading.job(connection, job_id, principal.memberships)
        if row is None:
            raise NotFound("There is no such job.")
        principal.require_project(row.job.project_id)
        found = await reading.attached(connection, [job_id])
        queued = row.job.place is Place.READY and job_id not in found.leases
        position, aside = await reading.queue_position(connection, job_id) if queued else (None, False)
        leaders = await _leaders(connection, [row])
    lease, _ = found.leases.get(job_id, (None, None))
    # At its project's cap the line's pace says nothing of when its turn comes.
    left = None if aside else await _seconds_left(deps, row.job, lease, position)
    return _view(row, found, position, left, leaders.get(job_id))


async def _as_recorded(deps: Deps, principal: Principal, job: Job, brief: BriefRow) -> JobView:
    """Return a new job as `get` would, from what was written: all but its place in line is known here.

    Nothing hangs on a job that just waits for its first step or has begun with it. Reading it again took eleven round
    trips: a fifth of a submission's CPU here, and two thirds of it in PostgreSQL.
    """
    position = None
    if job.place is Place.READY:
        position = (await deps.database.shared(reading.queue_positions, [job.id])).get(job.id)
    events = 1 if job.lease is None else 2  # created, and its first step started
    if job.provided or job.sequence != events or (job.lease is None and position is None):
        return await get(deps, principal, job.id)
    leases = {} if job.lease is None else {job.id: (job.lease, reading.NO_PROGRESS)}
    left = await _seconds_left(deps, job, job.lease, position)
    return _view(reading.new_row(job, brief), reading.Attached({}, {}, {}, {}, leases), position, left)


async def _seconds_left(deps: Deps, job: Job, lease: Lease | None, position: int | None) -> float | None:
    if job.status not in {JobStatus.QUEUED, JobStatus.RUNNING}:
        return None
    paces, now = await deps.transactor.board.pace.lately(deps.database)
    return eta.seconds_left(job, lease, position, paces, now)


async def _leaders(connection: Connection, rows: Sequence[JobRow]) -> dict[UUID, UUID]:
    """Return whose work the jobs wait for: no statement where none of them does."""
    held = [row.job.id for row in rows if Hold.REUSE in row.job.holds]
    return await reuse.leaders(connection, held) if held else {}


def _view(
    row: JobRow,
    found: reading.Attached,
    position: int | None,
    seconds_left: float | None = None,
    waiting_for: UUID | None = None,
) -> JobView:
    key = row.job.id
    lease, progress = found.leases.get(key, (None, None))
    return JobView(
        row,
        found.records.get(key, []),
        found.artifacts.get(key, []),
        found.attempts.get(key, {}),
        found.decisions.get(key, []),
        lease,
        progress,
        position,
        seconds_left,
        waiting_for,
    )


async def list_jobs(
    deps: Deps,
    principal: Principal,
    *,
    project: UUID | None,
    before: UUID | None,
    status: str | None,
    asset_type: str | None,
    batch: UUID | None = None,
    limit: int,
) -> list[JobView]:
    """Return up to ``limit`` jobs, newest first, older than ``before``."""
    scope = principal.projects if project is None else [principal.require_project(project)]
    async with deps.database.tenant(scope) as connection:
        rows = await reading.jobs(
            connection, scope, before=before, status=status, asset_type=asset_type, batch=batch, limit=limit
        )
        found = await reading.attached(connection, [row.job.id for row in rows])
        leaders = await _leaders(connection, rows)
    return [_view(row, found, None, None, leaders.get(row.job.id)) for row in rows]


async def cancel(deps: Deps, principal: Principal, job_id: UUID) -> JobView:
    """Give a job up."""
    return await _command(deps, principal, job_id, Cancel(principal.subject))


async def pause(deps: Deps, principal: Principal, job_id: UUID, before: str | None = None) -> JobView:
    """Hold a job, now or when the step ``before`` would begin."""
    return await _command(deps, principal, job_id, Pause(principal.subject, before))


async def resume(deps: Deps, principal: Principal, job_id: UUID, max_cost: float | None = None) -> JobView:
    """Let a held job go on; ``max_cost`` is what it may cost from now on, in dollars."""
    most = None if max_cost is None else round(max_cost * MICROS)
    return await _command(deps, principal, job_id, Resume(principal.subject, most))


async def _command(deps: Deps, principal: Principal, job_id: UUID, command: Command) -> JobView:
    await get(deps, principal, job_id)
    await deps.transactor.apply(job_id, command)
    return await get(deps, principal, job_id)


async def events(
    deps: Deps, principal: Principal, job_id: UUID, after: int
) -> AsyncIterator[Event | Running | None]:
    """Follow a job's events; the caller's right to it is checked before the first one."""
    job = (await get(deps, principal, job_id)).job
    return follow(deps.database, deps.hub, job.project_id, job_id, after)
