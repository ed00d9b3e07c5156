"""What each exported format holds and how each engine and tool takes it: true for the files that the studio writes."""

from collections.abc import Mapping
from typing import Any

from maquette.studio.formats.usdz_write import joint_paths
from maquette.studio.quads import quads
from maquette.studio.scene import Scene

_UNITS: Mapping[str, dict[str, Any]] = {
    "glb": {"unit": "metre", "up_axis": "+Y", "forward_axis": "+Z"},
    "gltf": {"unit": "metre", "up_axis": "+Y", "forward_axis": "+Z"},
    "fbx": {
        "unit": "centimetre",
        "unit_scale_factor": 1.0,
        "up_axis": "+Y",
        "forward_axis": "+Z",
        "version": "7.4 binary",
    },
    "usdz": {"unit": "metre", "metersPerUnit": 1.0, "upAxis": "Y", "up_axis": "+Y", "forward_axis": "+Z"},
    "obj": {"unit": "metre (the format has no unit)", "up_axis": "+Y", "forward_axis": "+Z"},
}
_TEXTURES = {
    "glb": "embedded, packed as occlusion, roughness, metallic",
    "gltf": "files beside it, named in the document; keep them in one folder",
    "fbx": "embedded, and named relative to the file so that importers also find them beside it",
    "usdz": "inside the package under textures/; UsdPreviewSurface",
    "obj": "files beside it, named in the MTL (map_Kd, map_Pr, map_Pm, norm); keep them in one folder",
}
_HOW: Mapping[str, dict[str, str]] = {
    "glb": {
        "blender": "File, Import, glTF 2.0: nothing to set",
        "godot": "drop into the project: nothing to set",
        "unity": "needs the glTFast package",
        "unreal": "Interchange imports it since 5.0: nothing to set",
    },
    "gltf": {
        "blender": "as the GLB",
        "godot": "as the GLB",
        "unity": "needs the glTFast package",
        "unreal": "as the GLB",
    },
    "fbx": {
        "blender": "File, Import, FBX: scale 1.0, Manual Orientation off; image search finds the embedded textures",
        "unity": "Model tab: Scale Factor 1, Convert Units on; Materials tab: Extract Textures, then Extract Materials",
        "unreal": "Import Uniform Scale 1.0, Import Textures on; normal map: Flip Green Channel",
        "godot": "imported by ufbx since 4.3; the GLB keeps more of the material",
    },
    "usdz": {
        "apple": "AR Quick Look and Reality Composer open it; place at 100 %",
        "blender": "File, Import, USD: Apply Unit Conversion Scale on",
        "unreal": "enable the USD Importer plugin; the stage's unit and axis are converted",
        "unity": "needs the USD package; the FBX is the safer way",
    },
    "obj": {
        "blender": "File, Import, OBJ: Forward Z, Up Y; where the normal map is missing, connect it by hand (MTL calls it norm)",
        "unity": "Scale Factor 1; Unity reads the colour map only",
        "unreal": "Import Uniform Scale 100 (centimetres there, metres here)",
        "godot": "imports as a mesh; connect the normal map by hand",
    },
}


def format_notes(scene: Scene, models: Mapping[str, str]) -> dict[str, Any]:
    """Say of each exported format what is in it, its units and axes, and how each tool takes it."""
    return {kind: {"file": file} | _note(scene, kind) for kind, file in models.items()}


def _note(scene: Scene, kind: str) -> dict[str, Any]:
    assert scene.mesh is not None
    square = quads(scene.mesh) is not None and kind not in {"glb", "gltf"}
    skinned = bool(scene.bones) and kind != "obj"
    note: dict[str, Any] = {
        **_UNITS[kind],
        "faces": "quads" if square else "triangles",
        "skeleton": skinned,
        "clips": [clip.name for clip in scene.clips] if skinned else [],
        "textures": _TEXTURES[kind] if scene.mesh.uv is not None else "none: the mesh has no coordinates",
        "import": _HOW[kind],
    }
    if kind == "usdz" and skinned:
        note["joints"] = joint_paths(scene.bones)
        if len(scene.clips) > 1:
            note["plays"] = (
                f"{scene.clips[0].name}: a stage has one timeline; the other clips are SkelAnimation prims "
                "below the skeleton, to be bound by skel:animationSource"
            )
    return note
