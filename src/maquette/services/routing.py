"""Routing: who of its route does a job's step, where the first one is not to be had."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from maquette.domain.commands import Command, NoRoute, Reroute, RouteAvailable
from maquette.domain.job import Hold, Job, Place
from maquette.domain.ledger import Amount
from maquette.domain.rates import Rates, estimates
from maquette.domain.service import Choice, Reason, Service, choose
from maquette.services.board import Board
from maquette.services.orders import Batch, Slot
from maquette.store import quotas, services, steps
from maquette.store.database import Connection

AVAILABLE_AGAIN = "available_again"
"""Why a task goes back to the first of its route."""
_NOBODYS = Slot(0)
"""What routing decides by itself is nobody's order."""


async def settle(connection: Connection, batch: Batch, board: Board) -> bool:
    """Send tasks another way that this batch would leave with a service that is in trouble; return whether there were any.

    What a fallback is to try again asks its route anew: the first of it may be there again.
    """
    stuck = [
        job
        for _, job in sorted(batch.after.items())
        if job.place is Place.READY and (job.service in board.troubled or _tried_again(batch, job))
    ]
    if not stuck:
        return False
    listed = [job for job in stuck if (old := batch.before[job.id]) is not None and old.place is Place.READY]
    for key, command in (await find(connection, board.services, stuck, listed)).items():
        batch.fold(_NOBODYS, key, command)
    return True


def _tried_again(batch: Batch, job: Job) -> bool:
    """Whether this batch brings a task into line for a fallback: by a retry, a redrive, or after a pause."""
    if job.detour is None or job.fallback is None:
        return False
    before = batch.before[job.id]
    return before is not None and before.place is not Place.READY


async def find(
    connection: Connection, known: Mapping[str, Service], jobs: Sequence[Job], listed: Sequence[Job]
) -> dict[UUID, Command]:
    """Return what is to be done about jobs that wait for a service: nothing for those that wait at the right one.

    ``jobs`` have a waiting task, or are held because nobody could be asked; ``listed`` are those of them that stand in
    line already. Whoever comes first is let through first.
    """
    able = await services.able(connection)
    room = await _room(connection, known, jobs, listed)
    fallbacks = any(len(job.route) > 1 for job in jobs)
    rates = await quotas.tariff(connection) if fallbacks else {}
    briefs = await steps.briefs(connection, [job.id for job in jobs]) if rates else {}
    found: dict[UUID, Command] = {}
    for job in jobs:
        costs = _costs(job, rates, briefs[job.id].effective) if rates else {}
        fits = {name: why for name in job.route[1:] if (why := _unfit(job, name, able, costs))}
        full = frozenset(
            name for name, places in room.items() if places <= 0 or _unmanned(name, job.spec.name, able)
        )
        choice = choose(job.route, known, fits, full)
        if choice.service in room:
            room[choice.service] -= 1
        if (command := _command(job, choice, costs)) is not None:
            found[job.id] = command
    return found


async def _room(
    connection: Connection, known: Mapping[str, Service], jobs: Sequence[Job], listed: Sequence[Job]
) -> dict[str, int]:
    """Return how many of the jobs half-open services may have, besides the tasks of others that wait or run."""
    names = {name for job in jobs for name in job.route if name in known and known[name].probing}
    if not names:
        return {}
    probes = {name: known[name].at_a_time or 0 for name in sorted(names)}
    running = await services.running_of(connection, list(probes))
    waiting = await services.in_line(connection, list(probes), max(probes.values()) + len(jobs))
    own = Counter(job.service for job in listed)
    return {
        name: places - running.get(name, 0) - (waiting.get(name, 0) - own[name])
        for name, places in probes.items()
    }


def _costs(job: Job, rates: Rates, effective: Mapping[str, Any]) -> dict[str, Amount]:
    """Return what the job's current step may cost, by who does it."""
    place, many = job.position, len(job.revisions)
    return {
        name: estimates(rates, [name] * many, job.pipeline, effective, set(range(many)) - {place})[place]
        for name in job.route
    }


def _unfit(job: Job, name: str, able: set[tuple[str, str]], costs: Mapping[str, Amount]) -> Reason | None:
    if (name, job.spec.name) not in able:
        return Reason.NO_WORKER
    if name in costs and job.bill is not None and job.bill.would_exceed(costs[name]):
        return Reason.COST
    return None


def _unmanned(name: str, step: str, able: set[tuple[str, str]]) -> bool:
    """Whether the live workers of a service do other steps alone: a task that nobody takes would keep its probe's place."""
    return (name, step) not in able and any(name == service for service, _ in able)


def _command(job: Job, choice: Choice, costs: Mapping[str, Amount]) -> Command | None:
    if Hold.SERVICE in job.holds:
        return RouteAvailable() if choice.service is not None else None
    if choice.service is None:
        return NoRoute(str(choice.reason))
    if choice.service == job.service:
        return None
    return Reroute(choice.service, str(choice.reason or AVAILABLE_AGAIN), costs.get(choice.service))
