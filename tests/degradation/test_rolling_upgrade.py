"""The code before these migrations beside the code that brought them, on one database that has them already."""

import asyncio
import io
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from choice import EVERYTHING
from ledger import violations
from rolling_site import (
    MAQUETTE,
    Part,
    Site,
    follow,
    free_ports,
    installed,
    parts,
    python_path,
    see_through,
    submit,
)

from maquette.cli.client import Client
from maquette.domain import typeid

#: The last commit before migrations 0019 and following.
BEFORE = "2c40423"
JOBS = 40
_ROOT = Path(__file__).parents[2]


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The tree as it was then: its source and the light worker of its tests."""
    git = shutil.which("git")
    command = [str(git), "-C", str(_ROOT), "archive", BEFORE, "src", "tests/crowd/light_worker.py"]
    archive = subprocess.run(command, capture_output=True, check=False) if git else None
    if archive is None or archive.returncode:
        pytest.skip(f"needs git and a history with {BEFORE}: this is no full checkout")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(tmp_path / "before", filter="data")
    return tmp_path / "before"


def _old(tree: Path, port: int) -> list[Part]:
    """Return the processes of the version before: an API and a worker.

    No maintenance: its relay stops at the first event of a kind that came later, so it is replaced first (docs/SCALE.md).
    """
    worker = (sys.executable, str(tree / "tests" / "crowd" / "light_worker.py"))
    code = python_path(tree / "src")
    return [
        Part("old api", (*MAQUETTE, "serve"), {**code, "MAQUETTE_PORT": str(port)}),
        Part("old worker", worker, code),
    ]


async def _until_old_is_gone(site: Site, ended: list[dict[str, Any]]) -> None:
    """Take the old processes away when half of the work is done."""
    while len(ended) < JOBS // 2:  # noqa: ASYNC110 - jobs end in threads
        await asyncio.sleep(0.05)
    await site.retire("old worker")
    await site.retire("old api", site.urls[0])


def _held_by_a_service(old: Client, new: Client, project: str) -> list[dict[str, Any]]:
    """Let jobs wait for a service, which the version before knows nothing of; it may read, cancel and resume them.

    Without workers: claims at an old API ask no breaker.
    """
    new.patch("/services/studio", {"forced": "open", "reason": "an incident"})
    jobs = [submit(new, project, JOBS + 2 + number) for number in range(3)]
    until = time.monotonic() + 20
    for job in jobs:
        while (seen := new.get(f"/jobs/{job['id']}"))["status"] != "paused":
            assert time.monotonic() < until, seen
            time.sleep(0.1)
        assert old.get(f"/jobs/{job['id']}")["status"] == "paused"
    old.post(f"/jobs/{jobs[0]['id']}/cancel", {})
    old.post(f"/jobs/{jobs[1]['id']}/resume", {})
    new.patch("/services/studio", {"forced": None})
    return jobs


@pytest.mark.skipif(
    not EVERYTHING, reason="part of `make test-real`: needs the history of an earlier version"
)
async def test_old_and_new_code_work_side_by_side(before: Path, database_url: str, tmp_path: Path) -> None:
    """Nobody's request fails and every job succeeds, whoever created, served, worked and swept; then the old code leaves."""
    loop = asyncio.get_running_loop()
    ports = free_ports(2)
    wanted = _old(before, ports[0]) + parts(apis=ports[1:], maintenance=1, workers=1)
    idle = [part for part in wanted if "worker" not in part.name]
    ended: list[dict[str, Any]] = []
    async with installed(tmp_path, {"database_url": database_url}, ports, idle) as site:
        deadline = time.monotonic() + 200
        key, project = site.credentials.api_key, site.credentials.project_id
        urls = list(site.urls)
        with (
            Client(urls[0], key) as old,
            Client(urls[1], key) as new,
            Client(f"http://127.0.0.1:{site.balancer.port}", key) as either,
            ThreadPoolExecutor(JOBS + 3) as crowd,
        ):
            held = await loop.run_in_executor(crowd, _held_by_a_service, old, new, project)
            for part in wanted:
                if "worker" in part.name:
                    site.start(part)
            # Named by hand as well: whom the balancer sends to whom is chance.
            for number, (first, other) in enumerate(((old, new), (new, old))):
                job = submit(first, project, JOBS + number)
                ended.append(await loop.run_in_executor(crowd, follow, other, job, deadline))

            waits = [loop.run_in_executor(crowd, follow, either, job, deadline) for job in held]

            async def person(number: int) -> None:
                await asyncio.sleep(number * 0.2)
                seen = loop.run_in_executor(crowd, see_through, either, project, number, deadline)
                ended.append(await seen)

            async with asyncio.TaskGroup() as group:
                for number in range(JOBS):
                    group.create_task(person(number))
                group.create_task(_until_old_is_gone(site, ended))
            ended += [await item for item in waits]
        log = site.log.read_text()
    assert Counter(job["status"] for job in ended) == {"succeeded": JOBS + 4, "canceled": 1}
    connection = await asyncpg.connect(database_url)
    try:
        assert await violations(connection, [typeid.decode("job", job["id"]) for job in ended]) == {}
        assert await connection.fetch("select * from leases") == []
        assert await connection.fetch("select * from attempts where not reported") == []
    finally:
        await connection.close()
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
