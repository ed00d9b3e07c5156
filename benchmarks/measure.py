"""The measurements over HTTP: submissions, durable steps, hand-offs."""

import asyncio
import math
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import asyncpg

from benchmarks.installation import Installation, Usage
from benchmarks.work import MODEL, MODEL_VERSION, SERVICE, file_of, outputs_of
from maquette.wire import Claim, Outcome, OutcomesRequest, Task
from maquette.worker.client import Client

CLIENTS = 64
PROJECTS = 8
_PATIENCE_SECONDS = 90.0
_PARKED_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Latencies:
    """A distribution by its nearest ranks, in milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Latencies":
        ordered = sorted(seconds)
        p50, p99 = (ordered[math.ceil(part * len(ordered)) - 1] for part in (0.50, 0.99))
        return cls(p50 * 1000, p99 * 1000)


@dataclass(frozen=True, slots=True)
class Submissions:
    """What submitting jobs took."""

    rate: float
    """Jobs a second."""
    latencies: Latencies


@dataclass(frozen=True, slots=True)
class Steps:
    """One run of jobs through all their steps."""

    rate: float
    """Durable steps a second, from the first claim to the last completion."""
    batch: float
    """Completions in one transaction, on average."""
    steps: int
    usage: Usage
    wal_bytes: int


async def prepare_projects(house: Installation) -> list[str]:
    """Make projects without review gates, with default limits, and return their ids."""
    async with _people(house) as session:
        ids = []
        for number in range(PROJECTS):
            async with session.post("/projects", json={"name": f"project {number}"}) as answer:
                answer.raise_for_status()
                ids.append((await answer.json())["id"])
            async with session.put(f"/projects/{ids[-1]}/gates", json={"gates": []}) as answer:
                answer.raise_for_status()
        return ids


async def submit(house: Installation, projects: Sequence[str], count: int) -> Submissions:
    """Submit ``count`` 3D jobs from 64 clients, each of which waits for its answer before the next one."""
    numbers = iter(range(count))
    seconds: list[float] = []
    async with _people(house) as session:

        async def client() -> None:
            for number in numbers:
                body = {
                    "project_id": projects[number % len(projects)],
                    "asset_type": "3D",
                    "prompt": "a rusty robot courier, game-ready",
                    "library_path": f"props/{uuid.uuid4().hex}",
                }
                begun = time.perf_counter()
                async with session.post("/jobs", json=body) as answer:
                    await answer.read()
                    answer.raise_for_status()
                seconds.append(time.perf_counter() - begun)

        begun = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return Submissions(count / (time.perf_counter() - begun), Latencies.of(seconds))


async def run_steps(house: Installation, jobs: int, *, processes: int, each: int, capacity: int) -> Steps:
    """Let workers do the submitted jobs and return how fast that went, by the database's own times."""
    connection = await asyncpg.connect(house.settings.database_url)
    try:
        start = await connection.fetchrow("select clock_timestamp() as at, pg_current_wal_lsn() as wal")
        with house.workers(processes=processes, each=each, capacity=capacity):
            done = "not exists (select from jobs where finished_at is null)"
            await _until(connection, f"select exists (select from leases) or {done}")
            before = house.usage()  # from here on: what the workers' start took is no cost of a step
            await _until(connection, f"select {done}")
            usage = house.usage().since(before)
        row = await connection.fetchrow(
            "select count(*) as steps, count(distinct finished_at) as batches,"
            " extract(epoch from max(finished_at) - min(started_at))::float as seconds,"
            " pg_wal_lsn_diff(pg_current_wal_lsn(), $2)::bigint as wal"
            " from steps where started_at >= $1 and status = 'done'",
            start["at"],
            start["wal"],
        )
    finally:
        await connection.close()
    if row["steps"] != 7 * jobs:
        raise RuntimeError(f"{jobs} jobs should have made {7 * jobs} steps, not {row['steps']}.")
    return Steps(
        row["steps"] / row["seconds"], row["steps"] / row["batches"], row["steps"], usage, row["wal"]
    )


async def _until(connection: asyncpg.Connection, condition: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not await connection.fetchval(condition):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not so after {_PATIENCE_SECONDS:.0f} s: {condition}")
        await asyncio.sleep(0.05)


async def hand_off(house: Installation, project: str, jobs: int) -> Latencies:
    """Measure on an idle system: one worker sends an outcome, another one's waiting claim returns the next step."""
    seconds: list[float] = []
    settings = house.settings
    async with (
        Client(settings.url, settings.worker_token) as one,
        Client(settings.url, settings.worker_token) as other,
    ):
        workers = ((one, str(uuid.uuid4())), (other, str(uuid.uuid4())))
        for _ in range(jobs):
            await submit(house, [project], 1)
            task = (await _claim(*workers[0], wait_seconds=5.0))[0]
            while task.step != "export":
                waiting = asyncio.ensure_future(_claim(*workers[1], wait_seconds=5.0))
                await asyncio.sleep(_PARKED_SECONDS)
                begun = time.perf_counter()
                reported = asyncio.ensure_future(_report(workers[0][0], task))
                task = (await waiting)[0]
                seconds.append(time.perf_counter() - begun)
                await reported
                workers = workers[::-1]
            await _report(workers[0][0], task)
    return Latencies.of(seconds)


async def _claim(client: Client, epoch: str, *, wait_seconds: float) -> list[Task]:
    claim = Claim(
        claim_id=str(uuid.uuid4()),
        worker_epoch=epoch,
        worker="benchmark",
        services=[SERVICE],
        wait_seconds=wait_seconds,
    )
    return (await client.claim(claim)).tasks


async def _report(client: Client, task: Task) -> None:
    outcome = Outcome(
        task_id=task.task_id,
        fence=task.fence,
        status="succeeded",
        artifacts=[file_of(task.step)],
        outputs=outputs_of(task.step),
        model=MODEL,
        model_version=MODEL_VERSION,
        metrics={"duration": 0.0, "gpu_type": "cpu", "cost_estimate": 0.0},
    )
    [verdict] = (await client.report(OutcomesRequest(outcomes=[outcome]))).verdicts
    if verdict.verdict != "applied":
        raise RuntimeError(f"An outcome was not applied: {verdict}")


def _people(house: Installation) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        house.settings.url,
        headers={"Authorization": f"Bearer {house.operator_key}"},
        connector=aiohttp.TCPConnector(limit=CLIENTS),
    )
