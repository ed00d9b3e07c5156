"""Scene → binary glTF 2.0. Equal scenes give equal bytes; the Khronos validator has nothing to say about them."""

import io
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maquette.studio.geometry import tangents, unit_rows
from maquette.studio.pose import inverse_binds, unit_quaternions
from maquette.studio.quads import EXTRAS
from maquette.studio.scene import Bone, Clip, Floats, Material, Mesh, Scene
from maquette.studio.version import NAME, VERSION

_GLB, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_COMPONENT = {"f4": 5126, "u4": 5125, "u2": 5123, "u1": 5121}
_VERTICES, _INDICES = 34962, 34963
_OPAQUE_ALPHA = 250
TEXTURE_FILES = {"base_color": "base_color", "normal": "normal", "occlusion_roughness_metallic": "orm"}
"""Map of a material → how the name of its file ends."""
_PNG_LEVEL = (
    4  # fixed, for equal bytes; on a baked 1024 atlas: 4 0.19 s 854 kB, 6 0.45 s 817 kB, 9 3.5 s 771 kB
)


def write_glb(scene: Scene, pictures: Mapping[str, bytes] | None = None) -> bytes:
    """One GLB with mesh, material, skin and all clips; without a mesh, the skeleton and its clips alone.

    ``pictures`` are the material's maps as PNG where they are encoded already, by `TEXTURE_FILES` key.
    """
    out = _Document(pictures or {})
    return out.glb(_composed(scene, out))


def write_gltf(scene: Scene, stem: str, pictures: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Give the same as files that name each other: ``.gltf``, ``.bin`` and a PNG for each map."""
    out = _Document(pictures or {}, stem)
    return out.separate(_composed(scene, out))


def _composed(scene: Scene, out: "_Document") -> dict[str, Any]:
    bone_nodes = [_bone_node(scene.bones, index) for index in range(len(scene.bones))]
    nodes: list[dict[str, Any]] = list(bone_nodes)
    roots = [index for index, bone in enumerate(scene.bones) if bone.parent < 0]
    if len(roots) > 1:  # joints need a common root
        nodes.append({"name": "Armature", "children": roots})
        roots = [len(nodes) - 1]
    top = list(roots)
    if scene.mesh is not None:
        node: dict[str, Any] = {"name": scene.name, "mesh": 0}
        if scene.bones and scene.mesh.joints is not None:
            node["skin"] = 0
            out.add("skins", _skin(out, scene, roots[0]))
        top.append(len(nodes))
        nodes.append(node)
        _mesh(out, scene, scene.mesh)
    for clip in scene.clips:
        out.add("animations", _animation(out, clip))
    head: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": f"{NAME} {VERSION}"},
        "scene": 0,
        "scenes": [{"name": scene.name, "nodes": top}],
        "nodes": nodes,
    }
    if scene.extras:
        head["asset"]["extras"] = dict(scene.extras)
    return head


def png_bytes(image: Image.Image) -> bytes:
    """PNG at the studio's fixed compression level, without metadata."""
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=_PNG_LEVEL)
    return stream.getvalue()


class _Document:
    """The growing buffer and the top-level arrays of a glTF document; with a ``stem``, its pictures are files."""

    def __init__(self, pictures: Mapping[str, bytes], stem: str | None = None) -> None:
        self.buffer = bytearray()
        self.arrays: dict[str, list[dict[str, Any]]] = {}
        self._pictures = pictures
        self._stem = stem
        self._files: dict[str, bytes] = {}

    def add(self, key: str, value: dict[str, Any]) -> int:
        entries = self.arrays.setdefault(key, [])
        entries.append(value)
        return len(entries) - 1

    def view(self, data: bytes, target: int | None = None) -> int:
        self.buffer.extend(bytes(-len(self.buffer) % 4))
        view = {"buffer": 0, "byteOffset": len(self.buffer), "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self.buffer.extend(data)
        return self.add("bufferViews", view)

    def accessor(
        self, array: NDArray[Any], kind: str, target: int | None = None, *, bounds: bool = False
    ) -> int:
        packed = np.ascontiguousarray(array)
        accessor = {
            "bufferView": self.view(packed.tobytes(), target),
            "componentType": _COMPONENT[packed.dtype.str[1:]],
            "count": len(packed),
            "type": kind,
        }
        if bounds:  # numpy's float32 prints exactly as a double, so these equal the stored values
            accessor["min"] = np.atleast_1d(packed.min(axis=0)).tolist()
            accessor["max"] = np.atleast_1d(packed.max(axis=0)).tolist()
        return self.add("accessors", accessor)

    def picture(self, channel: str, image: Image.Image) -> int:
        """Embed a map as PNG, or put it beside the document."""
        data = self._pictures.get(channel)
        if data is None:
            data = png_bytes(image.convert("RGBA" if image.has_transparency_data else "RGB"))
        if self._stem is None:
            view = self.view(data)
            return self.add("images", {"name": channel, "mimeType": "image/png", "bufferView": view})
        uri = f"{self._stem}_{TEXTURE_FILES[channel]}.png"
        self._files[uri] = data
        return self.add("images", {"name": channel, "mimeType": "image/png", "uri": uri})

    def separate(self, head: dict[str, Any]) -> dict[str, bytes]:
        document = head | self.arrays
        binary = f"{self._stem}.bin"
        document["buffers"] = [{"byteLength": len(self.buffer), "uri": binary}]
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode()
        return {f"{self._stem}.gltf": text + b"\n", binary: bytes(self.buffer), **self._files}

    def glb(self, head: dict[str, Any]) -> bytes:
        self.buffer.extend(bytes(-len(self.buffer) % 4))
        document = head | self.arrays
        if self.buffer:
            document["buffers"] = [{"byteLength": len(self.buffer)}]
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<II", len(text), _JSON) + text
        if self.buffer:
            chunks += struct.pack("<II", len(self.buffer), _BIN) + bytes(self.buffer)
        return struct.pack("<III", _GLB, 2, 12 + len(chunks)) + chunks


def _mesh(out: _Document, scene: Scene, mesh: Mesh) -> None:
    material = scene.material
    attributes = {
        "POSITION": out.accessor(mesh.positions.astype("<f4"), "VEC3", _VERTICES, bounds=True),
        "NORMAL": out.accessor(unit_rows(mesh.normals, (0.0, 1.0, 0.0)).astype("<f4"), "VEC3", _VERTICES),
    }
    has_textures = material.base_color or material.normal or material.occlusion_roughness_metallic
    if mesh.uv is not None and has_textures:
        attributes["TEXCOORD_0"] = out.accessor(mesh.uv.astype("<f4"), "VEC2", _VERTICES)
        if material.normal is not None:
            frame = mesh.tangents
            if frame is None:
                frame = tangents(mesh.positions, mesh.triangles, mesh.normals, mesh.uv)
            attributes["TANGENT"] = out.accessor(frame.astype("<f4"), "VEC4", _VERTICES)
    else:
        material = Material(
            name=material.name,
            base_color_factor=material.base_color_factor,
            metallic_factor=material.metallic_factor,
            roughness_factor=material.roughness_factor,
        )
    if scene.bones and mesh.joints is not None and mesh.weights is not None:
        weights = mesh.weights / mesh.weights.sum(axis=1, keepdims=True)
        joints = np.where(weights > 0, mesh.joints, 0).astype("u1" if len(scene.bones) <= 256 else "<u2")
        attributes["JOINTS_0"] = out.accessor(joints, "VEC4", _VERTICES)
        attributes["WEIGHTS_0"] = out.accessor(weights.astype("<f4"), "VEC4", _VERTICES)
    # 65535 itself is the strip-restart value of u16
    index_type = "<u2" if len(mesh.positions) < 65535 else "<u4"
    primitive = {
        "attributes": attributes,
        "indices": out.accessor(mesh.triangles.astype(index_type).ravel(), "SCALAR", _INDICES),
        "material": _material(out, material),
    }
    entry: dict[str, Any] = {"name": scene.name, "primitives": [primitive]}
    if mesh.topology == "quad":
        entry["extras"] = EXTRAS
    out.add("meshes", entry)


def _material(out: _Document, material: Material) -> int:
    pbr: dict[str, Any] = {
        "baseColorFactor": list(material.base_color_factor),
        "metallicFactor": material.metallic_factor,
        "roughnessFactor": material.roughness_factor,
    }
    entry: dict[str, Any] = {"name": material.name, "pbrMetallicRoughness": pbr}
    if material.base_color is not None:
        pbr["baseColorTexture"] = {"index": _texture(out, "base_color", material.base_color)}
    if material.occlusion_roughness_metallic is not None:
        index = _texture(
            out, "occlusion_roughness_metallic", material.occlusion_roughness_metallic.convert("RGB")
        )
        pbr["metallicRoughnessTexture"] = {"index": index}
        entry["occlusionTexture"] = {"index": index}
    if material.normal is not None:
        entry["normalTexture"] = {"index": _texture(out, "normal", material.normal.convert("RGB"))}
    if material.base_color_factor[3] < 1.0:
        entry["alphaMode"] = "BLEND"
    elif _has_holes(material.base_color):
        entry["alphaMode"] = "MASK"
    return out.add("materials", entry)


def _has_holes(image: Image.Image | None) -> bool:
    if image is None or not image.has_transparency_data:
        return False
    return int(np.asarray(image.convert("RGBA").getchannel("A")).min()) < _OPAQUE_ALPHA


def _texture(out: _Document, name: str, image: Image.Image) -> int:
    if "samplers" not in out.arrays:  # linear, mipmapped, clamped: atlases must not wrap into each other
        out.add("samplers", {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071})
    source = out.picture(name, image)
    return out.add("textures", {"sampler": 0, "source": source})


def _bone_node(bones: tuple[Bone, ...], index: int) -> dict[str, Any]:
    bone = bones[index]
    node: dict[str, Any] = {"name": bone.name, "translation": [float(x) for x in bone.translation]}
    if bone.rotation != (0.0, 0.0, 0.0, 1.0):
        node["rotation"] = unit_quaternions(np.asarray([bone.rotation]))[0].tolist()
    if bone.scale != (1.0, 1.0, 1.0):
        node["scale"] = [float(x) for x in bone.scale]
    children = [child for child, other in enumerate(bones) if other.parent == index]
    if children:
        node["children"] = children
    if bone.tail is not None:
        node["extras"] = {"tail": [float(x) for x in bone.tail]}
    return node


def _skin(out: _Document, scene: Scene, root: int) -> dict[str, Any]:
    matrices = inverse_binds(scene).astype("<f4")
    matrices[:, 3] = (0.0, 0.0, 0.0, 1.0)
    columns = np.swapaxes(matrices, 1, 2).reshape(-1, 16)
    return {
        "name": f"{scene.name}_skin",
        "joints": list(range(len(scene.bones))),
        "inverseBindMatrices": out.accessor(columns, "MAT4"),
        "skeleton": root,
    }


def _animation(out: _Document, clip: Clip) -> dict[str, Any]:
    times = out.accessor(clip.times.astype("<f4"), "SCALAR", bounds=True)
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []
    tracks = (("translation", clip.translations), ("rotation", clip.rotations), ("scale", clip.scales))
    for path, by_bone in tracks:
        for bone in sorted(by_bone):
            values: Floats = by_bone[bone]
            if path == "rotation":
                values = unit_quaternions(values)
            output = out.accessor(values.astype("<f4"), "VEC4" if path == "rotation" else "VEC3")
            samplers.append({"input": times, "output": output, "interpolation": "LINEAR"})
            channels.append({"sampler": len(samplers) - 1, "target": {"node": bone, "path": path}})
    return {
        "name": clip.name,
        "samplers": samplers,
        "channels": channels,
        "extras": {"fps": clip.fps, "loop": clip.loop},
    }
