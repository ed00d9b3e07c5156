"""Preview rendering: what is drawn, where, how it is lit, and that equal scenes give equal pictures."""

from dataclasses import replace

import numpy as np
import pytest
from foreign_glb import CUBE, CUBE_FACES, CUBE_NORMALS, CUBE_UV
from PIL import Image

from maquette.studio.pose import posed
from maquette.studio.render import framing, render
from maquette.studio.scene import Material, Mesh, Scene
from maquette.studio.shading import tone_mapped

SIZE = 96


def cube(**material: object) -> Scene:
    mesh = Mesh(CUBE, CUBE_FACES.astype(np.int64), CUBE_NORMALS, CUBE_UV)
    return Scene("cube", mesh, Material(**{"metallic_factor": 0.0, "roughness_factor": 0.8, **material}))


def pixels(scene: Scene, **options: object) -> np.ndarray:
    return np.asarray(render(scene, size=SIZE, backdrop=False, **options), dtype=float)


def test_the_model_fills_the_picture_and_stays_inside(figure: Scene) -> None:
    """From any side the silhouette spans about four fifths of the picture and touches no edge."""
    for azimuth in (0.0, 0.55, 2.0, 4.0):
        opaque = pixels(figure, camera=framing(figure, azimuth))[..., 3] > 250
        rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
        span = max(np.ptp(rows), np.ptp(columns)) / SIZE
        assert 0.74 < span < 0.84
        assert rows[0] > 0
        assert columns[0] > 0
        assert max(rows[-1], columns[-1]) < SIZE - 1


def test_the_camera_turns_the_way_it_says() -> None:
    """From the front one sees the +Z face, a quarter turn to the right the +X face, from above the top."""
    faces = {(0.0, 0.0): 0, (np.pi / 2, 0.0): 2, (np.pi, 0.0): 1, (-np.pi / 2, 0.0): 3, (0.0, 1.5): 4}
    for angles, face in faces.items():
        strip = Image.new("RGB", (6, 1), (40, 40, 40))
        strip.putpixel((face, 0), (230, 60, 60))
        scene = cube(base_color=strip.resize((48, 8), Image.Resampling.NEAREST))
        uv = np.repeat((np.arange(6) + 0.5) / 6, 4)[:, None] * (1, 0) + (0, 0.5)
        scene = replace(scene, mesh=replace(scene.mesh, uv=uv))
        middle = pixels(scene, camera=framing(scene, *angles))[SIZE // 2, SIZE // 2]
        assert middle[0] > middle[1] + 60, angles


def test_texture_rows_run_downwards() -> None:
    """The image's top rows are seen at the top of the face: v points down."""
    image = Image.new("RGB", (32, 32), (30, 30, 200))
    image.paste((220, 200, 30), (0, 0, 32, 16))
    scene = cube(base_color=image)
    picture = pixels(scene, camera=framing(scene, 0.0, 0.0))
    assert picture[SIZE // 3, SIZE // 2, 0] > picture[SIZE // 3, SIZE // 2, 2]
    assert picture[2 * SIZE // 3, SIZE // 2, 2] > picture[2 * SIZE // 3, SIZE // 2, 0]


def test_edges_are_smooth_and_colors_true() -> None:
    """A mid-grey cube has partly covered rim pixels, and its lit face comes out near its own colour."""
    scene = cube(base_color=Image.new("RGB", (8, 8), (128, 128, 128)))
    picture = pixels(scene, camera=framing(scene, 0.6, 0.5))
    assert len(np.unique(picture[..., 3])) > 3
    inside = picture[picture[..., 3] == 255][:, :3]
    assert 90 < np.median(inside) < 170
    assert np.abs(np.diff(inside.mean(axis=0))).max() < 16  # warm key and cool fill, no colour cast


def test_the_key_light_casts_shadows() -> None:
    """The top of a box under a second, floating box is darker than without it; the floor is darkened too."""
    low = cube()
    above = np.concatenate([CUBE, CUBE * 0.8 + (0, 1.4, 0)])
    mesh = Mesh(
        above,
        np.concatenate([CUBE_FACES, CUBE_FACES + 24]).astype(np.int64),
        np.tile(CUBE_NORMALS, (2, 1)),
        np.tile(CUBE_UV, (2, 1)),
    )
    both = replace(low, mesh=mesh)
    camera = framing(both, 0.3, 0.3)
    alone, shaded = pixels(low, camera=camera), pixels(both, camera=camera)
    top = np.array([0.2, 1.0, 0.05])  # on the lower box, seen below the upper one and out of the key light
    screen, _ = camera.seen(top[None])
    x, y = ((screen[0] + 1) * SIZE / 2).astype(int)
    assert shaded[y, x, :3].sum() < alone[y, x, :3].sum() * 0.93
    floor = alone[(alone[..., 3] > 0) & (alone[..., 3] < 200)]
    assert len(floor) > 50
    assert floor[:, :3].max(axis=1).min() < 60


def test_normal_and_roughness_maps_change_the_light() -> None:
    """A normal map that leans to the key light brightens a face; a metal mirrors instead of scattering."""
    grey = {"base_color_factor": (0.25, 0.25, 0.25, 1.0)}
    flat = cube(**grey, normal=Image.new("RGB", (8, 8), (128, 128, 255)))
    leaning = cube(**grey, normal=Image.new("RGB", (8, 8), (60, 190, 190)))
    camera = framing(flat, 0.0, 0.0)
    middle = (slice(40, 56), slice(40, 56))
    assert pixels(leaning, camera=camera)[middle].mean() > pixels(flat, camera=camera)[middle].mean() + 4
    metal = cube(**grey, metallic_factor=1.0, roughness_factor=0.2)
    assert np.abs(pixels(metal, camera=camera)[middle] - pixels(flat, camera=camera)[middle]).mean() > 4


def test_posing_moves_the_picture(figure: Scene) -> None:
    """A frame of a clip is drawn with the camera of the rest pose and looks different."""
    camera = framing(figure)
    moved = pixels(posed(figure, figure.clips[0], 3), camera=camera)[..., 3] > 128
    still = pixels(figure, camera=camera)[..., 3] > 128
    assert 0.02 < (moved ^ still).sum() / still.sum() < 1.0


def test_holes_show_the_backdrop() -> None:
    """Texels with zero alpha are not drawn."""
    scene = cube(base_color=Image.new("RGBA", (8, 8), (255, 0, 0, 0)))
    picture = pixels(scene)
    assert picture[picture[..., 3] > 250].size == 0


def test_equal_scenes_give_equal_pictures(figure: Scene) -> None:
    """Rendering again gives the same bytes."""
    assert render(figure, size=SIZE).tobytes() == render(replace(figure), size=SIZE).tobytes()


@pytest.mark.parametrize("value", [0.02, 0.2, 0.5, 0.75])
def test_the_tone_curve_keeps_base_colors(value: float) -> None:
    """Under white light of strength one a matt colour stays what it was; only highlights are compressed."""
    color = np.array([[value + 0.04, value + 0.04, value + 0.04]], np.float32)
    assert np.abs(tone_mapped(color) - np.clip(value, 0, 1)).max() < 0.02
    bright = tone_mapped(np.array([[4.0, 2.0, 1.0]], np.float32))[0]
    assert 1.0 >= bright[0] > bright[1] > bright[2]
