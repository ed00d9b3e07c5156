"""Wings, capes, beards and other things on a body. Each reads the subject's anchors and adds parts."""

import math

from maquette.studio.painter.shapes import (
    above,
    box,
    capsule,
    circle,
    ellipse,
    polygon,
    ring,
    smooth,
    stroke,
)
from maquette.studio.painter.sketch import Sketch


def cape(s: Sketch) -> None:
    """Draw a cloak that stays behind arms and legs."""
    x, _, w = s.anchors.torso
    top = s.anchors.shoulder + 0.04
    hem = max(s.anchors.foot + 0.2, top - 1.0)
    s.back(
        "cape",
        "accent:folds",
        polygon([(x - w * 0.9, top), (x + w * 0.9, top), (x + w * 1.6, hem), (x - w * 1.6, hem)], 0.04),
        bevel=0.14,
    )
    s.pair("cape", "gold", circle(w * 0.72, top - 0.02, 0.04), bevel=0.04)


def scarf(s: Sketch) -> None:
    """Draw wound round the neck with one end hanging."""
    x, _, w = s.anchors.torso
    y = s.anchors.shoulder + 0.07
    s.add(
        "scarf", "accent:cloth", capsule((x + w * 0.3, y), (x + w * 0.62, y - 0.36), 0.06, 0.075), bevel=0.06
    )
    s.add("scarf", "accent:cloth", ellipse(x, y, w * 0.9, 0.085), bevel=0.08)


def wings(s: Sketch) -> None:
    """Draw feathered wings, spread."""
    x, _, w = s.anchors.torso
    y = s.anchors.shoulder
    for i in range(5):
        a = 1.15 - 0.42 * i
        length = 0.72 - 0.09 * i
        tip = (x + w * 0.5 + length * math.cos(a), y - 0.05 + length * math.sin(a))
        s.back_pair(
            "wings",
            "white:shingles" if i % 2 else "cream:shingles",
            capsule((x + w * 0.5, y - 0.05), tip, 0.09, 0.055),
            bevel=0.06,
        )


def bat_wings(s: Sketch) -> None:
    """Draw membranes between long fingers."""
    x, _, w = s.anchors.torso
    y = s.anchors.shoulder
    root = (x + w * 0.5, y - 0.1)
    web = [
        root,
        (x + w + 0.22, y + 0.5),
        (x + w + 0.72, y + 0.28),
        (x + w + 0.52, y + 0.06),
        (x + w + 0.6, y - 0.2),
        (x + w + 0.34, y - 0.16),
        (x + w + 0.22, y - 0.36),
    ]
    for a, b in ((0, 1), (1, 2), (1, 4), (1, 6)):
        s.back_pair("wings", "main-", capsule(web[a], web[b], 0.032, 0.016), bevel=0.03)
    membrane = polygon(web, 0.01)
    for shape in (membrane, membrane.mirrored()):
        s.back("wings", "accent:leather", shape, bevel=0.05)


def insect_wings(s: Sketch) -> None:
    """Draw four clear wings."""
    x, _, w = s.anchors.torso
    y = s.anchors.shoulder
    s.back_pair("wings", "glass", ellipse(x + w + 0.34, y + 0.26, 0.44, 0.2, 0.75), bevel=0.06)
    s.back_pair("wings", "glass", ellipse(x + w + 0.24, y - 0.24, 0.3, 0.15, -0.6), bevel=0.06)


def tail(s: Sketch) -> None:
    """Draw a pointed tail that curls out at the side."""
    x, _, w = s.anchors.torso
    base = s.anchors.hip
    points = [
        (x + w * 0.3, base),
        (x + w + 0.2, base - 0.3),
        (x + w + 0.38, base - 0.12),
        (x + w + 0.34, base + 0.1),
    ]
    s.back("tail", "main", stroke(points, 0.07, 0.03), bevel=0.06)
    tip = points[-1]
    s.back(
        "tail",
        "accent",
        polygon(
            [(tip[0] - 0.08, tip[1] - 0.02), (tip[0] + 0.08, tip[1] - 0.02), (tip[0], tip[1] + 0.13)], 0.012
        ),
        bevel=0.05,
    )


def glasses(s: Sketch) -> None:
    """Draw round lenses."""
    x, y, r = s.anchors.face
    for side in (-1, 1):
        s.add(
            "glasses",
            "shade",
            ring(x + side * r * 0.46, y - r * 0.02, r * 0.32, 0.014),
            bevel=0.015,
            line=0.004,
        )
    s.add("glasses", "shade", box(x, y, r * 0.14, 0.012, 0.01), bevel=0.01, line=0.0)


def goggles(s: Sketch) -> None:
    """Draw pushed up on the forehead."""
    x, top, r = s.anchors.head
    y = top - r * 0.42
    s.add("goggles", "leather", box(x, y, r * 1.06, r * 0.11, 0.02), bevel=0.03)
    for side in (-1, 1):
        s.add("goggles", "gold", circle(x + side * r * 0.4, y, r * 0.31), bevel=0.04)
        s.add("goggles", "glass", circle(x + side * r * 0.4, y, r * 0.22), bevel=0.05, line=0.006)


def beard(s: Sketch) -> None:
    """Draw a full beard."""
    x, y, r = s.anchors.face
    length = 1.9 if s.option("beard") == "long" else 1.35
    points = [
        (x - r * 0.95, y - r * 0.1),
        (x - r * 0.55, y - r * 0.42),
        (x, y - r * 0.3),
        (x + r * 0.55, y - r * 0.42),
        (x + r * 0.95, y - r * 0.1),
        (x + r * 0.8, y - r * 0.9),
        (x, y - r * length),
        (x - r * 0.8, y - r * 0.9),
    ]
    s.add("beard", "hair", smooth(points, 4), bevel=0.1)
    s.add(
        "mouth",
        "red-",
        capsule((x - r * 0.16, y - r * 0.62), (x + r * 0.16, y - r * 0.62), 0.011),
        bevel=0.01,
        line=0.0,
        shadow=0.0,
    )


def eyepatch(s: Sketch) -> None:
    """Draw one eye covered."""
    x, y, r = s.anchors.face
    s.add(
        "eyepatch",
        "shade:leather",
        capsule((x - r * 1.05, y + r * 0.5), (x + r * 1.0, y - r * 0.1), 0.012),
        bevel=0.01,
        line=0.0,
    )
    s.add("eyepatch", "shade:leather", ellipse(x + r * 0.46, y, r * 0.34, r * 0.32), bevel=0.05)


def headphones(s: Sketch) -> None:
    """Draw cups and a band."""
    x, top, r = s.anchors.head
    y = top - r
    s.add("headphones", "shade", ring(x, y + r * 0.05, r * 1.12, 0.03) & above(y), bevel=0.03)
    for side in (-1, 1):
        s.add("headphones", "accent", box(x + side * r * 1.12, y, r * 0.22, r * 0.38, 0.05), bevel=0.06)


def bow_tie(s: Sketch) -> None:
    """Draw under the chin."""
    x = s.anchors.torso[0]
    y = s.anchors.shoulder + 0.05
    s.pair(
        "bow tie",
        "accent:cloth",
        polygon([(x, y), (x + 0.13, y + 0.07), (x + 0.13, y - 0.07)], 0.01),
        bevel=0.05,
    )
    s.add("bow tie", "accent-:cloth", circle(x, y, 0.032), bevel=0.03)


def flower(s: Sketch) -> None:
    """Draw one blossom at the head."""
    x, top, r = s.anchors.head
    cx, cy = x + r * 0.6, top - r * 0.3
    for i in range(5):
        a = i * 2 * math.pi / 5
        s.add(
            "flower",
            "accent",
            circle(cx + 0.06 * math.cos(a), cy + 0.06 * math.sin(a), 0.045),
            bevel=0.04,
            line=0.006,
        )
    s.add("flower", "gold:fur", circle(cx, cy, 0.036), bevel=0.03, line=0.006)


def spikes(s: Sketch) -> None:
    """Draw thorns round the body."""
    x, y, w = s.anchors.torso
    h = max((s.anchors.shoulder - s.anchors.hip) / 2 + 0.1, 0.2)
    for i in range(9):
        a = math.pi * (i + 0.5) / 9
        base, tip = (
            (x + w * 0.8 * math.cos(a), y + h * 0.8 * math.sin(a)),
            (x + (w + 0.26) * math.cos(a), y + (h + 0.26) * math.sin(a)),
        )
        s.back("spikes", "cream", capsule(base, tip, 0.075, 0.006), bevel=0.06)
