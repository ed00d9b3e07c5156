"""One job over HTTP alone, from brief to library, and what each endpoint shows on the way."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from maquette.api.shapes import assets as asset_shapes
from maquette.api.shapes import jobs as job_shapes

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 1000


async def finished(live: Any, **more: Any) -> dict[str, Any]:
    """Run a 2D job through both of its gates."""
    job = await live.brief(**more)
    for step in ("text_to_image", "refine"):
        await live.work(PNG)
        review = {"step": step, "revision": 0, "decision": "approved"}
        assert (await live.user.post(job["urls"]["review"], json=review)).status_code == 200
    await live.work(PNG)
    job = (await live.user.get(job["urls"]["self"])).json()
    assert job["status"] == "succeeded"
    return dict(job)


async def test_a_job_is_shown_truly_at_every_stage(live: Any) -> None:
    """Status, progress, pause reason, artifacts and decisions follow what happens; each answer keeps its shape."""
    job = await live.brief(seed=7)
    address = job["urls"]["self"]

    async def read(query: str = "") -> dict[str, Any]:
        response = await live.user.get(address + query)
        job_shapes.Job.model_validate_json(response.content)
        return dict(response.json())

    [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
    held = {"task_id": task["task_id"], "fence": task["fence"], "value": 0.5, "message": "painting"}
    await live.worker.post(
        "/worker/heartbeats",
        json={"worker_epoch": live.claim()["worker_epoch"], "worker": "test", "held": [held]},
    )
    running = await read()
    step = running["steps"][0]
    assert (running["status"], step["status"], step["attempt"], step["worker"]) == (
        "running",
        "running",
        1,
        "test",
    )
    assert running["progress"] == {"value": 0.1667, "steps_done": 0, "steps_total": 3, "message": "painting"}
    assert running["queue_position"] is None
    failed = {
        "status": "failed",
        "error_class": "transient",
        "error_code": "gpu_lost",
        "error_message": "gone",
    }
    outcome = {"task_id": task["task_id"], "fence": task["fence"], **failed, "retry_after_seconds": 0.0}
    await live.worker.post("/worker/outcomes", json={"outcomes": [outcome]})
    waiting = (await read())["steps"][0]
    assert (waiting["status"], waiting["attempt"]) == ("pending", 1)


async def test_a_rejection_makes_a_revision(live: Any) -> None:
    """After a rejection the step runs again; history shows the rejected one; the second decision on it is stale."""
    job = await live.brief(variants=2)
    await live.work(PNG)
    gate = (await live.user.get(job["urls"]["self"])).json()
    step = gate["steps"][0]
    assert (gate["status"], step["status"], step["pause_reason"]) == ("awaiting_review", "paused", "review")
    assert gate["cost"]["actual"] == 0.25
    review = {
        "step": "text_to_image",
        "revision": 0,
        "decision": "rejected",
        "notes": "too red",
        "changes": {"seed": 9},
    }
    rejected = await live.user.post(job["urls"]["review"], json=review)
    job_shapes.Job.model_validate_json(rejected.content)
    assert rejected.json()["steps"][0]["revision"] == 1
    assert rejected.json()["effective_inputs"]["seeds"]["text_to_image"] == 9
    assert [step["revision"] for step in rejected.json()["steps"]] == [1, 0, 0]
    shown = await live.user.get(job["urls"]["self"] + "?history=true")
    job_shapes.Job.model_validate_json(shown.content)
    old, current = shown.json()["steps"][:2]
    assert (current["name"], current["revision"]) == (old["name"], 1)
    assert (old["revision"], old["status"], old["artifacts"][0]["name"]) == (
        0,
        "rejected",
        "text_to_image.png",
    )
    stale = await live.user.post(job["urls"]["review"], json={**review, "decision": "approved"})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_review")
    assert (stale.json()["decision"]["decision"], stale.json()["decision"]["notes"]) == (
        "rejected",
        "too red",
    )


async def test_the_library_has_what_the_job_made(live: Any) -> None:
    """Asset, versions, lineage and files; the links give the stored bytes; the same path makes version 2."""
    job = await finished(live, library_path="animals/fox", prompt="a red fox")
    response = await live.user.get(f"/assets/{job['asset_id']}")
    asset_shapes.Asset.model_validate_json(response.content)
    asset = response.json()
    assert (asset["version"], asset["latest_version"], asset["library_path"], asset["name"]) == (
        1,
        1,
        "animals/fox",
        "fox",
    )
    assert asset["lineage"]["job_id"] == job["id"]
    for file in asset["files"]:
        got = await live.nobody.get(file["url"])
        assert (got.status_code, got.content, got.headers["etag"]) == (200, PNG, f'"{file["sha256"]}"')
    again = await finished(live, library_path="animals/fox", prompt="a red fox")
    assert again["asset_id"] == job["asset_id"]
    assert (await live.user.get(f"/assets/{job['asset_id']}")).json()["version"] == 2
    for version, number in (("1", 1), ("2", 2), ("latest", 2)):
        found = await live.user.get(f"/assets/{job['asset_id']}/versions/{version}")
        asset_shapes.Asset.model_validate_json(found.content)
        assert found.json()["version"] == number
    for version in ("0", "3", "-1", "x", "\uff11", "9" * 19, "99999999999"):
        assert (await live.user.get(f"/assets/{job['asset_id']}/versions/{version}")).status_code == 404
    lineage = await live.user.get(f"/assets/{job['asset_id']}/lineage?version=1")
    asset_shapes.Lineage.model_validate_json(lineage.content)
    assert lineage.json()["lineage"]["prompt"] == "a red fox"


async def test_the_library_is_searched(live: Any) -> None:
    """By type, path, folder and words; page by page, newest first."""
    for path, prompt in (
        ("animals/fox", "a red fox"),
        ("animals/owl", "a wise owl"),
        ("tools/saw", "an old red saw"),
    ):
        await finished(live, library_path=path, prompt=prompt)
    address = f"/projects/{live.project_id}/assets"

    async def paths(**query: Any) -> list[str]:
        response = await live.user.get(address, params=query)
        asset_shapes.AssetPage.model_validate_json(response.content)
        return [item["library_path"] for item in response.json()["items"]]

    assert await paths() == ["tools/saw", "animals/owl", "animals/fox"]
    assert await paths(path="animals") == ["animals/owl", "animals/fox"]
    assert await paths(path="animals/owl") == ["animals/owl"]
    assert await paths(path="animals/o") == []
    assert await paths(q="red") == ["tools/saw", "animals/fox"]
    assert await paths(q="red saw") == ["tools/saw"]
    assert await paths(type="3D") == []
    first = (await live.user.get(address, params={"limit": 2})).json()
    second = (await live.user.get(address, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [item["library_path"] for item in second["items"]] == ["animals/fox"]
    assert second["next_cursor"] is None
    for query in (
        "q='; drop table jobs; --",
        "q=%25",
        "path=%25",
        "path=animals/_",
        "q=\\",
        "q=a%26%7C!()%3A*",
        "q=" + "ä" * 200,
    ):
        assert (await live.user.get(f"{address}?{query}")).status_code == 200, query
    assert (await live.user.get(f"{address}?q=" + "x" * 201)).status_code == 422


async def test_an_artifact_redirects_to_its_bytes(live: Any) -> None:
    """302 to a link that honours Range; the link is the same for a while, so that browsers can cache."""
    job = await live.brief()
    await live.work(PNG)
    artifact = (await live.user.get(job["urls"]["self"])).json()["steps"][0]["artifacts"][0]
    response = await live.user.get(f"/artifacts/{artifact['id']}/content")
    assert (response.status_code, response.headers["location"]) == (302, artifact["url"])
    part = await live.nobody.get(response.headers["location"], headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, PNG[:4])
    assert (await live.user.get("/artifacts/art_00000000000000000000000000/content")).status_code == 404


async def sse(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Parse a stream of server-sent events."""
    message: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line == "":
            if "data" in message:
                yield message
            message = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            message[name] = value


async def test_the_stream_replays_and_ends(live: Any) -> None:
    """All events with ids 1, 2, 3…; from Last-Event-ID on only the rest; it ends with the job's last event."""
    job = await finished(live)
    async with live.user.stream("GET", job["urls"]["events"]) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [item async for item in sse(response)]
    assert [int(item["id"]) for item in events] == list(range(1, len(events) + 1))
    assert (events[0]["event"], events[-1]["event"]) == ("JobCreated", "JobSucceeded")
    bodies = [json.loads(item["data"]) for item in events]
    assert [int(body["sequence"]) for body in bodies] == list(range(1, len(events) + 1))
    assert {body["specversion"] for body in bodies} == {"1.0"}
    assert [body["type"] for body in bodies] == [item["event"] for item in events]
    for query, headers in (
        ("", {"last-event-id": "5"}),
        ("?last_event_id=5", {}),
        ("?last_event_id=1", {"last-event-id": "00000000000000000005"}),
    ):
        async with live.user.stream("GET", job["urls"]["events"] + query, headers=headers) as response:
            assert [item async for item in sse(response)] == events[5:]


async def test_a_garbled_last_event_id_is_refused(live: Any) -> None:
    """What no stream has given out is a 422."""
    job = await live.brief()
    for given in ("x", "-1", "1.5", "9" * 21, "99999999999999999999", " ", "1;2"):
        response = await live.user.get(job["urls"]["events"], params={"last_event_id": given})
        assert response.status_code == 422, given


async def test_the_stream_tells_progress_and_lets_go(live: Any, serve: Any) -> None:
    """New events and progress arrive while they happen; a client that leaves is forgotten at once."""
    job = await live.brief()
    headers = {"authorization": f"Bearer {live.tokens['user']}"}
    async with serve(live.app) as base:
        async with (
            httpx.AsyncClient(base_url=base, headers=headers, timeout=10) as client,
            client.stream("GET", job["urls"]["events"]) as response,
        ):
            events = sse(response)
            assert (await anext(events))["event"] == "JobCreated"
            [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
            assert (await anext(events))["event"] == "StepStarted"
            held = {"task_id": task["task_id"], "fence": task["fence"], "value": 0.25, "message": "sketching"}
            beat = {"worker_epoch": live.claim()["worker_epoch"], "worker": "test", "held": [held]}
            await live.worker.post("/worker/heartbeats", json=beat)
            progress = await anext(events)
            assert (progress["event"], "id" in progress) == ("progress", False)
            assert json.loads(progress["data"]) == {
                "job_id": job["id"],
                "step_name": "text_to_image",
                "value": 0.25,
                "message": "sketching",
            }
            await live.user.post(job["urls"]["cancel"])
            seen = [item["event"] async for item in events]
            assert seen[-1] == "JobCanceled"
        assert not live.deps.hub._followers
        other = await live.brief()
        async with (
            httpx.AsyncClient(base_url=base, headers=headers) as client,
            client.stream("GET", other["urls"]["events"]) as response,
        ):
            await anext(sse(response))
            assert live.deps.hub._followers
        await _until(lambda: not live.deps.hub._followers)


async def _until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the server's side of a closed connection has no event
            await asyncio.sleep(0.01)


async def test_metrics_tell_what_the_transactor_did(live: Any) -> None:
    """Commands, batches and what waits can be read beside the requests."""
    await live.brief()
    text = (await live.nobody.get("/metrics")).text
    numbers = dict(
        line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("maquette_transactor_")
    )
    assert float(numbers["maquette_transactor_orders_total"]) >= 1
    assert float(numbers["maquette_transactor_batches_total"]) >= 1
    assert {numbers[f"maquette_transactor_{name}"] for name in ("waiting", "parked")} == {"0.0"}
