"""The worker endpoints: what they refuse, and what becomes of a worker that leaves while it waits."""

import asyncio
import json
from typing import Any

import httpx
import pytest

HELD = {"task_id": "task_00000000000000000000000000", "fence": 1}
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("claims", {"claim_id": "x"}, "claim_id"),
    ("claims", {"worker_epoch": 5}, "worker_epoch"),
    ("claims", {"services": []}, "services"),
    ("claims", {"services": ["Not A Service"]}, "services"),
    ("claims", {"services": ["studio"] * 9}, "services"),
    ("claims", {"steps": ["nonsense"]}, "steps"),
    ("claims", {"capacity": 0}, "capacity"),
    ("claims", {"capacity": 10_000}, "capacity"),
    ("claims", {"capacity": "1"}, "capacity"),
    ("heartbeats", {"worker_epoch": "x"}, "worker_epoch"),
    ("heartbeats", {"held": [{**HELD, "fence": "1"}]}, "fence"),
    ("heartbeats", {"held": [HELD] * 10_000}, "held"),
    ("outcomes", {"outcomes": [{**HELD, "status": "odd"}]}, "status"),
    ("outcomes", {"outcomes": [{"status": "canceled"}]}, "outcomes"),
    ("outcomes", {"outcomes": [{**HELD, "status": "canceled"}] * 1000}, "outcomes"),
    ("uploads", {"uploads": [{**HELD, "name": "a"}]}, "uploads"),
    ("uploads", {"uploads": 5}, "uploads"),
]


async def test_a_bad_request_names_its_field(live: Any) -> None:
    """Each is a 422 that names the field; nobody is served or leased anything."""
    await live.brief()
    good = {
        "claims": live.claim(),
        "heartbeats": {"worker_epoch": live.claim()["worker_epoch"], "worker": "w", "held": []},
        "outcomes": {"outcomes": []},
        "uploads": {"uploads": []},
    }
    for path, change, field in BAD:
        response = await live.worker.post(f"/worker/{path}", json={**good[path], **change})
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request"), change
        assert field in [part for detail in response.json()["details"] for part in detail["loc"]], (
            response.text
        )
    assert len((await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]) == 1


async def test_unknown_fields_and_tasks_are_no_errors(live: Any) -> None:
    """A newer worker may say more; a task that does not exist is stale."""
    odd = {
        **HELD,
        "task_id": (await live.brief())["id"].replace("job_", "task_"),
        "status": "canceled",
        "new": [1],
    }
    answer = await live.worker.post("/worker/outcomes", json={"outcomes": [odd], "more": {}})
    assert (answer.status_code, answer.json()["verdicts"][0]["verdict"]) == (200, "stale")


async def test_a_garbled_id_concerns_its_own_item_alone(live: Any) -> None:
    """In one request with a good one, each of the three ways to name a task: the good one is served."""
    await live.brief()
    [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
    good = {"task_id": task["task_id"], "fence": task["fence"]}
    garbled = [
        {**good, "task_id": text} for text in ("", "task_", "job_" + "0" * 26, "task_" + "z" * 26, "ä" * 900)
    ]
    file = {"name": "a.png", "media_type": "image/png", "bytes": 1, "sha256": "a" * 64}

    async def verdicts(path: str, **body: Any) -> list[str]:
        response = await live.worker.post(f"/worker/{path}", json=body)
        assert response.status_code == 200, response.text
        [items] = [value for value in response.json().values() if isinstance(value, list)]
        return [item["verdict"] for item in items]

    stale = ["stale"] * len(garbled)
    beat = {"worker_epoch": live.claim()["worker_epoch"], "worker": "w"}
    assert await verdicts("heartbeats", held=[*garbled, good], **beat) == [*stale, "held"]
    assert await verdicts("uploads", uploads=[item | file for item in [*garbled, good]]) == [
        *stale,
        "applied",
    ]
    for status in ("succeeded", "canceled"):
        ended = [item | {"status": status} for item in garbled]
        assert await verdicts("outcomes", outcomes=ended) == stale
    failed = [item | {"status": "failed"} for item in [*garbled, good]]
    assert await verdicts("outcomes", outcomes=failed) == [*stale, "applied"]


async def test_garbage_on_the_worker_endpoints_is_4xx(live: Any) -> None:
    """Wrong ids, numbers at the ends of their types and unsound JSON never reach a 5xx."""
    numbers = [0, -1, 2**63 - 1, -(2**63), 2**64, 1.5, 1e308]
    texts = ["", "task_", "job_00000000000000000000000000", "task_" + "z" * 26, "x" * 5000, "\u202e", "🤖"]
    bodies: list[Any] = [None, [], 5, "x", {}, {"outcomes": None}, {"outcomes": [None]}]
    bodies += [{"outcomes": [{**HELD, "fence": number, "status": "canceled"}]} for number in numbers]
    bodies += [{"outcomes": [{**HELD, "task_id": text, "status": "canceled"}]} for text in texts]
    bodies += [
        {
            "outcomes": [
                {
                    **HELD,
                    "status": "failed",
                    "error_code": text,
                    "error_message": text,
                    "retry_after_seconds": 1e300,
                }
            ]
        }
        for text in texts
    ]
    for path in ("claims", "heartbeats", "outcomes", "uploads"):
        for body in bodies:
            response = await live.worker.post(f"/worker/{path}", json=body)
            assert response.status_code < 500, (path, body, response.text)
        for raw in (
            b"",
            b"{",
            b'{"a":NaN}',
            b"\xff",
            b"[" * 100_000,
            b'{"worker": "\\u0000"}',
            b'{"worker": "\\ud800"}',
        ):
            response = await live.worker.post(f"/worker/{path}", content=raw)
            assert response.status_code == 422, (path, raw[:20])


async def test_odd_values_in_an_outcome_fail_the_step_or_are_kept(live: Any) -> None:
    """Whatever a worker reports about a real task is applied or rejected with a code; the job can be read after it."""
    values: list[Any] = [
        {"a": 1e308},
        {"ä" * 300: "\u2028"},
        {"n": None, "b": [True, -0.0]},
        {"big": 2**63 - 1},
    ]
    for value in values:
        job = await live.brief()
        await live.work(b"data", extra=value)
        shown = (await live.user.get(job["urls"]["self"])).json()
        assert shown["steps"][0]["outputs"]["extra"] == value
        await live.user.post(job["urls"]["cancel"])


async def test_people_and_strangers_are_no_workers(live: Any) -> None:
    """Only a worker's token opens these; a worker's token opens nothing else."""
    for path in ("claims", "heartbeats", "outcomes", "uploads"):
        for client, status in ((live.user, 403), (live.operator, 403), (live.nobody, 401)):
            body = {
                "claims": live.claim(),
                "heartbeats": {"worker_epoch": live.claim()["worker_epoch"], "worker": "w", "held": []},
                "outcomes": {"outcomes": []},
                "uploads": {"uploads": []},
            }[path]
            assert (await client.post(f"/worker/{path}", json=body)).status_code == status, path
            unread = await client.post(f"/worker/{path}", content=b"{")
            assert unread.status_code == status, (
                "who may not is told so before anybody looks at what was sent"
            )
    for path in ("/jobs", "/projects", f"/projects/{live.project_id}", f"/projects/{live.project_id}/assets"):
        assert (await live.worker.get(path)).status_code == 403, path


async def test_a_worker_that_leaves_while_waiting_takes_no_task(live: Any, serve: Any) -> None:
    """A long poll ends with its connection: the next task goes to a worker that is there."""
    headers = {"authorization": f"Bearer {live.tokens['worker']}"}
    async with serve(live.app) as base:
        async with httpx.AsyncClient(base_url=base, headers=headers) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post("/worker/claims", json=live.claim(wait_seconds=30), timeout=0.5)
        async with asyncio.timeout(5):
            while live.deps.transactor._parked:  # noqa: ASYNC110 - the server's side has no event
                await asyncio.sleep(0.01)
        job = await live.brief()
        assert job["status"] == "queued"
        [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
        assert task["job_id"] == job["id"]
        assert (await live.user.get(job["urls"]["self"])).json()["steps"][0]["attempt"] == 1


async def test_a_waiting_worker_is_served_at_once(live: Any, serve: Any) -> None:
    """A long poll returns with the task that arrives meanwhile."""
    headers = {"authorization": f"Bearer {live.tokens['worker']}"}
    async with serve(live.app) as base, httpx.AsyncClient(base_url=base, headers=headers) as client:
        waiting = asyncio.create_task(
            client.post("/worker/claims", json=live.claim(wait_seconds=20), timeout=25)
        )
        async with asyncio.timeout(5):
            while not live.deps.transactor._parked:  # noqa: ASYNC110 - the server's side has no event
                await asyncio.sleep(0.01)
        job = await live.brief()
        async with asyncio.timeout(5):
            [task] = (await waiting).json()["tasks"]
        assert task["job_id"] == job["id"]


async def test_the_answer_is_the_wire_type(live: Any) -> None:
    """What the server sends decodes as what the SDK expects, strictly."""
    import msgspec

    from maquette import wire

    await live.brief()
    response = await live.worker.post("/worker/claims", json=live.claim())
    answer = msgspec.json.decode(response.content, type=wire.ClaimAnswer)
    assert answer.tasks[0].step == "text_to_image"
    assert json.loads(response.content) == msgspec.to_builtins(answer)
