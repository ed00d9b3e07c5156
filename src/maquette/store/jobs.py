"""Jobs: locked loading and set-based saving. A batch's worth of rows goes through each function at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from maquette.domain.context import Pins
from maquette.domain.fair import Share
from maquette.domain.holds import NONE
from maquette.domain.job import Detour, Hold, Job, JobStatus, Lease, StepStatus
from maquette.domain.ledger import Amount, Bill
from maquette.domain.retry import StepRetries, step_fields, step_from
from maquette.domain.review import GatePolicy, policy_fields, policy_from
from maquette.store.database import Connection, decode, encode, statements
from maquette.telemetry.trace import TraceContext, kept

_SQL = statements("jobs")


@dataclass(frozen=True, slots=True)
class Locked:
    """Jobs under lock, the time after locking, and the transaction's id for questions about its commit."""

    jobs: dict[UUID, Job]
    now: datetime
    xid: str


@dataclass(frozen=True, slots=True)
class BatchLine:
    """The place of a job in the batch it was submitted with; lines count from 1."""

    batch_id: UUID
    line: int


@dataclass(frozen=True, slots=True)
class BriefRow:
    """What is written once about a new job."""

    created_by: str
    library_path: str
    prompt: str
    pins: Pins
    inputs: bytes
    effective: bytes
    batch: BatchLine | None = None
    safety: str = ""
    """Versions of the policies that allowed the prompt, ``floor.platform.project``."""
    trace: TraceContext | None = None
    """The request's span, or its caller's; None where nobody traces."""
    drawn_seed: int | None = None
    """The seed, where the brief named none: the job is found by it."""


def mask(positions: Iterable[int]) -> int:
    """Return positions as bits."""
    return sum(1 << position for position in positions)


@lru_cache(maxsize=256)
def positions(bits: int) -> frozenset[int]:
    """Return the bits' positions."""
    return frozenset(position for position in range(bits.bit_length()) if bits >> position & 1)


def job_from(row: Mapping[str, Any], lease: Lease | None = None) -> Job:
    """Return the job in a row; its lease comes from another table."""
    return Job(
        id=row["id"],
        project_id=row["project_id"],
        asset_type=row["asset_type"],
        pipeline_version=row["pipeline_version"],
        correlation_id=row["correlation_id"],
        skipped=positions(row["skipped"]),
        gates=positions(row["gates"]),
        priority=row["priority"],
        default_service=row["service"],
        routes=NO_ROUTES if row["routes"] is None else _routes(row["routes"]),
        status=_JOB_STATUS[row["status"]],
        position=row["position"],
        step_status=STEP_STATUS[row["step_status"]],
        gate_open=row["gate_open"],
        revisions=tuple(row["revisions"]),
        attempt=row["attempt"],
        retry_at=row["retry_at"],
        sequence=row["sequence"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        error=decode(row["error"]) if row["error"] is not None else None,
        asset_id=row["asset_id"],
        lease=lease,
        provided=positions(row["provided"]),
        attempts_before=row["attempts_before"],
        detour=None if row["detour"] is None else Detour(*decode(row["detour"])),
        retries=NO_RETRIES if row["retries"] is None else _retries(row["retries"]),
        lost=() if row["lost"] is None else tuple(decode(row["lost"])),
        reuse=row["reuse"] or "",
        bill=None if row["bill"] is None else bill_from(row["bill"]),
        holds=_holds(row["status"], row["holds"]),
        hold_at=row["hold_at"],
        gate_policies=NO_POLICIES if row["gate_policies"] is None else _policies(row["gate_policies"]),
        gate_since=row["gate_since"],
        gate_due_at=row["gate_due_at"],
    )


#: By name: calling an enumeration takes five times as long.
_JOB_STATUS = {item.value: item for item in JobStatus}
STEP_STATUS = {item.value: item for item in StepStatus}
_ALL_HOLDS = tuple(Hold)


@lru_cache(maxsize=256)
def _holds(status: str, bits: int) -> frozenset[Hold]:
    """Return what holds a job. A process of an older version pauses and resumes without a word about it."""
    if status != JobStatus.PAUSED:
        return NONE
    return frozenset(hold for place, hold in enumerate(_ALL_HOLDS) if bits >> place & 1) or _PAUSED


_PAUSED = frozenset({Hold.DECISION})


def bill_kept(bill: Bill) -> bytes:
    """Return a bill as it is kept with the job."""
    return encode(
        [
            [[item.micros, item.gpu_ms] for item in bill.estimates],
            [bill.spent.micros, bill.spent.gpu_ms],
            bill.max_micros,
        ]
    )


def bill_from(data: bytes) -> Bill:
    """Return the bill that was kept."""
    estimates, spent, max_micros = decode(data)
    return Bill(tuple(Amount(*item) for item in estimates), Amount(*spent), max_micros)


NO_POLICIES: Mapping[int, GatePolicy] = {}
NO_ROUTES: Mapping[int, tuple[str, ...]] = {}
NO_RETRIES: Mapping[int, StepRetries] = {}


@lru_cache(maxsize=256)
def _routes(data: bytes) -> Mapping[int, tuple[str, ...]]:
    return {position: tuple(services) for position, services in decode(data)}


@lru_cache(maxsize=256)
def _policies(data: bytes) -> Mapping[int, GatePolicy]:
    return {position: policy_from(fields) for position, fields in decode(data)}


@lru_cache(maxsize=256)
def _retries(data: bytes) -> Mapping[int, StepRetries]:
    return {position: step_from(fields) for position, fields in decode(data)}


def lease_from(row: Mapping[str, Any]) -> Lease:
    """Return the lease in a row."""
    return Lease(
        fence=row["fence"],
        worker_epoch=row["worker_epoch"],
        claim_id=row["claim_id"],
        worker=row["worker"],
        service=row["service"],
        leased_at=row["leased_at"],
        deadline_at=row["deadline_at"],
        inputs_digest=row["inputs_digest"],
        canceling=row["canceling"],
        share=Share(row["tag"], row["stride"]),
    )


async def lock(connection: Connection, ids: Sequence[UUID]) -> Locked:
    """Lock jobs in order of id and return them with their leases; ids without a job are left out."""
    rows = await connection.fetch(_SQL["lock"], ids) if ids else []
    found = await connection.fetch(_SQL["leases"], ids)
    leases = {row["job_id"]: lease_from(row) for row in found if row["job_id"] is not None}
    jobs = {row["id"]: job_from(row, leases.get(row["id"])) for row in rows}
    return Locked(jobs, found[0]["now"], found[0]["xid"])


async def peek(connection: Connection, ids: Sequence[UUID]) -> list[Job]:
    """Return jobs as they are at the moment, in the order of ``ids``: no locks, and no leases."""
    found = {row["id"]: job_from(row) for row in await connection.fetch(_SQL["peek"], ids)}
    return [found[key] for key in ids if key in found]


async def insert(connection: Connection, new: Sequence[tuple[Job, BriefRow]]) -> None:
    """Insert new jobs and their briefs."""
    await connection.execute(
        _SQL["insert"], [_row(job) for job, _ in new], [_brief_row(job, brief) for job, brief in new]
    )


def _row(job: Job) -> tuple[object, ...]:
    return (
        job.id,
        job.project_id,
        job.asset_type,
        job.pipeline_version,
        job.correlation_id,
        mask(job.skipped),
        mask(job.gates),
        job.priority,
        job.default_service,
        job.status,
        job.position,
        job.step_status,
        job.gate_open,
        bytes(job.revisions),
        job.attempt,
        job.sequence,
        job.created_at,
        mask(job.provided),
        _policies_kept(job),
        encode(sorted(job.routes.items())) if job.routes else None,
        _retries_kept(job),
        job.reuse or None,
    )


def _brief_row(job: Job, brief: BriefRow) -> tuple[object, ...]:
    return (
        job.id,
        job.project_id,
        brief.created_by,
        brief.library_path,
        brief.prompt,
        brief.pins.style,
        brief.inputs,
        brief.effective,
        brief.batch.batch_id if brief.batch else None,
        brief.batch.line if brief.batch else None,
        brief.safety,
        brief.pins.constraints,
        brief.pins.gates,
        brief.pins.routes,
        None if brief.trace is None else kept(brief.trace),
        brief.pins.retries,
        brief.drawn_seed,
    )


def _policies_kept(job: Job) -> bytes | None:
    if not job.gate_policies:
        return None
    return encode([[place, policy_fields(policy)] for place, policy in sorted(job.gate_policies.items())])


def _retries_kept(job: Job) -> bytes | None:
    if not job.retries:
        return None
    return encode([[place, step_fields(said)] for place, said in sorted(job.retries.items())])


async def update_holds(connection: Connection, jobs: Sequence[Job]) -> None:
    """Write what holds jobs, the clocks of their gates and what their retries know: most transitions change none of it."""
    await connection.execute(
        _SQL["update_holds"],
        [job.id for job in jobs],
        [mask(map(_ALL_HOLDS.index, job.holds)) for job in jobs],
        [job.hold_at for job in jobs],
        [job.gate_since for job in jobs],
        [job.gate_due_at for job in jobs],
        [job.attempts_before for job in jobs],
        [_detour_kept(job.detour) for job in jobs],
        [encode(job.lost) if job.lost else None for job in jobs],
    )


def _detour_kept(detour: Detour | None) -> bytes | None:
    if detour is None:
        return None
    return encode([detour.position, detour.revision, detour.service, detour.reason])


async def update(connection: Connection, jobs: Sequence[Job]) -> None:
    """Write the new state of locked jobs."""
    await connection.execute(
        _SQL["update"],
        [
            (
                job.id,
                job.status,
                job.position,
                job.step_status,
                job.gate_open,
                bytes(job.revisions),
                job.attempt,
                job.retry_at,
                job.sequence,
                job.started_at,
                job.finished_at,
                encode(job.error) if job.error is not None else None,
                job.asset_id,
            )
            for job in jobs
        ],
    )


async def update_effective(connection: Connection, changed: Mapping[UUID, tuple[bytes, str]]) -> None:
    """Replace the effective inputs of jobs whose reviewer changed them, and what allowed them."""
    await connection.execute(
        _SQL["update_effective"],
        list(changed),
        [effective for effective, _ in changed.values()],
        [safety for _, safety in changed.values()],
    )


@dataclass(frozen=True, slots=True)
class RequestKey:
    """An ``Idempotency-Key`` of a project, and the digest of the body that came with it."""

    project_id: UUID
    key: str
    digest: bytes


async def remembered_requests(
    connection: Connection, requests: Sequence[RequestKey]
) -> dict[tuple[UUID, str], tuple[UUID, bytes]]:
    """Return job and body digest of the keys that were used before, by (project, key)."""
    rows = await connection.fetch(
        _SQL["remembered_requests"],
        [item.project_id for item in requests],
        [item.key for item in requests],
    )
    return {(row["project_id"], row["key"]): (row["job_id"], row["digest"]) for row in rows}


async def remember_requests(
    connection: Connection, requests: Sequence[tuple[RequestKey, UUID]], now: datetime
) -> None:
    """Record the keys of new jobs; their projects must be locked."""
    await connection.execute(
        _SQL["remember_requests"],
        [item.project_id for item, _ in requests],
        [item.key for item, _ in requests],
        [item.digest for item, _ in requests],
        [job for _, job in requests],
        [now] * len(requests),
    )
