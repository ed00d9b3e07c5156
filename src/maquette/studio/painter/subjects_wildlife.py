"""Birds, sea creatures, reptiles and insects."""

import math

from maquette.studio.painter.shapes import (
    above,
    box,
    capsule,
    circle,
    ellipse,
    polygon,
    smooth,
    star,
    stroke,
)
from maquette.studio.painter.sketch import Anchors, Sketch
from maquette.studio.painter.subjects_creatures import eye, eyes


def bird(s: Sketch) -> None:
    """Draw a plump bird from the side."""
    s.anchors = Anchors((0.42, 0.72, 0.24), (0.5, 0.5, 0.2), (0.0, -0.1, 0.5), 0.2, -0.4, (), -0.95)
    for x in (-0.02, 0.18):
        s.add("legs", "gold:plastic", capsule((x, -0.5), (x + 0.03, -0.88), 0.032), bevel=0.03)
        s.add("feet", "gold:plastic", box(x + 0.08, -0.91, 0.13, 0.03, 0.03), bevel=0.03)
    s.add(
        "tail",
        "main-:shingles",
        polygon([(-0.45, -0.05), (-1.02, 0.22), (-1.08, 0.02), (-0.95, -0.1), (-0.5, -0.35)], 0.02),
        bevel=0.08,
    )
    s.add(
        "body",
        "main:fur",
        smooth(
            [
                (-0.6, 0.0),
                (-0.1, 0.3),
                (0.22, 0.62),
                (0.5, 0.72),
                (0.72, 0.52),
                (0.66, 0.1),
                (0.3, -0.45),
                (-0.1, -0.56),
                (-0.46, -0.4),
            ],
            5,
        ),
        bevel=0.3,
    )
    s.add(
        "belly",
        "second:fur",
        smooth([(0.6, 0.3), (0.64, 0.0), (0.28, -0.42), (-0.05, -0.5), (0.25, -0.1)], 5),
        bevel=0.15,
        line=0.0,
        shadow=0.0,
    )
    s.add("beak", "gold:plastic", polygon([(0.66, 0.58), (1.02, 0.45), (0.68, 0.38)], 0.015), bevel=0.07)
    s.add(
        "wings",
        "main-:shingles",
        smooth([(0.2, 0.18), (-0.2, 0.16), (-0.72, -0.18), (-0.3, -0.32), (0.1, -0.2)], 5),
        bevel=0.12,
    )
    eye(s, 0.54, 0.52, 0.08)


def owl(s: Sketch) -> None:
    """Draw an owl on its feet, seen from the front."""
    s.anchors = Anchors((0.0, 0.72, 0.4), (0.0, 0.42, 0.36), (0.0, -0.2, 0.5), 0.2, -0.6, (), -0.95)
    s.pair("ears", "main:fur", polygon([(0.1, 0.68), (0.42, 0.5), (0.5, 0.98)], 0.02), bevel=0.08)
    s.add(
        "body",
        "main:shingles",
        smooth(
            [
                (0, 0.74),
                (0.46, 0.6),
                (0.56, 0.1),
                (0.48, -0.6),
                (0, -0.88),
                (-0.48, -0.6),
                (-0.56, 0.1),
                (-0.46, 0.6),
            ],
            5,
        ),
        bevel=0.32,
    )
    s.add("belly", "second:shingles", ellipse(0, -0.32, 0.33, 0.45), bevel=0.2, line=0.006, shadow=0.1)
    s.pair("wings", "main-:shingles", ellipse(0.55, -0.2, 0.17, 0.45, 0.16), bevel=0.12)
    s.pair("face", "cream:fur", circle(0.21, 0.38, 0.225), bevel=0.1)
    eyes(s, 0.2, 0.38, 0.145, "gold")
    s.add("beak", "gold:plastic", polygon([(-0.07, 0.28), (0.07, 0.28), (0, 0.1)], 0.015), bevel=0.06)
    s.pair("feet", "gold:plastic", ellipse(0.2, -0.88, 0.15, 0.07), bevel=0.06)


def fish(s: Sketch) -> None:
    """Draw a fish swimming to the right."""
    s.anchors = Anchors((0.3, 0.42, 0.25), (0.55, 0.08, 0.2), (0.0, 0.0, 0.6), 0.2, -0.3, (), -0.5)
    s.add(
        "fins", "second:folds", smooth([(0.25, 0.3), (-0.1, 0.72), (-0.5, 0.62), (-0.4, 0.22)], 5), bevel=0.08
    )
    s.add(
        "fins",
        "second:folds",
        smooth([(0.1, -0.3), (-0.2, -0.66), (-0.42, -0.55), (-0.3, -0.2)], 5),
        bevel=0.08,
    )
    s.add(
        "tail",
        "second:folds",
        smooth([(-0.52, 0.0), (-1.02, 0.48), (-0.9, 0.0), (-1.02, -0.48)], 5),
        bevel=0.09,
    )
    body = smooth(
        [(0.86, 0.02), (0.5, 0.36), (-0.05, 0.42), (-0.6, 0.08), (-0.6, -0.08), (-0.05, -0.4), (0.5, -0.34)],
        6,
    )
    s.add("body", "main:scales", body, bevel=0.32)
    s.add("head", "main-:paint", body & circle(0.95, 0.0, 0.52), bevel=0.3, line=0.008, shadow=0.2)
    s.add("fins", "second:folds", ellipse(0.08, -0.1, 0.19, 0.09, 0.5), bevel=0.06)
    eye(s, 0.58, 0.1, 0.09)
    s.add("mouth", "shade", stroke([(0.85, -0.06), (0.74, -0.11), (0.66, -0.1)], 0.012), bevel=0.01, line=0.0)


def shark(s: Sketch) -> None:
    """Draw a shark swimming to the right."""
    s.anchors = Anchors((0.2, 0.3, 0.25), (0.6, 0.08, 0.2), (0.0, 0.0, 0.6), 0.2, -0.3, (), -0.5)
    s.add("fins", "main-", polygon([(0.2, 0.2), (-0.12, 0.62), (-0.22, 0.16)], 0.02), bevel=0.08)
    s.add(
        "tail", "main-", polygon([(-0.66, 0.02), (-1.08, 0.56), (-0.9, 0.0), (-1.0, -0.32)], 0.02), bevel=0.08
    )
    body = smooth(
        [(1.06, 0.06), (0.55, 0.27), (0.0, 0.26), (-0.7, 0.07), (-0.7, -0.05), (0.0, -0.26), (0.6, -0.22)], 6
    )
    s.add("body", "main", body, bevel=0.24)
    s.add(
        "belly",
        "cream",
        body & polygon([(1.1, 0.0), (-0.7, -0.04), (-0.5, -0.4), (1.0, -0.4)]),
        bevel=0.1,
        line=0.0,
        shadow=0.0,
    )
    s.add("fins", "main-", polygon([(0.3, -0.12), (-0.05, -0.55), (-0.02, -0.16)], 0.02), bevel=0.06)
    for i in range(3):
        s.add(
            "gills",
            "shade",
            capsule((0.34 - i * 0.06, 0.1), (0.32 - i * 0.06, -0.06), 0.009),
            bevel=0.01,
            line=0.0,
            shadow=0.0,
        )
    eye(s, 0.66, 0.1, 0.05)
    s.add(
        "mouth",
        "shade",
        polygon([(0.92, -0.03), (0.56, -0.1), (0.62, -0.15), (0.88, -0.1)], 0.006),
        bevel=0.02,
    )


def snake(s: Sketch) -> None:
    """Draw a snake winding upwards."""
    s.anchors = Anchors((0.3, 0.95, 0.16), (0.3, 0.8, 0.14), (0.0, -0.4, 0.5), 0.3, -0.5, (), -0.95)
    t = [i / 16 for i in range(17)]
    path = [(0.62 * math.sin(9.2 * v) * (1 - 0.45 * v) + 0.1 * v, -0.88 + 1.55 * v) for v in t]
    s.add("body", "main:scales", stroke([(-0.95, -0.72), (-0.6, -0.92), *path], 0.04, 0.13), bevel=0.11)
    x, y = path[-1]
    s.add(
        "tongue",
        "red",
        stroke([(x + 0.2, y + 0.1), (x + 0.42, y + 0.08), (x + 0.5, y + 0.15)], 0.014),
        bevel=0.01,
        line=0.005,
    )
    s.add("head", "main:scales", ellipse(x + 0.08, y + 0.12, 0.23, 0.15, 0.25), bevel=0.13)
    eye(s, x + 0.12, y + 0.18, 0.05, "gold")


def turtle(s: Sketch) -> None:
    """Draw a turtle from the side."""
    s.anchors = Anchors((0.82, 0.25, 0.16), (0.85, 0.1, 0.14), (0.0, 0.0, 0.6), 0.3, -0.3, (), -0.6)
    for x in (-0.45, 0.42):
        s.add("legs", "second", capsule((x, -0.2), (x + 0.05, -0.5), 0.14, 0.13), bevel=0.1)
    s.add("tail", "second", polygon([(-0.65, -0.2), (-0.95, -0.32), (-0.65, -0.34)], 0.02), bevel=0.05)
    s.add(
        "head",
        "second",
        circle(0.86, 0.06, 0.18).blend(capsule((0.5, -0.2), (0.82, 0.0), 0.12), 0.08),
        bevel=0.13,
    )
    s.add("shell", "main:crystal", ellipse(0, -0.22, 0.76, 0.72) & above(-0.24), bevel=0.3)
    s.add("shell", "second-:wood", box(0, -0.25, 0.82, 0.075, 0.07), bevel=0.06)
    eye(s, 0.92, 0.12, 0.05)


def spider(s: Sketch) -> None:
    """Draw eight legs and too many eyes, seen from the front."""
    s.anchors = Anchors((0.0, 0.36, 0.3), (0.0, -0.1, 0.25), (0.0, 0.05, 0.4), 0.1, -0.3, (), -0.7)
    for i in range(4):
        a = 0.75 - 0.5 * i
        knee = (0.3 + 0.45 * math.cos(a * 0.7), 0.05 + 0.55 * math.sin(a))
        foot = (knee[0] + 0.3 - 0.05 * abs(i - 1.5), knee[1] - 0.5 + 0.06 * i)
        s.back_pair("legs", "main-:fur", stroke([(0.15, 0.0), knee, foot], 0.065, 0.024), bevel=0.05)
    s.add("body", "main:fur", ellipse(0, 0.16, 0.42, 0.4), bevel=0.3)
    s.add("head", "main:fur", ellipse(0, -0.16, 0.28, 0.24), bevel=0.2)
    for x, y, r in ((0.09, -0.1, 0.07), (0.2, -0.04, 0.04), (0.07, 0.03, 0.032)):
        s.pair("eyes", "red:eye", circle(x, y, r), bevel=r, line=0.006)
    s.pair("fangs", "cream", polygon([(0.04, -0.32), (0.12, -0.32), (0.08, -0.46)], 0.01), bevel=0.03)


def insect(s: Sketch) -> None:
    """Draw wings spread, seen from above: butterflies, bees, moths, dragonflies."""
    s.anchors = Anchors((0.0, 0.6, 0.12), (0.0, 0.5, 0.1), (0.0, 0.0, 0.15), 0.2, -0.3, (), -0.7)
    if s.option("wings") == "small":
        s.pair("wings", "glass", ellipse(0.5, 0.34, 0.5, 0.2, 0.35), bevel=0.05)
        s.pair("wings", "glass", ellipse(0.4, 0.02, 0.34, 0.15, -0.3), bevel=0.05)
        s.add("body", "main:striped", ellipse(0, -0.2, 0.27, 0.5), bevel=0.22)
    else:
        s.pair(
            "wings",
            "main",
            smooth([(0.06, 0.1), (0.5, 0.75), (0.98, 0.78), (0.92, 0.3), (0.4, 0.0)], 5),
            bevel=0.07,
        )
        s.pair(
            "wings",
            "second",
            smooth([(0.3, 0.24), (0.56, 0.6), (0.84, 0.62), (0.78, 0.36)], 5),
            bevel=0.05,
            line=0.006,
        )
        s.pair(
            "wings",
            "main-",
            smooth([(0.06, 0.02), (0.55, -0.02), (0.76, -0.4), (0.5, -0.78), (0.2, -0.5)], 5),
            bevel=0.07,
        )
        s.pair("wings", "accent", circle(0.5, -0.42, 0.11), bevel=0.05, line=0.006)
        s.add("body", "shade:fur", ellipse(0, -0.12, 0.085, 0.46), bevel=0.08)
    s.pair(
        "antenna", "shade", stroke([(0.03, 0.42), (0.16, 0.72), (0.28, 0.78)], 0.018), bevel=0.02, line=0.004
    )
    s.add("head", "shade:fur", circle(0, 0.36, 0.14), bevel=0.1)
    s.pair("eyes", "white", circle(0.06, 0.39, 0.04), bevel=0.04, line=0.005)


def octopus(s: Sketch) -> None:
    """Draw a round head over six curling arms."""
    s.anchors = Anchors((0.0, 0.9, 0.4), (0.0, 0.25, 0.34), (0.0, 0.2, 0.5), 0.0, -0.2, (), -0.95)
    for i, (x, out) in enumerate(((0.12, 0.2), (0.28, 0.52), (0.4, 0.86))):
        arm = stroke(
            [
                (x, 0.0),
                (x + out * 0.55, -0.4),
                (x + out * 0.5, -0.78 + 0.1 * i),
                (x + out * 0.8, -0.9 + 0.2 * i),
                (x + out * 0.95, -0.7 + 0.22 * i),
            ],
            0.15,
            0.045,
        )
        s.pair("arms", "main", arm, bevel=0.1)
    s.add("head", "main", ellipse(0, 0.36, 0.52, 0.55).blend(ellipse(0, -0.06, 0.38, 0.25), 0.1), bevel=0.36)
    eyes(s, 0.19, 0.22, 0.125)
    s.add("mouth", "shade", ellipse(0, 0.0, 0.07, 0.05), bevel=0.03)
    for x, y, r in ((-0.2, 0.68, 0.07), (0.1, 0.76, 0.05), (0.28, 0.6, 0.06)):
        s.add("spots", "second", circle(x, y, r), bevel=0.04, line=0.005, shadow=0.1)


def starfish(s: Sketch) -> None:
    """Draw five arms."""
    s.add("body", "main", star(0, 0, 0.9, 0.3, 5, math.pi / 5).grown(0.11), bevel=0.2)
    for i in range(5):
        a = math.pi * 0.7 + i * 2 * math.pi / 5
        for r in (0.25, 0.45, 0.65):
            s.add("spots", "second", circle(r * math.cos(a), r * math.sin(a), 0.05), bevel=0.04, line=0.005)
