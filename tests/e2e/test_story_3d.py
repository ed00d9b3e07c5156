"""A brief becomes a game-ready 3D asset, through the real workers."""

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from story import SMALL_3D, Api, step_of

Validator = Callable[..., list[dict[str, Any]]]


def test_a_brief_becomes_a_rigged_animated_asset(api: Api, validator: Validator, tmp_path: Path) -> None:
    """Seven steps and two gates; the files in the library are what the steps made, and valid."""
    job = api.submit(
        "3D",
        prompt="a rusty robot courier",
        variants=2,
        library_path="characters/courier",
        params={"export": {"turntable": True}},
    )
    listener = api.listen(job["id"], drop_every=3)
    concept = api.gate(job["id"], "text_to_image")
    first, second = step_of(concept, "text_to_image")["artifacts"]
    assert first["sha256"] != second["sha256"]
    api.approve(concept, selection=[second["id"]], notes="the second one")
    before_export = api.gate(job["id"], "anim")
    picked = {item["id"]: item["selected"] for item in step_of(before_export, "text_to_image")["artifacts"]}
    assert picked == {first["id"]: False, second["id"]: True}
    api.approve(before_export)
    done = api.finish(job["id"])
    assert {step["name"]: (step["status"], step["revision"]) for step in done["steps"]} == {
        **dict.fromkeys(SMALL_3D | {"rig": {}, "export": {}}, ("done", 0)),
        **dict.fromkeys(("text_to_image", "anim"), ("approved", 0)),
    }
    assert done["progress"] == {"value": 1, "steps_done": 7, "steps_total": 7, "message": ""}
    api.assert_told(listener)
    assert listener.connections >= len(listener.events) / 3
    asset = api.ok("GET", f"/assets/{done['asset_id']}")
    _assert_filed(api, asset, done, listener.events)
    model = next(file for file in asset["files"] if file["name"].endswith(".glb") and file["role"] == "model")
    path = tmp_path / model["name"]
    path.write_bytes(api.fetch(model["url"]).content)
    [report] = validator(path)
    assert (report["errors"], report["warnings"]) == (0, 0), report["messages"]
    document = _glb_json(path.read_bytes())
    assert document["skins"]
    assert {clip["name"] for clip in document["animations"]} == {
        clip["name"] for clip in asset["metadata"]["clips"]
    }
    assert document["textures"]
    [listed] = api.ok("GET", f"/projects/{api.project_id}/assets", params={"type": "3D"})["items"]
    assert listed["id"] == asset["id"]
    assert api.ok("GET", f"/projects/{api.project_id}/assets", params={"type": "2D"})["items"] == []


def _assert_filed(api: Api, asset: dict[str, Any], job: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """The asset has exactly the current artifacts of every step, readable, and says where it came from."""
    assert (asset["library_path"], asset["version"], asset["name"]) == ("characters/courier", 1, "courier")
    made = {item["id"]: item["sha256"] for step in job["steps"] for item in step["artifacts"]}
    assert {file["artifact_id"]: file["sha256"] for file in asset["files"]} == made
    assert len({file["name"] for file in asset["files"]}) == len(asset["files"])
    assert {"image", "mesh", "clip", "model", "texture", "preview"} <= {
        file["role"] for file in asset["files"]
    }
    assert any(file["name"].endswith(".fbx") for file in asset["files"])
    metadata = asset["metadata"]
    assert abs(metadata["poly_count"] - 500) <= 10
    assert metadata["topology"] == "triangle"
    assert metadata["armature"]["bones"]
    assert {"base_color", "normal", "metallic", "roughness", "ao"} <= set(metadata["texture_set"])
    assert metadata["engine_notes"]
    preview = next(file for file in asset["files"] if file["role"] == "preview")
    picture = Image.open(io.BytesIO(api.fetch(preview["url"]).content)).convert("RGB")
    assert len(picture.getcolors(picture.width * picture.height)) > 50  # a model is on it, not a blank
    [indexed] = [event for event in events if event["type"] == "AssetIndexed"]
    assert (indexed["subject"], indexed["data"]["version"]) == (asset["id"], 1)
    assert {file["artifact_id"] for file in indexed["data"]["files"]} == set(made)
    lineage = api.ok("GET", f"/assets/{asset['id']}/lineage")["lineage"]
    assert lineage == asset["lineage"]
    assert lineage["job_id"] == job["id"]
    assert lineage["prompt"] == "a rusty robot courier"
    names = [step["name"] for step in job["steps"]]
    assert list(lineage["services"]) == list(lineage["models"]) == names
    assert set(lineage["services"].values()) == {"studio"}
    assert lineage["seeds"] == dict.fromkeys(names, 42)
    assert lineage["steps"] == {
        step["name"]: {"revision": 0, "idempotency_key": step["idempotency_key"]} for step in job["steps"]
    }


def _glb_json(data: bytes) -> dict[str, Any]:
    magic, _, _ = struct.unpack_from("<4sII", data)
    length, kind = struct.unpack_from("<I4s", data, 12)
    assert (magic, kind) == (b"glTF", b"JSON")
    return dict(json.loads(data[20 : 20 + length]))


def test_a_prop_is_rewound_to_refine(api: Api, validator: Validator, tmp_path: Path) -> None:
    """A rejection at the last gate redoes refine and what follows it; what stands before is untouched."""
    job = api.submit("3D", prompt="a wooden treasure chest", skip=["rig", "anim"], seed=7)
    listener = api.listen(job["id"])
    api.approve(api.gate(job["id"], "text_to_image"))
    before = api.gate(job["id"], "retopo")  # the last step before export, as rig and anim are left out
    names = [step["name"] for step in before["steps"]]
    assert names == ["text_to_image", "refine", "image_to_3d", "retopo", "export"]
    changes = {"params": {"refine": {"sharpen": 1.5}, "retopo": {"target_polycount": 300}}}
    rejected = api.decide(before, "rejected", rewind_to="refine", notes="too soft", changes=changes)
    assert rejected.status_code == 200, rejected.text
    after = api.gate(job["id"], "retopo")
    assert {step["name"]: step["revision"] for step in after["steps"]} == {
        "text_to_image": 0,
        "refine": 1,
        "image_to_3d": 1,
        "retopo": 1,
        "export": 0,
    }
    assert step_of(after, "text_to_image") == _without_links(step_of(before, "text_to_image"), after)
    assert step_of(after, "refine")["artifacts"] != step_of(before, "refine")["artifacts"]
    assert abs(step_of(after, "retopo")["outputs"]["poly_count"] - 300) <= 6
    seeds = after["effective_inputs"]["seeds"]
    assert seeds["text_to_image"] == 7
    assert seeds["refine"] == seeds["retopo"] != 7  # what was gone back to, and what was rejected
    assert seeds["image_to_3d"] == seeds["export"] == 7
    history = {(step["name"], step["revision"]): step for step in after["steps"]}
    superseded = {("refine", 0): "done", ("image_to_3d", 0): "done", ("retopo", 0): "rejected"}
    assert {key: history[key]["status"] for key in superseded} == superseded
    old = history["retopo", 0]["artifacts"][0]
    assert api.fetch(old["url"]).status_code == 200
    decision = after["user_decisions"][-1]
    assert (decision["decision"], decision["rewind_to"], decision["notes"]) == (
        "rejected",
        "refine",
        "too soft",
    )
    assert decision["changes"] == changes
    done = api.finish(job["id"])
    api.assert_told(listener)
    asset = api.ok("GET", f"/assets/{done['asset_id']}")
    assert {name: step["revision"] for name, step in asset["lineage"]["steps"].items()} == {
        "text_to_image": 0,
        "refine": 1,
        "image_to_3d": 1,
        "retopo": 1,
        "export": 0,
    }
    assert old["id"] not in {file["artifact_id"] for file in asset["files"]}
    assert "armature" not in asset["metadata"]
    model = next(file for file in asset["files"] if file["name"].endswith(".glb") and file["role"] == "model")
    path = tmp_path / model["name"]
    path.write_bytes(api.fetch(model["url"]).content)
    [report] = validator(path)
    assert (report["errors"], report["warnings"]) == (0, 0), report["messages"]
    assert not _glb_json(path.read_bytes()).get("skins")


def _without_links(step: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """A step as it was, with the links of a newer look at it: those are signed anew from time to time."""
    links = {
        item["id"]: {name: item[name] for name in ("url", "url_expires_at")}
        for item in step_of(newer, step["name"])["artifacts"]
    }
    return {**step, "artifacts": [{**item, **links[item["id"]]} for item in step["artifacts"]]}
