"""Two hundred jobs at once on two worker processes, with people who disagree, hold, give up and send back.

The seed says what everybody does (``MAQUETTE_FAULTS_SEED`` draws another crowd); so it also says how every job must
end, and running it again is running the same thing.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from crowd_plan import GATES, Answer, Plan
from director import Director, Project, Told
from event_stream import assert_tells_all
from ledger import assert_lawful
from up_process import until

from maquette.domain import typeid
from maquette.settings import Settings, environment
from maquette.supervisor.processes import Process, Program
from maquette.wiring.provision import provision

SEED = os.environ.get("MAQUETTE_FAULTS_SEED", "1")
JOBS = 200
_LIGHT = str(Path(__file__).with_name("light_worker.py"))


@dataclass(frozen=True)
class Site:
    """A running installation: where it is, its operator's key, and its database."""

    url: str
    operator_key: str
    database_url: str


@contextmanager
def _process(name: str, argv: tuple[str, ...], variables: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("ab") as output:
        process = Process(Program(name, argv, 10.0), variables, output)
        process.start()
    try:
        yield
    finally:
        process.request_stop()
        while not process.stopped():
            time.sleep(0.02)


@pytest.fixture
def site(tmp_path: Path, database_url: str, unused_port: int) -> Iterator[Site]:
    """One API, one maintenance and two worker processes over a database of their own."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        port=unused_port,
        url=f"http://127.0.0.1:{unused_port}",
        worker_token="a worker token for a crowd",
        signing_key="a signing key for a crowd",
        heartbeat_seconds=1.0,
        lease_seconds=10.0,
    )
    credentials = asyncio.run(provision(settings))
    variables = environment(settings, os.environ)
    log = tmp_path / "processes.log"
    maquette = (sys.executable, "-m", "maquette")
    with ExitStack() as running:
        for name, argv in (
            ("api", (*maquette, "serve")),
            ("maintenance", (*maquette, "maintain")),
            ("worker 1", (sys.executable, _LIGHT)),
            ("worker 2", (sys.executable, _LIGHT)),
        ):
            running.enter_context(_process(name, argv, variables, log))
        _await_api(settings.url, log)
        yield Site(settings.url, credentials.api_key, database_url)


def _await_api(url: str, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if httpx.get(f"{url}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


@asynccontextmanager
async def _client(site: Site, key: str) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers, limits=limits, timeout=60.0) as client:
        yield client


async def _projects(site: Site, open_clients: Any) -> list[Project]:
    operator = await open_clients(_client(site, site.operator_key))
    made = []
    for gates in GATES:
        project = (await operator.post("/projects", json={"name": "a crowd"})).json()["id"]
        assert (await operator.put(f"/projects/{project}/gates", json={"gates": list(gates)})).is_success
        keys = [
            (await operator.post(f"/projects/{project}/keys", json={"name": name, "role": "owner"})).json()[
                "key"
            ]
            for name in ("Ada", "Bob")
        ]
        ada, bob = [await open_clients(_client(site, key)) for key in keys]
        made.append(Project(project, (ada, bob)))
    return made


async def _play(site: Site, plan: Plan) -> tuple[list[Told], list[dict[str, Any]]]:
    """Play the whole crowd; return what was told of each job and each job as it is in the end."""
    async with AsyncExitStack() as clients:
        projects = await _projects(site, clients.enter_async_context)
        async with asyncio.TaskGroup() as group:
            playing = [
                group.create_task(Director(plan, task, projects[task.project]).play())
                for task in map(plan.task, range(plan.count))
            ]
        told = [item.result() for item in playing]
        operator = await clients.enter_async_context(_client(site, site.operator_key))
        shown = [
            (await operator.get(f"/jobs/{item.job_id}", params={"history": "true"})).json() for item in told
        ]
    return told, shown


def _leases(database_url: str) -> int:
    async def count() -> int:
        connection = await asyncpg.connect(database_url)
        try:
            return int(await connection.fetchval("select count(*) from leases"))
        finally:
            await connection.close()

    return asyncio.run(count())


def test_a_crowd_comes_to_the_end_that_its_seed_says(site: Site) -> None:
    """Every job ends as planned, events tell all of it, no decision is counted twice, nothing is left behind."""
    plan = Plan(SEED, JOBS)
    told, shown = asyncio.run(_play(site, plan))
    for number, (item, job) in enumerate(zip(told, shown, strict=True)):
        task = plan.task(number)
        decided = [
            (entry["step"], entry["revision"], entry["decision"])
            for entry in job["user_decisions"]
            if entry["decision"] != "paused"
        ]
        won = {(step, revision): verdict for step, revision, verdict in decided}
        end = plan.predict(task, lambda step, revision, won=won: won.get((step, revision), "canceled"))
        reached = {step["name"]: step["revision"] for step in job["steps"]}
        context = f"seed {SEED}, job {number}: {task}"
        assert job["status"] == end.status, context
        assert decided == end.verdicts, context
        assert {step: reached[step] for step in task.steps} == end.revisions, context
        assert_tells_all(item.events, [job])
    until(lambda: _leases(site.database_url) == 0, "workers let go of what was canceled", 20.0)
    assert_lawful(site.database_url, [typeid.decode("job", item.job_id) for item in told])
    contested = sum(item.losers for item in told)
    answers = {Answer.SAME, Answer.CONTRARY}
    assert contested > 0, f"seed {SEED} draws no gate that two decide at once ({answers})"


def test_the_same_seed_draws_the_same_crowd() -> None:
    """Who replays a seed replays everything; another seed is another crowd."""
    again, other = Plan(SEED, JOBS), Plan(f"{SEED} other", JOBS)
    tasks = [Plan(SEED, JOBS).task(number) for number in range(JOBS)]
    assert tasks == [again.task(number) for number in range(JOBS)]
    assert tasks != [other.task(number) for number in range(JOBS)]
    ends = [again.predict(task, lambda *_: "approved") for task in tasks]
    assert {end.status for end in ends} == {"succeeded", "canceled"}
    assert max(max(end.revisions.values()) for end in ends) == 2
