"""Small animals with fur, sitting, from the front."""

from maquette.studio.painter.shapes import capsule, circle, ellipse, polygon, smooth, stroke
from maquette.studio.painter.sketch import Anchors, Sketch
from maquette.studio.painter.subjects_creatures import eyes


def sitting(s: Sketch) -> None:
    """Draw a sitting animal seen from the front: cats, foxes, dogs, rabbits, bears, owls' cousins. Ears, muzzle and tail vary."""
    ears, muzzle = s.option("ears", "cat"), s.option("muzzle", "small")
    w = float(s.option("width", "0.36"))
    s.anchors = Anchors((0.0, 0.72, 0.32), (0.0, 0.42, 0.28), (0.0, -0.4, w), 0.0, -0.6, (), -1.0)
    _tail(s, w)
    s.add(
        "body",
        "main:fur",
        smooth(
            [
                (-0.22, 0.16),
                (-w, -0.35),
                (-w * 1.12, -0.85),
                (0, -0.98),
                (w * 1.12, -0.85),
                (w, -0.35),
                (0.22, 0.16),
            ],
            5,
        ),
        bevel=0.26,
    )
    s.add(
        "chest",
        "second:fur",
        smooth([(-0.15, 0.1), (-0.19, -0.3), (0, -0.62), (0.19, -0.3), (0.15, 0.1)], 5),
        bevel=0.12,
        line=0.006,
        shadow=0.1,
    )
    s.pair("legs", "main-:fur", ellipse(w * 0.95, -0.78, 0.19, 0.21), bevel=0.14)
    s.pair("feet", "second:fur", ellipse(w * 0.98, -0.94, 0.19, 0.07), bevel=0.07)
    s.pair("legs", "main:fur", capsule((0.12, -0.3), (0.13, -0.88), 0.1, 0.09), bevel=0.09)
    s.pair("feet", "second:fur", ellipse(0.14, -0.93, 0.12, 0.075), bevel=0.07)
    if s.option("mane"):
        s.add("mane", "accent:fur", circle(0, 0.38, 0.55).wavy(0.05, 22), bevel=0.2)
    _animal_ears(s, ears)
    head = ellipse(0, 0.4, 0.36, 0.31)
    if ears in {"cat", "fox"}:
        head = head.blend(polygon([(-0.4, 0.26), (0.4, 0.26), (0, 0.5)], 0.03), 0.06)
    s.add("head", "main:fur", head, bevel=0.26)
    if muzzle == "long":
        s.add(
            "muzzle",
            "second:fur",
            smooth([(-0.34, 0.24), (-0.12, 0.42), (0.12, 0.42), (0.34, 0.24), (0.1, 0.1), (-0.1, 0.1)], 5),
            bevel=0.1,
            line=0.006,
            shadow=0.1,
        )
    else:
        s.add(
            "muzzle",
            "second:fur",
            ellipse(0, 0.25, 0.19 if muzzle == "wide" else 0.14, 0.12),
            bevel=0.1,
            line=0.006,
            shadow=0.1,
        )
    eyes(s, 0.17, 0.46, 0.078)
    s.add("nose", "pupil", polygon([(-0.05, 0.31), (0.05, 0.31), (0, 0.25)], 0.02), bevel=0.03)
    s.pair(
        "mouth",
        "shade",
        stroke([(0, 0.22), (0.05, 0.185), (0.1, 0.21)], 0.009),
        bevel=0.01,
        line=0.0,
        shadow=0.0,
    )


def _tail(s: Sketch, w: float) -> None:
    kind = s.option("tail", "curl")
    if kind == "bushy":
        s.back(
            "tail",
            "main:fur",
            smooth(
                [
                    (w * 0.6, -0.9),
                    (w + 0.3, -0.86),
                    (w + 0.56, -0.4),
                    (w + 0.4, 0.06),
                    (w + 0.2, -0.3),
                    (w + 0.02, -0.5),
                ],
                5,
            ),
            bevel=0.16,
        )
        s.back(
            "tail",
            "second:fur",
            smooth([(w + 0.5, -0.2), (w + 0.4, 0.06), (w + 0.27, -0.16), (w + 0.4, -0.12)], 5),
            bevel=0.08,
        )
    elif kind == "curl":
        s.back(
            "tail",
            "main:fur",
            stroke([(w * 0.8, -0.86), (w + 0.32, -0.82), (w + 0.4, -0.5), (w + 0.26, -0.3)], 0.075, 0.05),
            bevel=0.07,
        )
    elif kind == "puff":
        s.back("tail", "second:fur", circle(w + 0.14, -0.78, 0.15), bevel=0.13)


def _animal_ears(s: Sketch, kind: str) -> None:
    if kind in {"cat", "fox"}:
        tip = 0.98 if kind == "fox" else 0.88
        s.pair("ears", "main:fur", polygon([(0.1, 0.6), (0.34, 0.44), (0.33, tip)], 0.02), bevel=0.08)
        s.pair(
            "ears",
            "accent:fur",
            polygon([(0.19, 0.62), (0.29, 0.55), (0.3, tip - 0.12)], 0.01),
            bevel=0.04,
            line=0.006,
        )
    elif kind == "rabbit":
        s.pair("ears", "main:fur", ellipse(0.17, 0.98, 0.11, 0.38, -0.16), bevel=0.1)
        s.pair("ears", "accent:fur", ellipse(0.175, 0.98, 0.055, 0.28, -0.16), bevel=0.05, line=0.006)
    elif kind == "floppy":
        s.pair("ears", "main-:fur", ellipse(0.4, 0.36, 0.13, 0.27, 0.3), bevel=0.1)
    elif kind == "round":
        s.pair("ears", "main:fur", circle(0.29, 0.68, 0.145), bevel=0.1)
        s.pair("ears", "accent:fur", circle(0.29, 0.68, 0.08), bevel=0.05, line=0.006)
    elif kind == "mouse":
        s.pair("ears", "main:fur", circle(0.38, 0.72, 0.25), bevel=0.14)
        s.pair("ears", "accent:fur", circle(0.38, 0.72, 0.16), bevel=0.07, line=0.006)
