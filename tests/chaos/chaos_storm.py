"""What goes wrong, done to a site: one function a fault, by its kind."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import asyncpg
from chaos_plan import Fault
from chaos_site import Site
from proxy import Proxy


async def storm(site: Site, plan: list[Fault]) -> None:
    """Let everything go wrong in its time; return when all of it is over."""
    site.rested()
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for fault in plan:
            await asyncio.sleep(max(began + fault.at - time.monotonic(), 0))
            group.create_task(_HURTS[fault.kind](site, fault))


async def _kill(site: Site, fault: Fault) -> None:
    site.kill(fault.victim)


async def _freeze(site: Site, fault: Fault) -> None:
    await site.freeze(fault.victim, fault.seconds)


async def _freeze_postgres(site: Site, fault: Fault) -> None:
    await site.freeze_postgres(fault.seconds)


async def _terminate(site: Site, fault: Fault) -> None:
    """End one backend after the other for a while."""
    until = time.monotonic() + fault.seconds
    while time.monotonic() < until:
        try:
            connection = await asyncpg.connect(site.postgres.url)
        except (OSError, asyncpg.PostgresError):
            return
        try:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend'"
                " and pid <> pg_backend_pid() order by random() limit 1"
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return
        finally:
            connection.terminate()
        await asyncio.sleep(0.1)


def _wire(site: Site, fault: Fault) -> Proxy:
    return site.worker_wires[int(fault.victim[-1]) - 1]


async def _reset_database(site: Site, _fault: Fault) -> None:
    site.database_wire.reset()


async def _reset_worker(site: Site, fault: Fault) -> None:
    _wire(site, fault).reset()


async def _silence_database(site: Site, fault: Fault) -> None:
    await _silence(site.database_wire, fault.seconds)


async def _silence_worker(site: Site, fault: Fault) -> None:
    await _silence(_wire(site, fault), fault.seconds)


async def _silence(wire: Proxy, seconds: float) -> None:
    wire.stall(silent=True)
    try:
        await asyncio.sleep(seconds)
    finally:
        wire.stall(silent=False)


async def _swallow(site: Site, fault: Fault) -> None:
    wire = _wire(site, fault)
    wire.swallows = True
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        wire.swallows = False
        wire.reset()


async def _repeat(site: Site, fault: Fault) -> None:
    await site.whim(f"repeat {fault.victim}", fault.seconds)


async def _whim(site: Site, fault: Fault) -> None:
    await site.whim(fault.kind, fault.seconds)


async def _hurt_postgres(site: Site, _fault: Fault, *, number: int) -> None:
    site.hurt_postgres(number)


_HURTS: Mapping[str, Callable[[Site, Fault], Awaitable[None]]] = {
    "kill": _kill,
    "freeze": _freeze,
    "freeze PostgreSQL": _freeze_postgres,
    "terminate backends": _terminate,
    "reset the database's connections": _reset_database,
    "silence the database": _silence_database,
    "reset a worker's connections": _reset_worker,
    "swallow answers to a worker": _swallow,
    "silence a worker": _silence_worker,
    "repeat a worker's requests": _repeat,
    "slow storage": _whim,
    "full storage": _whim,
    "sick service": _whim,
    "restart PostgreSQL": partial(_hurt_postgres, number=signal.SIGINT),
    "kill PostgreSQL": partial(_hurt_postgres, number=signal.SIGKILL),
}
