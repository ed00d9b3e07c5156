"""How soon the next step begins: outcome sent → next claim returned."""

import asyncio
import time
import uuid
from collections.abc import Sequence
from functools import partial

from benchmarks.installation import Installation
from benchmarks.people import LOAD_CLIENTS, Latencies, load, prepare_projects, route_to_nobody, submit
from benchmarks.report import Row, limited, plain
from benchmarks.rounds import interleaved
from benchmarks.run import Run
from benchmarks.work import MODEL, MODEL_VERSION, SERVICE, file_of, outputs_of
from maquette.wire import Claim, Outcome, OutcomesRequest, Task
from maquette.worker.client import Client

TITLE = "Hand-off: outcome sent → next claim returned"
_PARKED_SECONDS = 0.05


def measured(run: Run) -> list[Row]:
    """Measure at one API process and across two, each on an idle system and at half load."""
    jobs = run.sized(12, 2)
    with Installation(run.folder, profile=run.profile, apis=2) as house:
        project, other = asyncio.run(prepare_projects(house, 2))
        asyncio.run(route_to_nobody(house, other))
        most = asyncio.run(submit(house, [other], run.sized(600, 16), clients=LOAD_CLIENTS)).rate
        asyncio.run(hand_off(house, project, 2, house.urls))  # connections, statements, notices: all there
        alternatives = {
            f"{load} hand-off, {where}": partial(_once, house, project, jobs, urls, other, rate)
            for load, rate in (("idle", 0.0), ("half loaded", most / 2))
            for where, urls in (("same process", house.urls[:1]), ("other process", house.urls))
        }
        taken = interleaved(run.sized(3, 1), alternatives)
    return [row for name, rounds in taken.items() for row in _rows(name, rounds)]


def _rows(name: str, rounds: list[Latencies]) -> list[Row]:
    p50, p99 = [one.p50 for one in rounds], [one.p99 for one in rounds]
    if name == "idle hand-off, same process":
        return [limited(f"{name}: p50", "ms", p50, at_most=5), limited(f"{name}: p99", "ms", p99, at_most=25)]
    return [plain(f"{name}: p50", "ms", p50), plain(f"{name}: p99", "ms", p99)]


def _once(
    house: Installation, project: str, jobs: int, urls: Sequence[str], other: str, rate: float
) -> Latencies:
    async def loaded() -> Latencies:
        loading = asyncio.create_task(load(house, other, rate))
        try:
            return await hand_off(house, project, jobs, urls)
        finally:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)

    return asyncio.run(loaded())


async def hand_off(house: Installation, project: str, jobs: int, urls: Sequence[str]) -> Latencies:
    """One worker sends an outcome, another one's waiting claim returns the next step; they take turns.

    With two addresses each of them is at an API process of its own, so that every hand-off crosses over.
    """
    seconds: list[float] = []
    token = house.settings.worker_token
    async with Client(urls[0], token) as one, Client(urls[-1], token) as other:
        workers = ((one, str(uuid.uuid4())), (other, str(uuid.uuid4())))
        for _ in range(jobs):
            await submit(house, [project], 1, clients=1)
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
