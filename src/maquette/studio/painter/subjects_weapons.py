"""Weapons: upright, symmetric where they can be."""

import math

from maquette.studio.painter.shapes import (
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

_HILT = Anchors((0.0, 0.95, 0.1), (0.0, 0.2, 0.1), (0.0, 0.0, 0.15), 0.2, -0.4, (), -1.0)


def sword(s: Sketch) -> None:
    """Draw blade up, guard, wound grip, pommel. Daggers are short, katanas curved, greatswords broad."""
    s.anchors = _HILT
    kind = s.option("kind", "long")
    w = {"long": 0.105, "great": 0.17, "dagger": 0.115, "curved": 0.07}[kind] * (
        0.92 + 0.16 * float(s.shape.random())
    )
    top = 0.3 if kind == "dagger" else 1.0
    guard = -0.46
    if kind == "curved":
        blade = smooth(
            [
                (-0.07, guard),
                (0.07, guard),
                (0.12, 0.2),
                (0.06, 0.7),
                (-0.16, 1.06),
                (-0.1, 0.6),
                (-0.02, 0.15),
            ],
            5,
        )
    else:
        blade = polygon(
            [(-w, guard), (w, guard), (w * 0.86, top - w * 1.9), (0, top), (-w * 0.86, top - w * 1.9)]
        )
    s.add("blade", "metal:polished", blade, bevel=w * 0.95)
    if kind != "curved":
        s.add(
            "fuller",
            "metal-",
            capsule((0, guard + 0.1), (0, top - w * 3.4), w * 0.26, w * 0.12),
            bevel=0.03,
            line=0.006,
            shadow=0.0,
        )
        for i in range(3 if kind != "dagger" else 1):
            y = guard + 0.24 + i * 0.22
            s.add(
                "runes",
                "glow",
                polygon([(0, y - 0.05), (w * 0.22, y), (0, y + 0.05), (-w * 0.22, y)]),
                bevel=0.02,
                line=0.004,
                shadow=0.0,
            )
    span, curl = s.between(0.28, 0.4), s.between(-0.25, 0.35)
    if kind == "curved":
        s.add("guard", "gold", ellipse(0, guard, 0.19, 0.06), bevel=0.05)
    else:
        s.pair("guard", "gold", capsule((0, guard), (span, guard + curl * span), 0.068, 0.045), bevel=0.065)
        s.pair("guard", "gold", circle(span, guard + curl * span, 0.07), bevel=0.07)
    s.add("grip", "leather:grip", box(0, guard - 0.25, 0.055, 0.22, 0.03), bevel=0.06)
    s.add("guard", "gold", circle(0, guard, 0.09), bevel=0.06)
    s.add("gems", "accent:crystal", circle(0, guard, 0.05), bevel=0.05, line=0.007)
    s.add("pommel", "gold", circle(0, guard - 0.51, 0.095), bevel=0.08)


def axe(s: Sketch) -> None:
    """Draw a battle axe; double-bladed when asked."""
    s.anchors = _HILT
    s.add("shaft", "wood:timber", capsule((0, 0.92), (0, -0.95), 0.052, 0.06), bevel=0.05)
    s.add("grip", "leather:grip", box(0, -0.6, 0.072, 0.26, 0.03), bevel=0.06)
    blade = smooth(
        [(0.04, 0.72), (0.32, 0.8), (0.56, 0.98), (0.68, 0.5), (0.56, 0.02), (0.32, 0.24), (0.04, 0.34)], 5
    )
    edge = blade - ellipse(0.12, 0.5, 0.45, 0.62)
    double = s.option("kind") == "double" or s.shape.random() < 0.3
    for shape, rim in ((blade, edge), (blade.mirrored(), edge.mirrored()))[: 2 if double else 1]:
        s.add("blade", "metal", shape, bevel=0.1)
        s.add("blade", "metal+:polished", rim, bevel=0.06, line=0.007)
    if not double:
        s.add("spike", "metal", polygon([(-0.04, 0.64), (-0.36, 0.53), (-0.04, 0.42)], 0.01), bevel=0.07)
    s.add("collar", "gold", box(0, 0.53, 0.1, 0.26, 0.04), bevel=0.06)
    s.add("gems", "accent:crystal", circle(0, 0.53, 0.06), bevel=0.06)
    s.add("pommel", "gold", circle(0, -0.95, 0.085), bevel=0.08)


def hammer(s: Sketch) -> None:
    """Draw a war hammer."""
    s.anchors = _HILT
    s.add("shaft", "wood:timber", capsule((0, 0.5), (0, -0.92), 0.06), bevel=0.06)
    s.add("grip", "leather:grip", box(0, -0.66, 0.078, 0.24, 0.03), bevel=0.06)
    s.add("head", "metal", box(0, 0.55, 0.42, 0.26, 0.05), bevel=0.1)
    s.pair("head", "metal+", box(0.5, 0.55, 0.13, 0.34, 0.05), bevel=0.08)
    s.add("head", "gold", box(0, 0.55, 0.11, 0.29, 0.02), bevel=0.05)
    s.add(
        "runes",
        "glow",
        polygon([(0, 0.4), (0.055, 0.55), (0, 0.7), (-0.055, 0.55)], 0.008),
        bevel=0.03,
        line=0.006,
    )
    s.add("pommel", "gold", circle(0, -0.95, 0.09), bevel=0.08)


def pickaxe(s: Sketch) -> None:
    """Draw a miner's pick."""
    s.anchors = _HILT
    s.add("shaft", "wood:timber", capsule((0, 0.66), (0, -0.95), 0.06, 0.075), bevel=0.06)
    head = smooth(
        [
            (-0.95, 0.2),
            (-0.5, 0.62),
            (0, 0.84),
            (0.5, 0.62),
            (0.95, 0.2),
            (0.45, 0.44),
            (0, 0.54),
            (-0.45, 0.44),
        ],
        5,
    )
    s.add("head", "metal", head, bevel=0.1)
    s.add("collar", "metal-", box(0, 0.66, 0.12, 0.2, 0.04), bevel=0.06)


def mace(s: Sketch) -> None:
    """Draw a spiked ball on a shaft."""
    s.anchors = _HILT
    s.add("shaft", "wood:timber", capsule((0, 0.4), (0, -0.95), 0.055), bevel=0.05)
    for i in range(8):
        a = i * math.pi / 4
        s.add(
            "spikes",
            "metal+",
            capsule(
                (0.3 * math.cos(a), 0.5 + 0.3 * math.sin(a)),
                (0.55 * math.cos(a), 0.5 + 0.55 * math.sin(a)),
                0.1,
                0.01,
            ),
            bevel=0.07,
        )
    s.add("head", "metal", circle(0, 0.5, 0.37), bevel=0.3)
    s.add("collar", "gold", box(0, 0.1, 0.1, 0.06, 0.03), bevel=0.05)
    s.add("pommel", "gold", circle(0, -0.95, 0.08), bevel=0.08)


def spear(s: Sketch) -> None:
    """Draw spears and tridents."""
    s.anchors = _HILT
    s.add("shaft", "wood:timber", capsule((0, 0.5), (0, -1.0), 0.036), bevel=0.035)
    if s.option("kind") == "trident":
        s.add(
            "head",
            "metal",
            stroke([(-0.3, 0.98), (-0.3, 0.62), (0, 0.46), (0.3, 0.62), (0.3, 0.98)], 0.05),
            bevel=0.05,
        )
        for x in (-0.3, 0.0, 0.3):
            s.add(
                "head", "metal", polygon([(x - 0.09, 0.88), (x + 0.09, 0.88), (x, 1.14)], 0.005), bevel=0.05
            )
        s.add("head", "metal", capsule((0, 0.4), (0, 0.95), 0.05), bevel=0.05)
    else:
        s.add(
            "head",
            "metal:polished",
            smooth([(0, 1.08), (0.13, 0.68), (0.05, 0.46), (-0.05, 0.46), (-0.13, 0.68)], 5),
            bevel=0.09,
        )
        s.add(
            "ribbon",
            "accent:cloth",
            polygon([(0.02, 0.42), (0.28, 0.16), (0.18, 0.06), (0.02, 0.3)], 0.02),
            bevel=0.05,
        )
    s.add("collar", "gold", box(0, 0.44, 0.06, 0.05, 0.02), bevel=0.04)


def staff(s: Sketch) -> None:
    """Draw a wizard's staff: gnarled, with a stone in a curl."""
    s.anchors = _HILT
    s.add(
        "shaft",
        "wood:timber",
        stroke([(0.03, -1.0), (-0.03, -0.4), (0.03, 0.1), (0.0, 0.45)], 0.045, 0.062),
        bevel=0.05,
    )
    curl = stroke(
        [(0, 0.42), (-0.25, 0.58), (-0.28, 0.85), (-0.06, 1.04), (0.2, 0.96), (0.26, 0.74)], 0.065, 0.035
    )
    s.add("shaft", "wood:timber", curl, bevel=0.05)
    s.add(
        "stone",
        "glow",
        polygon([(0, 0.56), (0.12, 0.7), (0.05, 0.88), (-0.09, 0.86), (-0.13, 0.68)], 0.02),
        bevel=0.09,
    )
    s.add("collar", "gold", box(0, 0.38, 0.085, 0.045, 0.02), bevel=0.04)


def wand(s: Sketch) -> None:
    """Draw a wand with a star."""
    s.add("shaft", "main", capsule((-0.62, -0.92), (0.3, 0.36), 0.05, 0.04), bevel=0.05)
    s.add("grip", "gold", capsule((-0.62, -0.92), (-0.42, -0.64), 0.07, 0.065), bevel=0.06)
    s.add("star", "gold:glow", star(0.42, 0.52, 0.5, 0.22, 5, -0.4), bevel=0.14)


def bow(s: Sketch) -> None:
    """Draw a bow with an arrow laid on."""
    s.add("string", "cream:flat", stroke([(-0.2, 0.98), (-0.2, -0.98)], 0.014), bevel=0.01, line=0.004)
    limb = stroke(
        [(-0.24, 1.0), (0.12, 0.8), (0.3, 0.4), (0.24, 0.0), (0.3, -0.4), (0.12, -0.8), (-0.24, -1.0)], 0.055
    )
    s.add("body", "wood:timber", limb, bevel=0.05)
    s.add("grip", "leather:grip", box(0.25, 0.0, 0.075, 0.16, 0.04), bevel=0.06)
    s.add("arrow", "wood+:timber", capsule((-0.5, 0), (0.7, 0), 0.022), bevel=0.02)
    s.add("arrow", "metal", polygon([(0.66, 0.1), (0.98, 0), (0.66, -0.1)], 0.005), bevel=0.05)
    s.add(
        "arrow",
        "accent",
        polygon([(-0.34, 0.0), (-0.62, 0.14), (-0.54, 0.0), (-0.62, -0.14)], 0.01),
        bevel=0.04,
    )
