"""How quads travel: as pairs of triangles, for a GLB holds nothing else.

In a mesh whose ``topology`` is ``quad``, triangles 2i and 2i + 1 are the quad (a, b, c, d), cut along a-c into (a, b, c)
and (a, c, d). Its GLB says ``{"maquette": {"topology": "quad"}}`` in the extras of the mesh, and whoever reads that but
finds triangles that do not pair takes the mesh for what it is: triangles. Importers that know nothing of it show the
same surface.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from maquette.studio.scene import Ints, Mesh

EXTRAS = {"maquette": {"topology": "quad"}}
"""What a GLB's mesh says when its triangles are pairs."""


def quads(mesh: Mesh) -> Ints | None:
    """Corners (q, 4) of a quad mesh, counter-clockwise, cut between the first and the third; None for triangles."""
    return paired(mesh.triangles) if mesh.topology == "quad" else None


def face_count(mesh: Mesh) -> int:
    """Faces as a modeller counts them: quads of a quad mesh, else triangles."""
    return len(mesh.triangles) // (2 if mesh.topology == "quad" else 1)


def cut(corners: Ints) -> Ints:
    """Triangles (2q, 3) of quads (q, 4), in the order that keeps them quads."""
    halves = np.stack([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]], axis=1)
    return np.ascontiguousarray(halves.reshape(-1, 3))


def paired(triangles: Ints) -> Ints | None:
    """Quads (q, 4) when each two triangles in a row share an edge that runs the other way in the second, else None."""
    if len(triangles) % 2 or not len(triangles):
        return None
    first, second = triangles[0::2], triangles[1::2]
    found = np.zeros(len(first), bool)
    corners = np.zeros((len(first), 4), np.int64)
    for i in range(3):
        for j in range(3):
            # Edge c-a of (a, b, c) is edge a-c of (a, c, d), wherever each triangle starts.
            a, b, c = (first[:, (i + k) % 3] for k in range(3))
            a2, c2, d = (second[:, (j + k) % 3] for k in range(3))
            match = ~found & (a == a2) & (c == c2) & (b != d)
            corners[match] = np.stack([a, b, c, d], axis=1)[match]
            found |= match
    return corners if bool(found.all()) else None


def says_quad(extras: Any) -> bool:
    """Whether the extras of a GLB's mesh claim that its triangles are pairs."""
    ours = extras.get("maquette") if isinstance(extras, Mapping) else None
    return isinstance(ours, Mapping) and ours.get("topology") == "quad"
