"""Hats, helmets and what grows on heads. Each reads the subject's anchors and adds parts."""

from maquette.studio.painter.shapes import (
    above,
    below,
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
from maquette.studio.painter.sketch import Sketch


def _brim(s: Sketch, name: str, paint: str, width: float, thick: float) -> tuple[float, float, float]:
    x, top, r = s.anchors.head
    y = top - r * 0.42
    s.add(name, paint, ellipse(x, y, r * width, r * thick), bevel=0.07)
    return x, y, r


def wizard_hat(s: Sketch) -> None:
    """Draw tall, pointed, a little bent."""
    x, y, r = _brim(s, "hat", "main:cloth", 1.75, 0.3)
    tip = (x + r * 0.75, y + r * 2.15)
    cone = smooth(
        [
            (x - r * 0.98, y + 0.02),
            (x - r * 0.5, y + r * 1.15),
            (x + r * 0.12, y + r * 1.95),
            tip,
            (x + r * 0.62, y + r * 1.5),
            (x + r * 0.98, y + 0.02),
            (x, y - r * 0.14),
        ],
        5,
    )
    s.add("hat", "main:cloth", cone, bevel=0.16)
    s.add(
        "hat",
        "gold:cloth",
        polygon(
            [
                (x - r * 0.95, y + 0.01),
                (x + r * 0.95, y + 0.01),
                (x + r * 0.88, y + r * 0.32),
                (x - r * 0.86, y + r * 0.32),
            ],
            0.0,
        ),
        bevel=0.04,
    )
    s.add("hat", "gold", star(x + r * 0.1, y + r * 0.85, r * 0.24, r * 0.1, 5), bevel=0.04, line=0.006)


def top_hat(s: Sketch) -> None:
    """Draw a cylinder with a band."""
    x, y, r = _brim(s, "hat", "shade:cloth", 1.5, 0.2)
    s.add(
        "hat",
        "shade:cloth",
        polygon(
            [(x - r * 0.82, y), (x + r * 0.82, y), (x + r * 0.95, y + r * 1.3), (x - r * 0.95, y + r * 1.3)],
            0.01,
        ),
        bevel=0.12,
    )
    s.add("hat", "accent:cloth", box(x, y + r * 0.2, r * 0.86, r * 0.15, 0.01), bevel=0.03)


def cowboy_hat(s: Sketch) -> None:
    """Draw wide curled brim, creased crown."""
    x, y, r = _brim(s, "hat", "leather", 1.0, 0.24)
    brim = smooth(
        [
            (x - r * 2.0, y + r * 0.42),
            (x - r * 1.1, y + r * 0.02),
            (x + r * 1.1, y + r * 0.02),
            (x + r * 2.0, y + r * 0.42),
            (x + r * 1.2, y - r * 0.28),
            (x, y - r * 0.36),
            (x - r * 1.2, y - r * 0.28),
        ],
        5,
    )
    crown = smooth(
        [
            (x - r * 0.9, y - r * 0.1),
            (x - r * 0.72, y + r * 0.9),
            (x, y + r * 0.74),
            (x + r * 0.72, y + r * 0.9),
            (x + r * 0.9, y - r * 0.1),
        ],
        5,
    )
    s.add("hat", "leather", crown, bevel=0.14)
    s.add("hat", "shade:cloth", box(x, y + r * 0.08, r * 0.86, r * 0.11, 0.01), bevel=0.03)
    s.add("hat", "leather+", brim, bevel=0.06)


def tricorn(s: Sketch) -> None:
    """Draw a pirate's hat with a skull."""
    x, top, r = s.anchors.head
    y = top - r * 0.35
    hat = smooth(
        [
            (x - r * 1.75, y + r * 0.1),
            (x - r * 0.9, y + r * 0.75),
            (x, y + r * 1.05),
            (x + r * 0.9, y + r * 0.75),
            (x + r * 1.75, y + r * 0.1),
            (x + r * 0.8, y - r * 0.12),
            (x, y - r * 0.02),
            (x - r * 0.8, y - r * 0.12),
        ],
        5,
    )
    s.add("hat", "shade:cloth", hat, bevel=0.1)
    s.add(
        "hat",
        "cream:flat",
        circle(x, y + r * 0.5, r * 0.2) | box(x, y + r * 0.3, r * 0.12, r * 0.09, 0.01),
        bevel=0.04,
        line=0.006,
    )
    for side in (-1, 1):
        s.add(
            "hat",
            "shade",
            circle(x + side * r * 0.08, y + r * 0.48, r * 0.055),
            bevel=0.01,
            line=0.0,
            shadow=0.0,
        )


def cap(s: Sketch) -> None:
    """Draw a peaked cap with a badge: couriers, drivers, officers."""
    x, top, r = s.anchors.head
    y = top - r * 0.3
    s.add(
        "hat",
        "accent:cloth",
        smooth(
            [
                (x - r * 1.08, y),
                (x - r * 1.2, y + r * 0.42),
                (x, y + r * 0.72),
                (x + r * 1.2, y + r * 0.42),
                (x + r * 1.08, y),
                (x, y + r * 0.06),
            ],
            5,
        ),
        bevel=0.12,
    )
    s.add("hat", "accent-:cloth", box(x, y + 0.005, r * 1.07, r * 0.14, 0.02), bevel=0.03)
    s.add("hat", "shade", ellipse(x, y - r * 0.12, r * 0.92, r * 0.2) & below(y - r * 0.04), bevel=0.05)
    s.add("hat", "gold", circle(x, y + r * 0.27, r * 0.16), bevel=0.04, line=0.007)


def crown(s: Sketch) -> None:
    """Draw gold points with a jewel."""
    x, top, r = s.anchors.head
    y = top - r * 0.22
    points = [
        (x - r * 0.85, y),
        (x + r * 0.85, y),
        (x + r * 1.0, y + r * 0.85),
        (x + r * 0.5, y + r * 0.42),
        (x, y + r * 1.05),
        (x - r * 0.5, y + r * 0.42),
        (x - r * 1.0, y + r * 0.85),
    ]
    s.add("crown", "gold", polygon(points, 0.012), bevel=0.05)
    s.add("crown", "gold", box(x, y + r * 0.05, r * 0.9, r * 0.12, 0.02), bevel=0.04)
    s.add("crown", "accent:crystal", circle(x, y + r * 0.3, r * 0.13), bevel=0.04, line=0.006)


def straw_hat(s: Sketch) -> None:
    """Draw a wide flat cone."""
    x, top, r = s.anchors.head
    y = top - r * 0.5
    s.add(
        "hat",
        "gold:cloth",
        polygon(
            [
                (x - r * 1.95, y),
                (x + r * 1.95, y),
                (x + r * 0.12, y + r * 1.05),
                (x - r * 0.12, y + r * 1.05),
            ],
            0.03,
        ),
        bevel=0.12,
    )
    s.add("hat", "gold-:cloth", box(x, y, r * 1.9, 0.02, 0.015), bevel=0.02)


def chef_hat(s: Sketch) -> None:
    """Draw a puffed toque."""
    x, top, r = s.anchors.head
    y = top - r * 0.35
    puff = (
        circle(x - r * 0.62, y + r * 1.05, r * 0.55)
        .blend(circle(x + r * 0.62, y + r * 1.05, r * 0.55), 0.06)
        .blend(circle(x, y + r * 1.3, r * 0.62), 0.06)
    )
    s.add("hat", "white:cloth", box(x, y + r * 0.4, r * 0.82, r * 0.5, 0.02), bevel=0.1)
    s.add("hat", "white:cloth", puff, bevel=0.18)


def hood(s: Sketch) -> None:
    """Draw a pointed hood round the face."""
    x, top, r = s.anchors.head
    y = top - r
    outer = smooth(
        [
            (x - r * 1.25, y - r * 0.9),
            (x - r * 1.3, y + r * 0.3),
            (x, y + r * 1.65),
            (x + r * 1.3, y + r * 0.3),
            (x + r * 1.25, y - r * 0.9),
            (x, y - r * 1.15),
        ],
        5,
    )
    s.add("hood", "main:cloth", outer - ellipse(x, y - r * 0.08, r * 0.82, r * 0.86), bevel=0.12)


def ninja_mask(s: Sketch) -> None:
    """Draw everything covered but the eyes; loose ends behind."""
    x, top, r = s.anchors.head
    y = top - r
    s.back(
        "mask",
        "accent:cloth",
        polygon(
            [(x + r * 0.8, y + r * 0.35), (x + r * 2.0, y + r * 0.75), (x + r * 1.75, y + r * 0.25)], 0.02
        ),
        bevel=0.04,
    )
    wrap = ellipse(x, y + r * 0.02, r * 1.12, r * 1.1) - box(x, y + r * 0.02, r * 0.78, r * 0.3, 0.04)
    s.add("mask", "main:cloth", wrap, bevel=0.14)
    s.add("mask", "accent:cloth", box(x, y + r * 0.5, r * 1.08, r * 0.14, 0.02), bevel=0.04)


def great_helm(s: Sketch) -> None:
    """Draw a knight's helmet with visor and plume."""
    x, top, r = s.anchors.head
    y = top - r
    plume = smooth(
        [
            (x, y + r * 0.9),
            (x - r * 0.1, y + r * 1.7),
            (x + r * 0.75, y + r * 2.0),
            (x + r * 1.35, y + r * 1.2),
            (x + r * 0.8, y + r * 1.3),
        ],
        5,
    )
    s.back("plume", "accent:fur", plume, bevel=0.12)
    shell = ellipse(x, y + r * 0.2, r * 1.15, r * 1.02).blend(
        box(x, y - r * 0.5, r * 0.98, r * 0.55, 0.06), 0.06
    )
    s.add("helmet", "metal", shell, bevel=0.18)
    s.add("helmet", "shade", box(x, y + r * 0.06, r * 0.82, r * 0.14, 0.02), bevel=0.03)
    s.add(
        "helmet",
        "glow",
        circle(x - r * 0.36, y + r * 0.06, r * 0.07) | circle(x + r * 0.36, y + r * 0.06, r * 0.07),
        bevel=0.03,
        line=0.0,
        shadow=0.0,
    )
    s.add("helmet", "gold", box(x, y + r * 0.1, r * 0.075, r * 1.0, 0.015), bevel=0.03)
    for i in range(3):
        for side in (-1, 1):
            s.add(
                "helmet",
                "shade",
                box(x + side * r * 0.42, y - r * (0.38 + 0.2 * i), r * 0.2, 0.011, 0.01),
                bevel=0.01,
                line=0.004,
                shadow=0.0,
            )


def viking_helm(s: Sketch) -> None:
    """Draw an iron cap with horns."""
    x, top, r = s.anchors.head
    y = top - r * 0.65
    horns(s)
    s.add("helmet", "metal", ellipse(x, y, r * 1.14, r * 0.95) & above(y - 0.01), bevel=0.16)
    s.add("helmet", "gold", box(x, y, r * 1.16, r * 0.15, 0.02), bevel=0.04)
    s.add("helmet", "gold", capsule((x, y), (x, y - r * 0.5), r * 0.11, r * 0.07), bevel=0.03)


def bubble(s: Sketch) -> None:
    """Draw a space helmet: a glass dome in a metal rim."""
    x, top, r = s.anchors.head
    y = top - r
    s.add("helmet", "main", ellipse(x, y, r * 1.5, r * 1.42), bevel=0.2)
    s.add("helmet", "metal", ellipse(x, y - r * 0.04, r * 1.2, r * 1.04), bevel=0.05)
    s.add("helmet", "gold:glass", ellipse(x, y - r * 0.04, r * 1.08, r * 0.93), bevel=0.2)
    s.add(
        "helmet",
        "white:flat",
        capsule((x - r * 0.62, y + r * 0.2), (x - r * 0.3, y + r * 0.56), r * 0.07),
        bevel=0.02,
        line=0.0,
        shadow=0.0,
    )


def horns(s: Sketch) -> None:
    """Draw two curved horns."""
    x, top, r = s.anchors.head
    base = top - r * 0.45
    horn = stroke(
        [
            (x + r * 0.85, base),
            (x + r * 1.35, base + r * 0.25),
            (x + r * 1.5, base + r * 0.75),
            (x + r * 1.3, base + r * 1.2),
        ],
        r * 0.24,
        r * 0.04,
    )
    s.back_pair("horns", "cream", horn, bevel=0.08, about=x)


def antlers(s: Sketch) -> None:
    """Draw branched antlers."""
    x, top, r = s.anchors.head
    y = top - r * 0.2
    beam = stroke(
        [
            (x + r * 0.4, y),
            (x + r * 0.9, y + r * 0.8),
            (x + r * 1.5, y + r * 1.1),
            (x + r * 1.5, y + r * 1.9),
        ],
        r * 0.15,
        r * 0.07,
    )
    beam |= capsule((x + r * 0.9, y + r * 0.8), (x + r * 0.7, y + r * 1.6), r * 0.11, r * 0.06)
    s.back_pair("antlers", "leather:timber", beam, bevel=0.06, about=x)


def halo(s: Sketch) -> None:
    """Draw a ring of light over the head, joined by a glow."""
    x, top, r = s.anchors.head
    s.back("halo", "gold:glow", ring(x, top + r * 0.05, r * 0.8, r * 0.11), bevel=0.05)
