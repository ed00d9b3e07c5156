"""Leasing tasks to workers inside a batch, and looking up what each leased step reads."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from maquette.domain.commands import Fail, Start
from maquette.domain.fair import Clocks, Head, Share, may_keep
from maquette.domain.idempotency import inputs_digest
from maquette.domain.job import Job, Lease, Place
from maquette.domain.pipeline import choose_inputs
from maquette.domain.ruling import BLOCKED
from maquette.services import facts, reuse, spending
from maquette.services.board import Board
from maquette.services.bounds import Bounds, Pairs
from maquette.services.caps import Caps
from maquette.services.orders import Batch, Fences, Handout, Slot, Wish
from maquette.store import steps, tasks
from maquette.store.database import Connection

#: Projects at their cap that one claim takes out of its way, a round each; the next claim goes on.
CAPPED_PROJECTS_MAX = 8
Line = tuple[Pairs, tuple[UUID, ...]]
"""What a wish asks for: (service, step), and of these jobs alone where there are some."""


async def serve(
    connection: Connection,
    batch: Batch,
    wishes: Sequence[Slot],
    parked: Sequence[Slot],
    fences: Fences,
    clocks: Clocks,
    board: Board,
) -> None:
    """Lease tasks to wishes, within the bounds of their services.

    First a job's next step goes to the worker that brought its last one, as long as that keeps nobody else waiting
    for more than a step. Then the queue, in its order. What is still left of this batch's new tasks goes straight to
    those still hungry, the parked ones included.
    """
    if not wishes and not parked:
        return
    given: dict[Slot, list[Job]] = {slot: [] for slot in (*wishes, *parked)}
    _replay(batch, wishes, given)
    fresh = {job.id: job for job in batch.newly_ready}
    shares = {key: _next(batch, job, clocks) for key, job in fresh.items()}
    bounds = Bounds()
    if board.bounded:
        asked = {service for slot in wishes if slot.wish for service, _ in slot.wish.pairs}
        await bounds.look(connection, batch, board, asked | {job.service for job in fresh.values()})
    caps = Caps(board)
    await caps.look(connection, batch, fresh.values())
    for slot, kept in (await _kept(connection, batch, wishes, fresh, shares)).items():
        _give(slot, kept, given, fresh, bounds, caps)
    for line in sorted({_line(slot.wish) for slot in wishes if slot.wish and _hungry(slot, given)}):
        group = [slot for slot in wishes if slot.wish and _line(slot.wish) == line]
        for part, wanted in bounds.parts(line[0], sum(_hungry(slot, given) for slot in group)):
            await _from_line(connection, batch, group, (part, line[1]), wanted, given, shares, bounds, caps)
    for slot in (*wishes, *parked):
        _give(slot, list(fresh.values()), given, fresh, bounds, caps)
    await bounds.spend(connection, await _start(connection, batch, given, fences, shares))


async def _from_line(
    connection: Connection,
    batch: Batch,
    group: Sequence[Slot],
    line: Line,
    wanted: int,
    given: dict[Slot, list[Job]],
    shares: dict[UUID, Share],
    bounds: Bounds,
    caps: Caps,
) -> None:
    """Give wishes that ask for the same what is first in line, past projects that are at their cap."""
    # Until this batch is written, the line still shows what wishes have taken out of it.
    out = _out_of_line(batch, given)
    for _ in range(CAPPED_PROJECTS_MAX):
        claimed = await tasks.claim(connection, line[0], wanted + len(out), line[1])
        # Jobs that others wrote since this batch read the clock: time must not go back in their streams.
        batch.now = max(batch.now, claimed.now)
        queue = {job.id: job for job in claimed.jobs if job.id not in out}
        shares |= claimed.shares
        for job in queue.values():
            batch.before.setdefault(job.id, job)
            batch.after.setdefault(job.id, job)
        await caps.look(connection, batch, queue.values(), claimed=True)
        for slot in group:
            _give(slot, list(queue.values()), given, queue, bounds, caps)
        hungry = any(_hungry(slot, given) for slot in group)
        if not hungry or not await caps.put_aside(connection, queue.values()):
            return
        out |= {job.id for job in claimed.jobs} - queue.keys()


def _out_of_line(batch: Batch, given: Mapping[Slot, list[Job]]) -> set[UUID]:
    """Return the jobs that wishes for other work took out of the line."""
    return {
        job.id
        for found in given.values()
        for job in found
        if (old := batch.before[job.id]) is not None and old.place is Place.READY
    }


def _next(batch: Batch, job: Job, clocks: Clocks) -> Share:
    """Return the place in virtual time of a task that has not been in line."""
    clock, before = clocks.get((job.service, job.priority), 0), batch.before[job.id]
    return Share(clock) if before is None or before.lease is None else before.lease.share.next(clock)


async def _kept(
    connection: Connection,
    batch: Batch,
    wishes: Sequence[Slot],
    fresh: Mapping[UUID, Job],
    shares: Mapping[UUID, Share],
) -> dict[Slot, list[Job]]:
    """Return the jobs whose next step the worker may go on with that brought the last one."""
    kept: dict[Slot, list[Job]] = {}
    for slot in wishes:
        own = {id_ for other, id_ in _orders_of(batch, slot.group) if other is not slot}
        if found := [job for key, job in fresh.items() if key in own]:
            kept[slot] = found
    if not kept:
        return {}
    pairs = sorted({pair for slot in kept if slot.wish for pair in slot.wish.pairs})
    line = await tasks.heads(connection, pairs)
    return {
        slot: [job for job in found if _may_keep(slot, job, shares[job.id], line)]
        for slot, found in kept.items()
    }


def _may_keep(slot: Slot, job: Job, share: Share, line: Mapping[tuple[str, str], Head]) -> bool:
    heads = (line.get(pair) for pair in (slot.wish.pairs if slot.wish else ()))
    return all(may_keep(share, job.priority, job.project_id, head) for head in heads)


def _orders_of(batch: Batch, group: int) -> list[tuple[Slot, UUID]]:
    return [
        (slot, slot.order.job_id) for slot in batch.verdicts if slot.group == group and slot.order is not None
    ]


def _line(wish: Wish) -> Line:
    """Return what a wish asks the queue for: wishes that ask for the same are served by one statement."""
    return wish.pairs, wish.only


def _hungry(slot: Slot, given: dict[Slot, list[Job]]) -> int:
    return max(slot.wish.capacity - len(given[slot]), 0) if slot.wish else 0


def _give(
    slot: Slot,
    candidates: list[Job],
    given: dict[Slot, list[Job]],
    pool: dict[UUID, Job],
    bounds: Bounds,
    caps: Caps,
) -> None:
    if slot.wish is None:
        return
    for job in candidates:
        if _hungry(slot, given) <= 0:
            return
        wanted = (
            job.id in pool
            and (job.service, job.spec.name) in slot.wish.pairs
            and (not slot.wish.only or job.id in slot.wish.only)
        )
        if wanted and bounds.room(job.service) and caps.room(job.project_id):
            bounds.take(job.service)
            caps.take(job.project_id)
            given[slot].append(pool.pop(job.id))


def _replay(batch: Batch, wishes: Sequence[Slot], given: dict[Slot, list[Job]]) -> None:
    """Give a repeated claim the leases its lost answer named."""
    for slot in wishes:
        if slot.wish is not None and slot.wish.retried:
            given[slot] += [
                job for job in batch.after.values() if job.lease and job.lease.claim_id == slot.wish.claim_id
            ]


async def _start(
    connection: Connection,
    batch: Batch,
    given: dict[Slot, list[Job]],
    fences: Fences,
    shares: Mapping[UUID, Share],
) -> list[Job]:
    """Lease the jobs to the wishes they were given to, and look up what each step reads: its digest is pinned.

    Returns those that began now.

    A job whose inputs lack its step (another version made them), or were taken away since, fails here, with a dead
    letter: left in the queue, it would fail every claim for good.
    """
    asked = {job.id: job.service for found in given.values() for job in found}
    await reuse.resolve(connection, batch, given)
    for found in given.values():
        # Gone on to another service's step: what that one has room for was not asked, so the line decides.
        found[:] = [job for job in found if job.service == asked[job.id]]
    await spending.hold_back(connection, batch, given)
    told = len(batch.decisions)
    served = [(slot, slot.wish, job) for slot, found in given.items() for job in found if slot.wish]
    batch.handouts.update({slot: [] for slot in given})
    if not served:
        return []
    found = [job for _, _, job in served]
    upstream = await steps.upstream_artifacts(connection, found)
    briefs = await steps.briefs(connection, [job.id for job in found])
    numbers = iter(await fences.take(connection, sum(job.lease is None for job in found)))
    for slot, wish, job in served:
        effective, step = briefs[job.id].effective, job.spec
        inputs = tuple(choose_inputs(step, upstream[job.id]))
        params, seed = effective["params"].get(step.name), effective["seeds"].get(step.name)
        readable = params is not None and seed is not None
        withheld = any(item.withheld for item in inputs)
        lease = job.lease
        if lease is None:
            digest = inputs_digest(
                project_id=job.project_id,
                asset_type=job.asset_type,
                step=step.name,
                params=params,
                seed=seed,
                upstream=[item.sha256 for item in inputs],
            )
            lease = _lease(batch, wish, job, next(numbers), digest, shares[job.id])
            if not batch.fold(slot, job.id, Start(lease)):
                continue
            if not readable:
                batch.fold(slot, job.id, _unreadable(lease, step.name))
            elif withheld:
                batch.fold(slot, job.id, _taken_away(lease))
        if readable and not withheld:
            trace = briefs[job.id].trace
            batch.handouts[slot].append(Handout(batch.after[job.id], lease, inputs, params, seed, trace))
    await facts.write(connection, batch.decisions[told:])
    return [job for job in found if job.lease is None]


def _unreadable(lease: Lease, step: str) -> Fail:
    message = f"The job's effective inputs say nothing of {step!r}: another version made them."
    return Fail(lease.fence, "invalid", "unreadable_inputs", message, jitter=0.0, reported=False)


def _taken_away(lease: Lease) -> Fail:
    message = "The content policy took away a file that the step reads."
    return Fail(lease.fence, "policy", BLOCKED, message, jitter=0.0, reported=False)


def _lease(batch: Batch, wish: Wish, job: Job, fence: int, digest: bytes, share: Share) -> Lease:
    seconds = min(job.deadline_seconds, wish.deadline_seconds_max)
    return Lease(
        fence=fence,
        worker_epoch=wish.worker_epoch,
        claim_id=wish.claim_id,
        worker=wish.worker,
        service=job.service,
        leased_at=batch.now,
        deadline_at=batch.now + timedelta(seconds=seconds),
        inputs_digest=digest,
        share=share,
    )
