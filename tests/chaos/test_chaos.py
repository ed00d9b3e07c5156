"""Everything goes wrong at once, drawn from a seed: afterwards every job has ended and no law is broken.

`make test` plays five seeds, `MAQUETTE_FAULTS=all` two hundred; `MAQUETTE_FAULTS_SEED=n` begins at another one.
docs/RELIABILITY.md says what came of it.
"""

import asyncio
import json
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from chaos_plan import FAULTS, LEASE_SECONDS, SECONDS, Fault, faults, wishes
from chaos_site import Site, answers, installed, rows
from choice import EVERYTHING, SEED
from event_stream import assert_tells_all, messages
from ledger import violations
from people import Person

from maquette.domain import typeid

JOBS = 50
SEEDS = 200 if EVERYTHING else 5
#: From the last fault until everybody's job has ended.
CALM_SECONDS = 200.0
#: Why a job may fail here: its attempts were lost one after the other.
LOST = frozenset({"lost_worker", "deadline_exceeded"})


async def _hurt(site: Site, fault: Fault) -> None:
    wire = site.worker_wires[int(fault.victim[-1]) - 1] if fault.victim.startswith("worker") else None
    match fault.kind:
        case "kill":
            site.kill(fault.victim)
        case "freeze":
            await site.freeze(fault.victim, fault.seconds)
        case "terminate backends":
            await _terminate(site, fault.seconds)
        case "reset the database's connections":
            site.database_wire.reset()
        case "silence the database":
            await _silence(site.database_wire, fault.seconds)
        case "reset a worker's connections" if wire:
            wire.reset()
        case "swallow answers to a worker" if wire:
            wire.swallows = True
            await asyncio.sleep(fault.seconds)
            wire.swallows = False
            wire.reset()
        case "silence a worker" if wire:
            await _silence(wire, fault.seconds)
        case "restart PostgreSQL":
            site.hurt_postgres(signal.SIGINT)
        case "kill PostgreSQL":
            site.hurt_postgres(signal.SIGKILL)


async def _silence(wire: Any, seconds: float) -> None:
    wire.stall(silent=True)
    try:
        await asyncio.sleep(seconds)
    finally:
        wire.stall(silent=False)


async def _terminate(site: Site, seconds: float) -> None:
    """End one backend after the other for a while."""
    until = time.monotonic() + seconds
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


async def _storm(site: Site, seed: str) -> None:
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for fault in faults(seed):
            await asyncio.sleep(max(began + fault.at - time.monotonic(), 0))
            group.create_task(_hurt(site, fault))


async def _play(site: Site, seed: str) -> list[dict[str, Any]]:
    """Let people work while everything goes wrong; return each job as it is in the end."""
    async with AsyncExitStack() as stack:
        headers = {"authorization": f"Bearer {site.operator_key}"}
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=url, headers=headers, timeout=5.0, limits=httpx.Limits(max_connections=None)
                )
            )
            for url in site.urls
        ]
        projects = [
            (await clients[0].post("/projects", json={"name": f"chaos {seed}"})).json()["id"]
            for _ in range(2)
        ]
        for project in projects[:1]:
            await clients[0].put(f"/projects/{project}/gates", json={"gates": ["text_to_image", "refine"]})
        deadline = time.monotonic() + SECONDS + CALM_SECONDS
        people = [
            Person(
                clients[wish.number % 2 :] + clients[: wish.number % 2],
                wish,
                projects[wish.project],
                seed,
                deadline,
            )
            for wish in wishes(seed, JOBS)
        ]
        async with asyncio.TaskGroup() as group:
            group.create_task(_storm(site, seed))
            lives = [group.create_task(person.live()) for person in people]
        errors = [error for person in people for error in person.internal_errors]
        assert not errors, errors[:3]
        await answers(site)
        told = await asyncio.gather(*(_told(clients, life.result()["id"]) for life in lives))
    for shown, stream in told:
        _assert_told(shown, stream)
    return [shown for shown, _ in told]


async def _told(clients: list[httpx.AsyncClient], job_id: str) -> tuple[dict[str, Any], str]:
    shown = (await clients[0].get(f"/jobs/{job_id}", params={"history": "true"}, timeout=30.0)).json()
    return shown, (await clients[1].get(f"/jobs/{job_id}/events", timeout=30.0)).text


def _assert_told(job: dict[str, Any], stream: str) -> None:
    """The events alone give the job that is shown."""
    events = [json.loads(data) for _, kind, data in messages(stream.split("\n")) if kind != "progress"]
    assert_tells_all(events, [job])


async def _laws(site: Site, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return every law that is broken once canceled work has been let go."""
    ids = [typeid.decode("job", job["id"]) for job in jobs]
    for _ in range(int(5 * LEASE_SECONDS / 0.1)):
        if not await rows(site, "select job_id from leases"):
            break
        await asyncio.sleep(0.1)
    connection = await site.connect()
    try:
        return await violations(connection, ids)
    finally:
        await connection.close()


def _unexplained(job: dict[str, Any]) -> bool:
    """Whether a job ended as nobody wanted: it failed, and not because one attempt after the other was lost."""
    return job["status"] == "failed" and job["error"]["code"] not in LOST


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Site]]:
    """One installation for all seeds, on a loop of its own."""
    home: Path = tmp_path_factory.mktemp("chaos")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            site = runner.run(stack.enter_async_context(installed(home, [_free_port(), _free_port()])))
            yield runner, site
        finally:
            runner.run(stack.aclose())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("number", range(SEEDS))
def test_whatever_goes_wrong_every_job_ends_lawfully(
    chaos: tuple[asyncio.Runner, Site], number: int, record_property: Any
) -> None:
    """Killed, frozen, cut off and unheard: each accepted job ends once, nothing is recorded twice, nothing is left."""
    runner, site = chaos
    seed = f"{SEED}.{number}"
    jobs = runner.run(_play(site, seed))
    record_property("statuses", str(dict(Counter(job["status"] for job in jobs))))
    assert len({job["id"] for job in jobs}) == JOBS
    assert not [job["error"] for job in jobs if _unexplained(job)], f"seed {seed}"
    assert runner.run(_laws(site, jobs)) == {}, f"seed {seed}"


def test_the_same_seed_draws_the_same_storm() -> None:
    """Who replays a seed replays its faults and what people do; another one is another storm."""
    assert (faults("1"), wishes("1", JOBS)) == (faults("1"), wishes("1", JOBS))
    assert faults("1") != faults("2")
    assert len(faults("1")) == FAULTS
