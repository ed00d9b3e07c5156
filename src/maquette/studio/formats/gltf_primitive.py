"""One primitive of a GLB: triangles from lists, strips and fans, and its vertex attributes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from maquette.studio.formats.gltf_file import GltfFile, malformed
from maquette.studio.formats.gltf_material import Surface
from maquette.studio.scene import Floats, Ints

_INFLUENCES = 4
_SETS_MAX = 4
_REPEATS_MAX = 1e5


@dataclass(frozen=True, slots=True)
class Primitive:
    """Arrays as in ``Mesh``; each but positions and triangles may be missing."""

    positions: Floats
    triangles: Ints
    normals: Floats | None = None
    uv: Floats | None = None
    tangents: Floats | None = None
    colors: Floats | None = None
    """(n, 3) linear."""
    joints: Ints | None = None
    """(n, 4) indices into the skin's joints until ``gltf_read`` maps them to bones."""
    weights: Floats | None = None
    surface: Surface = field(default_factory=Surface)


def read_primitive(
    file: GltfFile, entry: dict[str, Any], surface_of: Callable[[Any], Surface]
) -> Primitive | None:
    """Read a primitive; None for points, lines, and triangles without area in their indices."""
    mode = entry.get("mode", 4)
    attributes = entry.get("attributes", {})
    if not isinstance(attributes, dict):
        raise malformed("a primitive's attributes are not an object")
    if mode not in {4, 5, 6} or "POSITION" not in attributes:
        return None
    positions = file.floats(attributes["POSITION"], 3)
    count = len(positions)
    triangles = _triangles(_vertex_order(file, entry, count), mode)
    if not len(triangles):
        return None
    surface = surface_of(entry.get("material"))

    def optional(name: str, width: int) -> Floats | None:
        if name not in attributes:
            return None
        values = file.floats(attributes[name], width)
        if len(values) != count:
            raise malformed(f"{name} has {len(values)} entries for {count} positions")
        return values

    uv = optional(f"TEXCOORD_{surface.uv_set}", 2)
    if uv is not None and len(uv) and float(np.abs(uv).max()) > _REPEATS_MAX:
        raise malformed(f"texture coordinates go beyond {_REPEATS_MAX:.0e}")
    joints, weights = _influences(file, attributes, count)
    return Primitive(
        positions=positions,
        triangles=triangles,
        normals=optional("NORMAL", 3),
        uv=None if uv is None else surface.transformed(uv),
        tangents=optional("TANGENT", 4),
        colors=_colors(file, attributes, count),
        joints=joints,
        weights=weights,
        surface=surface,
    )


def _vertex_order(file: GltfFile, entry: dict[str, Any], count: int) -> Ints:
    if "indices" not in entry:
        return np.arange(count, dtype=np.int64)
    stored = file.array(entry["indices"])
    if stored.dtype.kind != "u" or stored.shape[1] != 1:
        raise malformed("a primitive's indices are not unsigned integers")
    order = stored[:, 0].astype(np.int64)
    if len(order) and int(order.max()) >= count:
        raise malformed(f"a primitive refers to vertex {int(order.max())} of {count}")
    return order


def _triangles(order: Ints, mode: int) -> Ints:
    if mode == 4:
        faces = order[: len(order) // 3 * 3].reshape(-1, 3)
    elif len(order) < 3:
        faces = np.empty((0, 3), np.int64)
    elif mode == 5:  # every other triangle of a strip turns the other way
        faces = np.stack([order[:-2], order[1:-1], order[2:]], axis=1)
        faces[1::2] = faces[1::2, [0, 2, 1]]
    else:
        faces = np.stack([np.full(len(order) - 2, order[0]), order[1:-1], order[2:]], axis=1)
    a, b, c = faces.T
    distinct: Ints = np.ascontiguousarray(faces[(a != b) & (b != c) & (c != a)])
    return distinct


def _colors(file: GltfFile, attributes: dict[str, Any], count: int) -> Floats | None:
    if "COLOR_0" not in attributes:
        return None
    width = file.array(attributes["COLOR_0"]).shape[1]
    values = file.floats(attributes["COLOR_0"], width)
    if width not in {3, 4} or len(values) != count:
        raise malformed("COLOR_0 does not match the positions")
    return np.clip(values[:, :3], 0.0, 1.0)


def _influences(file: GltfFile, attributes: dict[str, Any], count: int) -> tuple[Ints | None, Floats | None]:
    """Keep the four strongest joints of each vertex, each once, with weights that sum to one."""
    joint_sets, weight_sets = [], []
    for number in range(_SETS_MAX):
        names = f"JOINTS_{number}", f"WEIGHTS_{number}"
        if not all(name in attributes for name in names):
            break
        joint_sets.append(file.array(attributes[names[0]]).astype(np.int64))
        weight_sets.append(np.maximum(file.floats(attributes[names[1]], 4), 0.0))
        if joint_sets[-1].shape != (count, 4) or weight_sets[-1].shape != (count, 4):
            raise malformed(f"{names[0]} or {names[1]} does not match the positions")
    if not joint_sets:
        return None, None
    joints, weights = np.concatenate(joint_sets, axis=1), np.concatenate(weight_sets, axis=1)
    for later in range(1, joints.shape[1]):
        for earlier in range(later):
            same = joints[:, later] == joints[:, earlier]
            weights[:, earlier] += np.where(same, weights[:, later], 0.0)
            weights[:, later] = np.where(same, 0.0, weights[:, later])
    strongest = np.argsort(-weights, axis=1, kind="stable")[:, :_INFLUENCES]
    joints = np.take_along_axis(joints, strongest, axis=1)
    weights = np.take_along_axis(weights, strongest, axis=1)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.where(total > 1e-9, weights / np.maximum(total, 1e-9), (1.0, 0.0, 0.0, 0.0))
    return np.where(weights > 0, joints, joints[:, :1]), weights
