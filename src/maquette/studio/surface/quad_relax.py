"""Drawing a quad mesh tight over the surface it stands for: even squares, every vertex on the source, nothing left out."""

import igl
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from maquette.studio.geometry import unit_rows
from maquette.studio.scene import Floats, Ints

_ROUNDS = 8
_PACE = 0.5
_UNREACHED = 0.9
"""Places of the source this many edges from every vertex pull the nearest one: smoothing alone swallows feelers."""
_WITNESSES_MAX = 20_000
_REPAIRS = 12


def relaxed(positions: Floats, corners: Ints, source: Floats, triangles: Ints) -> Floats:
    """Move vertices (n, 3) towards the middle of their neighbours and back onto the source, then smooth out folds."""
    mean = _neighbours(corners, len(positions))
    solid = np.ascontiguousarray(triangles)
    tree = igl.AABB()
    tree.init(source, solid)
    witnesses = source[:: -(-len(source) // _WITNESSES_MAX)]
    edge = float(np.linalg.norm(positions[corners] - positions[np.roll(corners, 1, axis=1)], axis=2).mean())
    places = _on(tree, source, solid, positions)
    for _ in range(_ROUNDS):
        smooth = places + _PACE * (mean @ places - places)
        places = _on(tree, source, solid, _reaching(smooth, witnesses, _UNREACHED * edge))
    for _ in range(_REPAIRS):
        folded = folded_faces(places, corners)
        if not folded.any():
            break
        moved = np.unique(corners[folded])
        places[moved] += 0.8 * ((mean @ places)[moved] - places[moved])
    return places


def folded_faces(positions: Floats, corners: Ints) -> NDArray[np.bool_]:
    """(q,) quads with a corner that turns the wrong way, or that face against what surrounds them."""
    p = positions[corners]
    ahead, back = np.roll(p, -1, axis=1) - p, np.roll(p, 1, axis=1) - p
    turns = np.cross(ahead, back)
    normals = unit_rows(turns.sum(axis=1), (0.0, 0.0, 0.0))
    flat = corners.ravel()
    around = [
        np.bincount(flat, np.repeat(normals[:, axis], 4), minlength=len(positions)) for axis in range(3)
    ]
    facing = unit_rows(np.stack(around, axis=1), (0.0, 0.0, 0.0))[corners].sum(axis=1)
    against = np.einsum("ij,ij->i", normals, facing) <= 0.0
    folded: NDArray[np.bool_] = against | (np.einsum("qkj,qj->qk", turns, normals) <= 0.0).any(axis=1)
    return folded


def _on(tree: igl.AABB, source: Floats, triangles: Ints, places: Floats) -> Floats:
    nearest: Floats = tree.squared_distance(source, triangles, np.ascontiguousarray(places))[2]
    return nearest


def _reaching(places: Floats, witnesses: Floats, limit: float) -> Floats:
    """Move the vertex nearest to each unreached place halfway there; of several places, to the farthest."""
    distance, nearest = cKDTree(places).query(witnesses)
    lost = np.flatnonzero(distance > limit)
    lost = lost[np.argsort(distance[lost], kind="stable")]  # the farthest is written last
    moved = places.copy()
    moved[nearest[lost]] = (places[nearest[lost]] + witnesses[lost]) / 2
    return moved


def _neighbours(corners: Ints, count: int) -> sparse.csr_matrix:
    """Row-stochastic (n, n): the mean of the vertices along edges; borders keep to borders."""
    ends = np.stack([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 2)
    edges, uses = np.unique(np.sort(ends, axis=1), axis=0, return_counts=True)
    border = np.zeros(count, bool)
    border[edges[uses == 1]] = True
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    kept = ~border[rows] | np.concatenate([uses == 1] * 2)
    graph = sparse.coo_matrix((np.ones(int(kept.sum())), (rows[kept], columns[kept])), (count, count)).tocsr()
    degree = np.asarray(graph.sum(axis=1)).ravel()
    graph = sparse.diags(1.0 / np.maximum(degree, 1.0)) @ graph + sparse.diags((degree == 0).astype(float))
    return graph.tocsr()
