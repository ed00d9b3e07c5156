"""Review in full, over HTTP: own work, replacements, holds, gates with time-outs; every answer keeps its shape."""

import hashlib
import struct
import zlib
from typing import Any

import pytest

from maquette.api.shapes import jobs as job_shapes
from maquette.api.shapes import projects as project_shapes


def png(shade: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes([0, shade]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


async def uploaded(live: Any, data: bytes, name: str = "mine.png") -> str:
    wish = {
        "project_id": live.project_id,
        "name": name,
        "media_type": "image/png",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    granted = (await live.user.post("/uploads", json=wish)).json()
    sent = await live.nobody.put(granted["url"], content=data, headers=granted["headers"])
    assert sent.status_code == 204, sent.text
    return str(granted["id"])


async def shown(live: Any, job: dict[str, Any]) -> dict[str, Any]:
    response = await live.user.get(job["urls"]["self"])
    job_shapes.Job.model_validate_json(response.content)
    return dict(response.json())


async def test_own_work_is_shown_as_what_it_is(live: Any) -> None:
    """Done, provided, by no service, at no cost; the brief shows the upload, the gate of the step stays shut."""
    upload = await uploaded(live, png(1))
    job = await live.brief(provide={"text_to_image": [upload]})
    step = (await shown(live, job))["steps"][0]
    assert (step["status"], step["provided"], step["service"], step["worker"], step["attempt"]) == (
        "done", True, None, None, 0,
    )  # fmt: skip
    assert (job["current_step"], job["inputs"]["provide"]) == ("refine", {"text_to_image": [upload]})
    assert (job["progress"]["steps_done"], job["cost"]["actual"]) == (1, 0)
    assert (await live.user.get(step["artifacts"][0]["url"])).content == png(1)


async def test_a_replaced_and_a_chosen_artifact_show_in_lists_too(live: Any) -> None:
    """``selected`` and ``replaced_by`` are what the reviewer said, in GET /jobs as in GET /jobs/{id}."""
    job = await live.brief()
    await live.work(png(2))
    step = (await shown(live, job))["steps"][0]
    upload = await uploaded(live, png(3))
    made = step["artifacts"][0]["id"]
    review = {
        "step": "text_to_image",
        "revision": 0,
        "decision": "approved",
        "selection": [made],
        "replacements": {made: upload},
    }
    response = await live.user.post(job["urls"]["review"], json=review)
    assert response.status_code == 200, response.text
    listed = (await live.user.get("/jobs")).json()["items"][0]
    one = await shown(live, job)
    for view in (one, listed):
        files = {item["id"]: item for item in view["steps"][0]["artifacts"]}
        [heir] = [item for item in files.values() if item["id"] != made]
        assert (files[made]["replaced_by"], heir["replaced_by"]) == (heir["id"], None)
        assert (heir["selected"], heir["attributes"]) == (True, {"upload": upload, "replaces": made})
        assert view["user_decisions"][0]["replacements"] == {made: upload}


async def test_another_projects_work_is_nobodys(live: Any) -> None:
    """An upload and an asset of another tenant do not exist for this one."""
    theirs = (await live.operator.post("/projects", json={"name": "Other"})).json()["id"]
    token = (
        await live.operator.post(f"/projects/{theirs}/keys", json={"name": "Eve", "role": "owner"})
    ).json()["key"]
    upload = await uploaded(live, png(4))
    job = await live.brief(library_path="props/secret")
    for _ in range(2):
        await live.work(png(5))
        step = (await shown(live, job))["current_step"]
        review = {"step": step, "revision": 0, "decision": "approved"}
        await live.user.post(job["urls"]["review"], json=review)
    await live.work(png(6))
    asset = (await shown(live, job))["asset_id"]
    eve = {"authorization": f"Bearer {token}"}
    body = {"project_id": theirs, "asset_type": "2D", "prompt": "a red fox"}
    for more, field in (
        ({"provide": {"text_to_image": [upload]}}, "provide"),
        ({"from_asset": asset, "redo_from": "export"}, "from_asset"),
    ):
        response = await live.nobody.post("/jobs", json={**body, **more}, headers=eve)
        assert (response.status_code, response.json()["details"][0]["loc"][0]) == (422, field)
    mine = await live.brief(from_asset=asset, redo_from="export", prompt="")
    assert (mine["current_step"], mine["inputs"]["from_asset"]) == ("export", f"{asset}@1")
    assert mine["inputs"]["library_path"] == "props/secret"


async def test_a_hold_further_on_is_shown_and_taken_back(live: Any) -> None:
    """``hold_before`` names the step until the job is held there; resume on a job that is not held clears it."""
    job = await live.brief()
    response = await live.user.post(job["urls"]["pause"], json={"before": "export"})
    assert (response.status_code, response.json()["status"], response.json()["hold_before"]) == (
        200, "queued", "export",
    )  # fmt: skip
    assert (await live.user.post(job["urls"]["pause"], json={"before": "nonsense"})).status_code == 422
    assert (await live.user.post(job["urls"]["pause"], json={"until": 5})).status_code == 422
    response = await live.user.post(job["urls"]["resume"])
    assert (response.status_code, response.json()["hold_before"]) == (200, None)
    refused = await live.user.post(job["urls"]["resume"])
    assert (refused.status_code, "not held" in refused.json()["detail"]) == (409, True)
    assert (await live.user.post(job["urls"]["pause"])).json()["status"] == "paused"


async def test_gates_may_have_a_time_out(live: Any) -> None:
    """Names and objects side by side come back as they were sent; an open gate shows when it acts."""
    address = f"/projects/{live.project_id}/gates"
    timed = {
        "step": "before_export",
        "after_seconds": 60,
        "then": "approve",
        "remind_every_seconds": None,
        "escalate": [],
    }
    response = await live.user.put(address, json={"gates": ["text_to_image", timed]})
    assert response.status_code == 200, response.text
    project_shapes.Project.model_validate_json(response.content)
    assert response.json()["gates"] == {"version": 1, "gates": ["text_to_image", timed]}
    job = await live.brief(provide={"text_to_image": [await uploaded(live, png(7))]})
    await live.work(png(8))
    step = (await shown(live, job))["steps"][1]
    assert (step["pause_reason"], step["gate_due_at"] > step["finished_at"]) == ("review", True)


@pytest.mark.parametrize(
    "gate",
    [
        {"step": "before_export"},
        {"step": "before_export", "after_seconds": 0},
        {"step": "before_export", "after_seconds": 60, "then": "escalate"},
        {"step": "before_export", "after_seconds": 60, "remind_every_seconds": 1},
        {"step": "nonsense", "after_seconds": 60},
        {"step": "before_export", "after_seconds": 60, "x": 1},
        5,
    ],
)
async def test_a_gate_that_makes_no_sense_is_refused(live: Any, gate: Any) -> None:
    """422, and nothing is changed."""
    address = f"/projects/{live.project_id}/gates"
    assert (await live.user.put(address, json={"gates": [gate]})).status_code == 422
    assert (await live.user.get(f"/projects/{live.project_id}")).json()["gates"]["version"] == 0
