"""Preview pictures without a GPU: perspective, anti-aliased, lit by ``shading``, standing on a soft shadow."""

from functools import lru_cache

import numpy as np
from PIL import Image

from maquette.studio.picturing.camera import Camera, framed
from maquette.studio.picturing.floor import backdrop as studio_backdrop
from maquette.studio.picturing.floor import ground_shadow
from maquette.studio.picturing.surface import Floats32, Surface, surface
from maquette.studio.picturing.visible import seen
from maquette.studio.scene import Scene
from maquette.studio.shading import shade, tone_mapped
from maquette.studio.textures import srgb_from_linear

_STILL_SHADOWS = 512
_SRGB = srgb_from_linear(np.linspace(0, 1, 4097)).astype(np.float32)
"""Look-up table: a power per sample took a tenth of a frame's time."""


def framing(scene: Scene, azimuth: float = 0.55, elevation: float = 0.22) -> Camera:
    """Place a camera so that the mesh fills the picture; angles in radians from the front and the horizon."""
    assert scene.mesh is not None
    return framed(scene.mesh.positions[np.unique(scene.mesh.triangles)], azimuth, elevation)


def render(
    scene: Scene, camera: Camera | None = None, *, size: int = 512, backdrop: bool = True
) -> Image.Image:
    """Draw the scene's mesh in its current pose: RGB on the studio backdrop, or RGBA on nothing."""
    assert scene.mesh is not None
    drawn = surface(scene.mesh, scene.material)
    return draw(drawn, camera or framing(scene), size, backdrop=backdrop)


def draw(
    drawn: Surface, camera: Camera, size: int, *, backdrop: bool = True, shadows: int = _STILL_SHADOWS
) -> Image.Image:
    """Draw a prepared surface; ``shadows`` is the edge of the shadow map in cells."""
    color, alpha = _object(drawn, camera, size, shadows)
    shadow = ground_shadow(drawn.mesh, camera, size)
    if backdrop:
        tint = np.array([1.0, 0.97, 0.92], np.float32)
        ground = studio_backdrop(size) * (1.0 - shadow[..., None] * tint)
        flat = ground * (1.0 - alpha[..., None]) + color
        return Image.fromarray(np.rint(np.clip(flat, 0, 1) * 255).astype(np.uint8))
    shadow = shadow * _fade(size)  # laid on something else, a shadow must not end at a line
    total = alpha + shadow * (1.0 - alpha)
    straight = color / np.maximum(total, 1e-4)[..., None]
    rgba = np.concatenate([straight, total[..., None]], axis=-1)
    return Image.fromarray(np.rint(np.clip(rgba, 0, 1) * 255).astype(np.uint8))


@lru_cache(maxsize=8)
def _fade(size: int) -> Floats32:
    """(size, size) 1 inside, falling to 0 over the outer eighth."""
    ramp = np.clip((0.5 - np.abs(np.linspace(-0.5, 0.5, size))) * 8.0, 0.0, 1.0).astype(np.float32)
    smooth = ramp * ramp * (3.0 - 2.0 * ramp)
    return smooth[:, None] * smooth


def _object(drawn: Surface, camera: Camera, size: int, shadows: int) -> tuple[Floats32, Floats32]:
    """Premultiplied sRGB (size, size, 3) and coverage (size, size)."""
    samples = seen(drawn, camera, size, shadows)
    mapped = tone_mapped(shade(samples.fragments))
    color = _SRGB[(mapped * 4096 + 0.5).astype(np.int32)] * samples.weights[:, None]
    planes = [
        np.bincount(samples.pixels, values, minlength=size * size).reshape(size, size)
        for values in (*color.T, samples.weights)
    ]
    picture = np.stack(planes, axis=-1).astype(np.float32)
    return picture[..., :3], picture[..., 3]
