"""POST /jobs from 1, 16, 64 and 256 clients, beside plain FastAPI and SQLAlchemy writing the same rows."""

import asyncio
import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.installation import Installation, cpu_seconds, free_port
from benchmarks.people import prepare_projects, submit
from benchmarks.report import Row, against, limited, plain, skipped
from benchmarks.rounds import interleaved
from benchmarks.run import Run
from benchmarks.volley import Volley, fire, request
from maquette.domain import typeid
from maquette.store.migrate import migrate

TITLE = "POST /jobs"
PEER = "FastAPI + SQLAlchemy"
_JUDGED = 64
#: So many that no project comes to its thousand open jobs: nobody does them here.
_PROJECTS = 20
_RATIO_AT_LEAST = 2.0
_P99_AT_MOST = 4.0
_READY_SECONDS_MAX = 20.0
_STOP_SECONDS = 5.0
#: Each job has a path of its own, as assets have names. Five digits: 1488 is refused, and rightly so.
_NUMBERS = count(10_000)


@dataclass(frozen=True, slots=True)
class Taken:
    """One round of submissions: what it took, and of CPU (s) in the server's process and in PostgreSQL."""

    volley: Volley
    server: float
    postgres: float

    def micros(self, part: str) -> float:
        """Return a part's CPU time a request (µs)."""
        return float(getattr(self, part)) / self.volley.count * 1e6


Alternative = Callable[[], Taken]


def measured(run: Run) -> list[Row]:
    """Submit jobs with each number of clients, to us and to the peer in turns."""
    counts = run.sized({1: 300, 16: 1000, _JUDGED: 1600, 256: 1600}, {1: 4, _JUDGED: 64})
    with Installation(run.folder, profile=run.profile, maintenance=False) as house:
        projects = asyncio.run(prepare_projects(house, _PROJECTS))
        _warm(house, projects)
        if run.peers is None:
            ours = _rounds(run, counts, lambda number: {"": _ours(house, projects, number, counts[number])})
        else:
            with _peer(run.peers, house, run.folder, projects[0]) as peer:
                ours = _rounds(
                    run,
                    counts,
                    lambda number: {
                        "": _ours(house, projects, number, counts[number]),
                        PEER: peer(number, counts[number]),
                    },
                )
    rows = [row for number in counts for row in _rows(number, ours[number])]
    if run.peers is None:
        rows.append(
            skipped(f"POST /jobs, {_JUDGED} clients, beside {PEER}", "jobs/s", "no peers were asked for")
        )
    return rows


def _rounds(
    run: Run, counts: dict[int, int], alternatives: Callable[[int], dict[str, Alternative]]
) -> dict[int, dict[str, list[Taken]]]:
    return {number: interleaved(run.sized(3, 1), alternatives(number)) for number in counts}


def _warm(house: Installation, projects: Sequence[str]) -> None:
    """Let statements be prepared and connections be opened before anything counts."""
    asyncio.run(submit(house, projects, 64))


def _ours(house: Installation, projects: Sequence[str], clients: int, jobs: int) -> Alternative:
    def once() -> Taken:
        requests = [
            request("POST", "/jobs", bearer=house.operator_key, body=_brief(projects[at % len(projects)]))
            for at in range(jobs)
        ]
        before = house.usage()
        volley = fire(house.settings.url, requests, clients=clients)
        used = house.usage().since(before)
        return Taken(volley, used.api, used.postgres)

    return once


def _brief(project: str) -> bytes:
    return json.dumps(
        {
            "project_id": project,
            "asset_type": "3D",
            "prompt": "a rusty robot courier, game-ready",
            "library_path": f"props/courier-{next(_NUMBERS)}",
        }
    ).encode()


@contextmanager
def _peer(
    python: Path, house: Installation, folder: Path, project: str
) -> Iterator[Callable[[int, int], Alternative]]:
    """Run the peer on the same server, over tables of its own that our migrations made."""
    template = folder / "rows.json"
    template.write_text(json.dumps(asyncio.run(_rows_of_one_job(house.settings.database_url))))
    url = asyncio.run(_database(house.settings.database_url))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [python, "-m", "benchmarks.peer_fastapi", url.replace("postgresql:", "postgresql+asyncpg:", 1)]
    process = subprocess.Popen([*command, str(port), template], cwd=Path(__file__).parents[1])
    body = _brief(str(typeid.decode("prj", project)))

    def alternative(clients: int, jobs: int) -> Alternative:
        def once() -> Taken:
            requests = [request("POST", "/jobs", body=body)] * jobs
            server, postgres = cpu_seconds([process.pid]), house.usage().postgres
            volley = fire(address, requests, clients=clients)
            return Taken(volley, cpu_seconds([process.pid]) - server, house.usage().postgres - postgres)

        return once

    try:
        _await(process, f"{address}/readyz")
        alternative(_JUDGED, _JUDGED)()
        yield alternative
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2.0):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{PEER} did not become ready.")


async def _database(url: str) -> str:
    """Make an empty database with the same tables and return its address."""
    admin = await asyncpg.connect(url)
    await admin.execute("create database peer_submissions")
    await admin.close()
    own = f"{url.rpartition('/')[0]}/peer_submissions"
    await migrate(own)
    return own


async def _rows_of_one_job(url: str) -> dict[str, dict[str, Any]]:
    """Return what one submission wrote, without what is another job's own: the peer writes the same."""
    connection = await asyncpg.connect(url)
    try:
        found = {
            table: dict(await connection.fetchrow(f"select * from {table} order by {key} limit 1"))
            for table, key in (
                ("jobs", "id"),
                ("briefs", "job_id"),
                ("ready", "job_id"),
                ("outbox", "job_id"),
            )
        }
    finally:
        await connection.close()
    return {
        table: {name: found[table][name] for name in names.split()} | _json(found, table)
        for table, names in _KEPT.items()
    }


#: Columns that are the same for every job of the benchmark.
_KEPT = {
    "jobs": "pipeline_version skipped gates priority service status position step_status gate_open attempt sequence "
    "provided",
    "briefs": "created_by style_version safety constraints_version gates_version routes_version retries_version "
    "drawn_seed",
    "ready": "service step priority stride",
    "outbox": "type",
}
_JSON = {"briefs": ("inputs", "effective"), "outbox": ("data",)}


def _json(found: dict[str, dict[str, Any]], table: str) -> dict[str, Any]:
    return {name: json.loads(found[table][name]) for name in _JSON.get(table, ())}


def _rows(clients: int, taken: dict[str, list[Taken]]) -> list[Row]:
    name = f"POST /jobs, {clients} client{'s' if clients > 1 else ''}"
    ours, others = taken[""], {peer: rounds for peer, rounds in taken.items() if peer}
    rates = {peer: [one.volley.rate for one in rounds] for peer, rounds in others.items()}
    rate = [one.volley.rate for one in ours]
    judged = clients == _JUDGED
    rows = [
        against(name, "jobs/s", rate, rates, at_least=_RATIO_AT_LEAST)
        if judged and rates
        else plain(name, "jobs/s", rate, rates)
    ]
    rows += [
        _less(f"{name}: p50", "ms", taken, lambda one: one.volley.milliseconds(0.50)),
        _less(f"{name}: p99", "ms", taken, lambda one: one.volley.milliseconds(0.99)),
    ]
    if judged:
        over = [one.volley.milliseconds(0.99) / one.volley.milliseconds(0.50) for one in ours]
        rows.append(limited(f"{name}: p99 over p50", "times", over, at_most=_P99_AT_MOST))
    if judged or clients == 1:
        rows += [
            _less(f"{name}: CPU of the API", "µs/job", taken, lambda one: one.micros("server")),
            _less(f"{name}: CPU of PostgreSQL", "µs/job", taken, lambda one: one.micros("postgres")),
        ]
    return rows


def _less(name: str, unit: str, taken: dict[str, list[Taken]], figure: Callable[[Taken], float]) -> Row:
    """Return a row of which less is better."""
    found = {peer: [figure(one) for one in rounds] for peer, rounds in taken.items()}
    return plain(name, unit, found.pop(""), found)
