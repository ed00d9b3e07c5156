"""A silhouette to a watertight body: implicit function, marching cubes, Taubin smoothing."""

import numpy as np
from scipy import sparse
from skimage.measure import marching_cubes

from maquette.studio.lifting.beast import beast_field
from maquette.studio.lifting.fields import FIELDS
from maquette.studio.lifting.outline import Outline, Traits
from maquette.studio.lifting.stance import Stance
from maquette.studio.scene import Floats, Ints

_SMOOTHING_STEPS = 8


def lift(shape: Outline, measured: Traits, stance: Stance | None, depth: float) -> tuple[Floats, Ints]:
    """Vertices (n, 3) in grid cells (column, row, z towards the viewer) and outward triangles (m, 3)."""
    field, reach = (
        FIELDS[measured.profile](shape, measured, depth)
        if stance is None
        else beast_field(shape, stance, depth)
    )
    found, faces, _, _ = marching_cubes(field, 0.0)  # type: ignore[no-untyped-call]  # skimage is untyped here
    points: Floats = np.stack([found[:, 1], found[:, 0], found[:, 2] - reach], 1).astype(np.float64)
    triangles: Ints = faces.astype(np.int64)
    points = taubin(points, triangles, _SMOOTHING_STEPS)
    # Rows run downwards; flipping them turns the surface inside out, so orientation is decided on the flipped volume.
    if volume(points * (1, -1, 1), triangles) < 0:
        triangles = triangles[:, ::-1].copy()
    return points, triangles


def taubin(points: Floats, triangles: Ints, steps: int) -> Floats:
    """Taubin's λ|μ smoothing (1995): rounds off steps without shrinking the body."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    i, j = np.concatenate([edges[:, 0], edges[:, 1]]), np.concatenate([edges[:, 1], edges[:, 0]])
    near = sparse.coo_matrix((np.ones(len(i)), (i, j)), (len(points), len(points))).tocsr()
    near.data[:] = 1.0
    mean = sparse.diags(1 / np.maximum(np.asarray(near.sum(1)).ravel(), 1)) @ near
    for _ in range(steps):
        for factor in (0.5, -0.53):
            points = points + factor * (mean @ points - points)
    return points


def volume(points: Floats, triangles: Ints) -> float:
    """Signed volume of a closed mesh: positive when its triangles face outwards."""
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    return float((a * np.cross(b, c)).sum() / 6)
