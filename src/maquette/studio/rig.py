"""Step rig: any mesh → the same one at its size on the ground, facing +Z, with a fitted skeleton and skin weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.geometry import turned
from maquette.studio.mesh_input import read_mesh
from maquette.studio.parameters import number
from maquette.studio.quads import face_count
from maquette.studio.rigging.quadruped_skeleton import (
    QUADRUPED_SCHEMA,
    moved,
    quadruped_bones,
    standard_quadruped,
)
from maquette.studio.rigging.silhouette import find_body, front_view, standard_body
from maquette.studio.rigging.skeleton import BIPED_SCHEMA, PROP_SCHEMA, biped_bones, prop_bones
from maquette.studio.rigging.skinning import bind
from maquette.studio.rigging.template import Template, choose_template
from maquette.studio.scene import Bone, Floats, Ints, Mesh, Scene
from maquette.studio.surface.decimate import weld
from maquette.studio.version import VERSION, engine, model
from maquette.worker.handler import Context, Output, Result, Succeeded

_METHOD = "skeleton fitted to the shape; voxel-geodesic and heat-diffused weights; no learned rigger"
_METERS = {"biped": 1.7, "quadruped": 1.0}
_TYPES = ("auto", "biped", "quadruped", "prop")
_HEIGHT_MIN = 1e-3
"""Of the mesh's extent: less is a floor tile, and scaling it to a height would tear it apart."""


def rig(context: Context) -> Result:
    """Decide what the mesh is (unless told), scale it, fit bones, bind.

    ``rig_type`` auto, biped, quadruped or prop. ``height_meters``: when absent 1.7 for a biped, 1.0 for a quadruped, a prop's
    own height. A quadruped is turned to look along +Z.
    """
    try:
        return _rig(context)
    except StudioInputError as error:
        return error.failed()


def _rig(context: Context) -> Succeeded:
    wanted = context.params.get("rig_type") or "auto"
    if wanted not in _TYPES:
        raise StudioInputError("rig_type_unknown", f"rig_type must be one of {', '.join(_TYPES)}.")
    context.progress(0.0, "reading the mesh")
    source, mesh = read_mesh(context)
    # Positions on a grid finer than any texel: files of equal shape then rig alike whatever their seams.
    place, positions, triangles = _welded(mesh)
    context.progress(0.2, "looking at the shape")
    template = _template(wanted, positions, triangles)
    kind = template.kind
    positions = turned(positions, template.turn)
    scale = _scale(context, positions, kind)
    ground = _ground_center(positions)
    positions = (positions - ground) * scale
    context.progress(0.4, "fitting bones")
    if kind == "biped":
        view = front_view(positions, triangles)
        bones = biped_bones(view, find_body(view) or standard_body(view))
    elif kind == "quadruped":
        landmarks = template.quadruped
        bones = quadruped_bones(
            moved(landmarks, ground, scale) if landmarks else standard_quadruped(positions)
        )
    else:
        bones = prop_bones(positions)
    context.progress(0.5, "binding")
    joints, weights = bind(positions, triangles, bones)
    context.progress(0.8, "writing")
    skinned = replace(
        _turned(mesh, template.turn),
        positions=(turned(mesh.positions, template.turn) - ground) * scale,
        joints=np.ascontiguousarray(joints[place]),
        weights=np.ascontiguousarray(weights[place]),
    )
    return _result(context, source, skinned, bones, kind)


def _template(wanted: str, positions: Floats, triangles: Ints) -> Template:
    """Take what was asked for, with the landmarks that the mesh has for it; ``auto`` leaves the choice to the shape."""
    if wanted in {"biped", "prop"}:
        return Template("biped" if wanted == "biped" else "prop")
    found = choose_template(positions, triangles)
    if wanted == "auto" or found.kind == "quadruped":
        return found
    size = np.ptp(positions, axis=0)
    return Template("quadruped", 270 if size[0] > size[2] else 0)


def _turned(mesh: Mesh, degrees: int) -> Mesh:
    """Turn the frames of a mesh about +Y; positions are the caller's."""
    frame = mesh.tangents
    if frame is not None:
        frame = np.concatenate([turned(frame[:, :3], degrees), frame[:, 3:]], axis=1)
    return replace(mesh, normals=turned(mesh.normals, degrees), tangents=frame)


def _welded(mesh: Mesh) -> tuple[Ints, Floats, Ints]:
    """For each vertex its welded one, and the welded mesh: seams must not tear when it bends."""
    positions, triangles = weld(mesh.positions, mesh.triangles)
    if not len(triangles):
        raise StudioInputError("mesh_has_no_faces", "Every triangle of the mesh is degenerate.")
    from scipy.spatial import cKDTree

    return cKDTree(positions).query(mesh.positions)[1].astype(np.int64), positions, triangles


def _scale(context: Context, positions: Floats, kind: str) -> float:
    if context.params.get("height_meters") is None and kind not in _METERS:
        return 1.0
    wanted = number(context, "height_meters", _METERS.get(kind, 1.0), 0.01, 100.0)
    height = float(np.ptp(positions[:, 1]))
    if height < _HEIGHT_MIN * float(np.ptp(positions, axis=0).max()):
        raise StudioInputError(
            "mesh_has_no_height", "The mesh is flat on the ground: it cannot be scaled to a height."
        )
    return wanted / height


def _ground_center(positions: Floats) -> Floats:
    low, high = positions.min(axis=0), positions.max(axis=0)
    return np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])


def _result(context: Context, source: Scene, mesh: Mesh, bones: tuple[Bone, ...], kind: str) -> Succeeded:
    assert mesh.joints is not None
    assert mesh.weights is not None
    made_by = engine(_METHOD)
    schema = {"biped": BIPED_SCHEMA, "quadruped": f"{QUADRUPED_SCHEMA}-{len(bones)}"}.get(kind, PROP_SCHEMA)
    path, table = context.workdir / "rigged.glb", context.workdir / "weights.npz"
    rigged = Scene(
        name=source.name, mesh=mesh, material=source.material, bones=bones, extras={"engine": made_by}
    )
    path.write_bytes(write_glb(rigged))
    stored = mesh.weights.astype(np.float32)
    _write_weights(table, mesh.joints, stored, bones)
    influences = int((stored > 0).sum(axis=1).max())
    error = float(np.abs(stored.astype(np.float64).sum(axis=1) - 1.0).max())
    context.progress(1.0, "done")
    return Succeeded(
        artifacts=(
            Output(
                path=path,
                kind="mesh",
                media_type="model/gltf-binary",
                attributes={
                    "rig_type": kind,
                    "bones": len(bones),
                    "poly_count": face_count(mesh),
                    "height_meters": round(float(np.ptp(mesh.positions[:, 1])), 6),
                    "engine": made_by,
                },
            ),
            Output(
                path=table,
                kind="weights",
                media_type="application/zip",
                attributes={"format": "npz", "arrays": ["joints", "weights", "bones"], "engine": made_by},
            ),
        ),
        outputs={
            "rig_type": kind,
            "armature": {
                "schema": schema,
                "bones": [
                    {"name": bone.name, "parent": bones[bone.parent].name if bone.parent >= 0 else None}
                    for bone in bones
                ],
            },
            "weights": {"artifact": table.name, "max_influences": influences, "sum_error": error},
            "poly_count": face_count(mesh),
        },
        model=model("rig"),
        model_version=VERSION,
    )


def _write_weights(path: Path, joints: Ints, weights: np.ndarray, bones: tuple[Bone, ...]) -> None:
    """Write joints (n, 4), weights (n, 4) and bone names, in the order of the GLB's vertices."""
    np.savez_compressed(
        path, joints=joints.astype(np.uint16), weights=weights, bones=np.array([bone.name for bone in bones])
    )
