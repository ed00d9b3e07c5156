"""export: the finished files of a 3D and of a 2D asset, from our own and foreign inputs, and what is refused."""

import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fbx_reader
import numpy as np
import pytest
from foreign_glb import rigged_figure, textured_cube
from PIL import Image
from step_chain import Chain

from maquette.studio import roles
from maquette.studio.formats.engine_notes import conventions_note
from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.scene import Scene
from maquette.worker.handler import Input

CHANNELS = ["base_color", "normal", "metallic", "roughness", "ao"]


@pytest.fixture(scope="module")
def exported(figure: Scene, studio_root: Path) -> dict[str, Any]:
    """The figure's mesh and its clips, in files of their own, exported once."""
    chain = Chain(studio_root / "export")
    recorded = chain.run("export", inputs_of(chain, figure), {"name": "courier", "engine": "unity"})
    return {"chain": chain, "recorded": recorded, "files": recorded.files, "outputs": recorded.outputs}


def inputs_of(chain: Chain, figure: Scene) -> list[Input]:
    mesh = chain.file("rigged.glb", "mesh", write_glb(replace(figure, clips=())))
    clips = [
        chain.file(f"clip-{clip.name}.glb", "clip", write_glb(replace(figure, mesh=None, clips=(clip,))))
        for clip in figure.clips
    ]
    return [mesh, *clips]


def test_every_promised_file_is_there(exported: dict[str, Any]) -> None:
    """Models, five textures, notes and preview, listed with role and size, with an honest maker on each."""
    outputs, files = exported["outputs"], exported["files"]
    assert sorted(files) == sorted(
        [
            "courier.glb",
            "courier.fbx",
            "engine_notes.json",
            "preview.png",
            "contact_sheet.png",
            "turntable.webp",
            "animation.webp",
            *(f"courier_{c}.png" for c in CHANNELS),
        ]
    )
    assert outputs["texture_set"] == {channel: f"courier_{channel}.png" for channel in CHANNELS}
    roles_by_name = {entry["name"]: entry["role"] for entry in outputs["files"]}
    assert roles_by_name["courier.glb"] == roles_by_name["courier.fbx"] == "model"
    assert roles_by_name["preview.png"] == "preview"
    assert all(entry["bytes"] == files[entry["name"]].stat().st_size for entry in outputs["files"])
    assert outputs["poly_count"] == 384
    for artifact in exported["recorded"].succeeded.artifacts:
        assert artifact.attributes["engine"]["name"] == "maquette-studio"
        assert "no generative model" in artifact.attributes["engine"]["method"]


def test_the_glb_is_valid_and_whole(
    exported: dict[str, Any], validator: Callable[..., Any], figure: Scene
) -> None:
    """The Khronos validator finds nothing, and skin, both clips and three textures are inside."""
    assert validator(exported["files"]["courier.glb"])[0]["messages"] == []
    scene = read_glb(exported["files"]["courier.glb"].read_bytes())
    assert [bone.name for bone in scene.bones] == ["root", "top"]
    assert [clip.name for clip in scene.clips] == ["sway", "hop"]
    assert np.abs(scene.mesh.weights.sum(axis=1) - 1).max() < 1e-6
    assert scene.material.normal is not None
    assert scene.extras["seed"] == figure.extras["seed"]
    assert scene.extras["exported_by"]["name"] == "maquette-studio"


def test_the_fbx_has_the_same_bones_and_clips(exported: dict[str, Any]) -> None:
    """GLB and FBX agree on skeleton, clips and embedded textures."""
    fbx = fbx_reader.read(exported["files"]["courier.fbx"].read_bytes())
    assert list(fbx_reader.bones(fbx)) == ["root", "top"]
    assert [fbx.title(key) for key in fbx.of("AnimationStack")] == ["sway", "hop"]
    videos = {fbx.title(key): node.value("Content") for key, node in fbx.of("Video").items()}
    assert videos["base_color"] == exported["files"]["courier_base_color.png"].read_bytes()


def test_textures_are_split_by_channel(exported: dict[str, Any], figure: Scene) -> None:
    """Occlusion, roughness and metallic are the red, green and blue of the packed map, each a grey image."""
    packed = np.asarray(figure.material.occlusion_roughness_metallic)
    for index, channel in enumerate(["ao", "roughness", "metallic"]):
        image = Image.open(exported["files"][f"courier_{channel}.png"])
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), packed[..., index])


def test_the_preview_is_a_picture(exported: dict[str, Any]) -> None:
    """512 pixels square, opaque, with something colourful in the middle of a calm backdrop."""
    image = Image.open(exported["files"]["preview.png"])
    assert (image.size, image.mode) == ((512, 512), "RGB")
    pixels = np.asarray(image, float)
    assert np.ptp(pixels[256, 200:312], axis=-1).max() > 40
    assert np.ptp(pixels[:20, :20], axis=-1).max() < 25


def test_engine_notes_tell_the_truth(exported: dict[str, Any]) -> None:
    """The notes in the outputs are the notes in the file, and name units, axes, files, clips and three engines."""
    notes = json.loads(exported["files"]["engine_notes.json"].read_text())
    assert notes == exported["outputs"]["engine_notes"]
    assert notes["engine"] == "unity"
    assert notes["recommended"] == notes["import_settings"]["unity"]
    assert set(notes["import_settings"]) == {"unity", "unreal", "godot"}
    assert (notes["up_axis"], notes["forward_axis"]) == ("+Y", "+Z")
    assert notes["size_meters"]["y"] == pytest.approx(2.0)
    assert notes["files"] == {"glb": "courier.glb", "fbx": "courier.fbx"}
    assert notes["naming"]["bones"] == ["root", "top"]
    assert [(clip["name"], clip["loop"]) for clip in notes["clips"]] == [("sway", True), ("hop", False)]
    assert notes["import_settings"]["unreal"]["looping_clips"] == ["sway"]
    assert {entry["file"] for entry in notes["textures"].values()} <= set(exported["files"])


def test_equal_inputs_give_equal_files(exported: dict[str, Any], figure: Scene, chain: Chain) -> None:
    """Exporting again, from files without any attribute, gives the same bytes."""
    again = chain.run("export", inputs_of(chain, figure), {"name": "courier", "engine": "unity"})
    assert len(again.files) == len(exported["files"])
    for name, path in again.files.items():
        assert path.read_bytes() == exported["files"][name].read_bytes(), name


def test_a_plain_foreign_mesh_is_exported(chain: Chain, validator: Callable[..., Any]) -> None:
    """A prop without skeleton and clips, made elsewhere, gets models, a full texture set and a preview."""
    mesh = chain.file("crate.glb", "mesh", textured_cube())
    recorded = chain.run("export", [mesh], {"turntable": False})
    assert validator(recorded.files["asset.glb"])[0]["messages"] == []
    assert fbx_reader.bones(fbx_reader.read(recorded.files["asset.fbx"].read_bytes())) == {}
    assert np.asarray(Image.open(recorded.files["asset_metallic.png"])).max() == 0
    assert "clips" not in recorded.outputs["engine_notes"]["naming"]


def test_clips_find_their_bones_by_name(chain: Chain, figure: Scene) -> None:
    """A clip file whose bones come in another order and lack some moves the right bones; the rest is keyed at rest."""
    top = replace(figure.bones[1], parent=-1)
    sway = figure.clips[0]
    part = replace(sway, translations={0: sway.translations[1]}, rotations={0: sway.rotations[1]})
    clip = chain.file("c.glb", "clip", write_glb(Scene("c", None, bones=(top,), clips=(part,))))
    mesh = chain.file("m.glb", "mesh", write_glb(replace(figure, clips=())))
    scene = read_glb(
        chain.run("export", [mesh, clip], {"formats": ["glb"], "turntable": False})
        .files["asset.glb"]
        .read_bytes()
    )
    assert np.abs(scene.clips[0].rotations[1] - sway.rotations[1]).max() < 1e-6
    assert np.abs(scene.clips[0].translations[0] - figure.bones[0].translation).max() < 1e-6


def test_clips_inside_the_mesh_file_are_kept(chain: Chain) -> None:
    """A foreign model that brings its own animation keeps it."""
    mesh = chain.file("man.glb", "mesh", rigged_figure())
    recorded = chain.run("export", [mesh], {"formats": ["fbx"], "name": "man", "turntable": False})
    fbx = fbx_reader.read(recorded.files["man.fbx"].read_bytes())
    assert fbx_reader.bones(fbx) == {"Pelvis": "Armature", "Chest": "Pelvis"}
    assert [fbx.title(key) for key in fbx.of("AnimationStack")] == ["Wave"]


def png(size: tuple[int, int], color: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(stream, "PNG")
    return stream.getvalue()


def test_images_alone_make_a_2d_export(chain: Chain) -> None:
    """Every picture in every asked format, losslessly, with a square preview and notes."""
    first = chain.file("refined-1.png", "image", png((60, 30), (200, 10, 10, 128)), step="refine")
    second = chain.file("refined-2.png", "image", png((20, 20), (10, 200, 10)), step="refine")
    recorded = chain.run(
        "export", [first, second], {"formats": ["png", "webp"], "name": "icon"}, asset_type="2D"
    )
    names = [
        "icon.png",
        "icon.webp",
        "icon-2.png",
        "icon-2.webp",
        "preview.png",
        "engine_notes.json",
        "contact_sheet.png",
    ]
    assert sorted(recorded.files) == sorted(names)
    webp = Image.open(recorded.files["icon.webp"])
    assert np.array_equal(np.asarray(webp), np.asarray(Image.open(first.path)))
    preview = Image.open(recorded.files["preview.png"])
    assert preview.size == (512, 512)
    assert preview.getpixel((256, 20))[3] == 0
    assert recorded.outputs["engine_notes"]["images"][0]["transparent"] is True


def test_a_jpeg_shows_white_where_nothing_is(chain: Chain) -> None:
    """The format knows no transparency, and the notes say so."""
    clear = chain.file("refined-1.png", "image", png((60, 30), (200, 10, 10, 0)), step="refine")
    seen = Image.open(clear.path)
    seen.paste((10, 200, 10, 255), (0, 0, 30, 30))
    seen.save(clear.path)
    recorded = chain.run("export", [clear], {"formats": ["jpeg", "png"], "name": "icon"}, asset_type="2D")
    with Image.open(recorded.files["icon.jpeg"]) as picture:
        assert (picture.format, picture.size, picture.mode) == ("JPEG", (60, 30), "RGB")
        assert min(picture.getpixel((50, 15))) > 250
        assert np.abs(np.subtract(picture.getpixel((10, 15)), (10, 200, 10))).max() < 8
    notes = recorded.outputs["engine_notes"]["images"]
    assert {item["file"]: item["transparent"] for item in notes} == {"icon.jpeg": False, "icon.png": True}


def test_names_are_made_safe(chain: Chain) -> None:
    """What a person calls the asset never leaves the folder and never collides with the fixed names."""
    image = chain.file("a.png", "image", png((8, 8), (1, 2, 3)), step="refine")
    for name, stem in (
        ("../../etc/passwd", "etc_passwd"),
        ("Ünï çödé", "Uni_code"),
        ("騎士", "asset"),
        ("", "asset"),
        ("preview", "preview_asset"),
        ("x" * 500, "x" * 80),
    ):
        recorded = chain.run("export", [image], {"name": name}, asset_type="2D")
        assert f"{stem}.png" in recorded.files, name


REFUSED = {
    "nothing": ([], {}, "3D", "mesh_missing"),
    "nothing for 2D": ([], {}, "2D", "input_missing"),
    "an image for a 3D asset": ([("a.png", "image", png((8, 8), (1, 2, 3)))], {}, "3D", "mesh_missing"),
    "broken mesh": ([("a.glb", "mesh", b"glTF")], {}, "3D", "mesh_malformed"),
    "a clip as mesh": ([("a.glb", "mesh", "clip")], {}, "3D", "mesh_has_no_faces"),
    "a mesh as clip": (
        [("a.glb", "mesh", textured_cube()), ("c.glb", "clip", textured_cube())],
        {},
        "3D",
        "clip_empty",
    ),
    "another skeleton's clip": (
        [("a.glb", "mesh", rigged_figure()), ("c.glb", "clip", "clip")],
        {},
        "3D",
        "clip_skeleton_mismatch",
    ),
    "a clip without a skeleton": (
        [("a.glb", "mesh", textured_cube()), ("c.glb", "clip", "clip")],
        {},
        "3D",
        "clip_skeleton_mismatch",
    ),
    "3DS": ([("a.glb", "mesh", textured_cube())], {"formats": ["glb", "3ds"]}, "3D", "format_unsupported"),
    "formats no list": ([("a.glb", "mesh", textured_cube())], {"formats": "glb"}, "3D", "format_unsupported"),
    "GLB of an image": (
        [("a.png", "image", png((8, 8), (1, 2, 3)))],
        {"formats": ["glb"]},
        "2D",
        "format_unsupported",
    ),
    "unknown engine": ([("a.glb", "mesh", textured_cube())], {"engine": "quake"}, "3D", "engine_unknown"),
    "broken image": ([("a.png", "image", b"\x89PNG\r\n\x1a\n")], {}, "2D", "image_undecodable"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_fails_with_a_code(case: str, chain: Chain, figure: Scene) -> None:
    """Each is a permanent failure with a stable code, never an exception, and leaves no artifact."""
    given, params, asset_type, code = REFUSED[case]
    clip = write_glb(replace(figure, mesh=None))
    inputs = [chain.file(name, kind, clip if data == "clip" else data) for name, kind, data in given]
    failed = chain.run("export", inputs, params, asset_type=asset_type).failed
    assert (failed.code, failed.error_class) == (code, "invalid")


def test_roles_start_without_heavy_libraries() -> None:
    """A worker knows its handlers without loading numpy, and a child process can import each by name."""
    steps = [*roles.GENERATION, *roles.PROCESSING]
    assert steps == ["text_to_image", "refine", "image_to_3d", "retopo", "rig", "anim", "export"]
    code = (
        "import sys; from maquette.studio import roles; print('numpy' in sys.modules or 'PIL' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
    for handler in (*roles.GENERATION.values(), *roles.PROCESSING.values()):
        assert pickle.loads(pickle.dumps(handler)) is handler


def test_notes_set_the_projects_axes_beside_those_of_the_files() -> None:
    """What differs has to be converted by whoever imports; what nobody asked about is not told."""
    assert conventions_note({"units": "meters", "up_axis": "z"}) == {
        "conventions": {
            "units": {"project": "meters", "files": "meters", "convert": False},
            "up_axis": {"project": "z", "files": "y", "convert": True},
        }
    }
