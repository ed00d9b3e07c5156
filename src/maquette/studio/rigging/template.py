"""Which skeleton a mesh wants: a biped's, a quadruped's or a prop's. Only the mesh is asked; nothing from upstream is needed.

A biped has a pair of legs and a pair of arms in its front view (``silhouette``). A quadruped has four feet in four quadrants,
a belly that clears the ground between fore and hind legs, and a head that reaches out beyond the fore legs. What has
four legs and no head is furniture.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from maquette.studio.geometry import turned
from maquette.studio.rigging.quadruped import Quadruped, find_quadruped
from maquette.studio.rigging.silhouette import Body, View, find_body, front_view
from maquette.studio.scene import Floats, Ints

Kind = Literal["biped", "quadruped", "prop"]
TURNS = (0, 180, 90, 270)
"""Degrees about +Y tried for a quadruped, the pipeline's own facing first: a foreign mesh may look anywhere."""

_WIDE_MAX = 1.45
"""A biped's width over its height: outstretched arms and what they carry."""
_TOP_MAX = 0.8
"""Width of the uppermost twelfth over the widest row: a table's board is as wide as the table."""


@dataclass(frozen=True, slots=True)
class Template:
    """What a mesh was taken for, and where its joints are."""

    kind: Kind
    turn: int = 0
    """Degrees about +Y (counter-clockwise seen from above) that bring the mesh to face +Z; landmarks hold after that turn."""
    view: View | None = None
    """The front view the biped's landmarks are pixels of."""
    biped: Body | None = None
    quadruped: Quadruped | None = None
    """Landmarks in metres, in the coordinates of the mesh after ``turn``."""


def choose_template(positions: Floats, triangles: Ints) -> Template:
    """Decide by shape alone. ``positions`` (n, 3): any size and place, Y up, a biped facing +Z; ``triangles`` (m, 3)."""
    for turn in TURNS:
        quadruped = find_quadruped(turned(positions, turn), triangles)
        if quadruped is not None:
            return Template("quadruped", turn, quadruped=quadruped)
    view = front_view(positions, triangles)
    body = find_body(view) if _upright(view) else None
    return Template("prop") if body is None else Template("biped", view=view, biped=body)


def _upright(view: View) -> bool:
    """Whether the front view is no wider than outstretched arms make it, and its top is narrower than its middle, as a head is."""
    rows = np.flatnonzero(view.mask.any(axis=1))
    if not len(rows):
        return False
    widths = np.ptp([np.flatnonzero(view.mask[row])[[0, -1]] for row in rows], axis=1) + 1
    top = float(np.median(widths[: max(1, len(rows) // 12)]))
    return bool(widths.max() < _WIDE_MAX * len(rows) and top < _TOP_MAX * widths.max())
