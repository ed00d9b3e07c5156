"""A biped skeleton as motions see it: its own axes, its limbs at rest, and legs that reach for a place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from maquette.studio.movement.bone_roles import ARM, LEG
from maquette.studio.movement.limb import two_bone_turns, unit
from maquette.studio.pose import world_matrices
from maquette.studio.scene import Bone, Floats

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
        """Turn thigh and shin so as to bring the ankle to ``ankle`` (t, 3), the knee to the front."""
        rest = self.joint(f"{LEG[0]}.{side}"), self.joint(f"{LEG[1]}.{side}"), self.joint(f"{LEG[2]}.{side}")
        pivot = self.joint("hips")
        hip = pivot + hips_shift + hips_turn.apply(rest[0] - pivot)
        return two_bone_turns(rest, self.forward, hip, ankle, hips_turn.apply(self.forward))

    def hanging(self, side: str, spread: float = 0.22, least: float = 0.2) -> Rotation:
        """Turn of an upper arm from wherever it rests to hanging; wide rest poses keep some of their spread."""
        shoulder, elbow = self.joint(f"upper_arm.{side}"), self.joint(f"lower_arm.{side}")
        arm = unit((elbow - shoulder)[None])[0]
        angle = float(np.arccos(np.clip(-arm @ _UP, -1.0, 1.0)))
        wanted = min(angle, least + spread * angle)
        axis = np.cross(arm, -_UP)
        if np.linalg.norm(axis) < 1e-9:
            return Rotation.identity()
        return Rotation.from_rotvec(unit(axis[None])[0] * (angle - wanted))

    def elbow_axis(self, side: str) -> Floats:
        """Axis in the rest pose about which a positive angle brings the forearm forward."""
        fore = self.joint(f"hand.{side}") - self.joint(f"lower_arm.{side}")
        axis = np.cross(fore, self.forward)
        if np.linalg.norm(axis) < 1e-6 * np.linalg.norm(fore):
            axis = -self.left
        result: Floats = unit(axis[None])[0]
        return result


def measure_stance(bones: Sequence[Bone], roles: dict[str, int]) -> Stance:
    """Read axes and sizes from the rest pose; ``roles`` must be a biped's. Up is +Y, as everywhere in glTF."""
    joints = world_matrices(bones)[:, :3, 3]
    across = joints[roles["upper_leg.L"]] - joints[roles["upper_leg.R"]]
    across = across - _UP * (across @ _UP)
    left = unit(across[None])[0] if np.linalg.norm(across) > 1e-9 else np.array([1.0, 0.0, 0.0])
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
