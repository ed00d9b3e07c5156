"""image_to_3d: any picture becomes a closed, textured, upright body that looks like it from the front. About 12 s."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import Run, as_input, hue_share, runner, snowman
from PIL import Image, ImageDraw

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.image_to_3d import image_to_3d
from maquette.studio.painter.picture import paint
from maquette.studio.painter.vocabulary import read
from maquette.studio.rigging.template import choose_template
from maquette.studio.scene import Mesh, Scene
from maquette.worker.testing import Recorded


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return runner(image_to_3d, "image_to_3d", tmp_path)


def scene_of(recorded: Recorded) -> Scene:
    return read_glb(recorded.files["mesh.glb"].read_bytes())


def mesh_of(recorded: Recorded) -> Mesh:
    mesh = scene_of(recorded).mesh
    assert mesh is not None
    return mesh


def welded(mesh: Mesh) -> tuple[Any, Any]:
    """Vertices merged by position, as texture seams split them, and the triangles between them."""
    points, index = np.unique(mesh.positions.round(6), axis=0, return_inverse=True)
    return points, index.reshape(-1)[mesh.triangles]


def size(mesh: Mesh) -> Any:
    return np.ptp(mesh.positions, axis=0)


def drawing(noun: str, pixels: int = 256) -> Image.Image:
    return paint(read(noun), seed=2, size=pixels)


@pytest.mark.parametrize(
    "noun", ["a robot courier", "a barrel", "a crate", "a shield", "a cloud", "an unheard-of blorp"]
)
def test_the_mesh_is_closed_and_faces_outwards(run: Run, tmp_path: Path, noun: str) -> None:
    """Every edge has exactly two triangles that run through it in opposite directions; the volume is positive."""
    mesh = mesh_of(run(as_input(tmp_path, drawing(noun)), resolution=72))
    points, triangles = welded(mesh)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    directed = set(map(tuple, edges.tolist()))
    assert len(directed) == len(edges)
    assert all((b, a) in directed for a, b in directed)
    a, b, c = (points[triangles[:, k]] for k in range(3))
    assert (a * np.cross(b, c)).sum() > 0


def test_outputs_describe_the_file(run: Run, tmp_path: Path, validated: Callable[[bytes], list[str]]) -> None:
    """Counts and bounds are the mesh's own, it is textured, stands on the floor, and the Khronos validator is content."""
    recorded = run(as_input(tmp_path, drawing("a teddy")), resolution=72)
    mesh, out = mesh_of(recorded), recorded.outputs
    assert out["poly_count"] == len(mesh.triangles)
    assert out["textured"] is True
    assert out["vertex_count"] <= len(mesh.positions)
    assert np.allclose(out["bounds"]["min"], mesh.positions.min(0), atol=1e-4)
    assert np.allclose(out["bounds"]["max"], mesh.positions.max(0), atol=1e-4)
    assert abs(mesh.positions[:, 1].min()) < 1e-6
    assert size(mesh)[:2].max() == pytest.approx(1.0, abs=1e-4)
    assert validated(recorded.files["mesh.glb"].read_bytes()) == []
    assert "no neural network" in recorded.succeeded.artifacts[0].attributes["engine"]["method"]


def test_from_the_front_it_is_the_picture(run: Run, tmp_path: Path) -> None:
    """The mesh covers the picture's silhouette, and each front vertex has the picture's colour at its place."""
    image = drawing("a robot courier", 320)
    scene = scene_of(run(as_input(tmp_path, image), resolution=128))
    assert scene.mesh is not None
    assert scene.material.base_color is not None
    solid = np.asarray(image.getchannel("A")) > 127
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    pixel = (rows[-1] + 1 - rows[0]) / size(scene.mesh)[1]
    p = scene.mesh.positions
    x = ((columns[0] + columns[-1] + 1) / 2 + p[:, 0] * pixel).astype(int).clip(0, 319)
    y = (rows[-1] + 1 - p[:, 1] * pixel).astype(int).clip(0, 319)
    assert solid[y, x].mean() > 0.92
    assert scene.mesh.uv is not None
    atlas = np.asarray(scene.material.base_color.convert("RGB"), np.float64)
    at = (scene.mesh.uv * (atlas.shape[1], atlas.shape[0])).astype(int)
    seen = atlas[at[:, 1].clip(0, atlas.shape[0] - 1), at[:, 0].clip(0, atlas.shape[1] - 1)]
    front = (scene.mesh.normals[:, 2] > 0.8) & (scene.mesh.uv[:, 0] < 0.5) & solid[y, x]
    wanted = np.asarray(image.convert("RGB"), np.float64)[y, x]
    assert np.median(np.abs(seen - wanted)[front].max(1)) < 25


def test_the_back_has_no_face(run: Run, tmp_path: Path) -> None:
    """A robot's glowing eyes and core are on the front half of its atlas and not on the back half."""
    image = paint(read("a green robot with magenta eyes"), seed=2, size=320)
    atlas = scene_of(run(as_input(tmp_path, image), resolution=96)).material.base_color
    assert atlas is not None
    half = atlas.width // 2
    front, back = atlas.crop((0, 0, half, atlas.height)), atlas.crop((half, 0, atlas.width, atlas.height))
    assert hue_share(front, 0.89) > 0.01
    assert hue_share(back, 0.89) < 0.1 * hue_share(front, 0.89)


def test_texture_coordinates_stay_inside_and_do_not_overlap(run: Run, tmp_path: Path) -> None:
    """Coordinates are within 0..1; triangles of front and back keep one orientation each in the atlas."""
    mesh = mesh_of(run(as_input(tmp_path, drawing("a knight")), resolution=96))
    assert mesh.uv is not None
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1
    a, b, c = (mesh.uv[mesh.triangles[:, k]] for k in range(3))
    turn = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    left = np.maximum(np.maximum(a[:, 0], b[:, 0]), c[:, 0]) < 0.5
    for side in (left, ~left):
        area = np.abs(turn[side]).sum()
        assert abs(turn[side].sum()) > 0.97 * area


@pytest.mark.parametrize(
    ("noun", "profile", "depth"),
    [("a barrel", "lathe", (0.85, 1.1)), ("a crate", "slab", (0.6, 0.85)), ("a shield", "plate", (0.05, 0.3)), ("a robot", "round", (0.15, 0.6)), ("a house", "slab", (0.5, 1.0))],
)  # fmt: skip
def test_the_picture_itself_decides_the_profile(
    run: Run, tmp_path: Path, noun: str, profile: str, depth: tuple[float, float]
) -> None:
    """A barrel is as deep as wide, a crate a cube between its handles, a shield flat; no word reaches this step."""
    recorded = run(as_input(tmp_path, drawing(noun)), resolution=96)
    assert recorded.succeeded.artifacts[0].attributes["profile"] == profile
    width, _, deep = size(mesh_of(recorded))
    assert depth[0] < deep / width < depth[1]


def test_an_animal_from_the_side_looks_along_z(run: Run, tmp_path: Path) -> None:
    """A dragon and its mirror image become bodies longer than wide, with the nose at +Z, told from the mesh alone."""
    for image in (drawing("a dragon"), drawing("a dragon").transpose(Image.Transpose.FLIP_LEFT_RIGHT)):
        recorded = run(as_input(tmp_path, image), resolution=96)
        mesh = mesh_of(recorded)
        assert recorded.succeeded.artifacts[0].attributes["profile"] == "quadruped"
        width, _, length = size(mesh)
        assert length > 1.5 * width
        template = choose_template(*welded(mesh))
        assert (template.kind, template.turn) == ("quadruped", 0)
        assert template.quadruped is not None
        assert template.quadruped.nose[2] > 0.35
        assert template.quadruped.tail is not None


def test_depth_scales_the_thickness(run: Run, tmp_path: Path) -> None:
    """Twice the depth is about twice as thick, from the front it is the same."""
    thin, thick = (
        mesh_of(run(as_input(tmp_path, drawing("a teddy")), resolution=72, depth=d)) for d in (0.5, 1.0)
    )
    assert size(thick)[2] / size(thin)[2] == pytest.approx(2.0, rel=0.15)
    assert np.allclose(size(thick)[:2], size(thin)[:2], atol=0.03)


def _disc(background: Any, mode: str) -> Image.Image:
    image = Image.new(mode, (200, 200), background)
    ImageDraw.Draw(image).ellipse([30, 50, 150, 170], fill=(200, 60, 40))
    return image


@pytest.mark.parametrize(
    "image",
    [_disc((0, 0, 0, 0), "RGBA"), _disc("white", "RGB"), _disc((20, 60, 90), "RGB"), _disc("white", "RGB").convert("P"), _disc("white", "RGB").convert("L")],
    ids=["alpha", "white", "colour", "palette", "grey"],
)  # fmt: skip
def test_a_foreign_disc_becomes_a_rounded_body(run: Run, tmp_path: Path, image: Image.Image) -> None:
    """With or without alpha the disc is found: as high as wide, thick in the middle, round at the rim."""
    mesh = mesh_of(run(as_input(tmp_path, image), resolution=64))
    width, height, _ = size(mesh)
    assert width == pytest.approx(height, rel=0.05)
    radius = np.hypot(mesh.positions[:, 0], mesh.positions[:, 1] - height / 2)
    assert np.allclose(radius.max(), 0.5, atol=0.03)


def test_a_foreign_drawing_keeps_its_parts_and_colours(run: Run, tmp_path: Path) -> None:
    """The snowman on white: arms reach out as far as drawn, its blue is on the atlas, the white paper is not."""
    scene = scene_of(run(as_input(tmp_path, snowman()), resolution=96))
    assert scene.mesh is not None
    assert scene.material.base_color is not None
    width, height, _ = size(scene.mesh)
    assert width / height == pytest.approx(168 / 219, rel=0.06)
    colours = np.asarray(scene.material.base_color.convert("RGB"), np.int64).reshape(-1, 3)
    assert (np.abs(colours - (150, 190, 235)).max(1) < 12).mean() > 0.3
    assert (colours.min(1) > 245).mean() < 0.02


def test_a_picture_without_a_background_becomes_a_panel(run: Run, tmp_path: Path) -> None:
    """A photograph fills its frame: the result is a flat board of its proportions."""
    y, x = np.mgrid[0:90, 0:150]
    scene = np.stack(
        [128 + 100 * np.sin(x / 5), 128 + 100 * np.cos(y / 7), 128 + 90 * np.sin((x + y) / 6)], -1
    )
    recorded = run(as_input(tmp_path, Image.fromarray(scene.astype(np.uint8)), "photo.jpg"), resolution=64)
    width, height, _ = size(mesh_of(recorded))
    assert width / height == pytest.approx(150 / 90, rel=0.05)
    assert recorded.succeeded.artifacts[0].attributes["profile"] == "slab"


def test_thin_parts_survive(run: Run, tmp_path: Path) -> None:
    """A stick one hundredth as thick as the picture is still there in the mesh."""
    image = Image.new("RGBA", (400, 400))
    draw = ImageDraw.Draw(image)
    draw.ellipse([100, 200, 300, 400], fill=(90, 140, 60, 255))
    draw.line([(200, 210), (200, 10)], fill=(120, 80, 40, 255), width=5)
    mesh = mesh_of(run(as_input(tmp_path, image), resolution=128))
    width, height, _ = size(mesh)
    assert height / width == pytest.approx(390 / 200, rel=0.04)


def test_equal_input_gives_equal_bytes(run: Run, tmp_path: Path) -> None:
    """Twice the same file."""
    picture = drawing("a dragon", 160)
    first, second = (
        run(as_input(tmp_path, picture), resolution=64).files["mesh.glb"].read_bytes() for _ in range(2)
    )
    assert first == second


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


_DOT = Image.new("RGBA", (64, 64))
_DOT.putpixel((30, 30), (255, 0, 0, 255))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "image_missing"),
        (b"\x89PNG\r\n\x1a\n", "image_undecodable"),
        (_png(Image.new("RGBA", (64, 64))), "image_blank"),
        (_png(Image.new("RGB", (64, 64), "white")), "image_blank"),
        (_png(_DOT), "image_blank"),
        (_png(Image.new("RGB", (2, 2))), "image_too_small"),
    ],
)
def test_unusable_images_fail_with_a_code(run: Run, tmp_path: Path, data: bytes | None, code: str) -> None:
    """No image, a broken, transparent, one-coloured, one-pixel or tiny one is refused as invalid."""
    failed = run(*([] if data is None else [as_input(tmp_path, data)])).failed
    assert (failed.code, failed.error_class) == (code, "invalid")


@pytest.mark.parametrize("params", [{"resolution": 9}, {"resolution": 4000}, {"depth": 0}, {"depth": "deep"}])
def test_bad_parameters_fail(run: Run, tmp_path: Path, params: dict[str, Any]) -> None:
    """Numbers outside their bounds, or no numbers, are refused."""
    assert run(as_input(tmp_path, snowman()), **params).failed.code == "parameter_invalid"
