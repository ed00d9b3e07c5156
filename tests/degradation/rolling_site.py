"""An installation of many processes behind a balancer, each of which can be restarted, and the people who use it."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from proxy import Proxy

from maquette.cli.client import Client
from maquette.settings import Settings, environment
from maquette.supervisor.processes import Process, Program
from maquette.wiring.provision import Credentials, provision

#: Like a pod's: from SIGTERM to SIGKILL.
STOP_SECONDS = 20.0
MAQUETTE = (sys.executable, "-m", "maquette")
_TESTS = Path(__file__).parent.parent
_TERMINAL = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True)
class Part:
    """A process to be: what it is called, what it runs, and what its environment has besides the installation's."""

    name: str
    argv: tuple[str, ...]
    variables: Mapping[str, str]


def python_path(*folders: Path) -> dict[str, str]:
    """Return the variable that lets a process import from these folders before all others."""
    return {"PYTHONPATH": os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])}


def parts(*, apis: Sequence[int], maintenance: int, workers: int) -> list[Part]:
    """Return the processes of an installation whose APIs listen at these ports."""
    worker = (sys.executable, str(Path(__file__).with_name("slow_worker.py")))
    found = [
        Part(f"api {place}", (*MAQUETTE, "serve"), {"MAQUETTE_PORT": str(port)})
        for place, port in enumerate(apis, 1)
    ]
    found += [
        Part(f"maintenance {place}", (*MAQUETTE, "maintain"), {}) for place in range(1, maintenance + 1)
    ]
    return found + [
        Part(f"worker {place}", worker, python_path(_TESTS / "crowd")) for place in range(1, workers + 1)
    ]


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(item.getsockname()[1]) for item in sockets]
    for item in sockets:
        item.close()
    return ports


@dataclass
class Site:
    """Processes of an installation, and the way to those of them that answer."""

    processes: dict[str, Process]
    urls: list[str]
    balancer: Proxy
    credentials: Credentials
    log: Path
    start: Callable[[Part], None]
    """Lets one more process run."""

    async def tend(self) -> None:
        """Start again what has ended, as a supervisor does."""
        while True:
            for process in self.processes.values():
                process.tend()
            await asyncio.sleep(0.05)

    async def answer(self) -> None:
        """Wait until every API is ready."""
        async with httpx.AsyncClient(timeout=5.0) as client, asyncio.timeout(120):
            for url in self.urls:
                while True:
                    with suppress(httpx.TransportError):
                        if (await client.get(f"{url}/readyz")).is_success:
                            break
                    await asyncio.sleep(0.05)

    async def restart(self, name: str) -> float:
        """SIGTERM, and wait for the new one to take part; return how long the old one took to leave."""
        process = self.processes[name]
        gone, took = await self._leave(name, process)
        while process.pid in {None, gone}:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.02)
        await self.answer()
        return took

    async def retire(self, name: str, url: str = "") -> None:
        """SIGTERM, and nobody in its place; ``url`` is where it answered. Earlier versions die of the signal in the end."""
        process = self.processes.pop(name)
        if url:
            self.urls.remove(url)
        await self._leave(name, process, {0, -signal.SIGTERM})

    async def _leave(
        self, name: str, process: Process, statuses: Collection[int] = (0,)
    ) -> tuple[int, float]:
        old = process._process
        assert old is not None
        began, took = time.monotonic(), 0.0
        os.kill(old.pid, signal.SIGTERM)
        while old.poll() is None:
            took = time.monotonic() - began
            assert took < STOP_SECONDS, f"{name} does not leave: {self.log.read_text()[-2000:]}"
            await asyncio.sleep(0.02)
        assert old.returncode in statuses, f"{name} left with {old.returncode}"
        return old.pid, took


@asynccontextmanager
async def installed(
    home: Path, database: Mapping[str, Any], ports: Sequence[int], wanted: Sequence[Part]
) -> AsyncIterator[Site]:
    """Run these processes, the APIs among them at ``ports``, until the block ends. ``database``: settings of the way to it."""
    balancer = Proxy(*ports)
    await balancer.start()
    url = f"http://127.0.0.1:{balancer.port}"
    settings = Settings(
        data_dir=home,
        **database,
        url=url,
        public_url=url,
        worker_token="a worker token for tests",
        signing_key="a signing key for tests",
        heartbeat_seconds=1.0,
        lease_seconds=8.0,
    )
    credentials = await provision(settings)
    base = environment(settings, os.environ)
    processes: dict[str, Process] = {}
    log = home / "log"
    with log.open("ab") as output:

        def start(part: Part) -> None:
            program = Program(part.name.partition(" ")[0], part.argv, STOP_SECONDS)
            processes[part.name] = process = Process(program, base | part.variables, output)
            process.start()

        for part in wanted:
            start(part)
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        site = Site(processes, urls, balancer, credentials, log, start)
        tending = asyncio.create_task(site.tend())
        try:
            await site.answer()
            yield site
        finally:
            tending.cancel()
            await asyncio.gather(tending, return_exceptions=True)
            for process in processes.values():
                process.kill()
            await balancer.stop()


def submit(client: Client, project: str, number: int) -> dict[str, Any]:
    wish = {"project_id": project, "asset_type": "2D", "prompt": f"a thing, number {number}", "seed": number}
    return dict(client.post("/jobs", wish))


def see_through(client: Client, project: str, number: int, deadline: float) -> dict[str, Any]:
    """Submit a job and return it as it ended: with the library's own tries again, no others."""
    return follow(client, submit(client, project, number), deadline)


def follow(client: Client, job: dict[str, Any], deadline: float) -> dict[str, Any]:
    """Approve what waits for it, and return the job as it ended."""
    while job["status"] not in _TERMINAL:
        assert time.monotonic() < deadline, job
        if job["status"] == "awaiting_review":
            step = {"step": job["current_step"], "revision": 0, "decision": "approved"}
            job = client.post(f"/jobs/{job['id']}/review", step)
        else:
            time.sleep(0.5)
            job = client.get(f"/jobs/{job['id']}")
    return dict(job)
