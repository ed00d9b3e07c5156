"""From a lattice on a mesh to its squares: contract what belongs to one lattice point, then drop the diagonals.

The lattice points and steps are those of Jakob, Tarini, Panozzo & Sorkine-Hornung, "Instant Field-Aligned Meshes" (ACM TOG
2015). There the mesh is rebuilt from its vertices, which leaves holes to fill where fields disagree; here the surface is never
opened: edges are contracted one by one under the link condition, so whatever the fields say, a closed manifold stays one,
with the same handles, down to blades a single square wide.
"""

import heapq
import math
import operator

import numpy as np
from numpy.typing import NDArray

from maquette.studio.scene import Floats, Ints
from maquette.studio.surface.quad_fields import Field, Lattice

_SHORT = 0.4
"""Edges shorter than this share of the lattice's edge are contracted too."""
_CHAIN_MAX = 6
_CHAINS_MAX = 200
_APART = 0.5
"""Vertices of one lattice point agree on its place within a few hundredths of an edge; more is two points."""
_FAR = 0.9
"""Nor do vertices this many edges apart become one: a feeler that holds no whole square must not shrink away."""
_WORST = 0.25
"""A pair whose corners are worse than this (0 folded, 1 square) stays two triangles."""


def contract(field: Field, points: Lattice, triangles: Ints, edge: float) -> tuple[Floats, Ints]:
    """One vertex a lattice point: positions (n, 3) and triangles (m, 3), most of them half squares."""
    same = np.flatnonzero((points.steps == 0).all(axis=1))
    i, j = field.edges[same].T
    apart = np.linalg.norm(points.places[i] - points.places[j], axis=1)
    web = _Web(triangles, points.places, field.positions, field.border, (_APART * edge, _FAR * edge))
    left = web.contract_all(field.edges[same[np.argsort(apart, kind="stable")]])
    owner = web.owners()
    # Where the surface is too thin for the lattice, points that could not become one must not lie upon each other.
    crowded = np.zeros(len(owner), bool)
    crowded[owner[left.ravel()]] = True
    places = _mean(np.where(crowded[owner][:, None], field.positions, points.places), owner)
    web = _Web(web.triangles(), places, places, field.border, (np.inf, _FAR * edge))
    for _ in range(2):
        faces = web.triangles()
        ends = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
        length = np.linalg.norm(places[ends[:, 0]] - places[ends[:, 1]], axis=1)
        order = np.argsort(length, kind="stable")
        web.contract_all(ends[order[length[order] < _SHORT * edge]])
    used, compact = np.unique(web.triangles(), return_inverse=True)
    return web.places()[used], compact.reshape(-1, 3)


def _mean(values: Floats, owner: Ints) -> Floats:
    count = np.maximum(np.bincount(owner, minlength=len(values)), 1)[:, None]
    sums = [np.bincount(owner, values[:, axis], minlength=len(values)) for axis in range(3)]
    return np.stack(sums, axis=1) / count


class _Web:
    """Triangles by vertex, while edges are contracted."""

    def __init__(
        self,
        triangles: Ints,
        places: Floats,
        positions: Floats,
        border: NDArray[np.bool_],
        reach: tuple[float, float],
    ) -> None:
        """Vertices whose mean places or positions lie farther apart than ``reach`` are not contracted."""
        count = len(places)
        self._faces: dict[int, tuple[int, int, int]] = dict(enumerate(map(tuple, triangles.tolist())))
        self._around: list[set[int]] = [set() for _ in range(count)]
        for face, corners in self._faces.items():
            for corner in corners:
                self._around[corner].add(face)
        self._owner = list(range(count))
        self._border = border.tolist()
        self._reach = reach
        ones = np.ones((count, 1))
        self._sums: list[list[float]] = np.hstack([places, positions, ones]).tolist()

    def triangles(self) -> Ints:
        """Give what is left, (m, 3)."""
        return np.array([self._faces[face] for face in sorted(self._faces)], dtype=np.int64)

    def places(self) -> Floats:
        """(n, 3) the mean place of what each vertex was contracted from."""
        sums = np.array(self._sums)
        means: Floats = sums[:, :3] / sums[:, 6:]
        return means

    def owners(self) -> Ints:
        """(n,) the vertex that each one was contracted into."""
        return np.array([self._find(index) for index in range(len(self._owner))], dtype=np.int64)

    def contract_all(self, pairs: Ints) -> Ints:
        """Contract in that order, again while it helps; returns the pairs (k, 2) that had to stay apart."""
        waiting = pairs.tolist()
        while waiting:
            refused = []
            for a, b in waiting:
                one, two = self._find(a), self._find(b)
                if one != two and not self._contract(one, two):
                    refused.append((a, b))
            if len(refused) == len(waiting):
                break
            waiting = refused
        return np.array(waiting, dtype=np.int64).reshape(-1, 2)

    def _find(self, index: int) -> int:
        owner = self._owner
        while owner[index] != index:
            owner[index] = owner[owner[index]]
            index = owner[index]
        return index

    def _contract(self, gone: int, kept: int) -> bool:
        """Merge the first vertex into the second unless that would pinch the surface."""
        if self._too_far(gone, kept):
            return False
        if self._border[gone]:
            gone, kept = kept, gone
        faces, around = self._faces, self._around
        shared = around[gone] & around[kept]
        if self._border[gone] and (not self._border[kept] or len(shared) != 1):
            return False
        beside = {corner for face in around[gone] for corner in faces[face]}
        beside &= {corner for face in around[kept] for corner in faces[face]}
        beside -= {gone, kept}
        if not shared or len(beside) != len(shared):
            return False
        if any(len(around[corner]) <= (2 if self._border[corner] else 3) for corner in beside):
            return False
        for face in shared:
            for corner in faces.pop(face):
                around[corner].discard(face)
        for face in around[gone]:
            a, b, c = faces[face]
            faces[face] = (
                kept if a == gone else a,
                kept if b == gone else b,
                kept if c == gone else c,
            )
        around[kept] |= around[gone]
        around[gone] = set()
        self._owner[gone] = kept
        if self._border[gone] or not self._border[kept]:
            self._sums[kept] = list(map(operator.add, self._sums[gone], self._sums[kept]))
        return True

    def _too_far(self, a: int, b: int) -> bool:
        one, two = self._sums[a], self._sums[b]
        m, n = one[6], two[6]
        x, y, z, u, v, w = (p / m - q / n for p, q in zip(one[:6], two[:6], strict=True))
        return math.hypot(x, y, z) > self._reach[0] or math.hypot(u, v, w) > self._reach[1]


def pair(positions: Floats, triangles: Ints) -> tuple[Ints, Ints]:
    """Join triangles by their best common edges: quads (q, 4) and the triangles (t, 3) that found no partner."""
    ends, face, inner = _inner_edges(triangles)
    # Quad (a, b, c, d) about the edge a-c: a, b, c from the first triangle, d opposite in the second.
    corners = np.stack([ends[:, 1], inner[:, 0], ends[:, 0], inner[:, 1]], axis=1)
    worth = quad_quality(positions, corners)
    partner = _matched(len(triangles), face, worth)
    edge_of = partner[partner >= 0]
    chosen = np.unique(edge_of)
    rest = triangles[partner < 0]
    return _without_doublets([*corners[chosen].tolist(), *rest.tolist()], len(positions))


def quad_quality(positions: Floats, corners: Ints) -> Floats:
    """(q,) from 1 for a flat square's corners to 0 for a fold: the worst corner's sine, less what the quad is bent."""
    p = positions[corners]
    before, after = np.roll(p, 1, axis=1) - p, np.roll(p, -1, axis=1) - p
    normal = np.cross(after, before)
    length = np.linalg.norm(normal, axis=2)
    sine = length / np.maximum(np.linalg.norm(before, axis=2) * np.linalg.norm(after, axis=2), 1e-30)
    unit = normal / np.maximum(length, 1e-30)[..., None]
    mean = unit.mean(axis=1)
    mean /= np.maximum(np.linalg.norm(mean, axis=1), 1e-30)[:, None]
    flat = np.einsum("qkj,qj->qk", unit, mean).min(axis=1)
    worth: Floats = np.clip(sine.min(axis=1) * np.clip(flat, 0.0, 1.0), 0.0, 1.0)
    return worth


def _inner_edges(triangles: Ints) -> tuple[Ints, Ints, Ints]:
    """Edges of two faces: ends (e, 2) as the first face runs, the faces (e, 2), and the corners (e, 2) opposite."""
    count = len(triangles)
    start, stop = triangles[:, [1, 2, 0]].ravel(), triangles[:, [2, 0, 1]].ravel()
    key = np.sort(np.stack([start, stop], axis=1), axis=1)
    order = np.lexsort((key[:, 1], key[:, 0]))
    same = (key[order[1:]] == key[order[:-1]]).all(axis=1)
    one, two = order[:-1][same], order[1:][same]
    alike = start[one] == stop[two]
    one, two = one[alike], two[alike]
    face = np.arange(count).repeat(3)
    opposite = triangles.ravel()
    return (
        np.stack([start[one], stop[one]], axis=1),
        np.stack([face[one], face[two]], axis=1),
        np.stack([opposite[one], opposite[two]], axis=1),
    )


def _matched(count: int, face: Ints, worth: Floats) -> Ints:
    """For each face the edge over which it is joined, or -1: best first, then chains that free two lone faces."""
    partner = np.full(count, -1, dtype=np.int64)
    usable = np.flatnonzero(worth >= _WORST)
    for index in usable[np.argsort(-worth[usable], kind="stable")]:
        a, b = face[index]
        if partner[a] < 0 and partner[b] < 0:
            partner[a] = partner[b] = index
    edges_of: list[list[int]] = [[] for _ in range(count)]
    for index in usable.tolist():
        for side in face[index].tolist():
            edges_of[side].append(index)
    for lone in np.flatnonzero(partner < 0).tolist():
        if partner[lone] < 0:
            _augment(lone, partner, face, worth, edges_of)
    return partner


def _augment(lone: int, partner: Ints, face: Ints, worth: Floats, edges_of: list[list[int]]) -> None:
    """Find the best alternating way from one lone face to another, a few quads long, and swap along it."""
    heap: list[tuple[float, int, int, tuple[int, ...]]] = [(0.0, 0, lone, ())]
    seen = {lone}
    tried = 0
    while heap and tried < _CHAINS_MAX:
        cost, length, at, way = heapq.heappop(heap)
        tried += 1
        for index in edges_of[at]:
            if index == partner[at]:
                continue
            other = int(face[index].sum()) - at
            if other in seen:
                continue
            if partner[other] < 0:
                partner[face[[*way, index]]] = np.array([*way, index])[:, None]
                return
            held = int(partner[other])
            beyond = int(face[held].sum()) - other
            if length >= _CHAIN_MAX:
                continue
            seen |= {other, beyond}
            price = cost + 1.0 + float(worth[held] - worth[index])
            heapq.heappush(heap, (price, length + 1, beyond, (*way, index)))


def _without_doublets(faces: list[list[int]], count: int) -> tuple[Ints, Ints]:
    """Join the two faces around a vertex that has no other: cut in four, one corner would lie on a straight line."""
    uses = np.bincount([vertex for loop in faces for vertex in loop], minlength=count).tolist()
    gone = {-1}
    while gone:
        owners: dict[int, list[int]] = {}
        for index, loop in enumerate(faces):
            for vertex in loop:
                if uses[vertex] == 2:
                    owners.setdefault(vertex, []).append(index)
        gone = set()
        for vertex, pair_of in owners.items():
            if len(pair_of) == 2 and uses[vertex] == 2 and not gone.intersection(pair_of):
                one, two = (faces[index] for index in pair_of)
                joined = _joined(one, two, vertex)
                if joined is not None and all(uses[v] > 2 for v in joined if v in one and v in two):
                    for v in (*one, *two):
                        uses[v] -= 1
                    for v in joined:
                        uses[v] += 1
                    faces[pair_of[0]] = joined
                    gone.add(pair_of[1])
        faces = [loop for index, loop in enumerate(faces) if index not in gone]
    fours, threes = (
        np.array([loop for loop in faces if len(loop) == size], dtype=np.int64).reshape(-1, size)
        for size in (4, 3)
    )
    return fours, threes


def _joined(one: list[int], two: list[int], vertex: int) -> list[int] | None:
    """Put the other face's far corner in the place of the vertex between them; None when that is no face."""
    at = one.index(vertex)
    beside = {one[at - 1], one[(at + 1) % len(one)]}
    if not beside <= set(two):
        return None
    far = [v for v in two if v != vertex and v not in beside]
    joined = [*one[:at], *far, *one[at + 1 :]]
    return joined if len(set(joined)) == len(joined) in {3, 4} else None
