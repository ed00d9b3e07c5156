"""Broken, hostile and senseless GLBs are refused with a code, and nothing else ever happens."""

import json
import random
import struct
from collections.abc import Callable
from typing import Any

import pytest
from foreign_glb import CUBE, Glb, rigged_figure, textured_cube

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_read import read_glb


def broken(change: Callable[[dict[str, Any]], object]) -> bytes:
    glb = Glb()
    glb.scene(glb.add("nodes", mesh=glb.mesh(glb.cube())))
    change(glb.json)
    return glb.encoded()


def set_position(value: float) -> bytes:
    glb = Glb()
    points = CUBE.copy()
    points[3, 1] = value
    primitive = glb.cube()
    primitive["attributes"]["POSITION"] = glb.accessor(points, "VEC3")
    glb.scene(glb.add("nodes", mesh=glb.mesh(primitive)))
    return glb.encoded()


def two_nodes_in_a_ring(doc: dict[str, Any]) -> None:
    doc["nodes"] = [{"children": [1], "mesh": 0}, {"children": [0]}]


REFUSED = {
    "empty": (b"", "mesh_malformed"),
    "a PNG": (b"\x89PNG\r\n\x1a\n" + bytes(64), "mesh_malformed"),
    "truncated": (textured_cube()[:-50], "mesh_malformed"),
    "version 1": (struct.pack("<4sII", b"glTF", 1, 20) + bytes(8), "mesh_malformed"),
    "deep JSON": (
        struct.pack("<4sIIII", b"glTF", 2, 200_020, 200_000, 0x4E4F534A) + b"[" * 200_000,
        "mesh_malformed",
    ),
    "external buffer": (
        broken(lambda d: d.update(buffers=[{"uri": "http://localhost/a.bin", "byteLength": 4}])),
        "mesh_external_file",
    ),
    "external image": (
        broken(
            lambda d: d.update(
                images=[{"uri": "../a.png"}],
                textures=[{"source": 0}],
                materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
                meshes=[{"primitives": [d["meshes"][0]["primitives"][0] | {"material": 0}]}],
            )
        ),
        "mesh_external_file",
    ),
    "required Draco": (
        broken(lambda d: d.update(extensionsRequired=["KHR_draco_mesh_compression"])),
        "mesh_extension_unsupported",
    ),
    "cycle": (broken(two_nodes_in_a_ring), "mesh_node_cycle"),
    "view beyond buffer": (broken(lambda d: d["bufferViews"][0].update(byteLength=10**9)), "mesh_malformed"),
    "accessor beyond view": (broken(lambda d: d["accessors"][0].update(count=10**5)), "mesh_malformed"),
    "negative node": (broken(lambda d: d["scenes"][0].update(nodes=[-1])), "mesh_malformed"),
    "absurd count": (broken(lambda d: d["accessors"][0].update(count=10**9)), "mesh_too_large"),
    "index beyond vertices": (broken(lambda d: d["accessors"][0].update(count=5)), "mesh_malformed"),
    "attributes a list": (
        broken(lambda d: d["meshes"][0]["primitives"][0].update(attributes=[1])),
        "mesh_malformed",
    ),
    "points only": (broken(lambda d: d["meshes"][0]["primitives"][0].update(mode=0)), "mesh_has_no_faces"),
    "no mesh at all": (broken(lambda d: d["nodes"][0].pop("mesh")), "mesh_has_no_faces"),
    "NaN position": (set_position(float("nan")), "mesh_not_finite"),
    "infinite position": (set_position(float("inf")), "mesh_not_finite"),
    "a light-year": (set_position(9.4e15), "mesh_size_absurd"),
    "smaller than dust": (broken(lambda d: d["nodes"][0].update(scale=[1e-9] * 3)), "mesh_size_absurd"),
    "infinite transform": (
        broken(lambda d: d["nodes"][0].update(scale=[1e308] * 3, translation=[1e308] * 3)),
        "mesh_malformed",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_worked_on_is_refused_with_a_code(case: str) -> None:
    """Each kind of bad file has its own stable code and a sentence for people."""
    data, code = REFUSED[case]
    with pytest.raises(StudioInputError) as caught:
        read_glb(data)
    assert caught.value.code == code
    assert len(caught.value.message) > 15


def test_damaged_files_never_raise_anything_else() -> None:
    """300 seeded mutations of a rigged file's bytes and JSON are read or refused, and nothing else happens."""
    source = rigged_figure()
    length = struct.unpack_from("<I", source, 12)[0]
    outcomes = set()
    for seed in range(300):
        generator = random.Random(seed)
        data = bytearray(source)
        if seed % 2:
            for _ in range(4):
                data[generator.randrange(len(data))] = generator.randrange(256)
        else:
            document = json.loads(source[20 : 20 + length])
            scramble(document, generator)
            text = json.dumps(document).encode()
            text += b" " * (-len(text) % 4)
            data = bytearray(
                source[:4]
                + struct.pack("<IIII", 2, len(source) - length + len(text), len(text), 0x4E4F534A)
                + text
                + source[20 + length :]
            )
        try:
            read_glb(bytes(data))
            outcomes.add("read")
        except StudioInputError as error:
            outcomes.add(error.code)
    assert len(outcomes) >= 3


def scramble(value: Any, generator: random.Random) -> None:
    """Replace one random leaf of a JSON document by something unexpected."""
    while isinstance(value, (dict, list)) and value:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = generator.choice(list(keys))
        if not isinstance(value[key], (dict, list)) or generator.random() < 0.15:
            value[key] = generator.choice([None, -1, 10**12, "x", [], {}, 1.5, True, [[]], 3])
            return
        value = value[key]
