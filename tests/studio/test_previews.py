"""Moving previews and contact sheets: what they show, that they end where they began, and that they never fail an export."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from foreign_glb import textured_cube
from PIL import Image, ImageSequence
from step_chain import Chain

from maquette.studio.delivery.moving import SIZE, TURNTABLE_FRAMES, played, showpiece, spread, turntable
from maquette.studio.delivery.page import paper, write
from maquette.studio.delivery.sheet import WIDTH
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.picturing.camera import framed, orbit
from maquette.studio.picturing.overlays import LEFT, RIGHT, skeleton, wire
from maquette.studio.picturing.surface import CLAY, surface
from maquette.studio.quads import cut
from maquette.studio.scene import Bone, Mesh, Scene

CONCEPT, REFINED = (20, 160, 60), (180, 40, 200)


def frames_of(data: bytes) -> tuple[list[np.ndarray], list[int]]:
    """Frames as arrays, and how long each stays (ms)."""
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "WEBP"
        assert image.info["loop"] == 0
        frames = [
            (np.asarray(frame.convert("RGB"), float), frame.info["duration"])
            for frame in ImageSequence.Iterator(image)
        ]
    return [frame for frame, _ in frames], [wait for _, wait in frames]


def test_a_turntable_goes_once_around(figure: Scene) -> None:
    """24 frames in two seconds, each unlike the one before; the last leads back to the first; under a megabyte."""
    told: list[float] = []
    data = turntable(surface(figure.mesh, figure.material), told.append)
    frames, waits = frames_of(data)
    assert (len(frames), frames[0].shape) == (TURNTABLE_FRAMES, (SIZE, SIZE, 3))
    assert 1500 <= sum(waits) <= 2500
    assert len(data) < 1_000_000
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert min(steps) > 0.05
    assert max(steps) < 4 * np.median(steps)
    assert told == sorted(told)


def test_a_clip_is_played_at_its_own_speed(figure: Scene) -> None:
    """The frames together last as long as the clip, and show different poses."""
    clip = figure.clips[0]
    frames, waits = frames_of(played(surface(figure.mesh, figure.material), figure, clip, lambda _: None))
    assert sum(waits) == pytest.approx(clip.duration * 1000, abs=len(waits))
    assert max(np.abs(frame - frames[0]).mean() for frame in frames) > 0.5


def test_a_loop_does_not_show_its_seam_twice() -> None:
    """The last frame of a loop is its first again and left out; a clip that ends keeps what fits; one frame is one."""
    assert spread(13, 6, loop=True) == [0, 2, 4, 6, 8, 10]
    assert spread(4, 9, loop=False) == [0, 1, 2, 3]
    assert spread(1, 9, loop=True) == [0]


def test_the_clip_that_travels_is_shown(figure: Scene) -> None:
    """Walk before idle, whatever else there is before nothing."""
    clips = [replace(figure.clips[0], name=name) for name in ("idle", "Walk", "wave")]
    assert showpiece(clips).name == "Walk"
    assert showpiece(clips[2:]).name == "wave"
    assert showpiece([]) is None


def test_a_model_turns_in_place() -> None:
    """From every side a lopsided model stays inside the picture, and its axis in the middle."""
    points = np.random.default_rng(1).random((50, 3)) * (2.0, 0.3, 0.7) + (5, 1, -3)
    axis = (points.min(axis=0) + points.max(axis=0)) / 2
    for camera in orbit(points, 12):
        screen, _ = camera.seen(points)
        assert np.abs(screen).max() < 0.9
        assert abs(camera.seen(axis[None])[0][0, 0]) < 1e-9


def test_the_cut_of_a_quad_is_no_wire() -> None:
    """Over a square seen from the front, the rim is drawn, and the diagonal only where the mesh is of triangles."""
    positions = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    mesh = Mesh(positions, cut(np.array([[0, 1, 2, 3]])), np.tile([0.0, 0, 1], (4, 1)))
    camera = framed(positions, 0.0, 0.0)
    inked = {}
    for topology in ("quad", "triangle"):
        drawn = surface(replace(mesh, topology=topology), CLAY)
        alpha = np.asarray(wire(drawn, camera, 100))[..., 3]
        inked[topology] = int(alpha[30:70, 30:70].max())
        assert alpha[:, 45:55].max() > 90  # half of the line lies beyond the rim
    assert inked["quad"] == 0
    assert inked["triangle"] > 150


def test_bones_have_the_colours_of_their_side() -> None:
    """Seen from the front, the model's left is on the right and blue, its right on the left and red."""
    bones = (
        Bone("root", -1, (0.0, 0.0, 0.0), tail=(0.0, 1.0, 0.0)),
        Bone("left", 0, (0.5, 1.0, 0.0), tail=(1.0, 1.0, 0.0)),
        Bone("right", 0, (-0.5, 1.0, 0.0), tail=(-1.0, 1.0, 0.0)),
    )
    camera = framed(np.array([[-1.0, 0, 0], [1, 0, 0], [0, 1.5, 0]]), 0.0, 0.0)
    picture = np.asarray(skeleton(bones, camera, 300), float)
    for half, color in ((picture[:, 160:], LEFT), (picture[:, :140], RIGHT)):
        solid = half[half[..., 3] > 200][:, :3]
        assert len(solid)
        assert np.abs(solid - color).sum(axis=1).min() < 30


def test_text_of_any_script_can_be_set() -> None:
    """What the typeface lacks is left out; nothing fails and what can be written is written."""
    assert write(paper(200, 40), (5, 30), "骨 Übung ☃", 20) > write(paper(200, 40), (5, 30), "x", 20)
    assert write(paper(200, 40), (5, 30), "", 20) == 0


def picture(color: tuple[int, int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), color).save(stream, "PNG")
    return stream.getvalue()


def sheet_of(chain: Chain, figure: Scene, concept: bytes, sculpt: bytes, **params: Any) -> np.ndarray:
    """The contact sheet of an export that sees every step."""
    inputs = [
        chain.file("rigged.glb", "mesh", write_glb(figure), step="rig"),
        chain.file("concept-1.png", "image", concept, step="text_to_image"),
        chain.file("refined-1.png", "image", picture(REFINED), step="refine"),
        chain.file("mesh.glb", "mesh", sculpt, step="image_to_3d"),
    ]
    given = {"formats": ["glb"], "turntable": False, **params}
    recorded = chain.run("export", inputs, given, asset_type="3D")
    assert "turntable.webp" not in recorded.files
    return np.asarray(Image.open(recorded.files["contact_sheet.png"]), int)


def holds(sheet: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((np.abs(sheet - color).sum(axis=2) < 6).sum() > 10_000)


def test_a_contact_sheet_tells_the_whole_story(chain: Chain, figure: Scene) -> None:
    """Concept and refined picture are on it, and it is as wide as it says, with a strip for the clips."""
    sheet = sheet_of(chain, figure, picture(CONCEPT), textured_cube())
    assert sheet.shape[1] == WIDTH
    assert holds(sheet, CONCEPT)
    assert holds(sheet, REFINED)
    still = sheet_of(chain, replace(figure, clips=()), picture(CONCEPT), textured_cube())
    assert still.shape[0] < sheet.shape[0]


def test_what_cannot_be_shown_is_left_off(chain: Chain, figure: Scene) -> None:
    """A broken concept and a broken sculpt cost their cards, never the export."""
    sheet = sheet_of(chain, figure, b"\x89PNG no", b"glTF no")
    assert not holds(sheet, CONCEPT)
    assert holds(sheet, REFINED)
