"""Several of each process behind a balancer, each restarted in its turn under work: nobody notices who uses the client library."""

import asyncio
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from choice import EVERYTHING
from ledger import violations
from rolling_site import STOP_SECONDS, free_ports, installed, parts, see_through

from maquette.cli.client import Client
from maquette.domain import typeid


@dataclass(frozen=True)
class _Scale:
    """How large the fleet is, and what it is given to do."""

    apis: int
    workers: int
    people: int
    jobs: int
    apart: int
    """Jobs that end between one restart and the next."""
    seconds_max: float
    restarted: tuple[tuple[str, ...], ...]
    """One after the other; maintenance and workers of one place together, for they do not need each other."""


_SMALL = _Scale(
    apis=2,
    workers=2,
    people=60,
    jobs=60,
    apart=0,
    seconds_max=100,
    restarted=(("api 1",), ("maintenance 1", "worker 1"), ("api 2",), ("maintenance 2", "worker 2")),
)
#: Beside a busy machine's other work, hence the time.
_LARGE = _Scale(
    apis=3,
    workers=3,
    people=50,
    jobs=500,
    apart=50,
    seconds_max=1200,
    restarted=(
        ("api 1",),
        ("maintenance 1",),
        ("worker 1",),
        ("api 2",),
        ("maintenance 2",),
        ("worker 2",),
        ("api 3",),
        ("worker 3",),
    ),
)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("scale", [pytest.param(_LARGE if EVERYTHING else _SMALL, id="fleet")])
async def test_each_process_is_restarted_under_work(
    scale: _Scale, pooled: dict[str, Any], database_url: str, tmp_path: Path
) -> None:
    """Every request of all people succeeds, and every job; no attempt is lost by silence; every process leaves with 0."""
    loop = asyncio.get_running_loop()
    ports = free_ports(scale.apis)
    wanted = parts(apis=ports, maintenance=2, workers=scale.workers)
    ended: list[dict[str, Any]] = []
    left: list[float] = []
    async with installed(tmp_path, pooled, ports, wanted) as site:
        deadline = time.monotonic() + scale.seconds_max
        key, project = site.credentials.api_key, site.credentials.project_id
        with (
            Client(f"http://127.0.0.1:{site.balancer.port}", key) as client,
            ThreadPoolExecutor(scale.people) as crowd,
        ):

            async def person(number: int) -> None:
                await asyncio.sleep(number * 0.15)
                for job in range(number, scale.jobs, scale.people):
                    seen = loop.run_in_executor(crowd, see_through, client, project, job, deadline)
                    ended.append(await seen)

            async with asyncio.TaskGroup() as group:
                for number in range(scale.people):
                    group.create_task(person(number))
                for number, together in enumerate(scale.restarted):
                    while len(ended) < number * scale.apart:  # noqa: ASYNC110 - jobs end in threads
                        await asyncio.sleep(0.05)
                    left += await asyncio.gather(*map(site.restart, together))
        log = site.log.read_text()
    assert Counter(job["status"] for job in ended) == {"succeeded": scale.jobs}
    assert max(left) < STOP_SECONDS / 2, left
    connection = await asyncpg.connect(database_url)
    try:
        assert await violations(connection, [typeid.decode("job", job["id"]) for job in ended]) == {}
        assert await connection.fetch("select * from leases") == []
        # What a worker could not end within its 2 s on a busy machine it has given back; nothing was found out by silence.
        assert await connection.fetch("select * from attempts where not reported") == []
        returned = [
            json.loads(row["error"])["code"] for row in await connection.fetch("select error from attempts")
        ]
        assert set(returned) <= {"worker_stopped"}, returned
    finally:
        await connection.close()
    assert list((tmp_path / "objects" / "staging").iterdir()) == []
    assert "Traceback" not in log
