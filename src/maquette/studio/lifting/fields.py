"""Height fields and the implicit functions they make: what is inflated, turned on a lathe, or walled like a box."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from maquette.studio.lifting.outline import Mask, Outline, Traits, axis, core, is_square

Grid = NDArray[np.float64]
Field = NDArray[np.float32]
"""(rows, columns, layers), positive inside; the middle layer is z = 0."""
_LOAD = 2.6
"""Right-hand side of the Poisson equation: 4 lifts a disc to a hemisphere but a strip to 1.4 times its half width."""
_CHEST = (0.1, 0.24)
"""Half depth of a standing body: at least this over its height, else this over its width. A coat with arms is no barrel."""
_LONG = 1.3
"""Width over height from which a picture shows a thing's side, a car's or a fish's: flanks are flatter than a belly."""


def round_field(shape: Outline, measured: Traits, depth: float) -> tuple[Field, int]:
    """Squared heights that solve a Poisson equation inside the outline: limbs become tubes, bellies are held back."""
    limits = _limits(shape) if measured.figure else None
    long = measured.aspect > _LONG
    squared = inflated(shape.mask, depth**2 * (1.5 if long else 1.0), limits, 0.45 if long else 0.97)
    return mirrored(continued(squared, shape.mask, shape.distance))


def inflated(mask: Mask, share: float, limits: Grid | None = None, level: float = 0.97) -> Grid:
    """Squared heights over a mask, times ``share``, flattened towards their quantile ``level`` or ``limits`` (rows, 1) on the heights."""
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
    solved = np.zeros(mask.shape)
    solved[mask] = spsolve(laplacian.tocsc(), np.full(count, _LOAD))
    limit = np.full((len(mask), 1), float(np.quantile(solved[mask], level)))
    if limits is not None:
        limit = np.minimum(limit, limits**2)
    return np.where(mask, np.maximum(limit * np.tanh(solved / limit) * 1.15 * share, 1.2), 0.0)


def _limits(shape: Outline) -> Grid:
    """Largest half depth for each row of a figure: the body's, and the head's own above a neck."""
    mask = shape.mask
    rows = np.flatnonzero(mask.any(1))
    height = len(rows)
    middle = axis(mask)
    widths = np.array([_run(mask[row], middle) for row in rows], float)
    widths = ndimage.gaussian_filter1d(widths, 1.5)
    chest = max(_CHEST[0] * height, _CHEST[1] * float(np.quantile(widths[round(0.3 * height) :], 0.8)))
    limits = np.full(len(mask), chest)
    upper = widths[: round(0.5 * height)]
    head = int(upper[: round(0.36 * height)].argmax())
    neck = head + int(upper[head:].argmin())
    if upper[neck] < 0.8 * upper[head] and head < neck:
        limits[: rows[0] + neck] = max(chest, 0.46 * float(upper[:neck].max()))
        limits = ndimage.gaussian_filter1d(limits, 0.015 * height)
    return np.asarray(limits[:, None])


def _run(row: NDArray[np.bool_], middle: float) -> int:
    """Length of the run that covers a column; 0 when none does."""
    at = int(np.clip(round(middle), 0, len(row) - 1))
    if not row[at]:
        return 0
    empty = np.flatnonzero(~row)
    left, right = empty[empty < at], empty[empty > at]
    return int((right[0] if len(right) else len(row)) - (left[-1] if len(left) else -1) - 1)


def lathe_field(shape: Outline, _measured: Traits, depth: float) -> tuple[Field, int]:
    """Squared heights of a body of revolution around the upright axis."""
    mask = shape.mask
    centre = axis(mask)
    half = mask.sum(1) / 2
    half = ndimage.gaussian_filter1d(half, 1.0) * (half > 0)
    columns = np.arange(mask.shape[1])
    turned = (half[:, None] ** 2 - (columns - centre) ** 2) * depth**2
    return mirrored(continued(np.where(mask, np.maximum(turned, 0.5), 0.0), mask, shape.distance))


def continued(squared: Grid, mask: Mask, distance: Grid) -> Grid:
    """Squared heights continued below zero outside, as steep as they rise inside: the outline then lies where it was drawn.

    With one fixed slope outside, the surface was pulled outwards and showed the grid's steps.
    """
    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    slope = (squared / np.maximum(distance, 0.35))[tuple(nearest)]
    return np.where(mask, squared, distance * np.maximum(slope, 2.0))


def mirrored(squared: Grid) -> tuple[Field, int]:
    """Give the implicit function ``squared - z²`` over its gradient's size: about a distance near the surface."""
    return layered([(squared, np.zeros(squared.shape))])


def layered(layers: list[tuple[Grid, Grid]]) -> tuple[Field, int]:
    """Join layers of (squared heights, height of their middle) into one function, positive inside any of them."""
    reach = 3 + int(
        np.ceil(
            max(
                float((np.abs(at) + np.sqrt(np.maximum(sq, 4.0)))[sq > 0].max(initial=2.0))
                for sq, at in layers
            )
        )
    )
    z = np.arange(-reach, reach + 1, dtype=np.float32)
    joined: Field | None = None
    for squared, at in layers:
        field = squared[:, :, None].astype(np.float32) - (z - at[:, :, None].astype(np.float32)) ** 2
        field /= (2 * np.sqrt(np.abs(squared)) + 2)[:, :, None].astype(np.float32)
        joined = field if joined is None else np.maximum(joined, field)
    assert joined is not None
    return joined, reach


def slab_field(shape: Outline, _measured: Traits, depth: float) -> tuple[Field, int]:
    """Give a box with rounded edges: a cube when the front is about square, else less deep than it is narrow."""
    return _walled(shape, (0.96 if is_square(shape.mask) else 0.42) * depth)


def plate_field(shape: Outline, _measured: Traits, depth: float) -> tuple[Field, int]:
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


FIELDS = {"round": round_field, "lathe": lathe_field, "slab": slab_field, "plate": plate_field}
