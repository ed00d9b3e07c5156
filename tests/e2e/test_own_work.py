"""A person's own picture and mesh go through the real workers, and a finished asset is where a job can begin."""

import io
from typing import Any

from PIL import Image, ImageDraw
from story import Api, step_of

SKIP = ["rig", "anim"]
STILL = {"turntable": False}  # moving previews are half of an export's time; test_story_3d has them
SMALL: dict[str, Any] = {
    "refine": {"scale": 1},
    "image_to_3d": {"resolution": 64},
    "retopo": {"target_polycount": 500, "texture_size": 256},
    "export": STILL,
}


def drawn() -> bytes:
    """Return a picture that no painter of the studio would make: a flat mushroom on white."""
    image = Image.new("RGB", (256, 256), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((108, 120, 148, 220), fill="#e8d8b0")
    pen.pieslice((48, 30, 208, 200), 180, 360, fill="#b02020")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def finished(api: Api, **wish: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Submit, follow and hold against its events; return the job and its asset."""
    body = {"project_id": api.project_id, "asset_type": "3D", "skip": SKIP, "seed": 3, **wish}
    job = api.ok("POST", "/jobs", json=body)
    api.seen[job["id"]] = [job]
    listener = api.listen(job["id"])
    done = api.finish(job["id"], 120.0)
    api.assert_told(listener)
    return done, api.ok("GET", f"/assets/{done['asset_id']}")


def test_own_picture_own_mesh_and_an_asset_to_begin_from(ungated: Api) -> None:
    """Picture to model; the model again with fewer faces, from the asset; the sculpted mesh again, as one's own."""
    api = ungated
    picture = api.upload("mushroom.png", "image/png", drawn())
    first, asset = finished(
        api,
        prompt="a mushroom",
        library_path="plants/mushroom",
        provide={"text_to_image": [picture]},
        params=SMALL,
    )
    assert step_of(first, "text_to_image")["provided"]
    assert asset["lineage"]["provided"] == {"text_to_image": [picture]}
    assert asset["version"] == 1

    coarse, again = finished(
        api,
        from_asset=asset["id"],
        params={"retopo": {"target_polycount": 200, "texture_size": 256}, "export": STILL},
    )
    assert (again["id"], again["version"]) == (asset["id"], 2)
    assert again["lineage"]["from_asset"] == f"{asset['id']}@1"
    assert [step["name"] for step in coarse["steps"] if not step["provided"]] == ["retopo", "export"]
    assert again["metadata"]["poly_count"] < asset["metadata"]["poly_count"]
    sculpted = step_of(first, "image_to_3d")["artifacts"][0]
    assert sculpted["sha256"] in {file["sha256"] for file in again["files"]}

    content = api.fetch(sculpted["url"]).content
    mesh = api.upload("sculpted.glb", "model/gltf-binary", content)
    own, third = finished(
        api,
        prompt="a mushroom",
        provide={"image_to_3d": [mesh]},
        params={"retopo": SMALL["retopo"], "export": STILL},
    )
    assert [step["name"] for step in own["steps"]] == ["image_to_3d", "retopo", "export"]
    assert {file["name"] for file in third["files"] if file["role"] == "mesh"} >= {"sculpted.glb"}
