"""Vertex normals that are smooth over gentle edges and hard over sharp ones, for a mesh cut along atlas seams."""

import numpy as np

from maquette.studio.geometry import unit_rows
from maquette.studio.scene import Floats, Ints

_CREASE_DEGREES = 50.0


def crease_normals(positions: Floats, triangles: Ints, uncut: Ints) -> Floats:
    """Compute unit normals (n, 3) of the cut mesh; ``uncut`` (n,) maps each vertex to its place before cutting.

    A vertex takes the corners of all faces around its place, weighted by angle (Thürrner & Wüthrich, "Computing
    Vertex Normals from Polygonal Facets", 1998), that turn less than the crease angle from the faces of its own
    chart. Copies of a vertex on both sides of a seam therefore agree where the surface is smooth, so that the seam
    is invisible, and differ where it is sharp, so that a crate's faces stay flat.
    """
    corners = positions[triangles]
    face = unit_rows(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), (0.0, 0.0, 0.0))
    weighted = (_corner_angles(corners)[:, :, None] * face[:, None, :]).reshape(-1, 3)
    owner = triangles.reshape(-1)
    own = unit_rows(_sums(weighted, owner, len(positions)), (0.0, 1.0, 0.0))

    # Pairs of a cut vertex with each corner at its place.
    place = uncut[owner]
    order = np.argsort(place, kind="stable")
    first = np.searchsorted(place[order], uncut, side="left")
    count = np.searchsorted(place[order], uncut, side="right") - first
    vertex = np.repeat(np.arange(len(positions)), count)
    corner = order[np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - first, count)]
    near = np.einsum("ij,ij->i", own[vertex], face[corner // 3]) > np.cos(np.radians(_CREASE_DEGREES))
    near |= owner[corner] == vertex
    sums = _sums(weighted[corner[near]], vertex[near], len(positions))
    return unit_rows(sums, (0.0, 1.0, 0.0))


def _corner_angles(corners: Floats) -> Floats:
    """(m, 3) interior angles in radians."""
    angles = np.zeros(corners.shape[:2])
    for k in range(3):
        a, b = (corners[:, (k + step) % 3] - corners[:, k] for step in (1, 2))
        angles[:, k] = np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.einsum("ij,ij->i", a, b))
    return angles


def _sums(values: Floats, index: Ints, count: int) -> Floats:
    return np.stack([np.bincount(index, values[:, axis], minlength=count) for axis in range(3)], axis=1)
