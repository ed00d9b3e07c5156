"""Legs of two bones that reach for a place."""

import numpy as np
from scipy.spatial.transform import Rotation

from maquette.studio.scene import Floats

REACH = 0.985
"""Of a leg's full length: a knee that locks pops when it unlocks."""


def two_bone_turns(
    rest: tuple[Floats, Floats, Floats], pole_at_rest: Floats, hip: Floats, ankle: Floats, pole: Floats
) -> tuple[Rotation, Rotation]:
    """Turn thigh and shin so as to bring the ankle to ``ankle`` (t, 3) from ``hip`` (t, 3), the knee towards ``pole`` (t, 3).

    ``rest`` are hip, knee and ankle at rest, ``pole_at_rest`` where the knee points then. Out of reach, the leg points there,
    stretched. Law of cosines in the plane of hip, ankle and pole.
    """
    hip0, knee0, ankle0 = rest
    thigh, shin = float(np.linalg.norm(knee0 - hip0)), float(np.linalg.norm(ankle0 - knee0))
    reach = ankle - hip
    distance = np.linalg.norm(reach, axis=1)
    along = reach / np.maximum(distance, 1e-12)[:, None]
    span = np.clip(distance, abs(thigh - shin) + 1e-6, (thigh + shin) * (1.0 - 1e-6))
    cosine = np.clip((thigh**2 + span**2 - shin**2) / (2 * thigh * span), -1.0, 1.0)
    hinge = unit(np.cross(along, pole))
    bend = np.cross(hinge, along)
    upper = along * cosine[:, None] + bend * np.sqrt(1.0 - cosine**2)[:, None]
    lower = along * span[:, None] - upper * thigh
    hinge0 = unit(np.cross(ankle0 - hip0, pole_at_rest)[None])
    return (
        _frame_turn((knee0 - hip0)[None], hinge0, upper, hinge),
        _frame_turn((ankle0 - knee0)[None], hinge0, lower, hinge),
    )


def unit(vectors: Floats) -> Floats:
    """Rows (t, 3) of length one."""
    result: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return result


def _frame_turn(start: Floats, start_hinge: Floats, end: Floats, end_hinge: Floats) -> Rotation:
    """Rotations that take a bone's direction to another and its hinge axis along, as far as both allow."""
    first = _frame(start, start_hinge)
    return Rotation.from_matrix(_frame(end, end_hinge) @ np.swapaxes(first, 1, 2))


def _frame(direction: Floats, hinge: Floats) -> Floats:
    along = unit(direction)
    across = unit(hinge - along * np.einsum("ij,ij->i", hinge, along)[:, None])
    frame: Floats = np.stack([along, across, np.cross(along, across)], axis=2)
    return frame
