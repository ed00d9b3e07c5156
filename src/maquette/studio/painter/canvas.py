"""The canvas: parts are laid over one another into surface buffers; light comes once, at the end.

Shading each part by itself cost 17–46 s a picture at 1024² when done on the whole frame; cropping every part to its bounds and
deferring the light makes it well under two seconds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maquette.studio.painter.materials import Material
from maquette.studio.painter.noise import Noise
from maquette.studio.painter.patterns import PATTERNS, WEATHER, Area, Texture
from maquette.studio.painter.shapes import Shape

Grid = NDArray[np.float32]
FRAME = 2.2
"""Width of the frame in canvas units; its centre is (0, 0)."""


@dataclass(frozen=True, slots=True)
class Brush:
    """How a part is laid down. Lengths in canvas units."""

    bevel: float = 0.12
    """Width over which the edge curves: as large as the part is thick for something round."""
    line: float = 0.011
    """Ink line; 0 for none."""
    shadow: float = 0.45
    """Darkness of the shadow it casts on what lies below."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the sketch's coordinates go: ``canvas = sketch * scale + offset``."""

    scale_x: float = 1.0
    scale_y: float = 1.0
    offset_x: float = 0.0
    offset_y: float = 0.0

    @property
    def scale(self) -> float:
        """The factor for lengths that have no direction."""
        return min(self.scale_x, self.scale_y)


class Canvas:
    """Surface buffers of one picture."""

    def __init__(self, size: int, rng: np.random.Generator, frame: Frame) -> None:
        """``size``: pixels of the square picture."""
        self.size = size
        self.px = FRAME / size
        self._rng = rng
        self._noise = Noise(size, rng)
        self._frame = frame
        axis = ((np.arange(size) + 0.5) * self.px - FRAME / 2).astype(np.float32)
        self._columns = axis
        self._rows = -axis
        self.albedo = np.zeros((3, size, size), np.float32)
        for name in ("nx", "ny", "spec", "gloss", "metal", "glow", "flat", "ink", "alpha"):
            setattr(self, name, np.zeros((size, size), np.float32))
        self.open = np.ones((size, size), np.float32)

    nx: Grid
    ny: Grid
    spec: Grid
    gloss: Grid
    metal: Grid
    glow: Grid
    flat: Grid
    ink: Grid
    alpha: Grid

    def lay(self, shape: Shape, material: Material, brush: Brush, weather: tuple[str, ...] = ()) -> None:
        """Put one part on top of what is there."""
        window = self._window(shape)
        if window is None:
            return
        rows, columns = window
        f = self._frame
        x = ((self._columns[columns] - f.offset_x) / f.scale_x)[None, :]
        y = ((self._rows[rows] - f.offset_y) / f.scale_y)[:, None]
        extent = (rows.stop - rows.start, columns.stop - columns.start)
        d = np.ascontiguousarray(np.broadcast_to(shape.field(x, y), extent), np.float32) * f.scale
        cover = np.clip(0.5 - d / self.px, 0, 1)
        if not cover.any():
            return
        area = Area(x, y, d, self._noise.window(*extent), self._rng)
        colour, bump, shine = self._surface(area, material, weather)
        nx, ny = self._normals(d, brush.bevel * f.scale, bump)
        self._shade_below(window, d, cover, brush.shadow)
        values = {
            "nx": nx,
            "ny": ny,
            "spec": material.finish.spec * shine,
            "gloss": material.finish.gloss,
            "metal": material.finish.metal * shine,
            "glow": material.finish.glow,
            "flat": material.finish.flat,
            "open": 1.0,
            "ink": np.clip(1 - np.abs(d + brush.line * 0.5) / brush.line, 0, 1) if brush.line else 0.0,
        }
        for name, value in values.items():
            buffer = getattr(self, name)[window]
            buffer += (value - buffer) * cover
        for channel in range(3):
            buffer = self.albedo[channel][window]
            buffer += (colour[channel] - buffer) * cover
        alpha = self.alpha[window]
        alpha += cover * (1 - alpha)

    def _window(self, shape: Shape) -> tuple[slice, slice] | None:
        """Pixels of the part and of its shadow, or None when it lies outside the frame."""
        f = self._frame
        x0, y0, x1, y1 = shape.bounds
        margin = int(self.size * 0.03) + 2
        left = int(((x0 * f.scale_x + f.offset_x) + FRAME / 2) / self.px) - margin
        right = int(((x1 * f.scale_x + f.offset_x) + FRAME / 2) / self.px) + margin + 1
        top = int((FRAME / 2 - (y1 * f.scale_y + f.offset_y)) / self.px) - margin
        bottom = int((FRAME / 2 - (y0 * f.scale_y + f.offset_y)) / self.px) + margin + 1
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, self.size), min(bottom, self.size)
        if right - left < 2 or bottom - top < 2:
            return None
        return slice(top, bottom), slice(left, right)

    def _surface(
        self, area: Area, material: Material, weather: tuple[str, ...]
    ) -> tuple[list[Grid], Grid | None, Grid | float]:
        """Colour per channel, relief and the share of shine that is left."""
        layers = [PATTERNS[material.finish.pattern](area)]
        if material.finish.weathers:
            layers += [WEATHER[name](area) for name in weather]
        colour: list[Grid] = [np.full(area.d.shape, value, np.float32) for value in material.colour]
        bump: Grid | None = None
        shine: Grid | float = 1.0
        for layer in layers:
            colour = [_apply(layer, values, channel) for channel, values in enumerate(colour)]
            if layer.bump is not None:
                bump = layer.bump if bump is None else bump + layer.bump
            if layer.matte is not None:
                shine = shine * (1 - 0.85 * layer.matte)
        return colour, bump, shine

    def _normals(self, d: Grid, bevel: float, bump: Grid | None) -> tuple[Grid, Grid]:
        """Slope of a surface that curves away over the bevel like a quarter circle."""
        t = np.clip(-d / bevel, 0, 1)
        height = bevel * np.sqrt(t * (2 - t))
        if bump is not None:
            height = height + bump
        height = ndimage.gaussian_filter(height, self.size * 0.0026, truncate=2.5)
        gy, gx = np.gradient(height, self.px)
        length = np.sqrt(gx * gx + gy * gy + 0.72)
        return -gx / length, gy / length

    def _shade_below(self, window: tuple[slice, slice], d: Grid, cover: Grid, strength: float) -> None:
        """Darken what lies below, along the part's edge and a little to the lower right."""
        if not strength:
            return
        down, right = round(self.size * 0.009), round(self.size * 0.005)
        cast = np.full_like(d, 1.0)
        cast[down:, right:] = d[: d.shape[0] - down, : d.shape[1] - right]
        soft = np.clip(0.5 - cast / 0.05, 0, 1)
        soft = soft * soft * (3 - 2 * soft)
        self.open[window] *= 1 - strength * soft * (1 - cover)


def _apply(layer: Texture, values: Grid, channel: int) -> Grid:
    if layer.multiply is not None:
        values = values * layer.multiply
    if layer.tint is not None and layer.amount is not None:
        values = values + (layer.tint[channel] - values) * layer.amount
    return values
