"""A silhouette to a watertight body: height field, implicit function, marching cubes, Taubin smoothing.

Heights are mirrored at z = 0, so that the front is the picture and the back its counterpart.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve
from skimage.measure import marching_cubes

from maquette.studio.lifting.outline import Outline, Traits, axis, core, is_square
from maquette.studio.scene import Floats, Ints

Grid = NDArray[np.float64]
Field = NDArray[np.float32]
"""(rows, columns, layers), positive inside; the middle layer is z = 0."""
_SMOOTHING_STEPS = 8
_LOAD = 2.6
"""Right-hand side of the Poisson equation: 4 lifts a disc to a hemisphere but a strip to 1.4 times its half width."""


def lift(shape: Outline, measured: Traits, depth: float) -> tuple[Floats, Ints]:
    """Vertices (n, 3) in grid cells (column, row, z towards the viewer) and outward triangles (m, 3)."""
    field, reach = FIELDS[measured.profile](shape, depth)
    found, faces, _, _ = marching_cubes(field, 0.0)  # type: ignore[no-untyped-call]  # skimage is untyped here
    points: Floats = np.stack([found[:, 1], found[:, 0], found[:, 2] - reach], 1).astype(np.float64)
    triangles: Ints = faces.astype(np.int64)
    points = taubin(points, triangles, _SMOOTHING_STEPS)
    # Rows run downwards; flipping them turns the surface inside out, so orientation is decided on the flipped volume.
    if volume(points * (1, -1, 1), triangles) < 0:
        triangles = triangles[:, ::-1].copy()
    return points, triangles


def _round(shape: Outline, depth: float) -> tuple[Field, int]:
    """Squared heights that solve a Poisson equation inside the outline: limbs become tubes, bellies are held back."""
    mask = shape.mask
    index = np.full(mask.shape, -1)
    count = int(mask.sum())
    index[mask] = np.arange(count)
    rows, columns = np.nonzero(mask)
    here = index[rows, columns]
    links = [(here, index[rows + dy, columns + dx]) for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    i = np.concatenate([a[b >= 0] for a, b in links])
    j = np.concatenate([b[b >= 0] for a, b in links])
    laplacian = sparse.diags(np.full(count, 4.0)) - sparse.coo_matrix(
        (np.ones(len(i)), (i, j)), (count, count)
    )
    solved = spsolve(laplacian.tocsc(), np.full(count, _LOAD))
    limit = float(np.quantile(solved, 0.97))
    squared = np.zeros(mask.shape)
    squared[mask] = np.maximum(limit * np.tanh(solved / limit) * 1.15 * depth**2, 1.2)
    return _mirrored(_continued(squared, shape))


def _lathe(shape: Outline, depth: float) -> tuple[Field, int]:
    """Squared heights of a body of revolution around the upright axis."""
    mask = shape.mask
    centre = axis(mask)
    half = mask.sum(1) / 2
    half = ndimage.gaussian_filter1d(half, 1.0) * (half > 0)
    columns = np.arange(mask.shape[1])
    turned = (half[:, None] ** 2 - (columns - centre) ** 2) * depth**2
    return _mirrored(_continued(np.where(mask, np.maximum(turned, 0.5), 0.0), shape))


def _continued(squared: Grid, shape: Outline) -> Grid:
    """Squared heights continued below zero outside, as steep as they rise inside: the outline then lies where it was drawn.

    With one fixed slope outside, the surface was pulled outwards and showed the grid's steps.
    """
    nearest = ndimage.distance_transform_edt(~shape.mask, return_distances=False, return_indices=True)
    slope = (squared / np.maximum(shape.distance, 0.35))[tuple(nearest)]
    return np.where(shape.mask, squared, shape.distance * np.maximum(slope, 2.0))


def _mirrored(squared: Grid) -> tuple[Field, int]:
    """Give the implicit function ``squared - z²`` over its gradient's size: about a distance near the surface."""
    reach = int(np.ceil(np.sqrt(max(float(squared.max()), 4.0)))) + 3
    z = np.arange(-reach, reach + 1, dtype=np.float32)
    field = squared[:, :, None].astype(np.float32) - z * z
    field /= (2 * np.sqrt(np.abs(squared)) + 2)[:, :, None].astype(np.float32)
    return field, reach


def _slab(shape: Outline, depth: float) -> tuple[Field, int]:
    """Give a box with rounded edges: a cube when the front is about square, else less deep than it is narrow."""
    return _walled(shape, (0.96 if is_square(shape.mask) else 0.42) * depth)


def _plate(shape: Outline, depth: float) -> tuple[Field, int]:
    """Give a disc or board."""
    return _walled(shape, 0.17 * depth)


def _walled(shape: Outline, share: float) -> tuple[Field, int]:
    """Distance to the outline drawn out along z, edges rounded; ``share``: depth over the core's shorter side.

    Parts outside the core (handles, feet) are only as deep as they are thin.
    """
    body = core(shape.mask)
    ys, xs = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    thickness = min(int(np.ptp(ys)), int(np.ptp(xs))) / 2 * share
    local = ndimage.maximum_filter(np.maximum(shape.distance, 0), size=9)
    half = np.where(
        ndimage.binary_dilation(body, np.ones((3, 3))), thickness, np.minimum(thickness, 1.2 * local + 1)
    )
    radius = np.minimum(np.maximum(1.5, 0.12 * thickness), half)
    reach = int(np.ceil(thickness)) + 4
    z = np.abs(np.arange(-reach, reach + 1, dtype=np.float32))
    qx = (radius - shape.distance)[:, :, None].astype(np.float32)
    qz = z - (half - radius)[:, :, None].astype(np.float32)
    apart = np.hypot(np.maximum(qx, 0), np.maximum(qz, 0)) + np.minimum(np.maximum(qx, qz), 0)
    return np.asarray(radius[:, :, None].astype(np.float32) - apart, np.float32), reach


FIELDS = {"round": _round, "lathe": _lathe, "slab": _slab, "plate": _plate}


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
