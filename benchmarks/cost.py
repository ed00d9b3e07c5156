"""What a job costs, by process: CPU, WAL, rows, transactions, memory; and the hot functions' machine instructions."""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from benchmarks.installation import Installation, Usage
from benchmarks.people import prepare_projects, submit
from benchmarks.report import Row, limited, plain, skipped
from benchmarks.run import Run
from benchmarks.way import until

TITLE = "Cost of a 7-step job, by process"
_API_MEGABYTES_MAX = 150
#: A job that stayed in memory would be 10 kB and more: 100 MB after 10,000.
_GROWTH_MAX = 5.0
#: A server process that idles hands in what it has counted after ten seconds at the latest.
_STATISTICS_SECONDS = 10.5
_COUNTS = """
    select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint as wal,
        (select sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint from pg_stat_user_tables) as rows,
        (select xact_commit from pg_stat_database where datname = current_database()) as transactions
"""
_OPEN = "select not exists (select from jobs where finished_at is null)"
_RELAYED = "select not exists (select from outbox)"
_INSTRUCTIONS = "Collected : "
_ROUNDS = 100
_CALLGRIND_SECONDS_MAX = 300


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been used so far."""

    usage: Usage
    wal: int
    rows: int
    transactions: int


def measured(run: Run) -> list[Row]:
    """Take one lot of jobs through submission, steps and relay one after the other; then look at memory over many."""
    jobs, rounds = run.sized(1000, 10), run.sized(10, 2)
    with Installation(run.folder, profile=run.profile) as house:
        rows = asyncio.run(_by_phase(house, jobs, run.sized(_STATISTICS_SECONDS, 0.1)))
        rows += _memory(house, jobs, rounds)
    return [*rows, *_instructions(run)]


async def _by_phase(house: Installation, jobs: int, wait: float) -> list[Row]:
    projects = await prepare_projects(house)
    connection = await asyncpg.connect(house.settings.database_url)
    try:
        await submit(house, projects, 50)  # plans, caches
        with house.workers(processes=1, each=1, capacity=100):
            await until(connection, _OPEN)
        await until(connection, _RELAYED)
        with house.asleep(api=False):
            begun = await _spent(house, connection, wait)
            await submit(house, projects, jobs)
            submitted = await _spent(house, connection, wait)
            with house.workers(processes=2, each=1, capacity=100):
                await until(connection, "select exists (select from leases)")
                working = replace(
                    submitted, usage=house.usage()
                )  # what the workers' start took is no cost of a job
                await until(connection, _OPEN)
                done = await _spent(house, connection, wait)
        await until(connection, _RELAYED)
        relayed = await _spent(house, connection, wait)
    finally:
        await connection.close()
    phases = (("submission", begun, submitted), ("seven steps", working, done), ("relay", done, relayed))
    rows = [
        plain(f"{phase}: CPU of {words}", "µs/job", micros)
        for phase, before, after in phases
        for part, words in _PARTS.items()
        if (micros := getattr(after.usage.since(before.usage), part) / jobs * 1e6) > 0
    ]
    for name, unit in (("wal", "bytes/job"), ("rows", "rows/job"), ("transactions", "/job")):
        rows += [
            plain(f"{phase}: {name}", unit, (getattr(after, name) - getattr(before, name)) / jobs)
            for phase, before, after in phases
        ]
    return rows


_PARTS = {"api": "the API", "postgres": "PostgreSQL", "workers": "the workers", "maintenance": "maintenance"}


async def _spent(house: Installation, connection: asyncpg.Connection, wait: float) -> Spent:
    usage = house.usage()
    await asyncio.sleep(wait)
    return Spent(usage, **dict(await connection.fetchrow(_COUNTS)))


def _memory(house: Installation, jobs: int, rounds: int) -> list[Row]:
    """Do round after round of jobs with everything running, and see what stays in memory."""
    parts: dict[str, Callable[[], float]] = {
        "API": house.api_megabytes,
        "maintenance": house.maintenance_megabytes,
        "worker": house.worker_megabytes,
    }
    found: dict[str, list[float]] = {name: [] for name in parts}
    with house.workers(processes=1, each=1, capacity=100):
        for _ in _after_rounds(house, jobs, rounds):
            for name, read in parts.items():
                found[name].append(read())
    rows = []
    for name, megabytes in found.items():
        # The first half fills caches that have a bound.
        late = megabytes[len(megabytes) // 2 :]
        slope = _slope(late) / jobs * 10_000
        size = f"after {jobs * rounds:,} jobs"
        rows += [
            limited(f"{name} process, resident {size}", "MB", megabytes[-1], at_most=_API_MEGABYTES_MAX)
            if name == "API"
            else plain(f"{name} process, resident {size}", "MB", megabytes[-1]),
            limited(f"{name} process, growth", "MB in 10,000 jobs", slope, at_most=_GROWTH_MAX),
        ]
    return rows


def _after_rounds(house: Installation, jobs: int, rounds: int) -> Iterator[int]:
    async def one() -> None:
        projects = await prepare_projects(house)
        connection = await asyncpg.connect(house.settings.database_url)
        try:
            await submit(house, projects, jobs)
            await until(connection, _OPEN)
            await until(connection, _RELAYED)
        finally:
            await connection.close()

    for number in range(rounds):
        asyncio.run(one())
        yield number


def _slope(values: list[float]) -> float:
    """Return how much a value grows from one round to the next, by least squares; 0 of a single one."""
    if len(values) < 2:
        return 0.0
    return statistics.linear_regression(range(len(values)), values).slope


def _instructions(run: Run) -> list[Row]:
    """Count machine instructions under callgrind: what many rounds of the hot functions take more than none."""
    name, unit = "machine instructions of the hot functions, each once", "instructions"
    program = shutil.which("valgrind")
    if program is None:
        return [skipped(name, unit, "there is no valgrind (Debian: valgrind)")]
    if run.scale == "small":
        return [skipped(name, unit, "starting Python under callgrind takes a minute")]
    try:
        before, after = (_collected(run, program, rounds) for rounds in (0, _ROUNDS))
    except subprocess.TimeoutExpired:
        return [skipped(name, unit, f"callgrind took longer than {_CALLGRIND_SECONDS_MAX} s")]
    return [plain(name, unit, (after - before) / _ROUNDS)]


def _collected(run: Run, program: str, rounds: int) -> int:
    output = run.folder / "callgrind.out"
    command = [
        *(program, "--tool=callgrind", f"--callgrind-out-file={output}"),
        *(sys.executable, "-m", "benchmarks.hot", str(rounds)),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=_CALLGRIND_SECONDS_MAX,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    return int(done.stderr.rpartition(_INSTRUCTIONS)[2].split()[0])
