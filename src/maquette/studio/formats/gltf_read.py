"""Binary glTF 2.0 → Scene, for files made anywhere: merged, baked to world space, checked, never trusted."""

import functools
from dataclasses import replace

import numpy as np

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_clips import animated_nodes, read_clips
from maquette.studio.formats.gltf_file import GltfFile, malformed
from maquette.studio.formats.gltf_material import read_surface
from maquette.studio.formats.gltf_nodes import Node, choose_bones, make_bones, read_nodes
from maquette.studio.formats.gltf_primitive import Primitive, read_primitive
from maquette.studio.formats.material_merge import one_surface
from maquette.studio.geometry import unit_rows, vertex_normals
from maquette.studio.pose import world_matrices
from maquette.studio.quads import paired, says_quad
from maquette.studio.scene import Bone, Floats, Mesh, Scene

_VERTICES_MAX = 4_000_000
_TRIANGLES_MAX = 4_000_000
_METRES_MAX = 100_000.0
_METRES_MIN = 1e-5
_IDENTITY_SLACK = 1e-6


def read_glb(data: bytes) -> Scene:
    """Read one model. Raises ``StudioInputError`` for whatever cannot be worked on.

    Meshes and primitives are merged into one mesh in world space and rest pose, several materials into one
    by atlas, vertex colours into a texture; strips and fans become triangles; missing normals are computed;
    animations are resampled at even times. A file without meshes gives a scene with ``mesh`` None.
    """
    try:
        return _read(GltfFile(data))
    except (AttributeError, KeyError, IndexError, OverflowError, TypeError) as error:
        # Every number is checked where it is used; what is left are JSON values of another kind.
        raise malformed(f"a field holds something unexpected ({error})") from error


def _read(file: GltfFile) -> Scene:
    nodes = read_nodes(file)
    meshes = [node for node in nodes.values() if "mesh" in node.entry]
    joints = list(dict.fromkeys(joint for node in meshes for joint in _joints(file, node)))
    chosen = choose_bones(nodes, joints, animated_nodes(file))
    bone_of_node = {node: bone for bone, node in enumerate(chosen)}
    bones = make_bones(nodes, chosen)
    placed = _placed_primitives(file, nodes, bones, bone_of_node)
    if meshes and not placed:
        raise StudioInputError("mesh_has_no_faces", "The GLB has meshes but not one triangle.")
    if bones and any(item.joints is not None and (item.joints == len(bones)).any() for item in placed):
        bones = (*bones, Bone(name="static", parent=-1, translation=(0.0, 0.0, 0.0)))
    clips = read_clips(file, bones, bone_of_node)
    if not meshes and not clips:
        raise StudioInputError("mesh_has_no_faces", "The GLB holds neither a mesh nor an animation.")
    extras = file.document["asset"].get("extras")
    scene = Scene(
        name=_name(file, meshes),
        mesh=None,
        bones=bones,
        clips=clips,
        extras=extras if isinstance(extras, dict) else {},
    )
    if not placed:
        return scene
    primitives, material = one_surface(placed)
    mesh = _merged(primitives)
    if all(says_quad(file.get("meshes", node.entry["mesh"]).get("extras")) for node in meshes):
        mesh = replace(mesh, topology="quad" if paired(mesh.triangles) is not None else "triangle")
    _check_size(mesh)
    return replace(scene, mesh=mesh, material=material)


def _placed_primitives(
    file: GltfFile, nodes: dict[int, Node], bones: tuple[Bone, ...], bone_of_node: dict[int, int]
) -> list[Primitive]:
    """Every primitive of the scene in world space, its joints being indices into ``bones``."""
    surface_of = functools.cache(functools.partial(read_surface, file))
    rest = world_matrices(bones)
    placed = []
    vertices = triangles = 0
    for node in nodes.values():
        if "mesh" not in node.entry:
            continue
        for entry in file.get("meshes", node.entry["mesh"]).get("primitives", []):
            primitive = read_primitive(file, entry, surface_of)
            if primitive is None:
                continue
            vertices += len(primitive.positions)
            triangles += len(primitive.triangles)
            if vertices > _VERTICES_MAX or triangles > _TRIANGLES_MAX:
                raise StudioInputError(
                    "mesh_too_large", "The GLB has over four million vertices or triangles."
                )
            if "skin" in node.entry and primitive.joints is not None:
                placed.append(_at_rest(file, node, primitive, bone_of_node, rest))
            else:
                moved = _moved(primitive, np.broadcast_to(node.world, (len(primitive.positions), 4, 4)))
                placed.append(_attached(moved, node, nodes, bone_of_node) if bones else _unskinned(moved))
    return placed


def _at_rest(
    file: GltfFile, node: Node, primitive: Primitive, bone_of_node: dict[int, int], rest: Floats
) -> Primitive:
    """Bake the skin's rest pose, so that the mesh fits the bones as they stand and binding there is exact.

    Exact whenever all of a skin's joints share one ``world @ inverse_bind`` (bind pose = rest pose); for a file
    saved in another pose the baked mesh is right at rest and linear blending in other poses differs slightly.
    """
    assert primitive.joints is not None
    assert primitive.weights is not None
    skin = file.get("skins", node.entry["skin"])
    bone_of_joint = np.array([bone_of_node[joint] for joint in skin["joints"]], dtype=np.int64)
    used = primitive.joints[primitive.weights > 0]
    if len(used) and int(used.max()) >= len(bone_of_joint):
        raise malformed(f"a vertex is bound to joint {int(used.max())} of {len(bone_of_joint)}")
    inverse = np.tile(np.eye(4), (len(bone_of_joint), 1, 1))
    if "inverseBindMatrices" in skin:
        stored = file.floats(skin["inverseBindMatrices"], 16)
        if len(stored) < len(bone_of_joint):
            raise malformed("a skin has fewer inverse bind matrices than joints")
        inverse = stored[: len(bone_of_joint)].reshape(-1, 4, 4).swapaxes(1, 2)
    local = np.minimum(primitive.joints, len(bone_of_joint) - 1)
    bind = rest[bone_of_joint] @ inverse
    blend = np.einsum("nk,nkij->nij", primitive.weights, bind[local])
    return replace(_moved(primitive, blend), joints=bone_of_joint[local])


def _moved(primitive: Primitive, matrices: Floats) -> Primitive:
    """Transform by a matrix per vertex (n, 4, 4); mirrored triangles are turned to face outwards again."""
    if np.abs(matrices - np.eye(4)).max() < _IDENTITY_SLACK:  # keep the stored bits
        return primitive
    linear = matrices[:, :3, :3]
    positions = np.einsum("nij,nj->ni", linear, primitive.positions) + matrices[:, :3, 3]
    normals, frame = primitive.normals, primitive.tangents
    determinants = np.linalg.det(linear)
    if normals is not None:  # normals go by the cofactor matrix, which exists for flat scales too
        rows = np.stack([np.cross(linear[:, (i + 1) % 3], linear[:, (i + 2) % 3]) for i in range(3)], axis=1)
        normals = unit_rows(np.einsum("nij,nj->ni", rows, normals), (0.0, 1.0, 0.0))
    if frame is not None:
        along = unit_rows(np.einsum("nij,nj->ni", linear, frame[:, :3]), (1.0, 0.0, 0.0))
        side = np.where(frame[:, 3:] < 0, -1.0, 1.0)
        frame = np.concatenate([along, side], axis=1)
    triangles = primitive.triangles
    if np.median(determinants) < 0:
        triangles = np.ascontiguousarray(triangles[:, ::-1])
        normals = None if normals is None else -normals
    return replace(primitive, positions=positions, triangles=triangles, normals=normals, tangents=frame)


def _attached(
    primitive: Primitive, node: Node, nodes: dict[int, Node], bone_of_node: dict[int, int]
) -> Primitive:
    """Bind an unskinned mesh wholly to the nearest bone above it, or to the static bone that comes last."""
    index = node.index
    while index >= 0 and index not in bone_of_node:
        index = nodes[index].parent
    count = len(primitive.positions)
    weights = np.zeros((count, 4))
    weights[:, 0] = 1.0
    bone = bone_of_node.get(index, len(bone_of_node))
    return replace(primitive, joints=np.full((count, 4), bone, dtype=np.int64), weights=weights)


def _unskinned(primitive: Primitive) -> Primitive:
    return replace(primitive, joints=None, weights=None)


def _merged(primitives: list[Primitive]) -> Mesh:
    offsets = np.cumsum([0, *(len(item.positions) for item in primitives)])[:-1]
    positions = np.concatenate([item.positions for item in primitives])
    triangles = np.concatenate([item.triangles + at for item, at in zip(primitives, offsets, strict=True)])
    if not np.isfinite(positions).all():
        raise StudioInputError("mesh_not_finite", "A transform of the GLB gives infinite positions.")
    normals = [
        item.normals if item.normals is not None else vertex_normals(item.positions, item.triangles)
        for item in primitives
    ]
    uv = [np.zeros((len(item.positions), 2)) if item.uv is None else item.uv for item in primitives]
    frames = [item.tangents for item in primitives if item.tangents is not None]
    joints = [item.joints for item in primitives if item.joints is not None]
    weights = [item.weights for item in primitives if item.weights is not None]
    return Mesh(
        positions=positions,
        triangles=np.ascontiguousarray(triangles),
        normals=unit_rows(np.concatenate(normals), (0.0, 1.0, 0.0)),
        uv=np.concatenate(uv) if any(item.uv is not None for item in primitives) else None,
        tangents=np.concatenate(frames) if len(frames) == len(primitives) else None,
        joints=np.concatenate(joints) if joints else None,
        weights=np.concatenate(weights) if weights else None,
    )


def _check_size(mesh: Mesh) -> None:
    used = mesh.positions[np.unique(mesh.triangles)]
    extent = float((used.max(axis=0) - used.min(axis=0)).max())
    if float(np.abs(used).max()) > _METRES_MAX:
        raise StudioInputError(
            "mesh_size_absurd", f"The mesh reaches {float(np.abs(used).max()):.3g} m from the origin."
        )
    if extent < _METRES_MIN:
        raise StudioInputError("mesh_size_absurd", f"The mesh measures {extent:.3g} m; is its unit right?")


def _joints(file: GltfFile, node: Node) -> list[int]:
    if "skin" not in node.entry:
        return []
    joints = file.get("skins", node.entry["skin"]).get("joints")
    if not isinstance(joints, list) or not joints:
        raise malformed("a skin has no joints")
    return joints


def _name(file: GltfFile, meshes: list[Node]) -> str:
    named = [node.entry.get("name") or file.get("meshes", node.entry["mesh"]).get("name") for node in meshes]
    scenes = file.entries("scenes")
    return str(next((name for name in [*named, *(s.get("name") for s in scenes)] if name), "asset"))
