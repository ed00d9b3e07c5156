"""The node tree of a GLB: transforms, cycles refused, and which nodes are bones."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_file import GltfFile, malformed
from maquette.studio.pose import local_matrix, unit_quaternions
from maquette.studio.scene import Bone, Floats

_NODES_MAX = 20_000
_BONES_MAX = 1024
_IDENTITY_SLACK = 1e-6
_TRANSFORM_MAX = 1e9  # keeps products of many nodes and their squares finite


@dataclass(frozen=True, slots=True)
class Node:
    """A node that the file's scene reaches, with its transform both ways."""

    index: int
    parent: int
    """Index of the parent node, -1 at the top."""
    entry: dict[str, Any]
    translation: Floats
    rotation: Floats
    scale: Floats
    world: Floats
    """(4, 4) node-to-world."""


def read_nodes(file: GltfFile) -> dict[int, Node]:
    """Every node of the default scene by index, parents first."""
    entries = file.entries("nodes")
    if len(entries) > _NODES_MAX:
        raise StudioInputError(
            "mesh_too_complex", f"The GLB has {len(entries)} nodes; {_NODES_MAX} is the limit."
        )
    nodes: dict[int, Node] = {}
    waiting = [(root, -1) for root in reversed(_roots(file))]
    while waiting:
        index, parent = waiting.pop()
        entry = file.get("nodes", index)
        if index in nodes:
            raise StudioInputError(
                "mesh_node_cycle", f"nodes[{index}] is reached twice: nodes must form a tree."
            )
        nodes[index] = _node(index, parent, entry, nodes)
        waiting.extend((child, index) for child in reversed(_indices(entry.get("children", []))))
    return nodes


def choose_bones(nodes: dict[int, Node], joints: list[int], animated: set[int]) -> list[int]:
    """Node indices that become bones, parents first.

    Joints, animated nodes that carry a mesh or a joint, and all their ancestors, less unanimated identity
    wrappers at the top (an ``Armature`` object). A file without any mesh is a clip: all its nodes are bones.
    """
    for joint in joints:
        if joint not in nodes:
            raise malformed(f"joint node {joint} is not in the scene")
    if any("mesh" in node.entry for node in nodes.values()):
        bearing = _with_ancestors(
            nodes, [i for i, n in nodes.items() if "mesh" in n.entry and "skin" not in n.entry]
        )
        bearing |= _with_ancestors(nodes, joints)
        chosen = _with_ancestors(nodes, {*joints, *(animated & bearing)})
    else:
        chosen = set(nodes)
    fixed = {*joints, *animated}
    for index, node in nodes.items():  # parents first, so wrappers of wrappers fall too
        wrapper = index in chosen and index not in fixed and node.parent not in chosen
        if wrapper and np.abs(node.world - np.eye(4)).max() < _IDENTITY_SLACK:
            chosen.discard(index)
    if len(chosen) > _BONES_MAX:
        raise StudioInputError(
            "mesh_too_complex", f"The skeleton has {len(chosen)} bones; {_BONES_MAX} is the limit."
        )
    rank = {joint: place for place, joint in enumerate(joints)}
    ordered: dict[int, None] = {}
    for bone in sorted(chosen, key=lambda i: (rank.get(i, len(rank)), i)):
        chain, index = [], bone
        while index in chosen and index not in ordered:
            chain.append(index)
            index = nodes[index].parent
        ordered.update(dict.fromkeys(reversed(chain)))
    return list(ordered)


def make_bones(nodes: dict[int, Node], chosen: list[int]) -> tuple[Bone, ...]:
    """Bones in rest pose with unique names; ``tail`` is read from our own files' node extras."""
    place = {index: bone for bone, index in enumerate(chosen)}
    names = unique_names(str(nodes[index].entry.get("name") or f"bone_{index}") for index in chosen)
    bones = []
    for index, name in zip(chosen, names, strict=True):
        node = nodes[index]
        bones.append(
            Bone(
                name=name,
                parent=place.get(node.parent, -1),
                translation=_triple(node.translation),
                rotation=(*_triple(node.rotation), float(node.rotation[3])),
                scale=_triple(node.scale),
                tail=_tail(node.entry),
            )
        )
    return tuple(bones)


def unique_names(names: Iterable[str]) -> list[str]:
    """Names with ``_2``, ``_3`` … appended where one repeats: engines address bones and clips by name."""
    taken: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        result.append(candidate)
    return result


def _roots(file: GltfFile) -> list[int]:
    if file.entries("scenes"):
        return _indices(file.get("scenes", file.document.get("scene", 0)).get("nodes", []))
    entries = file.entries("nodes")
    children = {child for entry in entries for child in _indices(entry.get("children", []))}
    roots = [index for index in range(len(entries)) if index not in children]
    if entries and not roots:
        raise StudioInputError("mesh_node_cycle", "Every node is another's child: nodes must form a tree.")
    return roots


def _indices(value: object) -> list[int]:
    if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
        raise malformed("a list of node indices is something else")
    return value


def _node(index: int, parent: int, entry: dict[str, Any], nodes: dict[int, Node]) -> Node:
    if "matrix" in entry:
        local = _vector(entry["matrix"], 16).reshape(4, 4).T
        translation, rotation, scale = _decompose(local)
    else:
        translation = _vector(entry.get("translation", (0, 0, 0)), 3)
        rotation = unit_quaternions(_vector(entry.get("rotation", (0, 0, 0, 1)), 4)[None])[0]
        scale = _vector(entry.get("scale", (1, 1, 1)), 3)
        local = local_matrix(translation.tolist(), rotation.tolist(), scale.tolist())
    world = local if parent < 0 else nodes[parent].world @ local
    if np.abs(world).max() > _TRANSFORM_MAX:
        raise StudioInputError(
            "mesh_size_absurd", f"nodes[{index}] is scaled or moved beyond {_TRANSFORM_MAX:.0e}."
        )
    return Node(index, parent, entry, translation, rotation, scale, world)


def _decompose(matrix: Floats) -> tuple[Floats, Floats, Floats]:
    from scipy.spatial.transform import Rotation

    scale = np.linalg.norm(matrix[:3, :3], axis=0)
    if np.linalg.det(matrix[:3, :3]) < 0:
        scale = scale * (-1.0, 1.0, 1.0)
    if np.abs(scale).min() < 1e-12:
        return matrix[:3, 3], np.array([0.0, 0.0, 0.0, 1.0]), scale
    return matrix[:3, 3], Rotation.from_matrix(matrix[:3, :3] / scale).as_quat(), scale


def _vector(value: object, length: int) -> Floats:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != (length,) or not np.isfinite(array).all() or np.abs(array).max() > _TRANSFORM_MAX:
        raise malformed(f"a node's transform is {value!r:.80}")
    return array


def _with_ancestors(nodes: dict[int, Node], start: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for first in start:
        index = first
        while index in nodes and index not in found:
            found.add(index)
            index = nodes[index].parent
    return found


def _triple(vector: Floats) -> tuple[float, float, float]:
    return float(vector[0]), float(vector[1]), float(vector[2])


def _tail(entry: dict[str, Any]) -> tuple[float, float, float] | None:
    extras = entry.get("extras")
    tail = extras.get("tail") if isinstance(extras, dict) else None
    return None if tail is None else _triple(_vector(tail, 3))
