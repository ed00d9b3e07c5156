"""What people do over HTTP before and while something is measured: projects and submissions."""

import asyncio
import math
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import aiohttp

from benchmarks.installation import Installation

PROJECTS = 8
LOAD_CLIENTS = 16
_NOBODY = "nobody"
"""A service that no worker is for: what loads the API stands in a line of its own."""


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


async def prepare_projects(house: Installation, count: int = PROJECTS) -> list[str]:
    """Make projects without review gates, with default limits, and return their ids."""
    async with session_of(house) as session:
        ids = []
        for number in range(count):
            async with session.post("/projects", json={"name": f"project {number}"}) as answer:
                answer.raise_for_status()
                ids.append((await answer.json())["id"])
            async with session.put(f"/projects/{ids[-1]}/gates", json={"gates": []}) as answer:
                answer.raise_for_status()
        return ids


async def submit(
    house: Installation, projects: Sequence[str], count: int, *, clients: int = 64
) -> Submissions:
    """Submit ``count`` 3D jobs from clients each of which waits for its answer before the next one."""
    numbers = iter(range(count))
    seconds: list[float] = []
    async with session_of(house, connections=clients) as session:
        begun = time.perf_counter()
        await asyncio.gather(*(_submit_some(session, projects, numbers, seconds) for _ in range(clients)))
        return Submissions(count / (time.perf_counter() - begun), Latencies.of(seconds))


async def load(house: Installation, project: str, rate: float) -> None:
    """Submit so many 2D jobs a second to the first API process, whether or not it keeps up, until canceled; none at 0."""
    if not rate:
        return
    async with session_of(house, connections=LOAD_CLIENTS) as session, asyncio.TaskGroup() as group:
        while True:
            group.create_task(_submit_one(session, project))
            await asyncio.sleep(1 / rate)


async def route_to_nobody(house: Installation, project: str) -> None:
    """Let a project's jobs stand in a line that nobody serves."""
    async with session_of(house) as session:
        body = {"routes": {"text_to_image": [_NOBODY]}}
        async with session.put(f"/projects/{project}/routes", json=body) as answer:
            answer.raise_for_status()


async def _submit_one(session: aiohttp.ClientSession, project: str) -> None:
    body = {"project_id": project, "asset_type": "2D", "prompt": "a rusty robot courier"}
    async with session.post("/jobs", json=body) as answer:
        await answer.read()


def session_of(house: Installation, *, connections: int = 64) -> aiohttp.ClientSession:
    """Return a session of the operator at the first API process. To be closed."""
    return aiohttp.ClientSession(
        house.settings.url,
        headers={"Authorization": f"Bearer {house.operator_key}"},
        connector=aiohttp.TCPConnector(limit=connections),
    )


async def _submit_some(
    session: aiohttp.ClientSession, projects: Sequence[str], numbers: Iterator[int], seconds: list[float]
) -> None:
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
