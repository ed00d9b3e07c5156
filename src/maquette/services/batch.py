"""One batch in one transaction: lock, fold, write, hand out. The transactor decides what goes into it.

Lock order: jobs by id, then assets by (project, path), then projects by id, then the rows in line of the batch's own jobs, then
services by name. Claims come last: they lock nothing they would have to wait for, but rows of jobs that others hold are among it.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from maquette.domain.asset import AssetDraft, draft, indexed_data
from maquette.domain.billing import reserved
from maquette.domain.decision import Decision
from maquette.domain.events import Event, EventType
from maquette.domain.fair import Clocks
from maquette.domain.holds import NONE
from maquette.domain.job import Hold, Job
from maquette.domain.ledger import NOTHING, Amount
from maquette.domain.typeid import encode as typeid
from maquette.services import caps, creation, facts, reuse, routing
from maquette.services.board import Board
from maquette.services.creation import may_reserve
from maquette.services.dispatch import serve
from maquette.services.ids import new_id
from maquette.services.orders import Batch, Fences, Order, Slot
from maquette.store import assets, jobs, quotas, services, steps, tasks
from maquette.store import reuse as store
from maquette.store.database import Connection
from maquette.store.locks import waiting_briefly


async def run(
    connection: Connection,
    slots: Sequence[Slot],
    parked: Sequence[Slot],
    fences: Fences,
    floor: datetime,
    clocks: Clocks,
    board: Board,
) -> Batch:
    """Do everything a batch asks for. ``parked`` wishes may be served, too; ``floor`` keeps time from going back."""
    await board.refresh(connection)
    orders = [(slot, slot.order) for slot in slots if slot.order is not None]
    existing = {order.job_id for _, order in orders if order.new is None}
    wishes = [slot for slot in slots if slot.wish is not None]
    retried = [slot.wish.claim_id for slot in wishes if slot.wish is not None and slot.wish.retried]
    if retried:
        existing |= set(await tasks.replayed(connection, retried))
    locked = await jobs.lock(connection, sorted(existing))
    batch = Batch(max(locked.now, floor), locked.xid, dict(locked.jobs), dict(locked.jobs))
    again = _fold(batch, [(slot, order) for slot, order in orders if order.new is None])
    await facts.write(connection, batch.decisions)
    await _file_assets(connection, batch, batch.decisions)
    told = len(batch.decisions)
    await creation.apply(connection, batch, again, [(slot, order) for slot, order in orders if order.new])
    await facts.write(connection, batch.decisions[told:])
    await _file_assets(connection, batch, batch.decisions[told:], late=True)
    told = len(batch.decisions)
    await reuse.settle(connection, batch)  # needs no service; what comes after it may
    routed = len(batch.decisions)
    if await routing.settle(connection, batch, board):
        await facts.write(connection, batch.decisions[routed:])
    batch.out_of_line = await tasks.leave_line(connection, batch.before, batch.changed)
    await serve(connection, batch, wishes, parked, fences, clocks, board)
    await _file_assets(connection, batch, batch.decisions[told:], late=True)
    await _write_state(connection, batch, clocks, board)
    return batch


def _fold(batch: Batch, orders: Sequence[tuple[Slot, Order]]) -> list[tuple[Slot, Order]]:
    """Fold orders for jobs that are there; return those that have to wait for the project's lock, with what follows them."""
    later: list[tuple[Slot, Order]] = []
    waiting: set[UUID] = set()
    for slot, order in orders:
        if order.job_id in waiting or may_reserve(batch.after.get(order.job_id), order.command):
            waiting.add(order.job_id)
            later.append((slot, order))
        else:
            batch.fold(slot, order.job_id, order.command)
    return later


async def _file_assets(
    connection: Connection, batch: Batch, decisions: Sequence[Decision], *, late: bool = False
) -> None:
    """File finished jobs in the library and tell the events that announce it the version's number.

    ``late``: what comes after assets in the order of locks may be held already, so nobody is waited for: within 0.05 s
    the locks are there, or the batch gives everything back and tries again.
    """
    finished = {item.job.id: item for item in decisions if item.index}
    if not finished:
        return
    done = [batch.after[key] for key in sorted(finished)]
    briefs = await steps.briefs(connection, [job.id for job in done])
    records = await steps.current_records(connection, done)
    artifacts = await steps.all_artifacts(connection, done)
    drafts: list[AssetDraft] = [
        draft(
            job,
            library_path=briefs[job.id].library_path,
            prompt=briefs[job.id].prompt,
            style_version=briefs[job.id].style_version,
            effective=briefs[job.id].effective,
            records=records[job.id],
            artifacts=artifacts[job.id],
        )
        for job in done
    ]
    async with waiting_briefly(connection) if late else nullcontext():
        filed = await assets.file_versions(connection, drafts, new_id)
    for item in drafts:
        asset_id, version = filed[item.job.id]
        batch.after[item.job.id] = replace(batch.after[item.job.id], asset_id=asset_id)
        _announce(finished[item.job.id].events, item, asset_id, version)


def _announce(events: Sequence[Event], item: AssetDraft, asset_id: UUID, version: int) -> None:
    for event in events:
        if event.type is EventType.ASSET_INDEXED:
            event.data.update(indexed_data(item, asset_id, version, event.time))
        elif event.type is EventType.JOB_SUCCEEDED:
            event.data.update(asset_id=typeid("ast", asset_id), version=version)


async def _write_state(connection: Connection, batch: Batch, clocks: Clocks, board: Board) -> None:
    """Write what is true now: job rows, the tables by temperature, and the events, in order."""
    changed = batch.changed
    updates = [job for key, job in sorted(changed.items()) if job is not batch.inserted.get(key)]
    if updates:
        await jobs.update(connection, updates)
    held = [job for job in changed.values() if _holds(job) != _holds(batch.before[job.id])]
    if held:
        await jobs.update_holds(connection, held)
        await _write_stranded(connection, batch, held)
    await _write_followers(connection, batch, held)
    await _write_bills(connection, batch, changed)
    if changed:
        await tasks.move(connection, batch.before, changed, batch.now, clocks, batch.out_of_line)
        await caps.follow(connection, batch, board, clocks)
    events = [event for decision in batch.decisions for event in decision.events]
    if events:
        await steps.insert_events(connection, events)


async def _write_bills(connection: Connection, batch: Batch, changed: Mapping[UUID, Job]) -> None:
    """Write what jobs cost, and which wait for something to spend: no statement for those that cost nothing."""
    before = {key: batch.before[key] for key in changed}
    bills = [
        job for key, job in changed.items() if job.bill is not (old.bill if (old := before[key]) else None)
    ]
    if bills:
        await quotas.update_bills(connection, bills)
    waited = {key for key, old in before.items() if old is not None and _waits_for_budget(old)}
    wait = {key for key, job in changed.items() if _waits_for_budget(job)}
    held = [(changed[key], reserved(changed[key])) for key in sorted(wait)]
    told = [(job, due) for job, due in held if job.id not in waited or due != _reserved(before[job.id])]
    if told:
        await quotas.block(connection, told, batch.now)
    if waited - wait:
        await quotas.unblock(connection, [changed[key] for key in sorted(waited - wait)])


async def _write_stranded(connection: Connection, batch: Batch, held: Sequence[Job]) -> None:
    """Write which jobs nobody is there for: no statement in most batches."""
    came, went = _moved(batch, held, Hold.SERVICE)
    if came:
        await services.strand(connection, came, batch.now)
    if went:
        await services.unstrand(connection, went)


async def _write_followers(connection: Connection, batch: Batch, held: Sequence[Job]) -> None:
    """Write which jobs wait for whose work: one that looked again may wait for another's now."""
    follow = [
        (batch.after[key], *lead)
        for key, lead in sorted(batch.following.items())
        if Hold.REUSE in batch.after[key].holds
    ]
    if follow:
        await store.follow(connection, follow)
    _, went = _moved(batch, held, Hold.REUSE)
    if went:
        await store.unfollow(connection, went)


def _moved(batch: Batch, held: Sequence[Job], hold: Hold) -> tuple[list[Job], list[Job]]:
    """Return which jobs a hold came to and which it went from, by id."""
    before = {job.id for job in held if (old := batch.before[job.id]) is not None and hold in old.holds}
    by_id = sorted(held, key=lambda job: job.id)
    came = [job for job in by_id if hold in job.holds and job.id not in before]
    return came, [job for job in by_id if hold not in job.holds and job.id in before]


def _reserved(job: Job | None) -> Amount:
    return NOTHING if job is None else reserved(job)


def _waits_for_budget(job: Job) -> bool:
    """Whether room in the project lets the job go on; its own ``max_cost`` is a person's to raise."""
    return Hold.QUOTA in job.holds and job.bill is not None and not job.bill.exceeded_by(job.position)


def _holds(job: Job | None) -> tuple[object, ...]:
    if job is None:
        return NONE, None, None, None, 0, None, ()
    return job.holds, job.hold_at, job.gate_since, job.gate_due_at, job.attempts_before, job.detour, job.lost
