"""Scene → USDZ: one text layer and its pictures in a stored zip, every file on a 64-byte boundary.

The shape is the one AR Quick Look, Blender, Unreal and Omniverse take: a SkelRoot with mesh, skeleton and one
SkelAnimation per clip, and a UsdPreviewSurface. A stage has one timeline, so the skeleton plays the first clip; the
others stand beside it for whoever wants to bind them. References: the UsdPreviewSurface and UsdSkel specifications of
OpenUSD, and its "Usdz File Format Specification".
"""

import io
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from maquette.studio.formats.gltf_write import TEXTURE_FILES
from maquette.studio.formats.usd_material import add_material
from maquette.studio.formats.usd_text import Path, Prim, identifiers, write_usda
from maquette.studio.pose import inverse_binds, local_matrix, unit_quaternions
from maquette.studio.quads import quads
from maquette.studio.scene import Bone, Clip, Floats, Mesh, Scene

_ALIGNMENT = 64
_PADDING_ID = b"\x86\x19"  # the extra field that OpenUSD itself pads with
_EPOCH = (1980, 1, 1, 0, 0, 0)
_FPS_STILL = 24


def write_usdz(scene: Scene, stem: str, pictures: Mapping[str, bytes]) -> bytes:
    """Encode a scene that has a mesh; ``pictures`` are its material's maps as PNG, by `TEXTURE_FILES` key."""
    used = pictures if scene.mesh is not None and scene.mesh.uv is not None else {}
    names = {channel: f"textures/{stem}_{TEXTURE_FILES[channel]}.png" for channel in used}
    files = {f"{stem}.usda": _layer(scene, names)}  # the first file of a package is its root layer
    files |= {names[channel]: used[channel] for channel in used}
    return _package(files)


def joint_paths(bones: Sequence[Bone]) -> list[str]:
    """Name each bone as USD does, by its path from the root; other characters than letters, digits, ``_`` become ``_``."""
    paths: list[str] = []
    for bone, name in zip(bones, identifiers([bone.name for bone in bones]), strict=True):
        paths.append(f"{paths[bone.parent]}/{name}" if bone.parent >= 0 else name)
    return paths


def _layer(scene: Scene, textures: Mapping[str, str]) -> bytes:
    assert scene.mesh is not None
    skinned = bool(scene.bones) and scene.mesh.joints is not None
    (name,) = identifiers([scene.name])
    root = Prim("SkelRoot" if skinned else "Xform", name, metadata={"kind": "component"})
    here = f"/{name}"
    material = add_material(root, here, scene.material, textures)
    schemas = ("MaterialBindingAPI", "SkelBindingAPI") if skinned else ("MaterialBindingAPI",)
    body = root.add("Mesh", "Geometry", schemas)
    _mesh(body, scene.mesh)
    body.relate("material:binding", material)
    metadata: dict[str, str | float] = {"metersPerUnit": 1, "upAxis": "Y"}
    if skinned:
        _skin(body, scene.mesh, Path(f"{here}/Skeleton"))
        _skeleton(root, scene, here)
    if skinned and scene.clips:
        rate = scene.clips[0].fps
        metadata |= {
            "startTimeCode": 0,
            "endTimeCode": round(scene.clips[0].duration * rate, 6),
            "timeCodesPerSecond": rate,
            "framesPerSecond": rate,
        }
    return write_usda(root, metadata)


def _mesh(prim: Prim, mesh: Mesh) -> None:
    corners = quads(mesh)
    faces = mesh.triangles if corners is None else corners
    prim.set("float3[]", "extent", np.stack([mesh.positions.min(axis=0), mesh.positions.max(axis=0)]))
    prim.set("int[]", "faceVertexCounts", np.full(len(faces), faces.shape[1]))
    prim.set("int[]", "faceVertexIndices", faces.ravel())
    prim.set("point3f[]", "points", mesh.positions)
    prim.set("normal3f[]", "normals", mesh.normals, interpolation="vertex")
    prim.set("uniform token", "orientation", "rightHanded")
    prim.set("uniform token", "subdivisionScheme", "none")
    if mesh.uv is not None:
        upwards = np.stack([mesh.uv[:, 0], 1.0 - mesh.uv[:, 1]], axis=1)
        prim.set("texCoord2f[]", "primvars:st", upwards, interpolation="vertex")


def _skin(prim: Prim, mesh: Mesh, skeleton: Path) -> None:
    assert mesh.joints is not None
    assert mesh.weights is not None
    weights = mesh.weights / mesh.weights.sum(axis=1, keepdims=True)
    joints = np.where(weights > 0, mesh.joints, 0)
    prim.set("matrix4d", "primvars:skel:geomBindTransform", np.eye(4))
    prim.set("int[]", "primvars:skel:jointIndices", joints.ravel(), elementSize=4, interpolation="vertex")
    prim.set("float[]", "primvars:skel:jointWeights", weights.ravel(), elementSize=4, interpolation="vertex")
    prim.relate("skel:skeleton", skeleton)


def _skeleton(root: Prim, scene: Scene, here: str) -> None:
    skeleton = root.add("Skeleton", "Skeleton", ("SkelBindingAPI",))
    joints = joint_paths(scene.bones)
    binds = np.linalg.inv(inverse_binds(scene))
    rests = np.stack([local_matrix(bone.translation, bone.rotation, bone.scale) for bone in scene.bones])
    skeleton.set("uniform token[]", "joints", joints)
    # USD multiplies row vectors: its matrices are ours, transposed.
    skeleton.set("uniform matrix4d[]", "bindTransforms", _exact(np.swapaxes(binds, 1, 2)))
    skeleton.set("uniform matrix4d[]", "restTransforms", _exact(np.swapaxes(rests, 1, 2)))
    if not scene.clips:
        return
    names = identifiers([clip.name for clip in scene.clips])
    skeleton.relate("skel:animationSource", Path(f"{here}/Skeleton/{names[0]}"))
    for clip, name in zip(scene.clips, names, strict=True):
        _animation(
            skeleton.add("SkelAnimation", name), clip, scene.bones, joints, scene.clips[0].fps or _FPS_STILL
        )


def _animation(prim: Prim, clip: Clip, bones: Sequence[Bone], joints: list[str], rate: int) -> None:
    count = len(clip.times)
    codes = [round(float(time) * rate, 6) for time in clip.times]

    def stacked(tracks: Mapping[int, Floats], rest: Sequence[Sequence[float]]) -> Floats:
        rows = [tracks.get(i, np.tile(rest[i], (count, 1))) for i in range(len(bones))]
        return np.stack(rows, axis=1)

    moves = stacked(clip.translations, [bone.translation for bone in bones])
    turns = [
        unit_quaternions(np.asarray(clip.rotations.get(i, np.tile(bone.rotation, (count, 1)))))
        for i, bone in enumerate(bones)
    ]
    real_first = np.stack(turns, axis=1)[..., [3, 0, 1, 2]]
    prim.set("uniform token[]", "joints", joints)
    prim.sample("float3[]", "translations", codes, list(moves))
    prim.sample("quatf[]", "rotations", codes, list(real_first))
    prim.sample("half3[]", "scales", codes, list(stacked(clip.scales, [bone.scale for bone in bones])))


def _exact(matrices: Floats) -> Floats:
    """Round away what inverting left: a matrix of a rigid pose ends in exactly 0, 0, 0, 1."""
    result: Floats = np.round(matrices, 9) + 0.0
    return result


def _package(files: Mapping[str, bytes]) -> bytes:
    """Zip without compression, padded so that each file's data begins at a multiple of 64; no clock in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as package:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 0
            start = stream.tell() + 30 + len(name.encode())
            padding = -start % _ALIGNMENT
            padding += _ALIGNMENT if 0 < padding < 4 else 0  # an extra field has a head of four bytes
            if padding:
                info.extra = _PADDING_ID + (padding - 4).to_bytes(2, "little") + bytes(padding - 4)
            package.writestr(info, data)
    return stream.getvalue()
