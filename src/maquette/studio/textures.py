"""Textures as engines take them: factors multiplied in, the packed maps split into one image per channel."""

from dataclasses import replace

import numpy as np
from PIL import Image

from maquette.studio.scene import Floats, Material

CHANNELS = ("base_color", "normal", "metallic", "roughness", "ao")
COLOR_SPACES = dict.fromkeys(CHANNELS, "linear") | {"base_color": "srgb"}
_FLAT = 64
_FLAT_NORMAL = (128, 128, 255)
_WHITE = (1.0, 1.0, 1.0, 1.0)


def srgb_from_linear(linear: Floats) -> Floats:
    """IEC 61966-2-1, values 0 to 1."""
    return np.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    )


def linear_from_srgb(srgb: Floats) -> Floats:
    """IEC 61966-2-1, values 0 to 1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0.0) + 0.055) / 1.055) ** 2.4)


def settled(material: Material) -> Material:
    """Multiply the factors into the textures, which then all exist but the normal map; a factor alone becomes a flat one.

    What a material looks like stays the same; what is left to interpret by an importer is less.
    """
    base = material.base_color or Image.new("RGB", (_FLAT, _FLAT), (255, 255, 255))
    if material.base_color_factor != _WHITE:
        pixels = np.asarray(base.convert("RGBA"), dtype=np.float64) / 255
        factor = np.asarray(material.base_color_factor)
        color = srgb_from_linear(linear_from_srgb(pixels[..., :3]) * factor[:3])
        base = _image(np.concatenate([color, pixels[..., 3:] * factor[3]], axis=-1) * 255)
        if factor[3] == 1.0 and not (material.base_color and material.base_color.has_transparency_data):
            base = base.convert("RGB")
    packed = material.occlusion_roughness_metallic or Image.new("RGB", (_FLAT, _FLAT), (255, 255, 255))
    strengths = (1.0, material.roughness_factor, material.metallic_factor)
    if strengths != (1.0, 1.0, 1.0):
        packed = _image(np.asarray(packed.convert("RGB"), dtype=np.float64) * strengths)
    return replace(
        material,
        base_color=base,
        occlusion_roughness_metallic=packed.convert("RGB"),
        base_color_factor=_WHITE,
        metallic_factor=1.0,
        roughness_factor=1.0,
    )


def texture_set(material: Material) -> dict[str, Image.Image]:
    """Split a settled material into `CHANNELS`: RGB(A) base colour and normal, and three greyscale maps."""
    assert material.base_color is not None
    assert material.occlusion_roughness_metallic is not None
    occlusion, roughness, metallic = material.occlusion_roughness_metallic.split()
    normal = material.normal or Image.new("RGB", (_FLAT, _FLAT), _FLAT_NORMAL)
    maps = (material.base_color, normal.convert("RGB"), metallic, roughness, occlusion)
    return dict(zip(CHANNELS, maps, strict=True))


def _image(values: Floats) -> Image.Image:
    return Image.fromarray(np.rint(np.clip(values, 0, 255)).astype(np.uint8))
