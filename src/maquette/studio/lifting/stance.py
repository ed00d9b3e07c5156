"""Recognising an animal drawn from the side: two groups of legs under a long trunk, and a head that reaches out at one end.

Such a picture shows one side of the body; lifted like a coin it would stand on two legs. Its legs are therefore cut off and
come back twice, one to the left and one to the right of the trunk; ears, horns and wings likewise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from maquette.studio.lifting.outline import Grid, Mask, Outline

_CLEARANCE = (0.12, 0.7)
"""Height of the belly above the ground over the whole height."""
_GAP_MIN = 0.12
"""Between fore and hind feet, of their distance outside to outside."""
_LEG_WIDE = 1.25
"""A leg is at most this many times as wide as the belly is high: wheels are wider."""
_GROUP_WIDE = 1.7
"""The same for two legs side by side."""
_GIRTH_MAX = 0.95
"""Trunk above the gap over the feet's distance: a person's is above 1."""
_REACH_MIN = 0.05
_HEAD_MIN = 0.035
_ALIKE_MAX = 0.94
_ALIKE_LEGS = 3.0
"""Fore and hind legs differ by at most this factor in width: a robe beside a staff does not pass."""
_WING_MIN = 0.07
"""Share of the subject from which something on the back is a pair of wings, not a hump or a plume."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A part that comes twice."""

    mask: Mask
    near: bool
    far: bool
    """On which sides: a drawing of four legs has each once."""
    kind: str
    """``leg``, ``ear`` or ``wing``."""


@dataclass(frozen=True, slots=True)
class Stance:
    """An animal in side view."""

    facing: int
    """+1 looks to the right of the picture, -1 to the left."""
    trunk: Mask
    """Body, neck, head and tail."""
    pairs: tuple[Pair, ...]


def find_stance(shape: Outline, luma: Grid) -> Stance | None:
    """Find an animal in side view, or None. ``luma``: brightness on the outline's grid; the darker of two legs is the far one."""
    rows, columns = np.flatnonzero(shape.mask.any(1)), np.flatnonzero(shape.mask.any(0))
    top, left = int(rows[0]), int(columns[0])
    mask = shape.mask[top : rows[-1] + 1, left : columns[-1] + 1]
    gap = _gap(mask)
    if gap is None:
        return None
    split, belly = gap
    legs = _legs(mask, split, belly)
    if legs is None:
        return None
    facing = _facing(mask, belly, legs)
    if not facing:
        return None
    whole = np.zeros_like(shape.mask)
    frame = (slice(top, rows[-1] + 1), slice(left, columns[-1] + 1))

    def placed(part: Mask) -> Mask:
        full = whole.copy()
        full[frame] = part
        return full

    trunk = mask & ~np.logical_or.reduce([leg for side in legs for leg in side])
    pairs = [Pair(placed(part), near, far, "leg") for part, near, far in _sides(legs, luma[frame])]
    for part, kind in _upper(trunk, belly, facing, _between(legs)):
        trunk = trunk & ~part
        pairs.append(Pair(placed(part), near=True, far=True, kind=kind))
    return Stance(facing, placed(trunk), tuple(pairs))


def _gap(mask: Mask) -> tuple[int, int] | None:
    """Column of the gap between fore and hind feet, and row of the belly above it."""
    height, width = mask.shape
    if width < 0.8 * height:
        return None
    feet = np.flatnonzero(mask[-max(2, round(0.1 * height)) :].any(0))
    breaks = np.diff(feet)
    span = int(feet[-1] - feet[0] + 1)
    if not len(breaks) or breaks.max() < max(_GAP_MIN * span, 0.06 * width) or span < 0.3 * width:
        return None
    widest = int(breaks.argmax())
    split, reach = int(feet[widest] + breaks[widest] // 2), int(breaks[widest] // 4)
    filled = np.flatnonzero(mask[:, max(0, split - reach) : split + reach + 1].any(1))
    if not len(filled):
        return None
    belly = int(filled[-1])
    clearance = height - 1 - belly
    girth = belly - _back(mask, belly, slice(int(feet[widest]), int(feet[widest + 1]) + 1))
    if not _CLEARANCE[0] * height <= clearance <= _CLEARANCE[1] * height or girth > _GIRTH_MAX * span:
        return None
    return split, belly


def _legs(mask: Mask, split: int, belly: int) -> tuple[list[Mask], list[Mask]] | None:
    """Legs left and right of the gap: what hangs below the belly and reaches the ground; a tail does not."""
    height = len(mask)
    clearance = height - 1 - belly
    below = mask.copy()
    below[: belly + 1] = False
    labels, count = ndimage.label(below)
    sides: tuple[list[Mask], list[Mask]] = ([], [])
    for label in range(1, count + 1):
        part = labels == label
        rows, columns = np.nonzero(part)
        if rows.max() < height - 1 - 0.18 * clearance or len(rows) < 6:
            continue
        sides[int(columns.mean() > split)].append(part)
    widths: list[int] = []
    for side in sides:
        if not side:
            return None
        spans, runs = zip(*(_across(leg[belly + clearance // 2]) for leg in side), strict=True)
        if max(spans) > _GROUP_WIDE * clearance or max(runs) > _LEG_WIDE * clearance or not sum(runs):
            return None
        widths.append(sum(runs))
    if max(widths) > _ALIKE_LEGS * min(widths):
        return None
    return _apart(sides[0]), _apart(sides[1])


def _across(line: NDArray[np.bool_]) -> tuple[int, int]:
    """Extent and longest run of a row."""
    turns = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
    if not len(turns):
        return 0, 0
    return int(turns[-1] - turns[0]), int((turns[1::2] - turns[::2]).max())


def _apart(side: list[Mask]) -> list[Mask]:
    """Split legs that are joined at the top: each pixel goes to the nearest foot."""
    if len(side) > 1:
        return side
    leg = side[0]
    rows = np.flatnonzero(leg.any(1))
    half = leg[rows[0] + round(0.55 * len(rows))]
    turns = np.flatnonzero(np.diff(np.concatenate([[0], half.astype(np.int8), [0]])))
    middles = (turns[::2] + turns[1::2]) / 2
    if len(middles) != 2:
        return side
    nearer = np.abs(np.arange(leg.shape[1]) - middles[0]) <= np.abs(np.arange(leg.shape[1]) - middles[1])
    return [leg & nearer, leg & ~nearer]


def _facing(mask: Mask, belly: int, legs: tuple[list[Mask], list[Mask]]) -> int:
    """Side of the head: where more stands out beyond the legs and above the back; 0 when nothing does, as on furniture."""
    height, width = mask.shape
    mirrored = mask[:, ::-1]
    if float((mask & mirrored).sum()) / float((mask | mirrored).sum()) > _ALIKE_MAX:
        return 0
    half = belly + (height - belly) // 2
    between = _between(legs)
    back = _back(mask, belly, between)
    outer = [np.flatnonzero(np.logical_or.reduce(side)[half]) for side in legs]
    weights = {
        1: _head_weight(mask, half, back, between.stop, int(outer[1][-1]) + 1),
        -1: _head_weight(mask[:, ::-1], half, back, width - between.start, width - int(outer[0][0])),
    }
    facing = max(weights, key=lambda sign: weights[sign])
    return facing if weights[facing] > 0 else 0


def _head_weight(mask: Mask, half: int, back: int, middle: int, edge: int) -> float:
    """How much like a head is what reaches out to the right: beyond the legs' ``edge``, or above the back from their ``middle``.

    A head is thick at its end and mostly above the back; a tail of the same reach runs out, or hangs.
    """
    beyond = np.zeros_like(mask)
    beyond[:half, edge:] = mask[:half, edge:]
    ahead = int(beyond.sum())
    beyond[:back, middle:] |= mask[:back, middle:]
    columns = np.flatnonzero(beyond.any(0))
    total = float(mask.sum())
    if (
        mask.shape[1] - edge <= _REACH_MIN * mask.shape[1]
        or ahead <= 0.01 * total
        or beyond.sum() <= _HEAD_MIN * total
    ):
        return 0.0
    end = ndimage.distance_transform_edt(np.pad(beyond, 1))[:, -(len(columns) // 2) - 1 :]
    return float(beyond.sum() + 2 * beyond[:back].sum()) * float(end.max()) ** 2


def _sides(legs: tuple[list[Mask], list[Mask]], luma: Grid) -> list[tuple[Mask, bool, bool]]:
    """Each leg with the sides it stands on: one leg drawn on both, of several the brightest near and the rest far."""
    placed = []
    for side in legs:
        if len(side) == 1:
            placed.append((side[0], True, True))
            continue
        ordered = sorted(side, key=lambda part: -float(luma[part].mean()))
        placed.append((ordered[0], True, False))
        placed.append((np.asarray(np.logical_or.reduce(ordered[1:])), False, True))
    return placed


def _between(legs: tuple[list[Mask], list[Mask]]) -> slice:
    """Columns from the middle of one pair of legs to the middle of the other."""
    left, right = (float(np.nonzero(np.logical_or.reduce(side))[1].mean()) for side in legs)
    return slice(round(left), round(right) + 1)


def _back(mask: Mask, belly: int, columns: slice) -> int:
    """Row of the back between the legs: of the runs above the belly the lower ones, as wings or a rider stand on others."""
    tops = []
    for column in range(columns.start, max(columns.stop, columns.start + 1)):
        above = np.flatnonzero(~mask[: belly + 1, column])
        top = int(above[-1]) if len(above) else 0
        if top < belly:
            tops.append(top)
    return int(np.quantile(tops, 0.85)) if tops else 0


def _upper(trunk: Mask, belly: int, facing: int, between: slice) -> list[tuple[Mask, str]]:
    """Find ears and horns on the head, and wings on the back."""
    back = _back(trunk, belly, between)
    found = [(part, "wing") for part in _wings(trunk, belly, back, between)]
    rest = trunk & ~np.logical_or.reduce([trunk & False, *(part for part, _ in found)])
    if not rest.any():
        return []  # one wide block above the legs is no pair of wings
    inside = ndimage.distance_transform_edt(np.pad(rest, 1))[1:-1, 1:-1]
    radius = 0.42 * float(inside.max())
    core = np.asarray(ndimage.distance_transform_edt(inside <= radius)) <= radius + 1
    labels, count = ndimage.label(rest & ~core)
    middle = (between.start + between.stop) / 2
    foremost = int((np.flatnonzero(rest.any(0)) * facing).max())
    for label in range(1, count + 1):
        part = labels == label
        rows, columns = np.nonzero(part)
        if (columns * facing).max() >= foremost - 2:
            continue  # the nose
        root = ndimage.binary_dilation(part) & rest & ~part
        if not root.any() or not 12 <= len(rows) < 0.06 * trunk.sum():
            continue
        base = np.argwhere(root).mean(0)
        ahead = (base[1] - middle) * facing
        if (
            base[0] > rows.mean()
            and rows.min() < base[0] - 3
            and ahead > 0.14 * trunk.shape[1]
            and base[0] < back + 2
        ):
            found.append((part, "ear"))
    return found


def _wings(trunk: Mask, belly: int, back: int, between: slice) -> list[Mask]:
    """Find what stands high on the back between the legs."""
    girth = max(belly - back, 2)
    above = trunk.copy()
    above[back - round(0.1 * girth) :] = False
    seed = above.copy()
    seed[:, : between.start] = seed[:, between.stop :] = False
    seed[back - round(0.9 * girth) :] = False
    labels, _ = ndimage.label(above)
    wings = []
    for label in np.setdiff1d(labels[seed], 0):
        part = labels == label
        columns = np.nonzero(part)[1]
        rooted = between.start <= columns.mean() <= between.stop
        if (
            rooted
            and part.sum() > _WING_MIN * trunk.sum()
            and np.ptp(columns) < 1.5 * (between.stop - between.start)
        ):
            wings.append(part)
    return wings
