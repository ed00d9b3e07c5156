"""Clothes of people-like bodies, by name."""

from dataclasses import dataclass

from maquette.studio.painter.shapes import Shape, below, box, capsule, circle, ellipse, polygon, smooth
from maquette.studio.painter.sketch import Sketch


@dataclass(frozen=True, slots=True)
class Build:
    """Proportions in canvas units."""

    head: float = 0.215
    chest: float = 0.225
    waist: float = 0.17
    hips: float = 0.2
    shoulder: float = 0.27
    crotch: float = -0.3
    limb: float = 0.078
    reach: float = 0.66
    """x of the hands."""
    hand: float = -0.26
    stance: float = 0.15
    foot: float = 0.13


def _trunk(b: Build, low: float) -> Shape:
    top = b.shoulder + 0.02
    waist = b.crotch + (top - b.crotch) * 0.42
    right = [
        (b.chest * 0.55, top + 0.035),
        (b.chest * 1.0, top - 0.04),
        (b.chest * 0.98, (top + waist) / 2),
        (b.waist, waist),
    ]
    right += [(b.hips, low + 0.04), (b.hips * 0.9, low)]
    return smooth([(-x, y) for x, y in right[::-1]] + right, 4)


def _belt(s: Sketch, y: float, half: float) -> None:
    s.add("belt", "leather", box(0, y, half, 0.036, 0.02), bevel=0.04)
    s.add("belt", "gold", box(0, y, 0.05, 0.048, 0.015), bevel=0.03)
    s.add("belt", "shade", box(0, y, 0.025, 0.023, 0.008), bevel=0.015, line=0.005, shadow=0.1)


def _tunic(s: Sketch, b: Build) -> None:
    hem = b.crotch - 0.1
    skirt = polygon(
        [
            (-b.waist, b.crotch + 0.16),
            (b.waist, b.crotch + 0.16),
            (b.hips * 1.22, hem),
            (-b.hips * 1.22, hem),
        ],
        0.03,
    )
    s.add("body", "main:cloth", _trunk(b, b.crotch).blend(skirt, 0.05), bevel=0.17)
    s.add(
        "body",
        "second:cloth",
        box(0, (b.shoulder + hem) / 2, b.waist * 0.34, (b.shoulder - hem) / 2 + 0.03, 0.01),
        bevel=0.04,
    )
    s.add("body", "gold:cloth", box(0, hem - 0.012, b.hips * 1.24, 0.022, 0.012), bevel=0.03)
    _belt(s, b.crotch + 0.17, b.waist + 0.04)
    s.add(
        "collar",
        "second:cloth",
        polygon([(-0.1, b.shoulder + 0.1), (0.1, b.shoulder + 0.1), (0.0, b.shoulder - 0.07)], 0.02),
        bevel=0.04,
    )


def _armour(s: Sketch, b: Build) -> None:
    for i in (1, 0):
        y = b.crotch - 0.0 - 0.07 * i
        s.add(
            "body",
            "metal-",
            polygon(
                [
                    (-b.waist, y + 0.16),
                    (b.waist, y + 0.16),
                    (b.hips * (1.1 + 0.08 * i), y - 0.02),
                    (-b.hips * (1.1 + 0.08 * i), y - 0.02),
                ],
                0.02,
            ),
            bevel=0.06,
        )
    s.add(
        "body",
        "main:cloth",
        polygon(
            [
                (-0.075, b.crotch + 0.15),
                (0.075, b.crotch + 0.15),
                (0.1, b.crotch - 0.22),
                (0, b.crotch - 0.28),
                (-0.1, b.crotch - 0.22),
            ],
            0.01,
        ),
        bevel=0.05,
    )
    s.add("body", "metal", _trunk(b, b.crotch + 0.12), bevel=0.17)
    crest = b.shoulder - 0.14
    s.add("body", "gold", capsule((0, b.shoulder), (0, b.crotch + 0.2), 0.012, 0.008), bevel=0.02, line=0.005)
    emblem = polygon([(0, crest + 0.08), (0.07, crest), (0, crest - 0.1), (-0.07, crest)], 0.01)
    s.add("emblem", "main", emblem, bevel=0.04)
    _belt(s, b.crotch + 0.17, b.waist + 0.05)
    s.pair("pauldrons", "metal", ellipse(b.chest + 0.045, b.shoulder - 0.02, 0.155, 0.125), bevel=0.12)
    s.pair(
        "pauldrons",
        "gold",
        ellipse(b.chest + 0.045, b.shoulder - 0.02, 0.155, 0.125) & below(b.shoulder - 0.085),
        bevel=0.04,
        line=0.006,
    )


def _robe(s: Sketch, b: Build) -> None:
    hem = -0.84
    flare = b.stance + 0.24
    right = [
        (b.chest * 0.5, b.shoulder + 0.06),
        (b.chest * 1.05, b.shoulder - 0.04),
        (b.waist * 1.1, b.crotch + 0.2),
        (flare, hem),
    ]
    gown = polygon([(-x, y) for x, y in right[::-1]] + right, 0.02)
    slit = polygon([(0, -0.42), (0.085, hem - 0.06), (-0.085, hem - 0.06)], 0.01)
    s.add("body", "main:folds", gown - slit, bevel=0.17)
    s.add("body", "gold:cloth", ((gown & below(hem + 0.055)) - slit) & gown.grown(-0.002), bevel=0.03)
    s.add(
        "body",
        "second:cloth",
        polygon(
            [(-0.07, b.shoulder + 0.06), (0.07, b.shoulder + 0.06), (0.045, -0.4), (-0.045, -0.4)], 0.005
        ),
        bevel=0.04,
    )
    s.add("belt", "gold:cloth", box(0, b.crotch + 0.2, b.waist * 1.14, 0.03, 0.02), bevel=0.03)
    s.add(
        "belt",
        "gold:cloth",
        capsule((0.03, b.crotch + 0.18), (0.06, b.crotch - 0.06), 0.022, 0.016),
        bevel=0.02,
    )
    s.add("collar", "second:cloth", ellipse(0, b.shoulder + 0.055, b.chest * 0.8, 0.07), bevel=0.06)


def _coat(s: Sketch, b: Build) -> None:
    hem = b.crotch - 0.28
    right = [
        (b.chest * 0.55, b.shoulder + 0.05),
        (b.chest * 1.04, b.shoulder - 0.03),
        (b.waist * 1.12, b.crotch + 0.2),
        (b.hips * 1.6, hem),
    ]
    gown = polygon([(-x, y) for x, y in right[::-1]] + right, 0.02)
    front = polygon(
        [
            (-0.05, b.shoulder + 0.08),
            (0.05, b.shoulder + 0.08),
            (0.02, b.crotch + 0.2),
            (0.13, hem - 0.1),
            (-0.13, hem - 0.1),
            (-0.02, b.crotch + 0.2),
        ]
    )
    s.add("body", "second:cloth", _trunk(b, b.crotch), bevel=0.12)
    s.add("body", "main:cloth", gown - front, bevel=0.12)
    s.pair(
        "collar",
        "main-:cloth",
        polygon(
            [(0.04, b.shoulder + 0.09), (b.chest * 0.75, b.shoulder + 0.06), (0.1, b.shoulder - 0.12)], 0.015
        ),
        bevel=0.04,
    )
    for i in range(4):
        s.pair(
            "buttons", "gold", circle(0.062, b.shoulder - 0.12 - i * 0.085, 0.017), bevel=0.017, line=0.005
        )
    _belt(s, b.crotch + 0.17, b.waist * 1.2)


def _suit(s: Sketch, b: Build) -> None:
    s.add("body", "main", _trunk(b, b.crotch - 0.04), bevel=0.17)
    s.pair(
        "body",
        "second",
        polygon(
            [
                (b.chest * 0.5, b.shoulder + 0.03),
                (b.chest * 0.95, b.shoulder - 0.05),
                (b.waist * 0.7, b.crotch + 0.2),
            ],
            0.01,
        ),
        bevel=0.05,
    )
    s.add(
        "emblem",
        "accent",
        polygon([(-0.07, b.shoulder - 0.09), (0.07, b.shoulder - 0.09), (0.0, b.shoulder - 0.23)], 0.02),
        bevel=0.05,
    )
    _belt(s, b.crotch + 0.15, b.waist * 1.08)


def _space(s: Sketch, b: Build) -> None:
    s.back("backpack", "second", box(0, b.shoulder - 0.16, b.chest * 1.5, 0.26, 0.08), bevel=0.1)
    s.add("body", "main", _trunk(b, b.crotch - 0.05).grown(0.045), bevel=0.2)
    s.add("body", "metal", box(0, b.shoulder - 0.2, 0.13, 0.095, 0.03), bevel=0.04)
    for i, paint in enumerate(("red", "glow", "gold")):
        s.add("panel", paint, circle((i - 1) * 0.065, b.shoulder - 0.18, 0.022), bevel=0.02, line=0.005)
    s.add("panel", "shade", box(0, b.shoulder - 0.245, 0.085, 0.016, 0.01), bevel=0.01, line=0.005)
    s.add("belt", "second", box(0, b.crotch + 0.14, b.waist + 0.07, 0.04, 0.03), bevel=0.04)
    s.add("collar", "metal", ellipse(0, b.shoulder + 0.07, b.chest * 0.8, 0.06), bevel=0.05)


def _dress(s: Sketch, b: Build) -> None:
    hem = -0.72
    right = [
        (b.chest * 0.5, b.shoulder - 0.02),
        (b.chest * 0.9, b.shoulder - 0.1),
        (b.waist * 0.9, b.crotch + 0.24),
        (b.stance + 0.18, -0.3),
        (b.stance + 0.36, hem),
    ]
    gown = smooth([(-x, y) for x, y in right[::-1]] + right, 4)
    s.add("body", "main:folds", gown, bevel=0.18)
    s.add("body", "second:folds", gown & below(hem + 0.13), bevel=0.06)
    s.add("belt", "gold:cloth", box(0, b.crotch + 0.24, b.waist * 0.98, 0.03, 0.02), bevel=0.03)
    s.add("emblem", "accent:crystal", circle(0, b.crotch + 0.24, 0.045), bevel=0.04)


def _bare(s: Sketch, b: Build) -> None:
    s.add("body", "skin", _trunk(b, b.crotch), bevel=0.18)
    s.add("body", "leather", box(0, b.crotch + 0.03, b.hips * 1.02, 0.12, 0.05), bevel=0.08)
    s.add(
        "body",
        "main:cloth",
        polygon(
            [(-0.1, b.crotch + 0.1), (0.1, b.crotch + 0.1), (0.08, b.crotch - 0.2), (-0.08, b.crotch - 0.2)],
            0.015,
        ),
        bevel=0.05,
    )
    s.add(
        "strap",
        "leather",
        capsule((-b.chest * 0.8, b.shoulder), (b.waist, b.crotch + 0.15), 0.032),
        bevel=0.03,
    )
    _belt(s, b.crotch + 0.13, b.hips)


def _hide(s: Sketch, b: Build) -> None:
    s.add("body", "main", _trunk(b, b.crotch - 0.06).grown(0.02), bevel=0.22)
    s.add(
        "belly",
        "second",
        ellipse(0, (b.shoulder + b.crotch) / 2 - 0.07, b.waist * 0.82, 0.3),
        bevel=0.24,
        line=0.0,
        shadow=0.0,
    )
    s.add(
        "body",
        "leather",
        polygon(
            [
                (-b.hips, b.crotch + 0.07),
                (b.hips, b.crotch + 0.07),
                (0.1, b.crotch - 0.24),
                (-0.1, b.crotch - 0.24),
            ],
            0.02,
        ),
        bevel=0.07,
    )


def _bones(s: Sketch, b: Build) -> None:
    s.add("body", "cream", capsule((0, b.shoulder + 0.04), (0, b.crotch + 0.04), 0.05), bevel=0.05)
    for i in range(4):
        y = b.shoulder - 0.02 - 0.095 * i
        rib = capsule((0, y), (b.chest * (1.0 - 0.08 * i), y - 0.045), 0.035, 0.028)
        s.pair("body", "cream", rib, bevel=0.03)
    s.add(
        "body",
        "cream",
        ellipse(0, b.crotch + 0.02, b.hips, 0.09) - circle(0, b.crotch + 0.1, 0.06),
        bevel=0.06,
    )
    s.pair("body", "cream", ellipse(b.chest * 0.9, b.shoulder - 0.02, 0.07, 0.06), bevel=0.05)


CLOTHES = {
    "tunic": _tunic, "armour": _armour, "robe": _robe, "coat": _coat, "suit": _suit, "space": _space, "dress": _dress,
    "bare": _bare, "hide": _hide, "bones": _bones,
}  # fmt: skip
