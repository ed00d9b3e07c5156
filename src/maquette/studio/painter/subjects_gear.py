"""Armour, tools and machines in the hand."""

import math

from maquette.studio.painter.shapes import (
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


def shield(s: Sketch) -> None:
    """Draw a heater, round or kite shield with an emblem."""
    s.anchors = Anchors((0.0, 0.85, 0.5), (0.0, 0.1, 0.4), (0.0, 0.0, 0.7), 0.4, -0.4, (), -1.0)
    kind = s.option("kind", "heater")
    outline = (
        circle(0, 0, 0.95)
        if kind == "round"
        else smooth(
            [
                (-0.76, 0.78),
                (0, 0.95),
                (0.76, 0.78),
                (0.74, 0.1),
                (0.42, -0.62),
                (0, -1.02),
                (-0.42, -0.62),
                (-0.74, 0.1),
            ],
            5,
        )
    )
    if kind == "round":
        for i in range(4):
            s.add(
                "spikes",
                "metal+",
                polygon([(-0.26, 0.86), (0.26, 0.86), (0.0, 1.35)], 0.01).turned(i * math.pi / 2),
                bevel=0.08,
            )
    s.add("rim", "metal", outline, bevel=0.08)
    s.add("body", "main", outline.grown(-0.1), bevel=0.1)
    s.add("body", "second", outline.grown(-0.1) & box(0, 0, 0.13, 1.2, 0.0), bevel=0.06, line=0.007)
    s.add(
        "body",
        "second",
        outline.grown(-0.1) & box(0, 0.2 if kind != "round" else 0, 1.2, 0.13, 0.0),
        bevel=0.06,
        line=0.007,
    )
    y = 0.2 if kind != "round" else 0.0
    s.add("emblem", "gold", circle(0, y, 0.32), bevel=0.07)
    s.add("emblem", "accent", star(0, y, 0.25, 0.11, 5), bevel=0.06)
    for i in range(10):
        a = i * math.pi / 5
        rivet = circle(0.9 * math.cos(a) * (0.86 if kind != "round" else 1), 0.9 * math.sin(a), 0.04)
        s.add("rivets", "metal+", rivet & outline, bevel=0.03, line=0.006)


def helmet(s: Sketch) -> None:
    """Draw an empty great helm with a crest."""
    s.anchors = Anchors((0.0, 0.8, 0.5), (0.0, 0.1, 0.4), (0.0, -0.1, 0.6), 0.2, -0.5, (), -0.85)
    s.back(
        "plume",
        "accent:fur",
        smooth(
            [(-0.08, 0.6), (-0.1, 1.1), (0.4, 1.28), (0.86, 0.95), (1.0, 0.2), (0.72, 0.5), (0.4, 0.78)], 5
        ),
        bevel=0.16,
    )
    s.add(
        "body", "metal", ellipse(0, 0.18, 0.64, 0.68).blend(box(0, -0.35, 0.58, 0.42, 0.08), 0.06), bevel=0.3
    )
    s.add(
        "neck",
        "metal-",
        polygon([(-0.56, -0.64), (0.56, -0.64), (0.7, -0.88), (-0.7, -0.88)], 0.02),
        bevel=0.07,
    )
    s.add(
        "visor",
        "metal+",
        smooth([(-0.68, 0.2), (0, 0.3), (0.68, 0.2), (0.5, -0.36), (0, -0.6), (-0.5, -0.36)], 5),
        bevel=0.16,
    )
    s.add("visor", "shade", box(0, 0.06, 0.5, 0.065, 0.03), bevel=0.03)
    for i in range(3):
        s.pair(
            "visor",
            "shade",
            box(0.2, -0.14 - 0.1 * i, 0.11 - 0.02 * i, 0.02, 0.015),
            bevel=0.01,
            line=0.004,
            shadow=0.0,
        )
    s.add("crest", "gold", box(0, 0.5, 0.055, 0.4, 0.03), bevel=0.04)
    s.pair("rivets", "gold", circle(0.58, 0.16, 0.065), bevel=0.05)


def armour(s: Sketch) -> None:
    """Draw a breastplate with pauldrons."""
    s.pair("pauldrons", "metal+", ellipse(0.72, 0.5, 0.34, 0.3), bevel=0.22)
    s.add(
        "body",
        "metal",
        smooth(
            [
                (-0.4, 0.85),
                (-0.62, 0.4),
                (-0.55, -0.3),
                (-0.42, -0.62),
                (0.42, -0.62),
                (0.55, -0.3),
                (0.62, 0.4),
                (0.4, 0.85),
                (0, 0.68),
            ],
            5,
        ),
        bevel=0.3,
    )
    for i in range(3):
        s.add(
            "skirt",
            "metal-",
            polygon(
                [
                    (-0.42 - 0.05 * i, -0.5 - 0.16 * i),
                    (0.42 + 0.05 * i, -0.5 - 0.16 * i),
                    (0.5 + 0.06 * i, -0.7 - 0.16 * i),
                    (-0.5 - 0.06 * i, -0.7 - 0.16 * i),
                ],
                0.01,
            ),
            bevel=0.06,
        )
    s.add("trim", "gold", capsule((0, 0.6), (0, -0.5), 0.03), bevel=0.03)
    s.add(
        "emblem",
        "accent:crystal",
        polygon([(0, 0.34), (0.13, 0.16), (0, -0.06), (-0.13, 0.16)], 0.01),
        bevel=0.08,
    )


def gauntlet(s: Sketch) -> None:
    """Draw a steel glove, fingers up."""
    for i, (x, top) in enumerate(((-0.36, 0.62), (-0.12, 0.9), (0.13, 0.86), (0.36, 0.66))):
        s.add("fingers", "metal", capsule((x, 0.05), (x * 1.12, top), 0.12, 0.1), bevel=0.09)
        for k in (0.35, 0.62):
            s.add(
                "fingers",
                "metal+",
                box(x * (1 + 0.12 * k), 0.05 + (top - 0.05) * k, 0.12, 0.035, 0.02),
                bevel=0.03,
                line=0.008,
            )
        if i == 0:
            s.add("thumb", "metal", stroke([(-0.4, -0.2), (-0.72, 0.05), (-0.78, 0.3)], 0.14, 0.1), bevel=0.1)
    s.add("hand", "metal", box(0, -0.1, 0.5, 0.34, 0.12), bevel=0.14)
    s.add(
        "cuff",
        "metal-",
        polygon([(-0.4, -0.4), (0.4, -0.4), (0.62, -0.96), (-0.62, -0.96)], 0.03),
        bevel=0.12,
    )
    s.add("gems", "accent:crystal", circle(0, -0.08, 0.15), bevel=0.1)


def blaster(s: Sketch) -> None:
    """Draw a toy-like ray gun, muzzle to the right."""
    s.anchors = Anchors((0.0, 0.45, 0.3), (0.0, 0.2, 0.2), (0.0, 0.1, 0.6), 0.2, -0.3, (), -0.75)
    s.add(
        "grip",
        "leather:grip",
        polygon([(-0.52, 0.0), (-0.16, 0.0), (-0.34, -0.72), (-0.68, -0.66)], 0.05),
        bevel=0.1,
    )
    s.add("trigger", "metal", ring(-0.06, -0.14, 0.15, 0.035), bevel=0.03)
    s.add("barrel", "metal", box(0.62, 0.2, 0.3, 0.11, 0.03), bevel=0.1)
    for i in range(3):
        s.add("barrel", "accent", box(0.46 + i * 0.16, 0.2, 0.04, 0.18 - 0.03 * i, 0.03), bevel=0.05)
    s.add("muzzle", "glow", circle(0.98, 0.2, 0.12), bevel=0.1)
    s.add(
        "body",
        "main",
        smooth(
            [(-0.92, 0.2), (-0.6, 0.46), (0.1, 0.48), (0.4, 0.3), (0.4, 0.06), (-0.1, -0.06), (-0.7, -0.04)],
            5,
        ),
        bevel=0.18,
    )
    s.add("core", "glow", box(-0.2, 0.22, 0.26, 0.08, 0.07), bevel=0.07)
    s.add("fin", "second", polygon([(-0.66, 0.42), (-0.2, 0.45), (-0.7, 0.74)], 0.02), bevel=0.06)


def bomb(s: Sketch) -> None:
    """Draw a round bomb with a burning fuse."""
    s.add("fuse", "cream:grip", stroke([(0.26, 0.45), (0.42, 0.72), (0.66, 0.74)], 0.035), bevel=0.03)
    s.add("spark", "gold:glow", star(0.76, 0.8, 0.24, 0.09, 7), bevel=0.08)
    s.add("cap", "metal", box(0.26, 0.42, 0.19, 0.1, 0.03, -0.5), bevel=0.06)
    s.add("body", "shade:metal", circle(-0.06, -0.22, 0.72), bevel=0.5)
    s.add(
        "emblem",
        "cream:flat",
        circle(-0.06, -0.14, 0.25) | box(-0.06, -0.38, 0.14, 0.12, 0.03),
        bevel=0.08,
        shadow=0.0,
    )
    for side in (-1, 1):
        s.add("emblem", "shade", circle(-0.06 + side * 0.1, -0.14, 0.07), bevel=0.02, line=0.0, shadow=0.0)


def anchor(s: Sketch) -> None:
    """Draw a ship's anchor."""
    s.add("ring", "metal", ring(0, 0.82, 0.15, 0.05), bevel=0.05)
    s.add(
        "body",
        "metal",
        stroke([(-0.72, -0.28), (-0.5, -0.68), (0, -0.88), (0.5, -0.68), (0.72, -0.28)], 0.1),
        bevel=0.09,
    )
    for side in (-1, 1):
        s.add(
            "body",
            "metal",
            polygon([(side * 0.54, -0.34), (side * 0.92, -0.34), (side * 0.76, -0.02)], 0.02),
            bevel=0.08,
        )
    s.add("body", "metal", capsule((0, 0.66), (0, -0.85), 0.09), bevel=0.09)
    s.add("stock", "wood:timber", capsule((-0.46, 0.46), (0.46, 0.46), 0.085), bevel=0.08)


def gear(s: Sketch) -> None:
    """Draw a cog wheel."""
    teeth = circle(0, 0, 0.7)
    for i in range(10):
        teeth |= box(0, 0.78, 0.13, 0.14, 0.03).turned(i * math.pi / 5)
    s.add("body", "metal", teeth - circle(0, 0, 0.2), bevel=0.08)
    s.add("body", "metal-", ring(0, 0, 0.5, 0.07), bevel=0.04)
    s.add("hub", "gold", ring(0, 0, 0.27, 0.075), bevel=0.06)


def wrench(s: Sketch) -> None:
    """Draw an open spanner."""
    jaw = circle(0, 0.68, 0.32) - box(0, 0.95, 0.13, 0.3, 0.02)
    eye = ring(0, -0.75, 0.19, 0.08)
    s.add(
        "body",
        "metal",
        capsule((0, 0.6), (0, -0.7), 0.115).blend(jaw, 0.06) - box(0, 0.95, 0.13, 0.3, 0.02),
        bevel=0.09,
    )
    s.add("body", "metal", eye, bevel=0.06)
    s.add("grip", "main:plastic", box(0, -0.1, 0.125, 0.34, 0.06), bevel=0.08)
