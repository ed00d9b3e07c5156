"""Skin weights: each place belongs to the bone that is nearest *through the body*, then heat blends the borders.

Baran & Popović, "Automatic Rigging and Animation of 3D Characters" (SIGGRAPH 2007), with their visibility test replaced by
shortest paths inside a voxel model (after Dionne & de Lasa, "Geodesic Voxel Binding", SCA 2013): a hand at the hip
does not stick to the thigh, and the mesh may be open or made of many parts.
"""

import igl
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph, linalg
from scipy.spatial import cKDTree

from maquette.studio.pose import world_matrices
from maquette.studio.raster import rasterize
from maquette.studio.scene import Bone, Floats, Ints

_VOXELS = 72
"""Along the longest side; 50,000 voxels for a person, 0.3 s for eighteen bones."""
_INFLUENCES = 4
_WEIGHT_MIN = 0.01
_STEPS = np.array(
    [
        (1, 0, 0), (0, 1, 0), (0, 0, 1),
        (1, 1, 0), (1, -1, 0), (1, 0, 1), (1, 0, -1), (0, 1, 1), (0, 1, -1),
    ]
)  # fmt: skip
_SEGMENT_POINTS = 24
_COTANGENT_RANGE = (0.02, 20.0)
"""Slivers have cotangents without bounds; negative ones would make weights leave [0, 1]."""


def bind(positions: Floats, triangles: Ints, bones: tuple[Bone, ...]) -> tuple[Ints, Floats]:
    """Joints and weights, each (n, 4), of a welded mesh standing in its rest pose. The root bone carries nothing.

    Rows sum to one; unused slots are zero in both arrays. Bones need a ``tail``.
    """
    extent = float(np.ptp(positions, axis=0).max())
    deforming = [index for index, bone in enumerate(bones) if bone.parent >= 0]
    if len(deforming) == 1:
        return np.tile([deforming[0], 0, 0, 0], (len(positions), 1)), np.tile(
            [1.0, 0, 0, 0], (len(positions), 1)
        )
    heads = world_matrices(bones)[:, :3, 3]
    segments = [(heads[i], np.asarray(bones[i].tail)) for i in deforming]
    distance = _distances(positions, triangles, segments, extent / _VOXELS)
    weights = _diffused(positions / extent, triangles, distance / extent)
    return _strongest(weights, np.array(deforming))


def _distances(
    positions: Floats, triangles: Ints, segments: list[tuple[Floats, Floats]], cell: float
) -> Floats:
    """(n, bones): from each vertex to each bone inside the body, at least as long as the straight way."""
    centers, graph = _voxels(positions, triangles, cell)
    tree = cKDTree(centers)
    nearest = tree.query(positions)[1]
    result = np.empty((len(positions), len(segments)))
    for column, (head, tail) in enumerate(segments):
        along = np.linspace(0.0, 1.0, _SEGMENT_POINTS)[:, None]
        gap, seeds = tree.query(head + (tail - head) * along)
        inside = seeds[gap < 3 * cell]
        seeds = np.unique(inside if len(inside) else seeds[[int(gap.argmin())]])
        through = csgraph.dijkstra(graph, directed=False, indices=seeds, min_only=True)[nearest]
        axis = tail - head
        share = np.clip((positions - head) @ axis / max(float(axis @ axis), 1e-30), 0.0, 1.0)
        straight = np.linalg.norm(positions - head - share[:, None] * axis, axis=1)
        result[:, column] = np.maximum(through, straight)
        # A part that no path reaches follows the nearest bone in a straight line, after every bone inside it.
        far = ~np.isfinite(through)
        result[far, column] = straight[far] + _VOXELS * cell
    return result


def _voxels(positions: Floats, triangles: Ints, cell: float) -> tuple[Floats, sparse.csr_matrix]:
    """Centres (v, 3) of the cells between the front and back surface, and the graph of neighbours within √2 cells."""
    low = positions.min(axis=0) - 2 * cell
    shape = np.ceil(np.ptp(positions, axis=0) / cell).astype(np.int64) + 4
    points = (positions[:, :2] - low[:2]) / cell
    z = low[2] + (np.arange(shape[2]) + 0.5) * cell
    filled = np.zeros(tuple(shape), np.bool_)
    bounds = []
    for sign in (-1.0, 1.0):
        pixels, faces, shares = rasterize(points, triangles, (shape[1], shape[0]), sign * positions[:, 2])
        depth = np.full(shape[0] * shape[1], -sign * np.inf)
        depth[pixels] = np.einsum("ij,ij->i", shares, positions[triangles[faces], 2])
        bounds.append(depth.reshape(shape[1], shape[0]).T[..., None])
    front, back = np.where(np.isinf(bounds[0]), -np.inf, bounds[0]), bounds[1]
    filled |= (z <= front + 0.6 * cell) & (z >= np.where(np.isinf(back), np.inf, back) - 0.6 * cell)
    home = np.floor((positions - low) / cell).astype(np.int64)
    filled[tuple(home.T)] = True  # sheets seen edge on cover no pixel
    number = np.full(filled.shape, -1, np.int64)
    number[filled] = np.arange(filled.sum())
    rows, columns, lengths = [], [], []
    for step in _STEPS:
        here = tuple(slice(max(0, -d), n - max(0, d)) for d, n in zip(step, filled.shape, strict=True))
        there = tuple(slice(max(0, d), n - max(0, -d)) for d, n in zip(step, filled.shape, strict=True))
        both = filled[here] & filled[there]
        rows.append(number[here][both])
        columns.append(number[there][both])
        lengths.append(np.full(int(both.sum()), float(np.linalg.norm(step)) * cell))
    count = int(filled.sum())
    graph = sparse.coo_matrix(
        (np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))), (count, count)
    )
    return low + (np.argwhere(filled) + 0.5) * cell, graph.tocsr()


def _diffused(positions: Floats, triangles: Ints, distance: Floats) -> Floats:
    """Solve (L + H M) w = H M p for heat that flows in from the nearest bone as 1/d² and along the surface."""
    count = len(positions)
    laplacian, mass = _cotangent_laplacian(positions, triangles)
    # Where two bones are equally near their common joint is: a heel belongs to the foot, so the later bone wins.
    near = distance <= distance.min(axis=1, keepdims=True) + 1e-9
    closest = distance.shape[1] - 1 - near[:, ::-1].argmax(axis=1)
    inflow = mass / (distance[np.arange(count), closest] + 0.5 / _VOXELS) ** 2
    sources = np.zeros(distance.shape)
    sources[np.arange(count), closest] = inflow
    solve = linalg.splu((laplacian + sparse.diags(inflow)).tocsc()).solve
    weights: Floats = np.clip(solve(sources), 0.0, 1.0)
    return weights


def _cotangent_laplacian(positions: Floats, triangles: Ints) -> tuple[sparse.csr_matrix, Floats]:
    """Positive semi-definite (n, n), and the barycentric mass of each vertex, never zero."""
    half = np.clip(2 * igl.cotmatrix_entries(positions, triangles), *_COTANGENT_RANGE) / 2
    half = np.where(np.isfinite(half), half, _COTANGENT_RANGE[0])
    a, b = triangles[:, [1, 2, 0]].ravel(), triangles[:, [2, 0, 1]].ravel()
    count = len(positions)
    entries = np.concatenate([half.ravel()] * 2)
    adjacency = sparse.coo_matrix((entries, (np.concatenate([a, b]), np.concatenate([b, a]))), (count, count))
    corners = positions[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    mass = np.bincount(triangles.ravel(), np.repeat(area / 3, 3), minlength=count)
    adjacency = adjacency.tocsr()
    degree = sparse.diags(np.asarray(adjacency.sum(axis=1)).ravel())
    return degree - adjacency, np.maximum(mass, 1e-9)


def _strongest(weights: Floats, bones: NDArray[np.int64]) -> tuple[Ints, Floats]:
    order = np.argsort(-weights, axis=1, kind="stable")
    if weights.shape[1] > _INFLUENCES:
        # Less what the first one left out has: where two bones change places in the order, nothing jumps.
        weights = np.maximum(weights - np.take_along_axis(weights, order[:, [_INFLUENCES]], axis=1), 0.0)
    order = order[:, :_INFLUENCES]
    kept = np.take_along_axis(weights, order, axis=1)
    kept[:, 1:][kept[:, 1:] < _WEIGHT_MIN] = 0.0
    total = kept.sum(axis=1, keepdims=True)
    kept = np.where(total > 0, kept / np.where(total > 0, total, 1.0), [1.0] + [0.0] * (kept.shape[1] - 1))
    joints = np.where(kept > 0, bones[order], 0)
    spare = ((0, 0), (0, _INFLUENCES - kept.shape[1]))
    return np.pad(joints, spare), np.pad(kept, spare)
