"""Reading a body out of a front view: two legs and two arms make a biped, anything else does not.

The mesh is drawn from the front (+Z) into a small mask with its front and back depth. Everything below works on
pixels, rows downwards, and comes back as points in metres.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from maquette.studio.raster import rasterize
from maquette.studio.scene import Floats, Ints

Mask = NDArray[np.bool_]

_ROWS = 240
_COLUMNS_MAX = 720
_MARGIN = 3
_LEG_MIN, _LEG_MAX = 0.08, 0.62
_ARM_MIN = 0.12
_LIKE = 2.6
"""Left and right may differ by this factor in width or length and still be a pair."""
_TOUCHING = 1.5


@dataclass(frozen=True, slots=True)
class View:
    """The mesh seen from the front."""

    mask: Mask
    middle: Floats
    """Depth halfway between front and back surface, metres."""
    front: Floats
    """Depth of the front surface, metres."""
    axis: float
    """Column of the mirror axis."""
    metres: float
    """Per pixel."""
    origin: tuple[float, float]
    """Metres at column 0 and at row 0."""

    def point(self, row: float, column: float, depth: float | None = None) -> Floats:
        """Place in metres, by default in the middle of the body's thickness there."""
        z = self.depth(row, column) if depth is None else depth
        return np.array([self.origin[0] + column * self.metres, self.origin[1] - row * self.metres, z])

    def depth(self, row: float, column: float) -> float:
        """Middle depth around a pixel, or of the whole body where the pixel misses it."""
        y, x = int(row), int(column)
        for reach in (2, 8):
            window = (slice(max(0, y - reach), y + reach + 1), slice(max(0, x - reach), x + reach + 1))
            if self.mask[window].any():
                return float(np.median(self.middle[window][self.mask[window]]))
        return float(np.median(self.middle[self.mask]))


@dataclass(frozen=True, slots=True)
class Limb:
    """Joints (row, column) from the body outwards: shoulder, elbow, wrist, tip; or hip, knee, ankle, sole."""

    joints: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Body:
    """Landmarks of a biped in pixels. Left is the character's own left: +X, the right half of the picture."""

    top: float
    neck: float
    crotch: float
    ground: float
    left_leg: Limb
    right_leg: Limb
    left_arm: Limb
    right_arm: Limb


def front_view(positions: Floats, triangles: Ints) -> View:
    """Draw the silhouette with depths; the mesh's height fills the rows unless it is very wide."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    size = high - low
    metres = max(float(size[1]) / _ROWS, float(size[0]) / _COLUMNS_MAX, 1e-12)
    shape = (int(np.ceil(size[1] / metres)) + 2 * _MARGIN, int(np.ceil(size[0] / metres)) + 2 * _MARGIN)
    origin = (float(low[0]) - _MARGIN * metres, float(high[1]) + _MARGIN * metres)
    points = np.stack([(positions[:, 0] - origin[0]), (origin[1] - positions[:, 1])], axis=1) / metres
    depths = []
    mask = np.zeros(shape, np.bool_)
    for sign in (-1.0, 1.0):
        pixels, faces, shares = rasterize(points, triangles, shape, sign * positions[:, 2])
        depth = np.zeros(shape)
        depth.flat[pixels] = np.einsum("ij,ij->i", shares, positions[triangles[faces], 2])
        mask.flat[pixels] = True
        depths.append(depth)
    front, back = depths
    return View(mask, (front + back) / 2, front, _mirror_axis(mask), metres, origin)


def find_body(view: View) -> Body | None:
    """Landmarks when the silhouette has a pair of legs and a pair of arms, else None."""
    rows = np.flatnonzero(view.mask.any(axis=1))
    if len(rows) < _ROWS // 2 or view.mask.shape[1] > 2.4 * view.mask.shape[0]:
        return None
    legs = _legs(view.mask, view.axis, int(rows[0]), int(rows[-1]))
    if legs is None:
        return None
    crotch, left, right = legs
    arms = _arms(view.mask, view.axis, int(rows[0]), crotch, left | right)
    if arms is None:
        return None
    left_arm, right_arm, thickness = arms
    shoulder = (left_arm.joints[0][0] + right_arm.joints[0][0]) / 2
    return Body(
        top=float(rows[0]),
        neck=_neck(view.mask, view.axis, int(rows[0]), shoulder - thickness / 2),
        crotch=float(crotch),
        ground=float(rows[-1] + 1),
        left_leg=_leg_joints(left, crotch),
        right_leg=_leg_joints(right, crotch),
        left_arm=left_arm,
        right_arm=right_arm,
    )


def standard_body(view: View) -> Body:
    """Average human proportions laid over the silhouette's bounds: for whoever asks for a biped anyway."""
    rows = np.flatnonzero(view.mask.any(axis=1))
    columns = np.flatnonzero(view.mask.any(axis=0))
    top, ground = float(rows[0]), float(rows[-1] + 1)
    height, half = ground - top, max(len(columns) / 2, 2.0)

    def leg(side: float) -> Limb:
        column = view.axis + side * 0.35 * half
        return Limb(tuple((top + share * height, column) for share in (0.53, 0.74, 0.95, 1.0)))

    def arm(side: float) -> Limb:
        reach = ((0.20, 0.40), (0.34, 0.62), (0.46, 0.84), (0.52, 0.96))
        return Limb(tuple((top + y * height, view.axis + side * x * half) for y, x in reach))

    return Body(top, top + 0.17 * height, top + 0.53 * height, ground, leg(1), leg(-1), arm(1), arm(-1))


def _mirror_axis(mask: Mask) -> float:
    """Find the column about which the mask mirrors best, near its middle."""
    width = mask.shape[1]
    middle = float(np.argwhere(mask)[:, 1].mean()) if mask.any() else width / 2
    best, axis = -1, middle
    for double in range(int(2 * (middle - 0.12 * width)), int(2 * (middle + 0.12 * width)) + 1):
        first, last = max(0, double - width + 1), min(width - 1, double)
        half = mask[:, first : last + 1]
        score = int((half & half[:, ::-1]).sum())
        # Of equal axes the one nearest to the middle, so that boxes are not split at an end.
        if score > best or (score == best and abs(double / 2 - middle) < abs(axis - middle)):
            best, axis = score, double / 2
    return axis + 0.5  # of the pixel, not of its left edge


def _runs(row: Mask) -> list[tuple[int, int]]:
    """Covered stretches as (first, one past last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _legs(mask: Mask, axis: float, top: int, bottom: int) -> tuple[int, Mask, Mask] | None:
    """Crotch row and the masks of the left and right leg: the stretches on both sides of a gap at the axis."""
    height = bottom - top + 1
    slack, thin = 0.10 * height, 0.015 * height
    left, right = np.zeros_like(mask), np.zeros_like(mask)
    crotch = bottom
    gap_seen = False
    for row in range(bottom, top, -1):
        runs = [run for run in _runs(mask[row]) if run[1] - run[0] >= thin]
        pair = next(
            (
                (a, b)
                for a, b in pairwise(runs)
                if a[1] - slack <= axis <= b[0] + slack and (a[0] + a[1]) / 2 < axis < (b[0] + b[1]) / 2
            ),
            None,
        )
        if pair is None:
            if gap_seen or bottom - row > 0.2 * height:
                break
            continue  # feet may touch
        gap_seen = True
        (a, b), crotch = pair, row
        right[row, a[0] : a[1]] = left[row, b[0] : b[1]] = True
    length = (bottom - crotch) / height
    if not gap_seen or not _LEG_MIN <= length <= _LEG_MAX or not _alike(left.sum(), right.sum()):
        return None
    return crotch, left, right


def _arms(mask: Mask, axis: float, top: int, crotch: int, legs: Mask) -> tuple[Limb, Limb, float] | None:
    """Arms are what a disc of the torso's size cannot reach: an opening's residue, one on each side."""
    height = mask.shape[0] - 2 * _MARGIN
    upper = mask.copy()
    for row in range(crotch, mask.shape[0]):
        columns = np.flatnonzero(legs[row])
        if len(columns):
            upper[row, columns[0] : columns[-1] + 1] = False
        else:
            upper[row] = False
    inside = ndimage.distance_transform_edt(np.pad(upper, 1))[1:-1, 1:-1]
    near = slice(max(0, int(axis - 0.08 * height)), int(axis + 0.08 * height) + 1)
    torso = float(inside[int(top + 0.45 * (crotch - top)) : crotch, near].max(initial=0.0))
    if torso < 2:
        return None
    trunk = _trunk(inside, 0.62 * torso, near)
    residue = upper & ~trunk
    limbs = []
    for side in (1, -1):
        half = residue & ((np.arange(mask.shape[1]) - axis) * side > 0.3 * torso)
        part = _largest_part(half, _ARM_MIN * height, (top + 0.12 * height, crotch + 0.25 * height))
        limb = None if part is None else _arm_joints(part, trunk, axis)
        if limb is None:
            return None
        limbs.append(limb)
    (left, left_length, left_width), (right, right_length, right_width) = limbs
    return (left, right, (left_width + right_width) / 2) if _alike(left_length, right_length) else None


def _largest_part(mask: Mask, extent_min: float, rows: tuple[float, float]) -> Mask | None:
    """Find the largest connected part that is long enough and has its middle within the rows."""
    labels, _ = ndimage.label(mask)
    best: Mask | None = None
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        part: Mask = labels == label
        extent = max(box[0].stop - box[0].start, box[1].stop - box[1].start)
        middle = float(np.argwhere(part)[:, 0].mean())
        if extent >= extent_min and rows[0] < middle < rows[1] and (best is None or part.sum() > best.sum()):
            best = part
    return best


def _arm_joints(part: Mask, trunk: Mask, axis: float) -> tuple[Limb, float, float] | None:
    """Follow an arm from the body to its free end: joints at shares of its length, length and width in pixels.

    None when it comes back to the body, as the posts of a chair's back do.
    """
    gap = ndimage.distance_transform_edt(~trunk)
    contact = part & (gap <= gap[part].min() + 1.0)  # parts of a box man need not touch
    inside = ndimage.distance_transform_edt(part)
    # A hanging arm is near the body all along: its root is the upper end.
    upper = np.argwhere(contact)[:, 0].min() + max(3.0, 2 * float(inside.max()))
    contact[int(upper) + 1 :] = False
    reach = _reach(part, contact)
    width = 2 * float(inside[reach <= 0.25 * reach[np.isfinite(reach)].max()].max())
    # Follow the arm, not the staff it holds.
    arm = part & _covered(inside > 0.22 * width, 0.22 * width)
    if (arm & contact).any():
        reach = _reach(arm, arm & contact)
    length = float(reach[np.isfinite(reach)].max())
    if (gap[np.isfinite(reach) & (reach > 0.9 * length)] <= _TOUCHING).any():
        return None

    def at(share: float) -> tuple[float, float]:
        band = np.abs(reach - share * length) <= max(1.5, 0.05 * length)
        row, column = np.argwhere(band).mean(axis=0)
        return float(row) + 0.5, float(column) + 0.5

    root_row, root_column = at(0.05)
    shoulder = (root_row, root_column - 0.2 * (root_column - axis))
    return Limb((shoulder, at(0.47), at(0.80), at(0.98))), length, width


def _reach(part: Mask, start: Mask) -> Floats:
    """Length of the shortest way inside a part from any pixel of its start, infinite elsewhere."""
    costs = MCP_Geometric(np.where(part, 1.0, np.inf)).find_costs(np.argwhere(start).tolist())[0]
    return np.where(part, costs, np.inf)


def _trunk(inside: Floats, radius: float, near: slice) -> Mask:
    """Find what a disc of that radius covers, where it lies on the axis: torso and head, but no shield or wing."""
    labels, _ = ndimage.label(inside > radius)
    return _covered(np.isin(labels, np.setdiff1d(labels[:, near], 0)), radius)


def _covered(core: Mask, radius: float) -> Mask:
    """Everything within a disc about the core's pixels, with a pixel's rim."""
    covered: Mask = ndimage.distance_transform_edt(~core) <= radius + 1.0
    return covered


def _leg_joints(leg: Mask, crotch: int) -> Limb:
    """Hip, knee, ankle and sole on the leg's centre line."""
    rows = np.flatnonzero(leg.any(axis=1))
    sole, length = float(rows[-1] + 1), float(rows[-1] + 1 - crotch)

    def center(row: float) -> float:
        band = np.flatnonzero(leg[rows[np.abs(rows - row).argmin()]])
        return float((band[0] + band[-1]) / 2 + 0.5)

    hip_row = crotch - 0.12 * length
    shares = ((hip_row, 0.15), (hip_row + 0.50 * (sole - hip_row), 0.45), (sole - 0.13 * length, 0.80))
    upper = tuple((row, center(crotch + share * length)) for row, share in shares)
    return Limb((*upper, (sole, upper[-1][1])))


def _neck(mask: Mask, axis: float, top: int, shoulder: float) -> float:
    """Find the narrowest row below the head's widest and above the shoulders."""
    last = max(int(shoulder), top + 4)
    width = np.zeros(last - top)
    for row in range(top, last):
        run = next((run for run in _runs(mask[row]) if run[0] <= axis < run[1]), (0, 0))
        width[row - top] = run[1] - run[0]
    width = ndimage.gaussian_filter1d(width, 2.0)
    head = int(width[: max(2, int(0.8 * len(width)))].argmax())
    neck = head + int(width[head:].argmin())
    if width[neck] > 0.92 * width[head]:  # no waist between head and body
        return top + 0.8 * len(width)
    return float(top + neck)


def _alike(a: float, b: float) -> bool:
    return min(a, b) > 0 and max(a, b) <= _LIKE * min(a, b)
