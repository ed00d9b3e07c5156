"""One batch in one transaction: lock, fold, write, hand out. The transactor decides what goes into it.

Lock order: jobs by id, then assets by (project, path), then projects by id. Claims lock nothing they would
have to wait for.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from maquette.domain.asset import AssetDraft, draft, indexed_data
from maquette.domain.commands import Create
from maquette.domain.decision import Decision
from maquette.domain.errors import IdempotencyMismatch, NotFound, QuotaExceeded
from maquette.domain.events import Event, EventType
from maquette.domain.fair import Clocks
from maquette.domain.holds import NONE
from maquette.domain.job import Hold, Job
from maquette.domain.typeid import encode as typeid
from maquette.services import facts
from maquette.services.dispatch import serve
from maquette.services.ids import new_id
from maquette.services.orders import Batch, Fences, NewJob, Order, Replayed, Slot
from maquette.store import assets, jobs, steps, tasks, webhooks
from maquette.store.database import Connection
from maquette.store.jobs import RequestKey


async def run(
    connection: Connection,
    slots: Sequence[Slot],
    parked: Sequence[Slot],
    fences: Fences,
    floor: datetime,
    clocks: Clocks,
) -> Batch:
    """Do everything a batch asks for. ``parked`` wishes may be served, too; ``floor`` keeps time from going back."""
    orders = [(slot, slot.order) for slot in slots if slot.order is not None]
    existing = {order.job_id for _, order in orders if order.new is None}
    wishes = [slot for slot in slots if slot.wish is not None]
    retried = [slot.wish.claim_id for slot in wishes if slot.wish is not None and slot.wish.retried]
    if retried:
        existing |= set(await tasks.replayed(connection, retried))
    locked = await jobs.lock(connection, sorted(existing))
    batch = Batch(max(locked.now, floor), locked.xid, dict(locked.jobs), dict(locked.jobs))
    for slot, order in orders:
        if order.new is None:
            batch.fold(slot, order.job_id, order.command)
    await facts.write(connection, batch.decisions)
    await _file_assets(connection, batch, batch.decisions)
    told = len(batch.decisions)
    await _create(connection, batch, [(slot, order, order.new) for slot, order in orders if order.new])
    await facts.write(connection, batch.decisions[told:])
    told = len(batch.decisions)
    await serve(connection, batch, wishes, parked, fences, clocks)
    await _file_assets(connection, batch, batch.decisions[told:])
    await _write_state(connection, batch, clocks)
    return batch


async def _create(
    connection: Connection, batch: Batch, creations: Sequence[tuple[Slot, Order, NewJob]]
) -> None:
    """Create jobs under their projects' locks: replay known requests, keep to the limit of open jobs."""
    if not creations:
        return
    projects = sorted({_project(order) for _, order, _ in creations})
    slots_left = await jobs.open_slots(connection, projects)
    requests = [new.request for _, _, new in creations if new.request is not None]
    known = await jobs.remembered_requests(connection, requests) if requests else {}
    fresh: list[tuple[RequestKey, UUID]] = []
    for slot, order, new in creations:
        request, project = new.request, _project(order)
        earlier = known.get((request.project_id, request.key)) if request else None
        if request is not None and earlier is not None:
            same = earlier[1] == request.digest
            batch.verdicts[slot] = (
                Replayed(earlier[0])
                if same
                else IdempotencyMismatch(
                    f"Idempotency-Key {request.key!r} was used before with another body."
                )
            )
        elif project not in slots_left:
            batch.verdicts[slot] = NotFound("There is no such project.")
        elif slots_left[project] <= 0:
            batch.verdicts[slot] = QuotaExceeded(
                "The project has as many open jobs as it may have: decide at open gates or cancel some.",
                retry_after_seconds=5,
            )
        elif batch.fold(slot, order.job_id, order.command):
            slots_left[project] -= 1
            batch.new[order.job_id] = new
            if request is not None:
                known[request.project_id, request.key] = (order.job_id, request.digest)
                fresh.append((request, order.job_id))
    if fresh:
        await jobs.remember_requests(connection, fresh, batch.now)
    if batch.new:
        await jobs.insert(connection, [(batch.after[key], new.brief) for key, new in batch.new.items()])
    hooks = [
        (new_id(), batch.after[key].project_id, key, new.webhook_url, new.brief.created_by)
        for key, new in batch.new.items()
        if new.webhook_url is not None
    ]
    if hooks:
        await webhooks.insert_for_jobs(connection, hooks, batch.now)


def _project(order: Order) -> UUID:
    if not isinstance(order.command, Create):
        raise TypeError("Only Create brings a new job.")
    return order.command.job.project_id


async def _file_assets(connection: Connection, batch: Batch, decisions: Sequence[Decision]) -> None:
    """File finished jobs in the library and tell the events that announce it the version's number."""
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


async def _write_state(connection: Connection, batch: Batch, clocks: Clocks) -> None:
    """Write what is true now: job rows, the tables by temperature, and the events, in order."""
    changed = batch.changed
    updates = [job for key, job in sorted(changed.items()) if key not in batch.new or job.lease is not None]
    if updates:
        await jobs.update(connection, updates)
    held = [job for job in changed.values() if _holds(job) != _holds(batch.before[job.id])]
    if held:
        await jobs.update_holds(connection, held)
    if changed:
        await tasks.move(connection, batch.before, changed, batch.now, clocks)
    events = [event for decision in batch.decisions for event in decision.events]
    if events:
        await steps.insert_events(connection, events)


def _holds(job: Job | None) -> tuple[frozenset[Hold], int | None, datetime | None, datetime | None, int]:
    if job is None:
        return NONE, None, None, None, 0
    return job.holds, job.hold_at, job.gate_since, job.gate_due_at, job.attempts_before
