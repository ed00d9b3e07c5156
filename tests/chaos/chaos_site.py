"""An installation in pieces that can all be hurt: PostgreSQL, two APIs, two maintenance processes, two workers, and the wires between."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
from chaos_plan import LEASE_SECONDS
from proxy import Proxy

from maquette.settings import Settings, environment
from maquette.store.migrate import migrate
from maquette.supervisor.postgres import EmbeddedPostgres
from maquette.supervisor.processes import Process, Program
from maquette.wiring.provision import provision

HERE = Path(__file__).parent
MAQUETTE = (sys.executable, "-m", "maquette")
#: By how much the workers' clocks are wrong (s).
SKEWS = (3600.0, -86_400.0)


@dataclass
class Site:
    """What runs, and the ways to hurt it."""

    postgres: EmbeddedPostgres
    settings: Settings
    operator_key: str
    processes: dict[str, Process]
    database_wire: Proxy
    worker_wires: list[Proxy]
    urls: list[str]
    log: Path
    whims: Path
    """A folder: while a file is in it, who looks for it behaves as its name says."""
    tending: asyncio.Task[None] = field(init=False)

    def kill(self, name: str) -> None:
        """End a process at once; ``tend`` starts it again."""
        if pid := self.processes[name].pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def rested(self) -> None:
        """Let no process pay for what it went through before: each death in a row makes the pause after it longer."""
        for process in self.processes.values():
            process._deaths = 0

    async def freeze(self, name: str, seconds: float) -> None:
        """Stop a process and let it go on later, if it is still the same one."""
        pid = self.processes[name].pid
        if pid is None:
            return
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def whim(self, name: str, seconds: float) -> None:
        """Let processes that look for it behave badly for a while."""
        sign = self.whims / name
        sign.touch()
        try:
            await asyncio.sleep(seconds)
        finally:
            sign.unlink(missing_ok=True)

    async def freeze_postgres(self, seconds: float) -> None:
        """Stop the postmaster and all that it started, and let them go on later."""
        if (pid := self.postgres.pid) is None:
            return
        pids = [pid, *_children(pid)]
        try:
            _signal(pids, signal.SIGSTOP)
            await asyncio.sleep(seconds)
        finally:
            _signal(pids, signal.SIGCONT)

    def hurt_postgres(self, signal_number: int) -> None:
        """Stop (SIGINT) or kill (SIGKILL) PostgreSQL; ``tend`` brings it back on its port."""
        if pid := self.postgres.pid:
            os.kill(pid, signal_number)

    async def tend(self) -> None:
        """Start again what has died, as a supervisor does."""
        while True:
            if self.postgres.exit_status is not None:
                self.postgres.restart()
            for process in self.processes.values():
                process.tend()
            await asyncio.sleep(0.05)

    async def connect(self) -> asyncpg.Connection:
        """Return a connection that goes past the proxy, once PostgreSQL takes one."""
        for _ in range(200):
            try:
                return await asyncpg.connect(self.postgres.url)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)
        raise AssertionError("PostgreSQL did not come back")


def _children(pid: int) -> list[int]:
    try:
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in told.split()]


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def through(url: str, port: int) -> str:
    """Return a database's address with another port."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}"))


@asynccontextmanager
async def installed(home: Path, ports: list[int]) -> AsyncIterator[Site]:
    """Run everything until the block ends."""
    postgres = EmbeddedPostgres(home / "postgres")
    postgres.start()
    wires: list[Proxy] = []
    processes: dict[str, Process] = {}
    files = ExitStack()
    try:
        database_wire = await _wire(wires, urlsplit(postgres.url).port or 0)
        worker_wires = [await _wire(wires, port) for port in ports]
        settings = Settings(
            data_dir=home / "data",
            database_url=through(postgres.url, database_wire.port),
            port=ports[0],
            url=f"http://127.0.0.1:{ports[0]}",
            worker_token="a worker token for chaos",
            signing_key="a signing key for chaos",
            heartbeat_seconds=LEASE_SECONDS / 6,
            lease_seconds=LEASE_SECONDS,
        )
        settings.data_dir.mkdir()
        whims = home / "whims"
        whims.mkdir()
        await migrate(postgres.url)
        credentials = await provision(settings)
        log = home / "processes.log"
        output = files.enter_context(log.open("ab"))
        for name, argv, variables in _programs(settings, ports, worker_wires, whims):
            processes[name] = Process(Program(name, argv, 10.0), variables, output)
            processes[name].start()
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        site = Site(
            postgres, settings, credentials.api_key, processes, database_wire, worker_wires, urls, log, whims
        )
        site.tending = asyncio.create_task(site.tend())
        try:
            await answers(site)
            yield site
        finally:
            site.tending.cancel()
            await asyncio.gather(site.tending, return_exceptions=True)
    finally:
        for process in processes.values():
            process.request_stop()
        # Wires last: what stops gives back what it took, and waits for who does not hear it.
        await asyncio.to_thread(_await_stopped, processes)
        for wire in wires:
            await wire.stop()
        postgres.stop()
        files.close()


def _await_stopped(processes: dict[str, Process]) -> None:
    while not all(process.stopped() for process in processes.values()):
        time.sleep(0.02)


async def _wire(wires: list[Proxy], port: int) -> Proxy:
    proxy = Proxy(port)
    await proxy.start()
    wires.append(proxy)
    return proxy


def _programs(
    settings: Settings, ports: list[int], wires: list[Proxy], whims: Path
) -> list[tuple[str, tuple[str, ...], dict[str, str]]]:
    base = environment(settings, os.environ) | {"CHAOS_WHIMS": str(whims)}
    found: list[tuple[str, tuple[str, ...], dict[str, str]]] = []
    for place, port in enumerate(ports, 1):
        found.append(
            (
                f"api {place}",
                (sys.executable, str(HERE / "chaos_api.py")),
                base | {"MAQUETTE_PORT": str(port)},
            )
        )
        found.append((f"maintenance {place}", (*MAQUETTE, "maintain"), base))
    for place, (wire, skew) in enumerate(zip(wires, SKEWS, strict=True), 1):
        url = f"http://127.0.0.1:{wire.port}"
        path = os.pathsep.join([str(HERE.parent / "crowd"), base.get("PYTHONPATH", "")])
        found.append(
            (
                f"worker {place}",
                (sys.executable, str(HERE / "chaos_worker.py"), f"worker {place}", str(skew)),
                base | {"MAQUETTE_URL": url, "PYTHONPATH": path},
            )
        )
    return found


async def answers(site: Site) -> None:
    """Wait until every API is ready."""
    async with httpx.AsyncClient(timeout=5.0) as client:
        for url in site.urls:
            for _ in range(3000):
                if site.tending.done():
                    site.tending.result()
                with suppress(httpx.TransportError):
                    if (await client.get(f"{url}/readyz")).is_success:
                        break
                await asyncio.sleep(0.1)
            else:
                lines = [line for line in site.log.read_text().splitlines() if "POST /worker" not in line]
                raise AssertionError("\n".join(lines[-40:]))


async def rows(site: Site, statement: str, *values: Any) -> list[dict[str, Any]]:
    """Read from the database, past the proxy."""
    connection = await site.connect()
    try:
        return [dict(row) for row in await connection.fetch(statement, *values)]
    finally:
        await connection.close()
