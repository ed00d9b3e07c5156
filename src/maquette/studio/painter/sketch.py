"""A sketch: the list of parts that a subject is made of, before anything is painted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

import numpy as np

from maquette.studio.painter.canvas import Brush, Frame
from maquette.studio.painter.shapes import Bounds, Shape


@dataclass(frozen=True, slots=True)
class Part:
    """One layer of a sketch."""

    name: str
    """What it is, for negative words: ``hat``, ``wings``, ``eyes``."""
    shape: Shape
    paint: str
    """``slot`` or ``slot:finish``, see ``materials``."""
    brush: Brush


class Stroke(TypedDict, total=False):
    """Optional brush settings of ``Sketch.add``."""

    bevel: float
    line: float
    shadow: float


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where attachments go on this subject, in the sketch's units."""

    head: tuple[float, float, float] = (0.0, 0.9, 0.3)
    """Centre x, top y, half width of the head (or of the top)."""
    face: tuple[float, float, float] = (0.0, 0.7, 0.25)
    """Centre x, centre y, half width."""
    torso: tuple[float, float, float] = (0.0, 0.0, 0.4)
    """Centre x, centre y, half width of the body."""
    shoulder: float = 0.25
    """Height of the shoulders."""
    hip: float = -0.3
    hands: tuple[tuple[float, float], ...] = ()
    """Right-hand (x > 0) first; empty for what has no hands."""
    foot: float = -0.95
    """Lowest y."""


@dataclass(slots=True)
class Sketch:
    """Parts in painting order, back to front. ``rng`` is the variant's; ``shape`` the noun's own, equal for all variants."""

    rng: np.random.Generator
    shape: np.random.Generator
    traits: Mapping[str, float] = field(default_factory=dict)
    """Proportions asked for by words: ``girth``, ``height``, ``head``, ``round`` … around 1."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What the catalogue says about this noun beyond its subject."""
    anchors: Anchors = field(default_factory=Anchors)
    parts: list[Part] = field(default_factory=list)
    behind: list[Part] = field(default_factory=list)
    """Painted before ``parts``: capes, wings, backpacks."""

    def add(self, name: str, paint: str, shape: Shape, **stroke: Unpack[Stroke]) -> None:
        """One part on top of the others."""
        self.parts.append(Part(name, shape, paint, Brush(**stroke)))

    def pair(self, name: str, paint: str, shape: Shape, about: float = 0.0, **stroke: Unpack[Stroke]) -> None:
        """Add a part and its mirror image about x = ``about``, as two."""
        self.add(name, paint, shape.mirrored(about), **stroke)
        self.add(name, paint, shape, **stroke)

    def back(self, name: str, paint: str, shape: Shape, **stroke: Unpack[Stroke]) -> None:
        """Add a part behind everything else."""
        self.behind.append(Part(name, shape, paint, Brush(**stroke)))

    def back_pair(
        self, name: str, paint: str, shape: Shape, about: float = 0.0, **stroke: Unpack[Stroke]
    ) -> None:
        """Add a mirrored pair behind everything else."""
        self.back(name, paint, shape.mirrored(about), **stroke)
        self.back(name, paint, shape, **stroke)

    def between(self, low: float, high: float) -> float:
        """Give a proportion of this noun: the variant only moves it a little, so that variants stay the same subject."""
        wide = self.shape.uniform(low, high)
        return float(wide + (self.rng.uniform(low, high) - wide) * 0.3)

    def chance(self, p: float) -> bool:
        """Toss this variant's coin."""
        return bool(self.rng.random() < p)

    def pick(self, *choices: str) -> str:
        """One of the choices, by variant."""
        return choices[int(self.rng.integers(len(choices)))]

    def trait(self, name: str) -> float:
        """Give a proportion asked for by words; 1 when none was."""
        return self.traits.get(name, 1.0)

    def option(self, name: str, default: str = "") -> str:
        """Give a catalogue option."""
        return self.options.get(name, default)

    def layers(self, without: frozenset[str] = frozenset()) -> list[Part]:
        """All parts, back to front, except those whose name is in ``without``."""
        return [part for part in (*self.behind, *self.parts) if part.name not in without]


def extent(parts: list[Part]) -> Bounds:
    """Give the hull of the parts' bounds."""
    boxes = np.array([part.shape.bounds for part in parts], np.float64)
    return (
        float(boxes[:, 0].min()),
        float(boxes[:, 1].min()),
        float(boxes[:, 2].max()),
        float(boxes[:, 3].max()),
    )


def fit(parts: list[Part], stretch_x: float = 1.0, stretch_y: float = 1.0, reach: float = 1.0) -> Frame:
    """Place the parts so that the longer side spans ``2 * reach``, centred; ``stretch_*`` are proportions to apply."""
    x0, y0, x1, y1 = extent(parts)
    width, height = (x1 - x0) * stretch_x, (y1 - y0) * stretch_y
    k = 2 * reach / max(width, height, 1e-6)
    sx, sy = stretch_x * k, stretch_y * k
    return Frame(sx, sy, -(x0 + x1) / 2 * sx, -(y0 + y1) / 2 * sy)
