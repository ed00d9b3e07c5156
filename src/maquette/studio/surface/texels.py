"""Textures as arrays: bilinear lookup, and filling what no island covers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maquette.studio.scene import Floats

Pixels = NDArray[np.float32]


def pixels_of(image: Image.Image) -> Pixels:
    """(h, w, 3), 0 to 1."""
    return np.asarray(image.convert("RGB"), dtype=np.float32) / np.float32(255)


def image_of(pixels: Pixels) -> Image.Image:
    """Encode 0 to 1 in eight bits; values outside are clipped."""
    coded = np.empty(pixels.shape, np.uint8)
    for channel in range(pixels.shape[2]):
        coded[..., channel] = np.clip(pixels[..., channel], 0, 1) * np.float32(255) + np.float32(0.5)
    return Image.fromarray(coded)


def lookup(pixels: Pixels, uv: Floats) -> Floats:
    """Bilinear samples (k, c) at (k, 2) coordinates, v down, repeating outside [0, 1] as glTF does by default."""
    height, width = pixels.shape[:2]
    x, y = uv[:, 0] * width - 0.5, uv[:, 1] * height - 0.5
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    x0, x1, y0, y1 = left % width, (left + 1) % width, top % height, (top + 1) % height
    upper = pixels[y0, x0] * (1 - fx) + pixels[y0, x1] * fx
    lower = pixels[y1, x0] * (1 - fx) + pixels[y1, x1] * fx
    samples: Floats = upper * (1 - fy) + lower * fy
    return samples


def filled(pixels: NDArray[np.floating[Any]], known: NDArray[np.bool_]) -> Pixels:
    """Fill the unknown (h, w, c) from the known around it, so that neither filtering nor mipmaps bring a border in.

    Pull-push (Gortler et al., "The Lumigraph", SIGGRAPH 1996): averages go up a pyramid and come down where
    nothing finer is known. 0.2 s at 1024², where copying the nearest texel of an exact distance transform takes 0.5 s.
    """
    result = np.empty(pixels.shape, np.float32)
    for channel in range(pixels.shape[2]):  # one by one: a third of the memory
        result[..., channel] = _filled_channel(pixels[..., channel].astype(np.float32), known)
    return result


def _filled_channel(pixels: Pixels, known: NDArray[np.bool_]) -> Pixels:
    weight = known.astype(np.float32)
    levels = [(pixels * weight, weight)]
    while max(levels[-1][0].shape) > 1:
        summed, count = (_halved(part) for part in levels[-1])
        total = np.maximum(count, 1.0)
        levels.append((summed / total, (count > 0).astype(np.float32)))
    result = levels[-1][0]
    for values, present in reversed(levels[:-1]):
        result = np.where(present > 0, values, _doubled(result)[: values.shape[0], : values.shape[1]])
    return result


def _halved(values: Pixels) -> Pixels:
    """Sum over blocks of two by two."""
    odd_rows, odd_columns = values.shape[0] % 2, values.shape[1] % 2
    padded = np.pad(values, ((0, odd_rows), (0, odd_columns)))
    return padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]


def _doubled(values: Pixels) -> Pixels:
    """Twice the size, bilinear: each new pixel lies a quarter from its own old one and three from the next."""
    for axis in (0, 1):
        edge = np.pad(values, [(1, 1) if other == axis else (0, 0) for other in range(2)], mode="edge")
        count = values.shape[axis]
        before, after = edge.take(range(count), axis), edge.take(range(2, count + 2), axis)
        near = values * np.float32(0.75)
        pair = np.stack([near + before * np.float32(0.25), near + after * np.float32(0.25)], axis=axis + 1)
        shape = list(values.shape)
        shape[axis] *= 2
        values = pair.reshape(shape)
    return values
