"""Creatures that nobody has seen: monsters, ghosts, slimes. Also the eyes that everything with a face uses."""

from maquette.studio.painter.shapes import below, capsule, circle, ellipse, polygon, smooth, stroke
from maquette.studio.painter.sketch import Anchors, Sketch


def eye(s: Sketch, x: float, y: float, r: float, iris: str = "accent") -> None:
    """Draw a round, lively eye."""
    s.add("eyes", "white", circle(x, y, r), bevel=r, line=0.008, shadow=0.2)
    s.add("eyes", iris, circle(x + r * 0.12, y - r * 0.04, r * 0.66), bevel=r * 0.5, line=0.004, shadow=0.0)
    s.add("eyes", "pupil", circle(x + r * 0.15, y - r * 0.05, r * 0.4), bevel=r * 0.3, line=0.0, shadow=0.0)
    s.add("eyes", "white", circle(x - r * 0.12, y + r * 0.24, r * 0.19), bevel=r * 0.1, line=0.0, shadow=0.0)


def eyes(s: Sketch, x: float, y: float, r: float, iris: str = "accent") -> None:
    """Draw two eyes, mirrored."""
    eye(s, -x, y, r, iris)
    eye(s, x, y, r, iris)


def creature(s: Sketch) -> None:
    """Draw a small friendly monster on two legs, arms out."""
    w = s.between(0.33, 0.42) * s.trait("girth")
    tall = s.between(0.4, 0.5)
    top = 0.12 + tall
    hand = (w + 0.32, -0.3)
    s.anchors = Anchors(
        (0.0, top, w * 0.8),
        (0.0, 0.3, w * 0.6),
        (0.0, -0.15, w),
        0.12,
        -0.45,
        (hand, (-hand[0], hand[1])),
        -1.0,
    )
    s.pair("legs", "main:fur", capsule((w * 0.52, -0.5), (w * 0.6, -0.84), 0.15, 0.12), bevel=0.13)
    s.pair("feet", "main:fur", ellipse(w * 0.66, -0.91, 0.19, 0.09), bevel=0.09)
    for k in (-1, 0, 1):
        s.pair("claws", "cream", ellipse(w * 0.66 + k * 0.1, -0.955, 0.036, 0.045), bevel=0.04, line=0.006)
    s.pair("arms", "main:fur", capsule((w * 0.78, 0.0), hand, 0.105, 0.085), bevel=0.1)
    s.pair("hands", "main:fur", circle(*hand, 0.108), bevel=0.1)
    kind = s.option("ears") or ("horn", "ear", "stalk")[int(s.shape.integers(3))]
    if kind == "horn":
        s.back_pair(
            "horns",
            "cream",
            stroke([(w * 0.55, top - 0.16), (w * 0.85, top + 0.05), (w * 0.8, top + 0.27)], 0.08, 0.02),
            bevel=0.07,
        )
    elif kind == "ear":
        s.back_pair("ears", "main:fur", ellipse(w * 0.7, top + 0.06, 0.12, 0.25, -0.35), bevel=0.11)
        s.back_pair("ears", "second", ellipse(w * 0.7, top + 0.06, 0.06, 0.17, -0.35), bevel=0.06, line=0.006)
    else:
        s.back_pair(
            "antenna",
            "main:fur",
            stroke([(w * 0.3, top - 0.05), (w * 0.5, top + 0.22), (w * 0.8, top + 0.26)], 0.03),
            bevel=0.03,
        )
        s.back_pair("antenna", "glow", circle(w * 0.85, top + 0.26, 0.06), bevel=0.06)
    body = ellipse(0, -0.26, w, 0.42).blend(ellipse(0, 0.2, w * 1.06, tall), 0.12)
    s.add("body", "main:fur", body, bevel=0.3)
    s.add("belly", "second", ellipse(0, -0.32, w * 0.62, 0.28), bevel=0.2, line=0.006, shadow=0.1)
    if s.option("eyes") == "one" or s.shape.random() < 0.25:
        eye(s, 0.0, 0.3, 0.18)
    else:
        eyes(s, 0.16, 0.3, 0.125)
    s.add("mouth", "shade", ellipse(0, 0.06, 0.19, 0.09) & below(0.07), bevel=0.03)
    s.pair(
        "teeth",
        "cream",
        polygon([(0.06, 0.07), (0.13, 0.07), (0.1, 0.0)], 0.004),
        bevel=0.02,
        line=0.005,
        shadow=0.2,
    )


def ghost(s: Sketch) -> None:
    """Draw a floating sheet with a wavy hem."""
    w = s.between(0.46, 0.54)
    s.anchors = Anchors(
        (0.0, 0.92, w * 0.75),
        (0.0, 0.4, 0.3),
        (0.0, 0.0, w),
        0.15,
        -0.4,
        ((w + 0.2, -0.02), (-w - 0.2, -0.02)),
        -0.95,
    )
    hem = [
        (w * 1.05, -0.85),
        (w * 0.62, -0.66),
        (w * 0.3, -0.98),
        (0, -0.72),
        (-w * 0.3, -0.98),
        (-w * 0.62, -0.66),
        (-w * 1.05, -0.85),
    ]
    top = [(-w * 0.98, 0.1), (-w * 0.72, 0.72), (0, 0.94), (w * 0.72, 0.72), (w * 0.98, 0.1)]
    s.pair("arms", "main:slime", capsule((w * 0.75, 0.08), (w + 0.2, -0.02), 0.12, 0.08), bevel=0.1)
    s.add("body", "main:slime", smooth(hem + top, 5), bevel=0.32)
    s.pair("eyes", "pupil", ellipse(0.16, 0.38, 0.075, 0.12), bevel=0.06)
    s.pair("eyes", "white", circle(0.14, 0.43, 0.025), bevel=0.02, line=0.0, shadow=0.0)
    s.add("mouth", "pupil", ellipse(0, 0.12, 0.09, 0.12), bevel=0.05)
    s.pair("cheeks", "accent:flat", ellipse(0.3, 0.2, 0.07, 0.04), bevel=0.04, line=0.0, shadow=0.0)


def slime(s: Sketch) -> None:
    """Draw a wobbling drop with a face."""
    s.anchors = Anchors((0.0, 0.42, 0.3), (0.0, -0.2, 0.4), (0.0, -0.3, 0.8), 0.0, -0.5, (), -0.7)
    s.add(
        "body",
        "main:slime",
        smooth(
            [
                (-1.0, -0.62),
                (-0.86, -0.1),
                (-0.4, 0.3),
                (0, 0.66),
                (0.4, 0.3),
                (0.86, -0.1),
                (1.0, -0.62),
                (0.5, -0.72),
                (0, -0.68),
                (-0.5, -0.72),
            ],
            5,
        ),
        bevel=0.4,
    )
    for x, y, r in ((-0.55, -0.32, 0.07), (0.6, -0.42, 0.09), (0.42, -0.08, 0.05), (-0.3, 0.12, 0.06)):
        s.add("bubbles", "main+:slime", circle(x, y, r), bevel=0.05, line=0.005, shadow=0.1)
    eyes(s, 0.24, -0.22, 0.13)
    s.add("mouth", "shade", ellipse(0, -0.42, 0.14, 0.08) & below(-0.42), bevel=0.03)
