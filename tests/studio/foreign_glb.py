"""GLB files as other programs write them: built by hand, byte by byte, with layouts that ours never uses."""

import base64
import io
import json
import struct
from typing import Any

import numpy as np
from PIL import Image

SIZES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
TYPES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}

#: A unit cube standing on the ground, 24 vertices, outward counter-clockwise faces.
_QUADS = [
    [(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
    [(1, 0, 0), (0, 0, 0), (0, 1, 0), (1, 1, 0)],
    [(1, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1)],
    [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)],
    [(0, 1, 1), (1, 1, 1), (1, 1, 0), (0, 1, 0)],
    [(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)],
]
CUBE = np.array(_QUADS, float).reshape(-1, 3) - (0.5, 0.0, 0.5)
CUBE_NORMALS = np.repeat(
    [(0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)], 4, axis=0
).astype(float)
CUBE_UV = np.tile([(0, 1), (1, 1), (1, 0), (0, 0)], (6, 1)).astype(float)
CUBE_FACES = (np.arange(6)[:, None] * 4 + [0, 1, 2, 0, 2, 3]).reshape(-1, 3)


class Glb:
    """A glTF document being assembled."""

    def __init__(self) -> None:
        self.binary = bytearray()
        self.json: dict[str, Any] = {"asset": {"version": "2.0", "generator": "hand"}}

    def add(self, key: str, **entry: Any) -> int:
        entries = self.json.setdefault(key, [])
        entries.append(entry)
        return len(entries) - 1

    def view(self, data: bytes, **extra: Any) -> int:
        self.binary.extend(bytes(-len(self.binary) % 4))
        start = len(self.binary)
        self.binary.extend(data)
        return self.add("bufferViews", buffer=0, byteOffset=start, byteLength=len(data), **extra)

    def accessor(self, values: Any, kind: str, dtype: str = "f4", **extra: Any) -> int:
        array = np.asarray(values).astype("<" + dtype).reshape(-1, SIZES[kind])
        return self.add(
            "accessors",
            bufferView=self.view(array.tobytes()),
            componentType=TYPES[dtype],
            count=len(array),
            type=kind,
            **extra,
        )

    def image(self, image: Image.Image, kind: str = "PNG") -> int:
        stream = io.BytesIO()
        image.save(stream, kind)
        source = self.add("images", bufferView=self.view(stream.getvalue()), mimeType=f"image/{kind.lower()}")
        return self.add("textures", source=source)

    def mesh(self, *primitives: dict[str, Any]) -> int:
        return self.add("meshes", primitives=list(primitives))

    def cube(self, *, uv: bool = True, normals: bool = True, **extra: Any) -> dict[str, Any]:
        """A primitive of the cube; ``extra`` goes beside its attributes."""
        attributes = {"POSITION": self.accessor(CUBE, "VEC3")}
        if normals:
            attributes["NORMAL"] = self.accessor(CUBE_NORMALS, "VEC3")
        if uv:
            attributes["TEXCOORD_0"] = self.accessor(CUBE_UV, "VEC2")
        attributes |= extra.pop("attributes", {})
        return {"attributes": attributes, "indices": self.accessor(CUBE_FACES, "SCALAR", "u1"), **extra}

    def scene(self, *nodes: int) -> None:
        self.json["scenes"] = [{"nodes": list(nodes)}]

    def encoded(self, *, data_uri: bool = False) -> bytes:
        self.binary.extend(bytes(-len(self.binary) % 4))
        chunks = b""
        if self.binary:
            buffer = {"byteLength": len(self.binary)}
            if data_uri:
                text = base64.b64encode(bytes(self.binary)).decode()
                buffer["uri"] = f"data:application/octet-stream;base64,{text}"
            else:
                chunks = struct.pack("<II", len(self.binary), 0x004E4942) + bytes(self.binary)
            self.json.setdefault("buffers", [buffer])
        text = json.dumps(self.json).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + chunks
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def textured_cube(size: int = 64, *, rotate: bool = False) -> bytes:
    """A plain foreign model: JPEG texture, a node with scale and rotation, u8 indices, no tangents."""
    glb = Glb()
    y, x = np.mgrid[0:size, 0:size]
    checks = np.where(((x // 8 + y // 8) % 2)[..., None], (220, 40, 40), (40, 60, 200)).astype(np.uint8)
    texture = glb.image(Image.fromarray(checks), "JPEG")
    material = glb.add(
        "materials", pbrMetallicRoughness={"baseColorTexture": {"index": texture}, "metallicFactor": 0.0}
    )
    mesh = glb.mesh(glb.cube(material=material))
    turn = [0.0, 0.38268343, 0.0, 0.92387953] if rotate else [0.0, 0.0, 0.0, 1.0]
    glb.scene(glb.add("nodes", name="crate", mesh=mesh, scale=[2.0, 2.0, 2.0], rotation=turn))
    return glb.encoded()


def rigged_figure() -> bytes:
    """A skinned, animated box man of another make: Armature node, names of its own, cubic keys, u16 joints."""
    glb = Glb()
    points = np.concatenate([CUBE * (0.4, 1.6, 0.2), CUBE * (0.2, 0.3, 0.2) + (0, 1.6, 0)])
    faces = np.concatenate([CUBE_FACES, CUBE_FACES + len(CUBE)])
    upper = np.clip(points[:, 1] - 0.8, 0, 1) > 0
    joints = np.zeros((len(points), 4), int)
    joints[:, 0], joints[:, 1] = 0, 1
    weights = np.zeros((len(points), 4))
    weights[:, 0], weights[:, 1] = ~upper, upper
    inverse = np.tile(np.eye(4), (2, 1, 1))
    inverse[1, 3, 1] = -0.8  # stored by columns
    primitive = {
        "attributes": {
            "POSITION": glb.accessor(points, "VEC3"),
            "JOINTS_0": glb.accessor(joints, "VEC4", "u2"),
            "WEIGHTS_0": glb.accessor(weights, "VEC4"),
        },
        "indices": glb.accessor(faces, "SCALAR", "u2"),
    }
    mesh = glb.mesh(primitive)
    glb.add("nodes", name="Armature", children=[1, 3])
    glb.add("nodes", name="Pelvis", children=[2])
    glb.add("nodes", name="Chest", translation=[0, 0.8, 0])
    glb.add("nodes", name="Body", mesh=mesh, skin=0)
    glb.add("skins", joints=[1, 2], inverseBindMatrices=glb.accessor(inverse, "MAT4"))
    half = np.sqrt(0.5)
    keys = np.array([(0, 0, 0, 1), (0, 0, half, half), (0, 0, 0, 1)])
    tangents = np.zeros_like(keys)
    output = glb.accessor(np.stack([tangents, keys, tangents], axis=1), "VEC4")
    sampler = {"input": glb.accessor([0, 0.5, 1], "SCALAR"), "output": output, "interpolation": "CUBICSPLINE"}
    glb.add(
        "animations",
        name="Wave",
        samplers=[sampler],
        channels=[{"sampler": 0, "target": {"node": 2, "path": "rotation"}}],
    )
    glb.scene(0)
    return glb.encoded()
