"""Scene → binary FBX 7.4: mesh, material with embedded textures, skin, bind pose, one animation stack per clip.

Lengths are written in centimetres (``UnitScaleFactor`` 1), FBX's own unit: Unreal takes them as they are, and Unity,
Blender and Godot scale by 0.01 on import. Metres with a factor of 100 leave a scale of 100 on the root in some of them.
"""

from collections.abc import Mapping

import numpy as np

from maquette.studio.formats.fbx_animation import add_animations, frame_settings
from maquette.studio.formats.fbx_nodes import CENTIMETRES, VERSION, Builder, Id, Node, Property, encode_file
from maquette.studio.pose import euler_degrees, inverse_binds, world_matrices
from maquette.studio.quads import quads
from maquette.studio.scene import Bone, Floats, Material, Mesh, Scene
from maquette.studio.version import NAME

_WEIGHT_MIN = 1e-6
# Which phong property each texture drives. FBX has no agreed metal-rough material: these are the ones that
# Blender's exporter writes and its importer reads back; engines take base colour and normal.
_TEXTURE_PROPERTIES = {
    "base_color": "DiffuseColor",
    "normal": "NormalMap",
    "roughness": "ShininessExponent",
    "metallic": "ReflectionFactor",
}


def write_fbx(scene: Scene, textures: Mapping[str, tuple[str, bytes]]) -> bytes:
    """Encode a scene that has a mesh.

    ``textures`` gives file name and PNG bytes for ``base_color``, ``normal``, ``roughness``, ``metallic``; they are
    embedded, and their names let importers find the same files beside the FBX.
    """
    assert scene.mesh is not None
    build = Builder()
    geometry, model = _mesh(build, scene.name, scene.mesh)
    _material(build, scene.material, textures, model)
    armature, bones = _bones(build, scene.bones) if scene.bones else (None, [])
    if armature is not None and scene.mesh.joints is not None:
        binds = _skin(build, scene, scene.mesh, geometry, bones)
        # The armature counts too: a pose that lacks an ancestor of its bones is invalid to the FBX SDK.
        _bind_pose(
            build, scene.name, [(model, np.eye(4)), (armature, np.eye(4)), *zip(bones, binds, strict=True)]
        )
    takes = add_animations(build, scene.clips, bones)
    nodes = _header(scene)
    nodes += [_definitions(build.objects), build.objects, build.connections, takes]
    return encode_file(nodes)


def fbx_matrix(matrix: Floats) -> Floats:
    """(16,) in FBX's order (row vectors, translation last) from a column-vector (4, 4) in metres."""
    scaled = matrix.copy()
    scaled[:3, 3] *= CENTIMETRES
    return np.ascontiguousarray(scaled.T).ravel()


def _header(scene: Scene) -> list[Node]:
    head = Node("FBXHeaderExtension")
    head.add("FBXHeaderVersion", 1003)
    head.add("FBXVersion", VERSION)
    head.add("EncryptionType", 0)
    stamp = head.add("CreationTimeStamp")
    stamp.add("Version", 1000)
    for name, value in (("Year", 1970), ("Month", 1), ("Day", 1), ("Hour", 10), ("Minute", 0), ("Second", 0)):
        stamp.add(name, value)  # fixed: equal scenes give equal bytes
    stamp.add("Millisecond", 0)
    head.add("Creator", NAME)
    settings = Node("GlobalSettings")
    settings.add("Version", 1000)
    axes = {
        "UpAxis": 1,
        "UpAxisSign": 1,
        "FrontAxis": 2,
        "FrontAxisSign": 1,
        "CoordAxis": 0,
        "CoordAxisSign": 1,
    }
    axes |= {"OriginalUpAxis": 1, "OriginalUpAxisSign": 1}
    settings.settings(
        *((name, "int", "Integer", "", value) for name, value in axes.items()),
        ("UnitScaleFactor", "double", "Number", "", 1.0),
        ("OriginalUnitScaleFactor", "double", "Number", "", 1.0),
        *frame_settings(scene.clips),
    )
    documents = Node("Documents")
    documents.add("Count", 1)
    document = documents.add("Document", Id(1_000_000), "Scene", "Scene")
    document.settings()
    document.add("RootNode", Id(0))
    return [
        head,
        Node("FileId", (bytes.fromhex("28b32aebb624ccc2bfc8b02aa92bfcf1"),)),
        Node("CreationTime", ("1970-01-01 10:00:00:000",)),
        Node("Creator", (NAME,)),
        settings,
        documents,
        Node("References"),
    ]


def _definitions(objects: Node) -> Node:
    counts: dict[str, int] = {"GlobalSettings": 1}
    for entry in objects.children:
        counts[entry.name] = counts.get(entry.name, 0) + 1
    definitions = Node("Definitions")
    definitions.add("Version", 100)
    definitions.add("Count", sum(counts.values()))
    for kind, count in counts.items():
        definitions.add("ObjectType", kind).add("Count", count)
    return definitions


def _mesh(build: Builder, name: str, mesh: Mesh) -> tuple[Id, Id]:
    geometry, node = build.object("Geometry", name, "Geometry", "Mesh")
    node.settings()
    node.add("GeometryVersion", 124)
    node.add("Vertices", (mesh.positions * CENTIMETRES).ravel())
    squares = quads(mesh)
    polygons = (mesh.triangles if squares is None else squares).astype(np.int32)
    corners = polygons.ravel().copy()
    polygons[:, -1] = ~polygons[:, -1]  # the complement ends a polygon
    node.add("PolygonVertexIndex", polygons.ravel())
    _layer(
        node,
        "LayerElementNormal",
        "",
        "ByPolygonVertex",
        "Direct",
        {"Normals": mesh.normals[corners].ravel()},
    )
    layers = ["LayerElementNormal", "LayerElementMaterial"]
    if mesh.uv is not None:
        upwards = np.stack([mesh.uv[:, 0], 1.0 - mesh.uv[:, 1]], axis=1)
        arrays: dict[str, Property] = {"UV": upwards.ravel(), "UVIndex": corners}
        _layer(node, "LayerElementUV", "UVMap", "ByPolygonVertex", "IndexToDirect", arrays)
        layers.insert(1, "LayerElementUV")
    _layer(node, "LayerElementMaterial", "", "AllSame", "IndexToDirect", {"Materials": np.zeros(1, np.int32)})
    layer = node.add("Layer", 0)
    layer.add("Version", 100)
    for kind in layers:
        element = layer.add("LayerElement")
        element.add("Type", kind)
        element.add("TypedIndex", 0)
    model = _model(build, name, "Mesh")
    build.connect(geometry, model)
    build.connect(model, Id(0))
    return geometry, model


def _layer(
    node: Node, kind: str, name: str, mapping: str, reference: str, arrays: Mapping[str, Property]
) -> None:
    layer = node.add(kind, 0)
    layer.add("Version", 101)
    layer.add("Name", name)
    layer.add("MappingInformationType", mapping)
    layer.add("ReferenceInformationType", reference)
    for title, values in arrays.items():
        layer.add(title, values)


def _model(build: Builder, name: str, kind: str, *settings: tuple[Property, ...]) -> Id:
    identity, node = build.object("Model", name, "Model", kind)
    node.add("Version", 232)
    node.settings(("InheritType", "enum", "", "", 1), *settings)
    node.add("Shading", True)  # noqa: FBT003 - an FBX property
    node.add("Culling", "CullingOff")
    return identity


def _material(
    build: Builder, material: Material, textures: Mapping[str, tuple[str, bytes]], model: Id
) -> None:
    identity, node = build.object("Material", material.name, "Material", "")
    node.add("Version", 102)
    node.add("ShadingModel", "phong")
    node.add("MultiLayer", 0)
    red, green, blue, alpha = material.base_color_factor
    shininess = (1.0 - material.roughness_factor) ** 2 * 100.0  # as Blender reads it back
    node.settings(
        ("DiffuseColor", "Color", "", "A", red, green, blue),
        ("AmbientColor", "Color", "", "A", 0.0, 0.0, 0.0),
        ("SpecularFactor", "Number", "", "A", 0.25),
        ("ShininessExponent", "Number", "", "A", shininess),
        ("ReflectionFactor", "Number", "", "A", float(material.metallic_factor)),
        ("TransparencyFactor", "Number", "", "A", 1.0 - alpha),
        ("Opacity", "Number", "", "A", float(alpha)),
    )
    build.connect(identity, model)
    for channel, prop in _TEXTURE_PROPERTIES.items():
        if channel in textures:
            build.connect(_texture(build, channel, *textures[channel]), identity, prop)


def _texture(build: Builder, channel: str, file_name: str, png: bytes) -> Id:
    texture, node = build.object("Texture", channel, "Texture", "")
    node.add("Type", "TextureVideoClip")
    node.add("Version", 202)
    node.add("TextureName", f"{channel}\x00\x01Texture")
    node.settings(("UVSet", "KString", "", "", "UVMap"), ("UseMaterial", "bool", "", "", 1))
    node.add("Media", f"{channel}\x00\x01Video")
    node.add("FileName", file_name)
    node.add("RelativeFilename", file_name)
    node.add("ModelUVTranslation", 0.0, 0.0)
    node.add("ModelUVScaling", 1.0, 1.0)
    node.add("Texture_Alpha_Source", "None")
    video, clip = build.object("Video", channel, "Video", "Clip")
    clip.add("Type", "Clip")
    clip.settings(("Path", "KString", "XRefUrl", "", file_name))
    clip.add("UseMipMap", 0)
    clip.add("Filename", file_name)
    clip.add("RelativeFilename", file_name)
    clip.add("Content", png)
    build.connect(video, texture)
    return texture


def _bones(build: Builder, bones: tuple[Bone, ...]) -> tuple[Id, list[Id]]:
    armature = _model(build, "Armature", "Null")
    attribute, node = build.object("NodeAttribute", "Armature", "NodeAttribute", "Null")
    node.add("TypeFlags", "Null")
    node.settings()
    build.connect(attribute, armature)
    build.connect(armature, Id(0))
    worlds = world_matrices(bones)
    identities: list[Id] = []
    for index, bone in enumerate(bones):
        rotation = euler_degrees(np.asarray([bone.rotation]))[0]
        identity = _model(
            build,
            bone.name,
            "LimbNode",
            ("RotationActive", "bool", "", "", 1),
            (
                "Lcl Translation",
                "Lcl Translation",
                "",
                "A",
                *(float(x) * CENTIMETRES for x in bone.translation),
            ),
            ("Lcl Rotation", "Lcl Rotation", "", "A", *(float(x) for x in rotation)),
            ("Lcl Scaling", "Lcl Scaling", "", "A", *(float(x) for x in bone.scale)),
        )
        attribute, node = build.object("NodeAttribute", bone.name, "NodeAttribute", "LimbNode")
        node.settings(("Size", "double", "Number", "", _length(bones, index, worlds) * CENTIMETRES))
        node.add("TypeFlags", "Skeleton")
        build.connect(attribute, identity)
        build.connect(identity, identities[bone.parent] if bone.parent >= 0 else armature)
        identities.append(identity)
    return armature, identities


def _length(bones: tuple[Bone, ...], index: int, worlds: Floats) -> float:
    head, tail = worlds[index, :3, 3], bones[index].tail
    if tail is not None:
        return float(np.linalg.norm(np.asarray(tail) - head))
    children = [worlds[i, :3, 3] for i, bone in enumerate(bones) if bone.parent == index]
    return float(np.linalg.norm(np.mean(children, axis=0) - head)) if children else 0.1


def _skin(build: Builder, scene: Scene, mesh: Mesh, geometry: Id, bones: list[Id]) -> Floats:
    """Add the skin and its clusters; returns the bones' world matrices at bind time."""
    assert mesh.joints is not None
    assert mesh.weights is not None
    skin, node = build.object("Deformer", scene.name, "Deformer", "Skin")
    node.add("Version", 101)
    node.add("Link_DeformAcuracy", 50.0)
    build.connect(skin, geometry)
    inverse = inverse_binds(scene)
    binds: Floats = np.linalg.inv(inverse).astype(np.float64)
    for index, (bone, identity) in enumerate(zip(scene.bones, bones, strict=True)):
        rows, columns = np.nonzero((mesh.joints == index) & (mesh.weights > _WEIGHT_MIN))
        if not len(rows):
            continue
        cluster, node = build.object("Deformer", bone.name, "SubDeformer", "Cluster")
        node.add("Version", 100)
        node.add("UserData", "", "")
        node.add("Indexes", rows.astype(np.int32))
        node.add("Weights", mesh.weights[rows, columns])
        node.add("Transform", fbx_matrix(inverse[index]))
        node.add("TransformLink", fbx_matrix(binds[index]))
        build.connect(cluster, skin)
        build.connect(identity, cluster)
    return binds


def _bind_pose(build: Builder, name: str, places: list[tuple[Id, Floats]]) -> None:
    _, pose = build.object("Pose", name, "Pose", "BindPose")
    pose.add("Type", "BindPose")
    pose.add("Version", 100)
    pose.add("NbPoseNodes", len(places))
    for identity, matrix in places:
        entry = pose.add("PoseNode")
        entry.add("Node", identity)
        entry.add("Matrix", fbx_matrix(matrix))
