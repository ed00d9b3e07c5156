"""The body behind an animal's side view: a round trunk in the middle, legs, ears and wings to its left and right."""

import numpy as np
from scipy import ndimage

from maquette.studio.lifting.fields import Field, Grid, continued, inflated, layered
from maquette.studio.lifting.outline import Mask, Outline
from maquette.studio.lifting.stance import Pair, Stance

_GIRTH = 0.86
"""Breadth of a trunk over its height: animals are a little slimmer than round."""
_STRADDLE = 0.56
"""How far out a leg stands, of the trunk's half breadth above it."""
_SPLAY = 0.75
"""How far wings lean outwards over their height."""


def beast_field(shape: Outline, stance: Stance, depth: float) -> tuple[Field, int]:
    """Give the implicit function of trunk and pairs, cut to the outline, and the middle layer's index."""
    trunk = _squared(inflated(_grown(stance.trunk, shape.mask), (_GIRTH * depth) ** 2))
    layers = [(trunk, np.zeros(shape.mask.shape))]
    half = np.sqrt(np.maximum(trunk, 0.0))
    for pair in stance.pairs:
        squared, offset = PAIRS[pair.kind](shape, pair, half, depth)
        layers += [(squared, side * offset) for side, there in ((1, pair.near), (-1, pair.far)) if there]
    field, reach = layered(layers)
    # The outline is known finer than the grid: nothing stands out beyond it.
    return np.minimum(field, shape.distance[:, :, None].astype(np.float32)), reach


def _leg(shape: Outline, pair: Pair, half: Grid, depth: float) -> tuple[Grid, Grid]:
    """Give squared heights and distance from the middle plane of a leg that runs up into the trunk as a haunch."""
    rows, columns = np.nonzero(pair.mask)
    upper = columns[rows < rows.min() + max(2, round(0.12 * np.ptp(rows)))]
    width = float(np.ptp(upper) + 1)
    middle = float(upper.min() + upper.max()) / 2
    y, x = np.indices(shape.mask.shape)
    haunch = ((x - middle) / (0.62 * width)) ** 2 + ((y - rows.min()) / (0.95 * width)) ** 2 < 1
    mask = (pair.mask | (haunch & (y <= rows.min()))) & shape.mask
    squared = _squared(_tubular(_grown(mask, shape.mask)) * min(depth, 1.0) ** 2)
    above = half[max(0, rows.min() - round(width)) : rows.min() + 1, upper.min() : upper.max() + 1]
    thick = float(np.sqrt(squared[pair.mask].max(initial=1.0)))
    outward = max(_STRADDLE * float(above.max(initial=0.0)), thick + 2.0)
    return squared, np.full(shape.mask.shape, outward)


def _ear(shape: Outline, pair: Pair, half: Grid, depth: float) -> tuple[Grid, Grid]:
    """Ears and horns grow out of the head a little beside its middle, and lean outwards."""
    mask = _rooted(pair.mask, shape.mask)
    squared = _squared(_tubular(_grown(mask, shape.mask)) * (0.8 * depth) ** 2)
    base = _base(pair.mask, half)
    rows = np.nonzero(pair.mask)[0]
    lean = np.clip(rows.max() - np.indices(mask.shape)[0], 0, None) * 0.25
    return squared, np.maximum(0.45 * base, 2.0) + lean


def _wing(shape: Outline, pair: Pair, half: Grid, depth: float) -> tuple[Grid, Grid]:
    """Wings are thin and lean outwards from the back."""
    mask = _rooted(pair.mask, shape.mask)
    thin = np.minimum(_tubular(_grown(mask, shape.mask)), (2.2 + 0.012 * max(mask.shape)) ** 2 * depth)
    rows = np.nonzero(pair.mask)[0]
    height = np.clip(rows.max() - np.indices(mask.shape)[0], 0, None)
    return _squared(thin), 0.5 * _base(pair.mask, half) + _SPLAY * height


PAIRS = {"leg": _leg, "ear": _ear, "wing": _wing}


def _base(part: Mask, half: Grid) -> float:
    """Half breadth of the trunk where a part grows out of it."""
    root = ndimage.binary_dilation(part, iterations=3) & ~part
    return float(half[root].max(initial=0.0))


def _rooted(part: Mask, whole: Mask) -> Mask:
    """Let a part reach a little into the body it grows from."""
    return np.asarray(ndimage.binary_dilation(part, iterations=3) & whole)


def _grown(part: Mask, whole: Mask) -> Mask:
    """Add a cell at the outline, which is cut off again: its rounding then ends at the outline, not inside it."""
    return np.asarray(part | (ndimage.binary_dilation(part) & ~whole))


def _tubular(mask: Mask) -> Grid:
    """Squared heights of a part that is round across: R² - (R - d)² with d from the edge and R the local thickness."""
    inside = np.asarray(ndimage.distance_transform_edt(mask))
    size = 2 * int(np.ceil(inside.max())) + 1
    thick = ndimage.gaussian_filter(ndimage.maximum_filter(inside, size=size), 0.3 * size)
    thick = np.maximum(thick, inside)
    return np.where(mask, np.maximum(inside * (2 * thick - inside), 1.2), 0.0)


def _squared(squared: Grid) -> Grid:
    mask = squared > 0
    signed = np.where(
        mask, ndimage.distance_transform_edt(mask) - 0.5, 0.5 - ndimage.distance_transform_edt(~mask)
    )
    return continued(squared, mask, np.asarray(signed))
