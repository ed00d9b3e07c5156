"""POST /jobs."""

import asyncio

from benchmarks.installation import Installation
from benchmarks.people import Submissions, prepare_projects, submit
from benchmarks.report import Row, limited, plain
from benchmarks.run import Run

TITLE = "POST /jobs"
_ROUNDS = 3


def measured(run: Run) -> list[Row]:
    """Submit jobs from 64 clients, each of which waits for its answer."""
    with Installation(run.folder, profile=run.profile) as house:
        taken = asyncio.run(_rounds(house, run.sized(1000, 20)))
    p50, p99 = ([getattr(one.latencies, rank) for one in taken] for rank in ("p50", "p99"))
    return [
        plain("POST /jobs, 64 clients", "jobs/s", [one.rate for one in taken]),
        plain("POST /jobs, 64 clients: p50", "ms", p50),
        plain("POST /jobs, 64 clients: p99", "ms", p99),
        limited(
            "POST /jobs, 64 clients: p99 over p50",
            "times",
            [slow / usual for slow, usual in zip(p99, p50, strict=True)],
            at_most=4,
        ),
    ]


async def _rounds(house: Installation, jobs: int) -> list[Submissions]:
    projects = await prepare_projects(house)
    return [await submit(house, projects, jobs) for _ in range(_ROUNDS)]
