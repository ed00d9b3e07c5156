"""Texture atlas of a quad mesh: no seam may run through a quad, or it would be two triangles to whoever opens the file.

xatlas knows triangles alone and cuts along diagonals where that suits it. Its charts are a good plan, though: each quad goes wholly
to one of them, the charts are flattened anew (Lévy, Petitjean, Ray & Maillot, "Least Squares Conformal Maps", SIGGRAPH 2002), and
xatlas packs them.
"""

import math

import igl
import numpy as np
import xatlas
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from maquette.studio.quads import cut
from maquette.studio.raster import coverage
from maquette.studio.scene import Floats, Ints
from maquette.studio.surface.unwrap import Atlas, charts, pack_options

_STRETCH_MAX = 6.0
"""Largest over smallest scale within a chart, of areas, between the 5th and the 95th percentile."""
_OVERLAP_MAX = 0.002
_LOOK = 256
"""Pixels across which a chart is drawn by itself to see whether it lies on itself."""


def unwrap_quads(
    positions: Floats, corners: Ints, texture_size: int, plan: tuple[Floats, Ints] | None = None
) -> tuple[Atlas, dict[str, float]]:
    """Cut and flatten quads (q, 4) of a welded mesh; the triangles of the atlas are theirs in pairs, with measures.

    ``plan`` has the positions and quads that these were cut from, each into as many in a row: charts are planned there, for
    xatlas needs more than 90 s for 200,000 triangles. A chart that flips, stretches or lies on itself is halved until it does
    not; in the end a quad is a chart of its own.
    """
    drawn, planned = plan or (positions, corners)
    labels = _chart_of_quads(planned, charts(drawn, cut(planned), texture_size))
    labels = np.repeat(labels, len(corners) // len(planned))
    order = np.argsort(labels, kind="stable")
    waiting: list[Ints] = np.split(order, np.cumsum(np.bincount(labels))[:-1])
    pieces: list[tuple[Ints, Ints, Floats]] = []
    while waiting:
        members = waiting.pop()
        used, local = np.unique(corners[members], return_inverse=True)
        local = local.reshape(-1, 4)
        flat = _flattened(positions[used], local)
        if flat is None:
            waiting += _halves(positions, corners, members)
        else:
            pieces.append((members, used[local], flat[local]))
    atlas = _packed(corners, pieces, texture_size)
    return atlas, atlas.measures(positions, texture_size)


def _chart_of_quads(corners: Ints, atlas: Atlas) -> Ints:
    """(q,) connected charts: of a quad that was cut in two, the one that more of its neighbours have."""
    edges = np.concatenate([atlas.triangles[:, [0, 1]], atlas.triangles[:, [1, 2]]]).T
    graph = coo_matrix((np.ones(edges.shape[1]), (edges[0], edges[1])), (len(atlas.uv),) * 2)
    chart = connected_components(graph, directed=False)[1][atlas.triangles[:, 0]].reshape(-1, 2)
    beside = _neighbours(corners)
    votes = np.zeros((len(corners), 2), dtype=np.int64)
    for one, two in (beside, beside[::-1]):
        for side in (0, 1):
            same = (chart[two] == chart[one, side][:, None]).sum(axis=1)
            votes[:, side] += np.bincount(one, same, minlength=len(corners)).astype(np.int64)
    label = np.where(votes[:, 1] > votes[:, 0], chart[:, 1], chart[:, 0])
    one, two = beside[:, label[beside[0]] == label[beside[1]]]
    joined = coo_matrix((np.ones(len(one)), (one, two)), (len(corners),) * 2)
    parts: Ints = connected_components(joined, directed=False)[1].astype(np.int64)
    return parts


def _neighbours(corners: Ints) -> Ints:
    """(2, e) faces on both sides of each inner edge."""
    ends = np.sort(np.stack([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    same = (ends[order[1:]] == ends[order[:-1]]).all(axis=1)
    return np.stack([order[:-1][same] // 4, order[1:][same] // 4])


def _flattened(positions: Floats, corners: Ints) -> Floats | None:
    """(n, 2) in metres without flips or great stretch, or None."""
    if len(corners) == 1:
        flat = np.empty((4, 2))
        flat[corners[0]] = _square(positions[corners[0]])
        return flat
    triangles = cut(corners)
    loose = np.unique(igl.boundary_facets(triangles)[0])
    if not len(loose):
        return None
    apart = np.linalg.norm(positions[loose] - positions[loose[0]], axis=1)
    far = int(loose[apart.argmax()])
    # Relative to the first pin, so that a chart's place in the world costs no digits.
    ends = np.array([loose[0], far], dtype=np.int64)
    pins = np.array([[0.0, 0.0], [float(apart.max()), 0.0]])
    try:
        flat = igl.lscm(positions - positions[loose[0]], triangles, ends, pins)[0]
    except (RuntimeError, ValueError):
        return None
    if not np.isfinite(flat).all():
        return None
    a, b, c = (flat[triangles[:, k]] for k in range(3))
    signed = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    true = igl.doublearea(positions, triangles) / 2
    if not (signed > 0).all():
        return None
    scale = np.quantile(signed / np.maximum(true, 1e-30), (0.05, 0.95))
    if scale[1] > _STRETCH_MAX * scale[0] or _overlaps(flat, triangles):
        return None
    result: Floats = flat * np.sqrt(true.sum() / signed.sum())
    return result


def _overlaps(flat: Floats, triangles: Ints) -> bool:
    """Whether a chart lies on itself, though no triangle of it is turned over: a spiral, or arms that meet."""
    low = flat.min(axis=0)
    pixels = (flat - low) * (_LOOK / max(float(np.ptp(flat, axis=0).max()), 1e-300))
    uses = coverage(pixels, triangles, (_LOOK, _LOOK))
    return int((uses > 1).sum()) > _OVERLAP_MAX * int((uses > 0).sum())


def _square(loop: Floats) -> Floats:
    """Flatten one quad (4, 3) on the plane of its diagonals; a folded one becomes a square of its area."""
    across, up = loop[2] - loop[0], loop[3] - loop[1]
    normal = np.cross(across, up)
    size = float(np.linalg.norm(normal))
    side = np.sqrt(max(size / 2, 1e-30))
    square: Floats = side * np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    if size < 1e-30:
        return square
    east = across / np.linalg.norm(across)
    flat: Floats = (loop - loop[0]) @ np.stack([east, np.cross(normal / size, east)], axis=1)
    turn = np.roll(flat, -1, axis=0) - flat
    before = np.roll(turn, 1, axis=0)
    convex = bool((before[:, 0] * turn[:, 1] - before[:, 1] * turn[:, 0] > 0).all())
    return flat if convex else square


def _halves(positions: Floats, corners: Ints, members: Ints) -> list[Ints]:
    """Cut a chart in two across its longest extent."""
    centers = positions[corners[members]].mean(axis=1)
    axis = int(np.ptp(centers, axis=0).argmax())
    order = np.argsort(centers[:, axis], kind="stable")
    middle = len(order) // 2
    return [members[order[:middle]], members[order[middle:]]]


def _area(flat: Floats) -> float:
    """Sum of the areas of flat quads (q, 4, 2)."""
    across, up = flat[:, 2] - flat[:, 0], flat[:, 3] - flat[:, 1]
    return float(np.abs(across[:, 0] * up[:, 1] - across[:, 1] * up[:, 0]).sum()) / 2


def _packed(corners: Ints, pieces: list[tuple[Ints, Ints, Floats]], texture_size: int) -> Atlas:
    """Lay the charts out side by side, their areas in proportion to the surface."""
    source = np.empty((len(corners), 4), dtype=np.int64)
    vertex = np.empty((len(corners), 4), dtype=np.int64)
    uvs, origin = [], []
    first = 0
    # Faces with a corner at the same place are one chart to xatlas, so each chart is handed over in a place of its own;
    # below zero, it packs for ever.
    across = math.ceil(math.sqrt(len(pieces)))
    room = 1.1 * max(float(np.ptp(flat, axis=(0, 1)).max()) for _, _, flat in pieces)
    for number, (members, loops, flat) in enumerate(pieces):
        used, where, local = np.unique(loops, return_index=True, return_inverse=True)
        source[members], vertex[members] = loops, first + local.reshape(-1, 4)
        local_uv = flat.reshape(-1, 2)[where]
        uvs.append(local_uv - local_uv.min(axis=0) + room * np.array(divmod(number, across)))
        origin.append(used)
        first += len(used)
    flat_uv, whence = np.concatenate(uvs), np.concatenate(origin)
    triangles = cut(vertex)
    packer = xatlas.Atlas()
    # In units of a quad's edge: xatlas leaves out triangles of less than 1e-7, whatever the size of the whole.
    scale = math.sqrt(len(corners) / max(sum(_area(flat) for _, _, flat in pieces), 1e-300))
    packer.add_uv_mesh((flat_uv * scale).astype(np.float32), triangles.astype(np.uint32))
    packer.generate(xatlas.ChartOptions(), pack_options(texture_size), verbose=False)
    kept, faces, uv = packer[0]
    return Atlas(
        source=whence[kept.astype(np.int64)],
        triangles=faces.astype(np.int64).reshape(-1, 3),
        uv=np.clip(uv.astype(np.float64), 0.0, 1.0),
    )
