"""Poses: quaternions, a skeleton's world matrices at rest and at a frame of a clip, and linear blend skinning."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from maquette.studio.scene import Bone, Clip, Floats, Mesh, Scene

_IDENTITY = (0.0, 0.0, 0.0, 1.0)


def unit_quaternions(q: Floats) -> Floats:
    """(t, 4) rows of length one, each in the hemisphere of the one before, so that blending turns the short way."""
    length = np.linalg.norm(q, axis=1, keepdims=True)
    unit = np.where(length > 1e-12, q / np.maximum(length, 1e-12), _IDENTITY)
    flips = np.where(np.einsum("ij,ij->i", unit[1:], unit[:-1]) < 0, -1.0, 1.0)
    signs = np.concatenate([[1.0], np.cumprod(flips)])
    result: Floats = unit * signs[:, None]
    return result


def rotation_matrices(q: Floats) -> Floats:
    """(t, 3, 3) from unit quaternions (t, 4) xyzw."""
    x, y, z, w = np.asarray(q, dtype=np.float64).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    matrices: Floats = np.moveaxis(np.array(rows), 2, 0)
    return matrices


def euler_degrees(q: Floats) -> Floats:
    """(t, 3) rotations about x, then y, then z (fixed axes) from unit quaternions (t, 4), without jumps of a turn.

    Of the two triples that give a rotation, each frame takes the one nearer to the frame before it, so that
    curves interpolated between frames stay on the way. In gimbal lock, z keeps its last value's share (0 at first).
    """
    matrices = rotation_matrices(q)
    triples = np.zeros((len(matrices), 3))
    last = np.zeros(3)
    for frame, m in enumerate(matrices):
        y = np.arcsin(np.clip(-m[2, 0], -1.0, 1.0))
        if abs(m[2, 0]) < 1.0 - 1e-9:
            x, z = np.arctan2(m[2, 1], m[2, 2]), np.arctan2(m[1, 0], m[0, 0])
        else:  # x and z turn about one axis: leave z where it was
            z = last[2]
            sine = np.sign(-m[2, 0])
            x = sine * z + np.arctan2(sine * m[0, 1], m[1, 1])
        both = np.array([[x, y, z], [x + np.pi, np.pi - y, z + np.pi]])
        both += 2 * np.pi * np.round((last - both) / (2 * np.pi))
        last = both[np.argmin(np.abs(both - last).sum(axis=1))]
        triples[frame] = last
    degrees: Floats = np.degrees(triples)
    return degrees


def local_matrix(translation: Sequence[float], rotation: Sequence[float], scale: Sequence[float]) -> Floats:
    """(4, 4) T·R·S."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrices(np.asarray([rotation]))[0] * np.asarray(scale)
    matrix[:3, 3] = translation
    return matrix


def world_matrices(bones: Sequence[Bone], clip: Clip | None = None, frame: int = 0) -> Floats:
    """(bones, 4, 4) bone-to-world: at rest, or at a frame of a clip (unkeyed bones stay at rest)."""
    worlds = np.zeros((len(bones), 4, 4))
    for index, bone in enumerate(bones):
        translation, rotation, scale = bone.translation, bone.rotation, bone.scale
        if clip is not None:
            translation = clip.translations[index][frame] if index in clip.translations else translation
            rotation = clip.rotations[index][frame] if index in clip.rotations else rotation
            scale = clip.scales[index][frame] if index in clip.scales else scale
        local = local_matrix(translation, rotation, scale)
        worlds[index] = local if bone.parent < 0 else worlds[bone.parent] @ local
    return worlds


def inverse_binds(scene: Scene) -> Floats:
    """(bones, 4, 4) world-to-bone at bind time: the scene's own, or the inverse of the rest pose."""
    if scene.inverse_binds is not None:
        return scene.inverse_binds
    return np.linalg.inv(world_matrices(scene.bones)).astype(np.float64)


def skinned(mesh: Mesh, matrices: Floats) -> Mesh:
    """Linear blend skinning: the mesh moved by (bones, 4, 4) ``world @ inverse_bind`` matrices."""
    assert mesh.joints is not None
    assert mesh.weights is not None
    blend = np.einsum("nk,nkij->nij", mesh.weights, matrices[mesh.joints])
    positions = np.einsum("nij,nj->ni", blend[:, :3, :3], mesh.positions) + blend[:, :3, 3]
    normals = np.einsum("nij,nj->ni", blend[:, :3, :3], mesh.normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return replace(mesh, positions=positions, normals=normals)


def posed(scene: Scene, clip: Clip, frame: int) -> Scene:
    """Freeze the scene at a frame of a clip: same topology, moved vertices. For previews and checks."""
    if scene.mesh is None or scene.mesh.joints is None:
        return scene
    matrices = world_matrices(scene.bones, clip, frame) @ inverse_binds(scene)
    return replace(scene, mesh=skinned(scene.mesh, matrices))
