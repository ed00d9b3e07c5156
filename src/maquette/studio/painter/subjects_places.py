"""Buildings."""

import math

from maquette.studio.painter.shapes import (
    above,
    box,
    capsule,
    circle,
    ellipse,
    polygon,
    profile,
    smooth,
)
from maquette.studio.painter.sketch import Anchors, Sketch


def _window(s: Sketch, x: float, y: float, w: float, h: float) -> None:
    s.add("windows", "wood--:timber", box(x, y, w + 0.03, h + 0.03, 0.03), bevel=0.03)
    s.add("windows", "gold:glow", box(x, y, w, h, 0.01), bevel=0.03, line=0.006)
    s.add("windows", "wood--:timber", box(x, y, 0.013, h, 0.005), bevel=0.01, line=0.0)
    s.add("windows", "wood--:timber", box(x, y, w, 0.013, 0.005), bevel=0.01, line=0.0)


def _door(s: Sketch, x: float, y: float, w: float, h: float) -> None:
    arch = box(x, y, w, h, 0.01) | circle(x, y + h, w)
    s.add("door", "stone-", arch.grown(0.05) & above(y - h), bevel=0.04)
    s.add("door", "wood:wood", arch, bevel=0.05)
    s.add("door", "gold", circle(x + w * 0.55, y, 0.026), bevel=0.03, line=0.006)


def house(s: Sketch) -> None:
    """Draw a cottage: stone walls, shingled roof, chimney."""
    s.anchors = Anchors((0.0, 0.9, 0.3), (0.0, -0.2, 0.4), (0.0, -0.3, 0.7), 0.1, -0.6, (), -0.95)
    s.back("chimney", "stone:bricks", box(0.46, 0.6, 0.12, 0.36, 0.02), bevel=0.06)
    s.back("chimney", "stone-", box(0.46, 0.96, 0.16, 0.045, 0.02), bevel=0.04)
    s.add("walls", "cream:stone", box(0, -0.4, 0.72, 0.52, 0.02), bevel=0.06)
    s.add("walls", "stone:bricks", box(0, -0.82, 0.75, 0.13, 0.02), bevel=0.05)
    for x in (-0.66, 0.66):
        s.add("beams", "wood:timber", box(x, -0.36, 0.055, 0.5, 0.01), bevel=0.04)
    s.add("beams", "wood:wood_across", box(0, 0.02, 0.72, 0.055, 0.01), bevel=0.04)
    s.add(
        "roof",
        "main:shingles",
        polygon([(-1.0, 0.02), (1.0, 0.02), (0.1, 0.84), (-0.1, 0.84)], 0.03),
        bevel=0.12,
    )
    s.add("roof", "main-:timber", box(0, 0.02, 1.04, 0.055, 0.04), bevel=0.05)
    _window(s, 0.0, 0.36, 0.11, 0.11)
    _door(s, 0.0, -0.66, 0.16, 0.26)
    for x in (-0.42, 0.42):
        _window(s, x, -0.38, 0.13, 0.14)


def tower(s: Sketch) -> None:
    """Draw a round tower with a pointed roof and a flag."""
    s.anchors = Anchors((0.0, 0.9, 0.3), (0.0, 0.0, 0.3), (0.0, -0.2, 0.4), 0.2, -0.6, (), -1.0)
    s.add("flag", "wood:timber", capsule((0, 0.8), (0, 1.12), 0.016), bevel=0.02)
    s.add("flag", "accent:cloth", polygon([(0.01, 1.12), (0.3, 1.04), (0.01, 0.95)], 0.01), bevel=0.03)
    s.add("walls", "stone:bricks", profile([-0.98, -0.8, 0.1, 0.22], [0.44, 0.36, 0.3, 0.3]), bevel=0.36)
    s.add("balcony", "stone:bricks", profile([0.08, 0.2, 0.42], [0.3, 0.42, 0.42]), bevel=0.36)
    for i in range(-2, 3):
        s.add("balcony", "stone", box(i * 0.19, 0.45, 0.065, 0.075, 0.015), bevel=0.04)
    s.add("roof", "main:shingles", polygon([(-0.48, 0.46), (0.48, 0.46), (0.0, 1.0)], 0.025), bevel=0.3)
    for y in (-0.1, -0.45):
        s.add("windows", "shade", box(0.08, y, 0.05, 0.1, 0.05), bevel=0.03)
    _door(s, 0.0, -0.84, 0.12, 0.14)


def castle(s: Sketch) -> None:
    """Draw a keep between two towers."""
    s.anchors = Anchors((0.0, 0.7, 0.4), (0.0, -0.2, 0.4), (0.0, -0.3, 0.8), 0.2, -0.6, (), -0.85)
    s.add("walls", "stone:bricks", box(0, -0.2, 0.5, 0.62, 0.02), bevel=0.06)
    for i in range(-2, 3):
        s.add("walls", "stone", box(i * 0.21, 0.46, 0.075, 0.09, 0.01), bevel=0.04)
    for side in (-1, 1):
        x = side * 0.7
        s.add("towers", "stone:bricks", box(x, -0.16, 0.25, 0.68, 0.02), bevel=0.26)
        s.add("towers", "stone", box(x, 0.5, 0.3, 0.08, 0.02), bevel=0.2)
        s.add(
            "roof",
            "main:shingles",
            polygon([(x - 0.34, 0.56), (x + 0.34, 0.56), (x, 1.12)], 0.01),
            bevel=0.22,
        )
        s.add("windows", "shade", box(x, 0.16, 0.05, 0.11, 0.05), bevel=0.03)
        s.add("flag", "accent:cloth", polygon([(x, 1.28), (x + 0.22, 1.2), (x, 1.12)], 0.01), bevel=0.03)
    _door(s, 0.0, -0.58, 0.2, 0.24)
    for x in (-0.24, 0.24):
        s.add("windows", "gold:glow", box(x, 0.1, 0.06, 0.11, 0.05), bevel=0.03)


def windmill(s: Sketch) -> None:
    """Draw four sails on a tapering mill."""
    s.add(
        "walls",
        "cream:bricks",
        polygon([(-0.44, -0.98), (0.44, -0.98), (0.26, 0.3), (-0.26, 0.3)], 0.02),
        bevel=0.32,
    )
    s.add("roof", "main:shingles", ellipse(0, 0.28, 0.34, 0.32) & above(0.26), bevel=0.2)
    _door(s, 0.0, -0.8, 0.13, 0.18)
    _window(s, 0.0, -0.2, 0.09, 0.1)
    for i in range(4):
        a = 0.6 + i * math.pi / 2
        s.add("sails", "cream:cloth", box(0.11, 0.46, 0.11, 0.36, 0.01).turned(a).moved(0, 0.34), bevel=0.03)
        s.add("sails", "wood:timber", capsule((0, 0), (0, 0.86), 0.032).turned(a).moved(0, 0.34), bevel=0.03)
    s.add("hub", "metal", circle(0, 0.34, 0.085), bevel=0.07)


def lighthouse(s: Sketch) -> None:
    """Draw a banded tower with a lamp."""
    body = profile([-0.85, 0.35], [0.4, 0.25])
    s.add(
        "rock",
        "stone",
        smooth([(-0.85, -1.0), (-0.6, -0.76), (0, -0.7), (0.62, -0.76), (0.9, -1.0)], 5),
        bevel=0.15,
    )
    s.add("walls", "white:stone", body, bevel=0.32)
    for y in (-0.58, -0.12, 0.3):
        s.add("bands", "main:stone", body & box(0, y, 0.6, 0.12, 0.0), bevel=0.32, line=0.006, shadow=0.0)
    s.add("balcony", "metal", box(0, 0.38, 0.38, 0.04, 0.02), bevel=0.04)
    s.add("lamp", "gold:glow", box(0, 0.56, 0.19, 0.17, 0.03), bevel=0.14)
    for x in (-0.18, 0.0, 0.18):
        s.add("lamp", "metal", box(x, 0.56, 0.016, 0.17, 0.01), bevel=0.02, line=0.005)
    s.add("roof", "main", ellipse(0, 0.72, 0.28, 0.26) & above(0.72), bevel=0.16)
    s.add("roof", "metal", circle(0, 1.0, 0.05), bevel=0.05)


def tent(s: Sketch) -> None:
    """Draw a ridge tent with an open flap."""
    s.add(
        "poles",
        "wood:timber",
        capsule((-0.08, 0.95), (0.08, 0.55), 0.03) | capsule((0.08, 0.95), (-0.08, 0.55), 0.03),
        bevel=0.03,
    )
    s.add(
        "body",
        "main:cloth",
        polygon([(-0.98, -0.82), (0.98, -0.82), (0.04, 0.78), (-0.04, 0.78)], 0.02),
        bevel=0.16,
    )
    s.add("door", "shade:cloth", polygon([(-0.32, -0.82), (0.32, -0.82), (0.0, 0.36)], 0.01), bevel=0.05)
    s.add(
        "flap",
        "second:cloth",
        polygon([(0.08, 0.3), (0.36, -0.82), (0.6, -0.82), (0.42, -0.4)], 0.02),
        bevel=0.06,
    )
    s.pair("pegs", "wood:timber", capsule((0.98, -0.7), (1.06, -0.92), 0.03), bevel=0.03)


def well(s: Sketch) -> None:
    """Draw a stone well with a little roof and a bucket."""
    s.pair("posts", "wood:timber", box(0.46, 0.1, 0.06, 0.56, 0.01), bevel=0.06)
    s.add(
        "roof",
        "main:shingles",
        polygon([(-0.82, 0.5), (0.82, 0.5), (0.12, 0.98), (-0.12, 0.98)], 0.03),
        bevel=0.14,
    )
    s.add("rope", "cream", box(0, 0.24, 0.014, 0.26, 0.01), bevel=0.02, line=0.005)
    s.add(
        "bucket",
        "wood:wood",
        polygon([(-0.13, 0.04), (0.13, 0.04), (0.1, -0.2), (-0.1, -0.2)], 0.01),
        bevel=0.1,
    )
    s.add("walls", "stone:bricks", box(0, -0.62, 0.66, 0.34, 0.04), bevel=0.4)
    s.add("walls", "stone", box(0, -0.3, 0.74, 0.075, 0.05), bevel=0.07)
