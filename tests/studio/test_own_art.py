"""A person's own concept art becomes a rigged body that is sane from all sides. Fifteen drawings, 45 s of one core."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import igl
import numpy as np
import own_art
import pytest
from numpy.typing import NDArray
from own_art import Art, Mask
from PIL import Image
from scipy.spatial import cKDTree
from step_chain import Chain

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.pose import world_matrices
from maquette.studio.raster import rasterize
from maquette.studio.rigging.template import choose_template
from maquette.studio.scene import Mesh, Scene
from maquette.studio.surface.decimate import weld
from maquette.worker.testing import Recorded

GALLERY = {art.name: art for art in own_art.gallery()}
EVERY = pytest.mark.parametrize("name", GALLERY)
PEOPLE = pytest.mark.parametrize("name", ["flat vector", "pixel art", "jpeg", "soft alpha", "off centre"])


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one drawing."""

    art: Art
    lifted: Recorded
    rigged: Recorded

    @property
    def body(self) -> Mesh:
        return mesh_of(self.lifted, "mesh.glb")


def scene_of(recorded: Recorded, name: str) -> Scene:
    return read_glb(recorded.files[name].read_bytes())


def mesh_of(recorded: Recorded, name: str) -> Mesh:
    mesh = scene_of(recorded, name).mesh
    assert mesh is not None
    return mesh


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """A drawing taken through image_to_3d, retopo and rig, once for all tests."""
    chain = Chain(tmp_path_factory.mktemp("own"))
    done: dict[str, Made] = {}

    def make(name: str) -> Made:
        if name not in done:
            art = GALLERY[name]
            lifted = chain.run("image_to_3d", [chain.file("own.png", "image", art.data)], {"resolution": 96})
            light = chain.run(
                "retopo",
                chain.outputs("image_to_3d", lifted, attributes=False),
                {"target_polycount": 1200, "texture_size": 256},
            )
            rigged = chain.run("rig", chain.outputs("retopo", light, attributes=False)[:1])
            done[name] = Made(art, lifted, rigged)
        return done[name]

    return make


def silhouette(mesh: Mesh, axis: int, rows: int = 160) -> Mask:
    """Seen along an axis without perspective, cut to its bounds, ``rows`` high; x and z run to the right."""
    across = {0: 2, 2: 0}[axis]
    flat = mesh.positions[:, [across, 1]]
    low, high = flat.min(0), flat.max(0)
    scale = rows / float(high[1] - low[1])
    size = (rows, max(2, round(float(high[0] - low[0]) * scale)))
    points = np.stack([(flat[:, 0] - low[0]) * scale, (high[1] - flat[:, 1]) * scale], axis=1)
    mask = np.zeros(size, np.bool_)
    pixels, _, _ = rasterize(points, mesh.triangles, size)
    mask.flat[pixels] = True
    return mask


def cut(mask: Mask, size: tuple[int, int]) -> Mask:
    """The drawn silhouette cut to its bounds, at (height, width)."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(Image.fromarray(box).resize((size[1], size[0]), Image.Resampling.NEAREST))


@EVERY
def test_it_has_the_silhouette_that_was_drawn(made: Callable[[str], Made], name: str) -> None:
    """From the side it was drawn from, the body covers the drawing: intersection over union of 0.9 and more."""
    body, art = made(name).body, GALLERY[name]
    if art.rig_type == "quadruped":
        seen = silhouette(body, 0)  # looks along +Z, so its nose is at the right
        drawn = art.drawn if "right" in name else art.drawn[:, ::-1]
    else:
        seen, drawn = silhouette(body, 2), art.drawn
    wanted = cut(drawn, seen.shape)
    assert (seen & wanted).sum() / (seen | wanted).sum() > 0.9


@EVERY
def test_it_is_a_closed_body_of_some_thickness(made: Callable[[str], Made], name: str) -> None:
    """Watertight, and neither a sheet nor a slab from the other side: depth is 8 to 110 % of the shorter side drawn."""
    body = made(name).body
    points, index = np.unique(body.positions.round(6), axis=0, return_inverse=True)
    triangles = index.reshape(-1)[body.triangles]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    directed = set(map(tuple, edges.tolist()))
    assert len(directed) == len(edges)
    assert all((b, a) in directed for a, b in directed)
    x, y, z = np.ptp(points, axis=0)
    deep, shorter = (x, min(y, z)) if GALLERY[name].rig_type == "quadruped" else (z, min(x, y))
    assert 0.08 < deep / shorter < 1.1


@EVERY
def test_the_template_comes_from_the_mesh_and_bones_lie_inside(
    made: Callable[[str], Made], validated: Callable[[bytes], list[str]], name: str
) -> None:
    """People get a biped, animals a quadruped, the rest a prop; joints are inside the body; the file is valid."""
    rigged = made(name).rigged
    assert rigged.outputs["rig_type"] == GALLERY[name].rig_type
    plain = mesh_of(rigged, "rigged.glb")
    assert choose_template(*weld(plain.positions, plain.triangles)).kind == GALLERY[name].rig_type
    data = rigged.files["rigged.glb"].read_bytes()
    assert validated(data) == []
    scene = read_glb(data)
    assert scene.mesh is not None
    heads = world_matrices(scene.bones)[1:, :3, 3]  # the root stands on the ground
    if GALLERY[name].rig_type != "prop":
        inside = igl.winding_number(scene.mesh.positions, scene.mesh.triangles, np.ascontiguousarray(heads))
        assert (inside > 0.5).mean() > 0.85
    assert (heads >= scene.mesh.positions.min(0) - 0.01).all()
    assert (heads <= scene.mesh.positions.max(0) + 0.01).all()


def tiles(made_: Made) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Front and back half of the lifted body's texture."""
    base = scene_of(made_.lifted, "mesh.glb").material.base_color
    assert base is not None
    pixels = np.asarray(base.convert("RGB"), np.float64)
    return pixels[:, : pixels.shape[1] // 2], pixels[:, pixels.shape[1] // 2 :]


@PEOPLE
def test_the_back_of_the_head_is_hair(made: Callable[[str], Made], name: str) -> None:
    """In the head's middle the front shows skin and eyes, the back neither: it is as brown as the hair."""
    front, back = tiles(made(name))
    rows, columns = front.shape[:2]
    middle = (
        slice(round(0.1 * rows), round(0.2 * rows)),
        slice(round(0.44 * columns), round(0.56 * columns)),
    )
    assert np.median(front[middle].reshape(-1, 3), axis=0)[0] > 180
    hair = back[middle].reshape(-1, 3)
    assert np.abs(np.median(hair, axis=0) - (80, 40, 20)).max() < 40
    assert hair.std(0).max() < 30


@EVERY
def test_the_back_is_made_of_the_front_and_has_no_bands(made: Callable[[str], Made], name: str) -> None:
    """Every colour of the back is one of the front's, and it changes from row to row no more than the front does."""
    front, back = tiles(made(name))
    palette = front[::6, ::6].reshape(-1, 3)
    found = back[::9, ::9].reshape(-1, 3)
    apart, _ = cKDTree(palette).query(found)  # every pair in one array took 16 s of CPU in all
    assert np.quantile(apart, 0.97) < 30
    assert np.abs(np.diff(back, axis=0)).mean() < 1.15 * np.abs(np.diff(front, axis=0)).mean() + 0.5


@pytest.mark.parametrize("name", ["dog to the left", "dog to the right"])
def test_an_animal_stands_on_two_pairs_of_legs(made: Callable[[str], Made], name: str) -> None:
    """Near the ground a cut through the fore half, and one through the hind half, show a left and a right leg."""
    body = made(name).body
    low = body.positions[body.positions[:, 1] < 0.12 * np.ptp(body.positions[:, 1])]
    split = (low[:, 2].min() + low[:, 2].max()) / 2
    for half in (low[low[:, 2] > split], low[low[:, 2] <= split]):
        left, right = half[half[:, 0] > 0, 0], half[half[:, 0] <= 0, 0]
        assert len(left) > 20
        assert len(right) > 20
        assert left.min() - right.max() > 0.01


def test_equal_art_gives_equal_bytes(made: Callable[[str], Made], chain: Chain) -> None:
    """A second run of an animal is the same file."""
    name = "dog to the left"
    source: Any = chain.file("own.png", "image", GALLERY[name].data)
    again = chain.run("image_to_3d", [source], {"resolution": 96})
    assert again.files["mesh.glb"].read_bytes() == made(name).lifted.files["mesh.glb"].read_bytes()
