"""What a picture's outline and shading say about the body behind it: round, turned on a lathe, a box or a plate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from maquette.studio.errors import StudioInputError

Mask = NDArray[np.bool_]
Grid = NDArray[np.float64]
PAD = 4
"""Empty cells around the outline."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The subject on a grid of about ``resolution`` cells along its longer side."""

    mask: Mask
    """(rows, columns), padded by ``PAD`` on all sides."""
    distance: Grid
    """Signed distance to the outline in cells, positive inside, finer than a cell: measured at twice the resolution."""
    cell: float
    """Pixels of the picture per cell."""
    left: int
    top: int
    """Pixel of the picture at the subject's bounding box."""
    width: int
    height: int
    """Size of that box in pixels."""

    def image_xy(self, columns: Grid, rows: Grid) -> tuple[Grid, Grid]:
        """Picture coordinates (pixel edges at integers) of grid coordinates (cell centres at integers)."""
        return self.left + (columns - PAD + 0.5) * self.cell, self.top + (rows - PAD + 0.5) * self.cell


@dataclass(frozen=True, slots=True)
class Traits:
    """Measures of an outline, each 0..1 unless said otherwise."""

    symmetry: float
    """Overlap of the mask with its mirror image."""
    boxiness: float
    """Share of its bounding box that the opened mask fills."""
    single_run: float
    """Share of rows that are one unbroken run."""
    slim_rows: float
    """Share of rows narrower than a third of the widest."""
    thickness: float
    """Largest inscribed radius over the longer side."""
    roundness: float
    """How far brightness falls from side to side across the middle of the rows; about 0 for a flat face."""
    legged: float
    """Share of rows in the lowest quarter that are two runs or more."""
    aspect: float
    """Width over height."""
    walls: float
    """How steady the width is over the lower third, times that width over the largest: 1 for a house without eaves."""

    @property
    def profile(self) -> str:
        """``slab``, ``plate``, ``lathe`` or ``round``. The limits were set on the painter's own subjects."""
        if (
            self.symmetry > 0.92
            and self.single_run > 0.94
            and self.slim_rows < 0.6
            and self.roundness > 0.085
        ):
            return "lathe"
        if self.boxiness > 0.855 or (self.walls > 0.62 and self.boxiness > 0.66 and self.aspect < 1.6):
            return "slab"
        if self.symmetry > 0.95 and self.boxiness > 0.7 and self.thickness > 0.3 and self.roundness < 0.035:
            return "plate"
        return "round"

    @property
    def figure(self) -> bool:
        """Whether it stands on two legs and is the same left and right, about: a person, a robot, a creature."""
        return self.legged > 0.45 and self.symmetry > 0.6 and self.aspect < 1.15

    @property
    def both_sides_alike(self) -> bool:
        """Whether the back may show the front again: boxes, turned things, side views, thin things; not faces."""
        side_view = (self.symmetry < 0.66 and self.legged < 0.5) or self.aspect > 1.3
        vessel = self.symmetry > 0.92 and self.single_run > 0.94
        return self.profile != "round" or side_view or vessel or self.thickness < 0.075


def outline(alpha: NDArray[np.float32], resolution: int) -> Outline:
    """Sample a subject's alpha (0..1) on a grid. Raises ``StudioInputError`` when nothing is left to lift."""
    solid = _without_specks(alpha > 0.5)
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    if len(rows) < 4 or len(columns) < 4:
        raise StudioInputError("image_blank", "The image shows no subject: fewer than 4 x 4 solid pixels.")
    top, left = int(rows[0]), int(columns[0])
    height, width = int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left
    cell = max(width, height) / resolution
    shape = (max(6, round(width / cell)), max(6, round(height / cell)))
    covered = (solid * np.clip(alpha, 0, 1))[top : top + height, left : left + width].astype(np.float32)
    doubled = Image.fromarray(covered).resize((2 * shape[0], 2 * shape[1]), Image.Resampling.BOX)
    # Parts thinner than a cell (an antenna) must not vanish: a cell counts from 0.35 covered.
    fine = np.pad(np.asarray(doubled) > 0.35, 2 * PAD)
    signed = (ndimage.distance_transform_edt(fine) - ndimage.distance_transform_edt(~fine)) / 2
    distance = signed.reshape(signed.shape[0] // 2, 2, -1, 2).mean((1, 3))
    mask = _without_specks(distance > 0)
    if not mask.any():
        raise StudioInputError("image_blank", "The image shows nothing but lines too thin to lift.")
    distance = np.where(mask, distance, np.minimum(distance, -0.25))
    return Outline(mask, distance, cell, left, top, width, height)


def _without_specks(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(sizes[labels] >= max(0.002 * sizes.max(), 4))


def traits(shape: Outline, luma: NDArray[np.float32]) -> Traits:
    """Measure an outline. ``luma``: the picture's brightness on the same grid."""
    mask = shape.mask
    rows = np.flatnonzero(mask.any(1))
    widths = mask.sum(1)[rows]
    runs = (np.diff(mask.astype(np.int8), axis=1) == 1).sum(1)[rows]
    inside = ndimage.distance_transform_edt(mask)
    low = runs[-max(1, len(runs) // 4) :]
    return Traits(
        symmetry=_mirror_overlap(mask),
        boxiness=_boxiness(mask),
        single_run=float((runs == 1).mean()),
        slim_rows=float((widths < widths.max() / 3).mean()),
        thickness=float(inside.max()) / max(shape.width, shape.height) * shape.cell,
        roundness=_roundness(mask, luma),
        legged=float((low >= 2).mean()),
        aspect=shape.width / shape.height,
        walls=_walls(widths, runs),
    )


def _walls(widths: NDArray[np.int64], runs: NDArray[np.int64]) -> float:
    """Steadiness of the lower third of the rows, the lowest few left out for steps and feet."""
    lower = slice(round(0.64 * len(widths)), round(0.96 * len(widths)))
    part = widths[lower]
    if not len(part) or (runs[lower] > 1).any():
        return 0.0
    return float(max(0.0, 1 - 4 * part.std() / part.mean()) * part.mean() / widths.max())


def axis(mask: Mask) -> float:
    """Column of the vertical axis: the median of the rows' middles."""
    columns = np.arange(mask.shape[1])
    rows = mask.any(1)
    middles = (mask[rows] * columns).sum(1) / mask[rows].sum(1)
    return float(np.median(middles))


def core(mask: Mask) -> Mask:
    """Give the mask without handles, feet and other thin parts; the mask itself when it is thin all over."""
    side = 2 * max(1, round(0.06 * max(mask.shape))) + 1
    opened = ndimage.grey_opening(mask, size=(side, side))  # a square element keeps a box's corners
    return opened if opened.any() else mask


def is_square(mask: Mask) -> bool:
    """Whether the core is about as wide as high, as a cube or a ball seen from the front."""
    body = core(mask)
    height, width = int(np.ptp(np.flatnonzero(body.any(1)))) + 1, int(np.ptp(np.flatnonzero(body.any(0)))) + 1
    return min(height, width) > 0.84 * max(height, width)


def _boxiness(mask: Mask) -> float:
    """How well a box fits the core, scaled down when the thin parts are more than 15 % of the whole."""
    body = core(mask)
    ys, xs = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    area = float(body.sum())
    fill = area / float((ys[-1] - ys[0] + 1) * (xs[-1] - xs[0] + 1))
    return fill * min(1.0, area / (0.85 * float(mask.sum())))


def _mirror_overlap(mask: Mask) -> float:
    best = 0.0
    width = mask.shape[1]
    columns = np.arange(width)
    for offset in range(-4, 5):
        mirrored = round(2 * axis(mask)) + offset - columns
        flipped = mask[:, np.clip(mirrored, 0, width - 1)] & ((mirrored >= 0) & (mirrored < width))
        both, either = (mask & flipped).sum(), (mask | flipped).sum()
        best = max(best, float(both) / float(either))
    return best


def _roundness(mask: Mask, luma: NDArray[np.float32]) -> float:
    """Difference of brightness between left and right of wide rows, over the mean: a lit cylinder has one."""
    widest = mask.sum(1).max()
    across = np.linspace(-0.72, 0.72, 13)
    lines = []
    for row in np.flatnonzero(mask.sum(1) > 0.5 * widest):
        columns = np.flatnonzero(mask[row])
        centre, half = (columns[0] + columns[-1]) / 2, (columns[-1] - columns[0]) / 2
        lines.append(luma[row, np.round(centre + across * half).astype(int)])
    line = np.median(np.asarray(lines), axis=0)
    return float(abs(line[:5].mean() - line[-5:].mean()) / max(float(line.mean()), 0.05))
