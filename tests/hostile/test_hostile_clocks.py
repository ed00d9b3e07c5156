"""Clocks that jump: a process whose clock is an hour (or a lifetime) off changes nothing that is recorded.

PostgreSQL's clock is the one that counts. The process's own is put forward and back under everything that asks it.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import pytest
from live_api import Live

from maquette.domain.typeid import decode
from maquette.store import retention as rows

HOUR = 3600.0
LIFETIME = 40 * 365 * 24 * HOUR
Jump = Callable[[float], None]


@pytest.fixture
def jump(live: Live, monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Give what sets this process's clock off by seconds; monotonic time goes on, as it does on a real host."""
    true_time = time.time
    offset = 0.0

    class Shifted(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return dt.datetime.fromtimestamp(true_time() + offset, tz)

    def jump(seconds: float) -> None:
        nonlocal offset
        offset = seconds

    monkeypatch.setattr(time, "time", lambda: true_time() + offset)
    monkeypatch.setattr(live.deps.objects, "_now", time.time)
    for name in ("services.submission", "services.uploads", "services.backup"):
        monkeypatch.setattr(f"maquette.{name}.datetime", Shifted)
    return jump


def times(events: list[tuple[int, Any]]) -> list[Any]:
    return [at for _, at in events]


async def told(live: Live, job_id: str) -> list[tuple[int, Any]]:
    """Return sequence and time of each event of a job, by sequence."""
    async with live.deps.database.connection() as connection:
        rows = await connection.fetch(
            "select sequence, time from outbox where job_id = $1 order by sequence", decode("job", job_id)
        )
    return [(row["sequence"], row["time"]) for row in rows]


async def test_a_job_lives_through_jumps(live: Live, jump: Jump) -> None:
    """Submitted, claimed, worked on, reviewed under four clocks: leases hold, events are in order, times are true."""
    begun = time.time()
    jump(-HOUR)
    headers = {"idempotency-key": "k"}
    body = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a fox"}
    job = (await live.user.post("/jobs", json=body, headers=headers)).json()
    jump(HOUR)
    again = await live.user.post("/jobs", json=body, headers=headers)
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (job["id"], "true")
    [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
    jump(-LIFETIME)
    beat = {
        "worker_epoch": live.claim()["worker_epoch"],
        "worker": "w",
        "held": [{"task_id": task["task_id"], "fence": task["fence"]}],
    }
    for offset in (LIFETIME, -HOUR, HOUR, 0.0):
        jump(offset)
        held = await live.worker.post("/worker/heartbeats", json=beat)
        assert [item["verdict"] for item in held.json()["verdicts"]] == ["held"], offset
        assert (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"] == []
    jump(HOUR)
    answered = await live.report(task)
    assert [item["verdict"] for item in answered.json()["verdicts"]] == ["applied"]
    jump(-HOUR)
    review = {"step": "text_to_image", "revision": 0, "decision": "approved"}
    assert (await live.user.post(f"/jobs/{job['id']}/review", json=review)).status_code == 200
    shown = (await live.user.get(job["urls"]["self"])).json()
    jump(0)
    stamps = [shown["created_at"], shown["started_at"], *[item["at"] for item in shown["user_decisions"]]]
    moments = [dt.datetime.fromisoformat(text).timestamp() for text in stamps]
    assert moments == sorted(moments)
    assert all(begun - 1 <= moment <= time.time() + 1 for moment in moments), (
        "PostgreSQL's clock tells the time"
    )
    events = await told(live, job["id"])
    assert [sequence for sequence, _ in events] == list(range(1, len(events) + 1))
    assert times(events) == sorted(times(events))
    assert len(events) >= 4


async def test_links_follow_the_clock_that_signs(live: Live, jump: Jump) -> None:
    """A link ends early or late by the jump, never for ever; asked for again, it is good; no answer has a negative age."""
    job = await live.brief()
    await live.work(b"pixels")

    async def link() -> str:
        [artifact] = (await live.user.get(job["urls"]["self"])).json()["steps"][0]["artifacts"]
        return str(artifact["url"])

    url = await link()
    for offset, status in ((-HOUR, 200), (HOUR, 403), (LIFETIME, 403), (0.0, 200)):
        jump(offset)
        got = await live.nobody.get(url)
        assert got.status_code == status, offset
        fresh = await live.nobody.get(await link())
        assert fresh.status_code == 200, offset
        age = int(fresh.headers["cache-control"].split("max-age=")[1].split(",")[0])
        assert 0 <= age <= 1.5 * live.deps.limits.url_ttl_seconds
    assert (await live.nobody.get(url)).content == b"pixels"


async def test_retention_asks_the_database_for_the_time(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that believes it is forty years later takes nothing away; were it forty years later, the job would go."""

    class Later(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return dt.datetime.fromtimestamp(time.time() + LIFETIME, tz)

    job = await live.brief()
    await live.user.post(job["urls"]["cancel"])
    policy = f"/projects/{live.project_id}/retention"
    assert (await live.user.put(policy, json={"jobs_days": 30})).status_code == 200
    for name in ("services.retention", "services.cleaning", "domain.retention"):
        monkeypatch.setattr(f"maquette.{name}.datetime", Later, raising=False)
    assert (await live.user.post(f"{policy}/run", json={"dry_run": False})).status_code == 200
    assert (await live.user.get(job["urls"]["self"])).status_code == 200
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=LIFETIME)

    async def now(_connection: Any) -> dt.datetime:
        return later

    monkeypatch.setattr(rows, "now", now)
    assert (await live.user.post(f"{policy}/run", json={"dry_run": False})).status_code == 200
    assert (await live.user.get(job["urls"]["self"])).status_code == 404
