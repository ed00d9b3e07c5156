"""Heads of people-like bodies: skulls, faces, hair."""

from maquette.studio.painter.shapes import box, capsule, circle, ellipse, polygon, smooth
from maquette.studio.painter.sketch import Sketch


def head(s: Sketch, r: float, y: float) -> None:
    """Draw head, ears, hair and face. ``r``: radius, ``y``: centre."""
    face = s.option("face", "human")
    if face == "skull":
        _skull(s, r, y)
        return
    hair = s.option("hair") or s.pick("short", "short", "spiky", "swept")
    skin = "main" if face in {"alien", "brute"} else "skin"
    if hair == "long":
        s.back("hair", "hair", box(0, y - r * 0.45, r * 1.2, r * 1.35, r * 0.6), bevel=0.15)
    if hair != "bald":
        s.add("hair", "hair", ellipse(0, y + r * 0.16, r * 1.17, r * 1.08), bevel=0.2)
    ears = ellipse(r * 0.99, y - r * 0.05, r * 0.2, r * 0.29)
    if s.option("ears") == "pointed":
        ears = polygon([(r * 0.85, y - r * 0.2), (r * 0.9, y + r * 0.22), (r * 1.65, y + r * 0.42)], 0.015)
    s.pair("ears", skin, ears, bevel=0.05)
    if face == "alien":
        s.add(
            "head",
            skin,
            smooth(
                [
                    (0, y + r * 1.15),
                    (r * 1.1, y + r * 0.55),
                    (r * 0.62, y - r * 0.6),
                    (0, y - r * 1.02),
                    (-r * 0.62, y - r * 0.6),
                    (-r * 1.1, y + r * 0.55),
                ],
                5,
            ),
            bevel=0.22,
        )
    else:
        jaw = 1.12 if face == "brute" else 1.0
        s.add(
            "head",
            skin,
            ellipse(0, y + r * 0.02, r, r).blend(ellipse(0, y - r * 0.4, r * 0.74 * jaw, r * 0.6), 0.05),
            bevel=0.2,
        )
    FACES[face](s, r, y)
    if hair in FRINGES:
        points = [(x * r, y + v * r) for x, v in FRINGES[hair]]
        s.add("hair", "hair", smooth(points, 4), bevel=0.09)


# Fringes in units of the head's radius, clockwise from the left ear.
FRINGES: dict[str, list[tuple[float, float]]] = {
    "short": [(-1.12, 0.1), (-1.0, 0.9), (0, 1.28), (1.0, 0.9), (1.12, 0.1), (0.86, 0.42), (0.3, 0.52), (-0.3, 0.62), (-0.86, 0.42)],
    "long": [(-1.16, 0.0), (-1.0, 0.9), (0, 1.28), (1.0, 0.9), (1.16, 0.0), (0.82, 0.5), (0.0, 0.78), (-0.82, 0.5)],
    "spiky": [(-1.15, 0.1), (-1.3, 0.75), (-0.85, 0.8), (-0.75, 1.4), (-0.3, 1.1), (0.1, 1.6), (0.42, 1.1), (0.95, 1.4), (0.9, 0.8), (1.35, 0.6), (1.12, 0.1), (0.7, 0.55), (0.2, 0.4), (-0.3, 0.62), (-0.8, 0.45)],
    "swept": [(-1.12, 0.05), (-1.05, 0.9), (-0.2, 1.4), (0.9, 1.1), (1.2, 0.35), (1.02, 0.12), (0.7, 0.6), (-0.2, 0.62), (-0.85, 0.3)],
}  # fmt: skip


def _human_face(s: Sketch, r: float, y: float) -> None:
    s.pair(
        "eyes",
        "white",
        ellipse(r * 0.4, y - r * 0.02, r * 0.19, r * 0.26),
        bevel=0.05,
        line=0.007,
        shadow=0.1,
    )
    s.pair(
        "eyes",
        "main",
        ellipse(r * 0.385, y - r * 0.05, r * 0.125, r * 0.18),
        bevel=0.04,
        line=0.004,
        shadow=0.0,
    )
    s.pair("eyes", "pupil", circle(r * 0.385, y - r * 0.05, r * 0.08), bevel=0.03, line=0.0, shadow=0.0)
    for side in (-1, 1):
        s.add(
            "eyes",
            "white",
            circle(side * r * 0.385 - r * 0.05, y + r * 0.04, r * 0.045),
            bevel=0.02,
            line=0.0,
            shadow=0.0,
        )
    s.pair(
        "brows",
        "hair",
        capsule((r * 0.24, y + r * 0.32), (r * 0.58, y + r * 0.36), 0.012),
        bevel=0.012,
        line=0.0,
        shadow=0.1,
    )
    s.add("nose", "skin+", ellipse(0, y - r * 0.26, r * 0.1, r * 0.085), bevel=0.03, line=0.004, shadow=0.2)
    s.add(
        "mouth",
        "red-",
        capsule((-r * 0.18, y - r * 0.56), (r * 0.18, y - r * 0.54), 0.009),
        bevel=0.01,
        line=0.0,
        shadow=0.0,
    )


def _alien_face(s: Sketch, r: float, y: float) -> None:
    s.pair("eyes", "pupil", ellipse(r * 0.45, y - r * 0.02, r * 0.22, r * 0.4, -0.5), bevel=0.08, line=0.006)
    s.pair(
        "eyes", "white", ellipse(r * 0.42, y + r * 0.14, r * 0.06, r * 0.09), bevel=0.02, line=0.0, shadow=0.0
    )
    s.add(
        "mouth",
        "shade",
        capsule((-r * 0.14, y - r * 0.72), (r * 0.14, y - r * 0.72), 0.009),
        bevel=0.01,
        line=0.0,
    )


def _brute_face(s: Sketch, r: float, y: float) -> None:
    s.pair("eyes", "gold:eye", ellipse(r * 0.38, y + r * 0.06, r * 0.17, r * 0.13), bevel=0.04, line=0.007)
    s.pair("eyes", "pupil", circle(r * 0.37, y + r * 0.06, r * 0.07), bevel=0.02, line=0.0, shadow=0.0)
    s.pair(
        "brows",
        "main-",
        capsule((r * 0.14, y + r * 0.16), (r * 0.62, y + r * 0.34), 0.028, 0.018),
        bevel=0.03,
    )
    s.add("nose", "main-", ellipse(0, y - r * 0.14, r * 0.2, r * 0.14), bevel=0.05)
    s.add("mouth", "shade", box(0, y - r * 0.5, r * 0.42, 0.018, 0.015), bevel=0.02)
    s.pair(
        "fangs",
        "cream",
        polygon([(r * 0.24, y - r * 0.52), (r * 0.4, y - r * 0.52), (r * 0.34, y - r * 0.22)], 0.008),
        bevel=0.03,
        line=0.006,
    )


def _skull(s: Sketch, r: float, y: float) -> None:
    s.add(
        "head",
        "cream",
        circle(0, y + r * 0.1, r).blend(box(0, y - r * 0.55, r * 0.58, r * 0.42, 0.05), 0.04),
        bevel=0.2,
    )
    s.pair("eyes", "shade", ellipse(r * 0.4, y + r * 0.02, r * 0.28, r * 0.3), bevel=0.04)
    s.pair("eyes", "glow", circle(r * 0.4, y + r * 0.02, r * 0.1), bevel=0.05, line=0.0, shadow=0.0)
    s.add(
        "nose",
        "shade",
        polygon([(-r * 0.1, y - r * 0.36), (r * 0.1, y - r * 0.36), (0, y - r * 0.18)], 0.006),
        bevel=0.02,
    )
    for i in range(-2, 3):
        s.add(
            "teeth",
            "shade",
            box(i * r * 0.2, y - r * 0.72, 0.005, r * 0.17, 0.004),
            bevel=0.005,
            line=0.0,
            shadow=0.0,
        )
    s.add("teeth", "shade", box(0, y - r * 0.7, r * 0.48, 0.006, 0.005), bevel=0.006, line=0.0, shadow=0.0)


FACES = {"human": _human_face, "alien": _alien_face, "brute": _brute_face}
