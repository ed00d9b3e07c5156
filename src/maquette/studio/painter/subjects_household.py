"""Furniture, light, paper, music and other things of a house."""

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
    star,
    stroke,
)
from maquette.studio.painter.sketch import Anchors, Sketch


def book(s: Sketch) -> None:
    """Draw a thick closed tome, standing with its spine to the left, ribbon hanging out."""
    s.anchors = Anchors((0.0, 0.85, 0.5), (0.05, 0.1, 0.35), (0.0, 0.0, 0.62), 0.4, -0.4, (), -0.85)
    quill = smooth([(0.16, 0.7), (0.2, 0.98), (0.4, 1.22), (0.42, 0.95), (0.26, 0.7)], 5)
    s.add("quill", "accent:fur", quill, bevel=0.06)
    tails = [(0.12, -0.7), (0.26, -0.7), (0.26, -1.24), (0.19, -1.15), (0.12, -1.24)]
    s.add("ribbon", "accent:cloth", polygon(tails), bevel=0.03)
    s.add("pages", "cream:wood_across", box(0.06, 0.0, 0.58, 0.78, 0.02), bevel=0.05)
    s.add(
        "body",
        "main:leather",
        polygon([(-0.66, 0.84), (0.56, 0.84), (0.56, -0.74), (-0.66, -0.84)], 0.03),
        bevel=0.06,
    )
    s.add("spine", "main-:leather", box(-0.6, 0.0, 0.12, 0.87, 0.06), bevel=0.1)
    for y in (0.6, 0.2, -0.2, -0.6):
        s.add("spine", "gold", box(-0.6, y, 0.135, 0.03, 0.02), bevel=0.03)
    for x, y in ((0.46, 0.74), (0.46, -0.66)):
        s.add(
            "corners",
            "gold",
            polygon(
                [
                    (x + 0.13, y),
                    (x, y + (0.13 if y > 0 else -0.1)),
                    (x + 0.13, y + (0.13 if y > 0 else -0.1)),
                    (x + 0.13, y),
                ],
                0.03,
            ),
            bevel=0.03,
        )
    s.add("emblem", "gold", ring(0.02, 0.08, 0.3, 0.028), bevel=0.03, line=0.007)
    s.add("emblem", "gold", star(0.02, 0.08, 0.27, 0.1, 5), bevel=0.04, line=0.007)
    s.add("emblem", "accent:crystal", circle(0.02, 0.08, 0.085), bevel=0.07, line=0.007)
    s.add("clasp", "gold", box(0.56, 0.05, 0.09, 0.08, 0.02), bevel=0.04)


def scroll(s: Sketch) -> None:
    """Draw a parchment between two rollers."""
    s.add("body", "cream:leather", box(0, 0, 0.56, 0.68, 0.01), bevel=0.05)
    for i in range(6):
        s.add(
            "writing",
            "shade:flat",
            box(-0.04 * (i % 2), 0.38 - i * 0.15, 0.38 - 0.05 * (i % 3), 0.016, 0.01),
            bevel=0.01,
            line=0.0,
            shadow=0.0,
        )
    s.add("seal", "red", circle(0.3, -0.42, 0.11), bevel=0.06)
    for y in (0.74, -0.74):
        s.add("rollers", "cream-:leather", box(0, y, 0.62, 0.12, 0.1), bevel=0.12)
        s.pair("rollers", "wood:timber", box(0.74, y, 0.14, 0.06, 0.05), bevel=0.06)
        s.pair("rollers", "gold", circle(0.9, y, 0.1), bevel=0.08)


def lantern(s: Sketch) -> None:
    """Draw a storm lantern, lit."""
    s.anchors = Anchors((0.0, 0.6, 0.3), (0.0, -0.1, 0.3), (0.0, -0.1, 0.42), 0.3, -0.5, (), -0.85)
    s.add("handle", "metal", ring(0, 0.68, 0.26, 0.035), bevel=0.035)
    s.add("glass", "glow", box(0, -0.12, 0.36, 0.46, 0.12), bevel=0.2)
    s.add(
        "flame",
        "white:glow",
        smooth([(0, 0.14), (0.11, -0.12), (0, -0.34), (-0.11, -0.12)], 5),
        bevel=0.1,
        line=0.0,
        shadow=0.0,
    )
    for x in (-0.34, 0.0, 0.34):
        s.add("bars", "metal", box(x, -0.12, 0.026, 0.48, 0.02), bevel=0.03)
    s.add(
        "cap", "metal", polygon([(-0.48, 0.34), (0.48, 0.34), (0.16, 0.66), (-0.16, 0.66)], 0.02), bevel=0.12
    )
    s.add("cap", "metal+", box(0, 0.34, 0.52, 0.045, 0.03), bevel=0.04)
    s.add(
        "base",
        "metal",
        polygon([(-0.42, -0.56), (0.42, -0.56), (0.54, -0.84), (-0.54, -0.84)], 0.02),
        bevel=0.1,
    )
    s.add("base", "metal+", box(0, -0.57, 0.46, 0.04, 0.03), bevel=0.04)


def lamp(s: Sketch) -> None:
    """Draw a table lamp with a shade."""
    s.anchors = Anchors((0.0, 0.9, 0.4), (0.0, 0.5, 0.3), (0.0, -0.4, 0.3), 0.2, -0.5, (), -0.95)
    s.add(
        "stand",
        "gold",
        profile([-0.95, -0.86, -0.7, -0.35, -0.05, 0.3], [0.42, 0.4, 0.1, 0.2, 0.07, 0.06]),
        bevel=0.18,
    )
    s.add(
        "shade",
        "main:folds",
        polygon([(-0.68, 0.08), (0.68, 0.08), (0.36, 0.88), (-0.36, 0.88)], 0.02),
        bevel=0.35,
    )
    s.add("shade", "second", box(0, 0.08, 0.7, 0.045, 0.03), bevel=0.05)
    s.add("shade", "second", box(0, 0.88, 0.38, 0.035, 0.03), bevel=0.04)
    s.add("chain", "gold", capsule((0.4, 0.04), (0.4, -0.22), 0.012), bevel=0.01, line=0.004)
    s.add("chain", "gold", circle(0.4, -0.26, 0.05), bevel=0.05)


def candle(s: Sketch) -> None:
    """Draw a candle in a holder."""
    s.add("flame", "gold:glow", smooth([(0, 1.0), (0.13, 0.68), (0, 0.5), (-0.13, 0.68)], 5), bevel=0.12)
    s.add(
        "body", "cream", box(0, -0.05, 0.24, 0.54, 0.06).blend(ellipse(0.2, 0.3, 0.06, 0.2), 0.05), bevel=0.2
    )
    s.add(
        "wax",
        "cream+",
        smooth(
            [(-0.26, 0.5), (0.26, 0.5), (0.25, 0.2), (0.12, 0.34), (0.02, 0.06), (-0.1, 0.32), (-0.25, 0.12)],
            5,
        ),
        bevel=0.08,
    )
    s.add("handle", "main", ring(0.6, -0.7, 0.2, 0.06), bevel=0.06)
    s.add("base", "main", profile([-0.95, -0.85, -0.62], [0.3, 0.42, 0.62]), bevel=0.15)


def clock(s: Sketch) -> None:
    """Draw an alarm clock with two bells."""
    s.anchors = Anchors((0.0, 0.7, 0.3), (0.0, 0.0, 0.4), (0.0, 0.0, 0.62), 0.3, -0.4, (), -0.9)
    s.pair("feet", "metal", capsule((0.36, -0.5), (0.52, -0.86), 0.07, 0.06), bevel=0.06)
    s.pair("bells", "gold", (circle(0.36, 0.68, 0.26) & above(0.6)).turned(-0.5, (0.36, 0.6)), bevel=0.16)
    s.add("hammer", "metal", capsule((0, 0.6), (0, 0.86), 0.035), bevel=0.03)
    s.add("body", "main", circle(0, 0, 0.7), bevel=0.14)
    s.add("face", "cream:flat", circle(0, 0, 0.55), bevel=0.05)
    for i in range(12):
        a = i * math.pi / 6
        s.add(
            "marks",
            "shade",
            circle(0.45 * math.cos(a), 0.45 * math.sin(a), 0.035 if i % 3 == 0 else 0.018),
            bevel=0.02,
            line=0.0,
            shadow=0.0,
        )
    s.add("hands", "shade", capsule((0, 0), (-0.17, 0.22), 0.028), bevel=0.02, line=0.0)
    s.add("hands", "shade", capsule((0, 0), (0.26, 0.28), 0.02), bevel=0.02, line=0.0)
    s.add("hands", "red", circle(0, 0, 0.05), bevel=0.04)


def chair(s: Sketch) -> None:
    """Draw a chair with a padded seat and back."""
    s.anchors = Anchors((0.0, 0.98, 0.4), (0.0, 0.5, 0.3), (0.0, 0.0, 0.45), 0.4, -0.2, (), -0.98)
    s.pair("legs", "wood:timber", capsule((0.33, -0.2), (0.36, -0.9), 0.055, 0.045), bevel=0.05)
    s.pair("back", "wood:timber", box(0.4, 0.42, 0.06, 0.56, 0.05), bevel=0.06)
    s.add(
        "back",
        "wood:wood_across",
        smooth([(-0.46, 0.78), (0, 1.0), (0.46, 0.78), (0.46, 0.62), (-0.46, 0.62)], 5),
        bevel=0.07,
    )
    s.add("back", "main:cloth", box(0, 0.38, 0.3, 0.2, 0.06), bevel=0.1)
    s.add("seat", "main:cloth", box(0, -0.08, 0.5, 0.1, 0.08), bevel=0.1)
    s.add("seat", "wood:wood_across", box(0, -0.21, 0.52, 0.06, 0.02), bevel=0.05)
    s.pair("legs", "wood+:timber", capsule((0.48, -0.25), (0.55, -0.94), 0.062, 0.05), bevel=0.06)
    s.add("legs", "wood-:timber", box(0, -0.62, 0.46, 0.03, 0.02), bevel=0.03)


def throne(s: Sketch) -> None:
    """Draw a tall royal seat."""
    s.anchors = Anchors((0.0, 1.0, 0.4), (0.0, 0.5, 0.3), (0.0, 0.0, 0.5), 0.4, -0.2, (), -0.98)
    s.add(
        "back",
        "gold",
        smooth(
            [(-0.46, -0.3), (-0.52, 0.6), (-0.3, 0.72), (0, 1.05), (0.3, 0.72), (0.52, 0.6), (0.46, -0.3)], 5
        ),
        bevel=0.1,
    )
    s.add(
        "back",
        "main:cloth",
        smooth([(-0.34, -0.3), (-0.38, 0.5), (0, 0.76), (0.38, 0.5), (0.34, -0.3)], 5),
        bevel=0.14,
    )
    s.add("gems", "accent:crystal", circle(0, 0.86, 0.085), bevel=0.07)
    s.add("seat", "main:cloth", box(0, -0.24, 0.52, 0.14, 0.08), bevel=0.12)
    s.add("base", "gold", box(0, -0.56, 0.56, 0.2, 0.04), bevel=0.07)
    s.pair("arms", "gold", box(0.62, -0.12, 0.12, 0.11, 0.09), bevel=0.09)
    s.pair("arms", "gold", box(0.62, -0.56, 0.09, 0.36, 0.03), bevel=0.08)
    s.pair("feet", "gold", ellipse(0.62, -0.92, 0.16, 0.08), bevel=0.07)


def table(s: Sketch) -> None:
    """Draw a sturdy table."""
    s.pair("legs", "wood:timber", profile([-0.62, -0.5, -0.3, 0.2], [0.1, 0.07, 0.1, 0.09], 0.78), bevel=0.09)
    s.add("frame", "wood-:wood_across", box(0, 0.2, 0.86, 0.1, 0.02), bevel=0.05)
    s.add("body", "wood:wood_across", box(0, 0.36, 1.04, 0.085, 0.03), bevel=0.06)
    s.add(
        "cloth",
        "main:cloth",
        polygon([(-0.36, 0.45), (0.36, 0.45), (0.36, 0.1), (0, -0.06), (-0.36, 0.1)], 0.01),
        bevel=0.06,
    )


def guitar(s: Sketch) -> None:
    """Draw an acoustic guitar, upright."""
    s.anchors = Anchors((0.0, 1.0, 0.12), (0.0, -0.4, 0.3), (0.0, -0.5, 0.45), 0.0, -0.8, (), -1.0)
    body = smooth(
        [
            (0, 0.02),
            (0.28, -0.04),
            (0.3, -0.24),
            (0.26, -0.36),
            (0.44, -0.62),
            (0.3, -0.94),
            (0, -1.0),
            (-0.3, -0.94),
            (-0.44, -0.62),
            (-0.26, -0.36),
            (-0.3, -0.24),
            (-0.28, -0.04),
        ],
        5,
    )
    s.add("body", "wood:timber", body, bevel=0.07)
    s.add("body", "wood+:timber", body.grown(-0.045), bevel=0.03, line=0.007)
    s.add("hole", "shade", circle(0, -0.33, 0.13), bevel=0.04)
    s.add("hole", "gold", ring(0, -0.33, 0.145, 0.016), bevel=0.02, line=0.005)
    s.add("neck", "wood-:timber", box(0, 0.32, 0.058, 0.5, 0.01), bevel=0.05)
    for i in range(7):
        s.add(
            "frets", "metal", box(0, 0.72 - i * 0.12, 0.056, 0.009, 0.005), bevel=0.01, line=0.0, shadow=0.2
        )
    s.add(
        "head",
        "wood-:timber",
        polygon([(-0.07, 0.8), (0.07, 0.8), (0.11, 1.08), (-0.11, 1.08)], 0.01),
        bevel=0.05,
    )
    for y in (0.86, 0.95, 1.04):
        s.pair("pegs", "metal", circle(0.14, y, 0.026), bevel=0.02, line=0.006)
    s.add("bridge", "wood--:timber", box(0, -0.72, 0.16, 0.035, 0.02), bevel=0.03)
    for i in range(-2, 3):
        s.add(
            "strings",
            "cream:flat",
            box(i * 0.018, 0.12, 0.0035, 0.84, 0.002),
            bevel=0.01,
            line=0.0,
            shadow=0.1,
        )


def drum(s: Sketch) -> None:
    """Draw a drum with rope lacing and two sticks."""
    for side in (-1, 1):
        s.add("sticks", "wood:timber", capsule((side * 0.5, 0.9), (-side * 0.2, 0.42), 0.035), bevel=0.03)
        s.add("sticks", "wood:timber", circle(side * 0.5, 0.9, 0.065), bevel=0.06)
    s.add("body", "main", box(0, -0.15, 0.74, 0.52, 0.03), bevel=0.5)
    for i in range(-3, 3):
        s.add(
            "rope", "cream", capsule((i * 0.24, 0.28), (i * 0.24 + 0.12, -0.6), 0.018), bevel=0.02, line=0.005
        )
        s.add(
            "rope",
            "cream",
            capsule((i * 0.24 + 0.24, 0.28), (i * 0.24 + 0.12, -0.6), 0.018),
            bevel=0.02,
            line=0.005,
        )
    s.add("skin", "cream+", ellipse(0, 0.38, 0.76, 0.13), bevel=0.08)
    for y in (0.3, -0.62):
        s.add("hoops", "gold", box(0, y, 0.79, 0.065, 0.05), bevel=0.2)


def camera(s: Sketch) -> None:
    """Draw a box camera with one lens."""
    s.anchors = Anchors((0.0, 0.6, 0.3), (0.0, 0.0, 0.3), (0.0, 0.0, 0.8), 0.3, -0.4, (), -0.6)
    strap = [(-0.86, 0.4), (-1.0, 0.85), (-0.5, 1.25), (0.5, 1.25), (1.0, 0.85), (0.86, 0.4)]
    s.add("strap", "leather", stroke(strap, 0.06), bevel=0.05)
    s.add("top", "metal", polygon([(-0.36, 0.4), (0.36, 0.4), (0.24, 0.72), (-0.24, 0.72)], 0.03), bevel=0.08)
    s.add("button", "red", box(-0.64, 0.52, 0.13, 0.08, 0.04), bevel=0.05)
    s.add("button", "metal", box(0.66, 0.5, 0.15, 0.07, 0.03), bevel=0.05)
    s.add("body", "main:leather", box(0, -0.06, 0.95, 0.52, 0.12), bevel=0.1)
    s.add("body", "metal", box(0, 0.36, 0.95, 0.1, 0.06), bevel=0.06)
    s.add("lens", "metal", circle(0, -0.08, 0.42), bevel=0.08)
    s.add("lens", "shade", circle(0, -0.08, 0.34), bevel=0.05)
    s.add("lens", "glow:glass", circle(0, -0.08, 0.24), bevel=0.2)
    s.add("lens", "white:flat", ellipse(-0.09, 0.03, 0.06, 0.04, 0.6), bevel=0.02, line=0.0, shadow=0.0)


def umbrella(s: Sketch) -> None:
    """Draw open, handle down."""
    s.add("shaft", "wood:timber", capsule((0, 0.95), (0, -0.72), 0.032), bevel=0.03)
    s.add(
        "handle",
        "wood:timber",
        stroke([(0, -0.7), (0.02, -0.88), (0.14, -0.95), (0.25, -0.86), (0.25, -0.76)], 0.045),
        bevel=0.04,
    )
    hem = [(1.0, 0.02), (0.66, 0.12), (0.34, 0.0), (0.0, 0.1), (-0.34, 0.0), (-0.66, 0.12), (-1.0, 0.02)]
    s.add("canopy", "main:folds", smooth([*hem, (-0.7, 0.58), (0, 0.86), (0.7, 0.58)], 5), bevel=0.2)
    s.add(
        "canopy",
        "second:folds",
        smooth([(0.33, 0.02), (0.0, 0.1), (-0.33, 0.02), (-0.24, 0.52), (0, 0.85), (0.24, 0.52)], 5),
        bevel=0.12,
    )


def lollipop(s: Sketch) -> None:
    """Draw a swirl on a stick."""
    s.add("stick", "cream", capsule((0, 0.0), (0, -1.0), 0.05), bevel=0.05)
    s.add("body", "main:plastic", circle(0, 0.42, 0.55), bevel=0.2)
    turns = [(0.048 * t * math.cos(t * 0.75), 0.42 + 0.048 * t * math.sin(t * 0.75)) for t in range(1, 11)]
    s.add(
        "swirl", "second:plastic", stroke(turns, 0.05, 0.08) & circle(0, 0.42, 0.53), bevel=0.06, line=0.006
    )
