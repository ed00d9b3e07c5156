"""Texture atlas: charts and packing by xatlas, then measured by rasterising what came out."""

from dataclasses import dataclass

import numpy as np
import xatlas
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from maquette.studio.raster import coverage
from maquette.studio.scene import Floats, Ints

_PACK_SIZE = 1024
"""Charts are packed at this size whatever the texture's: packing time grows with the square."""
_GUTTER_TEXELS = 2
_MEASURE_SIZE = 1024
_OVERLAP_MAX = 0.005
_CHART_FACES = 1500
"""Charts of a dense mesh are kept to about this many faces: 50,000 triangles take 8 s instead of 39 s."""
_DENSE_FACES = 8000


@dataclass(frozen=True, slots=True)
class Atlas:
    """A mesh cut along its seams."""

    source: NDArray[np.int64]
    """(n,) index of the uncut vertex that each vertex came from."""
    triangles: Ints
    """(m, 3), in the order of the uncut triangles."""
    uv: Floats
    """(n, 2) in [0, 1], v down."""

    @property
    def islands(self) -> int:
        """Connected pieces, counted on the result: xatlas may leave a chart in two that touch in a point."""
        edges = np.concatenate([self.triangles[:, [0, 1]], self.triangles[:, [1, 2]]]).T
        graph = coo_matrix((np.ones(edges.shape[1]), (edges[0], edges[1])), (len(self.uv),) * 2)
        return int(connected_components(graph, directed=False)[0])

    def measures(self, positions: Floats, texture_size: int) -> dict[str, float]:
        """``overlap`` and ``coverage`` as fractions, ``texel_density`` in texels per metre; positions are uncut."""
        uses = coverage(self.uv * _MEASURE_SIZE, self.triangles, (_MEASURE_SIZE, _MEASURE_SIZE))
        covered = int((uses > 0).sum())
        surface = float(_areas(positions[self.source], self.triangles).sum())
        flat = float(_areas(np.pad(self.uv, ((0, 0), (0, 1))), self.triangles).sum())
        return {
            "overlap": round(int((uses > 1).sum()) / max(covered, 1), 6),
            "coverage": round(covered / len(uses), 4),
            "texel_density": round(texture_size * (flat / max(surface, 1e-300)) ** 0.5, 3),
        }


def unwrap(positions: Floats, triangles: Ints, texture_size: int) -> tuple[Atlas, dict[str, float]]:
    """Cut and flatten a welded mesh so that no two places share a texel; the atlas and its measures.

    The gutter between islands is at least two texels wide at ``texture_size``. Should the charts overlap (folded or
    self-touching input), every triangle gets a cell of its own: wasteful, but right.
    """
    atlas = charts(positions, triangles, texture_size)
    measures = atlas.measures(positions, texture_size)
    if measures["overlap"] > _OVERLAP_MAX:
        atlas = _cells(triangles, texture_size)
        measures = atlas.measures(positions, texture_size)
    return atlas, measures


def charts(positions: Floats, triangles: Ints, texture_size: int) -> Atlas:
    """Cut and pack by xatlas alone; where its charts overlap, so be it."""
    low = positions.min(axis=0)
    unit = (positions - low) / max(
        float(np.ptp(positions, axis=0).max()), 1e-300
    )  # its epsilons are absolute
    packer = xatlas.Atlas()
    packer.add_mesh(unit.astype(np.float32), triangles.astype(np.uint32))
    growth = xatlas.ChartOptions()
    if len(triangles) > _DENSE_FACES:
        growth.max_chart_area = float(_areas(unit, triangles).sum()) * _CHART_FACES / len(triangles)
    packer.generate(growth, pack_options(texture_size), verbose=False)
    source, faces, uv = packer[0]
    return Atlas(
        source=source.astype(np.int64),
        triangles=faces.astype(np.int64).reshape(-1, 3),
        uv=np.clip(uv.astype(np.float64), 0.0, 1.0),
    )


def pack_options(texture_size: int) -> xatlas.PackOptions:
    """Say how charts are laid side by side, with a gutter that is wide enough at that texture size."""
    options = xatlas.PackOptions()
    options.resolution = _PACK_SIZE
    options.padding = max(4, -(-_GUTTER_TEXELS * _PACK_SIZE // texture_size))
    return options


def _cells(triangles: Ints, texture_size: int) -> Atlas:
    """Two triangles to a square cell, cells in a grid."""
    count = len(triangles)
    across = int(np.ceil(np.sqrt((count + 1) // 2)))
    row, column = np.divmod(np.arange(count) // 2, across)
    # A gutter in proportion where the cells are smaller than the texels would have it.
    inset = min(_GUTTER_TEXELS * across / texture_size, 0.2) / 2
    low, high = inset, 1.0 - inset
    lower = np.array([[low, high - inset], [low, low], [high - inset, low]])
    upper = np.array([[high, low + inset], [high, high], [low + inset, high]])
    corners = np.where((np.arange(count) % 2 == 0)[:, None, None], lower, upper)
    uv = (corners + np.stack([column, row], axis=1)[:, None, :]) / across
    return Atlas(
        source=triangles.reshape(-1),
        triangles=np.arange(3 * count).reshape(-1, 3),
        uv=uv.reshape(-1, 2),
    )


def _areas(positions: Floats, triangles: Ints) -> Floats:
    a, b, c = (positions[triangles[:, corner]] for corner in range(3))
    areas: Floats = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return areas
