"""A small reader of binary FBX 7.4, written from the format's description alone: it shares nothing with the writer."""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_SCALARS = {b"C": "<?", b"Y": "<h", b"I": "<i", b"F": "<f", b"D": "<d", b"L": "<q"}
_ARRAYS = {b"f": "<f4", b"d": "<f8", b"l": "<i8", b"i": "<i4", b"b": "?"}
_TICKS = 46_186_158_000


@dataclass
class Node:
    name: str
    values: list[Any]
    children: list["Node"]
    has_block: bool
    """Whether a (maybe empty) block of children follows the properties."""

    def all(self, name: str) -> list["Node"]:
        return [child for child in self.children if child.name == name]

    def one(self, name: str) -> "Node":
        found = self.all(name)
        assert len(found) == 1, f"{len(found)} {name} in {self.name}"
        return found[0]

    def value(self, name: str) -> Any:
        return self.one(name).values[0]

    def setting(self, name: str) -> list[Any]:
        return next(row.values[4:] for row in self.one("Properties70").all("P") if row.values[0] == name)


def parse(data: bytes) -> dict[str, Node]:
    """Top-level nodes by name; asserts that every offset and the footer are where they must be."""
    assert data[:23] == b"Kaydara FBX Binary  \x00\x1a\x00"
    assert struct.unpack_from("<I", data, 23) == (7400,)
    offset, nodes = 27, {}
    while data[offset : offset + 13] != bytes(13):
        node, offset = _node(data, offset)
        assert node.name not in nodes
        nodes[node.name] = node
    footer = data[offset + 13 :]
    assert struct.unpack_from("<I", footer, len(footer) - 140) == (7400,)
    assert (len(data) - 140) % 16 == 0
    return nodes


def _node(data: bytes, offset: int) -> tuple[Node, int]:
    end, count, length, name_length = struct.unpack_from("<IIIB", data, offset)
    name = data[offset + 13 : offset + 13 + name_length].decode()
    at = offset + 13 + name_length
    stop = at + length
    values = []
    for _ in range(count):
        value, at = _value(data, at)
        values.append(value)
    assert at == stop, name
    children: list[Node] = []
    has_block = at < end
    while at < end:
        if data[at : at + 13] == bytes(13):
            at += 13
            break
        child, at = _node(data, at)
        children.append(child)
    assert at == end, f"{name} ends at {at}, not at {end}"
    return Node(name, values, children, has_block), end


def _value(data: bytes, at: int) -> tuple[Any, int]:
    code = data[at : at + 1]
    at += 1
    if code in _SCALARS:
        return struct.unpack_from(_SCALARS[code], data, at)[0], at + struct.calcsize(_SCALARS[code])
    if code in {b"S", b"R"}:
        (length,) = struct.unpack_from("<I", data, at)
        raw = data[at + 4 : at + 4 + length]
        return (raw.decode() if code == b"S" else raw), at + 4 + length
    count, encoding, length = struct.unpack_from("<III", data, at)
    raw = data[at + 12 : at + 12 + length]
    array = np.frombuffer(zlib.decompress(raw) if encoding else raw, _ARRAYS[code])
    assert len(array) == count
    return array, at + 12 + length


@dataclass
class Fbx:
    """Objects by id, and who is connected to whom."""

    nodes: dict[str, Node]
    objects: dict[int, Node] = field(default_factory=dict)
    links: list[tuple[int, int, str]] = field(default_factory=list)
    """(child, parent, property or '')."""

    def of(self, kind: str, subtype: str | None = None) -> dict[int, Node]:
        return {
            key: node
            for key, node in self.objects.items()
            if node.name == kind and (subtype is None or node.values[2] == subtype)
        }

    def parents(self, child: int) -> list[int]:
        return [parent for kid, parent, _ in self.links if kid == child]

    def children(self, parent: int, prop: str | None = None) -> list[int]:
        return [kid for kid, owner, name in self.links if owner == parent and prop in {None, name}]

    def title(self, key: int) -> str:
        return str(self.objects[key].values[1]).split("\x00\x01")[0]


def read(data: bytes) -> Fbx:
    """Read a file; asserts that ids are unique and connections lead to objects (or the root, 0)."""
    nodes = parse(data)
    fbx = Fbx(nodes)
    for node in nodes["Objects"].children:
        assert node.values[0] not in fbx.objects
        fbx.objects[node.values[0]] = node
    for link in nodes["Connections"].all("C"):
        child, parent = link.values[1:3]
        assert child in fbx.objects
        assert parent == 0 or parent in fbx.objects
        fbx.links.append((child, parent, link.values[3] if link.values[0] == "OP" else ""))
    return fbx


def bones(fbx: Fbx) -> dict[str, str]:
    """Bone name → parent's name."""
    limbs = fbx.of("Model", "LimbNode")
    return {
        fbx.title(key): fbx.title(next(p for p in fbx.parents(key) if p in fbx.of("Model"))) for key in limbs
    }


def skinned(fbx: Fbx, clip: str | None, frame: int) -> np.ndarray:
    """Vertices (n, 3) in file units as an importer deforms them at a key of a clip, or at rest."""
    geometry_id, geometry = next(iter(fbx.of("Geometry").items()))
    points = geometry.value("Vertices").reshape(-1, 3)
    layer = None
    if clip is not None:
        stack = next(key for key in fbx.of("AnimationStack") if fbx.title(key) == clip)
        layer = fbx.children(stack)[0]
    result = np.zeros_like(points)
    skin = next(key for key in fbx.of("Deformer", "Skin") if geometry_id in fbx.parents(key))
    for cluster_id in fbx.children(skin):
        cluster = fbx.objects[cluster_id]
        bone = fbx.children(cluster_id)[0]
        world = _world(fbx, bone, layer, frame)
        matrix = world @ cluster.value("Transform").reshape(4, 4).T
        index, weight = cluster.value("Indexes"), cluster.value("Weights")
        result[index] += weight[:, None] * (points[index] @ matrix[:3, :3].T + matrix[:3, 3])
    return result


def _world(fbx: Fbx, key: int, layer: int | None, frame: int) -> np.ndarray:
    model = fbx.objects[key]
    if model.values[2] != "LimbNode":
        return np.eye(4)
    channels = []
    for prop, default in (("Lcl Translation", 0.0), ("Lcl Rotation", 0.0), ("Lcl Scaling", 1.0)):
        rows = [row.values[4:] for row in model.one("Properties70").all("P") if row.values[0] == prop]
        values = list(rows[0]) if rows else [default] * 3
        for group in fbx.children(key, prop):
            if layer is not None and layer in fbx.parents(group):
                values = [
                    fbx.objects[fbx.children(group, f"d|{axis}")[0]].value("KeyValueFloat")[frame]
                    for axis in "XYZ"
                ]
        channels.append(np.array(values, float))
    translation, degrees, scale = channels
    matrix = np.eye(4)
    for axis, angle in enumerate(np.radians(degrees)):  # X first, then Y, then Z, about fixed axes
        turn = np.eye(3)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[j, i], turn[i, j] = np.sin(angle), -np.sin(angle)
        matrix[:3, :3] = turn @ matrix[:3, :3]
    matrix[:3, :3] *= scale
    matrix[:3, 3] = translation
    parent = next(p for p in fbx.parents(key) if p in fbx.of("Model"))
    return _world(fbx, parent, layer, frame) @ matrix


def seconds(ticks: Any) -> Any:
    """FBX time to seconds."""
    return ticks / _TICKS
