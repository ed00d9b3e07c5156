"""Food, stones, fire and the sky."""

import math

from maquette.studio.painter.shapes import (
    above,
    below,
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
from maquette.studio.painter.sketch import Anchors, Sketch
from maquette.studio.painter.subjects_creatures import eye


def cake(s: Sketch) -> None:
    """Draw two tiers, icing and a cherry."""
    s.add("plate", "metal", ellipse(0, -0.78, 1.0, 0.12), bevel=0.06)
    for y, w, h in ((-0.45, 0.82, 0.32), (0.14, 0.54, 0.28)):
        s.add("body", "main", box(0, y, w, h, 0.06), bevel=0.3)
        drip = [(-w - 0.02, y + h), (w + 0.02, y + h)] + [
            (w - (i + 0.5) * w / 4, y + h - (0.12 + 0.16 * ((i * 5) % 3) / 2)) for i in range(8)
        ]
        s.add("icing", "second", smooth(drip, 4).grown(0.03), bevel=0.07)
    s.add("cherry", "red:plastic", circle(0, 0.58, 0.16), bevel=0.14)
    s.add("cherry", "leaf", stroke([(0, 0.7), (0.06, 0.86), (0.16, 0.95)], 0.018), bevel=0.02, line=0.006)


def ice_cream(s: Sketch) -> None:
    """Draw three scoops in a cone."""
    s.add(
        "cone",
        "wood:shingles",
        polygon([(-0.42, 0.0), (0.42, 0.0), (0.02, -0.98), (-0.02, -0.98)], 0.02),
        bevel=0.25,
    )
    for x, y, paint in ((-0.24, 0.2, "main"), (0.26, 0.2, "second"), (0.0, 0.54, "accent")):
        s.add("scoops", paint, circle(x, y, 0.33).wavy(0.015, 22), bevel=0.28)
    s.add("cherry", "red:plastic", circle(0.05, 0.9, 0.1), bevel=0.09)


def burger(s: Sketch) -> None:
    """Draw bun, salad, cheese, patty."""
    s.add("flag", "wood:timber", capsule((0, 0.6), (0, 1.3), 0.022), bevel=0.02)
    s.add("flag", "red:cloth", polygon([(0.01, 1.3), (0.42, 1.18), (0.01, 1.04)], 0.01), bevel=0.03)
    s.add("body", "main:leather", box(0, -0.6, 0.78, 0.18, 0.14), bevel=0.16)
    s.add("patty", "wood--:stone", box(0, -0.32, 0.84, 0.13, 0.1), bevel=0.1)
    s.add(
        "cheese",
        "gold:plastic",
        polygon(
            [(-0.86, -0.14), (0.86, -0.14), (0.5, -0.22), (0.3, -0.42), (0.1, -0.22), (-0.5, -0.22)], 0.02
        ),
        bevel=0.04,
    )
    s.add("salad", "leaf", box(0, -0.04, 0.9, 0.09, 0.08).wavy(0.03, 22), bevel=0.07)
    s.add("body", "main:leather", ellipse(0, 0.04, 0.84, 0.72) & above(0.04), bevel=0.34)
    for i in range(11):
        s.add(
            "seeds",
            "cream",
            ellipse(-0.55 + 0.11 * i, 0.34 + 0.13 * ((i * 7) % 3), 0.04, 0.025, 0.5),
            bevel=0.02,
            line=0.006,
        )


def gem(s: Sketch) -> None:
    """Draw a cut stone: table, crown and pavilion facets."""
    s.anchors = Anchors((0.0, 0.62, 0.5), (0.0, 0.0, 0.3), (0.0, 0.0, 0.8), 0.3, -0.3, (), -0.95)
    w, waist, top = 0.92, 0.24, 0.68
    xs = (-0.92, -0.36, 0.36, 0.92)
    crown = ((-0.55, top), (-0.18, top), (0.18, top), (0.55, top))
    s.add(
        "body",
        "main:plastic",
        polygon([(-w, waist), (-0.55, top), (0.55, top), (w, waist), (0, -0.95)]),
        bevel=0.08,
    )
    facets = [
        ("main-", [(xs[0], waist), (xs[1], waist), (0, -0.95)]),
        ("main", [(xs[1], waist), (xs[2], waist), (0, -0.95)]),
        ("main--", [(xs[2], waist), (xs[3], waist), (0, -0.95)]),
    ]
    facets += [
        ("main+", [(xs[0], waist), crown[0], (xs[1], waist)]),
        ("main++", [crown[0], crown[3], (xs[2], waist), (xs[1], waist)]),
        ("main", [(xs[2], waist), crown[3], (xs[3], waist)]),
    ]
    for paint, points in facets:
        s.add("facets", f"{paint}:crystal", polygon(points), bevel=0.05, line=0.007, shadow=0.0)
    s.add("shine", "white:flat", star(-0.42, 0.46, 0.16, 0.035, 4), bevel=0.02, line=0.0, shadow=0.0)


def crystals(s: Sketch) -> None:
    """Draw a cluster of crystals growing from rock."""
    for x, lean, h, w in (
        (-0.42, 0.42, 0.95, 0.17),
        (0.46, -0.46, 0.85, 0.16),
        (-0.2, 0.16, 1.35, 0.2),
        (0.24, -0.18, 1.15, 0.19),
        (0.02, 0.0, 1.7, 0.23),
    ):
        y = -0.72
        shape = polygon(
            [(x - w, y), (x + w, y), (x + w, y + h * 0.72), (x, y + h), (x - w, y + h * 0.72)]
        ).turned(lean, (x, y))
        s.add("body", "main:crystal", shape, bevel=0.1)
        side = polygon([(x + w * 0.15, y), (x + w, y), (x + w, y + h * 0.72), (x, y + h)]).turned(
            lean, (x, y)
        )
        s.add("facets", "main-:crystal", side, bevel=0.06, line=0.006, shadow=0.0)
    s.add(
        "rock",
        "stone",
        smooth([(-0.82, -0.92), (-0.7, -0.66), (-0.3, -0.5), (0.2, -0.58), (0.66, -0.64), (0.84, -0.92)], 5),
        bevel=0.14,
    )


def rock(s: Sketch) -> None:
    """Draw a boulder."""
    points = []
    for i in range(7):
        a = 0.3 + i * 2 * math.pi / 7
        r = s.between(0.5, 1.0)
        points.append((r * math.cos(a), 0.72 * r * math.sin(a) - 0.15 * (math.sin(a) < 0)))
    s.add("body", "stone", polygon(points, 0.05), bevel=0.35)
    for _ in range(3):
        x, y = s.rng.uniform(-0.5, 0.3), s.rng.uniform(-0.3, 0.3)
        s.add(
            "cracks",
            "stone--",
            stroke([(x, y), (x + 0.14, y - 0.1), (x + 0.2, y - 0.24)], 0.016, 0.006),
            bevel=0.01,
            line=0.004,
            shadow=0.0,
        )


def planet(s: Sketch) -> None:
    """Draw a ringed planet."""
    s.anchors = Anchors((0.0, 0.6, 0.4), (0.0, 0.0, 0.3), (0.0, 0.0, 0.6), 0.3, -0.3, (), -0.6)
    tilt = 0.32
    halo = (ellipse(0, 0, 1.05, 0.3) - ellipse(0, 0, 0.78, 0.17)).turned(tilt)
    s.add("rings", "second", halo, bevel=0.05)
    ball = circle(0, 0, 0.6)
    s.add("body", "main", ball, bevel=0.55)
    for y, h in ((0.3, 0.07), (0.04, 0.1), (-0.26, 0.06)):
        s.add(
            "bands", "accent", ball & box(0, y, 0.7, h, 0.03).turned(tilt), bevel=0.55, line=0.004, shadow=0.0
        )
    front = halo & box(0, -0.5, 1.2, 0.5, 0.0).turned(tilt)
    s.add("rings", "second", front, bevel=0.05)


def moon(s: Sketch) -> None:
    """Draw a crescent with a sleeping face."""
    s.add("body", "main", circle(-0.05, 0, 0.92) - circle(0.42, 0.14, 0.76), bevel=0.24)
    for x, y, r in ((-0.66, 0.3, 0.09), (-0.5, -0.5, 0.11), (-0.74, -0.1, 0.06)):
        s.add("craters", "main-", circle(x, y, r), bevel=0.04, line=0.006, shadow=0.1)
    s.add("star", "gold:glow", star(0.5, 0.3, 0.26, 0.11, 5), bevel=0.07)
    s.add("thread", "cream", capsule((0.4, 0.7), (0.49, 0.52), 0.02), bevel=0.02)


def sun(s: Sketch) -> None:
    """Draw a smiling sun with rays."""
    for i in range(12):
        a = i * math.pi / 6
        far = 1.0 if i % 2 else 0.85
        s.add(
            "rays",
            "second",
            polygon(
                [
                    (0.5 * math.cos(a - 0.2), 0.5 * math.sin(a - 0.2)),
                    (far * math.cos(a), far * math.sin(a)),
                    (0.5 * math.cos(a + 0.2), 0.5 * math.sin(a + 0.2)),
                ],
                0.02,
            ),
            bevel=0.08,
        )
    s.add("body", "main", circle(0, 0, 0.56), bevel=0.4)
    eye(s, -0.2, 0.1, 0.09)
    eye(s, 0.2, 0.1, 0.09)
    s.add("mouth", "red", (ring(0, -0.02, 0.24, 0.025) & below(-0.1)), bevel=0.02, line=0.0)


def cloud(s: Sketch) -> None:
    """Draw puffs and a few drops."""
    for x in (-0.45, 0.0, 0.45):
        s.add(
            "rain",
            "glow",
            smooth([(x, -0.36), (x + 0.09, -0.62), (x, -0.76), (x - 0.09, -0.62)], 4),
            bevel=0.08,
        )
    body = box(0, -0.08, 0.85, 0.22, 0.2)
    for x, y, r in ((-0.5, 0.1, 0.36), (0.05, 0.3, 0.46), (0.55, 0.1, 0.34)):
        body = body.blend(circle(x, y, r), 0.08)
    s.add("body", "main", body, bevel=0.34)


def starry(s: Sketch) -> None:
    """Draw a five-pointed star."""
    s.add("body", "main", star(0, -0.05, 0.95, 0.46, 5).grown(0.05), bevel=0.26)
    s.pair("eyes", "pupil", ellipse(0.15, 0.05, 0.05, 0.1), bevel=0.04, line=0.0)


def heart(s: Sketch) -> None:
    """Draw a heart."""
    s.add(
        "body",
        "main:plastic",
        smooth(
            [
                (0, 0.48),
                (0.34, 0.8),
                (0.84, 0.66),
                (0.9, 0.2),
                (0.5, -0.42),
                (0, -0.9),
                (-0.5, -0.42),
                (-0.9, 0.2),
                (-0.84, 0.66),
                (-0.34, 0.8),
            ],
            5,
        ),
        bevel=0.4,
    )
    s.add("shine", "white:flat", ellipse(-0.5, 0.44, 0.14, 0.08, 0.7), bevel=0.05, line=0.0, shadow=0.0)


def flame(s: Sketch) -> None:
    """Draw a camp fire on crossed logs."""
    for paint, k in (("red:glow", 1.0), ("accent:glow", 0.7), ("gold:glow", 0.4)):
        pts = [
            (-0.52, -0.4),
            (-0.6, 0.06),
            (-0.34, 0.4),
            (-0.26, 0.18),
            (-0.05, 0.98),
            (0.2, 0.38),
            (0.34, 0.62),
            (0.58, 0.0),
            (0.5, -0.4),
            (0, -0.62),
        ]
        s.add(
            "flames",
            paint,
            smooth([(x * k, (y + 0.6) * k - 0.6) for x, y in pts], 5),
            bevel=0.2,
            line=0.008 * k,
        )
    for side in (-1, 1):
        s.add("logs", "wood:bark", capsule((side * 0.72, -0.86), (-side * 0.5, -0.58), 0.12), bevel=0.11)
        s.add("logs", "cream:timber", circle(side * 0.74, -0.86, 0.1), bevel=0.05)
    for i in range(-3, 4):
        s.add("stones", "stone", ellipse(i * 0.27, -0.92, 0.15, 0.1), bevel=0.1)


def egg(s: Sketch) -> None:
    """Draw a speckled egg in a nest."""
    s.add(
        "body",
        "main",
        smooth(
            [
                (0, 0.92),
                (0.42, 0.5),
                (0.56, -0.1),
                (0.36, -0.66),
                (0, -0.8),
                (-0.36, -0.66),
                (-0.56, -0.1),
                (-0.42, 0.5),
            ],
            5,
        ),
        bevel=0.46,
    )
    for i in range(9):
        s.add(
            "spots",
            "second",
            circle(0.36 * math.sin(i * 2.1), 0.62 - i * 0.12, 0.05 + 0.02 * (i % 3)),
            bevel=0.04,
            line=0.005,
            shadow=0.1,
        )
    s.add(
        "nest",
        "wood:fur",
        smooth([(-0.95, -0.42), (0.95, -0.42), (0.72, -0.86), (0, -0.98), (-0.72, -0.86)], 5).wavy(0.03, 34),
        bevel=0.2,
    )
