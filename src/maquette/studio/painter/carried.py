"""What hands, hips and shoulders carry. Each reads the subject's anchors and adds parts."""

from maquette.studio.painter.shapes import (
    above,
    box,
    capsule,
    circle,
    ellipse,
    polygon,
    ring,
    smooth,
    star,
    stroke,
)
from maquette.studio.painter.sketch import Sketch


def _hand(s: Sketch, side: int) -> tuple[float, float]:
    hands = s.anchors.hands
    if hands:
        return hands[0] if side > 0 else hands[1]
    x, y, w = s.anchors.torso
    return (x + side * (w + 0.12), y - 0.05)


def held_sword(s: Sketch) -> None:
    """Draw a sword in the hand at the right, point outwards and up."""
    x, y = _hand(s, 1)
    y -= 0.03
    turn = -0.42
    s.add(
        "sword",
        "metal",
        polygon(
            [
                (x - 0.042, y + 0.1),
                (x + 0.042, y + 0.1),
                (x + 0.034, y + 0.62),
                (x, y + 0.72),
                (x - 0.034, y + 0.62),
            ]
        ).turned(turn, (x, y)),
        bevel=0.042,
    )
    s.add("sword", "gold", box(x, y + 0.09, 0.12, 0.028, 0.02).turned(turn, (x, y)), bevel=0.03)
    s.add("sword", "leather:grip", box(x, y, 0.027, 0.1, 0.02).turned(turn, (x, y)), bevel=0.03)
    s.add("sword", "gold", circle(x, y - 0.11, 0.038).turned(turn, (x, y)), bevel=0.04)


def held_shield(s: Sketch) -> None:
    """Draw a heater shield on the left arm."""
    x, y = _hand(s, -1)
    x, y = x - 0.06, y + 0.06
    outline = smooth(
        [
            (x - 0.2, y + 0.24),
            (x, y + 0.27),
            (x + 0.2, y + 0.24),
            (x + 0.19, y - 0.04),
            (x, y - 0.32),
            (x - 0.19, y - 0.04),
        ],
        4,
    )
    s.add("shield", "metal", outline, bevel=0.05)
    s.add("shield", "main", outline.grown(-0.035), bevel=0.06, line=0.008)
    s.add("shield", "gold", star(x, y, 0.1, 0.045, 4), bevel=0.04, line=0.006)


def held_staff(s: Sketch) -> None:
    """Draw a staff with a glowing stone."""
    x, y = _hand(s, 1)
    s.add("staff", "wood:timber", capsule((x + 0.04, -0.98), (x + 0.04, y + 0.95), 0.03), bevel=0.03)
    top = y + 1.0
    s.add("staff", "gold", ring(x + 0.04, top + 0.05, 0.11, 0.024) & above(top - 0.03), bevel=0.03)
    s.add("staff", "glow", circle(x + 0.04, top + 0.05, 0.072), bevel=0.07)


def held_bow(s: Sketch) -> None:
    """Draw a longbow in the left hand."""
    x, y = _hand(s, -1)
    limb = stroke(
        [(x + 0.04, y + 0.5), (x - 0.1, y + 0.25), (x - 0.12, y), (x - 0.1, y - 0.25), (x + 0.04, y - 0.5)],
        0.026,
    )
    s.add(
        "bow", "cream:flat", capsule((x + 0.04, y + 0.5), (x + 0.04, y - 0.5), 0.008), bevel=0.01, line=0.003
    )
    s.add("bow", "wood:timber", limb, bevel=0.03)


def held_axe(s: Sketch) -> None:
    """Draw a battle axe, head up."""
    x, y = _hand(s, 1)
    x += 0.03
    s.add("axe", "wood:timber", capsule((x, y - 0.3), (x, y + 0.55), 0.028), bevel=0.03)
    blade = smooth(
        [(x, y + 0.5), (x + 0.22, y + 0.6), (x + 0.26, y + 0.38), (x + 0.22, y + 0.16), (x, y + 0.3)], 4
    )
    s.add("axe", "metal", blade, bevel=0.06)


def held_lantern(s: Sketch) -> None:
    """Draw a lantern that hangs from the hand at the left."""
    x, y = _hand(s, -1)
    y -= 0.2
    s.add("lantern", "metal", ring(x, y + 0.11, 0.06, 0.014), bevel=0.02)
    s.add("lantern", "glow", box(x, y, 0.075, 0.1, 0.03), bevel=0.06)
    s.add("lantern", "metal", box(x, y + 0.1, 0.09, 0.022, 0.015), bevel=0.02)
    s.add("lantern", "metal", box(x, y - 0.1, 0.09, 0.022, 0.015), bevel=0.02)


def bag(s: Sketch) -> None:
    """Draw a courier's satchel: strap across the chest, flap, buckle and a letter that looks out."""
    x, _, w = s.anchors.torso
    hip = s.anchors.hip
    bx, by = x + w * 0.52, hip + 0.0
    bw, bh = 0.155, 0.12
    s.add(
        "bag",
        "leather",
        capsule((x - w * 0.82, s.anchors.shoulder + 0.05), (bx + 0.02, by + bh * 0.8), 0.027),
        bevel=0.03,
    )
    s.add("bag", "cream:flat", box(bx - 0.03, by + bh + 0.015, 0.075, 0.055, 0.008, 0.18), bevel=0.02)
    s.add("bag", "red:flat", circle(bx + 0.0, by + bh + 0.035, 0.016), bevel=0.015, line=0.004, shadow=0.1)
    s.add("bag", "leather", box(bx, by, bw, bh, 0.035), bevel=0.07)
    s.add("bag", "leather+", box(bx, by + bh * 0.34, bw * 1.04, bh * 0.66, 0.035), bevel=0.045)
    s.add("bag", "leather-", box(bx, by + bh * 0.1, 0.024, bh * 0.5, 0.012), bevel=0.02, line=0.006)
    s.add("bag", "gold", box(bx, by - bh * 0.18, 0.034, 0.026, 0.01), bevel=0.02, line=0.006)


def backpack(s: Sketch) -> None:
    """Draw a pack on the back with two straps in front."""
    x, y, w = s.anchors.torso
    top = s.anchors.shoulder
    s.back("backpack", "leather", box(x, top - 0.1, w * 1.22, 0.27, 0.09), bevel=0.12)
    s.back(
        "backpack",
        "cream:cloth",
        capsule((x - w * 1.1, top + 0.18), (x + w * 1.1, top + 0.18), 0.075),
        bevel=0.07,
    )
    for side in (-1, 1):
        s.add(
            "backpack",
            "leather",
            capsule((x + side * w * 0.6, top + 0.05), (x + side * w * 0.72, y - 0.1), 0.027),
            bevel=0.03,
        )
        s.add("backpack", "gold", box(x + side * w * 0.66, y, 0.03, 0.022, 0.008), bevel=0.02, line=0.006)


def jetpack(s: Sketch) -> None:
    """Draw two rocket tubes behind the shoulders."""
    x, _, w = s.anchors.torso
    top = s.anchors.shoulder
    for side in (-1, 1):
        cx = x + side * (w + 0.02)
        s.back(
            "jetpack",
            "accent:glow",
            polygon([(cx - 0.05, top - 0.38), (cx + 0.05, top - 0.38), (cx, top - 0.6)], 0.02),
            bevel=0.06,
        )
        s.back("jetpack", "metal", box(cx, top - 0.1, 0.095, 0.28, 0.08), bevel=0.1)
        s.back("jetpack", "red", ellipse(cx, top + 0.15, 0.095, 0.12) & above(top + 0.15), bevel=0.09)
