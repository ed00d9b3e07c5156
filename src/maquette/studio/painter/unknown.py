"""Shapes for nouns that the catalogue does not know: a symmetric grammar whose every choice follows from the word.

A spine of two to four masses, mirrored limbs, an ornament on top. Same word, same shape; different words differ in the number,
kind and proportion of all of these.
"""

import math

import numpy as np

from maquette.studio.painter.shapes import Shape, box, capsule, circle, ellipse, polygon, ring, star
from maquette.studio.painter.sketch import Anchors, Sketch

_PAINTS = ("main", "main-", "second", "main+")
"""By falling size, so that the body's colour stays the first to be seen."""


def relic(s: Sketch) -> None:
    """Draw something nobody has a picture of."""
    g = s.shape
    heights = g.uniform(0.14, 0.5, int(g.integers(2, 5)))
    widths = g.uniform(0.12, 0.72, len(heights))
    widths[int(g.integers(len(widths)))] = g.uniform(0.55, 0.8)
    y = -0.9
    masses: list[tuple[float, float, float]] = []
    for h, w in zip(heights, widths, strict=True):
        masses.append((y + float(h), float(w), float(h)))
        y += 2 * float(h) * 0.86
    core = int(np.argmax(widths))
    s.anchors = Anchors(
        (0.0, y, float(widths[-1])),
        (0.0, masses[core][0], float(widths[core]) * 0.6),
        (0.0, masses[core][0], float(widths[core])),
        masses[core][0],
        -0.5,
        (),
        -0.9,
    )
    _limbs(s, masses)
    by_size = sorted(range(len(masses)), key=lambda i: -masses[i][1] * masses[i][2])
    for i, (cy, w, h) in enumerate(masses):
        s.add(
            "body",
            _PAINTS[by_size.index(i)],
            _mass(g, cy, w, h),
            bevel=min(w, h) * float(g.uniform(0.25, 0.9)),
        )
    _ornament(s, y)
    cy, w, h = masses[core]
    if g.random() < 0.5:
        s.add("core", "gold", ring(0, cy, min(w, h) * 0.52, 0.035), bevel=0.03)
    s.add("core", "glow", star(0, cy, min(w, h) * 0.42, min(w, h) * 0.26, int(g.integers(4, 8))), bevel=0.08)


def _mass(g: np.random.Generator, y: float, w: float, h: float) -> Shape:
    kind = int(g.integers(6))
    if kind == 0:
        return ellipse(0, y, w, h)
    if kind == 1:
        return box(0, y, w, h, float(g.uniform(0.0, 0.12)))
    if kind == 2:
        top = float(g.uniform(0.15, 0.75))
        return polygon([(-w, y - h), (w, y - h), (w * top, y + h), (-w * top, y + h)], 0.02)
    if kind == 3:
        low = float(g.uniform(0.15, 0.75))
        return polygon([(-w * low, y - h), (w * low, y - h), (w, y + h), (-w, y + h)], 0.02)
    if kind == 4:
        return polygon([(0, y - h), (w, y), (0, y + h), (-w, y)], 0.03)
    sides = int(g.integers(5, 9))
    return star(0, y, 1.0, float(g.uniform(0.6, 0.95)), sides).moved(0, -y).scaled(w, h).moved(0, y)


def _limbs(s: Sketch, masses: list[tuple[float, float, float]]) -> None:
    g = s.shape
    for _ in range(int(g.integers(1, 4))):
        y, w, h = masses[int(g.integers(len(masses)))]
        angle = float(g.uniform(-1.2, 1.3))
        length, thick = float(g.uniform(0.25, 0.75)), float(g.uniform(0.04, 0.13))
        start = (w * 0.6, y + h * float(g.uniform(-0.5, 0.5)))
        end = (start[0] + length * math.cos(angle), start[1] + length * math.sin(angle))
        s.back_pair(
            "limbs", "second-", capsule(start, end, thick, thick * float(g.uniform(0.3, 1.2))), bevel=thick
        )
        tip = int(g.integers(4))
        if tip == 0:
            s.back_pair("limbs", "accent", circle(*end, thick * 1.7), bevel=thick)
        elif tip == 1:
            s.back_pair("limbs", "accent", star(*end, thick * 2.6, thick * 1.1, 4, angle), bevel=thick)
        elif tip == 2:
            s.back_pair("limbs", "metal", box(*end, thick * 1.3, thick * 2.4, 0.02, angle), bevel=thick)


def _ornament(s: Sketch, y: float) -> None:
    g = s.shape
    size = float(g.uniform(0.1, 0.28))
    kind = int(g.integers(5))
    if kind == 0:
        s.add(
            "ornament", "gold", star(0, y + size * 0.6, size, size * 0.45, int(g.integers(4, 8))), bevel=0.06
        )
    elif kind == 1:
        s.add("ornament", "gold", ring(0, y + size * 0.8, size * 0.8, size * 0.26), bevel=0.05)
    elif kind == 2:
        s.add(
            "ornament",
            "accent:crystal",
            polygon(
                [
                    (0, y - size * 0.2),
                    (size * 0.5, y + size * 0.7),
                    (0, y + size * 1.8),
                    (-size * 0.5, y + size * 0.7),
                ],
                0.01,
            ),
            bevel=0.08,
        )
    elif kind == 3:
        s.pair(
            "ornament",
            "cream",
            capsule((size * 0.4, y - 0.06), (size * 1.5, y + size * 1.3), size * 0.3, 0.012),
            bevel=0.06,
        )
