"""From motion in model axes to keys in bone space, whatever the bones' rest rotations are.

A motion says for some bones how they have turned *since the rest pose, in model axes* (``turns``), and how far some
have moved. Bones it does not name follow their parents. That is enough to write local keys, and nothing in a motion
needs to know how a skeleton's author oriented its joints.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from maquette.studio.pose import unit_quaternions, world_matrices
from maquette.studio.scene import Bone, Clip, Floats


@dataclass(frozen=True, slots=True)
class Motion:
    """Sampled at every frame, first and last included."""

    turns: Mapping[int, Rotation] = field(default_factory=dict)
    """Bone → (t,) rotations from rest, in model axes, absolute: a parent's turn is not added."""
    shifts: Mapping[int, Floats] = field(default_factory=dict)
    """Bone → (t, 3) metres from rest in model axes, with its parents at rest."""
    stretch: Mapping[int, Floats] = field(default_factory=dict)
    """Bone → (t, 3) factors on the local scale."""


def make_clip(bones: Sequence[Bone], motion: Motion, name: str, fps: int, frames: int, *, loop: bool) -> Clip:
    """Key every bone at ``frames + 1`` times, a frame apart."""
    count = frames + 1
    rest = world_matrices(bones)
    still = [_rest_turn(bones, index) for index in range(len(bones))]
    turns: list[Rotation] = []
    rotations, translations, scales = {}, {}, {}
    none = Rotation.from_quat(np.tile([0.0, 0.0, 0.0, 1.0], (count, 1)))
    for index, bone in enumerate(bones):
        above = turns[bone.parent] if bone.parent >= 0 else none
        turns.append(motion.turns.get(index, above))
        # Posed parent inverted times posed bone, each being its turn after its rest orientation.
        parent = above * still[bone.parent] if bone.parent >= 0 else none
        rotations[index] = unit_quaternions((parent.inv() * (turns[index] * still[index])).as_quat())
        translations[index] = np.tile(np.asarray(bone.translation), (count, 1))
        if index in motion.shifts:
            frame = rest[bone.parent][:3, :3] if bone.parent >= 0 else np.eye(3)
            translations[index] = translations[index] + motion.shifts[index] @ np.linalg.pinv(frame).T
        scales[index] = np.tile(np.asarray(bone.scale), (count, 1))
        if index in motion.stretch:
            scales[index] = scales[index] * motion.stretch[index]
    return Clip(name, np.arange(count) / fps, fps, loop, translations, rotations, scales)


def turned(axis: Floats, angle: Floats | float, count: int) -> Rotation:
    """(count,) rotations about a unit axis, radians."""
    return Rotation.from_rotvec(np.broadcast_to(angle, count)[:, None] * axis)


def aligning(start: Floats, end: Floats) -> Rotation:
    """Shortest rotations that take directions ``start`` to ``end``; both (3,) or (t, 3)."""
    a, b = np.broadcast_arrays(np.atleast_2d(start), np.atleast_2d(end))
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    # Opposite directions turn about any axis across; take one by the smallest component.
    helper = np.cross(a, np.eye(3)[np.abs(a).argmin(axis=1)])
    axis = np.where(
        sine > 1e-9, axis / np.maximum(sine, 1e-9), helper / np.linalg.norm(helper, axis=1, keepdims=True)
    )
    angle = np.arctan2(sine[:, 0], np.einsum("ij,ij->i", a, b))
    return Rotation.from_rotvec(angle[:, None] * axis)


def blended(start: Rotation, end: Rotation, share: Floats) -> Rotation:
    """From ``start`` (0) to ``end`` (1) along the great arc; ``share`` (t,)."""
    return start * Rotation.from_rotvec((start.inv() * end).as_rotvec() * share[:, None])


def _rest_turn(bones: Sequence[Bone], index: int) -> Rotation:
    """Orientation of a bone at rest in model axes, scales left out."""
    turn = Rotation.from_quat(bones[index].rotation)
    while bones[index].parent >= 0:
        index = bones[index].parent
        turn = Rotation.from_quat(bones[index].rotation) * turn
    return turn
