"""The seven steps one after another on small sizes: what each returns, and that nothing but files passes between."""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fbx_reader
import numpy as np
import pytest
from foreign_glb import CUBE_FACES, Glb, rigged_figure, textured_cube
from PIL import Image, ImageDraw
from step_chain import BRIEF, Chain, Whole, run_whole

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.pose import posed
from maquette.studio.scene import Scene
from maquette.worker.handler import Input
from maquette.worker.testing import Recorded

STEPS = list(BRIEF)


@pytest.fixture(scope="session")
def whole(studio_root: Path) -> Whole:
    """The chain from prompt to export, run once; every step gets only the files of those before it."""
    return run_whole(Chain(studio_root / "whole"))


def glb(recorded: Recorded, kind: str) -> Scene:
    path = next(item.path for item in recorded.succeeded.artifacts if item.kind == kind)
    return read_glb(path.read_bytes())


def test_every_step_returns_what_it_must(whole: Whole) -> None:
    """The outputs that the server validates on completion are there, with sane values."""
    out = {step: recorded.outputs for step, recorded in whole.items()}
    assert out["text_to_image"]["seed"] == 42
    assert "robot" in out["text_to_image"]["prompt_used"]
    assert "negative_prompt_used" in out["text_to_image"]
    assert out["refine"]["operations"]
    assert out["image_to_3d"]["poly_count"] > 1000
    assert out["image_to_3d"]["textured"] is True
    assert abs(out["retopo"]["poly_count"] - 900) <= 18
    assert out["retopo"]["topology"] == "triangle"
    assert out["retopo"]["uv"]["channels"] == 1
    assert out["retopo"]["uv"]["overlap"] < 0.01
    assert out["rig"]["armature"]["bones"]
    assert out["rig"]["weights"]["max_influences"] <= 4
    assert [clip["name"] for clip in out["anim"]["clips"]] == ["idle", "walk"]
    assert out["export"]["poly_count"] == out["retopo"]["poly_count"]
    assert list(out["export"]["texture_set"]) == ["base_color", "normal", "metallic", "roughness", "ao"]


def test_every_artifact_names_its_maker(whole: Whole) -> None:
    """Engine, version and method stand on each file, and nobody claims a model that did not run."""
    for step, recorded in whole.items():
        assert recorded.succeeded.model.startswith("maquette-studio/"), step
        assert recorded.succeeded.model_version, step
        for artifact in recorded.succeeded.artifacts:
            maker = artifact.attributes["engine"]
            assert maker["name"] == "maquette-studio", artifact.name
            assert len(maker["method"]) > 10, artifact.name


def test_progress_is_reported_in_order(whole: Whole) -> None:
    """Every step tells more than once how far it is, never going back."""
    for step, recorded in whole.items():
        values = [value for value, _ in recorded.progress]
        assert len(values) > 1, step
        assert values == sorted(values), step


def test_every_glb_is_valid(whole: Whole, validator: Callable[..., Any]) -> None:
    """The Khronos validator has no error and no warning for any mesh, clip or model of the chain."""
    paths = [path for recorded in whole.values() for path in recorded.files.values() if path.suffix == ".glb"]
    assert len(paths) == 6
    for path, report in zip(paths, validator(*paths), strict=True):
        assert (report["errors"], report["warnings"]) == (0, 0), (path.name, report["messages"][:3])


def test_the_final_glb_is_skinned_animated_and_textured(whole: Whole) -> None:
    """At most four influences a vertex that sum to one, all clips, and all textures in one file."""
    scene = glb(whole["export"], "model")
    weights = scene.mesh.weights
    assert np.abs(weights.sum(axis=1) - 1).max() < 1e-6
    assert ((weights > 0).sum(axis=1) <= 4).all()
    assert [clip.name for clip in scene.clips] == ["idle", "walk"]
    assert [bone["name"] for bone in whole["rig"].outputs["armature"]["bones"]] == [
        bone.name for bone in scene.bones
    ]
    material = scene.material
    assert material.base_color is not None
    assert material.normal is not None
    assert material.occlusion_roughness_metallic is not None


def test_the_fbx_agrees_with_the_glb(whole: Whole) -> None:
    """Same bones, same parents, same clips, and the same pose in the middle of the walk."""
    scene = glb(whole["export"], "model")
    path = next(path for path in whole["export"].files.values() if path.suffix == ".fbx")
    fbx = fbx_reader.read(path.read_bytes())
    parents = {
        bone.name: scene.bones[bone.parent].name if bone.parent >= 0 else "Armature" for bone in scene.bones
    }
    assert fbx_reader.bones(fbx) == parents
    assert [fbx.title(key) for key in fbx.of("AnimationStack")] == [clip.name for clip in scene.clips]
    walk = scene.clips[1]
    frame = len(walk.times) // 3
    expected = posed(scene, walk, frame).mesh.positions
    assert np.abs(fbx_reader.skinned(fbx, "walk", frame) / 100 - expected).max() < 1e-4


def test_feet_move_in_the_walk(whole: Whole) -> None:
    """Both soles swing forth and back and lift, in turn, and nothing sinks far into the ground."""
    scene = glb(whole["export"], "model")
    walk = scene.clips[1]
    rest = scene.mesh.positions
    height = np.ptp(rest[:, 1])
    low = rest[:, 1] < rest[:, 1].min() + 0.04 * height
    frames = np.stack([posed(scene, walk, f).mesh.positions for f in range(len(walk.times))])
    tracks = []
    for side in (-1, 1):
        foot = low & (rest[:, 0] * side > 0.01 * height)
        assert foot.sum() > 3
        center = frames[:, foot].mean(axis=1)
        assert np.ptp(center[:, 2]) > 0.05 * height
        assert np.ptp(center[:, 1]) > 0.01 * height
        tracks.append(center[:, 2] - center[:, 2].mean())
    assert np.dot(tracks[0], tracks[1]) < 0  # one forward while the other goes back
    assert frames[..., 1].min() > rest[:, 1].min() - 0.06 * height


def test_running_again_gives_equal_bytes(whole: Whole, tmp_path: Path) -> None:
    """Another process with another hash seed makes the very same files, all the way."""
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(Path(__file__).parent / "step_chain.py"), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    again = json.loads(done.stdout)
    digests = {
        step: {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in recorded.files.items()}
        for step, recorded in whole.items()
    }
    assert again == digests


def drawing(*, opaque: bool = False) -> bytes:
    """A picture made elsewhere: a lopsided vase on white or on nothing."""
    image = Image.new("RGBA", (200, 240), (255, 255, 255, 255 if opaque else 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((50, 90, 160, 220), fill=(30, 120, 160, 255))
    draw.rectangle((85, 30, 120, 120), fill=(200, 160, 40, 255))
    draw.ellipse((70, 15, 135, 45), fill=(160, 60, 40, 255))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("opaque", [False, True])
def test_a_foreign_picture_goes_all_the_way(
    opaque: bool, chain: Chain, validator: Callable[..., Any]
) -> None:
    """Someone else's PNG, cut out or on white, is refined, lifted, reduced, rigged as a prop, animated and exported."""
    picture = chain.file("vase.png", "image", drawing(opaque=opaque), step="upload")
    refined = chain.run("refine", [picture], {"scale": 1})
    lifted = chain.run("image_to_3d", chain.outputs("refine", refined, attributes=False), {"resolution": 64})
    size = np.ptp(glb(lifted, "mesh").mesh.positions, axis=0)
    assert 0.35 < size[0] / size[1] < 0.8  # the vase's outline, not the picture's frame
    light = chain.run("retopo", chain.outputs("image_to_3d", lifted, attributes=False), SMALL_RETOPO)
    rigged = chain.run("rig", chain.outputs("retopo", light, attributes=False), {"rig_type": "prop"})
    moving = chain.run("anim", chain.outputs("rig", rigged, attributes=False))
    assert [clip["name"] for clip in moving.outputs["clips"]] == ["idle", "spin"]
    given = chain.outputs("rig", rigged, attributes=False) + chain.outputs("anim", moving, attributes=False)
    done = chain.run("export", given, {"name": "vase", "engine": "godot"})
    assert validator(done.files["vase.glb"])[0]["messages"] == []
    assert [clip.name for clip in glb(done, "model").clips] == ["idle", "spin"]


SMALL_RETOPO = {"target_polycount": 400, "texture_size": 256}


def test_retopo_takes_a_foreign_mesh(chain: Chain) -> None:
    """A twelve-triangle crate with a JPEG keeps its size, faces and colours, and gains baked maps."""
    done = chain.run("retopo", [chain.file("crate.glb", "mesh", textured_cube())], SMALL_RETOPO)
    scene = glb(done, "mesh")
    assert done.outputs["poly_count"] == 12
    assert np.allclose(np.ptp(scene.mesh.positions, axis=0), 2.0, atol=1e-4)
    pixels = np.asarray(scene.material.base_color.convert("RGB"), float)
    assert (pixels[..., 0] - pixels[..., 2] > 80).mean() > 0.1
    assert (pixels[..., 2] - pixels[..., 0] > 80).mean() > 0.1
    assert scene.material.occlusion_roughness_metallic is not None


def test_rig_takes_a_foreign_mesh(chain: Chain) -> None:
    """A foreign crate is bound as a prop at its own size, a foreign box man as a biped at the asked height."""
    crate = glb(
        chain.run("rig", [chain.file("crate.glb", "mesh", textured_cube())], {"rig_type": "prop"}), "mesh"
    )
    assert np.allclose(np.ptp(crate.mesh.positions, axis=0), 2.0, atol=1e-4)
    man = chain.run(
        "rig", [chain.file("man.glb", "mesh", rigged_figure())], {"rig_type": "biped", "height_meters": 1.2}
    )
    scene = glb(man, "mesh")
    assert np.ptp(scene.mesh.positions[:, 1]) == pytest.approx(1.2, abs=1e-3)
    assert np.abs(scene.mesh.weights.sum(axis=1) - 1).max() < 1e-6
    assert len(scene.bones) > 10


def test_anim_and_export_take_a_foreign_rig(chain: Chain) -> None:
    """A skeleton with names of its own is animated as what it is and exported with its bones."""
    man = chain.file("man.glb", "mesh", rigged_figure())
    moving = chain.run("anim", [man], {"clips": ["spin"]})
    done = chain.run("export", [man, *chain.outputs("anim", moving, attributes=False)], {"formats": ["glb"]})
    scene = glb(done, "model")
    assert [bone.name for bone in scene.bones] == ["Pelvis", "Chest"]
    assert "spin" in [clip.name for clip in scene.clips]


def no_faces() -> bytes:
    made = Glb()
    primitive = {"attributes": {"POSITION": made.accessor([(0, 0, 0), (1, 0, 0)], "VEC3")}, "mode": 1}
    made.scene(made.add("nodes", mesh=made.mesh(primitive)))
    return made.encoded()


def not_finite() -> bytes:
    made = Glb()
    points = np.full((24, 3), np.nan)
    primitive = {
        "attributes": {"POSITION": made.accessor(points, "VEC3")},
        "indices": made.accessor(CUBE_FACES, "SCALAR", "u1"),
    }
    made.scene(made.add("nodes", mesh=made.mesh(primitive)))
    return made.encoded()


def blank() -> bytes:
    stream = io.BytesIO()
    Image.new("RGBA", (64, 64), (10, 10, 10, 0)).save(stream, "PNG")
    return stream.getvalue()


BAD_IMAGES = {
    "none": None,
    "empty": b"",
    "no image": b"hello",
    "cut off": drawing()[:200],
    "fully transparent": blank(),
}
BAD_MESHES = {"none": None, "empty": b"", "no GLB": b"hello", "no faces": no_faces(), "NaN": not_finite()}
BAD = [
    *((step, "image", case, data) for step in ("refine", "image_to_3d") for case, data in BAD_IMAGES.items()),
    *(
        (step, "mesh", case, data)
        for step in ("retopo", "rig", "anim", "export")
        for case, data in BAD_MESHES.items()
    ),
    ("anim", "mesh", "no skeleton", textured_cube()),
]


@pytest.mark.parametrize(
    ("step", "kind", "case", "data"), BAD, ids=[f"{step}: {case}" for step, _, case, _ in BAD]
)
def test_bad_files_fail_for_good(step: str, kind: str, case: str, data: bytes | None, chain: Chain) -> None:
    """A missing, broken, empty or senseless input is a permanent failure with a code, never an exception."""
    given = [] if data is None else [chain.file(f"input.{'png' if kind == 'image' else 'glb'}", kind, data)]
    failed = chain.run(step, given).failed
    assert failed.error_class == "invalid", case
    assert len(failed.message) > 10, case


BAD_PARAMETERS = [
    ("text_to_image", {"prompt": ""}),
    ("text_to_image", {"prompt": "a jar", "size": 10**6}),
    ("text_to_image", {"prompt": "a jar", "style": {"palette": ["#zzzzzz"]}}),
    ("refine", {"scale": 99}),
    ("image_to_3d", {"resolution": 10**5}),
    ("retopo", {"topology": "hexagon"}),
    ("retopo", {"target_polycount": -1}),
    ("rig", {"rig_type": "octopus"}),
    ("rig", {"height_meters": float("1e9")}),
    ("anim", {"clips": ["moonwalk"]}),
    ("anim", {"fps": 1}),
    ("export", {"formats": ["dae"]}),
]


@pytest.mark.parametrize(("step", "params"), BAD_PARAMETERS, ids=[f"{s}: {p}" for s, p in BAD_PARAMETERS])
def test_bad_parameters_fail_for_good(step: str, params: dict[str, Any], chain: Chain) -> None:
    """The server validates parameters first; a handler still refuses what it cannot do, with a code."""
    given: list[Input] = []
    if step in {"refine", "image_to_3d"}:
        given = [chain.file("vase.png", "image", drawing())]
    elif step != "text_to_image":
        given = [chain.file("man.glb", "mesh", rigged_figure())]
    failed = chain.run(step, given, params).failed
    assert failed.error_class == "invalid"
