"""Clips for anything: idle, spin and bounce, carried by the bones without a parent."""

from collections.abc import Sequence

import numpy as np

from maquette.studio.movement.motion import Motion, turned
from maquette.studio.pose import world_matrices
from maquette.studio.scene import Bone, Floats

IDLE_SECONDS = 2.0
SPIN_SECONDS = 2.0
BOUNCE_SECONDS = 1.0
_UP = np.array([0.0, 1.0, 0.0])
_TAU = 2.0 * np.pi


def idle_motion(bones: Sequence[Bone], height: float, frames: int) -> Motion:
    """Hover: rise and sink by 2 % of the height and turn 3° each way."""
    phase = np.arange(frames + 1) / frames
    turn = turned(_UP, np.radians(3.0) * np.sin(_TAU * phase), len(phase))
    rise = np.outer(0.01 * height * (1.0 - np.cos(_TAU * phase)), _UP)
    return Motion(dict.fromkeys(_tops(bones), turn), dict.fromkeys(_tops(bones), rise))


def spin_motion(bones: Sequence[Bone], frames: int) -> Motion:
    """One turn about the upright axis, counter-clockwise from above, at a constant rate."""
    phase = np.arange(frames + 1) / frames
    return Motion(dict.fromkeys(_tops(bones), turned(_UP, _TAU * phase, len(phase))))


def bounce_motion(bones: Sequence[Bone], height: float, frames: int) -> Motion:
    """One hop of a quarter of the height: squashed on the ground, stretched in the air, the volume kept."""
    phase = np.arange(frames + 1) / frames
    contact = np.exp(-((np.minimum(phase, 1.0 - phase) / 0.09) ** 2))
    air = np.clip((phase - 0.12) / 0.76, 0.0, 1.0)
    rise = np.outer(height * air * (1.0 - air), _UP)
    tall = 1.0 - 0.18 * contact + 0.06 * np.sin(np.pi * air) ** 2 * (1.0 - contact)
    wide = 1.0 / np.sqrt(tall)
    rest = world_matrices(bones)
    stretch = {}
    for top in _tops(bones):
        # Scale keys act on a bone's own axes: find the one that stands upright, or leave the shape alone.
        axis = rest[top][:3, :3].T @ _UP
        share = np.abs(axis) / max(float(np.linalg.norm(axis)), 1e-30)
        if share.max() > 0.99:
            stretch[top] = np.where(np.arange(3) == share.argmax(), tall[:, None], wide[:, None])
    return Motion(shifts=dict.fromkeys(_tops(bones), rise), stretch=stretch)


def skeleton_height(bones: Sequence[Bone], positions: Floats | None) -> float:
    """Metres from the lowest to the highest point of mesh or joints."""
    points = world_matrices(bones)[:, :3, 3] if positions is None else positions
    return max(float(np.ptp(points[:, 1])), float(np.ptp(points, axis=0).max()) * 0.05, 1e-6)


def _tops(bones: Sequence[Bone]) -> list[int]:
    return [index for index, bone in enumerate(bones) if bone.parent < 0]
