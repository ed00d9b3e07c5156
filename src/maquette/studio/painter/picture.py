"""A brief to a picture, in one call."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from maquette.studio.painter import palette
from maquette.studio.painter.attachments import ATTACHMENTS
from maquette.studio.painter.canvas import Canvas
from maquette.studio.painter.colour import RGB, mix, shifted
from maquette.studio.painter.figure_human import human
from maquette.studio.painter.lighting import Light, render
from maquette.studio.painter.materials import Kit
from maquette.studio.painter.sketch import Sketch, fit
from maquette.studio.painter.unknown import relic
from maquette.studio.painter.vocabulary import Brief

REACH = 1.0
"""The subject spans twice this in a frame of 2.2: a margin of 4.5 % on each side."""


def rng_of(*parts: object) -> np.random.Generator:
    """Give a generator that depends on nothing but the parts' text: equal across processes and machines."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def paint(brief: Brief, *, seed: int, size: int, colours: Sequence[RGB] = ()) -> Image.Image:
    """Paint one variant. ``colours``: the project's palette, dominant first; words for colour still override the body's.

    Returns RGBA of ``size`` squared, subject centred, background transparent.
    """
    rng = rng_of("variant", brief.noun, seed)
    sketch = _sketch(brief, rng)
    kit = _kit(brief, rng, colours)
    hidden = brief.without - {"body"}
    parts = sketch.layers(hidden) or sketch.layers()
    wide = brief.traits.get("wide", 1.0) * float(sketch.option("wide", "1"))
    frame = fit(parts, wide, brief.traits.get("tall", 1.0), REACH * brief.traits.get("reach", 1.0))
    canvas = Canvas(size, rng, frame)
    for part in parts:
        canvas.lay(part.shape, kit.material(part.paint), part.brush, brief.stuff.weather)
    return render(canvas, _light(brief, kit))


def _sketch(brief: Brief, rng: np.random.Generator) -> Sketch:
    subject, role = brief.subject, brief.role
    options = dict((subject.options if subject else None) or {})
    if subject and role and subject.draw is human:
        dressed = {k: v for k, v in (role.options or {}).items() if k in {"wear", "beard"}}
        options = {**options, **(dressed if options.get("wear") not in {"bones", "hide"} else {})}
    sketch = Sketch(rng, rng_of("shape", brief.noun), brief.traits, options)
    (subject.draw if subject else relic)(sketch)
    worn = dict.fromkeys(
        (*(role.wears if role else ()), *(subject.wears if subject else ()), *brief.attachments)
    )
    if role and role.wears and subject:
        worn = dict.fromkeys((*role.wears, *brief.attachments))
    for name in worn:
        if name not in brief.without:
            ATTACHMENTS[name](sketch)
    return sketch


def _kit(brief: Brief, rng: np.random.Generator, colours: Sequence[RGB]) -> Kit:
    subject, role = brief.subject, brief.role
    natural = dict((subject.colours if subject else None) or {})
    if role and role.colours:
        natural = {
            **natural,
            **{k: v for k, v in role.colours.items() if k == "accent" or (subject and subject.draw is human)},
        }
    schemes = palette.COOL if "rust" in brief.stuff.weather else palette.SCHEMES
    roles = palette.base(natural, rng, schemes)
    roles = palette.with_palette(roles, colours, rng)
    if len(brief.colours) > 1:
        roles["secondary"] = brief.colours[1]
    if brief.colours and not colours:
        # A body in a loud colour wants accents that are not the same one.
        roles["accent"] = (
            roles["accent"]
            if _apart(roles["accent"], brief.colours[0])
            else shifted(roles["accent"], hue=0.45)
        )
    roles.update(brief.details)
    roles = palette.without(roles, brief.banned)
    return Kit(
        roles,
        subject.body if subject else ("main",),
        brief.stuff,
        brief.colours[0] if brief.colours else None,
    )


def _apart(a: RGB, b: RGB) -> bool:
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) > 0.25


def _light(brief: Brief, kit: Kit) -> Light:
    looks = brief.looks
    light = Light(rim=mix((0.55, 0.75, 0.95), kit.palette["glow"], 0.5))
    night, warm, cold = (looks.get(name, 0.0) for name in ("night", "warm", "cold"))
    key = mix(light.key, (0.72, 0.72, 0.9), night * 0.8)
    key = mix(mix(key, (1.08, 0.9, 0.68), warm), (0.88, 0.97, 1.08), cold)
    return replace(
        light,
        key=key,
        shadow=mix(
            mix(light.shadow, (0.08, 0.07, 0.2), night), (0.36, 0.42, 0.6), looks.get("lift", 0.0) * 0.5
        ),
        ink_strength=light.ink_strength * looks.get("ink", 1.0),
        bands=looks.get("bands", light.bands),
        flatten=looks.get("flatten", 0.0),
        saturation=looks.get("saturation", 1.0),
        pixels=int(looks.get("pixels", 0)),
    )
