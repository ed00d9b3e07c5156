"""A project's retention over HTTP: the policy, a run, and what a reader of old things is told."""

from typing import Any

import asyncpg
import pytest


async def test_a_policy_is_versioned_and_filled_in(live: Any) -> None:
    """What a project leaves out is the platform's; each PUT is the next version, and null takes a choice back."""
    address = f"/projects/{live.project_id}/retention"
    begun = (await live.user.get(address)).json()
    assert (begun["version"], begun["chosen"]["jobs_days"], begun["effective"]["jobs_days"]) == (0, None, 365)
    put = await live.user.put(address, json={"jobs_days": 5, "artifacts_days": 0})
    assert put.status_code == 200, put.text
    held = put.json()
    assert (held["version"], held["chosen"]["jobs_days"]) == (1, 5)
    assert held["effective"] == {
        "events_days": 90,
        "artifacts_days": 0,
        "jobs_days": 5,
        "uploads_days": 30,
        "request_keys_days": 5,
    }
    again = (await live.user.put(address, json={"jobs_days": None})).json()
    assert (again["version"], again["effective"]["jobs_days"]) == (2, 365)
    assert (await live.user.get(address)).json() == again


@pytest.mark.parametrize(
    "body",
    [{"jobs_days": -1}, {"jobs_days": 36_501}, {"jobs_days": "5"}, {"days": 5}, {"jobs_days": 1.5}, []],
)
async def test_a_policy_out_of_bounds_is_refused(live: Any, body: Any) -> None:
    """Days are whole numbers from 0 to 36,500 in known categories; nothing else makes a version."""
    address = f"/projects/{live.project_id}/retention"
    assert (await live.user.put(address, json=body)).status_code == 422
    assert (await live.user.get(address)).json()["version"] == 0


async def test_a_dry_run_tells_and_a_run_does(live: Any, database_url: str) -> None:
    """The dry run names what would go and changes nothing; then it goes, and its reader is told 410 `expired`."""
    job = await live.brief()
    await live.work()
    await live.user.post(f"/jobs/{job['id']}/cancel")
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "update jobs set finished_at = finished_at - interval '3 days', created_at = created_at - interval '3 days'"
    )
    await connection.close()
    shown = (await live.user.get(job["urls"]["self"])).json()
    [artifact] = shown["steps"][0]["artifacts"]
    assert (artifact["expired"], artifact["url"] is None) == (False, False)
    await live.user.put(f"/projects/{live.project_id}/retention", json={"artifacts_days": 2})
    address = f"/projects/{live.project_id}/retention/run"
    told = (await live.user.post(address, json={"dry_run": True})).json()
    tallies = {item["category"]: item for item in told["categories"]}
    assert (told["dry_run"], told["complete"], told["policy"]["artifacts_days"]) == (True, True, 2)
    assert tallies["artifacts"] == {
        "category": "artifacts",
        "rows": 1,
        "objects": 1,
        "bytes": artifact["bytes"],
        "examples": [artifact["id"]],
    }
    assert (await live.user.get(job["urls"]["self"])).json() == shown
    done = (await live.user.post(address, json={"dry_run": False})).json()
    assert done["categories"] == told["categories"]
    [artifact] = (await live.user.get(job["urls"]["self"])).json()["steps"][0]["artifacts"]
    assert (artifact["expired"], artifact["url"], artifact["url_expires_at"]) == (True, None, None)
    gone = await live.user.get(f"/artifacts/{artifact['id']}/content")
    assert (gone.status_code, gone.json()["code"]) == (410, "expired")
    again = (await live.user.post(address, json={"dry_run": False})).json()
    assert all(item["rows"] == 0 for item in again["categories"])
