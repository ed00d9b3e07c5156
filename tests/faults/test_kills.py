"""kill -9 of any process at any step: the job finishes, nothing is lost, nothing is there twice.

`make test` runs one kill of each process, at moments drawn from a seed. `MAQUETTE_FAULTS=all` runs every process
at every moment of the 3D job, `MAQUETTE_FAULTS_SEED` draws other delays; docs/RELIABILITY.md says what came of it.
"""

import hashlib
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from choice import EVERYTHING, SEED
from ledger import assert_lawful
from story import Api, Fields, gate_of, step_of
from up_process import Up, until

from maquette.domain import typeid

ROLES = ("api", "maintenance", "generation", "processing", "postgres", "up")
#: A step's name: while it runs. A gate: while it is open and a decision is on its way.
MOMENTS_2D = ("queued", "text_to_image", "gate text_to_image", "refine", "gate refine", "export")
MOMENTS_3D = (
    *("queued", "text_to_image", "gate text_to_image", "refine", "image_to_3d", "retopo", "rig", "anim"),
    *("gate anim", "export"),
)
#: Pictures large enough that a step is surely at work when it is hit.
BIG: Fields = {"text_to_image": {"size": 512}}


def _cases() -> list[tuple[str, str, str]]:
    if EVERYTHING:
        return [("3D", role, moment) for role in ROLES for moment in MOMENTS_3D]
    moments = random.Random(SEED).sample(MOMENTS_2D, k=len(ROLES))
    return [("2D", role, moment) for role, moment in zip(ROLES, moments, strict=True)]


@pytest.mark.parametrize(("asset_type", "role", "moment"), _cases())
def test_a_killed_process_costs_nothing(
    up: Up, api: Api, asset_type: str, role: str, moment: str, record_property: Any
) -> None:
    """The job goes on after the kill and ends as if nothing had been; what died is running again."""
    rng = random.Random(f"{SEED} {asset_type} {role} {moment}")
    # A seed of its own: equal work is taken over, and nobody would be at work to be hit.
    size = BIG if asset_type == "2D" else {}
    job = api.submit(asset_type, key=rng.randbytes(8).hex(), seed=rng.randrange(2**31), params=size)
    listener = api.listen(job["id"], drop_every=5)
    at_gate = _advance(api, job, moment)
    time.sleep(rng.uniform(0, 0.3))  # not a hope: any moment will do, and the seed draws this one
    with ThreadPoolExecutor(1) as people:
        decision = people.submit(api.approve, at_gate) if at_gate else None
        killed = up.kill(role)
        if role == "up":
            until(lambda: not up.leftovers(), "nothing outlives `up`", 20.0)
            up.start()
        if decision:
            decision.result()
    done = api.finish(job["id"], 120.0)
    api.assert_told(listener)
    _assert_whole(up, api, done, listener.events)
    assert until(lambda: set(up.processes()) == set(ROLES), f"{role} runs again")
    assert killed not in up.processes().values()
    record_property("attempts", sum(step["attempt"] for step in done["steps"]))


def _advance(api: Api, job: Fields, moment: str) -> Fields | None:
    """Bring the job to a moment; at a gate, return what is to be decided there."""
    if moment == "queued":
        return None
    step = moment.removeprefix("gate ")
    while True:
        seen = api.until(job["id"], lambda now: _reached(now, step) or gate_of(now), 120.0)
        gate = gate_of(seen)
        if gate is not None and moment == f"gate {gate['name']}":
            return seen
        if _reached(seen, step) and not moment.startswith("gate "):
            return None
        if gate is not None:
            api.approve(seen)


def _reached(job: Fields, step: str) -> bool:
    """Whether a step has begun; a small one may be over before anybody looks."""
    return bool(step_of(job, step)["status"] != "pending")


def _assert_whole(up: Up, api: Api, job: Fields, events: list[Fields]) -> None:
    """All steps done, one outcome each, one asset version whose files are readable, and lawful rows."""
    assert {step["status"] for step in job["steps"]} <= {"done", "approved"}
    kinds = [event["type"] for event in events]
    completed = [event["data"]["step_name"] for event in events if event["type"] == "StepCompleted"]
    assert completed == [step["name"] for step in job["steps"]]
    assert (kinds.count("AssetIndexed"), kinds.count("JobSucceeded"), kinds.count("StepFailed")) == (1, 1, 0)
    assert kinds.count("StepStarted") == len(completed) + kinds.count("AttemptFailed")
    asset = api.ok("GET", f"/assets/{job['asset_id']}")
    for file in asset["files"]:
        assert hashlib.sha256(api.fetch(file["url"]).content).hexdigest() == file["sha256"], file["name"]
    assert_lawful(up.database_url(), [typeid.decode("job", job["id"])])


@pytest.mark.parametrize("role", ["api", "postgres"])
def test_what_was_accepted_is_there(up: Up, api: Api, role: str) -> None:
    """Submissions under way while API or PostgreSQL is killed: each key makes one job, and what was answered 201 stays."""
    rng = random.Random(f"{SEED} submissions {role}")
    project = api.ok("POST", "/projects", json={"name": f"killed {role}"})["id"]

    def submit(key: str) -> str:
        return str(api.submit(key=key, project_id=project, prompt=f"a fox {key}")["id"])

    keys = [rng.randbytes(6).hex() for _ in range(24)]
    before_the_kill = rng.randrange(4, 20)
    with ThreadPoolExecutor(len(keys)) as people:
        submissions = [people.submit(submit, key) for key in keys[:before_the_kill]]
        up.kill(role)
        submissions += [people.submit(submit, key) for key in keys[before_the_kill:]]
        accepted = {submission.result() for submission in submissions}
    listed = api.ok("GET", "/jobs", params={"project_id": project, "limit": 100})["items"]
    assert sorted(accepted) == sorted(job["id"] for job in listed)
    assert sorted(job["inputs"]["prompt"] for job in listed) == sorted(f"a fox {key}" for key in keys)
    for job_id in accepted:
        api.ok("POST", f"/jobs/{job_id}/cancel")
    ids = [typeid.decode("job", job_id) for job_id in accepted]
    until(lambda: not _leased(api, accepted), "canceled work is let go")
    assert_lawful(up.database_url(), ids)


def _leased(api: Api, jobs: Any) -> list[str]:
    """Jobs whose canceled attempt still has its lease: it names a worker until that is gone."""
    return [
        job
        for job in jobs
        if any(step["worker"] and not step["finished_at"] for step in api.job(job)["steps"])
    ]


def test_a_stopped_worker_comes_back_to_nothing(up: Up, api: Api) -> None:
    """A worker frozen past its lease loses the attempt; awake again it drops that work and the next attempt wins."""
    job = api.submit(key="frozen", prompt="a castle", variants=2, params={"text_to_image": {"size": 1024}})
    listener = api.listen(job["id"])
    api.until(job["id"], lambda now: step_of(now, "text_to_image")["status"] == "running")
    worker = up.processes()["generation"]
    os.kill(worker, signal.SIGSTOP)
    try:
        until(lambda: _failed_attempts(listener.events), "the lease runs out")
    finally:
        os.kill(worker, signal.SIGCONT)
    done = api.finish(job["id"])
    api.assert_told(listener)
    assert step_of(done, "text_to_image")["attempt"] == 2
    assert _failed_attempts(listener.events) == ["lost_worker"]
    assert up.processes()["generation"] == worker
    _assert_whole(up, api, done, listener.events)


def _failed_attempts(events: list[Fields]) -> list[str]:
    return [event["data"]["error_code"] for event in events if event["type"] == "AttemptFailed"]


def test_a_killed_workers_task_is_done_by_the_next(up: Up, api: Api) -> None:
    """Killed in the middle of a step: the attempt is lost and counted, its successor's outcome is the one there is."""
    job = api.submit(
        key="orphan", prompt="a castle", seed=43, variants=2, params={"text_to_image": {"size": 1024}}
    )
    listener = api.listen(job["id"])
    api.until(job["id"], lambda now: step_of(now, "text_to_image")["status"] == "running")
    up.kill("generation")
    done = api.finish(job["id"])
    api.assert_told(listener)
    assert step_of(done, "text_to_image")["attempt"] == 2
    assert _failed_attempts(listener.events) == ["lost_worker"]
    _assert_whole(up, api, done, listener.events)


@pytest.mark.parametrize("number", range(12 if EVERYTHING else 1))
def test_a_first_start_that_is_killed_is_made_good_by_the_next(tmp_path: Path, number: int) -> None:
    """`up` is killed while it makes its database, its schema or its keys, again and again; then it starts and works."""
    rng = random.Random(f"{SEED} first start {number}")
    installation = Up(tmp_path / "new", heartbeat_seconds="0.4", lease_seconds="2")
    for _ in range(2):
        installation.launch()
        time.sleep(rng.uniform(0.1, 2.0))
        installation.kill("up")
        until(lambda: not installation.leftovers(), "nothing outlives `up`", 20.0)
    installation.start()
    try:
        api = Api(lambda: installation.url, installation.key, installation.project_id)
        assert api.finish(api.submit(key="after all")["id"])["status"] == "succeeded"
        api.close()
    finally:
        assert (installation.stop(), installation.leftovers()) == (0, []), installation.log_tail()
