"""Where quads should lie on a surface: four directions and two phases at every vertex, smooth and along its curvature.

Directions: Knöppel, Crane, Pinkall & Schröder, "Globally Optimal Direction Fields" (SIGGRAPH 2013), of degree four, pulled
towards the principal curvatures, so that loops run around limbs and along them. Phases: Ray, Li, Lévy, Sheffer & Alliez,
"Periodic Global Parameterization" (ACM TOG 2006), solved by inverse iteration that gives every vertex the same say: an
eigenvector alone gathers where the surface is calmest and leaves limbs to chance. Both are linear solves, so equal input
gives equal fields and no hierarchy is needed.
"""

from dataclasses import dataclass

import igl
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from maquette.studio.geometry import unit_rows, vertex_normals
from maquette.studio.scene import Floats, Ints

Complexes = NDArray[np.complex128]

_TAU = 2.0 * np.pi
_WEIGHTS = (0.05, 5.0)
_ALIGNMENT = 0.03
"""Pull of a perfectly cylindrical place towards its curvature, against a neighbour's pull of one."""
_BORDER = 100.0
_DRIFT = 0.01
_ROUNDS = 24
_QUARTER_TURNS = np.array([1, 1j, -1, -1j])


@dataclass(frozen=True, slots=True)
class Field:
    """Directions on a mesh, and what the phases need to know of its edges."""

    positions: Floats
    edges: Ints
    """(e, 2), each once."""
    weights: Floats
    along: Floats
    """(n, 3) unit vectors; the other three directions are quarter turns of it about the normal."""
    across: Floats
    turns: Ints
    """(e,) quarter turns from the directions at the first vertex of an edge to those at its second."""
    border: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lattice:
    """A field with phases: each vertex near a point of a lattice with a given edge."""

    places: Floats
    """(n, 3) the lattice point nearest to each vertex."""
    steps: Ints
    """(e, 2) lattice steps from the point of an edge's first vertex to its second's, in the directions of the first."""


def direction_field(positions: Floats, triangles: Ints) -> Field:
    """Directions for a manifold mesh of even triangles; at the border of an open one they follow it."""
    normals = vertex_normals(positions, triangles)
    edges, weights = _weighted_edges(positions, triangles)
    helper = np.where(np.abs(normals[:, :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    east = unit_rows(np.cross(helper, normals), (1.0, 0.0, 0.0))
    north = np.cross(normals, east)
    i, j = edges.T
    carried = _carried(normals[j], normals[i], east[j])
    bend = np.arctan2(_dot(carried, north[i]), _dot(carried, east[i]))
    wanted, pull, border = _wanted(positions, triangles, normals, east, north)
    count = len(positions)
    coupling = sparse.coo_matrix((-weights * np.exp(4j * bend), (i, j)), (count, count)).tocsr()
    degree = np.bincount(edges.ravel(), np.repeat(weights, 2), minlength=count)
    system = coupling + coupling.conj().T + sparse.diags(degree + pull + 1e-6)
    solved = linalg.splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(
        (pull + 1e-6) * np.exp(4j * wanted)
    )
    angle = np.angle(solved) / 4
    # At a border the first direction is the one along it: the phase across counts from there.
    quarters = np.rint((wanted - angle) / (np.pi / 2)) * (np.pi / 2)
    angle = np.where(border, angle + quarters, angle)
    along = np.cos(angle)[:, None] * east + np.sin(angle)[:, None] * north
    across = np.cross(normals, along)
    moved = _carried(normals[j], normals[i], along[j])
    turn = np.arctan2(_dot(moved, across[i]), _dot(moved, along[i]))
    turns = np.rint(turn / (np.pi / 2)).astype(np.int64) % 4
    return Field(positions, edges, weights, along, across, turns, border)


def lattice(field: Field, edge: float) -> Lattice:
    """Phases for lattice squares with that edge, metres; borders of open meshes lie on lattice lines."""
    i, j = field.edges.T
    step = field.positions[j] - field.positions[i]
    # From the first vertex to the second, in the first's directions: the mean of what both say.
    quarter = _QUARTER_TURNS[field.turns]
    way = (
        (_dot(step, field.along[i]) + 1j * _dot(step, field.across[i]))
        + quarter * (_dot(step, field.along[j]) + 1j * _dot(step, field.across[j]))
    ) / (2 * edge)
    count = len(field.positions)
    system = _phase_system(field, way)
    held = _held_phases(field)
    diagonal = _DRIFT * np.ones(4 * count) + _BORDER * np.abs(held)
    solve = linalg.splu(
        (system + sparse.diags(diagonal)).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        options={"SymmetricMode": True},
    ).solve
    phases = np.random.default_rng(0).normal(size=(count, 2, 2))
    for _ in range(_ROUNDS):
        phases /= np.maximum(np.linalg.norm(phases, axis=2, keepdims=True), 1e-12)
        phases = solve(_DRIFT * phases.ravel() + _BORDER * held).reshape(count, 2, 2)
    rest = np.arctan2(phases[..., 1], phases[..., 0]) / _TAU
    here = rest[:, 0] + 1j * rest[:, 1]
    steps = here[i] + way - quarter * here[j]
    places = field.positions - edge * (rest[:, :1] * field.along + rest[:, 1:] * field.across)
    return Lattice(places, np.stack([np.rint(steps.real), np.rint(steps.imag)], axis=1).astype(np.int64))


def _phase_system(field: Field, way: Complexes) -> sparse.csr_matrix:
    """(4n, 4n): the energy of neighbours that disagree on cos and sin of both phases."""
    count = len(field.positions)
    i, j = field.edges.T
    degree = np.bincount(field.edges.ravel(), np.repeat(field.weights, 2), minlength=count)
    rows: list[Ints] = [np.arange(4 * count, dtype=np.int64)]
    columns: list[Ints] = [np.arange(4 * count, dtype=np.int64)]
    values: list[Floats] = [np.repeat(degree, 4)]
    # The first's phase plus the way is the second's, after its quarter turn: u is ±u or ±v there.
    for axis, distance in ((0, way.real), (1, way.imag)):
        cosine, sine = np.cos(_TAU * distance), np.sin(_TAU * distance)
        other = (field.turns + axis) % 2
        # Of the second's w = u + iv, turned by i^k: u is u, -v, -u, v there and v is v, u, -v, -u.
        sign = np.where(np.isin(field.turns, (1, 2) if axis == 0 else (2, 3)), -1.0, 1.0)
        mine, theirs = 4 * i + 2 * axis, 4 * j + 2 * other
        # e^(i·theirs·sign) = e^(i(mine + way)), so mine = rotated back: [c s; -s c] (cos, sign·sin).
        for a, b, value in (
            (0, 0, cosine), (0, 1, sine * sign), (1, 0, -sine), (1, 1, cosine * sign),
        ):  # fmt: skip
            rows += [mine + a, theirs + b]
            columns += [theirs + b, mine + a]
            values += [-field.weights * value] * 2
    packed = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.coo_matrix(packed, (4 * count, 4 * count)).tocsr()


def _held_phases(field: Field) -> Floats:
    """(4n,) one for the cosine of the phase that counts away from a border, else zero."""
    held = np.zeros((len(field.positions), 2, 2))
    held[field.border, 1, 0] = 1.0
    return held.ravel()


def _weighted_edges(positions: Floats, triangles: Ints) -> tuple[Ints, Floats]:
    half = np.clip(igl.cotmatrix_entries(positions, triangles), *_WEIGHTS)
    ends = np.sort(np.concatenate([triangles[:, [1, 2]], triangles[:, [2, 0]], triangles[:, [0, 1]]]), axis=1)
    edges, inverse = np.unique(ends, axis=0, return_inverse=True)
    weights: Floats = np.bincount(inverse.reshape(-1), half.T.ravel(), minlength=len(edges)).astype(float)
    return edges.astype(np.int64), weights


def _wanted(
    positions: Floats, triangles: Ints, normals: Floats, east: Floats, north: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Angles (n,) of the directions wanted from east, how much, and which vertices lie on a border."""
    tangent, bent = _curvature(positions, triangles, normals)
    pull = _ALIGNMENT * bent
    border = np.zeros(len(positions), bool)
    loose = igl.boundary_facets(triangles)[0]
    if len(loose):
        border[loose] = True
        sums = np.zeros_like(positions)
        way = positions[loose[:, 1]] - positions[loose[:, 0]]
        for axis in range(3):
            sums[:, axis] = np.bincount(loose.ravel(), np.repeat(way[:, axis], 2), minlength=len(positions))
        tangent = np.where(border[:, None], sums, tangent)
        pull = np.where(border, _BORDER, pull)
    return np.arctan2(_dot(tangent, north), _dot(tangent, east)), pull, border


def _curvature(positions: Floats, triangles: Ints, normals: Floats) -> tuple[Floats, Floats]:
    """Direction of the strongest bend (n, 3), and how unlike the two bends are, 0 to 1."""
    first, second, k1, k2, *_ = igl.principal_curvature(positions, triangles, 4)
    strong = np.where((np.abs(k1) >= np.abs(k2))[:, None], first, second)
    size = float(np.sqrt(igl.doublearea(positions, triangles).mean()))
    difference = np.abs(np.abs(k1) - np.abs(k2)) / (np.abs(k1) + np.abs(k2) + 0.02 / size)
    return strong - normals * _dot(strong, normals)[:, None], difference**2


def _carried(start: Floats, end: Floats, vectors: Floats) -> Floats:
    """Vectors turned by the smallest rotations that take unit ``start`` to ``end``."""
    axis = np.cross(start, end)
    cosine = _dot(start, end)
    share = _dot(axis, vectors) / np.maximum(1.0 + cosine, 1e-9)
    turned: Floats = vectors * cosine[:, None] + np.cross(axis, vectors) + axis * share[:, None]
    return turned


def _dot(a: Floats, b: Floats) -> Floats:
    products: Floats = np.einsum("ij,ij->i", a, b)
    return products
