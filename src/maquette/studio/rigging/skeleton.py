"""Skeletons fitted to a mesh: a biped of eighteen bones on a silhouette's landmarks, or two bones for a prop."""

import numpy as np

from maquette.studio.rigging.silhouette import Body, Limb, View
from maquette.studio.scene import Bone, Floats

BIPED_SCHEMA = "maquette-biped-18"
PROP_SCHEMA = "maquette-prop-2"

_UP, _FORWARD = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
Joint = tuple[str, str, Floats, Floats]
"""Name, parent's name (empty for the root), head and tail in metres."""


def biped_bones(view: View, body: Body) -> tuple[Bone, ...]:
    """Put the root at the origin, spine and head on the mirror axis, limbs through the landmarks, all at mid-thickness."""
    height = body.ground - body.top
    hips_row = body.crotch - 0.10 * (body.crotch - body.neck)

    def center(share: float) -> Floats:
        """Take a point on the axis, from the hips (0) to the neck (1)."""
        return view.point(hips_row + share * (body.neck - hips_row), view.axis)

    crown = view.point(body.top + 0.04 * height, view.axis, center(1.0)[2])
    nape = center(1.0) + 0.12 * (crown - center(1.0))
    joints: list[Joint] = [
        ("root", "", np.zeros(3), 0.15 * height * view.metres * _FORWARD),
        ("hips", "root", center(0.0), center(0.22)),
        ("spine", "hips", center(0.22), center(0.55)),
        ("chest", "spine", center(0.55), center(0.94)),
        ("neck", "chest", center(0.94), nape),
        ("head", "neck", nape, crown),
    ]
    for side, arm, leg in (("L", body.left_arm, body.left_leg), ("R", body.right_arm, body.right_leg)):
        joints += _chain(view, arm, side, "chest", ("upper_arm", "lower_arm", "hand"))
        joints += _leg(view, leg, side, 0.02 * height * view.metres)
    return bones_of(joints)


def prop_bones(positions: Floats) -> tuple[Bone, ...]:
    """Make a root on the ground and a body bone in the middle that carries the mesh, so that both can be animated."""
    top = float(positions[:, 1].max())
    joints: list[Joint] = [
        ("root", "", np.zeros(3), np.array([0.0, top / 2, 0.0])),
        ("body", "root", np.array([0.0, top / 2, 0.0]), np.array([0.0, top, 0.0])),
    ]
    return bones_of(joints)


def _leg(view: View, leg: Limb, side: str, sole_height: float) -> list[Joint]:
    joints = _chain(view, leg, side, "hips", ("upper_leg", "lower_leg", "foot"))
    name, parent, ankle, _ = joints[2]
    row, column = leg.joints[3]
    window = view.mask[int(row) - 6 : int(row), :]
    columns = np.flatnonzero(window.any(axis=0))
    columns = columns[np.abs(columns - column) < 0.06 * view.mask.shape[0]]
    toes = view.front[int(row) - 6 : int(row), columns][window[:, columns]]
    forward = max(float(toes.max()) if len(toes) else 0.0, float(ankle[2]) + 2 * sole_height)
    joints[2] = (name, parent, ankle, view.point(row, column, forward) + sole_height * _UP)
    # A knee must know which way it bends: never quite straight, a hundredth of the leg forward.
    thigh, shin = joints[0], joints[1]
    knee = shin[2] + 0.01 * float(np.linalg.norm(ankle - thigh[2])) * _FORWARD
    joints[0], joints[1] = (*thigh[:3], knee), (*shin[:2], knee, shin[3])
    return joints


def _chain(view: View, limb: Limb, side: str, parent: str, names: tuple[str, str, str]) -> list[Joint]:
    points = [view.point(row, column) for row, column in limb.joints]
    parents = [parent, *(f"{name}.{side}" for name in names[:2])]
    return [
        (f"{name}.{side}", above, points[index], points[index + 1])
        for index, (name, above) in enumerate(zip(names, parents, strict=True))
    ]


def bones_of(joints: list[Joint]) -> tuple[Bone, ...]:
    """Bones without rest rotations: what a pose adds is then in model axes, in every program."""
    index = {name: place for place, (name, *_) in enumerate(joints)}
    bones = []
    for name, parent, head, tail in joints:
        above = index[parent] if parent else -1
        origin = joints[above][2] if parent else np.zeros(3)
        bones.append(Bone(name, above, _triple(head - origin), tail=_triple(tail)))
    return tuple(bones)


def _triple(vector: Floats) -> tuple[float, float, float]:
    return float(vector[0]), float(vector[1]), float(vector[2])
