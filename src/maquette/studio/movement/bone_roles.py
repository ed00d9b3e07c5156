"""Which bone is which, by name: our own, Mixamo's, Blender's, Unreal's, VRM's and 3ds Max Biped's ways of naming."""

import re
from collections.abc import Sequence
from itertools import pairwise

from maquette.studio.scene import Bone

_SIDES = {"l": "L", "left": "L", "lft": "L", "r": "R", "right": "R", "rgt": "R"}
_NOISE = re.compile("mixamorig|bip|j|c|def|org|valvebiped|bone|jnt|joint|b|cc|base|rig|sk")
"""Prefixes of rigs and exporters."""
_CENTRAL = (
    ("hips", r"hips?|pelvis"),
    ("spine", r"spine|abdomen|waist|torso|chest|upperchest|ribs?"),
    ("neck", r"neck"),
    ("head", r"head"),
)
_PAIRED = (
    ("upper_arm", r"upperarm|uparm|arm"),
    ("lower_arm", r"lowerarm|forearm|loarm|elbow"),
    ("hand", r"hand|wrist"),
    ("upper_leg", r"upperleg|upleg|thigh"),
    ("lower_leg", r"lowerleg|loleg|leg|shin|calf|knee"),
    ("foot", r"foot|ankle"),
)
LEG = ("upper_leg", "lower_leg", "foot")
ARM = ("upper_arm", "lower_arm", "hand")


def find_roles(bones: Sequence[Bone]) -> dict[str, int]:
    """Map ``hips``, ``spine``, ``chest``, ``neck``, ``head`` and ``upper_leg.L`` … to bone indices, as far as found.

    Of several matches the one nearest to the root counts (twist and helper bones come later); the last of the spine
    bones is the chest. Limbs whose bones do not descend from one another are left out.
    """
    roles: dict[str, int] = {}
    spine: list[int] = []
    for index, bone in enumerate(bones):
        name, side = _plain(bone.name)
        for role, pattern in _PAIRED if side else _CENTRAL:
            if re.fullmatch(pattern, name):
                if role == "spine":
                    spine.append(index)
                roles.setdefault(f"{role}.{side}" if side else role, index)
                break
    if len(spine) > 1:
        roles["chest"] = spine[-1]
    for side in ("L", "R"):
        for limb in (LEG, ARM):
            chain = [roles.get(f"{part}.{side}", -1) for part in limb]
            if not all(_descends(bones, b, a) for a, b in pairwise(chain)):
                for part in limb:
                    roles.pop(f"{part}.{side}", None)
    legs = [roles.get("upper_leg.L"), roles.get("upper_leg.R")]
    if "hips" not in roles and None not in legs:
        above = {bones[leg].parent for leg in legs if leg is not None}
        if len(above) == 1 and min(above) >= 0:
            roles["hips"] = above.pop()
    return roles


def is_biped(roles: dict[str, int]) -> bool:
    """Whether hips and two whole legs were found: what walking needs."""
    return "hips" in roles and all(f"{part}.{side}" in roles for part in LEG for side in ("L", "R"))


def _plain(name: str) -> tuple[str, str]:
    """Lower-case letters of the name without prefix, side and number; and the side, L, R or none."""
    last = re.split(r"[:|]", name)[-1]
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", last)
    words = [word for word in re.split(r"[^a-z]+", spaced.lower()) if word and not _NOISE.fullmatch(word)]
    side = next((_SIDES[word] for word in words if word in _SIDES), "")
    joined = "".join(word for word in words if word not in _SIDES)
    if not side:
        match = re.fullmatch(r"(left|right)(.+)|(.+)(left|right)", joined)
        if match:
            side = _SIDES[match[1] or match[4]]
            joined = match[2] or match[3]
    return joined, side


def _descends(bones: Sequence[Bone], child: int, ancestor: int) -> bool:
    if child < 0 or ancestor < 0:
        return False
    index = bones[child].parent
    while index >= 0 and index != ancestor:
        index = bones[index].parent
    return index == ancestor
