"""Surface patterns: what a material does to a part's colour and relief.

A pattern is ``(area) -> Texture``. Amounts are 0..1 over the part's window, bump in canvas units (the frame is 2.2 wide).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maquette.studio.painter.colour import RGB
from maquette.studio.painter.noise import Sampler

Grid = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Area:
    """Where a pattern is asked for: broadcastable coordinates, the part's distances, noise of its own."""

    x: Grid
    y: Grid
    d: Grid
    noise: Sampler
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class Texture:
    """``multiply`` scales the colour, ``tint`` blends a second one in by ``amount``, ``bump`` raises the surface."""

    multiply: Grid | None = None
    tint: RGB | None = None
    amount: Grid | None = None
    bump: Grid | None = None
    matte: Grid | None = None
    """Where the surface loses its shine: 0..1."""


def _f(values: object) -> Grid:
    return np.asarray(values, np.float32)


def plain(area: Area) -> Texture:
    """Give a little unevenness, as paint has."""
    return Texture(multiply=_f(0.94 + 0.12 * area.noise("blotch")))


def brushed(area: Area) -> Texture:
    """Metal with fine horizontal strokes."""
    return Texture(multiply=_f(0.88 + 0.1 * area.noise("grain_x") + 0.14 * area.noise("cloud")))


def wood(area: Area) -> Texture:
    """Boards standing upright, each with a tone of its own."""
    return _boards(area, area.x, "grain_y", 5.5)


def wood_across(area: Area) -> Texture:
    """Boards lying across."""
    return _boards(area, area.y, "grain_x", 5.5)


def timber(area: Area) -> Texture:
    """One piece of wood, grain along y, without joints."""
    grain = area.noise("grain_y")
    return Texture(multiply=_f(0.72 + 0.5 * grain), bump=_f(0.008 * grain))


def bark(area: Area) -> Texture:
    """Deep upright furrows."""
    grain = area.noise("grain_y")
    furrow = np.clip((0.5 - grain) * 5, 0, 1)
    return Texture(multiply=_f(1.05 - 0.5 * furrow), bump=_f(0.03 * grain))


def _boards(area: Area, across: Grid, field: str, count: float) -> Texture:
    grain = area.noise(field)
    u = across * count + float(area.rng.random())
    gap = np.clip(1 - np.abs(u - np.round(u)) / 0.05, 0, 1)
    tone = area.rng.uniform(0.84, 1.12, 64)[np.round(u - 0.5).astype(np.int64) % 64]
    return Texture(
        multiply=_f((0.8 + 0.4 * grain) * tone * (1 - 0.6 * gap)), bump=_f(0.006 * grain - 0.02 * gap)
    )


def stone(area: Area) -> Texture:
    """Rough, mottled rock."""
    cloud, fine = area.noise("cloud"), area.noise("fine")
    return Texture(
        multiply=_f(0.7 + 0.35 * cloud + 0.25 * fine),
        bump=_f(0.03 * cloud + 0.016 * fine),
        matte=_f(0.7 + 0 * cloud),
    )


def bricks(area: Area) -> Texture:
    """Courses of blocks with mortar between."""
    row = np.floor(area.y * 7)
    u = area.x * 3.6 + 0.5 * (row % 2)
    fu, fv = u - np.floor(u), area.y * 7 - row
    mortar = np.clip(1 - np.minimum(np.minimum(fu, 1 - fu) * 2, np.minimum(fv, 1 - fv)) / 0.1, 0, 1)
    cell = (np.floor(u).astype(np.int64) * 7 + row.astype(np.int64) * 13) % 64
    tone = area.rng.uniform(0.82, 1.14, 64)[cell]
    fine = area.noise("fine")
    return Texture(
        multiply=_f((0.86 + 0.28 * fine) * tone * (1 - 0.35 * mortar)), bump=_f(0.01 * fine - 0.022 * mortar)
    )


def shingles(area: Area) -> Texture:
    """Overlapping rounded tiles: roofs, scales, feathers."""
    row = np.floor(area.y * 11)
    fu = area.x * 9 + 0.5 * (row % 2)
    fu = fu - np.floor(fu) - 0.5
    fv = area.y * 11 - row
    drop = np.clip((fv - 2.2 * fu * fu) * 1.6, 0, 1)
    return Texture(multiply=_f(0.74 + 0.34 * drop), bump=_f(0.016 * drop))


def fur(area: Area) -> Texture:
    """Short hair that lies downwards."""
    strand = area.noise("grain_y")
    fine = area.noise("fine")
    multiply = 0.8 + 0.22 * strand + 0.2 * fine
    return Texture(multiply=_f(multiply), bump=_f(0.009 * fine), matte=_f(0.6 + 0 * fine))


def cloth(area: Area) -> Texture:
    """Soft folds that fall downwards."""
    fold = area.noise("grain_y") * 0.6 + area.noise("cloud") * 0.4
    return Texture(multiply=_f(0.84 + 0.3 * fold), bump=_f(0.012 * fold))


def leather(area: Area) -> Texture:
    """Fine pores and worn patches."""
    speck, blotch = area.noise("speck"), area.noise("blotch")
    return Texture(multiply=_f(0.82 + 0.2 * speck + 0.18 * blotch), bump=_f(0.003 * speck))


def crystal(area: Area) -> Texture:
    """Facets: quantised directions of a skewed lattice."""
    u = area.x * 5.2 + area.y * 2.6
    v = area.y * 4.1 - area.x * 3.3
    cell = (np.floor(u).astype(np.int64) * 5 + np.floor(v).astype(np.int64) * 11) % 64
    tone = area.rng.uniform(0.72, 1.3, 64)[cell]
    slope = (u - np.floor(u)) * 0.02 * (area.rng.random(64)[cell] - 0.3)
    return Texture(multiply=_f(tone), bump=_f(slope))


def marble(area: Area) -> Texture:
    """Dark veins through a pale ground."""
    wave = np.sin((area.x * 1.7 + area.y) * 7 + 9 * area.noise("cloud"))
    vein = np.clip(1 - np.abs(wave) / 0.16, 0, 1)
    return Texture(multiply=_f(1 - 0.32 * vein + 0.06 * area.noise("cloud")))


def stripes(area: Area) -> Texture:
    """Painted bands."""
    return Texture(tint=(0.12, 0.1, 0.13), amount=_f(0.8 * (np.sin((area.y + 0.35 * area.x) * 30) > 0.25)))


def spots(area: Area) -> Texture:
    """Dark patches away from the edge."""
    return Texture(
        tint=(0.12, 0.1, 0.13), amount=_f(0.55 * np.clip((area.noise("blotch") - 0.58) * 14, 0, 1))
    )


def ribs(area: Area) -> Texture:
    """Give a bellows: rubber hoses and joints."""
    wave = np.sin(area.y * 62)
    return Texture(multiply=_f(1.25 + 0.35 * wave), bump=_f(0.008 * wave))


def grip(area: Area) -> Texture:
    """Give a handle wound with a strap."""
    wave = np.sin((area.y + area.x * 0.6) * 70)
    return Texture(multiply=_f(0.85 + 0.22 * wave), bump=_f(0.008 * wave))


def rays(area: Area) -> Texture:
    """Straight flutes that fan out downwards: skirts, capes, umbrellas."""
    wave = np.sin(np.arctan2(area.x, area.y - 1.0) * 42)
    return Texture(multiply=_f(0.9 + 0.16 * wave), bump=_f(0.012 * wave))


def lava(area: Area) -> Texture:
    """Glowing cracks in a crust."""
    crack = np.clip(1 - np.abs(area.noise("cloud") - 0.5) / 0.05, 0, 1)
    return Texture(tint=(1.0, 0.55, 0.12), amount=_f(crack), bump=_f(-0.02 * crack))


Pattern = Callable[[Area], Texture]
PATTERNS: dict[str, Pattern] = {
    pattern.__name__: pattern
    for pattern in (
        plain, brushed, wood, wood_across, timber, bark, stone, bricks, shingles, fur, cloth, leather, crystal, marble,
        stripes, spots, ribs, grip, rays, lava,
    )
}  # fmt: skip


# Weathering lies over the material of every part that can carry it.


def rust(area: Area) -> Texture:
    """Orange-brown oxide that starts at edges and runs down in streaks."""
    cloud, streak = area.noise("blotch"), area.noise("grain_y")
    edge = np.clip(1 + area.d / 0.07, 0, 1)
    amount = np.clip((0.62 * cloud + 0.3 * streak + 0.26 * edge - 0.5) * 6.5, 0, 1)
    deep = area.noise("fine")
    return Texture(
        tint=(0.49, 0.235, 0.1),
        amount=_f(amount * (0.62 + 0.38 * deep)),
        bump=_f(0.010 * amount * deep),
        matte=_f(amount),
    )


def moss(area: Area) -> Texture:
    """Green growth on what faces up."""
    high = np.clip(0.55 + 0.35 * area.y, 0, 1)
    amount = np.clip((area.noise("blotch") + 0.35 * high - 0.68) * 8, 0, 1)
    return Texture(
        tint=(0.34, 0.5, 0.16),
        amount=_f(amount * 0.9),
        bump=_f(0.02 * amount * area.noise("speck")),
        matte=_f(amount),
    )


def frost(area: Area) -> Texture:
    """White rime at edges and on what faces up."""
    edge = np.clip(1 + area.d / 0.06, 0, 1)
    amount = np.clip((area.noise("blotch") * 0.7 + 0.45 * edge - 0.55) * 5, 0, 1)
    return Texture(tint=(0.93, 0.98, 1.0), amount=_f(0.85 * amount), bump=_f(0.006 * amount))


def cracks(area: Area) -> Texture:
    """Dark fracture lines."""
    line = np.clip(1 - np.abs(area.noise("blotch") - 0.52) / 0.018, 0, 1)
    return Texture(multiply=_f(1 - 0.65 * line), bump=_f(-0.014 * line))


def dirt(area: Area) -> Texture:
    """Grime in patches, more at the foot."""
    low = np.clip(0.4 - 0.5 * area.y, 0, 1)
    amount = np.clip((area.noise("blotch") + 0.4 * low - 0.62) * 4, 0, 0.75)
    return Texture(tint=(0.24, 0.19, 0.14), amount=_f(amount), matte=_f(amount))


WEATHER: dict[str, Pattern] = {p.__name__: p for p in (rust, moss, frost, cracks, dirt)}
