"""Vehicles, seen from the side and driving right where they have one."""

import math

from maquette.studio.painter.shapes import (
    above,
    box,
    capsule,
    circle,
    ellipse,
    polygon,
    profile,
    ring,
    smooth,
    stroke,
)
from maquette.studio.painter.sketch import Anchors, Sketch


def _wheel(s: Sketch, x: float, y: float, r: float) -> None:
    s.add("wheels", "shade:plastic", circle(x, y, r), bevel=r * 0.3)
    s.add("wheels", "metal", circle(x, y, r * 0.62), bevel=r * 0.2)
    s.add("wheels", "metal-", ring(x, y, r * 0.36, r * 0.06), bevel=0.02, line=0.006)
    s.add("wheels", "gold", circle(x, y, r * 0.2), bevel=r * 0.14)


def car(s: Sketch) -> None:
    """Draw a small car from the side, driving right; taxis, vans and buses are longer or taller."""
    kind = s.option("kind", "car")
    s.anchors = Anchors((-0.05, 0.52, 0.4), (0.2, 0.2, 0.2), (0.0, -0.1, 0.9), 0.2, -0.3, (), -0.62)
    if kind == "bus":
        s.add("body", "main", box(0, 0.1, 1.05, 0.52, 0.12), bevel=0.14)
        for i in range(5):
            s.add("windows", "glass", box(-0.8 + i * 0.4, 0.28, 0.15, 0.17, 0.04), bevel=0.05)
    elif kind == "truck":
        s.add("bed", "second:wood_across", box(-0.42, 0.12, 0.62, 0.44, 0.03), bevel=0.07)
        s.add("body", "main", box(0.66, 0.02, 0.38, 0.44, 0.1), bevel=0.12)
        s.add(
            "windows",
            "glass",
            polygon([(0.5, 0.34), (0.78, 0.34), (0.9, 0.06), (0.5, 0.06)], 0.03),
            bevel=0.05,
        )
        s.add("body", "main-", box(0.1, -0.36, 1.0, 0.09, 0.04), bevel=0.06)
    else:
        cabin = smooth([(-0.66, 0.08), (-0.5, 0.5), (0.0, 0.6), (0.34, 0.5), (0.58, 0.08)], 5)
        s.add("body", "main", cabin, bevel=0.12)
        s.add(
            "windows",
            "glass",
            polygon([(-0.48, 0.14), (-0.38, 0.42), (-0.06, 0.47), (-0.06, 0.14)], 0.02),
            bevel=0.05,
        )
        s.add(
            "windows",
            "glass",
            polygon([(0.04, 0.14), (0.04, 0.47), (0.26, 0.42), (0.42, 0.14)], 0.02),
            bevel=0.05,
        )
        s.add(
            "body",
            "main",
            smooth(
                [
                    (-1.02, -0.3),
                    (-1.0, 0.06),
                    (-0.6, 0.16),
                    (0.55, 0.14),
                    (0.98, 0.02),
                    (1.04, -0.3),
                    (0, -0.4),
                ],
                5,
            ),
            bevel=0.2,
        )
        s.add("trim", "second", box(0, -0.18, 1.0, 0.04, 0.03), bevel=0.04, line=0.007)
        s.add("door", "metal", box(-0.2, 0.02, 0.08, 0.022, 0.02), bevel=0.02)
    s.add("lights", "gold:glow", ellipse(0.98, -0.06, 0.07, 0.1), bevel=0.06)
    s.add("lights", "red:glow", ellipse(-1.0, -0.06, 0.05, 0.09), bevel=0.04)
    s.add("bumper", "metal", box(0, -0.36, 1.04, 0.06, 0.05), bevel=0.05)
    for x in (-0.6, 0.6):
        _wheel(s, x, -0.42, 0.25)


def cart(s: Sketch) -> None:
    """Draw a wooden cart with two big wheels."""
    s.add("shaft", "wood:timber", capsule((0.5, -0.15), (1.08, -0.36), 0.045), bevel=0.04)
    s.add(
        "body",
        "wood:wood_across",
        polygon([(-0.92, 0.3), (0.72, 0.3), (0.56, -0.22), (-0.76, -0.22)], 0.02),
        bevel=0.07,
    )
    for x in (-0.84, -0.1, 0.64):
        s.add("posts", "wood-:timber", box(x, 0.12, 0.05, 0.34, 0.02), bevel=0.04)
    s.add("wheels", "wood:timber", ring(-0.2, -0.45, 0.42, 0.065), bevel=0.06)
    for i in range(4):
        s.add("wheels", "wood-:timber", box(-0.2, -0.45, 0.4, 0.032, 0.01, i * math.pi / 4), bevel=0.03)
    s.add("wheels", "metal", circle(-0.2, -0.45, 0.1), bevel=0.08)


def train(s: Sketch) -> None:
    """Draw a steam engine."""
    s.anchors = Anchors((-0.6, 0.7, 0.3), (0.5, 0.1, 0.2), (0.0, 0.0, 0.9), 0.2, -0.3, (), -0.75)
    s.add(
        "smoke",
        "cream:fur",
        circle(0.66, 0.78, 0.15) | circle(0.46, 0.92, 0.19) | circle(0.2, 0.98, 0.14),
        bevel=0.12,
    )
    s.add(
        "chimney", "shade", polygon([(0.56, 0.2), (0.76, 0.2), (0.84, 0.62), (0.48, 0.62)], 0.02), bevel=0.1
    )
    s.add("body", "main", box(0.28, 0.06, 0.7, 0.29, 0.12), bevel=0.24)
    for x in (0.0, 0.32, 0.64):
        s.add("bands", "gold", box(x, 0.06, 0.025, 0.3, 0.01), bevel=0.2)
    s.add("dome", "gold", ellipse(0.22, 0.36, 0.15, 0.17) & above(0.3), bevel=0.1)
    s.add("cab", "main-", box(-0.64, 0.22, 0.34, 0.48, 0.04), bevel=0.08)
    s.add("windows", "glass", box(-0.64, 0.38, 0.2, 0.18, 0.04), bevel=0.05)
    s.add("roof", "second", box(-0.64, 0.72, 0.42, 0.06, 0.05), bevel=0.06)
    s.add("plough", "red", polygon([(0.78, -0.26), (1.12, -0.7), (0.66, -0.7)], 0.02), bevel=0.08)
    s.add("frame", "shade", box(0.05, -0.32, 1.0, 0.075, 0.03), bevel=0.05)
    for x, r in ((-0.66, 0.28), (-0.08, 0.28), (0.44, 0.2)):
        _wheel(s, x, -0.76 + r, r)


def rocket(s: Sketch) -> None:
    """Draw nose up, fins, porthole and flame."""
    s.anchors = Anchors((0.0, 1.0, 0.15), (0.0, 0.25, 0.2), (0.0, 0.0, 0.33), 0.2, -0.4, (), -1.0)
    for paint, k in (("red:glow", 1.0), ("gold:glow", 0.6)):
        s.add(
            "flames",
            paint,
            smooth(
                [
                    (-0.2 * k, -0.62),
                    (0.2 * k, -0.62),
                    (0.12 * k, -0.84 * (0.8 + 0.2 * k)),
                    (0, -1.12 * (0.75 + 0.25 * k)),
                    (-0.12 * k, -0.84 * (0.8 + 0.2 * k)),
                ],
                5,
            ),
            bevel=0.12,
            line=0.007,
        )
    s.pair(
        "fins",
        "accent",
        smooth([(0.2, -0.16), (0.5, -0.42), (0.62, -0.86), (0.4, -0.72), (0.2, -0.62)], 5),
        bevel=0.08,
    )
    body = profile([-0.62, -0.5, 0.0, 0.45, 0.8, 1.0], [0.22, 0.28, 0.35, 0.31, 0.16, 0.015])
    s.add("body", "main", body, bevel=0.3)
    s.add("nose", "accent", body & above(0.62), bevel=0.26, line=0.009)
    s.add("bands", "second", body.grown(0.004) & box(0, -0.34, 0.5, 0.05, 0.0), bevel=0.28)
    s.add("porthole", "metal", circle(0, 0.26, 0.185), bevel=0.05)
    s.add("porthole", "glow:glass", circle(0, 0.26, 0.13), bevel=0.12)
    s.add("fins", "accent", smooth([(0, -0.3), (0.055, -0.62), (0, -0.92), (-0.055, -0.62)], 4), bevel=0.05)


def ufo(s: Sketch) -> None:
    """Draw a saucer with a dome."""
    s.anchors = Anchors((0.0, 0.55, 0.35), (0.0, 0.25, 0.2), (0.0, -0.05, 0.9), 0.1, -0.2, (), -0.45)
    s.add("dome", "glow:glass", ellipse(0, 0.1, 0.46, 0.48), bevel=0.35)
    s.add("pilot", "leaf:paint", ellipse(0, 0.22, 0.15, 0.19), bevel=0.12, line=0.008)
    s.pair("pilot", "pupil", ellipse(0.06, 0.25, 0.04, 0.06, -0.4), bevel=0.03, line=0.0)
    s.add("body", "metal", ellipse(0, -0.06, 1.04, 0.26), bevel=0.24)
    s.add("body", "main", ellipse(0, -0.22, 0.62, 0.18), bevel=0.14)
    for i in range(-3, 4):
        s.add(
            "lights",
            "gold:glow" if i % 2 else "accent:glow",
            circle(i * 0.27, -0.06 - 0.02 * (3 - abs(i)), 0.07),
            bevel=0.06,
        )


def ship(s: Sketch) -> None:
    """Draw a sailing ship; boats have one sail."""
    s.anchors = Anchors((0.0, 0.98, 0.2), (0.0, -0.5, 0.3), (0.0, -0.5, 0.8), 0.0, -0.6, (), -0.95)
    masts = ((0.0, 0.96, 0.5),) if s.option("kind") == "boat" else ((-0.46, 0.7, 0.34), (0.12, 0.98, 0.42))
    for x, top, w in masts:
        s.add("mast", "wood:timber", capsule((x, -0.4), (x, top), 0.035), bevel=0.035)
        for k in (0.0, 1.0) if len(masts) > 1 else (0.3,):
            base = -0.22 + k * (top + 0.1) * 0.5
            h = (top + 0.1) * 0.42 if len(masts) > 1 else 0.75
            sail = smooth(
                [
                    (x - w * (1 - 0.2 * k), base),
                    (x - w * (0.85 - 0.2 * k), base + h),
                    (x + w * (0.85 - 0.2 * k), base + h),
                    (x + w * (1.05 - 0.2 * k), base),
                    (x, base + 0.08),
                ],
                5,
            )
            s.add("sails", "cream:cloth", sail, bevel=0.12)
            s.add(
                "sails",
                "accent:cloth",
                sail & box(x, base + h * 0.55, w * 1.2, h * 0.13, 0.0),
                bevel=0.1,
                line=0.006,
                shadow=0.0,
            )
        s.add(
            "flag",
            "accent:cloth",
            polygon([(x, top + 0.12), (x + 0.26, top + 0.05), (x, top - 0.02)], 0.01),
            bevel=0.03,
        )
    s.add(
        "hull",
        "main:wood_across",
        smooth(
            [
                (-0.98, -0.2),
                (-0.78, -0.74),
                (-0.3, -0.94),
                (0.4, -0.92),
                (0.8, -0.64),
                (1.08, -0.16),
                (0.6, -0.36),
                (-0.6, -0.38),
            ],
            5,
        ),
        bevel=0.2,
    )
    s.add(
        "hull",
        "gold:timber",
        stroke([(-0.9, -0.33), (-0.5, -0.47), (0.4, -0.47), (0.94, -0.3)], 0.03),
        bevel=0.03,
    )
    for i in range(5):
        s.add("portholes", "shade", circle(-0.5 + i * 0.25, -0.64, 0.05), bevel=0.03)


def plane(s: Sketch) -> None:
    """Draw a propeller plane from the front."""
    s.anchors = Anchors((0.0, 0.4, 0.25), (0.0, 0.0, 0.2), (0.0, -0.05, 0.35), 0.1, -0.3, (), -0.65)
    s.pair("gear", "metal", capsule((0.22, -0.3), (0.3, -0.52), 0.035), bevel=0.03)
    s.pair("gear", "shade:plastic", box(0.31, -0.58, 0.055, 0.1, 0.04), bevel=0.05)
    s.add(
        "tail", "accent", polygon([(-0.05, 0.2), (0.05, 0.2), (0.03, 0.62), (-0.03, 0.62)], 0.02), bevel=0.04
    )
    s.add(
        "wings",
        "main",
        polygon([(-1.06, 0.12), (1.06, 0.12), (1.0, 0.02), (0.2, -0.14), (-0.2, -0.14), (-1.0, 0.02)], 0.02),
        bevel=0.07,
    )
    s.add("body", "main", circle(0, -0.04, 0.36), bevel=0.28)
    s.add("windows", "glass", ellipse(0, 0.2, 0.21, 0.13), bevel=0.08)
    s.add("engine", "second", circle(0, -0.08, 0.24), bevel=0.1)
    s.add("propeller", "wood:timber", ellipse(0, -0.08, 0.055, 0.55, 0.5), bevel=0.04)
    s.add("propeller", "gold", circle(0, -0.08, 0.09), bevel=0.08)


def balloon(s: Sketch) -> None:
    """Draw a hot-air balloon."""
    s.pair("ropes", "cream", capsule((0.24, -0.36), (0.15, -0.68), 0.014), bevel=0.01, line=0.005)
    body = smooth(
        [
            (0, 1.0),
            (0.56, 0.82),
            (0.72, 0.34),
            (0.5, -0.1),
            (0.22, -0.42),
            (-0.22, -0.42),
            (-0.5, -0.1),
            (-0.72, 0.34),
            (-0.56, 0.82),
        ],
        5,
    )
    s.add("body", "main:cloth", body, bevel=0.5)
    s.add("gores", "second:cloth", body & ellipse(0, 0.3, 0.42, 0.9), bevel=0.5, line=0.006, shadow=0.0)
    s.add("gores", "accent:cloth", body & ellipse(0, 0.3, 0.16, 0.9), bevel=0.5, line=0.006, shadow=0.0)
    s.add("basket", "wood:shingles", box(0, -0.82, 0.2, 0.16, 0.04), bevel=0.12)
    s.add("basket", "leather", box(0, -0.67, 0.22, 0.035, 0.03), bevel=0.03)


def submarine(s: Sketch) -> None:
    """Draw a round submarine with a periscope."""
    s.add("periscope", "metal", stroke([(-0.1, 0.4), (-0.1, 0.86), (0.14, 0.86)], 0.055), bevel=0.05)
    s.add("tower", "main", polygon([(-0.36, 0.3), (0.3, 0.3), (0.2, 0.66), (-0.28, 0.66)], 0.03), bevel=0.12)
    for a in (0.5, -0.5):
        s.add("propeller", "gold", ellipse(-1.0, 0.22 * (1 if a > 0 else -1) - 0.06, 0.08, 0.2), bevel=0.06)
    s.add(
        "fins", "accent", polygon([(-0.6, 0.1), (-0.94, 0.4), (-0.98, -0.48), (-0.6, -0.2)], 0.02), bevel=0.07
    )
    s.add("body", "main", ellipse(0.06, -0.06, 0.9, 0.46), bevel=0.4)
    for x in (-0.36, 0.1, 0.56):
        s.add("portholes", "gold", circle(x, -0.02, 0.165), bevel=0.05)
        s.add("portholes", "glow:glass", circle(x, -0.02, 0.11), bevel=0.1)
