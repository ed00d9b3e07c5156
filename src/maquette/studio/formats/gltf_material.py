"""A GLB's material → textures and factors as the studio's ``Material`` wants them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from maquette.studio.formats.gltf_file import GltfFile, malformed
from maquette.studio.scene import Floats, Material

_FACTOR_MAX = 1e6
_WHITE = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Surface:
    """A material and which texture coordinates it is laid out in."""

    material: Material = field(default_factory=Material)
    uv_set: int = 0
    uv_matrix: tuple[tuple[float, float, float], tuple[float, float, float]] = (
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
    )
    """KHR_texture_transform of the base colour."""

    @property
    def textured(self) -> bool:
        """Whether any texture needs coordinates."""
        m = self.material
        return any(image is not None for image in (m.base_color, m.normal, m.occlusion_roughness_metallic))

    def transformed(self, uv: Floats) -> Floats:
        """Apply the texture transform to (n, 2)."""
        matrix = np.asarray(self.uv_matrix)
        result: Floats = uv @ matrix[:, :2].T + matrix[:, 2]
        return result


def read_surface(file: GltfFile, index: object) -> Surface:
    """Read a material; None gives glTF's default. Occlusion, roughness and metallic become one image."""
    if index is None:
        return Surface()
    entry = file.get("materials", index)
    pbr = entry.get("pbrMetallicRoughness", {})
    color = pbr.get("baseColorTexture") or {}
    lookups = {
        "base_color": color,
        "metallic_roughness": pbr.get("metallicRoughnessTexture") or {},
        "normal": entry.get("normalTexture") or {},
        "occlusion": entry.get("occlusionTexture") or {},
    }
    uv_set = next((_uv_set(info) for info in lookups.values() if "index" in info), 0)
    shared = _source(file, lookups["occlusion"]) == _source(file, lookups["metallic_roughness"])
    if shared and "index" in lookups["occlusion"]:
        lookups.pop("occlusion")  # one image, decoded once
    images = {
        name: file.image(_source(file, info))
        for name, info in lookups.items()
        if "index" in info and _uv_set(info) == uv_set
    }
    base = images.get("base_color")
    if base is not None and entry.get("alphaMode", "OPAQUE") == "OPAQUE":
        base = base.convert("RGB")  # an opaque material's alpha channel may hold anything
    factor = _factors(pbr.get("baseColorFactor", _WHITE), 4)
    material = Material(
        name=str(entry.get("name") or f"material_{index}"),
        base_color=base,
        normal=images.get("normal"),
        occlusion_roughness_metallic=_packed(
            images.get("occlusion"), images.get("metallic_roughness"), shared=shared
        ),
        base_color_factor=(factor[0], factor[1], factor[2], factor[3]),
        metallic_factor=_factors([pbr.get("metallicFactor", 1.0)], 1)[0],
        roughness_factor=_factors([pbr.get("roughnessFactor", 1.0)], 1)[0],
    )
    return Surface(material=material, uv_set=uv_set, uv_matrix=_uv_matrix(color))


def _packed(
    occlusion: Image.Image | None, rough_metal: Image.Image | None, *, shared: bool
) -> Image.Image | None:
    if occlusion is None and rough_metal is None:
        return None
    if rough_metal is None:
        assert occlusion is not None
        white = Image.new("L", occlusion.size, 255)
        return Image.merge("RGB", (occlusion.convert("RGB").getchannel("R"), white, white))
    rgb = rough_metal.convert("RGB")
    if shared:
        return rgb
    if occlusion is None:
        red = Image.new("L", rgb.size, 255)
    else:
        red = occlusion.convert("RGB").getchannel("R").resize(rgb.size, Image.Resampling.BILINEAR)
    return Image.merge("RGB", (red, rgb.getchannel("G"), rgb.getchannel("B")))


def _source(file: GltfFile, info: dict[str, Any]) -> object:
    if "index" not in info:
        return None
    texture = file.get("textures", info["index"])
    webp = texture.get("extensions", {}).get("EXT_texture_webp", {})
    return texture.get("source", webp.get("source"))


def _uv_set(info: dict[str, Any]) -> int:
    transform = info.get("extensions", {}).get("KHR_texture_transform", {})
    return int(transform.get("texCoord", info.get("texCoord", 0)))


def _uv_matrix(info: dict[str, Any]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    transform = info.get("extensions", {}).get("KHR_texture_transform", {})
    offset = _factors(transform.get("offset", (0.0, 0.0)), 2)
    scale = _factors(transform.get("scale", (1.0, 1.0)), 2)
    angle = _factors([transform.get("rotation", 0.0)], 1)[0]
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return (cos * scale[0], sin * scale[1], offset[0]), (-sin * scale[0], cos * scale[1], offset[1])


def _factors(value: object, length: int) -> list[float]:
    array = np.asarray(value, dtype=np.float64)
    if array.shape != (length,) or not (np.abs(array) <= _FACTOR_MAX).all():
        raise malformed(f"a material's factor is {value!r:.80}")
    factors: list[float] = array.tolist()
    return factors
