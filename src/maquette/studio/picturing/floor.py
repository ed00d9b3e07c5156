"""What a model stands on: a soft backdrop, and its shadow, sharp at the feet and softer with height."""

from functools import lru_cache

import numpy as np
from PIL import Image
from scipy import ndimage

from maquette.studio.picturing.camera import Camera
from maquette.studio.picturing.surface import Floats32
from maquette.studio.raster import visible_faces
from maquette.studio.scene import Mesh
from maquette.studio.shading import KEY

_SHADOW_BANDS = ((0.00, 0.06, 0.008, 0.50), (0.06, 0.30, 0.022, 0.30), (0.30, 1.01, 0.05, 0.22))
"""Height from, height to (shares of the model's), blur (share of the picture), strength."""

_SHADOW_LENGTH = 0.45  # shorter than true: a long shadow would leave the picture
_SHADOW_SIZE = 144  # a shadow is blurred by more than the pixels this leaves out
BACKDROP = ((236, 238, 242), (193, 199, 208))
"""Centre and corner colour of the soft studio background."""


def ground_shadow(mesh: Mesh, camera: Camera, size: int) -> Floats32:
    """Darkness (size, size), 0 to 1, of the floor."""
    toward = camera.rotation.T @ KEY.direction.astype(np.float64)
    slide = toward[[0, 2]] / max(toward[1], 0.3) * _SHADOW_LENGTH
    above = np.maximum(mesh.positions[:, 1] - camera.ground, 0.0)
    fallen = np.stack(
        [
            mesh.positions[:, 0] - above * slide[0],
            np.full(len(above), camera.ground),
            mesh.positions[:, 2] - above * slide[1],
        ],
        axis=1,
    )
    screen, _ = camera.seen(fallen)
    small = min(size, _SHADOW_SIZE)
    points = (screen + 1.0) * (small / 2)
    share = above[mesh.triangles].mean(axis=1) / max(float(above.max()), 1e-9)
    light = np.ones((small, small), np.float32)
    for start, end, blur, strength in _SHADOW_BANDS:
        chosen = mesh.triangles[(share >= start) & (share < end)]
        mask = (visible_faces(points, chosen, (small, small)) >= 0).astype(np.float32)
        soft = ndimage.gaussian_filter(
            mask.reshape(small, small), (blur * small * 0.6, blur * small), truncate=3.0
        )
        light *= 1.0 - strength * soft
    picture = Image.fromarray(1.0 - light).resize((size, size), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(picture, np.float32), 0.0, 1.0)


@lru_cache(maxsize=4)
def backdrop(size: int) -> Floats32:
    """(size, size, 3) sRGB, brightest a little above the middle."""
    y, x = np.mgrid[0:size, 0:size] / max(size - 1, 1)
    away = np.clip(np.hypot(x - 0.5, y - 0.42) / 0.72, 0.0, 1.0)
    blend = (away * away * (3 - 2 * away))[..., None]
    center, corner = (np.asarray(color, np.float64) / 255 for color in BACKDROP)
    result: Floats32 = (center + (corner - center) * blend).astype(np.float32)
    return result
