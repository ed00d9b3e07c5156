"""Quads only: any triangle mesh → a mesh of quads within its budget, with its edges along the shape.

A quarter of the budget is laid out as a lattice of quads (and, where the lattice must give, triangles); cutting each face at
the middles of its edges makes all of them quads, and the result is drawn tight over the source.
"""

from dataclasses import dataclass

import igl
import numpy as np

from maquette.studio.scene import Floats, Ints
from maquette.studio.surface.decimate import decimate, weld
from maquette.studio.surface.quad_extract import contract, pair
from maquette.studio.surface.quad_fields import direction_field, lattice
from maquette.studio.surface.quad_relax import relaxed
from maquette.studio.surface.quad_repair import Surface, repaired, well_cut

_DENSITY = 22
"""Working triangles for each lattice square: its edge is then three of theirs."""
_LATTICE_MAX = 4000
"""Squares of the lattice; larger budgets cut each square more often."""
_BORDER_MAX = 0.2
_CLOSE = 0.02
_TOLERANCE = 0.05
_TRIES = 6

_Faces = tuple[Floats, Ints, Ints]
"""Positions, quads (q, 4), triangles (t, 3)."""


@dataclass(frozen=True, slots=True)
class QuadMesh:
    """Quads and nothing else."""

    positions: Floats
    corners: Ints
    """(q, 4) counter-clockwise."""
    method: str
    """``field-aligned lattice``, or ``paired decimation`` where a lattice cannot keep to the budget."""
    plan: tuple[Floats, Ints]
    """Positions and quads of the coarse mesh that large budgets are cut from, each of its quads into as many in a row."""


def quad_mesh(positions: Floats, triangles: Ints, target: int) -> QuadMesh:
    """Remesh to ``target`` quads within 5 %. A closed manifold stays one; anything else gets quads as well."""
    positions, triangles = weld(positions, triangles)
    cuts = 1
    while target / 4**cuts > _LATTICE_MAX:
        cuts += 1
    budget = target / 4 ** (cuts - 1)
    found = _from_lattice(positions, triangles, budget) if _holds_lattice(triangles) else None
    method = "field-aligned lattice" if found else "paired decimation"
    places, corners = _all_quads(found or _from_triangles(positions, triangles, budget))
    places = relaxed(places, corners, positions, triangles)
    plan = (places, corners)
    for _ in range(cuts - 1):
        places, corners = _all_quads((places, corners, np.empty((0, 3), np.int64)))
        places = relaxed(places, corners, positions, triangles)
    surface = Surface(positions, triangles)
    places = repaired(places, corners, surface)
    return QuadMesh(places, well_cut(places, corners, surface), method, plan)


def _holds_lattice(triangles: Ints) -> bool:
    """Whether the surface is a manifold, and not mostly border: a lattice on confetti is nothing but edges."""
    faces = np.ascontiguousarray(triangles)
    if not len(faces) or not igl.is_edge_manifold(faces)[0] or not np.all(igl.is_vertex_manifold(faces)):
        return False
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    if len(np.unique(edges, axis=0)) < len(edges):
        return False
    return len(igl.boundary_facets(faces)[0]) < _BORDER_MAX * len(edges)


def _from_lattice(positions: Floats, triangles: Ints, budget: float) -> _Faces | None:
    """Lattice faces that make ``budget`` quads when cut once, or None when no lattice edge does."""
    work, faces = _even(positions, triangles, int(budget / 4 * _DENSITY))
    field = direction_field(work, faces)
    edge = 2.0 * float(np.sqrt(igl.doublearea(work, faces).sum() / 2 / budget))
    best: _Faces | None = None
    error = _TOLERANCE
    for attempt in range(_TRIES):
        points, halves = contract(field, lattice(field, edge), faces, edge)
        quads, rest = pair(points, halves)
        made = 4 * len(quads) + 3 * len(rest)
        if abs(made / budget - 1.0) < error:
            best, error = (points, quads, rest), abs(made / budget - 1.0)
        if error < (_CLOSE if attempt < _TRIES // 2 else _TOLERANCE):
            break
        edge *= float(np.clip(made / budget, 0.5, 2.0)) ** 0.5
    return best


def _from_triangles(positions: Floats, triangles: Ints, budget: float) -> _Faces:
    """Decimate, pair what pairs, and count again: for budgets and surfaces that hold no lattice."""
    wanted = budget / 2
    for _ in range(_TRIES):
        points, faces = decimate(positions, triangles, max(4, round(wanted)))
        quads, rest = pair(points, faces)
        made = 4 * len(quads) + 3 * len(rest)
        if abs(made / budget - 1.0) < _CLOSE or len(faces) < 0.9 * wanted:
            break
        wanted *= budget / made
    return points, quads, rest


def _even(positions: Floats, triangles: Ints, wanted: int) -> tuple[Floats, Ints]:
    """Bring a mesh to about that many triangles of like size."""
    points, faces = positions, np.ascontiguousarray(triangles)
    while len(faces) < wanted:
        points, faces = igl.upsample(points, faces)
    if len(faces) > 1.1 * wanted:
        done = igl.decimate(np.asfortranarray(points), np.asfortranarray(faces.astype(np.int32)), wanted)
        points, faces = done[0], done[1].astype(np.int64)
    return points, np.ascontiguousarray(faces.astype(np.int64))


def _all_quads(mesh: _Faces) -> tuple[Floats, Ints]:
    """Cut every face into as many quads as it has corners, at its middle and those of its edges."""
    positions, quads, rest = mesh
    count = len(positions)
    loops = [np.stack([f, np.roll(f, -1, axis=1)], axis=2).reshape(-1, 2) for f in (quads, rest)]
    ends, inverse = np.unique(np.sort(np.concatenate(loops), axis=1), axis=0, return_inverse=True)
    middle = inverse.reshape(-1) + count
    after = [
        middle[: 4 * len(quads)].reshape(-1, 4),
        middle[4 * len(quads) :].reshape(-1, 3),
    ]
    centers = [positions[f].mean(axis=1) for f in (quads, rest)]
    places = np.concatenate([positions, positions[ends].mean(axis=1), *centers])
    made = []
    first = count + len(ends)
    for faces, edges in zip((quads, rest), after, strict=True):
        center = np.broadcast_to((first + np.arange(len(faces)))[:, None], faces.shape)
        made.append(np.stack([faces, edges, center, np.roll(edges, 1, axis=1)], axis=2).reshape(-1, 4))
        first += len(faces)
    used, compact = np.unique(np.concatenate(made), return_inverse=True)  # joined quads leave vertices behind
    return places[used], compact.reshape(-1, 4)
