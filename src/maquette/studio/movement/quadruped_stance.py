"""A quadruped skeleton as motions see it: which bone is which, its axes, and where its legs begin in a moved body."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from maquette.studio.movement.bone_roles import find_roles
from maquette.studio.pose import world_matrices
from maquette.studio.scene import Bone, Floats

FEET = ("hind.L", "front.L", "hind.R", "front.R")
"""In the order in which a walking animal sets them down."""
PARTS = ("upper_leg", "lower_leg", "foot")
_LEG = re.compile(
    r"(front|fore|hind|back|rear)_?(upper|lower)?_?(leg|foot|paw|hoof)[._]?(l|r|left|right)", re.IGNORECASE
)
_TAIL = re.compile(r"tail_?\d*", re.IGNORECASE)
_UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, slots=True)
class QuadrupedStance:
    """The rest pose in model axes. Joints are (3,) metres; roles are ``hips``, ``chest``, ``hind_foot.L`` and so on."""

    bones: tuple[Bone, ...]
    roles: dict[str, int]
    joints: Floats
    forward: Floats
    left: Floats
    tail: tuple[int, ...]
    """From its root to its tip."""

    @property
    def up(self) -> Floats:
        """Away from the ground."""
        return _UP

    @property
    def leg_length(self) -> float:
        """Upper and lower leg together, the mean of all four."""
        return float(np.mean([sum(self.leg_bones(foot)) for foot in FEET]))

    def joint(self, role: str) -> Floats:
        """Rest position of a role's bone."""
        place: Floats = self.joints[self.roles[role]]
        return place

    def leg(self, foot: str) -> tuple[Floats, Floats, Floats]:
        """Top, knee and ankle at rest."""
        end, side = foot.split(".")
        top, knee, ankle = (self.joint(f"{end}_{part}.{side}") for part in PARTS)
        return top, knee, ankle

    def leg_bones(self, foot: str) -> tuple[float, float]:
        """Lengths of upper and lower leg."""
        top, knee, ankle = self.leg(foot)
        return float(np.linalg.norm(knee - top)), float(np.linalg.norm(ankle - knee))

    def top_of(self, foot: str, turns: Mapping[str, Rotation], shift: Floats) -> Floats:
        """Where a leg begins (t, 3) when the hips have moved by ``shift`` and the trunk's bones have turned."""
        names = {index: role for role, index in self.roles.items()}
        end, side = foot.split(".")
        chain = [self.roles[f"{end}_upper_leg.{side}"]]
        hips = self.roles["hips"]
        while chain[-1] != hips:
            chain.append(self.bones[chain[-1]].parent)
        place: Floats = self.joints[hips] + shift
        turn = turns["hips"]
        for above, below in zip(chain[:0:-1], chain[-2::-1], strict=True):
            turn = turns.get(names.get(above, ""), turn)
            place = place + turn.apply(self.joints[below] - self.joints[above])
        return place


def measure_quadruped(bones: Sequence[Bone]) -> QuadrupedStance | None:
    """Read a quadruped by its bones' names; None where hips or one of four legs below them is missing."""
    roles = {role: index for role, index in find_roles(bones).items() if "." not in role}
    for index, bone in enumerate(bones):
        match = _LEG.fullmatch(bone.name.split(":")[-1])
        if match:
            end = "front" if match[1].lower() in {"front", "fore"} else "hind"
            part = "foot" if match[3].lower() != "leg" else f"{(match[2] or 'upper').lower()}_leg"
            roles.setdefault(f"{end}_{part}.{match[4][0].upper()}", index)
    wanted = [f"{foot.split('.')[0]}_{part}.{foot[-1]}" for foot in FEET for part in PARTS]
    if "hips" not in roles or not all(role in roles for role in wanted):
        return None
    if not all(_below(bones, roles[role], roles["hips"]) for role in wanted):
        return None
    joints = world_matrices(bones)[:, :3, 3]

    def middle(end: str) -> Floats:
        both: Floats = (joints[roles[f"{end}_upper_leg.L"]] + joints[roles[f"{end}_upper_leg.R"]]) / 2
        return both

    way = (middle("front") - middle("hind")) * (1.0, 0.0, 1.0)
    size = float(np.linalg.norm(way))
    forward = way / size if size > 1e-9 else np.array([0.0, 0.0, 1.0])
    return QuadrupedStance(
        bones=tuple(bones),
        roles=roles,
        joints=joints,
        forward=forward,
        left=np.cross(_UP, forward),
        tail=tuple(i for i, bone in enumerate(bones) if _TAIL.fullmatch(bone.name.split(":")[-1])),
    )


def _below(bones: Sequence[Bone], index: int, ancestor: int) -> bool:
    while index >= 0 and index != ancestor:
        index = bones[index].parent
    return index == ancestor
