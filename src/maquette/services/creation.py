"""What takes from a project's room, under its lock: new jobs, and steps that are to be paid for once more."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from maquette.domain import commands as c
from maquette.domain import quota
from maquette.domain.decision import Decision
from maquette.domain.errors import IdempotencyMismatch, NotFound
from maquette.domain.job import Job
from maquette.domain.ledger import NOTHING, Amount, Kind
from maquette.domain.quota import NEW_JOB, Takes
from maquette.domain.review import Verdict
from maquette.services.ids import new_id
from maquette.services.orders import Batch, NewJob, Order, Replayed, Slot
from maquette.services.room import Room, look
from maquette.store import jobs, quotas, webhooks
from maquette.store.database import Connection
from maquette.store.jobs import RequestKey

Placed = Sequence[tuple[Slot, Order]]


def may_reserve(job: Job | None, command: c.Command) -> bool:
    """Whether a command may take from the project's room: it opens a job again, or redoes or changes steps that cost."""
    if job is None:
        return False
    if isinstance(command, c.Redrive):
        return True
    return (
        job.bill is not None
        and isinstance(command, c.Review)
        and (command.verdict is Verdict.REJECTED or command.estimates is not None)
    )


async def apply(connection: Connection, batch: Batch, again: Placed, created: Placed) -> None:
    """Fold orders that take from the room of their projects: those for jobs that are there, then new jobs."""
    news = [(slot, order, order.new) for slot, order in created if order.new is not None]
    if not again and not news:
        return
    creators = await quotas.creators(connection, [order.job_id for _, order in again]) if again else {}
    owners = {key: (batch.after[key].project_id, subject) for key, subject in creators.items()}
    owners |= {order.job_id: (_project(order), new.brief.created_by) for _, order, new in news}
    terms = await quotas.lock(connection, sorted({project for project, _ in owners.values()}))
    costs = bool(again) or any(_costs(order) for _, order, _ in news)
    opens = bool(news) or any(isinstance(order.command, c.Redrive) for _, order in again)
    room = await look(connection, terms, set(owners.values()), batch.now, jobs=opens, costs=costs)
    for slot, order in again:
        takes = Takes(opened=int(isinstance(order.command, c.Redrive)))
        batch.fold(slot, order.job_id, order.command, _taking(room, owners.get(order.job_id), takes))
    await _create(connection, batch, room, news, owners)


def _project(order: Order) -> UUID:
    if not isinstance(order.command, c.Create):
        raise TypeError("Only Create brings a new job.")
    return order.command.job.project_id


def _costs(order: Order) -> bool:
    return isinstance(order.command, c.Create) and order.command.job.bill is not None


def _taking(room: Room, owner: tuple[UUID, str] | None, takes: Takes) -> Callable[[Decision], None]:
    """Return what takes a decision's reservations out of the room, or raises what does not let it pass."""

    def take(decision: Decision) -> None:
        if owner is None or owner[0] not in room.limits:
            return
        moved = (item.amount for item in decision.charges if item.kind is not Kind.SETTLE)
        wanted: Amount = sum(moved, start=NOTHING)
        taken = replace(takes, amount=wanted)
        for item in room.asked(*owner, taken):
            if item.too_much:
                raise quota.refusal(item)
        room.take(*owner, taken)

    return take


async def _create(
    connection: Connection,
    batch: Batch,
    room: Room,
    created: Sequence[tuple[Slot, Order, NewJob]],
    owners: Mapping[UUID, tuple[UUID, str]],
) -> None:
    """Create jobs: replay known requests, keep to the limits."""
    requests = [new.request for _, _, new in created if new.request is not None]
    known = await jobs.remembered_requests(connection, requests) if requests else {}
    fresh: list[tuple[RequestKey, UUID]] = []
    for slot, order, new in created:
        request = new.request
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
        elif _project(order) not in room.limits:
            batch.verdicts[slot] = NotFound("There is no such project.")
        elif batch.fold(slot, order.job_id, order.command, _taking(room, owners[order.job_id], NEW_JOB)):
            batch.new[order.job_id] = new
            if request is not None:
                known[request.project_id, request.key] = (order.job_id, request.digest)
                fresh.append((request, order.job_id))
    if fresh:
        await jobs.remember_requests(connection, fresh, batch.now)
    if batch.new:
        await jobs.insert(connection, [(batch.after[key], new.brief) for key, new in batch.new.items()])
        batch.inserted = {key: batch.after[key] for key in batch.new}
    hooks = [
        (new_id(), batch.after[key].project_id, key, new.webhook_url, new.brief.created_by)
        for key, new in batch.new.items()
        if new.webhook_url is not None
    ]
    if hooks:
        await webhooks.insert_for_jobs(connection, hooks, batch.now)
