"""What of a surface is seen, sample by sample, and what the shading needs to know of it.

Faces are found at 2 x 2 samples a pixel, but a pixel whose samples lie on one smooth piece of surface is shaded once
(what GPUs call multisampling): a third of the work of shading every sample, and the same picture to the eye.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maquette.studio.picturing.camera import Camera
from maquette.studio.picturing.surface import (
    ALBEDO,
    ALPHA,
    BUMP,
    METALLIC,
    OCCLUSION,
    ROUGHNESS,
    Floats32,
    Surface,
)
from maquette.studio.raster import barycentric, visible_faces
from maquette.studio.scene import Floats, Ints
from maquette.studio.shading import KEY, Fragments

SAMPLES = 2  # per axis: 9 a pixel looked the same at 512 and took twice as long
_BEND_MAX = 0.85
_DEPTH_STEP = 0.02
_ALPHA_CUTOFF = 0.5
_GOLDEN = np.pi * (3 - 5**0.5)
_TAPS = tuple((i * _GOLDEN, 5.0 * ((i + 0.5) / 12) ** 0.5) for i in range(12))
"""Sunflower pattern of shadow-map lookups: angle and radius in map pixels."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Samples to shade: where they go in the picture, their weight in the pixel, and what is seen there."""

    pixels: Ints
    """(k,) index into the picture."""
    weights: Floats32
    """(k,) share of the pixel: 1, or a quarter."""
    fragments: Fragments


def seen(surface: Surface, camera: Camera, size: int, shadow_map: int) -> Seen:
    """Find what is visible in a square picture; holes (alpha below one half) are left out."""
    screen, z = camera.seen(surface.mesh.positions)
    side = size * SAMPLES
    points = (screen + 1.0) * (side / 2)
    faces = visible_faces(points, surface.triangles, (side, side), -1.0 / z, cull=surface.closed)
    pixels, owners, places, weights = _samples(faces, surface, z, size)
    shares = _shares(points, surface.triangles, z, owners, places)
    corners = surface.triangles[owners]
    mixed = np.einsum("kc,kcd->kd", shares, surface.varying[corners])
    texels = _looked_up(surface, mixed[:, 10:12], points, owners)
    solid = texels[:, ALPHA] >= _ALPHA_CUTOFF
    if not solid.all():
        pixels, weights, corners = pixels[solid], weights[solid], corners[solid]
        mixed, texels = mixed[solid], texels[solid]
    position = mixed[:, 0:3]
    to_eye = _unit(camera.eye.astype(np.float32) - position)
    normal = _normals(surface, corners, mixed, texels, to_eye)
    turn = camera.rotation.T.astype(np.float32)
    lit = _key_visibility(surface, camera, position, normal, shadow_map)
    fragments = Fragments(
        normal=normal @ turn,
        to_eye=to_eye @ turn,
        up=camera.rotation[:, 1].astype(np.float32),
        albedo=texels[:, ALBEDO],
        occlusion=texels[:, OCCLUSION],
        roughness=texels[:, ROUGHNESS],
        metallic=texels[:, METALLIC],
        key_visible=lit[:, None],
    )
    return Seen(pixels, weights, fragments)


def _samples(
    faces: NDArray[np.int32], surface: Surface, z: Floats, size: int
) -> tuple[Ints, Ints, Floats, Floats32]:
    """Choose the samples to shade: pixel, face, place in sample units (k, 2), and share of the pixel."""
    grid = faces.reshape(size, SAMPLES, size, SAMPLES)
    planes = [grid[:, y, :, x].ravel() for y in range(SAMPLES) for x in range(SAMPLES)]
    hit = np.flatnonzero(_each(np.maximum, planes) >= 0)
    four = np.stack([plane[hit] for plane in planes], axis=1)
    same = (four[:, 0] == four[:, 1]) & (four[:, 0] == four[:, 2]) & (four[:, 0] == four[:, 3])
    unclear = np.flatnonzero(~same & (_each(np.minimum, four.T) >= 0))
    same[unclear] = _smooth(four[unclear], surface, z)
    once, apart = np.flatnonzero(same), np.flatnonzero(~same)
    row, column = np.nonzero(four[apart] >= 0)
    pixels = np.concatenate([hit[once], hit[apart[row]]])
    owners = np.concatenate([four[once, 0], four[apart[row], column]]).astype(np.int64)
    at = np.stack([pixels % size, pixels // size], axis=1) * float(SAMPLES)
    at[: len(once)] += 1.0
    at[len(once) :] += np.stack([column % 2, column // 2], axis=1) + 0.5
    weights = np.ones(len(pixels), np.float32)
    weights[len(once) :] = 1.0 / SAMPLES**2
    return pixels, owners, at, weights


def _smooth(four: NDArray[np.int32], surface: Surface, z: Floats) -> NDArray[np.bool_]:
    """Whether the faces under a pixel are one piece: about the same depth and direction."""
    triangles, positions = surface.triangles, surface.varying[:, 0:3]
    a, b, c = (positions[triangles[:, k]] for k in range(3))
    direction = _unit(np.cross(b - a, c - a))
    deep = z[triangles].T
    near, far = _each(np.minimum, deep)[four].T, _each(np.maximum, deep)[four].T
    gap = _each(np.maximum, near) - _each(np.minimum, far)
    first = direction[four[:, 0]]
    bend = _each(np.minimum, [np.einsum("kd,kd->k", first, direction[four[:, k]]) for k in (1, 2, 3)])
    result: NDArray[np.bool_] = (gap < _DEPTH_STEP * np.ptp(z)) & (bend > _BEND_MAX)
    return result


def _shares(points: Floats, triangles: Ints, z: Floats, owners: Ints, places: Floats) -> Floats32:
    """Perspective-correct shares (k, 3) of a face's corners; a little beyond the face where a pixel's middle is."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    ab, ac = b - a, c - a
    with np.errstate(divide="ignore", invalid="ignore"):
        per_face = np.concatenate(
            [a, ab, ac, 1.0 / (ab[:, :1] * ac[:, 1:] - ab[:, 1:] * ac[:, :1]), 1.0 / z[triangles]], axis=1
        )
    own = per_face[owners]
    x, y = places[:, 0] - own[:, 0], places[:, 1] - own[:, 1]
    beta = (x * own[:, 5] - y * own[:, 4]) * own[:, 6]
    gamma = (own[:, 2] * y - own[:, 3] * x) * own[:, 6]
    flat = np.clip(np.stack([1.0 - beta - gamma, beta, gamma], axis=1), 0.0, 1.0) * own[:, 7:10]
    shares: Floats32 = (flat / (flat[:, :1] + flat[:, 1:2] + flat[:, 2:])).astype(np.float32)
    return shares


def _looked_up(surface: Surface, uv: Floats32, points: Floats, owners: Ints) -> Floats32:
    """Sample all maps (k, 10): bilinear with wrap-around, from the level that fits the visible faces' mean density."""
    if surface.mesh.uv is None or surface.size == (1, 1):
        return np.broadcast_to(surface.texels(0)[0, 0], (len(uv), 10))
    texels = surface.texels(_level(surface, points, np.unique(owners)))
    high, wide = texels.shape[:2]
    place = uv * np.array([wide, high], np.float32) - np.float32(0.5)
    corner = np.floor(place).astype(np.int64)
    fx, fy = (place - corner).astype(np.float32).T[:, :, None]
    x0, y0 = corner[:, 0] % wide, corner[:, 1] % high
    x1, y1 = (x0 + 1) % wide, (y0 + 1) % high
    flat = texels.reshape(-1, texels.shape[2])
    top = flat[y0 * wide + x0] * (1 - fx) + flat[y0 * wide + x1] * fx
    bottom = flat[y1 * wide + x0] * (1 - fx) + flat[y1 * wide + x1] * fx
    result: Floats32 = top + (bottom - top) * fy
    return result


def _level(surface: Surface, points: Floats, faces: Ints) -> int:
    assert surface.mesh.uv is not None
    wide, high = surface.size

    def area(values: Floats) -> float:
        corner = values[surface.triangles[faces]]
        u, v = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
        return float(np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum())

    pixels = area(points) / SAMPLES**2
    texels = area(surface.mesh.uv) * wide * high
    return int(np.clip(np.log2(max(texels / max(pixels, 1.0), 1.0)) / 2, 0, 4))


def _normals(
    surface: Surface, corners: Ints, mixed: Floats32, texels: Floats32, to_eye: Floats32
) -> Floats32:
    """Shading normals (k, 3) in the world, bumped by the normal map, turned towards the eye on back faces."""
    smooth = _unit(mixed[:, 3:6])
    result = smooth
    if surface.has_bumps:
        along = _unit(mixed[:, 6:9])
        across = np.cross(smooth, along) * np.sign(mixed[:, 9:10])
        bump = texels[:, BUMP]
        result = _unit(bump[:, :1] * along + bump[:, 1:2] * across + bump[:, 2:] * smooth)
    if surface.closed:
        return result
    a, b, c = (surface.varying[corners[:, k], 0:3] for k in range(3))
    away = (np.cross(b - a, c - a) * to_eye).sum(axis=1) < 0
    turned: Floats32 = np.where(away[:, None], -result, result)
    return turned


def _key_visibility(
    surface: Surface, camera: Camera, position: Floats32, normal: Floats32, cells: int
) -> Floats32:
    """Share of the key light that reaches each sample (k,): a shadow map, softly looked up."""
    z_axis = camera.rotation.T @ KEY.direction.astype(np.float64)
    x_axis = np.cross(camera.rotation[1], z_axis)
    x_axis /= np.linalg.norm(x_axis)
    axes = np.stack([x_axis, np.cross(z_axis, x_axis), z_axis])
    mesh = surface.mesh
    q = mesh.positions @ axes.T
    low, extent = q[:, :2].min(axis=0), float(np.ptp(q[:, :2], axis=0).max()) * 1.02
    points = (q[:, :2] - low) / extent * cells
    # y points up here, so culling leaves the far sides of a closed model: half the work, and no self-shadowing.
    faces = visible_faces(points, mesh.triangles, (cells, cells), -q[:, 2], cull=surface.closed)
    pixels = np.flatnonzero(faces >= 0)
    owners = faces[pixels].astype(np.int64)
    shares = barycentric(points, mesh.triangles, pixels, owners, cells)
    heights = np.full(cells * cells, -np.inf, np.float32)
    heights[pixels] = np.einsum("kc,kc->k", shares, q[mesh.triangles[owners], 2])
    # Off the surface by two of the map's cells, or it would shade itself.
    lifted = (position + normal * np.float32(extent * 6.0 / cells)) @ axes.T.astype(np.float32)
    place = (lifted[:, :2] - low.astype(np.float32)) * np.float32(cells / extent)
    lit = np.zeros(len(position), np.float32)
    for angle, radius in _TAPS:
        offset = np.array([np.cos(angle), np.sin(angle)], np.float32) * np.float32(radius * cells / 512)
        x, y = np.clip((place + offset).astype(np.int32), 0, cells - 1).T
        lit += heights[y * cells + x] <= lifted[:, 2]
    return lit / np.float32(len(_TAPS))


def _each(ufunc: np.ufunc, columns: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Reduce over columns; numpy's own reduction over a short last axis takes ten times as long."""
    return reduce(ufunc, columns)


def _unit(vectors: Floats32) -> Floats32:
    length = np.sqrt(np.einsum("kd,kd->k", vectors, vectors))
    result: Floats32 = vectors / np.maximum(length, np.float32(1e-12))[:, None]
    return result
