"""Materials: a colour with a finish, and the slots that subjects paint with.

Subjects never name colours. They name **slots** (``main``, ``metal``, ``skin`` …), optionally with a finish of their own
(``main:cloth``); a **kit** decides what a slot looks like in this picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from maquette.studio.painter.colour import RGB, mix, parse, shifted


@dataclass(frozen=True, slots=True)
class Finish:
    """How a surface answers light, whatever its colour."""

    pattern: str = "plain"
    spec: float = 0.22
    gloss: float = 22.0
    metal: float = 0.0
    glow: float = 0.0
    """1 shines by itself."""
    flat: float = 0.0
    """1 ignores the light (eyes, paper labels)."""
    weathers: bool = True
    """Whether rust, moss and the like take hold."""


FINISHES: dict[str, Finish] = {
    "paint": Finish("plain", 0.42, 26, 0.12),
    "metal": Finish("brushed", 0.6, 16, 0.75),
    "polished": Finish("brushed", 0.9, 34, 0.95),
    "wood": Finish("wood", 0.08),
    "wood_across": Finish("wood_across", 0.08),
    "timber": Finish("timber", 0.1),
    "bark": Finish("bark", 0.03),
    "stone": Finish("stone", 0.06, 10),
    "bricks": Finish("bricks", 0.05, 10),
    "shingles": Finish("shingles", 0.12),
    "scales": Finish("shingles", 0.4, 18),
    "fur": Finish("fur", 0.03, 8),
    "cloth": Finish("cloth", 0.05, 8),
    "folds": Finish("rays", 0.05, 8),
    "leather": Finish("leather", 0.2, 12),
    "crystal": Finish("crystal", 0.95, 40, 0.15, 0.12),
    "glass": Finish("plain", 0.95, 60, 0.1, 0.0, 0.25, weathers=False),
    "marble": Finish("marble", 0.5, 30),
    "skin": Finish("plain", 0.1, 12, weathers=False),
    "slime": Finish("plain", 0.9, 50, 0.0, 0.1, 0.15),
    "leaf": Finish("fur", 0.06, 10),
    "rubber": Finish("ribs", 0.25, 14, 0.1, weathers=False),
    "grip": Finish("grip", 0.15, 12),
    "plastic": Finish("plain", 0.6, 40, weathers=False),
    "glow": Finish("plain", 0.5, 30, 0.0, 0.85, weathers=False),
    "eye": Finish("plain", 0.5, 40, 0.0, 0.0, 0.35, weathers=False),
    "flat": Finish("plain", 0.0, 10, 0.0, 0.0, 0.6, weathers=False),
    "lava": Finish("lava", 0.1, 10),
    "striped": Finish("stripes", 0.2),
    "spotted": Finish("spots", 0.2),
}

# What a slot is made of unless the subject or the words say otherwise, and which palette role colours it.
SLOTS: dict[str, tuple[str, str]] = {
    "main": ("primary", "paint"),
    "second": ("secondary", "paint"),
    "accent": ("accent", "paint"),
    "dark": ("dark", "rubber"),
    "shade": ("dark", "plastic"),
    "metal": ("metal", "metal"),
    "gold": ("gold", "polished"),
    "glow": ("glow", "glow"),
    "skin": ("skin", "skin"),
    "hair": ("hair", "fur"),
    "wood": ("wood", "wood"),
    "leather": ("leather", "leather"),
    "leaf": ("leaf", "leaf"),
    "stone": ("stone", "stone"),
    "white": ("white", "eye"),
    "pupil": ("pupil", "eye"),
    "cream": ("cream", "paint"),
    "glass": ("glass", "glass"),
    "soil": ("soil", "stone"),
    "red": ("red", "paint"),
}


@dataclass(frozen=True, slots=True)
class Material:
    """A finish in a colour."""

    colour: RGB
    finish: Finish


@dataclass(frozen=True, slots=True)
class Stuff:
    """What a material word means: ``wooden``, ``golden``, ``icy``. Absent fields leave the subject's own."""

    colour: RGB | None = None
    finish: str | None = None
    weather: tuple[str, ...] = ()
    light: float = 0.0
    saturation: float = 1.0
    glowing: bool = False


@dataclass(frozen=True, slots=True)
class Kit:
    """Slots resolved for one picture: palette roles, the subject's body slots, and what the words change about them."""

    palette: Mapping[str, RGB]
    body: tuple[str, ...] = ("main",)
    stuff: Stuff = Stuff()
    colour: RGB | None = None
    """The colour word for the body."""

    def material(self, paint: str) -> Material:
        """Resolve ``slot`` or ``slot:finish``; ``slot+`` and ``slot-`` are a lighter and a darker shade of it."""
        name, _, asked = paint.partition(":")
        slot = name.rstrip("+-")
        role, own = SLOTS[slot]
        finish = FINISHES[asked or own]
        colour = self.palette[role]
        if slot in self.body:
            colour, finish = self._body(colour, finish)
        elif self.stuff.light and slot not in {"white", "pupil", "glow"}:
            colour = shifted(colour, light=self.stuff.light * 0.7)
        shade = 0.09 * (name.count("+") - name.count("-"))
        return Material(shifted(colour, light=shade) if shade else colour, finish)

    def _body(self, colour: RGB, finish: Finish) -> tuple[RGB, Finish]:
        if self.stuff.finish and finish.flat < 0.5:
            finish = FINISHES[self.stuff.finish]
        if self.stuff.colour:
            colour = self.stuff.colour
        if self.colour:
            colour = self.colour if not self.stuff.colour else mix(self.stuff.colour, self.colour, 0.75)
        colour = shifted(colour, light=self.stuff.light, saturation=self.stuff.saturation)
        if self.stuff.glowing:
            finish = replace(finish, glow=max(finish.glow, 0.3))
        return colour, finish


def stuff(code: str | None = None, finish: str | None = None, *weather: str, **more: float) -> Stuff:
    """Give a table's shorthand for ``Stuff``: colour code, finish, weathering."""
    return Stuff(
        parse(code) if code else None,
        finish,
        tuple(weather),
        more.get("light", 0.0),
        more.get("saturation", 1.0),
        bool(more.get("glowing", 0.0)),
    )
