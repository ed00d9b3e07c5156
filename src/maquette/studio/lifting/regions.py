"""Regions of a picture: patches of one colour, as a person would cut them out of paper. Shading bands do not split them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from maquette.studio.scene import Floats, Ints

Mask = NDArray[np.bool_]
Pixels = NDArray[np.float32]
SIDE = 288
"""Pixels of the longer side that regions are found at: an eye of a figure is still six pixels wide."""
_COLOURS_MAX = 10
_APART = 17.0
"""Distance of two colours in the weighted Lab space that are two materials; a band of the painter's shading is below it."""
_LIGHTNESS = 0.5
"""Weight of lightness: shading changes it, materials mostly change the rest."""
_CHROMA = 66.0
"""Scales a and b over L + 16 to what they are at mid-grey."""
_MERGING = (0.6, 1.0, 1.0)
"""On top of that weight when neighbours are compared: a shadow is darker by up to 40, hardly of another hue."""
_ALIKE = 10.0
_SPECK = 10
"""Pixels: smaller patches are texture."""
_INK = 0.16
"""How much darker than its surroundings a thin line is."""


@dataclass(frozen=True, slots=True)
class Regions:
    """Connected patches on a grid of at most ``SIDE`` pixels."""

    labels: Ints
    """(rows, columns): 0 outside, else the patch's number."""
    materials: Ints
    """(patches + 1,) number of each patch's material: patches far apart may share one."""
    ink: Mask
    """Thin dark lines; ``labels`` runs on beneath them."""

    @property
    def count(self) -> int:
        return int(self.labels.max())

    def sizes(self) -> Ints:
        """Pixels of each patch, index 0 being the outside."""
        return np.bincount(self.labels.ravel(), minlength=self.count + 1)


def find_regions(rgb: Pixels, solid: Mask) -> Regions:
    """Cut a picture (height, width, 3; 0..1) into patches where it is ``solid``. Its longer side should be ``SIDE``."""
    luma = rgb @ np.array([0.3, 0.59, 0.11], np.float32)
    ink = _ink(luma, solid)
    paint = solid & ~ink
    if paint.sum() < 16:
        paint = solid
    nearest = ndimage.distance_transform_edt(~paint, return_distances=False, return_indices=True)
    cleaned = rgb[tuple(nearest)]
    features = _features(cleaned)
    chosen = _clusters(features, paint)
    colour = np.where(solid, chosen[tuple(nearest)] + 1, 0)
    labels, materials = _merged(_patches(colour, solid), features * _MERGING)
    return Regions(labels, materials, ink)


def _ink(luma: Pixels, solid: Mask) -> Mask:
    """Find what a small closing fills: lines thinner than the element."""
    filled = np.where(solid, luma, 1.0)
    closed = ndimage.grey_closing(filled, size=(5, 5))
    return np.asarray(solid & (closed - filled > _INK) & (luma < 0.5))


def _features(rgb: Pixels) -> Floats:
    from skimage.color import rgb2lab

    smooth = np.stack([ndimage.median_filter(rgb[..., k], size=5) for k in range(3)], -1)
    lab: Floats = rgb2lab(np.clip(smooth, 0, 1))
    # Light scales L + 16, a and b alike: their quotients are the material's own.
    tone = _CHROMA / (lab[..., :1] + 16)
    return np.concatenate([lab[..., :1] * _LIGHTNESS, lab[..., 1:] * tone], axis=-1)


def _clusters(features: Floats, paint: Mask) -> Ints:
    """Give the number of the nearest of a few colours, found farthest first and then moved to their means (k-means)."""
    samples = features[paint]
    samples = samples[:: max(1, len(samples) // 6000)]
    centres = [np.median(samples, axis=0)]
    while len(centres) < _COLOURS_MAX:
        apart = _nearest(samples, np.array(centres))[1]
        # Of the outermost pixels the last percent may be blends along an edge.
        limit = np.quantile(apart, 0.985)
        if limit < _APART:
            break
        centres.append(samples[int(np.abs(apart - limit).argmin())])
    found = np.array(centres)
    for _ in range(6):
        owner, _ = _nearest(samples, found)
        for index in range(len(found)):
            own = samples[owner == index]
            if len(own):
                found[index] = own.mean(axis=0)
    return _nearest(features.reshape(-1, 3), found)[0].reshape(paint.shape)


def _nearest(points: Floats, centres: Floats) -> tuple[Ints, Floats]:
    best = np.full(len(points), np.inf)
    owner = np.zeros(len(points), np.int64)
    for index, centre in enumerate(centres):
        distance = np.sqrt(((points - centre) ** 2).sum(-1))
        closer = distance < best
        best[closer], owner[closer] = distance[closer], index
    return owner, best


def _patches(colour: Ints, solid: Mask) -> Ints:
    """Label connected pixels of one colour; specks join what surrounds them."""
    labels = np.zeros(colour.shape, np.int64)
    count = 0
    for value in range(1, int(colour.max()) + 1):
        found, number = ndimage.label(colour == value)
        sizes = np.bincount(found.ravel())
        keep = np.flatnonzero(sizes[1:] >= _SPECK) + 1
        table = np.zeros(number + 1, np.int64)
        table[keep] = count + 1 + np.arange(len(keep))
        labels += table[found]
        count += len(keep)
    if not count:
        return solid.astype(np.int64)
    nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return np.where(solid, labels[tuple(nearest)], 0)


def _merged(labels: Ints, features: Floats) -> tuple[Ints, Ints]:
    """Join neighbours of about one hue: light and shadow on one material, also across a drawn line. Then name the materials."""
    count = int(labels.max())
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sums: Floats = np.stack(
        [np.bincount(labels.ravel(), features[..., k].ravel(), count + 1) for k in range(3)], axis=1
    ).astype(np.float64)
    joined = _joined(_neighbours(labels, count), sums, sizes, _ALIKE)
    found, index = np.unique(joined, return_inverse=True)
    labels = index[labels]
    sums = np.stack([np.bincount(index, sums[:, k]) for k in range(3)], axis=1).astype(np.float64)
    sizes = np.bincount(index, sizes).astype(np.int64)
    everyone = np.ones((len(found), len(found)), np.bool_)
    everyone[0] = everyone[:, 0] = False
    return labels, _joined(everyone, sums, sizes, 0.6 * _ALIKE)


def _joined(near: Mask, sums: Floats, sizes: Ints, limit: float) -> Ints:
    """Merge patches that are ``near`` (n, n), the most alike first, until none is alike. Each one's number after that."""
    sums, weight = sums.copy(), np.maximum(sizes.astype(np.float64), 1.0)
    near = near.copy()
    parent = np.arange(len(sizes))
    means = sums / weight[:, None]
    apart = np.sqrt(((means[:, None] - means[None]) ** 2).sum(-1))
    apart[~near | np.eye(len(near), dtype=np.bool_)] = np.inf
    while apart.size and apart.min() <= limit:
        a, b = (int(k) for k in np.unravel_index(int(apart.argmin()), apart.shape))
        weight[a], sums[a] = weight[a] + weight[b], sums[a] + sums[b]
        parent[parent == b] = a
        near[a] |= near[b]
        near[:, a] |= near[:, b]
        near[b] = near[:, b] = near[a, a] = False
        means[a] = sums[a] / weight[a]
        distance = np.sqrt(((means - means[a]) ** 2).sum(1))
        apart[a] = apart[:, a] = np.where(near[a], distance, np.inf)
        apart[b] = apart[:, b] = np.inf
    return parent


def _neighbours(labels: Ints, count: int) -> Mask:
    """Which patches touch, (count + 1, count + 1); the outside touches none."""
    near = np.zeros((count + 1, count + 1), np.bool_)
    for a, b in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])):
        near[a, b] = near[b, a] = True
    near[0] = near[:, 0] = False
    np.fill_diagonal(near, val=False)
    return near


def resized(plane: NDArray[np.float32], size: tuple[int, int]) -> Pixels:
    """Resize one channel to (width, height)."""
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    how = Image.Resampling.BOX if size[0] < plane.shape[1] else Image.Resampling.BICUBIC
    return np.asarray(image.resize(size, how), np.float32)
