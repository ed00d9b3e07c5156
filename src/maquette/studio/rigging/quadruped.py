"""Reading a four-legged body out of a mesh that faces +Z: its side view for the belly's gap, its surface for the four legs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from maquette.studio.raster import rasterize
from maquette.studio.scene import Floats, Ints

Mask = NDArray[np.bool_]

_CELLS = 160
"""Of the side view, along its longer side."""
_SAMPLES = 24_000
_LEG_SHARE = (0.1, 0.72)
"""Clearance under the belly over the whole height."""
_GAP_MIN = 0.12
"""Between fore and hind feet, of their distance outside to outside."""
_WHEEL = 1.2
"""A leg is at most this many times as wide as it is long: what is wider is a wheel or a block."""
_ALIKE_MAX = 0.94
"""Overlap of the side view with its mirror image: furniture is the same fore and aft."""
_OVERHANG_MIN = 0.05
_HEAD_AREA_MIN = 0.035
"""Of the side view: what hangs over in front of the fore legs or stands above the back there."""


@dataclass(frozen=True, slots=True)
class Leg:
    """Joints of one leg from the body down, each (3,) in metres."""

    top: Floats
    """Shoulder or hip, inside the trunk."""
    knee: Floats
    """Half way down: elbow of a fore leg, stifle of a hind leg."""
    ankle: Floats
    """About a sixth of the leg above the ground."""
    toe: Floats
    """Foremost point of the foot, on the ground."""


@dataclass(frozen=True, slots=True)
class Quadruped:
    """Landmarks of a standing animal that looks along +Z. Left is its own left: +X. All points (3,) in metres, Y up."""

    hips: Floats
    """In the trunk's middle above the hind legs."""
    shoulders: Floats
    """The same above the fore legs."""
    neck: Floats
    """Where the neck leaves the trunk."""
    head: Floats
    """Where the skull begins."""
    nose: Floats
    fore_left: Leg
    fore_right: Leg
    hind_left: Leg
    hind_right: Leg
    tail: tuple[Floats, Floats, Floats] | None
    """Root, middle and tip; None without one."""
    girth: float
    """Height of the trunk between belly and back, metres."""


@dataclass(frozen=True, slots=True)
class _Side:
    """The mesh seen from its left: columns run from tail to nose (z), rows from the ground up (y)."""

    mask: Mask
    cell: float
    origin: Floats
    """(y, z) of row 0 and column 0."""
    points: Floats
    """(n, 3) spread evenly over the surface."""

    def row(self, y: float) -> int:
        return int(np.clip((y - self.origin[0]) / self.cell, 0, len(self.mask) - 1))

    def column(self, z: float) -> int:
        return int(np.clip((z - self.origin[1]) / self.cell, 0, self.mask.shape[1] - 1))

    def place(self, row: float, column: float) -> Floats:
        """Point at a cell, in the middle of the body's width there."""
        y, z = self.origin + (np.array([row, column]) + 0.5) * self.cell
        apart = np.hypot(self.points[:, 1] - y, self.points[:, 2] - z)
        near = self.points[apart <= max(2.5 * self.cell, float(apart.min()) + self.cell), 0]
        return np.array([(near.min() + near.max()) / 2, y, z])


def find_quadruped(positions: Floats, triangles: Ints) -> Quadruped | None:
    """Landmarks when the mesh stands on four legs and has a head towards +Z, else None."""
    size = np.ptp(positions[triangles.ravel()], axis=0)
    if min(size[1], size[2]) < 0.2 * size.max() or size[0] < 0.02 * size.max():
        return None
    side = _side(positions, triangles)
    middle = _mirror(side.points)
    legs = _legs(side, middle)
    if legs is None:
        return None
    belly, gap, clusters = legs
    if not _alive(side, clusters, belly, gap):
        return None
    return _landmarks(side, clusters, belly, gap)


def _side(positions: Floats, triangles: Ints) -> _Side:
    low, high = (bound(positions[triangles.ravel()], axis=0) for bound in (np.min, np.max))
    cell = float(max(high[1] - low[1], high[2] - low[2])) / _CELLS
    shape = (int(np.ceil((high[1] - low[1]) / cell)) + 2, int(np.ceil((high[2] - low[2]) / cell)) + 2)
    origin = np.array([low[1] - cell, low[2] - cell])
    flat = np.stack([positions[:, 2] - origin[1], positions[:, 1] - origin[0]], axis=1) / cell
    mask = np.zeros(shape, np.bool_)
    pixels, _, _ = rasterize(flat, triangles, shape)
    mask.flat[pixels] = True
    return _Side(mask, cell, origin, _spread(positions, triangles))


def _spread(positions: Floats, triangles: Ints) -> Floats:
    """Points spread over the surface by area, the same for equal meshes: few large triangles get many points."""
    a, b, c = (positions[triangles[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    owner = np.searchsorted(
        np.cumsum(area), (np.arange(_SAMPLES) + 0.5) / _SAMPLES * float(area.sum()), side="left"
    )
    owner = np.minimum(owner, len(triangles) - 1)
    # A low-discrepancy pair (R2, Roberts 2018) folded into the triangle.
    u, v = ((np.arange(_SAMPLES) * step) % 1.0 for step in (0.7548776662466927, 0.5698402909980532))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    return np.asarray(
        a[owner] + u[:, None] * (b[owner] - a[owner]) + v[:, None] * (c[owner] - a[owner]), np.float64
    )


def _mirror(points: Floats) -> float:
    """Middle plane's x: of the lower half, where no wing or tip of a horn pulls it aside."""
    low, high = float(points[:, 1].min()), float(points[:, 1].max())
    x = points[points[:, 1] < (low + high) / 2, 0]
    return float(np.quantile(x, 0.02) + np.quantile(x, 0.98)) / 2


def _legs(side: _Side, middle: float) -> tuple[int, int, dict[str, Floats]] | None:
    """Row of the belly, column of the gap, and surface points of the four legs by name; None when they are not four."""
    mask, points = side.mask, side.points
    height = len(mask)
    feet = np.flatnonzero(mask[1 : max(3, round(0.12 * height))].any(0))
    if not len(feet):
        return None
    breaks = np.diff(feet)
    widest = int(breaks.argmax()) if len(breaks) else 0
    if not len(breaks) or breaks[widest] < _GAP_MIN * (feet[-1] - feet[0] + 1):
        return None
    gap = int(feet[widest] + breaks[widest] // 2)
    window = mask[:, max(0, gap - breaks[widest] // 4) : gap + breaks[widest] // 4 + 1]
    filled = np.flatnonzero(window.any(1))
    belly = int(filled[0]) if len(filled) else height
    if not _LEG_SHARE[0] * height <= belly <= _LEG_SHARE[1] * height:
        return None
    ground, length = side.origin[0] + side.cell, belly * side.cell
    z_gap = side.origin[1] + gap * side.cell
    below = points[points[:, 1] < ground + 0.8 * length]
    clusters = {}
    for name, chosen in (("fore", below[:, 2] > z_gap), ("hind", below[:, 2] <= z_gap)):
        pair = below[chosen]
        for which, part in (("left", pair[pair[:, 0] > middle]), ("right", pair[pair[:, 0] <= middle])):
            if len(part) < 40 or part[:, 1].min() > ground + 0.35 * length:
                return None
            shank = part[np.abs(part[:, 1] - ground - 0.5 * length) < 0.25 * length, 2]
            if len(shank) and np.ptp(shank) > _WHEEL * length:
                return None
            clusters[f"{name}_{which}"] = part
        low = pair[pair[:, 1] < ground + 0.5 * length, 0]
        span = float(np.ptp(low))
        bins = np.histogram(low, 60, (float(low.min()), float(low.min()) + max(span, 1e-12)))[0]
        if bins[15:45].min() > 0:
            return None  # one block across, not two legs
    return belly, gap, clusters


def _alive(side: _Side, clusters: dict[str, Floats], belly: int, gap: int) -> bool:
    """Whether something reaches out in front, and fore and aft differ."""
    mask = side.mask
    columns = np.flatnonzero(mask.any(0))
    body = mask[:, columns[0] : columns[-1] + 1]
    if float((body & body[:, ::-1]).sum()) / float((body | body[:, ::-1]).sum()) > _ALIKE_MAX:
        return False
    fore, hind = _edges(side, clusters)
    upper = mask.copy()
    upper[: round(0.5 * belly)] = False
    back = _back(mask, belly, gap)
    ahead, behind = upper.copy(), upper.copy()
    ahead[:, : fore + 1] = False
    behind[:, hind:] = False
    raised = upper.copy()
    raised[: back + 2] = False
    raised[:, : (gap + fore) // 2] = False
    reach = (columns[-1] - fore) / len(columns)
    head = float((ahead | raised).sum())
    return bool(
        reach > _OVERHANG_MIN
        and ahead.sum() > 0.01 * mask.sum()
        and head > _HEAD_AREA_MIN * mask.sum()
        and head > 0.5 * behind.sum()
    )


def _edges(side: _Side, clusters: dict[str, Floats]) -> tuple[int, int]:
    """Columns of the fore legs' front and the hind legs' rear at half their length: feet point forward, knees may bulge."""
    fore = np.concatenate([clusters["fore_left"], clusters["fore_right"]])
    hind = np.concatenate([clusters["hind_left"], clusters["hind_right"]])
    return side.column(float(np.quantile(fore[:, 2], 0.9))), side.column(float(np.quantile(hind[:, 2], 0.1)))


def _back(mask: Mask, belly: int, gap: int) -> int:
    """Row of the back above the gap between the legs: the run that begins at the belly."""
    reach = max(2, mask.shape[1] // 20)
    tops = []
    for column in range(max(0, gap - reach), min(mask.shape[1], gap + reach + 1)):
        empty = np.flatnonzero(~mask[belly + 1 :, column])
        tops.append(belly + 1 + (int(empty[0]) if len(empty) else len(mask) - belly - 1))
    return int(np.median(tops))


def _landmarks(side: _Side, clusters: dict[str, Floats], belly: int, gap: int) -> Quadruped:
    back = _back(side.mask, belly, gap)
    girth = max(back - belly, 2)
    spine = belly + 0.6 * girth
    legs = {name: _leg(side, part, belly, girth) for name, part in clusters.items()}
    fore, hind = _edges(side, clusters)
    z_fore = np.mean([legs["fore_left"].top[2], legs["fore_right"].top[2]])
    z_hind = np.mean([legs["hind_left"].top[2], legs["hind_right"].top[2]])
    shoulders = side.place(spine, side.column(float(z_fore)))
    hips = side.place(spine, side.column(float(z_hind)))
    neck, head, nose = _head(side, side.column(float(z_fore)), fore, back, belly, girth)
    return Quadruped(
        hips,
        shoulders,
        neck,
        head,
        nose,
        **legs,
        tail=_tail(side, hind, belly, spine),
        girth=girth * side.cell,
    )


def _leg(side: _Side, part: Floats, belly: int, girth: int) -> Leg:
    ground, length = side.origin[0] + side.cell, belly * side.cell

    def at(share: float, reach: float = 0.08) -> Floats:
        """Middle of the leg at a share of its length above the ground."""
        slab = part[np.abs(part[:, 1] - ground - share * length) < reach * length]
        slab = slab if len(slab) >= 4 else part
        middle = (slab.min(0) + slab.max(0)) / 2
        return np.array([middle[0], ground + share * length, middle[2]])

    upper, knee, ankle = at(0.72), at(0.5), at(0.16)
    foot = part[part[:, 1] < ground + 0.12 * length]
    foot = foot if len(foot) else part
    top = np.array([upper[0], side.origin[0] + (belly + 0.3 * girth) * side.cell, upper[2]])
    toe = np.array([ankle[0], ground + 0.02 * length, float(foot[:, 2].max())])
    return Leg(top, knee, ankle, toe)


def _head(
    side: _Side, withers: int, fore: int, back: int, belly: int, girth: int
) -> tuple[Floats, Floats, Floats]:
    """Find the base of the neck, the skull's beginning and the nose in what lies ahead of the fore legs or above the back there."""
    part = side.mask.copy()
    part[: belly - round(0.6 * belly)] = False
    part[:, :withers] = False
    part[:back, : fore + 1] = False
    labels, _ = ndimage.label(part)
    # Raised wings are above the back as well; the nose is what reaches farthest forward.
    foremost = np.argwhere(labels)
    part = labels == labels[tuple(foremost[foremost[:, 1].argmax()])]
    start = (int(belly + 0.7 * girth), withers)
    far = _reach(side.mask, start)
    inside = ndimage.distance_transform_edt(side.mask) * part
    # The skull is the thickest place of the far half: ears, horns and the snout are thinner, the neck is nearer.
    span = far[part & np.isfinite(far)]
    distant = part & np.isfinite(far) & (far > 0.45 * float(span.max()) + 0.1 * float(span.min()))
    skull = np.unravel_index(int((inside * distant).argmax()), inside.shape)
    radius = float(inside[skull])
    near = np.argwhere(
        part & (np.hypot(*(np.indices(part.shape) - np.array(skull)[:, None, None])) < 3 * radius)
    )
    tip = near[near[:, 1] == near[:, 1].max()].mean(0)
    base = np.array([belly + 0.75 * girth, (withers + min(fore, int(skull[1]))) / 2])
    way = np.array(skull, float) - base
    long = max(float(np.hypot(*way)), 1e-9)
    joint = base + way * max(0.4, 1 - 0.6 * radius / long)
    return side.place(*base), side.place(*joint), side.place(*tip)


def _tail(side: _Side, hind: int, belly: int, spine: float) -> tuple[Floats, Floats, Floats] | None:
    part = side.mask.copy()
    part[:, hind:] = False
    part[: round(0.3 * belly)] = False
    labels, count = ndimage.label(part)
    if not count:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    part = labels == sizes.argmax()
    columns = np.flatnonzero(part.any(0))
    if part.sum() < 0.004 * side.mask.sum():
        return None
    rear = np.flatnonzero(part[:, columns[-1]])
    root_row = float(np.clip(spine, rear[0], rear[-1]))
    far = np.where(part, _reach(part, (round(root_row), int(columns[-1]))), np.nan)
    length = float(np.nanmax(np.where(np.isfinite(far), far, np.nan)))
    # A rump that only bulges behind the legs is no tail.
    if length < 0.08 * max(side.mask.shape) or length**2 < 1.2 * float(part.sum()):
        return None

    def at(share: float) -> Floats:
        return side.place(*np.argwhere(np.abs(far - share * length) <= 1.5).mean(0))

    return side.place(root_row, float(columns[-1])), at(0.5), at(0.97)


def _reach(part: Mask, start: tuple[int, int]) -> Floats:
    """Shortest way inside a part from the cell nearest to ``start``; infinite elsewhere."""
    cells = np.argwhere(part)
    seed = cells[np.hypot(*(cells - start).T).argmin()]
    costs = MCP_Geometric(np.where(part, 1.0, np.inf)).find_costs([seed.tolist()])[0]
    return np.where(part, costs, np.inf)
