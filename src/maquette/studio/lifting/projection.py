"""Texture of a lifted body: the picture on the front, its counterpart on the back, strips for the sides of a box.

The atlas is a row of tiles. Heights are single-valued over the picture plane, so front and back never overlap themselves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from maquette.studio.lifting.back_view import back_view
from maquette.studio.lifting.outline import Outline, Traits, axis, core, is_square
from maquette.studio.lifting.stance import Stance
from maquette.studio.scene import Floats, Ints

Pixels = NDArray[np.float32]
TILE = 832
"""Pixels of a tile's longer side: two tiles carry about what a baked 1024² atlas can show."""
_GUTTER = 4
_PITCH = 0.4
"""Weight of a face's upward part when it is told from a wall."""
_CUBE = 0.855
"""Boxiness from which the four walls of a square box show the same picture; a house has its door on one side."""


@dataclass(frozen=True, slots=True)
class Textured:
    """Split vertices with texture coordinates, and the atlas they point into."""

    source: Ints
    """(n,) index of the unsplit vertex."""
    triangles: Ints
    uv: Floats
    atlas: Image.Image


def project(
    image: Image.Image,
    alpha: Pixels,
    shape: Outline,
    measured: Traits,
    stance: Stance | None,
    points: Floats,
    triangles: Ints,
) -> Textured:
    """Texture a lifted body. ``points`` in grid cells as ``lift`` gives them; ``alpha`` the subject's in the picture."""
    front, solid, scale = _cropped(image, alpha, shape)
    front = _clothed(front, solid)
    profile = measured.profile if stance is None else "quadruped"
    alike = stance is not None or measured.both_sides_alike
    tiles = [front, front if alike else back_view(front, solid)]
    boxy = profile in {"slab", "plate"}
    if boxy:
        cube = profile == "slab" and measured.boxiness > _CUBE and is_square(shape.mask)
        tiles += (
            [front, front]
            if cube
            else [_edge_strip(front, solid), _edge_strip(front.swapaxes(0, 1), solid.T).swapaxes(0, 1)]
        )
    tile_of = _tile_of_faces(shape, points, triangles, boxy=boxy)
    xy = _picture_positions(shape, profile, points) * scale
    height, width = front.shape[:2]
    pitch, rows = width + 2 * _GUTTER, height + 2 * _GUTTER
    keys = (triangles + tile_of[:, None] * len(points)).ravel()
    unique, inverse = np.unique(keys, return_inverse=True)
    source, tile = unique % len(points), unique // len(points)
    at = np.clip(
        _tile_positions(points[source], xy[source], tile, shape, scale), 0.5, (width - 0.5, height - 0.5)
    )
    uv = np.stack(
        [(tile * pitch + _GUTTER + at[:, 0]) / (pitch * len(tiles)), (_GUTTER + at[:, 1]) / rows], 1
    )
    padded = [np.pad(tile_, ((_GUTTER, _GUTTER), (_GUTTER, _GUTTER), (0, 0)), "edge") for tile_ in tiles]
    joined = (np.clip(np.concatenate(padded, 1), 0, 1) * 255 + 0.5).astype(np.uint8)
    atlas = Image.fromarray(joined).resize(_powers_of_two(joined.shape), Image.Resampling.LANCZOS)
    return Textured(source, inverse.reshape(-1, 3), uv, atlas)


def _powers_of_two(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height as older engines want them, never smaller than what there is."""
    return 1 << (shape[1] - 1).bit_length(), 1 << (shape[0] - 1).bit_length()


def _cropped(image: Image.Image, alpha: Pixels, shape: Outline) -> tuple[Pixels, Pixels, float]:
    """Give the subject's box at tile size: colours continued outwards, alpha, and tile pixels per picture pixel."""
    box = (shape.left, shape.top, shape.left + shape.width, shape.top + shape.height)
    scale = min(1.0, TILE / max(shape.width, shape.height))
    size = (max(2, round(shape.width * scale)), max(2, round(shape.height * scale)))
    premultiplied = image.convert("RGB").crop(box)
    cut = Image.fromarray(alpha[box[1] : box[3], box[0] : box[2]])
    rgb = np.asarray(premultiplied, np.float32) / 255
    solid = np.asarray(cut) > 0.9
    if solid.any():
        rgb = rgb[tuple(ndimage.distance_transform_edt(~solid, return_distances=False, return_indices=True))]
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(rgb[..., k])).resize(size, Image.Resampling.BOX))
        for k in range(3)
    ]
    small = np.asarray(cut.resize(size, Image.Resampling.BOX))
    return np.stack(planes, -1), small, scale


def _clothed(rgb: Pixels, alpha: Pixels) -> Pixels:
    """Replace the outline's ink by the colour inside it: on a body it would be a dark seam round every limb.

    Thin parts keep their middle: the rim is never more than half the local thickness.
    """
    inside = _inside(alpha)
    rim = 0.012 * max(alpha.shape)
    luma = rgb @ np.array([0.3, 0.59, 0.11], np.float32)
    near, deep = (inside > 0) & (inside < rim * 0.8), (inside > rim * 1.4) & (inside < rim * 3)
    inked = near.any() and deep.any() and np.median(luma[near]) < 0.82 * np.median(luma[deep])
    width = rim * (1.8 if inked else 0.9)
    thick = ndimage.maximum_filter(inside, size=2 * int(np.ceil(1.5 * width)) + 1)
    keep = inside >= np.minimum(width, 0.5 * thick)
    keep &= alpha > 0.5
    if not keep.any():
        return rgb
    nearest = ndimage.distance_transform_edt(~keep, return_distances=False, return_indices=True)
    return np.asarray(rgb[tuple(nearest)], np.float32)


def _edge_strip(rgb: Pixels, alpha: Pixels) -> Pixels:
    """Sides of a thin box: each row in the colour a little inside its right edge."""
    inside = _inside(alpha)
    usable = inside > 0.02 * max(alpha.shape)
    rows = usable.any(1)
    last = np.where(rows, alpha.shape[1] - 1 - np.argmax(usable[:, ::-1], 1), alpha.shape[1] // 2)
    column = rgb[np.arange(len(rgb)), last]
    nearest = (
        ndimage.distance_transform_edt(~rows, return_distances=False, return_indices=True)[0]
        if rows.any()
        else np.arange(len(rgb))
    )
    column = ndimage.median_filter(column[nearest], size=(9, 1))
    return np.asarray(np.repeat(column[:, None, :], rgb.shape[1], 1), np.float32)


def _inside(alpha: Pixels) -> NDArray[np.float64]:
    """Distance to the outline; the picture's edge counts as one."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(alpha > 0.5, 1))[1:-1, 1:-1])


def _tile_of_faces(shape: Outline, points: Floats, triangles: Ints, *, boxy: bool) -> Ints:
    """Tile of each face: 0 front, 1 back; on boxes 2 for the left and right walls, 3 for top and bottom.

    Handles and the like, beyond the core's own walls, keep the front's and the back's picture.
    """
    corners = points[triangles]
    tile: Ints = np.where(corners[:, :, 2].mean(1) >= 0, 0, 1).astype(np.int64)
    if boxy:
        normal = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
        # A pitched roof goes with the walls: at its slope the larger part would change from face to face.
        steep = np.argmax(normal * (1.0, _PITCH, 1.0), 1)
        left, top, right, bottom = _core_box(shape)
        middle = corners.mean(1)
        within = (
            (middle[:, 0] > left - 3)
            & (middle[:, 0] < right + 3)
            & (middle[:, 1] > top - 3)
            & (middle[:, 1] < bottom + 3)
        )
        tile[within & (steep == 0)] = 2
        tile[within & (steep == 1)] = 3
    return tile


def _core_box(shape: Outline) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the core in cells."""
    body = core(shape.mask)
    ys, xs = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    return int(xs[0]), int(ys[0]), int(xs[-1]), int(ys[-1])


def _picture_positions(shape: Outline, profile: str, points: Floats) -> Floats:
    """Where in the picture's box each vertex takes its colour, in picture pixels."""
    columns = points[:, 0]
    if profile == "lathe":
        # Straight projection stretches the rim without end, unrolling by angle distorts the middle: halfway between.
        centre = axis(shape.mask)
        off = columns - centre
        radius = np.hypot(off, points[:, 2])
        unrolled = radius * np.arctan2(off, np.abs(points[:, 2])) / (np.pi / 2)
        columns = centre + 0.5 * off + 0.5 * unrolled
    x, y = shape.image_xy(columns, points[:, 1])
    return np.stack([x - shape.left, y - shape.top], 1)


def _tile_positions(points: Floats, xy: Floats, tile: Ints, shape: Outline, scale: float) -> Floats:
    """Pixel in its tile of every split vertex; the walls of a box lay their depth across the picture of its core."""
    out = xy.copy()
    depth = max(float(np.abs(points[:, 2]).max()), 1e-6)
    along = 0.5 + 0.47 * points[:, 2] / depth
    corners = np.asarray(_core_box(shape), np.float64).reshape(2, 2)
    x, y = shape.image_xy(corners[:, 0], corners[:, 1])
    (x0, x1), (y0, y1) = (x - shape.left) * scale, (y - shape.top) * scale
    side, lid = tile == 2, tile == 3
    out[side, 0] = x0 + along[side] * (x1 - x0)
    out[lid, 1] = y0 + along[lid] * (y1 - y0)
    return out
