"""Turning round the few quads that face against the surface they stand for: at tips, in crotches, where a sheet is thin.

Smoothing the worst corners moves whole neighbourhoods and wakes other folds, so each vertex of a bad quad is offered a handful of
places and takes the one where the quads around it face best; vertices that share a quad take turns (Freitag & Ollivier-Gooch,
"Tetrahedral mesh improvement using swapping and smoothing", IJNME 1997, do so for solids).
"""

import igl
import numpy as np
from numpy.typing import NDArray

from maquette.studio.geometry import unit_rows
from maquette.studio.scene import Floats, Ints

_ROUNDS = 24
UPRIGHT = 0.2
"""A triangle whose normal has this cosine with the source's is good enough to be left alone."""
_REACHES = (0.08, 0.25, 0.6)
"""Steps that a vertex may go at a time, in edges: folds at tips are much smaller than their neighbours."""
_WORST_MAX = 500
"""Quads mended in a round: a soup of triangles has nothing but folds, and they are not worth minutes."""
_GAIN_MIN = 1e-4
_STRAY = 0.02
"""Price of leaving the source by an edge's length: less than any fold, but no place off the source is taken for nothing."""


class Surface:
    """The source, ready to be asked what is nearest to a point and which way it faces there."""

    def __init__(self, positions: Floats, triangles: Ints) -> None:
        """Build the tree over faces (m, 3)."""
        self._positions = positions
        self._triangles = np.ascontiguousarray(triangles)
        self._tree = igl.AABB()
        self._tree.init(positions, self._triangles)
        a, b, c = (positions[triangles[:, k]] for k in range(3))
        self._normals = unit_rows(np.cross(b - a, c - a), (0.0, 0.0, 0.0))

    def on(self, places: Floats) -> Floats:
        """Nearest points (n, 3)."""
        nearest: Floats = self._asked(places)[2]
        return nearest

    def facing(self, places: Floats) -> Floats:
        """Give the unit normals (n, 3) at the nearest points; zero on a face without area."""
        facing: Floats = self._normals[self._asked(places)[1]]
        return facing

    def _asked(self, places: Floats) -> tuple[Floats, Ints, Floats]:
        found: tuple[Floats, Ints, Floats] = self._tree.squared_distance(
            self._positions, self._triangles, np.ascontiguousarray(places.reshape(-1, 3))
        )
        return found


def repaired(positions: Floats, corners: Ints, surface: Surface) -> Floats:
    """Move vertices of quads (q, 4) that face against the source until none does, or no place helps."""
    places = positions.copy()
    order = np.argsort(corners.ravel(), kind="stable")
    start = np.searchsorted(corners.ravel()[order], np.arange(len(places) + 1))
    edge = float(np.linalg.norm(places[corners] - places[np.roll(corners, 1, axis=1)], axis=2).mean())
    suspects = np.arange(len(corners))
    wide = False
    for _ in range(_ROUNDS):
        wrong = wrongness(places[corners[suspects]], surface)
        wrong, suspects = wrong[wrong > UPRIGHT], suspects[wrong > UPRIGHT]
        if not len(suspects):
            break
        movers = np.unique(corners[suspects[np.argsort(-wrong, kind="stable")[:_WORST_MAX]]])
        if wide:
            movers = np.unique(corners[np.isin(corners, movers).any(axis=1)])
        counts = start[movers + 1] - start[movers]
        owner = np.arange(len(movers)).repeat(counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        face, slot = np.divmod(order[start[movers][owner] + within], 4)
        offers = _offers(places, corners[face], movers, owner, surface, edge)
        price = _prices(places[corners[face]], slot, owner, offers, surface)
        price += _STRAY * np.linalg.norm(offers - surface.on(offers).reshape(offers.shape), axis=2) / edge
        chosen = price.argmin(axis=1)
        gain = price[:, 0] - price[np.arange(len(movers)), chosen]
        taken = _in_turn(gain, face, owner, len(corners))
        if not len(taken) and wide:
            break
        wide = not len(taken)  # when the vertices of folds cannot do it, those around them may
        places[movers[taken]] = offers[taken, chosen[taken]]
        suspects = np.unique(np.concatenate([suspects, face[np.isin(owner, taken)]]))
    return places


def wrongness(loops: Floats, surface: Surface) -> Floats:
    """(n,) how far quads (n, 4, 3) are from facing as the source does; 0 is upright, more than ``UPRIGHT`` a fold.

    Of its four corners against the source at the quad's middle, and of the two triangles of its better diagonal against the
    source at theirs: what the cosine lacks to ``UPRIGHT``.
    """
    normals, facing = _corner_normals(loops), np.empty((len(loops), 4, 3))
    for corner in range(4):
        facing[:, corner] = surface.facing(np.delete(loops, (corner + 2) % 4, axis=1).mean(axis=1))
    middle = surface.facing(loops.mean(axis=1))
    across = np.clip(UPRIGHT - np.einsum("nkj,nj->nk", normals, middle), 0.0, None)
    local = np.clip(UPRIGHT - np.einsum("nkj,nkj->nk", normals, facing), 0.0, None)
    halves = np.minimum(local[:, [1, 3]].max(axis=1), local[:, [0, 2]].max(axis=1))
    worst: Floats = np.maximum(across.max(axis=1), halves)
    return worst


def well_cut(positions: Floats, corners: Ints, surface: Surface) -> Ints:
    """Start each quad where its shorter diagonal ends, for that is where it is cut; where that would fold it, the other's."""
    p = positions[corners]
    length = np.linalg.norm(p[:, [0, 1]] - p[:, [2, 3]], axis=2)
    longer = length[:, 0] > length[:, 1] * (1 + 1e-9)
    made = np.where(longer[:, None], np.roll(corners, -1, axis=1), corners)
    level = _halves_upright(positions[made], surface)
    doubtful = np.flatnonzero(level <= 0.0)
    other = np.roll(made[doubtful], -1, axis=1)
    better = _halves_upright(positions[other], surface) > level[doubtful]
    made[doubtful[better]] = other[better]
    return made


def _halves_upright(loops: Floats, surface: Surface) -> Floats:
    """(n,) the lesser cosine of both triangles of quads, cut between their first and third corners, with the source's normal."""
    normals = _corner_normals(loops)
    sides = [
        np.einsum("nj,nj->n", normals[:, tip], surface.facing(np.delete(loops, far, axis=1).mean(axis=1)))
        for tip, far in ((1, 3), (3, 1))
    ]
    upright: Floats = np.minimum(*sides)
    return upright


def _corner_normals(loops: Floats) -> Floats:
    """(n, 4, 3) unit normals of the triangles that quads' corners make with both neighbours."""
    turns = np.cross(np.roll(loops, -1, axis=1) - loops, np.roll(loops, 1, axis=1) - loops)
    return unit_rows(turns.reshape(-1, 3), (0.0, 0.0, 0.0)).reshape(-1, 4, 3)


def _offers(places: Floats, loops: Ints, movers: Ints, owner: Ints, surface: Surface, edge: float) -> Floats:
    """(m, k, 3) places for each mover: where it is, the middle of what surrounds it, and steps about both."""
    here = places[movers]
    middle = (
        np.stack(
            [
                np.bincount(owner, places[loops].mean(axis=1)[:, axis], minlength=len(movers))
                for axis in range(3)
            ],
            axis=1,
        )
        / np.maximum(np.bincount(owner, minlength=len(movers)), 1)[:, None]
    )
    up = surface.facing(here)
    helper = np.where(np.abs(up[:, :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    east = unit_rows(np.cross(helper, up), (1.0, 0.0, 0.0))
    north = np.cross(up, east)
    ways = np.stack([east, -east, north, -north, up, -up], axis=1)
    slant = (ways[:, [0, 0, 1, 1]] + ways[:, [2, 3, 2, 3]]) * np.sqrt(0.5)
    ways = np.concatenate([ways, slant], axis=1)
    steps = [here[:, None] + reach * edge * ways for reach in _REACHES]
    about = middle[:, None] + 0.4 * edge * ways
    free = np.stack([middle, (here + middle) / 2], axis=1)
    drawn = np.concatenate([free, *steps, about], axis=1)
    offers: Floats = np.concatenate([here[:, None], surface.on(drawn).reshape(drawn.shape), free], axis=1)
    return offers


def _prices(loops: Floats, slot: Ints, owner: Ints, offers: Floats, surface: Surface) -> Floats:
    """(m, k) wrongness of the quads around each mover at each of its offers."""
    count, choices = offers.shape[:2]
    price = np.empty((count, choices))
    rows = np.arange(len(loops))
    for choice in range(choices):
        tried = loops.copy()
        tried[rows, slot] = offers[owner, choice]
        price[:, choice] = np.bincount(owner, wrongness(tried, surface), minlength=count)
    return price


def _in_turn(gain: Floats, face: Ints, owner: Ints, faces: int) -> NDArray[np.int64]:
    """Movers that gain, no two of them around one face; of neighbours, who gains most."""
    touched = np.zeros(faces, bool)
    around = np.split(face, np.flatnonzero(np.diff(owner)) + 1)
    taken = []
    for mover in np.argsort(-gain, kind="stable").tolist():
        if gain[mover] <= _GAIN_MIN:
            break
        if not touched[around[mover]].any():
            touched[around[mover]] = True
            taken.append(mover)
    return np.array(taken, dtype=np.int64)
