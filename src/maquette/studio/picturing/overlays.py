"""What lies over a model in a picture: the edges of its faces, and the bones inside it."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from maquette.studio.picturing.camera import Camera
from maquette.studio.picturing.surface import Surface
from maquette.studio.pose import world_matrices
from maquette.studio.raster import barycentric, visible_faces
from maquette.studio.scene import Bone, Floats, Ints, Mesh

Color = tuple[int, int, int]
WIRE: Color = (38, 66, 104)
LEFT, RIGHT, MIDDLE = (72, 149, 214), (228, 92, 58), (244, 178, 48)
"""Bones of the model's own left and right, and those in between, as rigging tools colour them."""

_LINE = 1.1  # samples at 2 x 2 a pixel, so lines are a little over a pixel wide
_CROWDED = 14.0  # pixels a face: below this, lines would fill the surface and are drawn fainter
_FINE = 4
_ON_AXIS = 0.02


def wire(drawn: Surface, camera: Camera, size: int) -> Image.Image:
    """Draw the visible edges of a mesh as RGBA; the cut inside a quad is no edge."""
    mesh = drawn.mesh
    screen, z = camera.seen(mesh.positions)
    side = size * 2
    points = (screen + 1.0) * (side / 2)
    faces = visible_faces(points, mesh.triangles, (side, side), -1.0 / z, cull=drawn.closed)
    pixels = np.flatnonzero(faces >= 0)
    owners = faces[pixels].astype(np.int64)
    away = barycentric(points, mesh.triangles, pixels, owners, side) * _heights(points, mesh)[owners]
    away[_cuts(mesh)[owners]] = np.inf
    near = np.minimum(np.minimum(away[:, 0], away[:, 1]), away[:, 2])
    strength = np.zeros(side * side, np.float32)
    strength[pixels] = np.clip(_LINE + 0.5 - near, 0.0, 1.0)
    crowd = len(pixels) / 4 / max(len(np.unique(owners)), 1)
    ink = strength.reshape(size, 2, size, 2).mean(axis=(1, 3)) * min(0.85, 0.25 + 0.6 * crowd / _CROWDED)
    rgba = np.empty((size, size, 4), np.uint8)
    rgba[..., :3] = WIRE
    rgba[..., 3] = np.rint(ink * 255)
    return Image.fromarray(rgba)


def _heights(points: Floats, mesh: Mesh) -> Floats:
    """(faces, 3): how far each corner is from the edge opposite."""
    corners = points[mesh.triangles]
    edges = np.stack(
        [corners[:, 2] - corners[:, 1], corners[:, 0] - corners[:, 2], corners[:, 1] - corners[:, 0]], axis=1
    )
    area = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0])
    heights: Floats = area[:, None] / np.maximum(np.linalg.norm(edges, axis=2), 1e-9)
    return heights


def _cuts(mesh: Mesh) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """(faces, 3): whether the edge opposite each corner is shared by the two triangles of one quad."""
    result = np.zeros(mesh.triangles.shape, np.bool_)
    if mesh.topology != "quad":
        return result
    first, second = mesh.triangles[0::2], mesh.triangles[1::2]
    for own, other, half in ((first, second, 0), (second, first, 1)):
        result[half::2] = np.stack([_alone(own[:, k], other) for k in range(3)], axis=1)
    return result


def _alone(corner: Ints, other: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Whether a corner is none of the other triangle's: the edge opposite is the one both have."""
    missing: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = (other != corner[:, None]).all(axis=1)
    return missing


def skeleton(bones: Sequence[Bone], camera: Camera, size: int) -> Image.Image:
    """Draw bones in their rest pose as RGBA, far ones first, each from its joint to where it ends."""
    heads = world_matrices(bones)[:, :3, 3]
    tails = np.stack([_tail(bones, index, heads) for index in range(len(bones))])
    fine = size * _FINE
    (start, depth), (end, _) = camera.seen(heads), camera.seen(tails)
    start, end = (start + 1) * (fine / 2), (end + 1) * (fine / 2)
    picture = Image.new("RGBA", (fine, fine))
    pen = ImageDraw.Draw(picture)
    # The middle is where most bones of the spine are: what a hand holds shifts the model, not its skeleton's axis.
    middle, reach = float(np.median(heads[:, 0])), max(float(np.ptp(heads[:, 0])), 1e-6)
    joint = max(1.5, min(3.4, 60.0 / len(bones))) * _FINE * size / 400
    for index in np.argsort(-depth, kind="stable"):
        side = (float(heads[index, 0] + tails[index, 0]) / 2 - middle) / reach
        color = MIDDLE if abs(side) < _ON_AXIS else (LEFT if side > 0 else RIGHT)
        _bone(pen, start[index], end[index], joint, color)
    return picture.resize((size, size), Image.Resampling.BOX)


def _bone(pen: ImageDraw.ImageDraw, start: Floats, end: Floats, joint: float, color: Color) -> None:
    along = end - start
    length = float(np.hypot(*along))
    dark = tuple(round(channel * 0.62) for channel in color)
    if length > joint:
        across = np.array([-along[1], along[0]]) / length * min(length * 0.12, joint * 1.7)
        waist = start + along * 0.18
        kite = [start, waist + across, end, waist - across]
        pen.polygon([(float(x), float(y)) for x, y in kite], fill=(*color, 235))
        half = [start, waist - across, end]
        pen.polygon([(float(x), float(y)) for x, y in half], fill=(*dark, 235))
    x, y = float(start[0]), float(start[1])
    pen.ellipse((x - joint, y - joint, x + joint, y + joint), fill=(255, 255, 255, 255), outline=(*dark, 255))
    inner = joint * 0.62
    pen.ellipse((x - inner, y - inner, x + inner, y + inner), fill=(*color, 255))


def _tail(bones: Sequence[Bone], index: int, heads: Floats) -> Floats:
    tail = bones[index].tail
    if tail is not None:
        return np.asarray(tail, np.float64)
    children = [heads[child] for child, bone in enumerate(bones) if bone.parent == index]
    place: Floats = np.mean(children, axis=0) if children else heads[index]
    return place
