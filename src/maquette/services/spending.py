"""Spending: nothing that costs is dispatched for who has spent what he may in this month."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from maquette.domain.billing import reserved
from maquette.domain.commands import QuotaExhausted
from maquette.domain.job import Job
from maquette.domain.ledger import NOTHING
from maquette.domain.quota import Takes
from maquette.services.orders import Batch, Slot
from maquette.services.room import Room, look
from maquette.store import quotas
from maquette.store.database import Connection
from maquette.store.quotas import Subject


async def room_of(
    connection: Connection, batch: Batch, jobs: Sequence[Job]
) -> tuple[Room, dict[UUID, Subject]]:
    """Return what the projects and users of jobs have left in this month besides what waits for room, and whose each job is."""
    creators = await quotas.creators(connection, [job.id for job in jobs])
    owners = {job.id: (job.project_id, creators[job.id]) for job in jobs}
    terms = await quotas.terms(connection, {job.project_id for job in jobs})
    room = await look(
        connection, terms, set(owners.values()), batch.now, jobs=False, costs=True, without_waiting=True
    )
    return room, owners


async def hold_back(connection: Connection, batch: Batch, given: Mapping[Slot, list[Job]]) -> None:
    """Hold those jobs whose next step costs more than there is left; ``given`` is brought up to date.

    What they have reserved counts: so it only happens where others came to cost more than was estimated, where a limit
    was lowered, or where a month's beginning finds more reserved than it may spend. Whoever is held leaves his share to
    the others: so many are held that the rest can be paid for.
    """
    costly = [
        (slot, job)
        for slot, found in given.items()
        for job in found
        if job.lease is None and job.bill is not None and job.bill.estimates[job.position]
    ]
    if not costly:
        return
    room, owners = await room_of(connection, batch, [job for _, job in costly])
    for slot, job in costly:
        project, subject = owners[job.id]
        if project in room.limits and (limit := room.spent_up(project, subject)):
            room.take(project, subject, Takes(amount=NOTHING - reserved(job)))
            batch.fold(slot, job.id, QuotaExhausted(limit))
            given[slot].remove(job)
