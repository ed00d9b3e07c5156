"""What people read all the time: one job, a page of jobs, a page of the library."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.installation import Installation
from benchmarks.people import prepare_projects, session_of, submit
from benchmarks.report import Row, plain
from benchmarks.rounds import interleaved
from benchmarks.run import Run
from benchmarks.steps import run_steps
from benchmarks.volley import Volley, fire, request
from benchmarks.way import Way

TITLE = "Reads, 16 clients"
_CLIENTS = 16
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Taken:
    """One round of a read."""

    volley: Volley
    api: float
    """CPU (s) of the API."""
    postgres: float


def measured(run: Run) -> list[Row]:
    """Read finished jobs of seven steps with their files, and the assets that came of them."""
    jobs, reads = run.sized(400, 10), run.sized(1200, 32)
    with Installation(run.folder, profile=run.profile) as house:
        [project] = asyncio.run(prepare_projects(house, 1))
        asyncio.run(submit(house, [project], jobs))
        asyncio.run(run_steps(house, Way("reads", 2, 1, 100, jobs)))
        one = asyncio.run(_newest(house, project))
        paths = {
            "GET /jobs/{id}, seven steps done": f"/jobs/{one}",
            f"GET /jobs, {_PAGE} a page": f"/jobs?project_id={project}&limit={_PAGE}",
            f"GET /projects/{{id}}/assets, {_PAGE} a page": f"/projects/{project}/assets?limit={_PAGE}",
        }
        counts = {name: reads if name.startswith("GET /jobs/{id}") else reads // 8 for name in paths}
        alternatives = {name: _reading(house, path, counts[name]) for name, path in paths.items()}
        taken = interleaved(run.sized(3, 1), alternatives)
    return [row for name, rounds in taken.items() for row in _rows(name, rounds)]


def _reading(house: Installation, path: str, count: int) -> Callable[[], Taken]:
    def once() -> Taken:
        before = house.usage()
        requests = [request("GET", path, bearer=house.operator_key)] * count
        volley = fire(house.settings.url, requests, clients=_CLIENTS)
        used = house.usage().since(before)
        return Taken(volley, used.api, used.postgres)

    return once


async def _newest(house: Installation, project: str) -> str:
    async with (
        session_of(house) as session,
        session.get(f"/jobs?project_id={project}&limit=1") as answer,
    ):
        answer.raise_for_status()
        return str((await answer.json())["items"][0]["id"])


def _rows(name: str, rounds: list[Taken]) -> list[Row]:
    return [
        plain(name, "requests/s", [one.volley.rate for one in rounds]),
        plain(f"{name}: p50", "ms", [one.volley.milliseconds(0.50) for one in rounds]),
        plain(f"{name}: p99", "ms", [one.volley.milliseconds(0.99) for one in rounds]),
        plain(f"{name}: CPU of the API", "µs/request", [one.api / one.volley.count * 1e6 for one in rounds]),
        plain(
            f"{name}: CPU of PostgreSQL",
            "µs/request",
            [one.postgres / one.volley.count * 1e6 for one in rounds],
        ),
    ]
