"""Everything goes wrong at once, drawn from a seed: afterwards every job has ended and no law is broken.

`make test` plays five seeds, `make faults` two hundred, two side by side; `MAQUETTE_FAULTS_SEED=n` draws others,
`MAQUETTE_FAULTS_SEEDS=41-80` plays some of them. docs/RELIABILITY.md says what came of it.
"""

import asyncio
import json
import re
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from chaos_plan import (
    BREAKER,
    BUDGET,
    FAULTS,
    FICKLE,
    GATE_SECONDS,
    LEASE_SECONDS,
    RAISED_AT,
    RUNNING_MAX,
    SECONDS,
    Wish,
    faults,
    wishes,
)
from chaos_results import BROKEN, HELD, STARVED, Played, append, chosen, read, table
from chaos_site import Site, answers, installed, rows
from chaos_storm import storm
from chaos_watch import Starved, Watch
from choice import EVERYTHING, SEED
from event_stream import assert_tells_all, messages
from ledger import violations
from people import BUSY, CLOCKED, TERMINAL, Person

from maquette.bootstrap import local_objects
from maquette.domain import typeid
from maquette.domain.pipeline import STEP_NAMES

#: Fifty in the long run; a smoke of it has half as many people.
JOBS = 50 if EVERYTHING else 25
#: The job that is submitted when all is over: nothing is done to it.
PROBE = Wish(JOBS, "2D", 0, 0.0, None, pauses=False, cancels_at=None, twin=JOBS, discards=True, leaves=False)
#: Why a job may fail here: its attempts were lost one after the other, took their workers down as it seemed, or met a
#: service that does nothing but fail.
LOST = frozenset({"lost_worker", "deadline_exceeded", "sick", "poison"})
#: Events that say what a storm came to try.
TELLING = frozenset(
    {
        "AttemptFailed",
        "StepRerouted",
        "ServiceUnavailable",
        "TaskDeadLettered",
        "JobRedriven",
        "DeadLetterDiscarded",
    }
)
#: How soon every process knows of a cap, as docs/quotas.md has it.
KNOWN_SECONDS = 0.5
#: What a step costs (USD), so that every storm is one over the ledger, too.
RATES = {step: {"per_attempt": 0.01} for step in STEP_NAMES}


async def _play(site: Site, seed: str, mark: Callable[[str], None]) -> list[dict[str, Any]]:
    """Let people work while everything goes wrong; return each job as it is in the end."""
    async with AsyncExitStack() as stack:
        headers = {"authorization": f"Bearer {site.operator_key}"}
        limits = httpx.Limits(max_connections=None)
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, headers=headers, timeout=10.0, limits=limits)
            )
            for url in site.urls
        ]
        projects = await _furnish(clients[0], seed)
        await asyncio.sleep(KNOWN_SECONDS)
        mark("furnished")
        watch = Watch(site, [typeid.decode("prj", project) for project in projects], [None, RUNNING_MAX])

        def person(wish: Wish) -> Person:
            asked = clients[wish.number % 2 :] + clients[: wish.number % 2]
            return Person(asked, wish, projects[wish.project], seed, watch)

        people = [person(wish) for wish in wishes(seed, JOBS)]
        looking = asyncio.create_task(watch.run())
        try:
            async with asyncio.TaskGroup() as group:
                weather = group.create_task(storm(site, faults(seed)))
                weather.add_done_callback(lambda _: mark("stormed"))
                group.create_task(_redrive_all(clients[0], projects))
                group.create_task(_raise_budget(clients[0], projects[0]))
                lives = [group.create_task(person.live()) for person in people]
            mark("ended")
            await answers(site)
            probe = await person(PROBE).live()
            assert probe["status"] == "succeeded", f"the system answers, and does no work: {probe}"
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        errors = [error for person in people for error in person.internal_errors]
        assert not errors, errors[:3]
        assert not watch.seen, watch.seen
        turns = asyncio.Semaphore(8)
        told = await asyncio.gather(*(_told(clients, turns, life.result()["id"]) for life in lives))
    for shown, stream in told:
        _assert_told(shown, stream)
    mark("told")
    return [shown | {"told": _tellings(stream)} for shown, stream in told]


async def _furnish(client: httpx.AsyncClient, seed: str) -> list[str]:
    """Make two projects: one with gates, one whose first steps go to a service that comes and goes."""
    projects = []
    for name in ("gated", "routed"):
        answer = await _ask(client, "POST", "/projects", json={"name": f"chaos {seed} {name}"})
        projects.append(answer.json()["id"])
    routes = {step: ["fickle", "studio"] for step in FICKLE}
    clock = {"step": CLOCKED, "after_seconds": GATE_SECONDS, "then": "approve"}
    settings: list[tuple[str, str, dict[str, Any]]] = [
        ("PUT", f"/projects/{projects[0]}/gates", {"gates": ["text_to_image", clock]}),
        ("PUT", f"/projects/{projects[1]}/routes", {"routes": routes}),
        ("PATCH", "/services/fickle", {"breaker": BREAKER}),
        ("PUT", "/services/studio/rates", {"rates": RATES}),
        ("PUT", "/services/fickle/rates", {"rates": RATES}),
    ]
    spends, runs = {"cost_per_month": BUDGET}, {"cost_per_month": 10_000, "running_tasks": RUNNING_MAX}
    for project, limits in zip(projects, (spends, runs), strict=True):
        body = {"limits": limits | {"jobs_per_day": 10_000}}
        settings.append(("PUT", f"/projects/{project}/quotas", body))
    for method, path, body in settings:
        await _ask(client, method, path, json=body)
    return projects


async def _redrive_all(client: httpx.AsyncClient, projects: list[str]) -> None:
    """Order in the middle of it that whatever has failed is tried again: if nobody hears it, people do it one by one."""
    await asyncio.sleep(SECONDS / 2)
    for project in projects:
        with suppress(httpx.TransportError):
            body = {"project_id": project, "per_minute": 600, "max": JOBS}
            await client.post("/dead-letters/redrive", json=body)


async def _raise_budget(client: httpx.AsyncClient, project: str) -> None:
    """Give the project with the gates enough to spend; until then what it may not spend waits."""
    await asyncio.sleep(SECONDS * RAISED_AT)
    body = {"limits": {"cost_per_month": 10_000, "jobs_per_day": 10_000}}
    await _ask(client, "PUT", f"/projects/{project}/quotas", json=body)


async def _told(
    clients: list[httpx.AsyncClient], turns: asyncio.Semaphore, job_id: str
) -> tuple[dict[str, Any], str]:
    async with turns:
        shown = (await _ask(clients[0], "GET", f"/jobs/{job_id}?history=true")).json()
        assert shown["status"] in TERMINAL, f"its stream would not end, either: {shown}"
        return shown, (await _ask(clients[1], "GET", f"/jobs/{job_id}/events")).text


async def _ask(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
    """Ask between storms: what had lost its database may say so a few times more."""
    for _ in range(120):
        with suppress(httpx.TransportError):
            answer = await client.request(method, path, timeout=30.0, **more)
            if answer.status_code not in BUSY - {500}:
                assert answer.is_success, f"{path}: {answer.status_code} {answer.text[:500]}"
                return answer
        await asyncio.sleep(0.5)
    raise AssertionError(f"nobody answers {path}, and there is no storm")


def _tellings(stream: str) -> list[str]:
    """Return what in a job's stream says what it went through."""
    events = [(kind, json.loads(data)) for _, kind, data in messages(stream.split("\n"))]
    reused = ["a step reused" for _, event in events if event.get("data", {}).get("reused_from")]
    waited = ["a step waited for" for _, event in events if event.get("data", {}).get("waiting_for")]
    return [kind for kind, _ in events if kind in TELLING] + reused + waited


def _assert_told(job: dict[str, Any], stream: str) -> None:
    """The events alone give the job that is shown."""
    events = [json.loads(data) for _, kind, data in messages(stream.split("\n")) if kind != "progress"]
    assert_tells_all(events, [job])


async def _laws(site: Site, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return every law that is broken once canceled work has been let go."""
    ids = [typeid.decode("job", job["id"]) for job in jobs]
    for _ in range(int(10 * LEASE_SECONDS / 0.1)):
        if not await rows(site, "select job_id from leases"):
            break
        await asyncio.sleep(0.1)
    connection = await site.connect()
    try:
        return await violations(connection, ids)
    finally:
        await connection.close()


def _deadlocks(site: Site) -> list[str]:
    """Return what PostgreSQL's log says of each deadlock that it broke; its own count does not outlive a crash."""
    logs = sorted(site.postgres._home.glob("server.log*"), reverse=True)  # the one before the last first
    text = "".join(log.read_text(encoding="utf-8", errors="replace") for log in logs)
    return re.findall(r"ERROR:  deadlock detected\n(.*?)\n\S* \S* \S* \[\d+\][^\n]*HINT:", text, re.DOTALL)


async def _left_behind(site: Site) -> list[str]:
    """Return staged files that nobody sweeps: an API that was killed leaves what it was receiving, for an hour."""
    store = local_objects(site.settings)
    await store.sweep(older_than_seconds=-1.0)
    return [str(path) for path in (site.settings.data_dir / "objects" / "staging").iterdir()]


def _unexplained(job: dict[str, Any]) -> bool:
    """Whether a job ended as nobody wanted: it failed, and not because one attempt after the other was lost."""
    return job["status"] == "failed" and job["error"]["code"] not in LOST


def _wrong(error: BaseException) -> list[str]:
    """Return what an error that came out of many tasks says."""
    if isinstance(error, BaseExceptionGroup):
        return [text for inner in error.exceptions for text in _wrong(inner)]
    return [f"{type(error).__name__}: {error}"[:2000]]


def _starved(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_starved(inner) for inner in error.exceptions)
    return isinstance(error, Starved)


def play(runner: asyncio.Runner, site: Site, seed: str) -> Played:
    """Play a storm and judge it."""
    began = time.monotonic()
    phases: dict[str, float] = {}
    jobs: list[dict[str, Any]] = []
    wrong: list[str] = []
    verdict = HELD
    try:
        before = len(_deadlocks(site))
        jobs = runner.run(
            _play(site, seed, lambda phase: phases.update({phase: round(time.monotonic() - began, 1)}))
        )
        if len({job["id"] for job in jobs}) != JOBS:
            wrong.append("a job is there twice")
        wrong += [f"failed: {job['error']}" for job in jobs if _unexplained(job)]
        wrong += [f"{law}: {found}" for law, found in runner.run(_laws(site, jobs)).items()]
        wrong += [f"a file was left behind: {path}" for path in runner.run(_left_behind(site))]
        wrong += [f"somebody locks out of order: {said}" for said in _deadlocks(site)[before:]]
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - judged, recorded and told by the caller
        wrong += _wrong(error)
        verdict = STARVED if _starved(error) else BROKEN
    return Played(
        seed=seed,
        verdict=BROKEN if wrong and verdict == HELD else verdict,
        seconds=round(time.monotonic() - began, 1),
        faults=dict(Counter(fault.kind for fault in faults(seed))),
        jobs=JOBS,
        statuses=dict(Counter(job["status"] for job in jobs)),
        violations=wrong,
        events=dict(Counter(event for job in jobs for event in job["told"])),
        phases=phases,
    )


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Site]]:
    """One installation for all seeds, on a loop of its own."""
    home: Path = tmp_path_factory.mktemp("chaos")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            site = runner.run(stack.enter_async_context(installed(home, [_free_port(), _free_port()])))
            yield runner, site
        finally:
            runner.run(stack.aclose())
    shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", chosen(200 if EVERYTHING else 5, SEED))
def test_whatever_goes_wrong_every_job_ends_lawfully(
    chaos: tuple[asyncio.Runner, Site], seed: str, record_property: Any
) -> None:
    """Killed, frozen, cut off and unheard: each accepted job ends once, nothing is recorded twice, nothing is left."""
    played = play(*chaos, seed)
    append(played)
    record_property("statuses", str(played.statuses))
    assert played.verdict == HELD, (played.verdict, seed, played.violations[:5])


def test_the_same_seed_draws_the_same_storm() -> None:
    """Who replays a seed replays its faults and what people do; another one is another storm."""
    assert (faults("1"), wishes("1", JOBS)) == (faults("1"), wishes("1", JOBS))
    assert faults("1") != faults("2")
    assert len(faults("1")) == FAULTS


def test_a_starved_storm_is_neither_held_nor_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told apart in the table, and played again; what has held is not, and its last run counts."""
    results = str(tmp_path / "results.jsonl")
    monkeypatch.setattr("chaos_results.RESULTS", results)
    monkeypatch.setenv("MAQUETTE_FAULTS_SEEDS", "1-4")
    plan = {"kill": 2, "freeze": 1}
    for seed, verdict in (("1.1", HELD), ("1.2", STARVED), ("1.3", BROKEN), ("1.2", STARVED)):
        append(
            Played(seed, verdict, 2.0, plan, JOBS, {"succeeded": JOBS}, ["x"] if verdict == BROKEN else [])
        )
    monkeypatch.setattr("chaos_results.read", lambda: read(results))
    assert chosen(200, "1") == ["1.2", "1.3", "1.4"]
    told = table(read(results))
    assert "| kill | 4 |" in told
    assert f"| 2 | {2 * JOBS} | {2 * JOBS} | 1 | 1 |" in told
    assert "seed 1.3: x" in told
