"""Creatures that nobody has seen: monsters, ghosts, slimes, dragons. Also the eyes that everything with a face uses."""

from maquette.studio.painter.shapes import below, box, capsule, circle, ellipse, polygon, smooth, stroke
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


def dragon(s: Sketch) -> None:
    """Draw a small upright dragon: bat wings, tail, horns and a pale belly."""
    s.anchors = Anchors(
        (0.0, 0.86, 0.26),
        (0.0, 0.55, 0.24),
        (0.0, -0.2, 0.34),
        0.12,
        -0.5,
        ((0.52, -0.3), (-0.52, -0.3)),
        -1.0,
    )
    web = [
        (0.16, 0.1),
        (0.5, 0.78),
        (1.1, 0.56),
        (0.9, 0.3),
        (1.0, 0.02),
        (0.72, 0.1),
        (0.6, -0.14),
        (0.4, -0.02),
    ]
    s.back_pair("wings", "accent:leather", polygon(web, 0.02), bevel=0.06)
    for i in (1, 2, 4, 6):
        s.back_pair(
            "wings", "main-:scales", capsule(web[1] if i > 1 else web[0], web[i], 0.035, 0.014), bevel=0.03
        )
    s.back(
        "tail",
        "main:scales",
        stroke([(0.1, -0.6), (0.5, -0.85), (0.85, -0.72), (0.98, -0.42)], 0.15, 0.04),
        bevel=0.1,
    )
    s.back("tail", "accent", polygon([(0.86, -0.42), (1.1, -0.42), (1.02, -0.2)], 0.02), bevel=0.06)
    s.pair("legs", "main:scales", ellipse(0.25, -0.66, 0.2, 0.24), bevel=0.16)
    s.pair("feet", "main:scales", ellipse(0.32, -0.92, 0.19, 0.08), bevel=0.08)
    for k in (-1, 0, 1):
        s.pair("claws", "cream", ellipse(0.33 + k * 0.1, -0.96, 0.034, 0.042), bevel=0.03, line=0.006)
    s.pair("arms", "main:scales", capsule((0.28, -0.02), (0.52, -0.3), 0.1, 0.075), bevel=0.09)
    s.add(
        "body",
        "main:scales",
        ellipse(0, -0.32, 0.36, 0.44).blend(ellipse(0, 0.2, 0.22, 0.26), 0.1),
        bevel=0.26,
    )
    s.add("belly", "second:wood_across", ellipse(0, -0.34, 0.23, 0.34), bevel=0.16, line=0.007, shadow=0.1)
    s.back_pair("horns", "cream", stroke([(0.16, 0.72), (0.3, 0.94), (0.28, 1.1)], 0.07, 0.015), bevel=0.06)
    s.add(
        "head",
        "main:scales",
        ellipse(0, 0.6, 0.3, 0.27).blend(ellipse(0, 0.45, 0.21, 0.16), 0.06),
        bevel=0.22,
    )
    eyes(s, 0.16, 0.63, 0.085, "gold")
    s.pair("nostrils", "shade", ellipse(0.075, 0.43, 0.024, 0.016), bevel=0.01, line=0.0)
    s.add("mouth", "shade", box(0, 0.345, 0.13, 0.01, 0.01), bevel=0.01, line=0.0)
    s.pair(
        "fangs", "cream", polygon([(0.07, 0.35), (0.11, 0.35), (0.09, 0.28)], 0.004), bevel=0.02, line=0.005
    )
