"""Helpers of the generation tests: running handlers on files, foreign pictures, and measures of images."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from maquette.worker.handler import Handler, Input
from maquette.worker.testing import Recorded, run_handler

Run = Callable[..., Recorded]


def runner(handler: Handler, step: str, root: Path) -> Run:
    """A function that runs the handler in a new directory each time: ``run(*inputs, seed=…, **params)``."""
    count = iter(range(10_000))

    def run(*inputs: Input, seed: int = 11, **params: Any) -> Recorded:
        workdir = root / f"{step}-{next(count)}"
        workdir.mkdir()
        return run_handler(handler, step=step, workdir=workdir, params=params, seed=seed, inputs=inputs)

    return run


def as_input(
    root: Path, data: bytes | Image.Image, name: str = "foreign.png", step: str = "upload", **hints: Any
) -> Input:
    """A file made elsewhere, as an input of kind image."""
    if isinstance(data, Image.Image):
        stream = io.BytesIO()
        data.save(stream, "JPEG" if name.endswith(".jpg") else "PNG")
        data = stream.getvalue()
    folder = root / f"in-{len(list(root.iterdir()))}"
    folder.mkdir()
    path = folder / name
    path.write_bytes(data)
    return Input(step, "image", name, "image/png", path, hints)


def snowman(size: int = 240, background: Any = (255, 255, 255), mode: str = "RGB") -> Image.Image:
    """A drawing that no code of ours made: three balls, a hat, eyes of the background's colour, arms of sticks."""
    image = Image.new(mode, (size, size), background)
    draw = ImageDraw.Draw(image)
    u = size / 240
    draw.line([(40 * u, 90 * u), (200 * u, 100 * u)], fill=(96, 60, 30), width=round(8 * u))
    for cx, cy, r in ((120, 185, 45), (120, 115, 36), (120, 62, 27)):
        draw.ellipse(
            [(cx - r) * u, (cy - r) * u, (cx + r) * u, (cy + r) * u],
            fill=(150, 190, 235),
            outline=(30, 40, 70),
            width=3,
        )
    draw.rectangle([98 * u, 12 * u, 142 * u, 42 * u], fill=(40, 40, 48))
    for cx in (111, 129):
        draw.ellipse([(cx - 3) * u, 55 * u, (cx + 3) * u, 61 * u], fill=(255, 255, 255))
    return image


def opened(recorded: Recorded, name: str) -> Image.Image:
    """An artifact's picture."""
    return Image.open(io.BytesIO(recorded.files[name].read_bytes()))


def mask(image: Image.Image, side: int = 96) -> NDArray[np.bool_]:
    """The silhouette, cut to its box, scaled to ``side`` along its longer side and centred."""
    solid = np.asarray(image.getchannel("A")) > 127
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    cut = Image.fromarray(solid[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8) * 255)
    scale = side / max(cut.size)
    small = cut.resize((max(1, round(cut.width * scale)), max(1, round(cut.height * scale))))
    out = Image.new("L", (side, side))
    out.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return np.asarray(out) > 127


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())


def pixels(image: Image.Image) -> NDArray[np.float64]:
    """Colours of the solid pixels, (n, 3) in 0..1."""
    values = np.asarray(image.convert("RGBA"), np.float64) / 255
    return np.asarray(values[values[..., 3] > 0.9][:, :3])


def hue_share(image: Image.Image, hue: float, width: float = 0.07) -> float:
    """Share of the saturated pixels whose hue (0..1) lies within ``width`` of the given one."""
    rgb = pixels(image)
    high, low = rgb.max(1), rgb.min(1)
    lively = (high - low > 0.18) & (high > 0.15)
    rgb, high, low = rgb[lively], high[lively], low[lively]
    span = high - low
    r, g, b = rgb.T
    sector = (
        np.where(high == r, (g - b) / span % 6, np.where(high == g, (b - r) / span + 2, (r - g) / span + 4))
        / 6
    )
    gap = np.abs(sector - hue)
    return float((np.minimum(gap, 1 - gap) < width).mean()) if len(rgb) else 0.0
