"""Lattice noise, the same picture at every resolution."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grid = NDArray[np.float32]
Sampler = Callable[[str], Grid]

# Cells across the frame (x, y) and octaves of each named field.
FIELDS: dict[str, tuple[int, int, int]] = {
    "fine": (26, 26, 3),
    "cloud": (5, 5, 4),
    "blotch": (10, 10, 4),
    "grain_x": (3, 34, 3),
    "grain_y": (34, 3, 3),
    "speck": (90, 90, 2),
}


class Noise:
    """Named noise fields of one picture, made on first use and read through randomly placed windows."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        """``size``: pixels of the square frame."""
        self._size = size
        self._rng = rng
        self._seeds = dict(zip(FIELDS, rng.integers(0, 2**63, len(FIELDS)).tolist(), strict=True))
        self._fields: dict[str, Grid] = {}

    def _field(self, name: str) -> Grid:
        if name not in self._fields:
            self._fields[name] = lattice(self._size, *FIELDS[name], np.random.default_rng(self._seeds[name]))
        return self._fields[name]

    def window(self, height: int, width: int) -> Sampler:
        """Give a sampler for one part: ``sampler(name)`` is (height, width) in 0..1, at a place of its own."""
        top = float(self._rng.random())
        left = float(self._rng.random())

        def sample(name: str) -> Grid:
            y0, x0 = int(top * (self._size - height)), int(left * (self._size - width))
            return self._field(name)[y0 : y0 + height, x0 : x0 + width]

        return sample


def lattice(size: int, cells_x: int, cells_y: int, octaves: int, rng: np.random.Generator) -> Grid:
    """Fractal value noise: random lattices enlarged bicubically and summed, normalised to 0..1."""
    out = np.zeros((size, size), np.float32)
    amplitude = 0.5
    for octave in range(octaves):
        nx, ny = cells_x * 2**octave, cells_y * 2**octave
        image = Image.fromarray(rng.random((ny + 2, nx + 2), dtype=np.float32))
        enlarged = image.resize((size, size), Image.Resampling.BICUBIC, box=(0.5, 0.5, nx + 1.5, ny + 1.5))
        out += amplitude * np.asarray(enlarged)
        amplitude *= 0.5
    low, high = float(out.min()), float(out.max())
    return np.asarray((out - low) / (high - low + 1e-6), np.float32)
