"""FBX and OBJ as assimp reads them, by the C interface of the library inside the ``assimp-py`` wheel.

The wheel's own Python interface leaves out bones and animations. Layouts are those of assimp 5.4 (``scene.h``,
``mesh.h``, ``anim.h``).
"""

import ctypes as c
from dataclasses import dataclass, field
from pathlib import Path

import assimp_py
import numpy as np

_LIBRARY = c.CDLL(str(next(Path(assimp_py.__file__).parent.glob("*.so"))))
_VERSION = (_LIBRARY.aiGetVersionMajor(), _LIBRARY.aiGetVersionMinor())
_TEXTURE_TYPES = {"base_color": 1, "normal": 6}
_UINT = c.c_uint32


class _String(c.Structure):
    _fields_ = [("length", _UINT), ("data", c.c_char * 1024)]

    def __str__(self) -> str:
        return self.data[: self.length].decode()


class _Face(c.Structure):
    _fields_ = [("count", _UINT), ("indices", c.POINTER(_UINT))]


class _Weight(c.Structure):
    _fields_ = [("vertex", _UINT), ("weight", c.c_float)]


class _Bone(c.Structure):
    _fields_ = [
        ("name", _String),
        ("count", _UINT),
        ("armature", c.c_void_p),
        ("node", c.c_void_p),
        ("weights", c.POINTER(_Weight)),
        ("offset", c.c_float * 16),
    ]


class _Mesh(c.Structure):
    _fields_ = [
        ("primitives", _UINT),
        ("vertex_count", _UINT),
        ("face_count", _UINT),
        ("vertices", c.POINTER(c.c_float)),
        ("normals", c.POINTER(c.c_float)),
        ("tangents", c.c_void_p),
        ("bitangents", c.c_void_p),
        ("colors", c.c_void_p * 8),
        ("uvs", c.POINTER(c.c_float) * 8),
        ("uv_components", _UINT * 8),
        ("faces", c.POINTER(_Face)),
        ("bone_count", _UINT),
        ("bones", c.POINTER(c.POINTER(_Bone))),
        ("material", _UINT),
        ("name", _String),
    ]


class _Node(c.Structure):
    pass


_Node._fields_ = [
    ("name", _String),
    ("transformation", c.c_float * 16),
    ("parent", c.POINTER(_Node)),
    ("child_count", _UINT),
    ("children", c.POINTER(c.POINTER(_Node))),
]


class _VectorKey(c.Structure):
    _fields_ = [("time", c.c_double), ("value", c.c_float * 3), ("interpolation", c.c_int)]


class _QuatKey(c.Structure):
    _fields_ = [("time", c.c_double), ("value", c.c_float * 4), ("interpolation", c.c_int)]


class _Channel(c.Structure):
    _fields_ = [
        ("node", _String),
        ("move_count", _UINT),
        ("moves", c.POINTER(_VectorKey)),
        ("turn_count", _UINT),
        ("turns", c.POINTER(_QuatKey)),
    ]


class _Animation(c.Structure):
    _fields_ = [
        ("name", _String),
        ("duration", c.c_double),
        ("ticks_per_second", c.c_double),
        ("channel_count", _UINT),
        ("channels", c.POINTER(c.POINTER(_Channel))),
    ]


class _Scene(c.Structure):
    _fields_ = [
        ("flags", _UINT),
        ("root", c.POINTER(_Node)),
        ("mesh_count", _UINT),
        ("meshes", c.POINTER(c.POINTER(_Mesh))),
        ("material_count", _UINT),
        ("materials", c.POINTER(c.c_void_p)),
        ("animation_count", _UINT),
        ("animations", c.POINTER(c.POINTER(_Animation))),
        ("texture_count", _UINT),
    ]


_LIBRARY.aiImportFile.restype = c.POINTER(_Scene)
_LIBRARY.aiImportFile.argtypes = [c.c_char_p, _UINT]
_LIBRARY.aiReleaseImport.argtypes = [c.POINTER(_Scene)]
_LIBRARY.aiGetErrorString.restype = c.c_char_p
_LIBRARY.aiGetMaterialTexture.argtypes = [c.c_void_p, c.c_int, _UINT, c.POINTER(_String), *[c.c_void_p] * 6]


@dataclass
class Clip:
    """An animation: its length in seconds, and per bone the keys' times (s), places and quaternions (w, x, y, z)."""

    seconds: float
    times: dict[str, np.ndarray] = field(default_factory=dict)
    moves: dict[str, np.ndarray] = field(default_factory=dict)
    turns: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class Read:
    """What assimp found: nodes with their parents, faces, weights per bone, clips, texture names."""

    parents: dict[str, str]
    positions: np.ndarray
    normals: np.ndarray
    uv: np.ndarray | None
    faces: list[list[int]]
    weights: dict[str, dict[int, float]]
    clips: dict[str, Clip]
    textures: dict[str, str]
    embedded: int


def read(path: Path) -> Read:
    """Import a file as it is, without any post-processing. Raises ``ValueError`` with assimp's words."""
    assert _VERSION == (5, 4), f"the layouts here are those of assimp 5.4, not {_VERSION}"
    pointer = _LIBRARY.aiImportFile(str(path).encode(), 0)
    if not pointer:
        raise ValueError(_LIBRARY.aiGetErrorString().decode())
    try:
        return _copied(pointer.contents)
    finally:
        _LIBRARY.aiReleaseImport(pointer)


def _copied(scene: _Scene) -> Read:
    assert scene.mesh_count == 1
    mesh = scene.meshes[0].contents
    parents: dict[str, str] = {}
    _walk(scene.root.contents, "", parents)
    uv = _array(mesh.uvs[0], mesh.vertex_count, 3)[:, :2] if mesh.uvs[0] else None
    bones = [mesh.bones[i].contents for i in range(mesh.bone_count)]
    return Read(
        parents=parents,
        positions=_array(mesh.vertices, mesh.vertex_count, 3),
        normals=_array(mesh.normals, mesh.vertex_count, 3),
        uv=uv,
        faces=[
            [face.indices[i] for i in range(face.count)]
            for face in (mesh.faces[j] for j in range(mesh.face_count))
        ],
        weights={
            str(bone.name): {bone.weights[i].vertex: bone.weights[i].weight for i in range(bone.count)}
            for bone in bones
        },
        clips={
            str(clip.name): _clip(clip)
            for clip in (scene.animations[i].contents for i in range(scene.animation_count))
        },
        textures=_textures(scene.materials[mesh.material]),
        embedded=scene.texture_count,
    )


def _walk(node: _Node, parent: str, parents: dict[str, str]) -> None:
    parents[str(node.name)] = parent
    for index in range(node.child_count):
        _walk(node.children[index].contents, str(node.name), parents)


def _array(pointer: object, rows: int, columns: int) -> np.ndarray:
    return np.ctypeslib.as_array(pointer, (rows, columns)).copy()


def _clip(animation: _Animation) -> Clip:
    rate = animation.ticks_per_second
    clip = Clip(animation.duration / rate)
    for channel in (animation.channels[i].contents for i in range(animation.channel_count)):
        name = str(channel.node)
        moves = [channel.moves[i] for i in range(channel.move_count)]
        turns = [channel.turns[i] for i in range(channel.turn_count)]
        clip.times[name] = np.array([key.time / rate for key in moves])
        clip.moves[name] = np.array([list(key.value) for key in moves])
        clip.turns[name] = np.array([list(key.value) for key in turns])
    return clip


def _textures(material: int) -> dict[str, str]:
    found = {}
    for channel, kind in _TEXTURE_TYPES.items():
        name = _String()
        if _LIBRARY.aiGetMaterialTexture(material, kind, 0, c.byref(name), *[None] * 6) == 0:
            found[channel] = str(name)
    return found
