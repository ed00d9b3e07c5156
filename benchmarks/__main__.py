"""``python -m benchmarks``: measure everything, print a table, write ``benchmarks/results/latest.json``."""

import argparse
import asyncio
import shutil
import tempfile
from pathlib import Path

from benchmarks import floor, measure, relay, report
from benchmarks.installation import Installation
from benchmarks.measure import Steps
from benchmarks.report import Row, against, limited, reaching

_RESULTS = Path(__file__).with_name("results") / "latest.json"
_BARE_AT_LEAST = 0.6


def main() -> None:
    """Run what was asked for in a folder of its own, which is gone afterwards."""
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="maquette-bench-"))
    if arguments.profile:
        arguments.profile.mkdir(parents=True, exist_ok=True)
    try:
        with Installation(folder, profile=arguments.profile) as house:
            rows = measured(house, jobs=arguments.jobs, only_steps=arguments.only_steps)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report.show(rows)
    report.write(rows, arguments.output)


def measured(house: Installation, *, jobs: int, only_steps: bool) -> list[Row]:
    """Take all measurements, one after the other on the same server."""
    projects = asyncio.run(measure.prepare_projects(house))
    submissions = asyncio.run(measure.submit(house, projects, jobs))
    batched = asyncio.run(measure.run_steps(house, jobs, processes=2, each=1, capacity=100))
    rows = _steps_rows(house, "100 tasks a claim, 2 workers", batched, jobs)
    if only_steps:
        return rows
    asyncio.run(measure.submit(house, projects, jobs // 4))
    single = asyncio.run(measure.run_steps(house, jobs // 4, processes=2, each=32, capacity=1))
    rows += _steps_rows(house, "1 task a claim, 64 workers", single, jobs // 4)
    idle = asyncio.run(measure.hand_off(house, projects[0], 60))
    latencies = submissions.latencies
    relayed = asyncio.run(relay.measure(house))
    return [
        *rows,
        Row("POST /jobs, 64 clients", "jobs/s", submissions.rate),
        Row("POST /jobs, 64 clients: p50", "ms", latencies.p50),
        Row("POST /jobs, 64 clients: p99", "ms", latencies.p99),
        limited("POST /jobs, 64 clients: p99 over p50", "times", latencies.p99 / latencies.p50, at_most=4),
        limited("idle hand-off, outcome sent → next claim returned: p50", "ms", idle.p50, at_most=5),
        limited("idle hand-off, outcome sent → next claim returned: p99", "ms", idle.p99, at_most=25),
        Row("relay: outbox → events", "events/s", relayed.moved),
        reaching("relay: undelivered → Kafka, acknowledged", "events/s", relayed.published, at_least=10_000),
        Row(
            "relay: CPU of its process while publishing",
            "µs/event",
            relayed.cpu_seconds / relayed.events * 1e6,
        ),
        limited("API process, resident", "MB", house.api_megabytes(), at_most=150),
    ]


def _steps_rows(house: Installation, name: str, run: Steps, jobs: int) -> list[Row]:
    """Put a run beside the same statements bare, in batches as large as its own were."""
    size = max(1, round(run.batch))
    bare = asyncio.run(floor.measure(house.settings.database_url, jobs_count=jobs, batch=size))
    micro = 1e6 / run.steps
    return [
        against(
            f"durable steps, {name}",
            "steps/s",
            run.rate,
            {"bare statements": bare.rate},
            at_least=_BARE_AT_LEAST,
        ),
        Row(f"{name}: completions in a transaction", "", run.batch),
        Row(f"{name}: CPU of PostgreSQL", "µs/step", run.usage.postgres * micro),
        Row(
            f"{name}: CPU of the API",
            "µs/step",
            run.usage.api * micro,
            {"bare statements": bare.cpu * 1e6},
            run.usage.api * micro / (bare.cpu * 1e6),
        ),
        Row(f"{name}: CPU of the workers", "µs/step", run.usage.workers * micro),
        Row(f"{name}: WAL", "bytes/step", run.wal_bytes / run.steps),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000, help="7-step jobs of the largest run")
    parser.add_argument("--only-steps", action="store_true", help="nothing but durable steps in batches")
    parser.add_argument("--output", type=Path, default=_RESULTS, help="where to write the results as JSON")
    parser.add_argument("--profile", type=Path, help="folder for a page on each process's CPU time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
