"""Heads in profile for the animals of ``subjects_quadrupeds``, each with its ears, snout and eye."""

from collections.abc import Callable
from dataclasses import dataclass

from maquette.studio.painter.shapes import capsule, circle, ellipse, polygon, smooth, stroke
from maquette.studio.painter.sketch import Sketch
from maquette.studio.painter.subjects_creatures import eye


@dataclass(frozen=True, slots=True)
class Build:
    """Where this animal's parts are."""

    coat: str
    long: float
    """Half length of the trunk."""
    leg: float
    bulk: float
    y: float
    """Height of the trunk's middle."""
    skull: tuple[float, float]
    head: float
    """Radius of the skull."""


def _ears(s: Sketch, b: Build) -> None:
    (x, y), r = b.skull, b.head
    kind = s.option("ears", "pointed")
    if kind == "pointed":
        s.add(
            "ears",
            b.coat.replace("main", "main-"),
            polygon(
                [(x - r * 0.75, y + r * 0.55), (x - r * 0.05, y + r * 0.85), (x - r * 0.5, y + r * 1.85)],
                0.015,
            ),
            bevel=0.04,
        )
    elif kind == "floppy":
        s.add(
            "ears",
            b.coat.replace("main", "main-"),
            ellipse(x - r * 0.5, y - r * 0.05, r * 0.36, r * 0.85, -0.2),
            bevel=0.07,
        )
    elif kind == "round":
        s.add(
            "ears", b.coat.replace("main", "main-"), circle(x - r * 0.42, y + r * 0.9, r * 0.36), bevel=0.06
        )
        s.add("ears", "accent:fur", circle(x - r * 0.4, y + r * 0.88, r * 0.2), bevel=0.03, line=0.005)
    elif kind == "side":
        s.add(
            "ears",
            b.coat.replace("main", "main-"),
            ellipse(x - r * 0.85, y + r * 0.42, r * 0.5, r * 0.24, 0.3),
            bevel=0.05,
        )


def _snout(s: Sketch, b: Build, length: float, drop: float, thick: float, tip: float) -> tuple[float, float]:
    """Draw skull and muzzle; returns the tip of the nose."""
    (x, y), r = b.skull, b.head
    end = (x + r * length, y + r * drop)
    skull = circle(x, y, r).blend(capsule((x + r * 0.2, y - r * 0.2), end, r * thick, r * tip), 0.04)
    s.add("head", b.coat, skull, bevel=r * 0.8)
    return end[0] + r * tip, end[1]


def _canine(s: Sketch, b: Build) -> None:
    """Dogs, wolves, foxes: a long snout with a light lower half."""
    (x, y), r = b.skull, b.head
    length = float(s.option("muzzle", "1.45"))
    if s.option("ears") != "floppy":
        _ears(s, b)
    nose = _snout(s, b, length, -0.32, 0.56, 0.3)
    s.add(
        "muzzle",
        "second:fur",
        capsule((x + r * 0.3, y - r * 0.5), (nose[0] - r * 0.32, nose[1] - r * 0.1), r * 0.34, r * 0.2),
        bevel=0.06,
        line=0.0,
        shadow=0.0,
    )
    s.add("nose", "pupil", circle(nose[0] - r * 0.08, nose[1] + r * 0.14, r * 0.18), bevel=0.03)
    s.add(
        "mouth",
        "shade",
        stroke([(nose[0] - r * 0.3, nose[1] - r * 0.2), (x + r * 0.7, y - r * 0.62)], 0.008),
        bevel=0.01,
        line=0.0,
        shadow=0.0,
    )
    eye(s, x + r * 0.38, y + r * 0.22, r * 0.26, "wood")
    if s.option("ears") == "floppy":
        _ears(s, b)


def _feline(s: Sketch, b: Build) -> None:
    """Cats: a round head, a short muzzle, whiskers."""
    (x, y), r = b.skull, b.head
    _ears(s, b)
    nose = _snout(s, b, 0.72, -0.3, 0.5, 0.36)
    s.add(
        "muzzle",
        "second:fur",
        ellipse(x + r * 0.78, y - r * 0.42, r * 0.36, r * 0.28),
        bevel=0.06,
        line=0.005,
        shadow=0.0,
    )
    s.add(
        "nose",
        "pupil",
        polygon(
            [
                (nose[0] - r * 0.26, nose[1] + r * 0.16),
                (nose[0] + r * 0.02, nose[1] + r * 0.16),
                (nose[0] - r * 0.08, nose[1] - r * 0.04),
            ],
            0.01,
        ),
        bevel=0.02,
        line=0.004,
    )
    eye(s, x + r * 0.4, y + r * 0.16, r * 0.27, "accent")


def _bear(s: Sketch, b: Build) -> None:
    """Bears: a broad head with a light snout."""
    (x, y), r = b.skull, b.head
    _ears(s, b)
    nose = _snout(s, b, 0.95, -0.34, 0.6, 0.34)
    s.add(
        "muzzle",
        "second:fur",
        ellipse(nose[0] - r * 0.4, nose[1] - r * 0.03, r * 0.4, r * 0.32),
        bevel=0.06,
        line=0.006,
        shadow=0.0,
    )
    s.add("nose", "pupil", ellipse(nose[0] - r * 0.1, nose[1] + r * 0.14, r * 0.16, r * 0.12), bevel=0.03)
    eye(s, x + r * 0.4, y + r * 0.14, r * 0.2, "wood")


def _equine(s: Sketch, b: Build) -> None:
    """Horses and deer: a long face that falls away, nostril at the end."""
    (x, y), r = b.skull, b.head
    _ears(s, b)
    nose = _snout(s, b, 1.75, -1.0, 0.62, 0.46)
    s.add(
        "muzzle",
        "second:fur",
        ellipse(nose[0] - r * 0.42, nose[1] + r * 0.02, r * 0.46, r * 0.42),
        bevel=0.06,
        line=0.0,
        shadow=0.0,
    )
    s.add(
        "nostrils",
        "shade",
        ellipse(nose[0] - r * 0.2, nose[1] + r * 0.1, r * 0.09, r * 0.07),
        bevel=0.01,
        line=0.0,
    )
    s.add(
        "mouth",
        "shade",
        stroke([(nose[0] - r * 0.12, nose[1] - r * 0.22), (nose[0] - r * 0.6, nose[1] - r * 0.16)], 0.008),
        bevel=0.01,
        line=0.0,
        shadow=0.0,
    )
    eye(s, x + r * 0.36, y + r * 0.16, r * 0.24, "wood")


def _bovine(s: Sketch, b: Build) -> None:
    """Cattle, goats, pigs: a blunt muzzle with nostrils."""
    (x, y), r = b.skull, b.head
    _ears(s, b)
    blunt = s.option("muzzle") == "disc"
    nose = _snout(s, b, 1.15 if blunt else 1.3, -0.3 if blunt else -0.55, 0.66, 0.46)
    s.add(
        "muzzle",
        "second:fur",
        ellipse(nose[0] - r * 0.28, nose[1], r * 0.34, r * 0.46),
        bevel=0.07,
        line=0.007,
        shadow=0.0,
    )
    s.add(
        "nostrils",
        "shade",
        ellipse(nose[0] - r * 0.14, nose[1] + r * 0.12, r * 0.08, r * 0.1),
        bevel=0.01,
        line=0.0,
    )
    eye(s, x + r * 0.34, y + r * 0.2, r * 0.22, "wood")


def _elephant(s: Sketch, b: Build) -> None:
    """Elephants: a hanging trunk, a tusk, an ear like a sail."""
    (x, y), r = b.skull, b.head
    s.add(
        "trunk",
        b.coat,
        stroke(
            [
                (x + r * 0.55, y - r * 0.1),
                (x + r * 1.15, y - r * 0.75),
                (x + r * 1.2, y - r * 1.7),
                (x + r * 1.55, y - r * 2.25),
            ],
            r * 0.46,
            r * 0.2,
        ),
        bevel=0.09,
    )
    s.add("head", b.coat, circle(x, y, r), bevel=r * 0.8)
    s.add(
        "tusks",
        "cream",
        stroke(
            [(x + r * 0.66, y - r * 0.6), (x + r * 1.25, y - r * 1.12), (x + r * 1.75, y - r * 0.95)],
            r * 0.14,
            r * 0.05,
        ),
        bevel=0.03,
    )
    s.add(
        "ears",
        b.coat.replace("main", "main-"),
        smooth(
            [
                (x - r * 0.3, y + r * 0.6),
                (x + r * 0.15, y),
                (x - r * 0.15, y - r * 0.95),
                (x - r * 0.8, y - r * 0.7),
                (x - r * 1.1, y + r * 0.2),
            ],
            5,
        ),
        bevel=0.1,
    )
    eye(s, x + r * 0.5, y + r * 0.18, r * 0.16, "wood")


def _dragon(s: Sketch, b: Build) -> None:
    """Dragons: horns swept back, a strong jaw, spines down the neck."""
    (x, y), r = b.skull, b.head
    for k in range(4):
        px, py = (
            b.long * 0.3 + (x - r * 0.5 - b.long * 0.3) * k / 3.4,
            b.y + b.bulk * 0.95 + (y + r * 0.2 - b.y - b.bulk * 0.95) * k / 3.4,
        )
        s.back(
            "spikes",
            "accent",
            polygon([(px - 0.08, py - 0.06), (px + 0.08, py + 0.02), (px - 0.07, py + 0.13)], 0.012),
            bevel=0.04,
        )
    s.add(
        "horns",
        "cream",
        stroke(
            [(x - r * 0.2, y + r * 0.7), (x - r * 0.75, y + r * 1.25), (x - r * 1.5, y + r * 1.5)],
            r * 0.26,
            r * 0.05,
        ),
        bevel=0.05,
    )
    nose = _snout(s, b, 1.5, -0.42, 0.66, 0.42)
    s.add(
        "muzzle",
        "second:wood_across",
        capsule((x + r * 0.1, y - r * 0.72), (nose[0] - r * 0.5, nose[1] - r * 0.3), r * 0.2, r * 0.15),
        bevel=0.05,
        line=0.006,
        shadow=0.0,
    )
    s.add(
        "mouth",
        "shade",
        stroke([(nose[0] - r * 0.1, nose[1] - r * 0.14), (x + r * 0.5, y - r * 0.5)], 0.009),
        bevel=0.01,
        line=0.0,
        shadow=0.0,
    )
    for share in (0.35, 0.75):
        s.add(
            "fangs",
            "cream",
            polygon(
                [
                    (nose[0] - r * (share + 0.1), nose[1] - r * 0.14),
                    (nose[0] - r * (share - 0.1), nose[1] - r * 0.1),
                    (nose[0] - r * share, nose[1] - r * 0.42),
                ],
                0.004,
            ),
            bevel=0.02,
            line=0.005,
        )
    s.add(
        "nostrils",
        "shade",
        ellipse(nose[0] - r * 0.26, nose[1] + r * 0.2, r * 0.09, r * 0.06),
        bevel=0.01,
        line=0.0,
    )
    eye(s, x + r * 0.36, y + r * 0.24, r * 0.25, "gold")


HEADS: dict[str, Callable[[Sketch, Build], None]] = {
    "canine": _canine,
    "feline": _feline,
    "bear": _bear,
    "equine": _equine,
    "bovine": _bovine,
    "elephant": _elephant,
    "dragon": _dragon,
}
"""Options of the catalogue."""
