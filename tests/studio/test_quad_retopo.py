"""Step retopo with quads: how many, how even, how true to the source, and that every step keeps them."""

from collections.abc import Callable
from typing import Any

import igl
import numpy as np
import pytest
import solids
from step_chain import Chain

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.quads import cut, quads
from maquette.studio.scene import Floats, Ints
from maquette.studio.surface.decimate import weld
from maquette.studio.surface.quad_charts import unwrap_quads
from maquette.studio.surface.quad_mesh import QuadMesh, quad_mesh
from maquette.studio.surface.quad_relax import folded_faces
from maquette.studio.surface.quad_repair import UPRIGHT, Surface, repaired, wrongness

TARGET = 1200


@pytest.fixture(scope="module")
def blob() -> tuple[solids.Shape, QuadMesh]:
    """A closed, curved shape and its quads."""
    shape = solids.blob()
    return shape, quad_mesh(*shape, TARGET)


def edge_uses(corners: Ints) -> Ints:
    """How many quads each edge has."""
    ends = np.sort(np.stack([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    return np.asarray(np.unique(ends, axis=0, return_counts=True)[1], dtype=np.int64)


def halves(positions: Floats, corners: Ints) -> tuple[Floats, Ints]:
    """The same surface as triangles, for measuring distances."""
    return positions, np.concatenate([corners[:, :3], corners[:, [0, 2, 3]]])


def test_the_budget_is_met_in_quads(blob: tuple[solids.Shape, QuadMesh]) -> None:
    """Faces are counted as quads, within 5 % of the target, and there is nothing but quads."""
    made = blob[1]
    assert made.method == "field-aligned lattice"
    assert abs(len(made.corners) - TARGET) <= 0.05 * TARGET
    assert (np.diff(np.sort(made.corners, axis=1), axis=1) > 0).all()


def test_a_closed_surface_stays_closed(blob: tuple[solids.Shape, QuadMesh]) -> None:
    """Every edge has two quads that agree on the outside, and there are as many handles as before."""
    (_, faces), made = blob
    assert (edge_uses(made.corners) == 2).all()
    directed = np.stack([made.corners, np.roll(made.corners, -1, axis=1)], axis=2).reshape(-1, 2)
    assert len(np.unique(directed, axis=0)) == len(directed)
    euler = len(made.positions) - len(directed) // 2 + len(made.corners)
    assert euler == igl.euler_characteristic(faces)


def test_most_vertices_have_four_edges_and_no_quad_is_folded(blob: tuple[solids.Shape, QuadMesh]) -> None:
    """Loops run on through nine vertices in ten, quads are near squares, and none is turned over."""
    made = blob[1]
    valence = np.bincount(made.corners.ravel())
    assert (valence == 4).mean() > 0.88
    assert (valence < 3).sum() <= 2
    assert not folded_faces(made.positions, made.corners).any()
    p = made.positions[made.corners]
    ahead, back = np.roll(p, -1, axis=1) - p, np.roll(p, 1, axis=1) - p
    cosine = (ahead * back).sum(axis=2) / np.linalg.norm(ahead, axis=2) / np.linalg.norm(back, axis=2)
    assert np.median(np.abs(np.degrees(np.arccos(cosine)) - 90)) < 12


def test_quads_lie_on_the_source(blob: tuple[solids.Shape, QuadMesh]) -> None:
    """No place of either surface is farther than 3 % of the size from the other; the mean is a tenth of that."""
    (positions, faces), made = blob
    there = np.sqrt(igl.point_mesh_squared_distance(made.positions, positions, faces)[0])
    back = np.sqrt(igl.point_mesh_squared_distance(positions, *halves(made.positions, made.corners))[0])
    size = float(np.ptp(positions))
    assert max(there.max(), back.max()) < 0.03 * size
    assert back.mean() < 0.003 * size


def test_loops_run_around_a_limb() -> None:
    """On a cylinder edges lie along the axis or around it, which is where limbs bend."""
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, 49), np.linspace(0, 6, 61), indexing="ij")
    positions = np.stack([np.cos(angle), height, -np.sin(angle)], axis=-1).reshape(-1, 3)
    index = np.arange(len(positions)).reshape(angle.shape)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    made = quad_mesh(positions, faces, 600)
    ends = np.stack([made.corners, np.roll(made.corners, -1, axis=1)], axis=2).reshape(-1, 2)
    way = made.positions[ends[:, 1]] - made.positions[ends[:, 0]]
    rise = np.degrees(np.arcsin(np.abs(way[:, 1]) / np.linalg.norm(way, axis=1)))
    assert ((rise < 15) | (rise > 75)).mean() > 0.85


@pytest.mark.parametrize("shape", ["soup", "touching_cubes", "wound_at_random", "sheet"])
def test_any_surface_becomes_quads(shape: str) -> None:
    """Open, broken and non-manifold meshes get quads too, near the budget where they have that many places."""
    positions, faces = getattr(solids, shape)()
    made = quad_mesh(positions, faces, 600)
    assert np.isfinite(made.positions).all()
    assert abs(len(made.corners) - 600) <= (0.05 if shape != "soup" else 0.5) * 600


@pytest.mark.parametrize(("wanted", "squares"), [(50, 4000), (100, 4000), (4000, 100)])
def test_no_two_quads_share_a_texel(wanted: int, squares: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the few folded quads of a tiny budget nor the many of one that is cut twice more come to lie on each other."""
    monkeypatch.setattr("maquette.studio.surface.quad_mesh._LATTICE_MAX", squares)
    made = quad_mesh(*solids.blob(40), wanted)
    atlas, measures = unwrap_quads(made.positions, made.corners, 512, made.plan)
    assert measures["overlap"] < 0.001
    assert (atlas.source[atlas.triangles] == cut(made.corners)).all()
    assert atlas.islands < len(made.corners) / 3


def test_quads_turned_over_are_turned_back() -> None:
    """A vertex pushed across its neighbours folds the quads around it; it finds a place where none faces inwards."""
    positions, faces = weld(*solids.blob(40))
    made = quad_mesh(positions, faces, 600)
    surface = Surface(positions, faces)
    near = made.corners[(made.corners == 7).any(axis=1)]
    broken = made.positions.copy()
    broken[7] += 1.7 * (broken[near[0, (near[0].tolist().index(7) + 1) % 4]] - broken[7])
    assert (wrongness(broken[made.corners], surface) > UPRIGHT).any()
    mended = repaired(broken, made.corners, surface)
    assert not (wrongness(mended[made.corners], surface) > UPRIGHT).any()


def test_every_step_keeps_the_quads(chain: Chain, validated: Callable[[bytes], list[str]]) -> None:
    """The GLBs of retopo and rig are valid, say quads and hold them, seams and all; counts speak of quads; a second run is equal."""
    data = solids.glb_of(solids.blob(40))
    params: dict[str, Any] = {"topology": "quad", "target_polycount": 600, "texture_size": 256}
    done, again = (chain.run("retopo", [chain.file("in.glb", "mesh", data)], params) for _ in range(2))
    assert done.files["retopo.glb"].read_bytes() == again.files["retopo.glb"].read_bytes()
    count = done.outputs["poly_count"]
    assert abs(count - 600) <= 30
    assert done.outputs["topology"] == "quad"
    assert done.outputs["quad_ratio"] == 1.0
    assert done.outputs["triangle_count"] == 2 * count
    assert done.outputs["uv"]["overlap"] < 0.01
    rigged = chain.run("rig", chain.outputs("retopo", done))
    assert rigged.outputs["poly_count"] == count
    for path in (done.files["retopo.glb"], rigged.files["rigged.glb"]):
        assert validated(path.read_bytes()) == []
        mesh = read_glb(path.read_bytes()).mesh
        assert mesh is not None
        found = quads(mesh)
        assert found is not None
        assert len(found) == count
