"""People and people-like bodies in A-pose: one body plan with builds, clothes, hair and faces as options."""

import math

from maquette.studio.painter.figure_clothes import CLOTHES, Build
from maquette.studio.painter.figure_heads import head as draw_head
from maquette.studio.painter.shapes import (
    above,
    box,
    capsule,
    circle,
    ellipse,
)
from maquette.studio.painter.sketch import Anchors, Sketch

BUILDS: dict[str, Build] = {
    "hero": Build(),
    "slim": Build(
        head=0.185,
        chest=0.17,
        waist=0.12,
        hips=0.155,
        limb=0.058,
        reach=0.55,
        hand=-0.34,
        crotch=-0.2,
        stance=0.125,
    ),
    "stocky": Build(0.235, 0.31, 0.33, 0.3, 0.2, -0.46, 0.112, 0.7, -0.3, 0.19, 0.16),
    "giant": Build(0.17, 0.4, 0.31, 0.25, 0.36, -0.36, 0.125, 0.82, -0.4, 0.21, 0.17),
    "child": Build(0.3, 0.19, 0.19, 0.2, 0.12, -0.46, 0.078, 0.52, -0.26, 0.13, 0.13),
    "lean": Build(0.2, 0.21, 0.14, 0.17, 0.29, -0.24, 0.066, 0.7, -0.12, 0.2, 0.12),
    "broad": Build(0.2, 0.31, 0.22, 0.22, 0.3, -0.3, 0.095, 0.76, -0.24, 0.17, 0.14),
    "lanky": Build(0.25, 0.13, 0.1, 0.12, 0.2, -0.3, 0.045, 0.5, -0.42, 0.12, 0.1),
    "bony": Build(0.21, 0.2, 0.12, 0.15, 0.26, -0.26, 0.042, 0.6, -0.34, 0.13, 0.12),
}


def human(s: Sketch) -> None:
    """Draw a person; the catalogue's options say who."""
    b = BUILDS[s.option("build", "hero")]
    head = b.head * s.trait("head")
    neck = b.shoulder + 0.1
    head_y = neck + head * 0.95
    s.anchors = Anchors(
        head=(0.0, head_y + head * 1.02, head),
        face=(0.0, head_y, head * 0.85),
        torso=(0.0, (b.shoulder + b.crotch) / 2 + 0.05, b.chest),
        shoulder=b.shoulder,
        hip=b.crotch + 0.12,
        hands=((b.reach, b.hand), (-b.reach, b.hand)),
        foot=-1.0,
    )
    wear = s.option("wear", "tunic")
    _legs(s, b, wear)
    _arms(s, b, wear)
    s.add("neck", "skin", box(0, neck - 0.02, head * 0.36, 0.1, 0.02), bevel=0.06)
    CLOTHES[wear](s, b)
    draw_head(s, head, head_y)


def _legs(s: Sketch, b: Build, wear: str) -> None:
    paint = {
        "armour": "metal",
        "bones": "cream",
        "bare": "skin",
        "suit": "main",
        "space": "main",
        "hide": "main",
    }.get(wear, "shade+:cloth")
    boot = {"armour": "metal", "bones": "cream", "bare": "skin", "space": "second", "hide": "main"}.get(
        wear, "leather"
    )
    hip, ankle = (b.hips * 0.56, b.crotch + 0.02), (b.stance + 0.03, -0.88)
    knee = ((hip[0] + ankle[0]) / 2, (hip[1] + ankle[1]) / 2)
    s.pair(
        "legs",
        paint,
        capsule(hip, knee, b.limb * 1.3, b.limb * 1.05).blend(
            capsule(knee, ankle, b.limb * 1.05, b.limb * 0.8), 0.03
        ),
        bevel=0.1,
    )
    if wear in {"armour", "space"}:
        s.pair("legs", "second" if wear == "space" else "metal+", circle(*knee, b.limb * 1.12), bevel=0.07)
    if wear == "bones":
        s.pair("legs", "cream", circle(*knee, b.limb * 1.5), bevel=0.05)
    toe = ellipse(b.stance + 0.06, -0.945, b.foot, 0.062)
    shaft = capsule((b.stance + 0.02, -0.76), (b.stance + 0.035, -0.92), b.limb * 1.22, b.limb * 1.1)
    s.pair(
        "feet",
        boot,
        (toe if wear in {"bare", "bones", "hide"} else toe.blend(shaft, 0.04)) & above(-1.0),
        bevel=0.09,
    )
    if wear not in {"bare", "bones", "hide"}:
        s.pair("feet", "shade", box(b.stance + 0.06, -0.988, b.foot * 0.98, 0.016, 0.01), bevel=0.02)
        s.pair("feet", "second", box(b.stance + 0.02, -0.76, b.limb * 1.4, 0.032, 0.025), bevel=0.03)


def _arms(s: Sketch, b: Build, wear: str) -> None:
    start, end = (b.chest + 0.02, b.shoulder - 0.06), (b.reach, b.hand)

    def at(t: float) -> tuple[float, float]:
        return (start[0] + (end[0] - start[0]) * t, start[1] + (end[1] - start[1]) * t)

    sleeve = {"armour": "metal", "bones": "cream", "bare": "skin", "hide": "main"}.get(wear, "main:cloth")
    if wear in {"suit", "space"}:
        sleeve = "main"
    bare = {"bones": "cream", "hide": "main", "space": "second", "armour": "metal-"}.get(wear, "skin")
    s.pair(
        "hands",
        bare,
        circle(b.reach + 0.02, b.hand - 0.035, b.limb * 1.12).blend(
            circle(b.reach - 0.05, b.hand - 0.05, b.limb * 0.42), 0.02
        ),
        bevel=0.08,
    )
    s.pair(
        "arms",
        bare if wear == "tunic" else sleeve,
        capsule(at(0.0), at(0.92), b.limb * 1.05, b.limb * 0.86),
        bevel=0.09,
    )
    if wear == "bones":
        s.pair("arms", "cream", circle(*at(0.5), b.limb * 1.5), bevel=0.05)
    elif wear == "robe":
        flare = capsule(at(0.4), at(0.86), b.limb * 1.1, b.limb * 1.75)
        s.pair("arms", "main:cloth", flare, bevel=0.1)
    elif wear == "armour":
        s.pair("arms", "metal+", capsule(at(0.58), at(0.82), b.limb * 1.12, b.limb * 1.28), bevel=0.08)
    elif wear == "tunic":
        s.pair("arms", "main:cloth", capsule(at(0.0), at(0.36), b.limb * 1.35, b.limb * 1.2), bevel=0.1)
        s.pair("arms", "leather", capsule(at(0.64), at(0.82), b.limb * 1.08, b.limb * 1.18), bevel=0.06)
    elif wear not in {"bare", "hide"}:
        angle = math.atan2(end[1] - start[1], end[0] - start[0])
        s.pair("arms", "second", box(*at(0.84), 0.034, b.limb * 1.15, 0.02, angle), bevel=0.04)
