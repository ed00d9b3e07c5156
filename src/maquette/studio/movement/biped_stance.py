"""A biped skeleton as motions see it: its own axes, its limbs at rest, and legs that reach for a place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from maquette.studio.movement.bone_roles import ARM, LEG
from maquette.studio.pose import world_matrices
from maquette.studio.scene import Bone, Floats

REACH = 0.985
"""Of a leg's full length: a knee that locks pops when it unlocks."""
_UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, slots=True)
class Stance:
    """The rest pose in model axes. Joints are (3,) metres."""

    roles: dict[str, int]
    joints: Floats
    """(bones, 3)."""
    left: Floats
    forward: Floats
    top: tuple[int, ...]
    """Bones without a parent: they carry the model through the world."""
    foot_length: float
    """From the ankle to where the toes touch the ground, metres."""

    @property
    def up(self) -> Floats:
        """Away from the ground."""
        return _UP

    @property
    def leg_length(self) -> float:
        """Thigh and shin together, the mean of both legs."""
        return float(np.mean([sum(self.bone_lengths(side)) for side in ("L", "R")]))

    def joint(self, role: str) -> Floats:
        """Rest position of a role's bone."""
        place: Floats = self.joints[self.roles[role]]
        return place

    def bone_lengths(self, side: str) -> tuple[float, float]:
        """Thigh and shin."""
        hip, knee, ankle = (self.joint(f"{part}.{side}") for part in LEG)
        return float(np.linalg.norm(knee - hip)), float(np.linalg.norm(ankle - knee))

    def arms(self) -> list[str]:
        """Sides that have a whole arm."""
        return [side for side in ("L", "R") if all(f"{part}.{side}" in self.roles for part in ARM)]

    def leg_turns(
        self, side: str, hips_shift: Floats, hips_turn: Rotation, ankle: Floats
    ) -> tuple[Rotation, Rotation]:
        """Turn thigh and shin so as to bring the ankle to ``ankle`` (t, 3): two bones, the knee to the front.

        Out of reach, the leg points there, stretched. Law of cosines in the plane of hip, ankle and forward.
        """
        hip0, knee0, ankle0 = (self.joint(f"{part}.{side}") for part in LEG)
        thigh, shin = self.bone_lengths(side)
        pivot = self.joint("hips")
        hip = pivot + hips_shift + hips_turn.apply(hip0 - pivot)
        reach = ankle - hip
        distance = np.linalg.norm(reach, axis=1)
        along = reach / np.maximum(distance, 1e-12)[:, None]
        span = np.clip(distance, abs(thigh - shin) + 1e-6, (thigh + shin) * (1.0 - 1e-6))
        cosine = np.clip((thigh**2 + span**2 - shin**2) / (2 * thigh * span), -1.0, 1.0)
        facing = hips_turn.apply(self.forward)
        hinge = _unit(np.cross(along, facing))
        bend = np.cross(hinge, along)
        upper = along * cosine[:, None] + bend * np.sqrt(1.0 - cosine**2)[:, None]
        lower = along * span[:, None] - upper * thigh
        hinge0 = _unit(np.cross(ankle0 - hip0, self.forward)[None])
        return (
            _frame_turn((knee0 - hip0)[None], hinge0, upper, hinge),
            _frame_turn((ankle0 - knee0)[None], hinge0, lower, hinge),
        )

    def hanging(self, side: str, spread: float = 0.22, least: float = 0.2) -> Rotation:
        """Turn of an upper arm from wherever it rests to hanging; wide rest poses keep some of their spread."""
        shoulder, elbow = self.joint(f"upper_arm.{side}"), self.joint(f"lower_arm.{side}")
        arm = _unit((elbow - shoulder)[None])[0]
        angle = float(np.arccos(np.clip(-arm @ _UP, -1.0, 1.0)))
        wanted = min(angle, least + spread * angle)
        axis = np.cross(arm, -_UP)
        if np.linalg.norm(axis) < 1e-9:
            return Rotation.identity()
        return Rotation.from_rotvec(_unit(axis[None])[0] * (angle - wanted))

    def elbow_axis(self, side: str) -> Floats:
        """Axis in the rest pose about which a positive angle brings the forearm forward."""
        fore = self.joint(f"hand.{side}") - self.joint(f"lower_arm.{side}")
        axis = np.cross(fore, self.forward)
        if np.linalg.norm(axis) < 1e-6 * np.linalg.norm(fore):
            axis = -self.left
        result: Floats = _unit(axis[None])[0]
        return result


def measure_stance(bones: Sequence[Bone], roles: dict[str, int]) -> Stance:
    """Read axes and sizes from the rest pose; ``roles`` must be a biped's. Up is +Y, as everywhere in glTF."""
    joints = world_matrices(bones)[:, :3, 3]
    across = joints[roles["upper_leg.L"]] - joints[roles["upper_leg.R"]]
    across = across - _UP * (across @ _UP)
    left = _unit(across[None])[0] if np.linalg.norm(across) > 1e-9 else np.array([1.0, 0.0, 0.0])
    forward = np.cross(left, _UP)
    leg = float(np.linalg.norm(joints[roles["foot.L"]] - joints[roles["upper_leg.L"]]))
    reach = [0.0]
    for side in ("L", "R"):
        foot = roles[f"foot.{side}"]
        ends = [joints[index] for index, bone in enumerate(bones) if bone.parent == foot]
        tail = bones[foot].tail
        ends += [np.asarray(tail)] if tail is not None else []
        reach += [float((end - joints[foot]) @ forward) for end in ends]
    return Stance(
        roles=roles,
        joints=joints,
        left=left,
        forward=forward,
        top=tuple(index for index, bone in enumerate(bones) if bone.parent < 0),
        foot_length=float(np.clip(max(reach), 0.08 * leg, 0.3 * leg)),
    )


def _frame_turn(start: Floats, start_hinge: Floats, end: Floats, end_hinge: Floats) -> Rotation:
    """Rotations that take a bone's direction to another and its hinge axis along, as far as both allow."""
    first = _frame(start, start_hinge)
    return Rotation.from_matrix(_frame(end, end_hinge) @ np.swapaxes(first, 1, 2))


def _frame(direction: Floats, hinge: Floats) -> Floats:
    along = _unit(direction)
    across = _unit(hinge - along * np.einsum("ij,ij->i", hinge, along)[:, None])
    frame: Floats = np.stack([along, across, np.cross(along, across)], axis=2)
    return frame


def _unit(vectors: Floats) -> Floats:
    result: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return result
