"""Two of each process behind a balancer, each restarted in its turn under work: nobody notices who uses the client library."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from ledger import violations
from proxy import Proxy

from maquette.cli.client import Client
from maquette.domain import typeid
from maquette.provision import Credentials, provision
from maquette.settings import Settings, environment
from maquette.supervisor.processes import Process, Program

JOBS = 60
#: One after the other; maintenance and workers of one place together, for they do not need each other.
_RESTARTED = (("api 1",), ("maintenance 1", "worker 1"), ("api 2",), ("maintenance 2", "worker 2"))
_TERMINAL = frozenset({"succeeded", "failed", "canceled"})
#: Like a pod's: from SIGTERM to SIGKILL.
_STOP_SECONDS = 20.0


def _ports(count: int) -> list[int]:
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

    async def tend(self) -> None:
        """Start again what has ended, as a supervisor does."""
        while True:
            for process in self.processes.values():
                process.tend()
            await asyncio.sleep(0.05)

    async def answer(self) -> None:
        """Wait until every API is ready."""
        async with httpx.AsyncClient(timeout=5.0) as client, asyncio.timeout(60):
            for url in self.urls:
                while True:
                    with suppress(httpx.TransportError):
                        if (await client.get(f"{url}/readyz")).is_success:
                            break
                    await asyncio.sleep(0.05)

    async def restart(self, name: str) -> float:
        """SIGTERM, and wait for the new one to take part; return how long the old one took to leave."""
        process = self.processes[name]
        old = process._process
        assert old is not None
        began, took = time.monotonic(), 0.0
        os.kill(old.pid, signal.SIGTERM)
        while old.poll() is None:
            took = time.monotonic() - began
            assert took < _STOP_SECONDS, f"{name} does not leave: {self.log.read_text()[-2000:]}"
            await asyncio.sleep(0.02)
        assert old.returncode == 0, f"{name} left with {old.returncode}"
        while process.pid in {None, old.pid}:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.02)
        await self.answer()
        return took


@asynccontextmanager
async def _installed(home: Path, database_url: str) -> AsyncIterator[Site]:
    """Run two APIs, two maintenance processes and two workers until the block ends."""
    ports = _ports(2)
    balancer = Proxy(*ports)
    await balancer.start()
    url = f"http://127.0.0.1:{balancer.port}"
    settings = Settings(
        data_dir=home,
        database_url=database_url,
        url=url,
        public_url=url,
        worker_token="a worker token for tests",
        signing_key="a signing key for tests",
        heartbeat_seconds=1.0,
        lease_seconds=8.0,
    )
    credentials = await provision(settings)
    base = environment(settings, os.environ)
    crowd = Path(__file__).parent.parent / "crowd"
    worker = (sys.executable, str(Path(__file__).with_name("slow_worker.py")))
    path = {"PYTHONPATH": os.pathsep.join([str(crowd), base.get("PYTHONPATH", "")])}
    maquette = (sys.executable, "-m", "maquette")
    processes, log = {}, home / "log"
    with log.open("ab") as output:
        for place, port in enumerate(ports, 1):
            for name, argv, more in (
                ("api", (*maquette, "serve"), {"MAQUETTE_PORT": str(port)}),
                ("maintenance", (*maquette, "maintain"), {}),
                ("worker", worker, path),
            ):
                process = Process(Program(name, argv, _STOP_SECONDS), base | more, output)
                processes[f"{name} {place}"] = process
                process.start()
        site = Site(processes, [f"http://127.0.0.1:{port}" for port in ports], balancer, credentials, log)
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


def _see_through(client: Client, project: str, number: int, deadline: float) -> dict[str, Any]:
    """Submit a job, approve what waits for it, and return it as it ended: with the library's own tries again, no others."""
    wish = {"project_id": project, "asset_type": "2D", "prompt": f"a thing, number {number}", "seed": number}
    job = client.post("/jobs", wish)
    while job["status"] not in _TERMINAL:
        assert time.monotonic() < deadline, job
        if job["status"] == "awaiting_review":
            step = {"step": job["current_step"], "revision": 0, "decision": "approved"}
            job = client.post(f"/jobs/{job['id']}/review", step)
        else:
            time.sleep(0.5)
            job = client.get(f"/jobs/{job['id']}")
    return dict(job)


async def test_each_process_is_restarted_under_work(database_url: str, tmp_path: Path) -> None:
    """Every request of 60 people succeeds, and every job; no attempt is lost by silence; every process leaves with 0."""
    loop = asyncio.get_running_loop()
    async with _installed(tmp_path, database_url) as site:
        deadline = time.monotonic() + 100
        key, project = site.credentials.api_key, site.credentials.project_id
        with (
            Client(f"http://127.0.0.1:{site.balancer.port}", key) as client,
            ThreadPoolExecutor(JOBS) as crowd,
        ):

            async def person(number: int) -> dict[str, Any]:
                await asyncio.sleep(number * 0.15)
                return await loop.run_in_executor(crowd, _see_through, client, project, number, deadline)

            async with asyncio.TaskGroup() as group:
                people = [group.create_task(person(number)) for number in range(JOBS)]
                left = [
                    took
                    for together in _RESTARTED
                    for took in await asyncio.gather(*map(site.restart, together))
                ]
            jobs = [item.result() for item in people]
        log = site.log.read_text()
    assert Counter(job["status"] for job in jobs) == {"succeeded": JOBS}
    assert max(left) < _STOP_SECONDS / 2, left
    connection = await asyncpg.connect(database_url)
    try:
        assert await violations(connection, [typeid.decode("job", job["id"]) for job in jobs]) == {}
        assert await connection.fetch("select * from leases") == []
        # What a worker could not end within its 2 s on a busy machine it has given back; nothing was found out by silence.
        assert await connection.fetch("select * from attempts where not reported") == []
        assert await connection.fetchval("select count(*) from attempts") <= 2
    finally:
        await connection.close()
    assert list((tmp_path / "objects" / "staging").iterdir()) == []
    assert "Traceback" not in log
