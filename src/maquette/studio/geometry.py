"""Per-vertex normals and tangents, for meshes that come without them; quarter turns."""

import numpy as np

from maquette.studio.scene import Floats, Ints

_TINY = 1e-20


def vertex_normals(positions: Floats, triangles: Ints) -> Floats:
    """Area-weighted unit normals, (n, 3); straight up where a vertex has no face with area."""
    a, b, c = (positions[triangles[:, corner]] for corner in range(3))
    return unit_rows(_sum_at_vertices(np.cross(b - a, c - a), triangles, len(positions)), (0.0, 1.0, 0.0))


def tangents(positions: Floats, triangles: Ints, normals: Floats, uv: Floats) -> Floats:
    """Compute unit tangents along +u with handedness in w, (n, 4).

    Lengyel, "Computing Tangent Space Basis Vectors for an Arbitrary Mesh" (2001). v points down in glTF while
    +Y of its normal maps points up the image, so the bitangent runs against +v and w changes sign with it.
    """
    a, b, c = (positions[triangles[:, corner]] for corner in range(3))
    ua, ub, uc = (uv[triangles[:, corner]] * (1.0, -1.0) for corner in range(3))
    du1, dv1 = (ub - ua).T
    du2, dv2 = (uc - ua).T
    determinant = du1 * dv2 - du2 * dv1
    scale = np.sign(determinant)[:, None]  # only directions count; dividing would let slivers dominate
    along_u = ((b - a) * dv2[:, None] - (c - a) * dv1[:, None]) * scale
    along_v = ((c - a) * du1[:, None] - (b - a) * du2[:, None]) * scale
    t = _sum_at_vertices(along_u, triangles, len(positions))
    bitangent = _sum_at_vertices(along_v, triangles, len(positions))
    t -= normals * np.einsum("ij,ij->i", normals, t)[:, None]
    spare = np.cross(normals, np.where(np.abs(normals[:, :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    lost = np.einsum("ij,ij->i", t, t) < _TINY
    t[lost] = spare[lost]
    t = unit_rows(t, (1.0, 0.0, 0.0))
    handedness = np.where(np.einsum("ij,ij->i", np.cross(normals, t), bitangent) < 0, -1.0, 1.0)
    return np.concatenate([t, handedness[:, None]], axis=1)


def unit_rows(vectors: Floats, fallback: tuple[float, float, float]) -> Floats:
    """Rows scaled to length one; rows without a direction become ``fallback``."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    safe: Floats = np.where(length > _TINY, vectors / np.maximum(length, _TINY), fallback)
    return safe


def turned(vectors: Floats, degrees: int) -> Floats:
    """Positions or normals (n, 3) turned about +Y by a multiple of 90 degrees, exactly."""
    x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    sideways = {0: (x, z), 90: (z, -x), 180: (-x, -z), 270: (-z, x)}[degrees % 360]
    return np.stack([sideways[0], y, sideways[1]], axis=1)


def _sum_at_vertices(per_face: Floats, triangles: Ints, count: int) -> Floats:
    # bincount adds in index order, so the sums are the same in every process; np.add.at is 10x slower.
    flat = triangles.ravel()
    return np.stack(
        [np.bincount(flat, np.repeat(per_face[:, axis], 3), minlength=count) for axis in range(3)], axis=1
    )
