"""GLB reading and writing: our own files round-trip and validate, foreign ones are understood."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from foreign_glb import CUBE, CUBE_FACES, CUBE_NORMALS, CUBE_UV, Glb, rigged_figure, textured_cube
from PIL import Image

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.pose import inverse_binds, posed, world_matrices
from maquette.studio.scene import Material, Mesh, Scene

Check = Callable[[bytes], list[str]]
HALF = np.array([0.5, 0.0, 0.5])


def cube_scene(**material: Any) -> Scene:
    mesh = Mesh(CUBE, CUBE_FACES.astype(np.int64), CUBE_NORMALS, CUBE_UV)
    return Scene("cube", mesh, Material(**material))


def dense_weights(scene: Scene) -> Any:
    """(vertices, bones)"""
    dense = np.zeros((len(scene.mesh.positions), len(scene.bones)))
    for k in range(4):
        np.add.at(dense, (np.arange(len(dense)), scene.mesh.joints[:, k]), scene.mesh.weights[:, k])
    return dense


def volume(mesh: Mesh) -> float:
    """Signed: positive when triangles face outwards."""
    a, b, c = (mesh.positions[mesh.triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_everything_survives_a_round_trip(figure: Scene) -> None:
    """What is written can be read: geometry, skin, rest pose, clips, textures and extras."""
    back = read_glb(write_glb(figure))
    assert np.abs(back.mesh.positions - figure.mesh.positions).max() < 1e-6
    assert (back.mesh.triangles == figure.mesh.triangles).all()
    assert np.abs(back.mesh.uv - figure.mesh.uv).max() < 1e-6
    assert np.abs(dense_weights(back) - dense_weights(figure)).max() < 1e-6
    assert [(bone.name, bone.parent) for bone in back.bones] == [("root", -1), ("top", 0)]
    assert back.bones[0].tail == (0.0, 1.0, 0.0)
    assert np.abs(world_matrices(back.bones) - world_matrices(figure.bones)).max() < 1e-6
    assert [(clip.name, clip.fps, clip.loop, len(clip.times)) for clip in back.clips] == [
        ("sway", 24, True, 13),
        ("hop", 24, False, 13),
    ]
    assert np.abs(back.clips[0].rotations[1] - figure.clips[0].rotations[1]).max() < 1e-6
    assert np.array_equal(np.asarray(back.material.base_color), np.asarray(figure.material.base_color))
    packed = figure.material.occlusion_roughness_metallic
    assert np.array_equal(np.asarray(back.material.occlusion_roughness_metallic), np.asarray(packed))
    assert back.extras == {"seed": 7}


def test_equal_scenes_give_equal_bytes(figure: Scene) -> None:
    """A step run again writes the same file, so that its checksum and its reuse key stay the same."""
    assert write_glb(figure) == write_glb(replace(figure))


def many_vertices() -> Scene:
    count = 70_000
    positions = np.tile(CUBE, (count // 24 + 1, 1))
    return Scene(
        "big",
        Mesh(
            positions, CUBE_FACES.astype(np.int64) + count - 24, np.tile(CUBE_NORMALS, (count // 24 + 1, 1))
        ),
    )


VALID = {
    "skinned, animated, textured": lambda figure: figure,
    "without a mesh": lambda figure: replace(figure, mesh=None),
    "without skin": lambda figure: replace(figure, bones=(), clips=()),
    "without textures": lambda _: cube_scene(base_color_factor=(1.0, 0.2, 0.1, 1.0)),
    "textures without coordinates": lambda figure: replace(figure, mesh=replace(figure.mesh, uv=None)),
    "a hole in the texture": lambda _: cube_scene(base_color=Image.new("RGBA", (8, 8), (9, 9, 9, 0))),
    "translucent": lambda _: cube_scene(base_color_factor=(1.0, 1.0, 1.0, 0.5)),
    "greyscale texture": lambda _: cube_scene(base_color=Image.new("L", (8, 8), 90)),
    "more vertices than u16 counts": lambda _: many_vertices(),
    "two root bones": lambda figure: replace(
        figure, clips=(), bones=(figure.bones[0], replace(figure.bones[1], parent=-1))
    ),
    "a scaled bone": lambda figure: replace(
        figure, bones=(replace(figure.bones[0], scale=(2.0, 1.0, 1.0)), figure.bones[1])
    ),
    "names beyond ASCII": lambda figure: replace(figure, name="Fée « 灯 »"),
}


@pytest.mark.parametrize("case", VALID)
def test_the_khronos_validator_has_nothing_to_say(case: str, figure: Scene, validated: Check) -> None:
    """Zero errors, warnings, infos and hints for every kind of scene that the studio can hold."""
    assert validated(write_glb(VALID[case](figure))) == []


def test_foreign_files_are_still_valid_after_reading_and_writing(validated: Check) -> None:
    """Whatever was read can be written again without a complaint."""
    for data in (textured_cube(), rigged_figure()):
        assert validated(write_glb(read_glb(data))) == []


def test_node_transforms_are_baked() -> None:
    """A mesh below scaled, turned, mirrored and matrix nodes lands where a viewer shows it, facing outwards."""
    glb = Glb()
    mesh = glb.mesh(glb.cube())
    matrix = np.diag([1.0, 3.0, 1.0, 1.0])
    matrix[:3, 3] = (0, 1, 0)
    glb.add("nodes", children=[1], scale=[-2.0, 1.0, 1.0], translation=[5.0, 0.0, 0.0])
    glb.add("nodes", mesh=mesh, matrix=matrix.T.ravel().tolist())
    glb.scene(0)
    read = read_glb(glb.encoded()).mesh
    assert np.allclose(read.positions.min(axis=0), (4, 1, -0.5))
    assert np.allclose(read.positions.max(axis=0), (6, 4, 0.5))
    assert volume(read) == pytest.approx(6.0)
    outwards = np.einsum("ij,ij->i", read.normals, read.positions - (5, 2.5, 0))
    assert (outwards > 0).all()


def test_meshes_and_primitives_are_merged() -> None:
    """Two nodes with the same two-primitive mesh give one mesh of four cubes."""
    glb = Glb()
    mesh = glb.mesh(glb.cube(), glb.cube(normals=False, uv=False))
    glb.scene(glb.add("nodes", mesh=mesh), glb.add("nodes", mesh=mesh, translation=[3, 0, 0]))
    read = read_glb(glb.encoded()).mesh
    assert len(read.triangles) == 48
    assert volume(read) == pytest.approx(4.0)
    assert np.allclose(read.normals[24:48], CUBE_NORMALS)


def test_strips_and_fans_become_triangles() -> None:
    """A quad as strip and the same quad as fan give the same two triangles, facing the same way."""
    corners = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)], float)
    for mode, order in ((5, [0, 1, 2, 3]), (6, [0, 1, 3, 2])):
        glb = Glb()
        primitive = {"attributes": {"POSITION": glb.accessor(corners[order], "VEC3")}, "mode": mode}
        glb.scene(glb.add("nodes", mesh=glb.mesh(primitive)))
        read = read_glb(glb.encoded()).mesh
        assert len(read.triangles) == 2
        assert np.allclose(read.normals, (0, 0, 1))


def test_interleaved_quantised_and_sparse_accessors_are_read() -> None:
    """Stride, normalised integers, a sparse override and a buffer in a data URI mean what the format says."""
    glb = Glb()
    stored = np.zeros(24, np.dtype([("p", "<f4", 3), ("n", "<i1", 4), ("t", "<u2", 2)]))
    stored["p"], stored["n"][:, :3], stored["t"] = CUBE, CUBE_NORMALS * 127, CUBE_UV * 65535
    view = glb.view(stored.tobytes(), byteStride=20)
    common = {"bufferView": view, "count": 24}
    where, what = glb.view(np.array([2], "<u2").tobytes()), glb.view(np.array([0.5, 9, 0.5], "<f4").tobytes())
    sparse = {
        "count": 1,
        "indices": {"bufferView": where, "componentType": 5123},
        "values": {"bufferView": what},
    }
    primitive = {
        "attributes": {
            "POSITION": glb.add("accessors", componentType=5126, type="VEC3", sparse=sparse, **common),
            "NORMAL": glb.add(
                "accessors", componentType=5120, type="VEC3", byteOffset=12, normalized=True, **common
            ),
            "TEXCOORD_0": glb.add(
                "accessors", componentType=5123, type="VEC2", byteOffset=16, normalized=True, **common
            ),
        },
        "indices": glb.accessor(CUBE_FACES, "SCALAR", "u4"),
    }
    glb.scene(glb.add("nodes", mesh=glb.mesh(primitive)))
    read = read_glb(glb.encoded(data_uri=True)).mesh
    expected = CUBE.copy()
    expected[2] = (0.5, 9, 0.5)
    assert np.allclose(read.positions, expected)
    assert np.allclose(read.normals, CUBE_NORMALS)
    assert np.allclose(read.uv, CUBE_UV)


def test_vertex_colors_become_a_texture() -> None:
    """A file coloured by vertices alone keeps its colours at every corner, in sRGB."""
    glb = Glb()
    colors = np.clip(CUBE + HALF, 0, 1)
    primitive = glb.cube(uv=False, attributes={"COLOR_0": glb.accessor(colors, "VEC3")})
    glb.scene(glb.add("nodes", mesh=glb.mesh(primitive)))
    scene = read_glb(glb.encoded())
    image = np.asarray(scene.material.base_color, float)
    texels = (scene.mesh.uv * image.shape[0]).astype(int)
    painted = image[texels[:, 1], texels[:, 0]] / 255
    linear = np.where(painted <= 0.04045, painted / 12.92, ((painted + 0.055) / 1.055) ** 2.4)
    assert np.abs(linear - np.clip(scene.mesh.positions + HALF, 0, 1)).max() < 0.01


def test_several_materials_share_an_atlas() -> None:
    """A red texture that repeats, a green factor and a metal keep their looks in one material."""
    glb = Glb()
    red = glb.add(
        "materials",
        pbrMetallicRoughness={
            "baseColorTexture": {"index": glb.image(Image.new("RGB", (32, 32), (200, 0, 0)))}
        },
    )
    green = glb.add(
        "materials",
        pbrMetallicRoughness={"baseColorFactor": [0, 1, 0, 1], "metallicFactor": 0, "roughnessFactor": 0.25},
    )
    repeated = {"TEXCOORD_0": glb.accessor(CUBE_UV * 3 - 1, "VEC2")}
    mesh = glb.mesh(glb.cube(uv=False, material=red, attributes=repeated), glb.cube(uv=False, material=green))
    glb.scene(glb.add("nodes", mesh=mesh))
    scene = read_glb(glb.encoded())

    def texels(image: Image.Image, chosen: Any) -> Any:
        pixels = np.asarray(image)
        at = (scene.mesh.uv[chosen] * pixels.shape[0]).clip(0, pixels.shape[0] - 1).astype(int)
        return pixels[at[:, 1], at[:, 0]]

    first = np.unique(scene.mesh.triangles[:12])
    second = np.unique(scene.mesh.triangles[12:])
    assert (texels(scene.material.base_color, first) == (200, 0, 0)).all()
    assert (texels(scene.material.base_color, second) == (0, 255, 0)).all()
    packed = scene.material.occlusion_roughness_metallic
    assert (texels(packed, first) == (255, 255, 255)).all()
    assert (texels(packed, second) == (255, 64, 0)).all()


def test_a_foreign_rig_keeps_its_bones_and_motion() -> None:
    """Armature wrappers go, names and bindings stay, cubic keys are sampled, every bone is keyed."""
    scene = read_glb(rigged_figure())
    assert [(bone.name, bone.parent) for bone in scene.bones] == [("Pelvis", -1), ("Chest", 0)]
    clip = scene.clips[0]
    assert (clip.name, clip.fps, clip.loop, clip.duration) == ("Wave", 2, True, 1.0)
    assert set(clip.translations) == set(clip.rotations) == {0, 1}
    moved = posed(scene, clip, 1).mesh.positions
    assert moved[:, 0].min() == pytest.approx(
        -1.1, abs=1e-5
    )  # a quarter turn lays the upper body to the left
    at_rest = posed(scene, clip, 0).mesh.positions
    assert np.abs(at_rest - scene.mesh.positions).max() < 1e-6


def test_a_bind_shape_is_baked() -> None:
    """A skin whose joints all carry one scale (centimetre meshes) comes out in metres, fitting its bones."""
    glb = Glb()
    joints = glb.accessor(np.zeros((24, 4)), "VEC4", "u1")
    weights = glb.accessor(np.tile([255, 0, 0, 0], (24, 1)), "VEC4", "u1", normalized=True)
    primitive = glb.cube(attributes={"JOINTS_0": joints, "WEIGHTS_0": weights})
    primitive["attributes"]["POSITION"] = glb.accessor(CUBE * 100, "VEC3")
    inverse = np.diag([0.01, 0.01, 0.01, 1.0])
    inverse[3, 1] = -1.0
    glb.add("nodes", name="bone", translation=[0, 1, 0])
    glb.add("nodes", mesh=glb.mesh(primitive), skin=0, scale=[7, 7, 7])
    glb.add("skins", joints=[0], inverseBindMatrices=glb.accessor(inverse, "MAT4"))
    glb.scene(0, 1)
    scene = read_glb(glb.encoded())
    assert np.allclose(scene.mesh.positions, CUBE, atol=1e-6)
    assert np.allclose(inverse_binds(scene)[0][:3, 3], (0, -1, 0))


def test_more_than_four_influences_are_reduced() -> None:
    """Of eight influences, one of them named twice, the four strongest remain and sum to one."""
    glb = Glb()
    first, second = np.tile([0, 1, 2, 3], (24, 1)), np.tile([4, 5, 0, 6], (24, 1))
    strong, weak = np.tile([0.1, 0.2, 0.05, 0.15], (24, 1)), np.tile([0.04, 0.3, 0.1, 0.06], (24, 1))
    sets = {
        "JOINTS_0": glb.accessor(first, "VEC4", "u1"),
        "JOINTS_1": glb.accessor(second, "VEC4", "u1"),
        "WEIGHTS_0": glb.accessor(strong, "VEC4"),
        "WEIGHTS_1": glb.accessor(weak, "VEC4"),
    }
    bones = [glb.add("nodes", name=f"b{i}", children=[i + 1] if i < 6 else []) for i in range(7)]
    glb.add("nodes", mesh=glb.mesh(glb.cube(attributes=sets)), skin=0)
    glb.add("skins", joints=bones)
    glb.scene(0, 7)
    mesh = read_glb(glb.encoded()).mesh
    assert set(map(tuple, np.sort(mesh.joints))) == {(0, 1, 3, 5)}
    assert np.allclose(mesh.weights.sum(axis=1), 1.0)
    assert np.allclose(np.sort(mesh.weights[0]), np.array([0.15, 0.2, 0.2, 0.3]) / 0.85)


def test_moving_parts_without_a_skin_become_bones() -> None:
    """A hinged lid animated by its node alone is bound rigidly, and the box below it stays."""
    glb = Glb()
    mesh = glb.mesh(glb.cube())
    glb.add("nodes", name="box", mesh=mesh)
    glb.add("nodes", name="lid", mesh=mesh, translation=[0, 1, 0])
    sampler = {
        "input": glb.accessor([0, 1], "SCALAR"),
        "output": glb.accessor([(0, 1, 0), (0, 3, 0)], "VEC3"),
        "interpolation": "STEP",
    }
    glb.add(
        "animations",
        samplers=[sampler],
        channels=[{"sampler": 0, "target": {"node": 1, "path": "translation"}}],
    )
    glb.scene(0, 1)
    scene = read_glb(glb.encoded())
    moved = posed(scene, scene.clips[0], len(scene.clips[0].times) - 1).mesh.positions
    assert moved[:24, 1].max() == pytest.approx(1.0)
    assert moved[24:, 1].min() == pytest.approx(3.0)
