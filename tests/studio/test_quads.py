"""How quads travel in files that hold triangles alone."""

import json
import struct
from dataclasses import replace

import numpy as np
import solids

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.quads import EXTRAS, cut, face_count, paired, quads
from maquette.studio.scene import Mesh, Scene

_BOX = np.array([[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]])


def quad_box() -> Scene:
    """A cube of six quads."""
    corners = np.array([(x, y, z) for z in (0, 1) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))], float)
    scene = solids.scene_of((corners, cut(_BOX)))
    assert scene.mesh is not None
    return replace(scene, mesh=replace(scene.mesh, topology="quad"))


def mesh_of(scene: Scene) -> Mesh:
    assert scene.mesh is not None
    return scene.mesh


def test_quads_survive_a_glb() -> None:
    """What was written as quads is read as the same quads, and the file says so in its mesh's extras."""
    data = write_glb(quad_box())
    length = struct.unpack_from("<I", data, 12)[0]
    assert json.loads(data[20 : 20 + length])["meshes"][0]["extras"] == EXTRAS
    back = mesh_of(read_glb(data))
    assert (quads(back) == _BOX).all()
    assert face_count(back) == 6


def test_pairs_are_found_wherever_triangles_start() -> None:
    """A writer that rotates each triangle's corners does not lose the quads; one that reorders them does."""
    triangles = cut(_BOX)
    rolled = np.stack([np.roll(face, turn % 3) for turn, face in enumerate(triangles)])
    found = paired(rolled)
    assert found is not None
    assert {frozenset(face) for face in found.tolist()} == {frozenset(face) for face in _BOX.tolist()}
    assert paired(np.roll(triangles, 1, axis=0)) is None
    assert paired(triangles[:-1]) is None


def test_a_false_claim_is_not_believed() -> None:
    """A file that says quads of triangles that do not pair is a mesh of triangles."""
    scene = quad_box()
    mesh = mesh_of(scene)
    liar = replace(scene, mesh=replace(mesh, triangles=np.roll(mesh.triangles, 1, axis=0)))
    back = mesh_of(read_glb(write_glb(liar)))
    assert back.topology == "triangle"
    assert quads(back) is None
    assert face_count(back) == 12
