"""The back of a subject drawn from the front: the same picture without what only a front has.

A patch of colour that reaches the outline goes round the body: sleeves, belts, boots, hair, a helmet. One that does not lies
on the front: eyes, a visor, buttons, an emblem, a beard, a hand before the belly. Those, and the face that surrounds a
pair of eyes, are taken out and painted over with the material around them; everything else stays as it was drawn, seams
and shading included, so front and back meet at the outline without a seam.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu
from skimage.morphology import convex_hull_image

from maquette.studio.lifting.regions import SIDE, Mask, Pixels, Regions, find_regions, resized
from maquette.studio.scene import Ints

_RIM = 3
"""Pixels from the outline within which a patch touches it."""
_CONTACT = 0.55
"""Rim pixels over the root of a patch's area from which it goes round."""
_LEVEL = 0.03
"""Blur, of the longer side, of the vote about a hole's material at each height."""
_GROW = 4
"""Pixels around a hole that belong to its ink line and its shadow."""
_PANEL = 0.1
"""Share of the subject from which an inner patch is the thing's main material."""
_SCRAP = 0.004
"""Share of the subject below which a material covers no hole."""
_FACE_MAX = 0.3
"""A face is at most this share of the subject; what is larger is a body with eyes."""


def back_view(rgb: Pixels, alpha: Pixels) -> Pixels:
    """Give the picture's back in the front's coordinates (mirrored when seen from behind). (height, width, 3), 0..1."""
    factor = SIDE / max(alpha.shape)
    size = (max(8, round(alpha.shape[1] * factor)), max(8, round(alpha.shape[0] * factor)))
    small = np.stack([resized(rgb[..., k], size) for k in range(3)], -1)
    solid = resized(alpha, size) > 0.5
    if solid.sum() < 64:
        return rgb
    regions = find_regions(small, solid)
    material, hole = _plan(regions, solid, small)
    if not hole.any():
        return rgb
    painted = _painted(small, material, hole, solid)
    full = (rgb.shape[1], rgb.shape[0])
    cover = np.clip(resized(ndimage.gaussian_filter(hole.astype(np.float32), 0.8), full) * 1.6 - 0.3, 0, 1)
    grown = np.stack([resized(painted[..., k], full) for k in range(3)], -1)
    grown = grown + _grain(rgb, hole, factor)[..., None]
    return np.asarray(np.clip(rgb + (grown - rgb) * cover[..., None], 0, 1), np.float32)


def _plan(regions: Regions, solid: Mask, rgb: Pixels) -> tuple[Ints, Mask]:
    """Give each pixel's material on the back, and where the front must be painted over."""
    inside = np.asarray(ndimage.distance_transform_edt(np.pad(solid, 1))[1:-1, 1:-1])
    sizes = regions.sizes()
    rim = np.bincount(regions.labels[(inside <= _RIM) & solid], minlength=regions.count + 1)
    stays = rim > _CONTACT * np.sqrt(sizes)
    stays[0] = False
    if not stays.any():
        stays[int(sizes[1:].argmax()) + 1] = True
    if _eyes(regions, stays, sizes) is None:
        # A panel in a frame is what a house or a chest is made of; on what has eyes it is a belly.
        stays |= (sizes > _PANEL * sizes[1:].sum()) & (np.arange(len(sizes)) > 0)
    face, over = _face(regions, stays, sizes, rgb)
    stays[face] = False
    hole = (solid & ~stays[regions.labels]) | _marks(regions.ink, inside)
    hole = ndimage.binary_dilation(hole, iterations=_GROW) & solid & ((inside > _RIM) | hole)
    material = regions.materials[regions.labels]
    hole |= _islands(material, solid & ~hole, inside)
    if not (solid & ~hole).any():
        return material, np.zeros_like(solid)
    # A scrap of shadow at the neck is nothing to cover a head with.
    common = np.bincount(material[solid & ~hole], minlength=int(material.max()) + 1) > _SCRAP * solid.sum()
    sources = solid & ~hole & common[material]
    behind = _covered(material, hole, sources if sources.any() else solid & ~hole)
    if face:
        head = convex_hull_image(regions.labels == face)  # type: ignore[no-untyped-call]  # skimage is untyped here
        within = np.bincount(regions.labels[head], minlength=regions.count + 1)
        head |= (~stays & (within > 0.4 * sizes))[regions.labels] & solid
        behind[ndimage.binary_dilation(head, iterations=_GROW)] = over
    return np.where(hole, behind, material), hole


def _islands(material: Ints, kept: Mask, inside: NDArray[np.float64]) -> Mask:
    """Find what is left of a patch but no longer hangs together with its part at the outline."""
    lost = np.zeros_like(kept)
    for label in np.unique(material[kept]):
        parts, count = ndimage.label(kept & (material == label))
        nearest = ndimage.minimum(inside, parts, np.arange(1, count + 1))
        lost |= np.concatenate([[False], nearest > _RIM])[parts]
    return lost


def _covered(material: Ints, hole: Mask, kept: Mask) -> Ints:
    """Choose a material for every row of every hole: the most frequent one around it at about that height.

    Borders between materials then run level, as hems, belts and hairlines do.
    """
    out = material.copy()
    labels, _ = ndimage.label(hole)
    blur = _LEVEL * max(hole.shape)
    reach = round(3 * _LEVEL * max(hole.shape)) + 3
    for index, found in enumerate(ndimage.find_objects(labels), start=1):
        y0, y1 = max(0, found[0].start - reach), found[0].stop + reach
        x0, x1 = max(0, found[1].start - reach), found[1].stop + reach
        part = labels[y0:y1, x0:x1] == index
        ring = ndimage.binary_dilation(part, iterations=3) & kept[y0:y1, x0:x1]
        if not ring.any():
            ring = kept[y0:y1, x0:x1]
        around = material[y0:y1, x0:x1]
        known = np.unique(around[ring]) if ring.any() else np.unique(material[kept])[:1]
        votes = [ndimage.gaussian_filter1d((ring & (around == k)).sum(1) + 1e-6, blur) for k in known]
        chosen = known[np.argmax(votes, axis=0)]
        rows = np.nonzero(part)[0]
        out[y0:y1, x0:x1][part] = chosen[rows]
    return out


def _marks(ink: Mask, inside: NDArray[np.float64]) -> Mask:
    """Find drawn lines that stay away from the outline: slits, mouths, noses; seams run out to it."""
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    if not count:
        return ink
    nearest = ndimage.minimum(inside, labels, np.arange(1, count + 1))
    return np.asarray(np.concatenate([[False], nearest > 3 * _RIM])[labels])


def _face(regions: Regions, stays: NDArray[np.bool_], sizes: Ints, rgb: Pixels) -> tuple[int, int]:
    """Find the patch that is the face, and the material that covers the head behind it; else 0, 0."""
    face = _skin(regions, sizes, rgb) or _around_eyes(regions, stays, sizes)
    if not face or sizes[face] > _FACE_MAX * sizes[1:].sum():
        return 0, 0
    patch = ndimage.binary_fill_holes(regions.labels == face)
    rows = np.flatnonzero(patch.any(1))
    ring = ndimage.binary_dilation(patch, iterations=4) & ~patch & stays[regions.labels]
    ring[rows[0] + round(0.6 * len(rows)) :] = False
    beside = np.bincount(regions.materials[regions.labels[ring]], minlength=regions.count + 2)
    beside[regions.materials[face]] = 0
    # Bald, or bare but for a cap's button: the face's own skin goes round.
    return (face, int(beside.argmax())) if beside.max() > 0.8 * len(rows) else (0, 0)


def _skin(regions: Regions, sizes: Ints, rgb: Pixels) -> int:
    """Find the largest patch of a skin's hue high up on the middle line that has something else above it; else 0."""
    from skimage.color import rgb2lab

    rows, columns = np.flatnonzero(regions.labels.any(1)), np.flatnonzero(regions.labels.any(0))
    best, found = 0, 0
    for label, box in enumerate(ndimage.find_objects(regions.labels), start=1):
        if box is None or sizes[label] < max(best, 0.004 * sizes[1:].sum()):
            continue
        patch = regions.labels == label
        y, x = (float(values.mean()) for values in np.nonzero(patch))
        aside = abs(x - (columns[0] + columns[-1]) / 2) / len(columns)
        light, a, b = rgb2lab(np.median(rgb[patch], axis=0)[None, None])[0, 0]
        hue, chroma = np.degrees(np.arctan2(b, a)), np.hypot(a, b)
        covered = regions.labels[rows[0] : box[0].start, round(x)]
        if (
            y < rows[0] + 0.42 * len(rows)
            and aside < 0.18
            and light > 40
            and 25 < hue < 80
            and 8 < chroma < 45
            and (covered > 0).sum() >= 3
        ):
            best, found = int(sizes[label]), label
    return found


def _around_eyes(regions: Regions, stays: NDArray[np.bool_], sizes: Ints) -> int:
    """Find the patch that lies around most of a pair of eyes; 0 without eyes."""
    eyes = _eyes(regions, stays, sizes)
    if eyes is None:
        return 0
    around = ndimage.binary_dilation(np.isin(regions.labels, eyes), iterations=6)
    votes = np.bincount(regions.labels[around & stays[regions.labels]], minlength=regions.count + 1)
    return int(votes.argmax())


def _eyes(regions: Regions, stays: NDArray[np.bool_], sizes: Ints) -> tuple[int, int] | None:
    """Find two small, compact inner patches of one size, side by side in the upper part; large and high pairs first."""
    total = int(sizes[1:].sum())
    rows = np.flatnonzero(regions.labels.any(1))
    small = []
    for label, box in enumerate(ndimage.find_objects(regions.labels), start=1):
        if box is None or stays[label] or sizes[label] > 0.03 * total:
            continue
        high, wide = (side.stop - side.start for side in box)
        if max(high, wide) < 2.6 * min(high, wide) and sizes[label] > 0.4 * high * wide:
            small.append(
                (
                    label,
                    (box[0].start + high / 2 - rows[0]) / len(rows),
                    box[0].start + high / 2,
                    box[1].start + wide / 2,
                )
            )
    best, pair = 0.0, None
    for i, (first, share, y1, x1) in enumerate(small):
        for second, _, y2, x2 in small[:i]:
            a, b = sizes[first], sizes[second]
            wide = abs(x1 - x2)
            if min(a, b) * 2 < max(a, b) or share > 0.6 or abs(y1 - y2) > 0.2 * wide + 1:
                continue
            if not 1.2 * np.sqrt(a) < wide < 9 * np.sqrt(a):
                continue
            score = float(np.sqrt(min(a, b))) * (1 - 1.4 * share)
            if score > best:
                best, pair = score, (first, second)
    return pair


def _painted(rgb: Pixels, material: Ints, hole: Mask, solid: Mask) -> Pixels:
    """Fill the holes: each material's colour runs in smoothly from where it is seen, never from another material."""
    out = rgb.copy()
    kept = solid & ~hole
    for label in np.unique(material[hole]):
        own = (material == label) & solid
        seen, unseen = own & kept, own & hole
        if not seen.any():
            continue
        middle = np.median(rgb[seen], axis=0)
        # Ink and highlights at the border of a hole would run into it.
        usual = seen & (np.abs(rgb - middle).max(-1) < 0.22)
        source = usual if usual.any() else seen
        out[unseen] = _diffused(rgb, source, unseen, middle)
    return out


def _diffused(rgb: Pixels, source: Mask, unseen: Mask, middle: NDArray[np.float32]) -> NDArray[np.float64]:
    """Solve a screened Laplace equation in the hole: continuous at its border, the material's middle colour far inside."""
    index = np.full(unseen.shape, -1)
    index[unseen] = np.arange(int(unseen.sum()))
    count = int(unseen.sum())
    diagonal = np.full(count, 0.004)
    right = np.tile(0.004 * middle.astype(np.float64), (count, 1))
    rows, columns = np.nonzero(unseen)
    pairs = []
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        y = np.clip(rows + dy, 0, unseen.shape[0] - 1)
        x = np.clip(columns + dx, 0, unseen.shape[1] - 1)
        inner, border = unseen[y, x], source[y, x]
        diagonal += inner | border
        right[border] += rgb[y[border], x[border]]
        pairs.append(np.stack([np.flatnonzero(inner), index[y[inner], x[inner]]]))
    i, j = np.concatenate(pairs, 1)
    matrix = sparse.diags(diagonal) - sparse.coo_matrix((np.ones(len(i)), (i, j)), (count, count))
    return np.asarray(splu(matrix.tocsc()).solve(right))


def _grain(rgb: Pixels, hole: Mask, factor: float) -> Pixels:
    """Fine texture for the holes: that of the pixels across the hole's border, as in a mirror."""
    luma = rgb.mean(-1)
    spread = max(1.5, 1.6 / factor)
    fine = luma - ndimage.gaussian_filter(luma, spread)
    big = resized(hole.astype(np.float32), (rgb.shape[1], rgb.shape[0])) > 0.5
    nearest = ndimage.distance_transform_edt(big, return_distances=False, return_indices=True)
    y, x = np.indices(big.shape)
    y = np.clip(2 * nearest[0] - y, 0, big.shape[0] - 1)
    x = np.clip(2 * nearest[1] - x, 0, big.shape[1] - 1)
    taken = fine[y, x] * ~big[y, x]
    # Lines and edges are no grain.
    return np.asarray(np.where(np.abs(taken) < 0.05, taken, 0.0), np.float32)
