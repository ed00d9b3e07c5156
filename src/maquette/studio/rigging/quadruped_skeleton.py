"""A four-legged skeleton of eighteen bones (three more with a tail) on the landmarks of a standing animal."""

from dataclasses import replace

import numpy as np

from maquette.studio.rigging.quadruped import Leg, Quadruped
from maquette.studio.rigging.skeleton import Joint, bones_of
from maquette.studio.scene import Bone, Floats

QUADRUPED_SCHEMA = "maquette-quadruped"

_SPINE = (0.34, 0.67)
"""Where spine and chest begin, from the hips (0) to the shoulders (1)."""
_BEND = 0.04
"""Least distance of a knee from the straight leg, of the leg's length: a joint must know which way it bends."""


def quadruped_bones(body: Quadruped) -> tuple[Bone, ...]:
    """Root on the ground, spine from the hips to the neck, legs of three bones from inside the trunk to the toes."""
    spine, chest = (body.hips + share * (body.shoulders - body.hips) for share in _SPINE)
    ground = float(min(leg.toe[1] for leg in _legs(body).values()))
    middle = (body.hips + body.shoulders) / 2
    root = np.array([middle[0], ground, middle[2]])
    joints: list[Joint] = [
        ("root", "", root, root + 0.2 * (body.shoulders - body.hips) * (0.0, 0.0, 1.0)),
        ("hips", "root", body.hips, spine),
        ("spine", "hips", spine, chest),
        ("chest", "spine", chest, body.shoulders),
        ("neck", "chest", body.neck, body.head),
        ("head", "neck", body.head, body.nose),
    ]
    if body.tail is not None:
        start, bend, tip = body.tail
        quarter = (start + bend) / 2
        joints += [
            ("tail_1", "hips", start, quarter),
            ("tail_2", "tail_1", quarter, bend),
            ("tail_3", "tail_2", bend, tip),
        ]
    for name, leg in _legs(body).items():
        end, side = name.split(".")
        top, knee, ankle, toe = leg.top, _bent(leg, 1.0 if end == "front" else -1.0), leg.ankle, leg.toe
        joints += [
            (f"{end}_upper_leg.{side}", "chest" if end == "front" else "hips", top, knee),
            (f"{end}_lower_leg.{side}", f"{end}_upper_leg.{side}", knee, ankle),
            (f"{end}_foot.{side}", f"{end}_lower_leg.{side}", ankle, toe),
        ]
    return bones_of(joints)


def moved(body: Quadruped, origin: Floats, scale: float) -> Quadruped:
    """Landmarks after ``(point - origin) * scale``."""

    def place(point: Floats) -> Floats:
        return (point - origin) * scale

    def placed(leg: Leg) -> Leg:
        return Leg(place(leg.top), place(leg.knee), place(leg.ankle), place(leg.toe))

    return replace(
        body,
        hips=place(body.hips),
        shoulders=place(body.shoulders),
        neck=place(body.neck),
        head=place(body.head),
        nose=place(body.nose),
        fore_left=placed(body.fore_left),
        fore_right=placed(body.fore_right),
        hind_left=placed(body.hind_left),
        hind_right=placed(body.hind_right),
        tail=None if body.tail is None else (place(body.tail[0]), place(body.tail[1]), place(body.tail[2])),
        girth=body.girth * scale,
    )


def standard_quadruped(positions: Floats) -> Quadruped:
    """Average proportions of a hoofed animal that looks along +Z, in the mesh's bounds: for whoever asks for four legs anyway."""
    low, high = positions.min(axis=0), positions.max(axis=0)

    def at(x: float, y: float, z: float) -> Floats:
        return np.asarray(low + (high - low) * ((x + 1) / 2, y, z))

    def leg(side: float, z: float) -> Leg:
        x = 0.55 * side
        return Leg(at(x, 0.55, z), at(x, 0.3, z), at(x, 0.08, z), at(x, 0.01, z + 0.05))

    return Quadruped(
        hips=at(0, 0.62, 0.2),
        shoulders=at(0, 0.62, 0.68),
        neck=at(0, 0.68, 0.74),
        head=at(0, 0.85, 0.86),
        nose=at(0, 0.82, 1.0),
        fore_left=leg(1, 0.7),
        fore_right=leg(-1, 0.7),
        hind_left=leg(1, 0.16),
        hind_right=leg(-1, 0.16),
        tail=None,
        girth=0.3 * float(high[1] - low[1]),
    )


def _legs(body: Quadruped) -> dict[str, Leg]:
    return {
        "front.L": body.fore_left,
        "front.R": body.fore_right,
        "hind.L": body.hind_left,
        "hind.R": body.hind_right,
    }


def _bent(leg: Leg, way: float) -> Floats:
    """Take the knee at least a little out of the straight leg: forwards in front, a hock's way behind."""
    line = leg.ankle - leg.top
    length = float(np.linalg.norm(line))
    share = float((leg.knee - leg.top) @ line) / max(length**2, 1e-30)
    ahead = way * float(leg.knee[2] - (leg.top + share * line)[2])
    spare = max(0.0, _BEND * length - ahead)
    result: Floats = leg.knee + np.array([0.0, 0.0, way * spare])
    return result
