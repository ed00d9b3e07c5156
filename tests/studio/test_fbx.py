"""FBX writing, checked by a reader of our own that deforms the mesh as an importer does, and by assimp."""

from dataclasses import replace
from pathlib import Path

import assimp_reader
import fbx_reader
import numpy as np
import pytest

from maquette.studio.formats.fbx_write import write_fbx
from maquette.studio.pose import euler_degrees, posed, rotation_matrices, unit_quaternions
from maquette.studio.scene import Scene

TEXTURES = {
    "base_color": ("figure_base_color.png", b"\x89PNG base"),
    "normal": ("figure_normal.png", b"\x89PNG normal"),
}


@pytest.fixture(scope="module")
def fbx(figure: Scene) -> fbx_reader.Fbx:
    """The figure, written and read."""
    return fbx_reader.read(write_fbx(figure, TEXTURES))


def test_names_and_hierarchy(fbx: fbx_reader.Fbx) -> None:
    """Bones with their parents, the mesh, and one animation stack per clip are there under their own names."""
    assert fbx_reader.bones(fbx) == {"root": "Armature", "top": "root"}
    assert [fbx.title(key) for key in fbx.of("AnimationStack")] == ["sway", "hop"]
    assert [fbx.title(key) for key in fbx.of("Model", "Mesh")] == ["figure"]
    assert [take.values[0] for take in fbx.nodes["Takes"].all("Take")] == ["sway", "hop"]


def test_definitions_count_the_objects(fbx: fbx_reader.Fbx) -> None:
    """Importers allocate by the Definitions: they agree with what follows."""
    definitions = fbx.nodes["Definitions"]
    counts = {entry.values[0]: entry.value("Count") for entry in definitions.all("ObjectType")}
    assert counts.pop("GlobalSettings") == 1
    assert counts == {kind: len(fbx.of(kind)) for kind in counts}
    assert definitions.value("Count") == sum(counts.values()) + 1


def test_empty_layers_carry_a_block(fbx: fbx_reader.Fbx) -> None:
    """Without the null record after an animation layer assimp drops all animation without a word."""
    kinds = [*fbx.of("AnimationLayer").values(), *fbx.of("AnimationStack").values()]
    assert len(kinds) == 4
    assert all(node.has_block for node in kinds)


def test_lengths_are_centimetres(fbx: fbx_reader.Fbx, figure: Scene) -> None:
    """A two-metre figure measures 200 units of one centimetre, with no scale left on any node."""
    assert fbx.nodes["GlobalSettings"].setting("UnitScaleFactor") == [1.0]
    assert fbx.nodes["GlobalSettings"].setting("UpAxis") == [1]
    points = next(iter(fbx.of("Geometry").values())).value("Vertices").reshape(-1, 3)
    assert np.allclose(points, figure.mesh.positions * 100)
    for key, model in fbx.of("Model", "LimbNode").items():
        assert model.setting("Lcl Scaling") == [1.0, 1.0, 1.0], fbx.title(key)


def test_geometry_layers(fbx: fbx_reader.Fbx, figure: Scene) -> None:
    """Polygons end in a complemented index, normals come per corner, v points up."""
    geometry = next(iter(fbx.of("Geometry").values()))
    polygons = geometry.value("PolygonVertexIndex").reshape(-1, 3)
    assert (polygons[:, :2] == figure.mesh.triangles[:, :2]).all()
    assert (~polygons[:, 2] == figure.mesh.triangles[:, 2]).all()
    normals = geometry.one("LayerElementNormal").value("Normals").reshape(-1, 3)
    assert np.allclose(normals, figure.mesh.normals[figure.mesh.triangles.ravel()])
    uv = geometry.one("LayerElementUV")
    assert np.allclose(uv.value("UV").reshape(-1, 2) * (1, -1) + (0, 1), figure.mesh.uv)
    assert (uv.value("UVIndex") == figure.mesh.triangles.ravel()).all()


def test_textures_are_embedded(fbx: fbx_reader.Fbx) -> None:
    """Each texture hangs on its material property with the very bytes it was given, and under the file's name."""
    material = next(iter(fbx.of("Material")))
    for channel, prop in (("base_color", "DiffuseColor"), ("normal", "NormalMap")):
        (texture,) = fbx.children(material, prop)
        (video,) = fbx.children(texture)
        name, data = TEXTURES[channel]
        assert fbx.objects[video].value("Content") == data
        assert fbx.objects[texture].value("RelativeFilename") == name


def test_weights_sum_to_one(fbx: fbx_reader.Fbx, figure: Scene) -> None:
    """Over all clusters every vertex is bound exactly once in sum, by at most four bones."""
    total, count = np.zeros(len(figure.mesh.positions)), np.zeros(len(figure.mesh.positions))
    for cluster in fbx.of("Deformer", "Cluster").values():
        np.add.at(total, cluster.value("Indexes"), cluster.value("Weights"))
        np.add.at(count, cluster.value("Indexes"), 1)
    assert np.abs(total - 1).max() < 1e-6
    assert count.max() <= 4


def test_the_bind_pose_is_complete(fbx: fbx_reader.Fbx) -> None:
    """Mesh, armature and every bone stand in the bind pose: the FBX SDK rejects one that lacks an ancestor."""
    (pose,) = fbx.of("Pose").values()
    nodes = {fbx.title(entry.value("Node")) for entry in pose.all("PoseNode")}
    assert nodes == {"figure", "Armature", "root", "top"}
    assert pose.value("NbPoseNodes") == 4


def test_an_importer_sees_every_pose(fbx: fbx_reader.Fbx, figure: Scene) -> None:
    """At rest and at every key of every clip, the mesh deforms as ours does, to a thousandth of a millimetre."""
    assert np.abs(fbx_reader.skinned(fbx, None, 0) / 100 - figure.mesh.positions).max() < 1e-6
    for clip in figure.clips:
        for frame in range(len(clip.times)):
            expected = posed(figure, clip, frame).mesh.positions
            assert np.abs(fbx_reader.skinned(fbx, clip.name, frame) / 100 - expected).max() < 1e-6


def test_clip_times(fbx: fbx_reader.Fbx, figure: Scene) -> None:
    """Keys stand at the clip's times, and each stack knows where it stops."""
    for node in fbx.of("AnimationCurve").values():
        assert np.allclose(fbx_reader.seconds(node.value("KeyTime")), figure.clips[0].times)
        assert len(node.value("KeyValueFloat")) == node.value("KeyAttrRefCount")[0] == 13
    for stack in fbx.of("AnimationStack").values():
        assert fbx_reader.seconds(stack.setting("LocalStop")[0]) == pytest.approx(0.5)


def test_equal_scenes_give_equal_bytes(figure: Scene) -> None:
    """No clock and no random id gets into the file."""
    assert write_fbx(figure, TEXTURES) == write_fbx(replace(figure), TEXTURES)


def test_a_scene_without_skeleton_or_textures(figure: Scene) -> None:
    """A plain mesh gives a file without limbs, deformers, stacks and textures that still reads."""
    mesh = replace(figure.mesh, joints=None, weights=None, uv=None)
    fbx = fbx_reader.read(write_fbx(replace(figure, mesh=mesh, bones=(), clips=()), {}))
    assert {node.name for node in fbx.objects.values()} == {"Geometry", "Model", "Material"}


def test_euler_angles_turn_without_jumps() -> None:
    """A turn through gimbal lock and beyond half a circle keeps its rotation and never leaps between frames."""
    angles = np.linspace(0, 3 * np.pi, 200)
    zero = np.zeros_like(angles)
    for axis in range(3):
        tilt = np.array([np.sin(0.2), 0.0, 0.0, np.cos(0.2)])
        q = np.stack([zero, zero, zero, np.cos(angles / 2)], axis=1)
        q[:, axis] = np.sin(angles / 2)
        for quaternions in (q, product(q, tilt)):
            triples = euler_degrees(unit_quaternions(quaternions))
            assert np.abs(matrices(triples) - rotation_matrices(quaternions)).max() < 1e-6
            assert (
                axis == 1 or np.abs(np.diff(triples, axis=0)).max() < 30
            )  # y passes the poles: x and z swing by nature


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    ax, ay, az, aw = a.T
    bx, by, bz, bw = b
    return np.stack(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ],
        axis=1,
    )


def matrices(degrees: np.ndarray) -> np.ndarray:
    result = np.tile(np.eye(3), (len(degrees), 1, 1))
    for axis in range(3):
        angle, (i, j) = np.radians(degrees[:, axis]), ((axis + 1) % 3, (axis + 2) % 3)
        turn = np.tile(np.eye(3), (len(degrees), 1, 1))
        turn[:, i, i] = turn[:, j, j] = np.cos(angle)
        turn[:, j, i], turn[:, i, j] = np.sin(angle), -np.sin(angle)
        result = turn @ result
    return result


def test_assimp_sees_the_same_bones_and_clips(figure: Scene, tmp_path: Path) -> None:
    """A second implementation finds the skeleton, the weights at their vertices, and each clip key by key."""
    path = tmp_path / "figure.fbx"
    path.write_bytes(write_fbx(figure, TEXTURES))
    read = assimp_reader.read(path)
    assert (read.parents["top"], read.parents["root"]) == ("root", "Armature")
    assert read.embedded == len(TEXTURES)
    corners = figure.mesh.triangles.ravel()  # assimp gives each corner a vertex of its own
    assert np.abs(read.positions / 100 - figure.mesh.positions[corners]).max() < 1e-5
    for index, bone in enumerate(figure.bones):
        weights = np.zeros(len(corners))
        weights[list(read.weights[bone.name])] = list(read.weights[bone.name].values())
        expected = np.where(figure.mesh.joints == index, figure.mesh.weights, 0).sum(axis=1)[corners]
        assert np.abs(weights - expected).max() < 1e-5
    assert set(read.clips) == {"sway", "hop"}
    for clip in figure.clips:
        theirs = read.clips[clip.name]
        assert theirs.seconds == pytest.approx(clip.duration)
        for index, bone in enumerate(figure.bones):
            assert np.abs(theirs.moves[bone.name] / 100 - clip.translations[index]).max() < 1e-5
            ours = unit_quaternions(clip.rotations[index])[:, [3, 0, 1, 2]]
            assert np.abs(np.abs((theirs.turns[bone.name] * ours).sum(axis=1)) - 1).max() < 1e-5


def test_quads_stay_quads(figure: Scene, tmp_path: Path) -> None:
    """Pairs of triangles of a quad mesh are polygons of four corners, with normals and coordinates for each."""
    first, second = np.split(figure.mesh.triangles, 2)
    mesh = replace(figure.mesh, triangles=np.stack([first, second], axis=1).reshape(-1, 3), topology="quad")
    path = tmp_path / "quads.fbx"
    path.write_bytes(write_fbx(replace(figure, mesh=mesh), {}))
    read = assimp_reader.read(path)
    corners = np.concatenate([first, second[:, 2:]], axis=1)
    assert read.faces == np.arange(corners.size).reshape(-1, 4).tolist()
    assert np.abs(read.positions / 100 - mesh.positions[corners.ravel()]).max() < 1e-5
    assert np.abs(read.uv * (1, -1) + (0, 1) - mesh.uv[corners.ravel()]).max() < 1e-5
