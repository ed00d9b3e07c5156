"""How soon the next step begins: outcome sent → next claim returned."""

import asyncio
import time
import uuid

from benchmarks.installation import Installation
from benchmarks.people import Latencies, prepare_projects, submit
from benchmarks.report import Row, limited
from benchmarks.run import Run
from benchmarks.work import MODEL, MODEL_VERSION, SERVICE, file_of, outputs_of
from maquette.wire import Claim, Outcome, OutcomesRequest, Task
from maquette.worker.client import Client

TITLE = "Hand-off: outcome sent → next claim returned"
_PARKED_SECONDS = 0.02


def measured(run: Run) -> list[Row]:
    """Measure on an idle system."""
    with Installation(run.folder, profile=run.profile) as house:
        [project] = asyncio.run(prepare_projects(house, 1))
        idle = asyncio.run(hand_off(house, project, run.sized(60, 2)))
    return [
        limited("idle hand-off: p50", "ms", idle.p50, at_most=5),
        limited("idle hand-off: p99", "ms", idle.p99, at_most=25),
    ]


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
