"""Ambient occlusion by ray casting, sampled on the surface and interpolated over it."""

from dataclasses import dataclass

import igl
import numpy as np

from maquette.studio.geometry import vertex_normals
from maquette.studio.scene import Floats, Ints

_SAMPLES_MIN = 4000
_LEVELS_MAX = 4
_RAYS = 48
_BATCH = 4096
_REACH = 0.5
"""Occluders farther than this share of the bounding box's diagonal do not count; nearer ones fade in."""
_LIFT = 2e-3
"""Rays start this share of the diagonal above the surface, so that they miss the triangle they leave."""


@dataclass(frozen=True, slots=True)
class Occlusion:
    """Openness (1 open, 0 shut) at the vertices of a subdivided mesh."""

    openness: Floats
    triangles: Ints
    """Subdivided: the four children of a face follow each other, three corners and the middle."""
    levels: int

    def at(self, faces: Ints, weights: Floats) -> Floats:
        """Interpolate openness (k,) at barycentric points of the original faces."""
        child, local = faces, weights
        for _ in range(self.levels):
            corner = np.where(local.max(axis=1) > 0.5, local.argmax(axis=1), 3)
            shift = np.eye(4)[corner, :3]
            local = np.where((corner == 3)[:, None], 1.0 - 2.0 * local, 2.0 * local - shift)
            child = 4 * child + corner
        values: Floats = np.einsum("ij,ij->i", local, self.openness[self.triangles[child]])
        return values


def measure_occlusion(positions: Floats, triangles: Ints) -> Occlusion:
    """Cast 48 cosine-distributed rays from each of at least 4,000 places of a welded mesh. The same bytes every run.

    (libigl's own routine draws from a process-wide random state, so a second call gives other numbers.)
    """
    points, normals, faces = positions, vertex_normals(positions, triangles), triangles
    levels = 0
    while len(points) < _SAMPLES_MIN and levels < _LEVELS_MAX:
        points, normals, faces = _subdivided(points, normals, faces)
        levels += 1
    diagonal = float(np.linalg.norm(np.ptp(positions, axis=0)))
    tree = igl.AABB()
    solid = np.ascontiguousarray(triangles)
    tree.init(positions, solid)
    directions = _hemisphere()
    openness = np.ones(len(points))
    for start in range(0, len(points), _BATCH):
        chunk = slice(start, start + _BATCH)
        across, along = _frames(normals[chunk])
        axes = np.stack([across, along, normals[chunk]], axis=1)
        rays = np.einsum("rk,nkj->nrj", directions, axes).reshape(-1, 3)
        origins = np.repeat(points[chunk] + normals[chunk] * diagonal * _LIFT, _RAYS, axis=0)
        hit, distance = tree.intersect_ray_first(positions, solid, origins, rays)[:2]
        shadow = np.where(hit >= 0, np.clip(1.0 - distance / (_REACH * diagonal), 0.0, 1.0), 0.0)
        openness[chunk] = 1.0 - shadow.reshape(-1, _RAYS).mean(axis=1)
    return Occlusion(openness, faces, levels)


def _subdivided(points: Floats, normals: Floats, faces: Ints) -> tuple[Floats, Floats, Ints]:
    """Split every face in four at the midpoints of its edges. Child k < 3 keeps corner k in place k."""
    edges = np.sort(np.concatenate([faces[:, [1, 2]], faces[:, [2, 0]], faces[:, [0, 1]]]), axis=1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    a, b, c = inverse.reshape(3, -1) + len(points)  # opposite corner 0, 1, 2
    middle = normals[unique].sum(axis=1)
    middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-12)
    x, y, z = faces.T
    children = np.stack(
        [
            np.stack([x, c, b], axis=1),
            np.stack([c, y, a], axis=1),
            np.stack([b, a, z], axis=1),
            np.stack([a, b, c], axis=1),
        ],
        axis=1,
    )
    return (
        np.concatenate([points, points[unique].mean(axis=1)]),
        np.concatenate([normals, middle]),
        children.reshape(-1, 3),
    )


def _hemisphere() -> Floats:
    """Cosine-distributed directions about +Z on a Fibonacci spiral, (rays, 3)."""
    k = np.arange(_RAYS) + 0.5
    radius = np.sqrt(k / _RAYS)
    angle = k * np.pi * (3.0 - np.sqrt(5.0))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1.0 - radius**2)], axis=1)


def _frames(normals: Floats) -> tuple[Floats, Floats]:
    """Two unit vectors across each normal."""
    helper = np.where(np.abs(normals[:, :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    across = np.cross(helper, normals)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    return across, np.cross(normals, across)
