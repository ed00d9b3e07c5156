"""What a colour alone suggests about a surface: metal or not, how rough, how bumpy. Estimates, and disclosed as such."""

import numpy as np
from scipy import ndimage

from maquette.studio.scene import Floats
from maquette.studio.surface.texels import Pixels

_LUMA = np.array([0.2126, 0.7152, 0.0722])
_RELIEF = 1.6
"""Slope per unit of brightness change per texel at 1024²: plank gaps and rivets catch light, noise does not."""
_RELIEF_MAX = 0.35


def estimated_rough_metal(color: Floats) -> Floats:
    """Occlusion 1, roughness and metallic (k, 3) from sRGB colours (k, 3).

    Bare metal is the greyest thing in a painted picture: little saturation, neither black nor white. Saturated
    and dark surfaces come out as a rough dielectric, which is wrong for gold and copper but never looks broken.
    """
    high, low = color.max(axis=1), color.min(axis=1)
    saturation = (high - low) / np.maximum(high, 0.02)
    metal = 0.8 * _ramp(0.24, 0.10, saturation) * _ramp(0.30, 0.48, high) * _ramp(0.99, 0.90, low)
    rough = np.clip(0.80 - 0.36 * metal - 0.12 * (high - 0.5), 0.25, 0.95)
    return np.stack([np.ones(len(color)), rough, metal], axis=1)


def with_relief(normal: Pixels, color: Pixels) -> Pixels:
    """Tilt an encoded normal map (h, w, 3) by the colours' brightness taken as height."""
    scale = _RELIEF * normal.shape[0] / 1024
    height = ndimage.gaussian_filter(color @ _LUMA.astype(np.float32), 1.0)
    down, right = np.gradient(height)
    vectors = normal * np.float32(2) - np.float32(1)
    vectors[..., 0] -= np.clip(right * scale, -_RELIEF_MAX, _RELIEF_MAX)
    vectors[..., 1] += np.clip(down * scale, -_RELIEF_MAX, _RELIEF_MAX)
    vectors /= np.maximum(np.sqrt(np.einsum("ijk,ijk->ij", vectors, vectors)), np.float32(1e-6))[..., None]
    vectors *= np.float32(0.5)
    vectors += np.float32(0.5)
    return vectors


def _ramp(start: float, end: float, value: Floats) -> Floats:
    """0 at ``start``, 1 at ``end``, smooth between."""
    t = np.clip((value - start) / (end - start), 0.0, 1.0)
    smooth: Floats = t * t * (3.0 - 2.0 * t)
    return smooth
