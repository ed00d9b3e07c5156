"""Baking: what a detailed source looks like, into the textures of a light mesh around the same shape."""

from collections.abc import Callable
from dataclasses import dataclass

import igl
import numpy as np
from PIL import Image

from maquette.studio.geometry import tangents, unit_rows
from maquette.studio.raster import barycentric, visible_faces
from maquette.studio.scene import Floats, Ints, Material, Mesh
from maquette.studio.surface.appearance import estimated_rough_metal, with_relief
from maquette.studio.surface.occlusion import Occlusion
from maquette.studio.surface.texels import Pixels, filled, image_of, lookup, pixels_of
from maquette.studio.textures import linear_from_srgb, srgb_from_linear

_BATCH = 1 << 18


@dataclass(frozen=True, slots=True)
class _Source:
    """The source, ready to be asked what is nearest to a point."""

    mesh: Mesh
    material: Material
    triangles: Ints
    tree: igl.AABB
    color: Pixels | None
    normal: Pixels | None
    packed: Pixels | None
    frame: Floats | None
    """Tangents (n, 4), where there is a normal map."""


def bake(
    source: Mesh,
    material: Material,
    target: Mesh,
    occlusion: Occlusion,
    size: int,
    report: Callable[[float], None],
) -> Material:
    """Transfer colour, normals, roughness and metallic by nearest surface point into ``size``² textures.

    ``target`` has ``uv`` and ``tangents``, and ``occlusion`` was measured on the same faces. A source without a
    normal map lends fine relief from its colours' brightness; one without a roughness-metallic map gets both
    estimated from colour, or its plain factors when it has no texture. ``report`` gets values from 0 to 1.
    """
    assert target.uv is not None
    asked = _prepared(source, material, _density(target, (size, size)))
    points = target.uv * size
    faces = visible_faces(points, target.triangles, (size, size))
    known = np.flatnonzero(faces >= 0)
    # Half floats keep eleven bits, three more than the textures, and halve what a 4096² bake holds.
    base, bumps, packed = (np.zeros((size * size, 3), np.float16) for _ in range(3))
    for start in range(0, len(known), _BATCH):
        report(start / len(known))
        texels = known[start : start + _BATCH]
        owners = faces[texels].astype(np.int64)
        weights = barycentric(points, target.triangles, texels, owners, size)
        corners = target.triangles[owners]
        face, share = _nearest(asked, _mixed(weights, target.positions, corners))
        hit = asked.triangles[face]
        uv = None if source.uv is None else _mixed(share, source.uv, hit)
        color = _color(asked, uv, len(texels))
        base[texels] = color
        bumps[texels] = 0.5 + 0.5 * _tangent_normal(
            _mixed(weights, target.normals, corners), target, corners, weights, _normal(asked, hit, share, uv)
        )
        packed[texels] = _rough_metal(asked, uv, color)
        packed[texels, 0] *= occlusion.at(owners, weights)
    mask = (faces >= 0).reshape(size, size)
    surface = image_of(filled(packed.reshape(size, size, 3), mask))
    painted = filled(base.reshape(size, size, 3), mask)
    normal = filled(bumps.reshape(size, size, 3), mask)
    if asked.color is not None and asked.normal is None:
        normal = with_relief(normal, painted)
    return Material(
        name="baked",
        base_color=image_of(painted),
        normal=image_of(normal),
        occlusion_roughness_metallic=surface,
    )


def _prepared(mesh: Mesh, material: Material, density: float) -> _Source:
    triangles = np.ascontiguousarray(mesh.triangles)
    tree = igl.AABB()
    tree.init(mesh.positions, triangles)

    def pixels(image: Image.Image | None) -> Pixels | None:
        if image is None or mesh.uv is None:
            return None
        # A texture much finer than ours would be undersampled by single lookups.
        ratio = int(_density(mesh, image.size) / max(density, 1e-300))
        return pixels_of(image.convert("RGB").reduce(min(ratio, *image.size)) if ratio >= 2 else image)

    normal = pixels(material.normal)
    frame = mesh.tangents
    if normal is not None and frame is None and mesh.uv is not None:
        frame = tangents(mesh.positions, triangles, mesh.normals, mesh.uv)
    return _Source(
        mesh=mesh,
        material=material,
        triangles=triangles,
        tree=tree,
        color=pixels(material.base_color),
        normal=normal,
        packed=pixels(material.occlusion_roughness_metallic),
        frame=frame,
    )


def _density(mesh: Mesh, size: tuple[int, int]) -> float:
    """Texels per metre of a texture laid out on a mesh."""
    assert mesh.uv is not None
    a, b, c = (mesh.positions[mesh.triangles[:, k]] for k in range(3))
    surface = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    p, q, r = (mesh.uv[mesh.triangles[:, k]] * size for k in range(3))
    flat = np.abs((q - p)[:, 0] * (r - p)[:, 1] - (q - p)[:, 1] * (r - p)[:, 0]).sum()
    return float(np.sqrt(flat / max(surface, 1e-300)))


def _nearest(source: _Source, points: Floats) -> tuple[Ints, Floats]:
    """Nearest face and barycentric coordinates of the nearest point on it, for each of (k, 3) points."""
    _, face, nearest = source.tree.squared_distance(source.mesh.positions, source.triangles, points)
    a, b, c = (source.mesh.positions[source.triangles[face, k]] for k in range(3))
    ab, ac, ap = b - a, c - a, nearest - a
    d00, d01, d11 = (np.einsum("ij,ij->i", x, y) for x, y in ((ab, ab), (ab, ac), (ac, ac)))
    d20, d21 = np.einsum("ij,ij->i", ap, ab), np.einsum("ij,ij->i", ap, ac)
    area = d00 * d11 - d01 * d01
    safe = np.where(area > 0, area, 1.0)
    beta = np.where(area > 0, (d11 * d20 - d01 * d21) / safe, 0.0)
    gamma = np.where(area > 0, (d00 * d21 - d01 * d20) / safe, 0.0)
    share = np.clip(np.stack([1.0 - beta - gamma, beta, gamma], axis=1), 0.0, 1.0)
    return face, share / share.sum(axis=1, keepdims=True)


def _mixed(weights: Floats, values: Floats, corners: Ints) -> Floats:
    mixed: Floats = np.einsum("ij,ijk->ik", weights, values[corners])
    return mixed


def _color(source: _Source, uv: Floats | None, count: int) -> Floats:
    """SRGB base colour (k, 3), factor included."""
    factor = np.asarray(source.material.base_color_factor[:3])
    if source.color is None or uv is None:
        return np.tile(srgb_from_linear(factor), (count, 1))
    color = lookup(source.color, uv)
    return color if (factor == 1.0).all() else srgb_from_linear(linear_from_srgb(color) * factor)


def _normal(source: _Source, hit: Ints, share: Floats, uv: Floats | None) -> Floats:
    """World-space normals of the source (k, 3), its normal map included."""
    normals = unit_rows(_mixed(share, source.mesh.normals, hit), (0.0, 1.0, 0.0))
    if source.normal is None or source.frame is None or uv is None:
        return normals
    along = unit_rows(_mixed(share, source.frame[:, :3], hit), (1.0, 0.0, 0.0))
    across = np.cross(normals, along) * source.frame[hit[:, :1], 3]
    bump = lookup(source.normal, uv) * 2.0 - 1.0
    return unit_rows(along * bump[:, :1] + across * bump[:, 1:2] + normals * bump[:, 2:], (0.0, 1.0, 0.0))


def _tangent_normal(base: Floats, target: Mesh, corners: Ints, weights: Floats, normals: Floats) -> Floats:
    """World-space normals in the target's interpolated tangent frame (k, 3)."""
    assert target.tangents is not None
    up = unit_rows(base, (0.0, 1.0, 0.0))
    along = _mixed(weights, target.tangents[:, :3], corners)
    along = unit_rows(along - up * np.einsum("ij,ij->i", along, up)[:, None], (1.0, 0.0, 0.0))
    across = np.cross(up, along) * target.tangents[corners[:, :1], 3]
    x, y, z = (np.einsum("ij,ij->i", normals, axis) for axis in (along, across, up))
    # A normal that points inwards was found on the far side of something thin, or on a face wound the wrong way.
    sign = np.where(z < 0, -1.0, 1.0)
    return unit_rows(np.stack([x * sign, y * sign, np.maximum(z * sign, 0.05)], axis=1), (0.0, 0.0, 1.0))


def _rough_metal(source: _Source, uv: Floats | None, color: Floats) -> Floats:
    """Occlusion, roughness and metallic (k, 3): the source's own, or estimated, or its factors."""
    factors = (1.0, source.material.roughness_factor, source.material.metallic_factor)
    if source.packed is not None and uv is not None:
        return lookup(source.packed, uv) * factors
    if source.color is not None:
        return estimated_rough_metal(color)
    return np.tile(np.asarray(factors), (len(color), 1))
