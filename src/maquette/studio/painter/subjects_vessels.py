"""Containers and treasure."""

import math

from maquette.studio.painter.shapes import (
    above,
    below,
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


def barrel(s: Sketch) -> None:
    """Draw bulging staves held by hoops."""
    w, bulge, h = s.between(0.4, 0.46), s.between(0.17, 0.22), 0.78
    s.anchors = Anchors((0.0, h + 0.04, w), (0.0, 0.2, w * 0.7), (0.0, 0.0, w + bulge), 0.4, -0.4, (), -h)
    levels = [-h, -h * 0.6, -h * 0.2, h * 0.2, h * 0.6, h]
    widths = [w + bulge * (1 - (y / h) ** 2) for y in levels]
    body = profile(levels, widths)
    s.add("body", "wood", body, bevel=0.5)
    for y in (0.88, 0.42, -0.42, -0.88):
        half = w + bulge * (1 - y * y) + 0.025
        s.add("hoops", "metal", body.grown(0.022) & box(0, y * h, half, 0.062, 0.0), bevel=0.3)
        for a in (-1.0, -0.35, 0.35, 1.0):
            s.add("rivets", "metal+", circle(math.sin(a) * half, y * h, 0.021), bevel=0.02, line=0.005)
    for y in (h, -h):
        s.add("rim", "wood-:timber", box(0, y, w + 0.035, 0.045, 0.04), bevel=0.1)


def crate(s: Sketch) -> None:
    """Draw boards, a frame, iron corners and rope handles."""
    w = 0.72
    s.anchors = Anchors((0.0, w, w * 0.7), (0.0, 0.0, 0.4), (0.0, 0.0, w), 0.4, -0.4, (), -w)
    handle = stroke([(w - 0.05, 0.24), (w + 0.2, 0.14), (w + 0.24, -0.06), (w - 0.05, -0.2)], 0.045)
    s.pair("handles", "cream:grip", handle, bevel=0.045)
    s.add("body", "wood", box(0, 0, w, w, 0.05), bevel=0.07)
    lean = math.pi / 4 if s.chance(0.5) else -math.pi / 4
    s.add(
        "brace",
        "wood+:timber",
        box(0, 0, w * 1.25, 0.095, 0.02, lean) & box(0, 0, w - 0.03, w - 0.03, 0.03),
        bevel=0.04,
    )
    for side in (1, -1):
        s.add("frame", "wood+:wood_across", box(0, side * (w - 0.1), w + 0.02, 0.11, 0.03), bevel=0.04)
    for side in (1, -1):
        s.add("frame", "wood+:timber", box(side * (w - 0.1), 0, 0.11, w + 0.02, 0.03), bevel=0.04)
    for sx in (1, -1):
        for sy in (1, -1):
            q = w - 0.11
            s.add("corners", "metal", box(sx * q, sy * q, 0.15, 0.15, 0.03), bevel=0.03)
            s.add("corners", "metal+", circle(sx * q, sy * q, 0.034), bevel=0.03, line=0.006)


def chest(s: Sketch) -> None:
    """Draw a treasure chest, lid ajar on gold, on four feet."""
    s.anchors = Anchors((0.0, 0.85, 0.6), (0.0, -0.1, 0.4), (0.0, -0.2, 0.85), 0.2, -0.4, (), -0.85)
    lid = ellipse(0, 0.34, 0.96, 0.54) & above(0.36)
    s.pair("handles", "metal", ring(0.76, -0.22, 0.17, 0.035), bevel=0.03)
    s.add("lid", "wood:wood_across", lid, bevel=0.2)
    for x in (-0.8, 0.0, 0.8):
        s.add("bands", "metal", lid.grown(0.015) & box(x, 0.5, 0.09, 0.5, 0.0), bevel=0.06)
    for i in range(9):
        coin_y = 0.19 + 0.035 * ((i * 7) % 3)
        s.add("coins", "gold", ellipse(-0.64 + 0.16 * i, coin_y, 0.14, 0.15), bevel=0.05, line=0.008)
    gem = polygon([(0.26, 0.24), (0.36, 0.36), (0.46, 0.24), (0.36, 0.1)], 0.01)
    s.add("coins", "accent:crystal", gem, bevel=0.06)
    s.pair("feet", "metal", box(0.5, -0.76, 0.1, 0.09, 0.03), bevel=0.05)
    front = polygon([(-0.76, 0.1), (0.76, 0.1), (0.62, -0.68), (-0.62, -0.68)], 0.02)
    s.add("body", "wood:wood_across", front, bevel=0.08)
    s.add("bands", "metal", box(0, 0.07, 0.8, 0.055, 0.03), bevel=0.04)
    for x in (-0.6, 0.0, 0.6):
        s.add("bands", "metal", box(x, -0.3, 0.08, 0.42, 0.02) & front.grown(0.015), bevel=0.04)
    s.add("lock", "gold", box(0, -0.06, 0.15, 0.16, 0.05), bevel=0.05)
    hole = circle(0, -0.03, 0.04) | polygon([(-0.02, -0.04), (0.02, -0.04), (0.034, -0.14), (-0.034, -0.14)])
    s.add("lock", "shade", hole, bevel=0.02, line=0.004)


def potion(s: Sketch) -> None:
    """Draw a glass flask with a glowing liquid."""
    r, y, neck = s.between(0.46, 0.56), -0.36, s.between(0.12, 0.16)
    s.anchors = Anchors((0.0, 0.9, 0.2), (0.0, y, r * 0.7), (0.0, y, r), 0.1, -0.6, (), -0.95)
    kind = int(s.shape.integers(3))
    bulb = (
        circle(0, y, r),
        box(0, y, r * 0.86, r * 0.95, 0.17),
        polygon([(-r * 1.05, y - r * 0.85), (r * 1.05, y - r * 0.85), (0.1, y + r), (-0.1, y + r)], 0.09),
    )[kind]
    glass = bulb.blend(box(0, 0.3, neck, 0.34, 0.03), 0.13)
    s.add("glass", "glass", glass, bevel=0.22)
    level = y + 0.2 * r
    liquid = glass.grown(-0.05) & below(level)
    s.add("liquid", "main:slime", liquid, bevel=0.28, line=0.007, shadow=0.15)
    s.add(
        "liquid",
        "main+:slime",
        (ellipse(0, level, r * 0.92, 0.055) & glass.grown(-0.05)),
        bevel=0.05,
        line=0.005,
        shadow=0.1,
    )
    for _ in range(9):
        x, v, size = (
            s.rng.uniform(-0.7, 0.7) * r,
            y + s.rng.uniform(-0.75, 0.1) * r,
            s.rng.uniform(0.02, 0.055),
        )
        s.add(
            "bubbles",
            "main+:glow",
            circle(float(x), float(v), float(size)) & liquid,
            bevel=0.04,
            line=0.004,
            shadow=0.1,
        )
    s.add("cork", "wood:timber", box(0, 0.78, neck - 0.01, 0.15, 0.04), bevel=0.1)
    s.add("glass", "glass", box(0, 0.62, neck + 0.06, 0.055, 0.05), bevel=0.06)
    s.add("ribbon", "accent:cloth", box(0, 0.34, neck + 0.03, 0.045, 0.03), bevel=0.04)
    s.add(
        "shine",
        "white:flat",
        stroke([(-r * 0.62, y - r * 0.05), (-r * 0.58, y + r * 0.25), (-r * 0.4, y + r * 0.5)], 0.03)
        & glass.grown(-0.03),
        bevel=0.02,
        line=0.0,
        shadow=0.0,
    )


def vase(s: Sketch) -> None:
    """Draw a turned pot with a painted band."""
    hs = [-0.9, -0.8, -0.35, 0.1, 0.5, 0.72, 0.9]
    ws = [0.28, 0.26, s.between(0.42, 0.5), s.between(0.52, 0.62), 0.3, s.between(0.17, 0.22), 0.32]
    s.anchors = Anchors((0.0, 0.9, 0.3), (0.0, 0.1, 0.4), (0.0, 0.0, 0.55), 0.3, -0.4, (), -0.9)
    body = profile(hs, ws)
    if s.option("handles"):
        s.pair("handles", "main", ring(0.56, 0.42, 0.3, 0.055), bevel=0.05)
    s.add("body", "main", body, bevel=0.5)
    for y, paint in ((0.2, "second"), (-0.12, "second"), (0.6, "accent")):
        s.add(
            "bands", paint, body.grown(0.004) & box(0, y, 0.8, 0.045, 0.0), bevel=0.4, line=0.006, shadow=0.1
        )
    for i in range(-2, 3):
        s.add(
            "pattern",
            "accent",
            polygon([(i * 0.2 - 0.06, 0.04), (i * 0.2, 0.12), (i * 0.2 + 0.06, 0.04), (i * 0.2, -0.04)])
            & body,
            bevel=0.03,
            line=0.005,
            shadow=0.1,
        )
    s.add("rim", "main+", box(0, 0.9, 0.34, 0.04, 0.04), bevel=0.05)


def teapot(s: Sketch) -> None:
    """Draw round body, spout, handle, lid."""
    s.anchors = Anchors((0.0, 0.62, 0.3), (0.0, -0.1, 0.4), (0.0, -0.15, 0.58), 0.2, -0.4, (), -0.72)
    s.add(
        "spout",
        "main",
        stroke([(0.42, -0.25), (0.72, -0.05), (0.82, 0.3), (1.0, 0.4)], 0.16, 0.07),
        bevel=0.12,
    )
    s.add("handle", "main", ring(-0.62, -0.05, 0.32, 0.065) & box(-0.9, -0.05, 0.42, 0.5, 0.0), bevel=0.06)
    s.add("body", "main", ellipse(0, -0.15, 0.62, 0.54) & above(-0.66), bevel=0.4)
    s.add("foot", "second", box(0, -0.68, 0.34, 0.045, 0.03), bevel=0.04)
    s.add(
        "bands",
        "second",
        (ellipse(0, -0.15, 0.625, 0.545) & box(0, -0.05, 0.7, 0.06, 0.0)),
        bevel=0.3,
        line=0.007,
        shadow=0.1,
    )
    for i in range(-2, 3):
        s.add("flower", "accent", circle(i * 0.2, -0.28, 0.05), bevel=0.04, line=0.006, shadow=0.1)
    s.add("lid", "main+", ellipse(0, 0.3, 0.36, 0.2) & above(0.28), bevel=0.14)
    s.add("lid", "second", box(0, 0.3, 0.4, 0.035, 0.03), bevel=0.04)
    s.add("lid", "gold", circle(0, 0.54, 0.085), bevel=0.08)


def cup(s: Sketch) -> None:
    """Draw a mug with a handle and foam."""
    s.anchors = Anchors((-0.1, 0.7, 0.5), (-0.1, 0.0, 0.4), (-0.1, 0.0, 0.55), 0.3, -0.4, (), -0.8)
    s.add("handle", "main", ring(0.5, -0.06, 0.33, 0.085), bevel=0.08)
    s.add(
        "body", "main", polygon([(-0.66, 0.55), (0.46, 0.55), (0.4, -0.75), (-0.6, -0.75)], 0.04), bevel=0.4
    )
    for y in (0.3, -0.5):
        s.add("bands", "metal", box(-0.1, y, 0.58, 0.055, 0.02), bevel=0.2)
    for x, y, r in (
        (-0.5, 0.62, 0.19),
        (-0.15, 0.7, 0.25),
        (0.25, 0.63, 0.21),
        (-0.62, 0.46, 0.12),
        (0.42, 0.5, 0.1),
    ):
        s.add("foam", "cream:fur", circle(x, y, r), bevel=0.14, line=0.008)


def goblet(s: Sketch) -> None:
    """Draw a chalice with a stem."""
    s.anchors = Anchors((0.0, 0.9, 0.4), (0.0, 0.4, 0.3), (0.0, 0.4, 0.45), 0.5, -0.4, (), -0.95)
    s.add(
        "body",
        "gold",
        profile([-0.95, -0.86, -0.7, -0.2, 0.0, 0.35, 0.9], [0.46, 0.42, 0.12, 0.09, 0.2, 0.45, 0.52]),
        bevel=0.34,
    )
    s.add("knob", "gold+", ellipse(0, -0.36, 0.17, 0.1), bevel=0.09)
    s.add("rim", "gold+", box(0, 0.88, 0.54, 0.05, 0.04), bevel=0.05)
    for x in (-0.3, 0.0, 0.3):
        s.add("gems", "accent:crystal", ellipse(x, 0.5, 0.075, 0.1), bevel=0.07, line=0.008)


def backpack_prop(s: Sketch) -> None:
    """Draw a hiking pack."""
    s.add("straps", "leather", ring(0, 0.7, 0.2, 0.05), bevel=0.05)
    s.add("roll", "cream:cloth", capsule((-0.5, -0.82), (0.5, -0.82), 0.15), bevel=0.13)
    s.pair("pockets", "main-:leather", box(0.62, -0.3, 0.18, 0.3, 0.1), bevel=0.12)
    s.add(
        "body",
        "main:leather",
        smooth(
            [(-0.56, -0.72), (-0.6, 0.2), (-0.4, 0.7), (0, 0.82), (0.4, 0.7), (0.6, 0.2), (0.56, -0.72)], 5
        ),
        bevel=0.24,
    )
    s.add(
        "flap",
        "main+:leather",
        smooth([(-0.58, 0.2), (-0.4, 0.7), (0, 0.83), (0.4, 0.7), (0.58, 0.2), (0.3, 0.05), (-0.3, 0.05)], 5),
        bevel=0.12,
    )
    s.add("pockets", "main+:leather", box(0, -0.4, 0.38, 0.25, 0.08), bevel=0.1)
    for x in (-0.3, 0.3):
        s.add("straps", "leather", box(x, 0.1, 0.05, 0.24, 0.02), bevel=0.04)
        s.add("buckles", "gold", box(x, 0.02, 0.075, 0.055, 0.02), bevel=0.03)


def coin(s: Sketch) -> None:
    """Draw a coin with a star."""
    s.add("body", "gold", circle(0, 0, 0.9), bevel=0.09)
    s.add("body", "gold-", circle(0, 0, 0.72), bevel=0.03)
    s.add("emblem", "gold+", star(0, 0, 0.58, 0.25, 5), bevel=0.1)


def key(s: Sketch) -> None:
    """Draw an old key, bow up."""
    s.anchors = Anchors((0.0, 0.95, 0.3), (0.0, 0.6, 0.2), (0.0, 0.0, 0.12), 0.3, -0.5, (), -0.95)
    s.add("shaft", "gold", capsule((0, 0.3), (0, -0.9), 0.075), bevel=0.07)
    for y, w in ((-0.58, 0.36), (-0.82, 0.44)):
        s.add("teeth", "gold", box(w / 2, y, w / 2, 0.075, 0.015), bevel=0.05)
    for i in range(3):
        a = math.pi / 2 + i * 2 * math.pi / 3
        s.add("bow", "gold", ring(0.2 * math.cos(a), 0.6 + 0.2 * math.sin(a), 0.19, 0.065), bevel=0.06)
    s.add("bow", "gold", circle(0, 0.6, 0.13), bevel=0.08)
    s.add("gems", "accent:crystal", circle(0, 0.6, 0.085), bevel=0.07, line=0.007)
    for y in (0.24, 0.14):
        s.add("collar", "gold+", box(0, y, 0.125, 0.035, 0.03), bevel=0.04)
