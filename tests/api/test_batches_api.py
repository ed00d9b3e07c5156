"""Many briefs in one request: a verdict a line, and nothing else shared between lines."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from maquette.api.shapes import batches as shapes
from maquette.settings import Settings

JSONL = {"content-type": "application/jsonl"}


def lines(*briefs: dict[str, Any] | str) -> bytes:
    return "\n".join(item if isinstance(item, str) else json.dumps(item) for item in briefs).encode()


def brief(prompt: str = "a brass lantern", **more: Any) -> dict[str, Any]:
    return {"asset_type": "2D", "prompt": prompt, **more}


async def send(
    live: Any, body: bytes, *, by: Any = None, headers: dict[str, str] | None = None, **query: Any
) -> Any:
    params = {"project_id": live.project_id, **query}
    return await (by or live.user).post(
        "/batches", content=body, params=params, headers={**JSONL, **(headers or {})}
    )


@pytest.fixture
async def roomy(live: Any) -> Any:
    """Give the API with a project that may have many open jobs."""
    await live.operator.patch(f"/projects/{live.project_id}", json={"open_jobs_max": 1000})
    return live


async def test_each_line_gets_its_own_verdict(live: Any) -> None:
    """Wrong lines are refused with the status and the problem of a request of their own; the others become jobs."""
    body = lines(
        brief("a brass lantern"),
        "not json",
        brief("   "),
        "",
        brief(asset_type="4D"),
        brief(nonsense=1),
        "[]",
        brief(project_id="prj_01kgh5s1d0f3c8m5y2w9x7v4tz"),
        brief("a rusty key", metadata={"n": 1}),
    )
    response = await send(live, body, name="props")
    assert response.status_code == 201, response.text
    shapes.SubmittedBatch.model_validate_json(response.content)
    batch = response.json()
    assert [(item["line"], item["status"]) for item in batch["verdicts"]] == [
        (1, 201), (2, 422), (3, 422), (5, 422), (6, 422), (7, 422), (8, 422), (9, 201),
    ]  # fmt: skip
    assert [item["problem"]["code"] for item in batch["verdicts"] if item["problem"]] == [
        "malformed_json", *["invalid_request"] * 5,
    ]  # fmt: skip
    assert (batch["name"], batch["lines"], batch["jobs"]) == ("props", 8, {"queued": 2})
    job = (await live.user.get(f"/jobs/{batch['verdicts'][-1]['job_id']}")).json()
    assert job["batch"] == {"id": batch["id"], "line": 9}
    assert (job["inputs"]["prompt"], job["metadata"]) == ("a rusty key", {"n": 1})
    assert (await live.user.get(response.headers["location"])).json()["jobs"] == {"queued": 2}


async def test_jobs_are_listed_and_canceled_by_batch(live: Any) -> None:
    """The list can be cut to a batch; giving the batch up ends its open jobs, no other one, and can be repeated."""
    other = (await live.user.post("/jobs", json={**brief(), "project_id": live.project_id})).json()
    batch = (await send(live, lines(*(brief(f"lantern {n}") for n in range(5))))).json()
    first = await live.user.get("/jobs", params={"batch_id": batch["id"], "limit": 2})
    cursor = first.json()["next_cursor"]
    rest = await live.user.get("/jobs", params={"batch_id": batch["id"], "cursor": cursor})
    ids = [item["id"] for item in first.json()["items"] + rest.json()["items"]]
    assert ids == sorted((item["job_id"] for item in batch["verdicts"]), reverse=True)
    await live.user.post(f"/jobs/{ids[0]}/cancel")
    for _ in range(2):
        gone = await live.user.post(f"/batches/{batch['id']}/cancel")
        assert (gone.status_code, gone.json()["jobs"]) == (200, {"canceled": 5})
    assert (await live.user.get(f"/jobs/{other['id']}")).json()["status"] == "queued"
    listed = (await live.user.get("/batches", params={"project_id": live.project_id})).json()["items"]
    assert [item["id"] for item in listed] == [batch["id"]]


async def test_a_batch_that_is_sent_again_makes_nothing_twice(roomy: Any) -> None:
    """The same key and body give the same jobs, also when both come at once; another body is refused."""
    body = lines(*(brief(f"lantern {n}") for n in range(40)), "broken")
    key = {"idempotency-key": "order-7"}
    answers = await asyncio.gather(*(send(roomy, body, headers=key) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [201] * 3
    told = [[(item["line"], item["job_id"]) for item in answer.json()["verdicts"]] for answer in answers]
    assert told[0] == told[1] == told[2]
    assert len({job for _, job in told[0]}) == 41  # 40 jobs and one None
    assert answers[0].json()["jobs"] == {"queued": 40}
    other = await send(roomy, lines(brief()), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reuse")


async def test_a_batch_that_was_cut_off_goes_on(roomy: Any) -> None:
    """Lines recorded before the request died are found again by their own keys."""
    body = lines(*(brief(f"lantern {n}") for n in range(300)))
    key = {"idempotency-key": "cut"}
    sending = asyncio.create_task(send(roomy, body, headers=key))
    while not (await roomy.user.get("/jobs", params={"project_id": roomy.project_id})).json()["items"]:
        assert not sending.done()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    again = (await send(roomy, body, headers=key)).json()
    assert again["jobs"] == {"queued": 300}
    assert len({item["job_id"] for item in again["verdicts"]}) == 300


async def test_what_exceeds_the_limit_of_open_jobs_is_told_line_by_line(live: Any) -> None:
    """As many lines as there is room for become jobs; the others are 429 and may be sent again."""
    batch = (await send(live, lines(*(brief(f"lantern {n}") for n in range(25))))).json()
    assert batch["jobs"] == {"queued": 20}
    refused = [item["problem"] for item in batch["verdicts"] if item["status"] == 429]
    assert len(refused) == 5
    assert all(problem["retryable"] for problem in refused)


async def test_what_is_no_batch_is_refused_as_a_whole(live: Any) -> None:
    """Other types, no lines, too many, too much, and projects of others."""
    as_json = await live.user.post("/batches", params={"project_id": live.project_id}, json=[])
    assert (as_json.status_code, as_json.json()["code"]) == (415, "unsupported_media_type")
    assert (await send(live, b"\n \n")).status_code == 422
    assert (await send(live, b"{}\n" * 1001)).status_code == 422
    assert (await send(live, b" " * (Settings().bulk_bytes_max + 1))).status_code == 413
    assert (await send(live, lines(brief()), project_id="prj_01kgh5s1d0f3c8m5y2w9x7v4tz")).status_code == 404
    batch = (await send(live, lines(brief()))).json()
    other = (await live.operator.post("/projects", json={"name": "Elsewhere"})).json()["id"]
    key = (await live.operator.post(f"/projects/{other}/keys", json={"name": "Eve", "role": "owner"})).json()[
        "key"
    ]
    stranger = httpx.AsyncClient(
        transport=httpx.ASGITransport(live.app),
        base_url="http://maquette.test",
        headers={"authorization": f"Bearer {key}"},
    )
    for answer in (
        await stranger.get(f"/batches/{batch['id']}"),
        await stranger.post(f"/batches/{batch['id']}/cancel"),
        await stranger.get("/batches", params={"project_id": live.project_id}),
    ):
        assert answer.status_code == 404
    assert (await stranger.get("/jobs", params={"batch_id": batch["id"]})).json()["items"] == []
