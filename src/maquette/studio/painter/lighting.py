"""Light: surface buffers to colours. A soft three-band ramp, a rim, highlights, metal's sky and horizon, ink, bloom."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from maquette.studio.painter.canvas import Canvas
from maquette.studio.painter.colour import RGB

Grid = NDArray[np.float32]
STRIP = 96
"""Rows lit at a time: intermediate arrays stay in the cache, and a 2048² picture needs little memory."""


@dataclass(frozen=True, slots=True)
class Light:
    """The mood of a picture."""

    key: RGB = (1.0, 0.96, 0.88)
    shadow: RGB = (0.23, 0.21, 0.38)
    rim: RGB = (0.55, 0.85, 1.0)
    ink: RGB = (0.1, 0.09, 0.14)
    ink_strength: float = 0.82
    bands: float = 0.45
    """How much of the ramp is posterised: 0 smooth, 1 cel-shaded."""
    flatten: float = 0.0
    saturation: float = 1.0
    pixels: int = 0
    """Blocks across the frame; 0 leaves it smooth."""


def render(canvas: Canvas, light: Light) -> Image.Image:
    """Light the canvas. RGBA, straight alpha; colours are continued a little below transparent pixels."""
    size = canvas.size
    out = np.zeros((size, size, 4), np.uint8)
    bloom = _bloom(canvas)
    for top in range(0, size, STRIP):
        rows = slice(top, min(top + STRIP, size))
        if not canvas.alpha[rows].any():
            continue
        lit = _lit(canvas, light, rows)
        alpha = canvas.alpha[rows]
        inside = np.maximum(alpha, 1e-3)
        for channel, values in enumerate(_graded(lit, light)):
            glowing = values + (1 - values) * bloom[channel][rows] if bloom is not None else values
            out[rows, :, channel] = np.clip(glowing, 0, 1) * 255 * (inside > 1e-3) + 0.5
        out[rows, :, 3] = alpha * 255 + 0.5
    image = Image.fromarray(out, "RGBA")
    return _pixelated(image, light.pixels) if light.pixels else image


def _lit(canvas: Canvas, light: Light, rows: slice) -> list[Grid]:
    nx, ny = canvas.nx[rows], canvas.ny[rows]
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0))
    diffuse = np.clip(0.5 + 0.5 * (-0.480 * nx + 0.620 * ny + 0.620 * nz), 0, 1) ** 1.6
    banded = 0.3 + 0.28 * _step(diffuse, 0.31, 0.37) + 0.34 * _step(diffuse, 0.62, 0.68)
    ramp = diffuse + (banded - diffuse) * light.bands
    opened = canvas.open[rows]
    half = np.clip(-0.266 * nx + 0.344 * ny + 0.900 * nz, 0, 1)
    highlight = half ** np.maximum(canvas.gloss[rows], 1) * canvas.spec[rows] * opened
    rim = np.clip(0.75 * nx - 0.1 * ny, 0, 1) ** 2 * 0.24
    metal, glow, flat = canvas.metal[rows], canvas.glow[rows], np.maximum(canvas.flat[rows], light.flatten)
    # A metal mirrors bright sky above, a dark horizon and warm ground below: three steps over the slope are enough.
    sky = (
        0.5
        + 0.55 * _step(ny + 0.35 * nz, 0.1, 0.75)
        - 0.28 * (_step(ny, -0.32, -0.06) - _step(ny, -0.02, 0.2))
    )
    ink = canvas.ink[rows] * light.ink_strength
    height = np.linspace(1.05, 0.93, canvas.size, dtype=np.float32)[rows][:, None]
    out = []
    for channel in range(3):
        albedo = canvas.albedo[channel][rows]
        shade = light.shadow[channel]
        value = albedo * (shade * 0.9 * (1 - ramp) + light.key[channel] * (0.3 + 0.98 * ramp))
        value += (albedo * (0.35 + 1.05 * sky) - value) * metal * 0.65
        value *= height * (opened + (1 - opened) * shade * 0.55)
        value += (albedo - value) * flat
        value += rim * light.rim[channel] * (1 - flat)
        value += highlight * (light.key[channel] + (albedo * 1.3 - light.key[channel]) * metal * 0.6)
        value += (albedo * 1.04 + 0.1 + 0.22 * nz - value) * glow
        out.append(value + (light.ink[channel] * 0.75 + albedo * 0.12 - value) * ink)
    return out


def _graded(lit: list[Grid], light: Light) -> list[Grid]:
    if light.saturation == 1.0:
        return lit
    grey = 0.299 * lit[0] + 0.587 * lit[1] + 0.114 * lit[2]
    return [grey + (values - grey) * light.saturation for values in lit]


def _step(x: NDArray[np.floating], low: float, high: float) -> Grid:
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _bloom(canvas: Canvas) -> list[Grid] | None:
    """Give a halo around what glows, at an eighth of the resolution."""
    if not canvas.glow.any():
        return None
    small = max(canvas.size // 8, 16)
    out = []
    for channel in range(3):
        source = Image.fromarray(canvas.glow * canvas.albedo[channel] * (canvas.glow > 0.2))
        low = np.asarray(source.resize((small, small), Image.Resampling.BOX))
        wide = ndimage.gaussian_filter(low, small * 0.018) * 0.55
        out.append(
            np.asarray(Image.fromarray(wide).resize(canvas.glow.shape[::-1], Image.Resampling.BILINEAR))
        )
    return out


def _pixelated(image: Image.Image, blocks: int) -> Image.Image:
    small = image.resize((blocks, blocks), Image.Resampling.BOX)
    alpha = small.getchannel("A").point(lambda v: 255 if v > 127 else 0)
    small = small.quantize(24, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).convert("RGBA")
    small.putalpha(alpha)
    return small.resize(image.size, Image.Resampling.NEAREST)
