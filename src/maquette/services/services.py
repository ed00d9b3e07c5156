"""The services that do steps: who works for them, what waits, how they do, and what operators set of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from maquette.domain.breaker import SLOT_SECONDS, Tally, policy_from, slot
from maquette.domain.errors import Invalid, NotFound
from maquette.domain.pipeline import STEP_NAMES
from maquette.domain.principal import Principal
from maquette.domain.service import Service
from maquette.services import audit
from maquette.services.deps import Deps
from maquette.store import services
from maquette.store.database import Connection
from maquette.store.services import LiveWorker

#: Ready tasks of one step are counted up to this.
WAITING_MAX = 10_000
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_NO_CALLS = Tally()


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service now. ``waiting`` holds ready tasks by step, ``steps`` what its live workers do."""

    service: Service
    steps: tuple[str, ...]
    workers: tuple[LiveWorker, ...]
    running: int
    waiting: Mapping[str, int]
    recent: Tally
    """Attempts of the breaker's window."""


async def list_services(deps: Deps) -> list[ServiceView]:
    """Return every service that has workers or tasks, or that somebody set something of. Counts are of all projects."""
    async with deps.database.connection() as connection:
        return await _views(connection)


async def get_service(deps: Deps, name: str) -> ServiceView:
    """Return one service; one that nobody has heard of is as good as any, and idle."""
    _check_name(name)
    async with deps.database.connection() as connection:
        found = await _views(connection)
    idle = ServiceView(Service(name), (), (), 0, {}, _NO_CALLS)
    return next((item for item in found if item.service.name == name), idle)


async def change_service(deps: Deps, principal: Principal, name: str, wish: Mapping[str, Any]) -> ServiceView:
    """Set what is named of a service: in force in every process within a second."""
    principal.require_operator("services")
    _check_name(name)
    async with deps.database.transaction() as connection:
        before = await services.lock_one(connection, name)
        after = _changed(before, principal, wish)
        await services.put(connection, after)
        await audit.record(
            connection, principal, "change_service", name, before=_set(before), after=_set(after)
        )
    return await get_service(deps, name)


def _changed(service: Service, principal: Principal, wish: Mapping[str, Any]) -> Service:
    plain = {
        name: wish[name] for name in ("concurrency_max", "starts_per_minute", "draining") if name in wish
    }
    after = replace(service, **plain)
    if "breaker" in wish:
        told = wish["breaker"]
        after = replace(after, policy=policy_from({} if told is None else asdict(after.policy) | told))
    if "forced" in wish:
        reason = wish.get("reason") or ""
        if wish["forced"] is not None and not reason:
            raise Invalid.field(("reason",), "is needed: who comes next will want to know why")
        by = None if wish["forced"] is None else principal.subject
        after = replace(after, forced=wish["forced"], forced_by=by, forced_reason=reason)
    return after


def _set(service: Service) -> dict[str, Any]:
    """Return what operators set, as the audit log keeps it."""
    return {
        "concurrency_max": service.concurrency_max,
        "starts_per_minute": service.starts_per_minute,
        "draining": service.draining,
        "forced": service.forced,
        "reason": service.forced_reason,
        "breaker": asdict(service.policy),
    }


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise NotFound("There is no such service.")


async def _views(connection: Connection) -> list[ServiceView]:
    known = await services.known(connection)
    workers = await services.workers(connection)
    running = await services.running(connection)
    waiting = await services.waiting(connection, WAITING_MAX)
    now = await services.now(connection)
    recent = await services.tallies(
        connection,
        {
            name: (
                item.breaker.generation,
                slot(now) - int(item.policy.window_seconds) // SLOT_SECONDS,
            )
            for name, item in known.items()
        },
    )
    names = {name for worker in workers for name in worker.services}
    names |= {*known, *running} | {service for service, _ in waiting}
    return [
        _view(known.get(name) or Service(name), workers, running, waiting, recent.get(name, _NO_CALLS))
        for name in sorted(names)
    ]


def _view(
    service: Service,
    workers: Sequence[LiveWorker],
    running: Mapping[str, int],
    waiting: Mapping[tuple[str, str], int],
    recent: Tally,
) -> ServiceView:
    name = service.name
    own = tuple(worker for worker in workers if name in worker.services)
    done = {step for worker in own for step in worker.steps or STEP_NAMES}
    return ServiceView(
        service,
        tuple(step for step in STEP_NAMES if step in done),
        own,
        running.get(name, 0),
        {step: waiting[name, step] for step in STEP_NAMES if (name, step) in waiting},
        recent,
    )
