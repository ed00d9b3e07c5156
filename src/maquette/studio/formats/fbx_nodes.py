"""The node tree of a binary FBX 7.4 file and its encoding.

Autodesk publishes no specification; facts are from the Blender Foundation's format notes ("FBX binary file format
specification", 2013) and from what the importers of Blender and assimp accept. Each node is: end offset, property count,
property bytes, name, properties, children, and 13 zero bytes when it has a block of children.
"""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 7400
CENTIMETRES = 100.0
"""Studio lengths are metres; lengths in an FBX file are centimetres."""
_MAGIC = b"Kaydara FBX Binary  \x00\x1a\x00"
_SENTINEL = bytes(13)
# Readers check neither id against the creation time; these two belong to the epoch that `fbx_write` states.
_FOOTER_ID = bytes.fromhex("fabcab09d0c8d466b176fb831cf7267e")
_FOOTER_MAGIC = bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")
_ALWAYS_BLOCK = frozenset({"AnimationStack", "AnimationLayer"})
"""Without an (empty) block of children these make assimp drop every animation, silently."""
_COMPRESS_BYTES_MIN = 128
_ARRAY_CODES = {"f8": b"d", "f4": b"f", "i4": b"i", "i8": b"l"}


class Id(int):
    """An object id or a time: written as 64 bits, where importers accept nothing else."""


# In this order: a bool and an Id are ints too.
_SCALARS = ((bool, (b"C", "<c?")), (Id, (b"L", "<cq")), (int, (b"I", "<ci")), (float, (b"D", "<cd")))

Property = bool | int | float | str | bytes | NDArray[Any]


@dataclass(slots=True)
class Node:
    """A named record with properties and children; builders add children in place."""

    name: str
    properties: tuple[Property, ...] = ()
    children: list["Node"] = field(default_factory=list)

    def add(self, name: str, *properties: Property) -> "Node":
        """Append a child and return it."""
        child = Node(name, properties)
        self.children.append(child)
        return child

    def settings(self, *rows: tuple[Property, ...]) -> None:
        """Append a ``Properties70`` block of ``P`` rows: name, type, label, flags, values."""
        block = self.add("Properties70")
        for row in rows:
            block.add("P", *row)


@dataclass(slots=True)
class Builder:
    """The two growing lists of an FBX file: objects, and the connections between their ids."""

    objects: Node = field(default_factory=lambda: Node("Objects"))
    connections: Node = field(default_factory=lambda: Node("Connections"))
    next_id: int = 1_000_000

    def object(self, kind: str, name: str, name_class: str, subtype: str) -> tuple[Id, Node]:
        """Add an object; its id counts up, so equal scenes get equal files."""
        self.next_id += 1
        identity = Id(self.next_id)
        return identity, self.objects.add(kind, identity, f"{name}\x00\x01{name_class}", subtype)

    def connect(self, child: Id, parent: Id, prop: str | None = None) -> None:
        """Connect an object to an object, or to one of its properties."""
        if prop is None:
            self.connections.add("C", "OO", child, parent)
        else:
            self.connections.add("C", "OP", child, parent, prop)


def encode_file(nodes: list[Node]) -> bytes:
    """Encode the whole file with header and footer."""
    out = bytearray(_MAGIC + struct.pack("<I", VERSION))
    for node in nodes:
        _encode_node(node, out)
    out += _SENTINEL + _FOOTER_ID + bytes(4)
    out += bytes(-len(out) % 16 or 16)
    out += struct.pack("<I", VERSION) + bytes(120) + _FOOTER_MAGIC
    return bytes(out)


def _encode_node(node: Node, out: bytearray) -> None:
    name = node.name.encode()
    properties = b"".join(_encode_property(value) for value in node.properties)
    start = len(out)
    out += bytes(12) + struct.pack("<B", len(name)) + name + properties
    for child in node.children:
        _encode_node(child, out)
    if node.children or not node.properties or node.name in _ALWAYS_BLOCK:
        out += _SENTINEL
    struct.pack_into("<III", out, start, len(out), len(node.properties), len(properties))


def _encode_property(value: Property) -> bytes:
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if isinstance(value, (str, bytes)):
        data, code = (value.encode(), b"S") if isinstance(value, str) else (value, b"R")
        return struct.pack("<cI", code, len(data)) + data
    layout = next(layout for kind, layout in _SCALARS if isinstance(value, kind))
    return struct.pack(layout[1], layout[0], value)


def _encode_array(array: NDArray[Any]) -> bytes:
    packed = np.ascontiguousarray(array)
    raw = packed.tobytes()
    compressed = len(raw) > _COMPRESS_BYTES_MIN
    data = zlib.compress(raw, 6) if compressed else raw
    code = _ARRAY_CODES[packed.dtype.str[1:]]
    return struct.pack("<cIII", code, packed.size, int(compressed), len(data)) + data
