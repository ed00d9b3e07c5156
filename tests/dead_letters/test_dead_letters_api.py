"""Dead letters over HTTP: what a person sees and may ask."""

from live_api import Live


async def _failed(live: Live, code: str = "boom") -> str:
    job = await live.brief()
    [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
    outcome = {
        "task_id": task["task_id"],
        "fence": task["fence"],
        "status": "failed",
        "error_class": "invalid",
        "error_code": code,
        "error_message": "it broke",
    }
    await live.worker.post("/worker/outcomes", json={"outcomes": [outcome]})
    shown = (await live.user.get(f"/jobs/{job['id']}")).json()
    assert shown["status"] == "failed"
    return str(shown["error"]["dead_letter_id"])


async def test_a_letter_is_listed_read_and_redriven(live: Live) -> None:
    """The job's error names its letter; the letter tells every attempt; redriven, the job runs again."""
    letter = await _failed(live)
    [listed] = (await live.user.get("/dead-letters", params={"status": "open"})).json()["items"]
    assert (listed["id"], listed["step"], listed["error"]["code"]) == (letter, "text_to_image", "boom")
    read = (await live.user.get(f"/dead-letters/{letter}")).json()
    assert [(item["attempt"], item["worker"]) for item in read["attempts"]] == [(1, "test")]
    job = (await live.user.post(f"/dead-letters/{letter}/redrive")).json()
    assert (job["status"], job["steps"][0]["status"], job["steps"][0]["attempt"]) == ("running", "pending", 1)
    again = await live.user.post(f"/dead-letters/{letter}/redrive")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")
    await live.work()
    told = (await live.user.get(f"/jobs/{job['id']}", params={"history": "true"})).json()
    assert told["status"] == "awaiting_review"


async def test_what_a_worker_calls_an_error_moves_no_terminal(live: Live) -> None:
    """Codes are shown in lists and logs: signs that steer terminals or turn text around do not get there."""
    letter = await _failed(live, "bo\x1b[31m\u202eom")
    read = (await live.user.get(f"/dead-letters/{letter}")).json()
    assert read["error"]["code"] == "bo [31m om"


async def test_the_stream_goes_on_after_a_redrive(live: Live) -> None:
    """`JobFailed` ends the stream of a job that stays failed; after a redrive it is one event among others."""
    letter = await _failed(live)
    job_id = (await live.user.get(f"/dead-letters/{letter}")).json()["job_id"]
    first = (await live.user.get(f"/jobs/{job_id}/events")).text
    await live.user.post(f"/dead-letters/{letter}/redrive")
    await live.user.post(f"/jobs/{job_id}/cancel")
    second = (await live.user.get(f"/jobs/{job_id}/events")).text
    kinds = [line.removeprefix("event: ") for line in second.splitlines() if line.startswith("event: ")]
    assert second.startswith(first)
    assert kinds[-3:] == ["JobFailed", "JobRedriven", "JobCanceled"]


async def test_a_dry_run_orders_nothing(live: Live) -> None:
    """It names what an order would come to; an order is accepted, read, and stopped."""
    letter = await _failed(live)
    wanted = {"project_id": live.project_id, "filter": {"error_code": "boom"}}
    dry = await live.user.post("/dead-letters/redrive", json={**wanted, "dry_run": True})
    assert (dry.status_code, dry.json()["status"], dry.json()["matching"]) == (202, "dry_run", [letter])
    order = (await live.user.post("/dead-letters/redrive", json=wanted)).json()
    assert order["status"] == "running"
    stopped = (await live.user.post(f"/dead-letters/redrives/{order['id']}/cancel")).json()
    assert stopped["status"] == "canceled"
    read = (await live.user.get(f"/dead-letters/redrives/{order['id']}")).json()
    assert read == stopped
    foreign = await live.user.post(
        "/dead-letters/redrive", json={**wanted, "project_id": "prj_01h45ytscbebyvny4gc8cr8ma2"}
    )
    assert foreign.status_code == 404


async def test_a_letter_is_discarded(live: Live) -> None:
    """With a reason that is kept; the job stays failed."""
    letter = await _failed(live)
    closed = (await live.user.post(f"/dead-letters/{letter}/discard", json={"reason": "a mistake"})).json()
    assert (closed["status"], closed["reason"], closed["job_status"]) == ("discarded", "a mistake", "failed")
