"""The structure of a binary glTF: complete in itself, without loops, and nothing in it that points outside.

Source: Khronos glTF 2.0 specification, sections 3.3 to 3.7 and 4.4 (GLB). What is checked here is what could harm
or stall a reader; whether a mesh makes sense, its worker says.
"""

import json
import struct
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from maquette.domain import content_gltf_images
from maquette.domain.content_images import Unusable, nothing_behind
from maquette.domain.feed import Feed

JSON_BYTES_MAX = 4 * 1024 * 1024
_CHUNKS_MAX = 16
ITEMS_MAX = 100_000
VERTICES_MAX = 10_000_000
_JSON, _BIN = 0x4E4F534A, 0x004E4942
#: Extensions that only add: everything else that a file requires would be read wrongly.
_KNOWN_EXTENSIONS = frozenset(
    {"KHR_materials_unlit", "KHR_texture_transform", "KHR_mesh_quantization", "KHR_materials_specular"}
)
_COMPONENT_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
_COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


def glb(feed: Feed) -> Generator[None, bytes, Mapping[str, int]]:
    """Read the header and the JSON chunk, pass over the binary one."""
    magic, version, length = struct.unpack("<4sII", (yield from feed.take(12)))
    if magic != b"glTF" or version != 2:
        raise Unusable("not_what_it_says", "is no binary glTF of version 2")
    count, kind = struct.unpack("<II", (yield from feed.take(8)))
    if kind != _JSON:
        raise Unusable("damaged", "does not begin with its JSON")
    if count > JSON_BYTES_MAX:
        raise Unusable("too_large", f"has more than {JSON_BYTES_MAX:,} bytes of JSON")
    document = _document((yield from feed.take(count)))
    places = content_gltf_images.places(document)
    binary = 0
    for _ in range(_CHUNKS_MAX):
        if feed.position >= length:
            break
        count, kind = struct.unpack("<II", (yield from feed.take(8)))
        if kind == _BIN and not binary:
            binary = count
        if feed.position + count > length:
            raise Unusable("damaged", "holds a chunk that is longer than the file")
        if kind == _BIN:
            count -= yield from content_gltf_images.pass_over(feed, places, count)
            places = []
        yield from feed.skip(count)
    if feed.position != length:
        raise Unusable("damaged", "says another length than it has")
    yield from nothing_behind(feed)
    return _checked(document, binary)


def _document(text: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Unusable("damaged", "holds JSON that cannot be read") from None
    if not isinstance(value, dict):
        raise Unusable("damaged", "holds JSON that is no object")
    return value


def _checked(document: Mapping[str, Any], binary: int) -> Mapping[str, int]:
    parts = {
        name: _objects(document, name)
        for name in ("buffers", "bufferViews", "accessors", "images", "meshes", "nodes", "scenes", "skins")
    }
    required = document.get("extensionsRequired", [])
    unknown = sorted({str(name) for name in required if name not in _KNOWN_EXTENSIONS})
    if unknown:
        raise Unusable("unsupported", f"needs {', '.join(unknown)[:200]}; export it without")
    for item in (*parts["buffers"], *parts["images"]):
        uri = item.get("uri")
        if uri is not None and not (isinstance(uri, str) and uri.startswith("data:")):
            raise Unusable("external_uri", "points to a file outside of it; export it with everything inside")
    buffers = [
        binary if at == 0 and "uri" not in item else _whole(item.get("byteLength"))
        for at, item in enumerate(parts["buffers"])
    ]
    _check_views(parts["bufferViews"], buffers)
    _check_accessors(parts["accessors"], parts["bufferViews"])
    _check_tree(parts["nodes"])
    if not parts["meshes"]:
        raise Unusable("damaged", "holds no mesh")
    return {
        "meshes": len(parts["meshes"]),
        "nodes": len(parts["nodes"]),
        "primitives": _check_primitives(parts["meshes"], parts["accessors"]),
    }


def _objects(document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    items = document.get(name, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Unusable("damaged", f"has {name} that are no list of objects")
    if len(items) > ITEMS_MAX:
        raise Unusable("too_large", f"has more than {ITEMS_MAX:,} {name}")
    return items


def _whole(value: Any, default: int = 0) -> int:
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Unusable("damaged", "holds a count that is no whole number")
    return value


def _at(items: Sequence[Any], index: Any) -> Any:
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(items):
        raise Unusable("damaged", "refers to something that it does not hold")
    return items[index]


def _check_views(views: Sequence[Mapping[str, Any]], buffers: Sequence[int]) -> None:
    for view in views:
        if _whole(view.get("byteOffset")) + _whole(view.get("byteLength")) > _at(buffers, view.get("buffer")):
            raise Unusable("damaged", "has a view that is longer than its buffer")


def _check_accessors(accessors: Sequence[Mapping[str, Any]], views: Sequence[Mapping[str, Any]]) -> None:
    for item in accessors:
        count = _whole(item.get("count"))
        if count > VERTICES_MAX:
            raise Unusable("too_large", f"has more than {VERTICES_MAX:,} values in one accessor")
        width = _COMPONENT_BYTES.get(item.get("componentType", 0), 0) * _COMPONENTS.get(
            str(item.get("type")), 0
        )
        if not width:
            raise Unusable("damaged", "has an accessor of no known type")
        if "bufferView" not in item or not count:
            continue
        view = _at(views, item["bufferView"])
        stride = _whole(view.get("byteStride"), width) or width
        if _whole(item.get("byteOffset")) + (count - 1) * stride + width > _whole(view.get("byteLength")):
            raise Unusable("damaged", "has an accessor that is longer than its view")


def _check_primitives(meshes: Sequence[Mapping[str, Any]], accessors: Sequence[Mapping[str, Any]]) -> int:
    count = 0
    for mesh in meshes:
        primitives = mesh.get("primitives")
        if not isinstance(primitives, list) or not primitives:
            raise Unusable("damaged", "has a mesh without a surface")
        for primitive in primitives:
            attributes = primitive.get("attributes") if isinstance(primitive, dict) else None
            if not isinstance(attributes, dict) or "POSITION" not in attributes:
                raise Unusable("damaged", "has a surface without positions")
            for index in attributes.values():
                _at(accessors, index)
            if "indices" in primitive:
                _at(accessors, primitive["indices"])
            count += 1
    return count


def _check_tree(nodes: Sequence[Mapping[str, Any]]) -> None:
    """Each node has one parent at most and none is its own ancestor."""
    parents: dict[int, int] = {}
    for at, node in enumerate(nodes):
        children = node.get("children", [])
        if not isinstance(children, list):
            raise Unusable("damaged", "has a node whose children are no list")
        for child in children:
            _at(nodes, child)
            if child in parents:
                raise Unusable("damaged", "has a node with two parents")
            parents[child] = at
    clear: set[int] = set()
    for start in parents:
        way: list[int] = []
        above: int | None = start
        while above is not None and above not in clear:
            if len(way) > len(nodes):
                raise Unusable("damaged", "has nodes that are each other's ancestors")
            way.append(above)
            above = parents.get(above)
        clear.update(way)
