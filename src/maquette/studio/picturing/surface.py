"""A mesh made ready to be drawn many times: one array of what varies over it, and its maps as one pyramid.

All maps are looked up at once: a texel is ten float32 numbers beside each other (colour in linear light, alpha,
occlusion, roughness, metallic, normal), so that a sample costs one gather instead of three.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maquette.studio.geometry import tangents
from maquette.studio.scene import Floats, Ints, Material, Mesh
from maquette.studio.textures import linear_from_srgb

Floats32 = NDArray[np.float32]
_EDGE_MAX = 1024
"""Texels beyond this are finer than any picture drawn here, and 4096 x 4096 of them would take 670 MB."""

CLAY = Material(base_color_factor=(0.62, 0.62, 0.64, 1.0), metallic_factor=0.0, roughness_factor=0.85)
"""What shows a shape and nothing else."""

_LINEAR = linear_from_srgb(np.arange(256) / 255).astype(np.float32)
ALBEDO, ALPHA, OCCLUSION, ROUGHNESS, METALLIC, BUMP = (
    slice(0, 3),
    3,
    slice(4, 5),
    slice(5, 6),
    slice(6, 7),
    slice(7, 10),
)


@dataclass(frozen=True)
class Surface:
    """What is drawn. ``moved`` gives the same surface in another pose without preparing it again."""

    mesh: Mesh
    material: Material
    varying: Floats32
    """(n, 12): position, normal, tangent with handedness, uv (zeros where there is none)."""
    closed: bool
    """Whether the inside can never be seen, so that back faces need not be drawn."""
    levels: dict[int, Floats32] = field(default_factory=dict)
    """Pyramid of maps, each made when first needed."""

    @cached_property
    def has_bumps(self) -> bool:
        """Whether a normal map bends the light."""
        return self.mesh.uv is not None and self.material.normal is not None

    @cached_property
    def triangles(self) -> Ints:
        """(m, 3)."""
        return self.mesh.triangles

    @cached_property
    def places(self) -> Floats:
        """(p, 3) positions that some face uses."""
        places: Floats = self.mesh.positions[np.unique(self.mesh.triangles)]
        return places

    def moved(self, mesh: Mesh) -> "Surface":
        """Return the surface with other positions and normals (tangents stay those of the rest pose)."""
        varying = self.varying.copy()
        varying[:, 0:3], varying[:, 3:6] = mesh.positions, mesh.normals
        return replace(self, mesh=mesh, varying=varying)

    def texels(self, level: int) -> Floats32:
        """(height, width, 10), halved ``level`` times."""
        if level not in self.levels:
            self.levels[level] = _packed(self.material, self.size, level)
        return self.levels[level]

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height to hold the maps in: the largest one's, within bounds; 1 x 1 where there is none."""
        if self.mesh.uv is None:
            return (1, 1)
        maps = (
            self.material.base_color,
            self.material.occlusion_roughness_metallic,
            self.material.normal,
        )
        sizes = [image.size for image in maps if image is not None]
        wide, high = max(sizes, key=lambda size: size[0] * size[1], default=(1, 1))
        shrink = max(1.0, max(wide, high) / _EDGE_MAX)
        return (max(1, round(wide / shrink)), max(1, round(high / shrink)))


def surface(mesh: Mesh, material: Material) -> Surface:
    """Prepare a mesh for drawing."""
    count = len(mesh.positions)
    varying = np.zeros((count, 12), np.float32)
    varying[:, 0:3], varying[:, 3:6] = mesh.positions, mesh.normals
    if mesh.uv is not None:
        varying[:, 10:12] = mesh.uv
        if material.normal is not None:
            frame = mesh.tangents
            if frame is None:
                frame = tangents(mesh.positions, mesh.triangles, mesh.normals, mesh.uv)
            varying[:, 6:10] = frame
    return Surface(mesh, material, varying, _is_closed(mesh) and not _has_holes(material))


def _is_closed(mesh: Mesh) -> bool:
    """Whether each edge between places (not vertices: seams split those) is walked once in each direction."""
    _, place = np.unique(np.round(mesh.positions, 7), axis=0, return_inverse=True)
    faces = place.ravel()[mesh.triangles]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[edges[:, 0] != edges[:, 1]]
    base = int(place.max()) + 1
    forth = np.sort(edges[:, 0] * base + edges[:, 1])
    back = np.sort(edges[:, 1] * base + edges[:, 0])
    inwards = np.einsum(
        "ij,ij->",
        mesh.positions[mesh.triangles[:, 0]],
        np.cross(mesh.positions[mesh.triangles[:, 1]], mesh.positions[mesh.triangles[:, 2]]),
    )
    return bool(np.array_equal(forth, back)) and inwards > 0


def _has_holes(material: Material) -> bool:
    image = material.base_color
    if image is None or not image.has_transparency_data:
        return False
    return int(np.asarray(image.convert("RGBA").getchannel("A")).min()) < 128


def _packed(material: Material, size: tuple[int, int], level: int) -> Floats32:
    wide, high = (max(1, side >> level) for side in size)
    texels = np.empty((high, wide, 10), np.float32)
    texels[..., 0:7] = 1.0
    texels[..., 7:10] = (0.0, 0.0, 1.0)

    def scaled(image: Image.Image, mode: str) -> NDArray[np.uint8]:
        resized = image.convert(mode).resize((wide, high), Image.Resampling.BOX)
        return np.asarray(resized, np.uint8)

    if material.base_color is not None and size != (1, 1):
        base = scaled(material.base_color, "RGBA")
        texels[..., 0:3] = _LINEAR[base[..., :3]]
        texels[..., 3] = base[..., 3] / np.float32(255)
    texels[..., 0:3] *= np.asarray(material.base_color_factor[:3], np.float32)
    if material.occlusion_roughness_metallic is not None and size != (1, 1):
        texels[..., 4:7] = scaled(material.occlusion_roughness_metallic, "RGB") / np.float32(255)
    texels[..., 5] = np.clip(texels[..., 5] * material.roughness_factor, 0.05, 1.0)
    texels[..., 6] *= material.metallic_factor
    if material.normal is not None and size != (1, 1):
        texels[..., 7:10] = scaled(material.normal, "RGB") / np.float32(127.5) - 1.0
    return texels
