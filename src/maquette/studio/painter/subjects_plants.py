"""Trees, flowers and fruit."""

import math

from maquette.studio.painter.shapes import (
    box,
    capsule,
    circle,
    ellipse,
    polygon,
    profile,
    smooth,
    stroke,
)
from maquette.studio.painter.sketch import Anchors, Sketch


def tree(s: Sketch) -> None:
    """Draw a broad tree: trunk, roots, clumps of leaves, fruit."""
    s.anchors = Anchors((0.0, 0.9, 0.4), (0.0, -0.4, 0.15), (0.0, -0.5, 0.2), 0.1, -0.6, (), -1.0)
    trunk = capsule((0, -0.2), (0, -0.86), 0.11, 0.16) | capsule((0.06, -0.8), (0.32, -0.97), 0.1, 0.03)
    trunk |= capsule((-0.06, -0.8), (-0.34, -0.96), 0.1, 0.03) | capsule((0, -0.25), (0.28, 0.1), 0.075, 0.04)
    s.add("trunk", "wood:bark", trunk | capsule((0, -0.3), (-0.26, 0.05), 0.075, 0.04), bevel=0.14)
    count = 9 + int(s.shape.integers(3))
    clumps = [(0.0, 0.3, 0.44)]
    for i in range(count):
        a = i / count * 2 * math.pi
        wide, tall, r = s.between(0.38, 0.5), s.between(0.28, 0.4), s.between(0.2, 0.29)
        clumps.append((wide * math.cos(a), 0.34 + tall * math.sin(a), r))
    for x, y, r in sorted(clumps, key=lambda c: -c[1]):
        shade = "leaf+" if y > 0.45 else "leaf" if y > 0.15 else "leaf-"
        s.add("leaves", shade, circle(x, y, r).wavy(0.018, 34, x * 9), bevel=r * 0.9, line=0.008)
    for i in range(5):
        x, y, r = clumps[1 + (i * 2) % count]
        s.add("fruit", "accent", circle(x * 0.8, y * 0.85 + 0.05, 0.05), bevel=0.05)


def pine(s: Sketch) -> None:
    """Draw a conifer in tiers."""
    s.anchors = Anchors((0.0, 0.98, 0.1), (0.0, -0.2, 0.2), (0.0, -0.3, 0.4), 0.3, -0.6, (), -1.0)
    s.add("trunk", "wood:bark", capsule((0, -0.5), (0, -0.92), 0.11, 0.14), bevel=0.12)
    for i in range(4):
        base, w, h = -0.68 + 0.36 * i, 0.66 - 0.13 * i, 0.62 - 0.03 * i
        tier = [
            (-w, base),
            (-w * 0.5, base + 0.09),
            (-w * 0.2, base - 0.03),
            (w * 0.2, base + 0.07),
            (w * 0.55, base - 0.01),
            (w, base),
        ]
        s.add(
            "leaves",
            "leaf" if i % 2 else "leaf-",
            smooth([*tier, (0.03, base + h), (-0.03, base + h)], 4).wavy(0.012, 40),
            bevel=0.16,
        )


def palm(s: Sketch) -> None:
    """Draw a palm with coconuts."""
    s.add(
        "trunk",
        "wood:wood_across",
        stroke([(-0.24, -1.0), (-0.12, -0.5), (0.02, 0.0), (0.06, 0.4)], 0.13, 0.075),
        bevel=0.1,
    )
    for a, reach in ((0.25, 0.78), (0.85, 0.7), (1.5, 0.5), (2.2, 0.68), (2.85, 0.78)):
        tip = (0.06 + reach * math.cos(a), 0.42 + reach * math.sin(a) * 0.75 - 0.16)
        bend = (0.06 + reach * 0.55 * math.cos(a), 0.48 + reach * 0.62 * math.sin(a))
        leaf = smooth(
            [(0.06, 0.36), (bend[0] - 0.05, bend[1] + 0.12), tip, (bend[0] + 0.02, bend[1] - 0.1)], 5
        )
        s.add("leaves", "leaf", leaf.wavy(0.012, 46), bevel=0.08)
    for x in (-0.06, 0.08, 0.2):
        s.add("fruit", "wood:timber", circle(x, 0.32, 0.095), bevel=0.09)


def bush(s: Sketch) -> None:
    """Draw a low round shrub with berries."""
    for x, y, r in (
        (-0.55, -0.2, 0.4),
        (0.55, -0.2, 0.42),
        (-0.25, 0.15, 0.42),
        (0.3, 0.15, 0.4),
        (0, -0.25, 0.48),
    ):
        s.add("leaves", "leaf", circle(x, y, r).wavy(0.02, 30, x * 7), bevel=0.3)
    for i in range(8):
        s.add(
            "berries",
            "accent",
            circle(
                0.7 * math.cos(i * 2.4) * (0.4 + 0.07 * i),
                -0.1 + 0.4 * math.sin(i * 2.4) * (0.4 + 0.06 * i),
                0.055,
            ),
            bevel=0.05,
        )


def mushroom(s: Sketch) -> None:
    """Draw a spotted toadstool."""
    s.anchors = Anchors((0.0, 0.85, 0.5), (0.0, -0.4, 0.2), (0.0, -0.4, 0.28), 0.0, -0.6, (), -0.95)
    s.add("stem", "cream", profile([-0.95, -0.8, -0.3, 0.25], [0.36, 0.34, 0.22, 0.24]), bevel=0.24)
    s.add("gills", "cream-:folds", ellipse(0, 0.08, 0.76, 0.16), bevel=0.06)
    cap = smooth(
        [
            (-0.92, 0.02),
            (-0.72, 0.52),
            (0, 0.9),
            (0.72, 0.52),
            (0.92, 0.02),
            (0.45, 0.08),
            (0, 0.1),
            (-0.45, 0.08),
        ],
        5,
    )
    s.add("cap", "main", cap, bevel=0.36)
    for x, y, a, b in (
        (0, 0.52, 0.19, 0.16),
        (-0.48, 0.34, 0.13, 0.12),
        (0.5, 0.36, 0.14, 0.12),
        (-0.22, 0.76, 0.1, 0.06),
        (0.26, 0.74, 0.1, 0.06),
        (-0.74, 0.12, 0.08, 0.07),
        (0.22, 0.2, 0.08, 0.05),
        (0.76, 0.12, 0.07, 0.06),
    ):
        s.add("spots", "white:paint", ellipse(x, y, a, b) & cap, bevel=0.07, line=0.007, shadow=0.15)


def flower(s: Sketch) -> None:
    """Draw a blossom on a stalk with two leaves; tulips and sunflowers are kinds of it."""
    kind = s.option("kind", "daisy")
    s.anchors = Anchors((0.0, 0.95, 0.3), (0.0, 0.48, 0.2), (0.0, -0.3, 0.1), 0.0, -0.6, (), -1.0)
    s.add("stalk", "leaf", stroke([(0.05, -1.0), (-0.03, -0.5), (0.0, 0.3)], 0.05, 0.04), bevel=0.05)
    for side, y in ((1, -0.42), (-1, -0.6)):
        s.add(
            "leaves",
            "leaf",
            smooth(
                [(0, y - 0.12), (side * 0.24, y + 0.12), (side * 0.55, y + 0.24), (side * 0.36, y - 0.08)], 5
            ),
            bevel=0.08,
        )
    if kind == "tulip":
        for x in (-0.24, 0.24, 0.0):
            s.add(
                "petals",
                "main" if x else "main+",
                smooth([(x * 0.2, 0.16), (x - 0.22, 0.5), (x * 1.3, 0.95), (x + 0.22, 0.5)], 5),
                bevel=0.16,
            )
        return
    count = 13 if kind == "sunflower" else 7 + int(s.shape.integers(3))
    for i in range(count):
        a = math.pi / 2 + i * 2 * math.pi / count
        s.add(
            "petals",
            "main" if i % 2 else "main+",
            ellipse(0.36 * math.cos(a), 0.46 + 0.36 * math.sin(a), 0.25, 1.1 / count + 0.02, a),
            bevel=0.08,
        )
    s.add(
        "heart",
        "gold:fur" if kind != "sunflower" else "wood:fur",
        circle(0, 0.46, 0.22 if kind != "sunflower" else 0.3),
        bevel=0.16,
    )


def cactus(s: Sketch) -> None:
    """Draw a saguaro in a pot."""
    s.anchors = Anchors((0.0, 0.95, 0.22), (0.0, 0.35, 0.2), (0.0, 0.1, 0.25), 0.3, -0.3, (), -1.0)
    arm = stroke([(0.15, -0.02), (0.46, 0.0), (0.54, 0.12), (0.54, 0.42)], 0.125)
    s.add("arms", "leaf:folds", arm, bevel=0.12)
    s.add("arms", "leaf:folds", arm.mirrored().moved(0, 0.18), bevel=0.12)
    s.add("body", "leaf:folds", capsule((0, -0.4), (0, 0.68), 0.25, 0.22), bevel=0.24)
    for i in range(14):
        x, y = 0.17 * math.sin(i * 2.3), -0.28 + i * 0.075
        s.add(
            "thorns",
            "cream:flat",
            capsule((x, y), (x + 0.03, y + 0.035), 0.009, 0.004),
            bevel=0.01,
            line=0.0,
            shadow=0.2,
        )
    for i in range(5):
        a = i * 2 * math.pi / 5
        s.add(
            "flower",
            "accent",
            circle(0.07 * math.cos(a), 0.93 + 0.07 * math.sin(a), 0.06),
            bevel=0.05,
            line=0.007,
        )
    s.add(
        "pot",
        "second",
        polygon([(-0.42, -0.5), (0.42, -0.5), (0.32, -0.98), (-0.32, -0.98)], 0.02),
        bevel=0.28,
    )
    s.add("pot", "second+", box(0, -0.5, 0.48, 0.09, 0.04), bevel=0.08)


def fruit(s: Sketch) -> None:
    """Draw apples, pears, oranges, lemons, tomatoes: a body and a leaf."""
    kind = s.option("kind", "apple")
    outline = {
        "apple": smooth(
            [
                (0, 0.42),
                (0.36, 0.56),
                (0.74, 0.3),
                (0.7, -0.3),
                (0.34, -0.78),
                (0, -0.7),
                (-0.34, -0.78),
                (-0.7, -0.3),
                (-0.74, 0.3),
                (-0.36, 0.56),
            ],
            5,
        ),
        "pear": smooth(
            [
                (0, 0.66),
                (0.24, 0.5),
                (0.3, 0.1),
                (0.58, -0.35),
                (0.36, -0.85),
                (-0.36, -0.85),
                (-0.58, -0.35),
                (-0.3, 0.1),
                (-0.24, 0.5),
            ],
            5,
        ),
        "round": circle(0, -0.1, 0.7),
        "lemon": smooth(
            [
                (0.98, 0),
                (0.6, 0.4),
                (0, 0.54),
                (-0.6, 0.4),
                (-0.98, 0),
                (-0.6, -0.4),
                (0, -0.54),
                (0.6, -0.4),
            ],
            5,
        ),
    }[kind]
    s.add("stalk", "wood:timber", stroke([(0, 0.4), (0.04, 0.66), (0.14, 0.86)], 0.045), bevel=0.04)
    s.add("leaves", "leaf", smooth([(0.08, 0.66), (0.3, 0.92), (0.62, 0.84), (0.36, 0.62)], 5), bevel=0.07)
    s.add("body", "main:plastic", outline, bevel=0.42)


def pumpkin(s: Sketch) -> None:
    """Draw ribbed; carved with a face when it is a lantern."""
    s.anchors = Anchors((0.0, 0.6, 0.4), (0.0, -0.1, 0.5), (0.0, -0.1, 0.8), 0.3, -0.4, (), -0.75)
    s.add("stalk", "leaf:bark", stroke([(0, 0.4), (-0.04, 0.66), (0.12, 0.84)], 0.1, 0.07), bevel=0.08)
    for x, w in ((0.62, 0.36), (0.34, 0.38)):
        s.pair("body", "main", ellipse(x, -0.12, w, 0.6), bevel=0.3)
    s.add("body", "main", ellipse(0, -0.12, 0.34, 0.63), bevel=0.28)
    if s.option("face"):
        s.pair("face", "gold:glow", polygon([(0.2, 0.04), (0.48, 0.04), (0.33, 0.3)], 0.01), bevel=0.06)
        s.add(
            "face",
            "gold:glow",
            smooth(
                [
                    (-0.5, -0.2),
                    (-0.2, -0.32),
                    (0.2, -0.32),
                    (0.5, -0.2),
                    (0.26, -0.52),
                    (0, -0.46),
                    (-0.26, -0.52),
                ],
                5,
            ),
            bevel=0.06,
        )
