"""Every model format, read by a reader that is not ours: Khronos validator, trimesh, OpenUSD, assimp."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import assimp_reader
import numpy as np
import pytest
import trimesh
from foreign_glb import CUBE, CUBE_FACES, CUBE_NORMALS, CUBE_UV, Glb
from PIL import Image
from pxr import Sdf, Usd, UsdGeom, UsdShade, UsdSkel, UsdUtils, UsdValidation
from step_chain import Chain

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.pose import posed, unit_quaternions
from maquette.studio.quads import cut, face_count
from maquette.studio.scene import Bone, Material, Mesh, Scene

FORMATS = ["glb", "gltf", "fbx", "usdz", "obj"]


@dataclass(frozen=True)
class Exported:
    """A scene and the files that export made of it."""

    scene: Scene
    files: dict[str, Path]
    stem: str

    def file(self, kind: str) -> Path:
        return self.files[f"{self.stem}.{kind}"]


def cube(**material: Any) -> Scene:
    mesh = Mesh(CUBE, CUBE_FACES.astype(np.int64), CUBE_NORMALS, CUBE_UV)
    return Scene("cube", mesh, Material(**{"metallic_factor": 0.2, "roughness_factor": 0.7, **material}))


def quad_cube() -> Scene:
    """Six real quads with coordinates and a texture with holes."""
    scene = cube(base_color=Image.radial_gradient("L").resize((32, 32)).convert("RGBA"))
    scene.material.base_color.putalpha(Image.linear_gradient("L").resize((32, 32)))
    corners = np.arange(24).reshape(6, 4)
    return replace(scene, mesh=replace(scene.mesh, triangles=cut(corners), topology="quad"))


def awkward_bones(figure: Scene) -> Scene:
    """Bones that no other program would name so: spaces, colons, other scripts, twice the same but for a sign."""
    names = ["mixamorig:Hips Ü", "骨.001"]
    bones = tuple(replace(bone, name=name) for bone, name in zip(figure.bones, names, strict=True))
    return replace(figure, bones=(*bones, Bone("骨 001", 1, (0.0, 0.4, 0.0))))


def two_materials() -> bytes:
    """Two cubes in one file, a checked and a red one without texture, made elsewhere."""
    glb = Glb()
    checks = Image.fromarray((np.indices((64, 64)).sum(axis=0) // 8 % 2 * 200).astype(np.uint8))
    texture = {"index": glb.image(checks.convert("RGB"))}
    first = glb.add("materials", pbrMetallicRoughness={"baseColorTexture": texture, "metallicFactor": 0})
    second = glb.add("materials", pbrMetallicRoughness={"baseColorFactor": [0.8, 0.1, 0.1, 1]})
    left, right = glb.mesh(glb.cube(material=first)), glb.mesh(glb.cube(material=second))
    glb.scene(glb.add("nodes", mesh=left), glb.add("nodes", mesh=right, translation=[1.5, 0, 0]))
    return glb.encoded()


def coordinates_alone() -> bytes:
    """A cube with coordinates that nothing uses."""
    glb = Glb()
    red = glb.add("materials", pbrMetallicRoughness={"baseColorFactor": [0.8, 0.2, 0.1, 1]})
    glb.scene(glb.add("nodes", mesh=glb.mesh(glb.cube(material=red))))
    return glb.encoded()


SOURCES: dict[str, Callable[[Scene], bytes]] = {
    "rigged": write_glb,
    "awkward bones": lambda figure: write_glb(awkward_bones(figure)),
    "quads": lambda _: write_glb(quad_cube()),
    "no coordinates": lambda _: write_glb(replace(cube(), mesh=replace(cube().mesh, uv=None))),
    "coordinates and no texture": lambda _: coordinates_alone(),
    "two materials": lambda _: two_materials(),
}


@pytest.fixture(scope="module", params=list(SOURCES))
def exported(request: pytest.FixtureRequest, figure: Scene, studio_root: Path) -> Exported:
    """Each source in all five formats, under a name with an accent, a space and a slash."""
    data = SOURCES[request.param](figure)
    chain = Chain(studio_root / "formats" / request.param)
    mesh = chain.file("mesh.glb", "mesh", data)
    params = {"name": "Übung/ Nr 1", "formats": FORMATS, "turntable": False}
    return Exported(read_glb(data), chain.run("export", [mesh], params).files, "Ubung_Nr_1")


def test_gltf_and_glb_are_valid(exported: Exported, validator: Callable[..., Any]) -> None:
    """The Khronos validator resolves every file the glTF names and has nothing to say but of an atlas's size."""
    for report in validator(exported.file("glb"), exported.file("gltf")):
        assert [told for told in report["messages"] if not told.startswith("IMAGE_NPOT_DIMENSIONS")] == []


def test_gltf_and_glb_say_the_same(exported: Exported) -> None:
    """Trimesh finds one geometry with the same faces, places and textures in both."""
    both = [trimesh.load_scene(exported.file(kind)) for kind in ("glb", "gltf")]
    for scene in both:
        (geometry,) = scene.geometry.values()
        assert np.array_equal(geometry.faces, exported.scene.mesh.triangles)
        assert np.abs(geometry.vertices - exported.scene.mesh.positions).max() < 1e-6
    pictures = [next(iter(scene.geometry.values())).visual.material.baseColorTexture for scene in both]
    assert (pictures[0] is None) == (exported.scene.mesh.uv is None)
    if pictures[0] is not None:
        assert pictures[0].tobytes() == pictures[1].tobytes()


def test_the_parts_of_a_gltf_lie_beside_it(exported: Exported) -> None:
    """What a glTF names is among the exported files, textures under the name they have in the texture set."""
    document = trimesh.util.decode_text(exported.file("gltf").read_bytes())
    named = {name for name in exported.files if f'"{name}"' in document}
    assert f"{exported.stem}.bin" in named
    textured = exported.scene.mesh.uv is not None
    assert (f"{exported.stem}_base_color.png" in named) == textured
    assert (f"{exported.stem}_orm.png" in exported.files) == textured


def test_obj_is_read_by_two(exported: Exported) -> None:
    """Trimesh and assimp see the same surface; assimp the quads, and the textures beside the file."""
    mesh = exported.scene.mesh
    theirs = trimesh.load(exported.file("obj"), force="mesh", process=False)
    assert theirs.area == pytest.approx(area(mesh), rel=1e-5)
    assert np.abs(theirs.bounds - [mesh.positions.min(axis=0), mesh.positions.max(axis=0)]).max() < 1e-5
    read = assimp_reader.read(exported.file("obj"))
    assert {len(face) for face in read.faces} == {corners(mesh)}
    assert len(read.faces) == face_count(mesh)
    assert set(read.textures.values()) <= set(exported.files)
    assert ("base_color" in read.textures) == (mesh.uv is not None)
    order = mesh.triangles if corners(mesh) == 3 else mesh.triangles.reshape(-1, 6)[:, [0, 1, 2, 5]]
    assert np.abs(read.positions - mesh.positions[order.ravel()]).max() < 1e-5
    assert np.abs(read.normals - mesh.normals[order.ravel()]).max() < 1e-5
    if mesh.uv is not None:
        assert np.abs(read.uv * (1, -1) + (0, 1) - mesh.uv[order.ravel()]).max() < 1e-5


def test_fbx_is_read_by_assimp(exported: Exported) -> None:
    """Faces with their corners, bones with parents and weights, clips with every key, textures inside and beside."""
    scene, mesh = exported.scene, exported.scene.mesh
    read = assimp_reader.read(exported.file("fbx"))
    assert {len(face) for face in read.faces} == {corners(mesh)}
    assert np.abs(np.ptp(read.positions, axis=0) / 100 - np.ptp(mesh.positions, axis=0)).max() < 1e-5
    assert read.embedded == (4 if mesh.uv is not None else 0)
    assert set(read.textures.values()) <= set(exported.files)
    for bone in scene.bones:
        parent = scene.bones[bone.parent].name if bone.parent >= 0 else "Armature"
        assert read.parents[bone.name] == parent
    assert set(read.weights) <= {bone.name for bone in scene.bones}
    assert set(read.clips) == {clip.name for clip in scene.clips}
    if scene.bones:
        total = np.zeros(len(read.positions))
        for weights in read.weights.values():
            total[list(weights)] += list(weights.values())
        assert np.abs(total - 1).max() < 1e-5
    for clip in scene.clips:
        theirs = read.clips[clip.name]
        for index, turns in clip.rotations.items():
            name = scene.bones[index].name
            ours = unit_quaternions(turns)[:, [3, 0, 1, 2]]
            assert np.allclose(theirs.times[name], clip.times, atol=1e-6)
            assert np.abs(np.abs((theirs.turns[name] * ours).sum(axis=1)) - 1).max() < 1e-5
            assert np.abs(theirs.moves[name] / 100 - clip.translations[index]).max() < 1e-5


def test_usdz_passes_every_validator(exported: Exported) -> None:
    """All of OpenUSD's own rules, those for packages among them: no error, no warning."""
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    names = {validator.GetMetadata().name for validator in validators}
    assert {"usdUtilsValidators:UsdzPackageValidator", "usdSkelValidators:SkelBindingApiValidator"} <= names
    found = UsdValidation.ValidationContext(validators).Validate(stage_of(exported))
    assert [error.GetErrorAsString() for error in found] == []


def test_usdz_is_a_package_of_its_own(exported: Exported) -> None:
    """Nothing is compressed, each file begins at a multiple of 64 bytes, and every asset resolves inside."""
    data = exported.file("usdz").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        for info in package.infolist():
            head = info.header_offset
            start = (
                head + 30 + sum(int.from_bytes(data[head + at : head + at + 2], "little") for at in (26, 28))
            )
            assert (info.compress_type, start % 64, info.date_time) == (0, 0, (1980, 1, 1, 0, 0, 0))
            assert data[start : start + info.file_size] == package.read(info)
        assert package.namelist()[0] == f"{exported.stem}.usda"
    _, assets, unresolved = UsdUtils.ComputeAllDependencies(Sdf.AssetPath(str(exported.file("usdz"))))
    assert unresolved == []
    assert len(assets) == (0 if exported.scene.mesh.uv is None else 2 + bool(exported.scene.material.normal))


def test_usdz_holds_the_mesh(exported: Exported) -> None:
    """Metres, Y up, the same places, faces with their corners, coordinates with v upwards, a bound material."""
    stage, mesh = stage_of(exported), exported.scene.mesh
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    body = body_of(stage)
    assert np.abs(np.array(body.GetPointsAttr().Get()) - mesh.positions).max() < 1e-6
    assert set(body.GetFaceVertexCountsAttr().Get()) == {corners(mesh)}
    assert body.GetSubdivisionSchemeAttr().Get() == "none"
    valid, why = UsdGeom.Mesh.ValidateTopology(
        body.GetFaceVertexIndicesAttr().Get(), body.GetFaceVertexCountsAttr().Get(), len(mesh.positions)
    )
    assert valid, why
    st = UsdGeom.PrimvarsAPI(body).GetPrimvar("st")
    assert bool(st) == (mesh.uv is not None)
    if mesh.uv is not None:
        assert np.abs(np.array(st.Get()) * (1, -1) + (0, 1) - mesh.uv).max() < 1e-6
    material, _ = UsdShade.MaterialBindingAPI(body).ComputeBoundMaterial()
    shader, _, _ = material.ComputeSurfaceSource()
    assert shader.GetShaderId() == "UsdPreviewSurface"


def test_usdz_moves_as_ours(exported: Exported) -> None:
    """OpenUSD's own skinning puts every vertex where ours does, at rest and at each frame of the bound clip."""
    scene = exported.scene
    stage = stage_of(exported)
    roots = [prim for prim in stage.Traverse() if prim.IsA(UsdSkel.Root)]
    assert len(roots) == bool(scene.bones)
    if not scene.bones:
        return
    body, cache = body_of(stage), UsdSkel.Cache()
    cache.Populate(UsdSkel.Root(roots[0]), Usd.TraverseInstanceProxies())
    (binding,) = cache.ComputeSkelBindings(UsdSkel.Root(roots[0]), Usd.TraverseInstanceProxies())
    query = cache.GetSkelQuery(binding.GetSkeleton())
    skinning = cache.GetSkinningQuery(body.GetPrim())
    assert len(query.GetJointOrder()) == len(set(query.GetJointOrder())) == len(scene.bones)
    clip = scene.clips[0]
    assert (stage.GetTimeCodesPerSecond(), stage.GetEndTimeCode()) == (clip.fps, clip.duration * clip.fps)
    for frame in range(len(clip.times)):
        code = Usd.TimeCode(clip.times[frame] * clip.fps)
        points = body.GetPointsAttr().Get()
        transforms = query.ComputeSkinningTransforms(code)
        assert skinning.ComputeSkinnedPoints(transforms, points, code)
        expected = posed(scene, clip, frame).mesh.positions
        assert np.abs(np.array(points) - expected).max() < 1e-4
    animations = [prim.GetName() for prim in stage.Traverse() if prim.IsA(UsdSkel.Animation)]
    assert animations == [clip.name for clip in scene.clips]


def test_notes_know_every_format(exported: Exported) -> None:
    """Each format's note names its file, unit, faces, and whether it holds the skeleton: as the files do."""
    notes = json.loads(exported.files["engine_notes.json"].read_text())["formats"]
    assert {kind: note["file"] for kind, note in notes.items()} == {
        kind: f"{exported.stem}.{kind}" for kind in FORMATS
    }
    assert (
        notes["usdz"]["faces"]
        == notes["fbx"]["faces"]
        == ("quads" if corners(exported.scene.mesh) == 4 else "triangles")
    )
    assert notes["glb"]["faces"] == "triangles"
    assert notes["fbx"]["skeleton"] == bool(exported.scene.bones)
    assert notes["obj"]["skeleton"] is False
    if exported.scene.bones:
        stage = stage_of(exported)  # prims live as long as their stage
        (skeleton,) = [prim for prim in stage.Traverse() if prim.IsA(UsdSkel.Skeleton)]
        assert notes["usdz"]["joints"] == list(UsdSkel.Skeleton(skeleton).GetJointsAttr().Get())


def test_our_own_reader_reads_it_back(exported: Exported) -> None:
    """The GLB keeps topology, bones and clips, so that an export can be the start of another asset."""
    scene = read_glb(exported.file("glb").read_bytes())
    assert scene.mesh.topology == exported.scene.mesh.topology
    assert [bone.name for bone in scene.bones] == [bone.name for bone in exported.scene.bones]


def stage_of(exported: Exported) -> Usd.Stage:
    return Usd.Stage.Open(str(exported.file("usdz")))


def body_of(stage: Usd.Stage) -> UsdGeom.Mesh:
    (body,) = (UsdGeom.Mesh(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh))
    return body


def corners(mesh: Mesh) -> int:
    return 4 if mesh.topology == "quad" else 3


def area(mesh: Mesh) -> float:
    a, b, c = (mesh.positions[mesh.triangles[:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)
