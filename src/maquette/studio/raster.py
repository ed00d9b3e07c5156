"""A deterministic triangle rasteriser on numpy: for baking textures, measuring atlases and rendering previews.

Pixel centres lie at half-integers, x to the right and y down. Coverage is half-open in both directions and every
edge is walked from the same end whichever triangle asks, so two triangles that share an edge neither leave a
gap nor both claim a pixel (the rule GPUs follow; J. Pineda, "A Parallel Algorithm for Polygon Rasterization",
SIGGRAPH 1988, has the edge functions). Spans are found per row instead of testing bounding boxes: for an atlas of
4,000 triangles at 1024² this visits half the pixels and needs no tolerance.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from maquette.studio.scene import Floats, Ints

FRAGMENTS_MAX = 1 << 19
"""Fragments expanded at once: bounds the working memory to about 60 MB whatever the picture's size."""


def rasterize(
    points: Floats,
    triangles: Ints,
    size: tuple[int, int],
    depth: Floats | None = None,
    *,
    cull: bool = False,
) -> tuple[Ints, Ints, Floats]:
    """Visible fragments as ``(pixel_index, face_index, barycentric)``, ordered by pixel.

    ``points`` are (n, 2) pixel coordinates, ``size`` is (height, width), a pixel's index is ``y * width + x``.
    With ``depth`` (n,), smaller is nearer and hides the rest; without, and on ties, the lowest face index wins. ``cull``
    drops triangles that run clockwise on the screen (back faces, as y points down). Barycentrics (k, 3)
    are affine on the screen: for a perspective picture, correct them by 1/w yourself.
    """
    faces = visible_faces(points, triangles, size, depth, cull=cull)
    pixels = np.flatnonzero(faces >= 0)
    owners = faces[pixels].astype(np.int64)
    return pixels, owners, barycentric(points, triangles, pixels, owners, size[1])


def visible_faces(
    points: Floats,
    triangles: Ints,
    size: tuple[int, int],
    depth: Floats | None = None,
    *,
    cull: bool = False,
) -> NDArray[np.int32]:
    """Find the face seen at each pixel: flat (height * width), -1 where there is none. Arguments as `rasterize`."""
    faces = np.full(size[0] * size[1], -1, np.int32)
    nearest = None if depth is None else np.full(size[0] * size[1], np.inf)
    planes = None if depth is None else _depth_planes(points, triangles, depth)
    for pixels, owners in _fragments(points, triangles, size, cull=cull):
        if planes is None or nearest is None:
            new = faces[pixels] < 0
        else:
            across, down, start = planes[:, owners]
            z = start + across * (pixels % size[1]) + down * (pixels // size[1])
            new = z < nearest[pixels]
            np.minimum.at(nearest, pixels[new], z[new])
            new &= z == nearest[pixels]
        # Of equal indices the last assignment stays: reversed, the lowest face index.
        faces[pixels[new][::-1]] = owners[new][::-1]
    return faces


def _depth_planes(points: Floats, triangles: Ints, depth: Floats) -> Floats:
    """(3, faces): what depth gains with each column and row, and its value at the first pixel's centre.

    Half the work per fragment of weighing three corners; faces without area get no number, and no fragment.
    """
    a, b, c = (points[triangles[:, k]] for k in range(3))
    za, zb, zc = (depth[triangles[:, k]] for k in range(3))
    ab, ac = b - a, c - a
    with np.errstate(divide="ignore", invalid="ignore"):
        area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
        across = ((zb - za) * ac[:, 1] - (zc - za) * ab[:, 1]) / area
        down = ((zc - za) * ab[:, 0] - (zb - za) * ac[:, 0]) / area
        return np.stack([across, down, za + across * (0.5 - a[:, 0]) + down * (0.5 - a[:, 1])])


def coverage(points: Floats, triangles: Ints, size: tuple[int, int]) -> Ints:
    """Count the triangles that cover each pixel centre: flat (height * width)."""
    count = np.zeros(size[0] * size[1], np.int64)
    for pixels, _ in _fragments(points, triangles, size, cull=False):
        count += np.bincount(pixels, minlength=len(count))
    return count


def barycentric(points: Floats, triangles: Ints, pixels: Ints, owners: Ints, width: int) -> Floats:
    """Barycentric coordinates (k, 3) of pixel centres in the given (not degenerate) faces."""
    a, b, c = (points[triangles[owners, k]] for k in range(3))
    x, y = pixels % width + 0.5, pixels // width + 0.5
    abx, aby, acx, acy = b[:, 0] - a[:, 0], b[:, 1] - a[:, 1], c[:, 0] - a[:, 0], c[:, 1] - a[:, 1]
    apx, apy = x - a[:, 0], y - a[:, 1]
    area = abx * acy - aby * acx
    beta = (apx * acy - apy * acx) / area
    gamma = (abx * apy - aby * apx) / area
    return np.stack([1.0 - beta - gamma, beta, gamma], axis=1)


def _fragments(
    points: Floats, triangles: Ints, size: tuple[int, int], *, cull: bool
) -> Iterator[tuple[Ints, Ints]]:
    """Batches of (pixel, face), faces ascending."""
    height, width = size
    corners = points[triangles]
    ab, ac = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    usable = (area < 0) if cull else (area != 0)
    faces = np.flatnonzero(usable & np.isfinite(area))
    a, b, c = corners[faces, :, 1].T
    first = np.clip(np.ceil(np.minimum(np.minimum(a, b), c) - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(np.maximum(a, b), c) - 0.5), 0, height).astype(np.int64)
    for chosen in _batches(last - first):
        face, row = _ranges(faces[chosen], first[chosen], last[chosen])
        left, right = _spans(corners[face], row.astype(np.float64) + 0.5, width)
        for part in _batches(right - left):
            index, column = _ranges(np.arange(part.start, part.stop), left[part], right[part])
            yield row[index] * width + column, face[index]


def _spans(corners: Floats, y: Floats, width: int) -> tuple[Ints, Ints]:
    """First and one-past-last column that a triangle covers on the line ``y``."""
    low, high = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        p, q = corners[:, start], corners[:, end]
        swap = p[:, 1] > q[:, 1]
        p, q = np.where(swap[:, None], q, p), np.where(swap[:, None], p, q)
        crossed = (p[:, 1] <= y) & (y < q[:, 1])
        rise = np.where(crossed, q[:, 1] - p[:, 1], 1.0)
        x = p[:, 0] + (y - p[:, 1]) / rise * (q[:, 0] - p[:, 0])
        low = np.where(crossed, np.minimum(low, x), low)
        high = np.where(crossed, np.maximum(high, x), high)
    left = np.clip(np.ceil(low - 0.5), 0, width).astype(np.int64)
    right = np.clip(np.ceil(high - 0.5), 0, width).astype(np.int64)
    return left, np.maximum(left, right)


def _batches(counts: Ints) -> Iterator[slice]:
    """Consecutive runs of items whose counts add up to at most `FRAGMENTS_MAX` (or a single larger item)."""
    if not len(counts):
        return
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, done + FRAGMENTS_MAX, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


def _ranges(keys: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Every integer of each half-open range, with the range's key repeated beside it."""
    counts = last - first
    offsets = np.cumsum(counts) - counts
    values = np.arange(counts.sum()) - np.repeat(offsets - first, counts)
    return np.repeat(keys, counts), values
