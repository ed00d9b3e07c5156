"""What a person needs to know to bring the exported files into an engine: true for these files, not in general."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maquette.studio.formats.format_notes import format_notes
from maquette.studio.scene import Clip, Scene
from maquette.studio.textures import COLOR_SPACES
from maquette.studio.version import engine

SCHEMA = "maquette.engine_notes/1"
ENGINES = ("generic", "unity", "unreal", "godot")
CONVENTIONS = {"units": "meters", "up_axis": "y", "forward_axis": "z"}
"""What the files are in; FBX alone has centimetres, and says so, so that it comes in at the same size."""
_BIPED = frozenset({"hips", "spine", "head"})


@dataclass(frozen=True, slots=True)
class Files:
    """Names of the exported files that the notes refer to."""

    models: Mapping[str, str]
    """Format → file name."""
    textures: Mapping[str, str]
    """Channel → file name."""


def model_notes(scene: Scene, target: str, name: str, files: Files) -> dict[str, Any]:
    """Compose the notes for a 3D export; ``import_settings`` has every engine, ``recommended`` the one asked for."""
    assert scene.mesh is not None
    low, high = scene.mesh.positions.min(axis=0), scene.mesh.positions.max(axis=0)
    imports = {
        "unity": _unity(scene, files),
        "unreal": _unreal(scene, files),
        "godot": _godot(scene.clips, files),
    }
    notes: dict[str, Any] = {
        "schema": SCHEMA,
        "engine": target,
        "written_by": engine("file writers; the other steps name their own makers"),
        "units": "centimetres in FBX (UnitScaleFactor 1), metres in every other format: all come in at true size",
        "up_axis": "+Y",
        "forward_axis": "+Z",
        "handedness": "right",
        "size_meters": {
            "x": _rounded(high[0] - low[0]),
            "y": _rounded(high[1] - low[1]),
            "z": _rounded(high[2] - low[2]),
        },
        "origin": {
            "lowest_y": _rounded(low[1]),
            "center_x": _rounded((low[0] + high[0]) / 2),
            "center_z": _rounded((low[2] + high[2]) / 2),
        },
        "naming": _naming(scene, name),
        "files": dict(files.models),
        "formats": format_notes(scene, files.models),
        "textures": {
            channel: {"file": file, "color_space": COLOR_SPACES[channel]} | _channel_note(channel)
            for channel, file in files.textures.items()
        },
        "clips": [
            {"name": clip.name, "duration": _rounded(clip.duration), "fps": clip.fps, "loop": clip.loop}
            for clip in scene.clips
        ],
        "import_settings": imports,
    }
    if target in imports:
        notes["recommended"] = imports[target]
    return notes


def image_notes(target: str, name: str, images: Sequence[tuple[str, int, int, bool]]) -> dict[str, Any]:
    """Compose the notes for a 2D export; ``images`` are (file name, width, height, has alpha)."""
    imports = {
        "unity": {
            "texture_type": "Sprite (2D and UI)",
            "srgb": True,
            "alpha_is_transparency": True,
            "mesh_type": "Tight",
            "pixels_per_unit": "the picture's height in pixels for a sprite one unit (1 m) tall",
        },
        "unreal": {
            "texture_group": "2D Pixels (unfiltered) or UI",
            "srgb": True,
            "compression": "UserInterface2D (RGBA)",
        },
        "godot": {"import_as": "Texture2D", "compress_mode": "Lossless", "fix_alpha_border": True},
    }
    notes: dict[str, Any] = {
        "schema": SCHEMA,
        "engine": target,
        "written_by": engine("file writers; the other steps name their own makers"),
        "units": "pixels",
        "up_axis": "rows run downwards",
        "forward_axis": "towards the viewer",
        "naming": {"pattern": f"{name}.<format>, further pictures {name}-2.<format> …"},
        "color_space": "srgb",
        "alpha": "straight, not premultiplied",
        "images": [
            {"file": file, "width": width, "height": height, "transparent": alpha}
            for file, width, height, alpha in images
        ],
        "import_settings": imports,
    }
    if target in imports:
        notes["recommended"] = imports[target]
    return notes


def conventions_note(asked: Mapping[str, str]) -> dict[str, Any]:
    """Set the project's units and axes beside those of the files, and say which an importer has to convert."""
    return {
        "conventions": {
            name: {"project": wanted, "files": CONVENTIONS[name], "convert": wanted != CONVENTIONS[name]}
            for name, wanted in asked.items()
            if name in CONVENTIONS
        }
    }


def _naming(scene: Scene, name: str) -> dict[str, Any]:
    naming: dict[str, Any] = {
        "models": f"{name}.<format>",
        "textures": f"{name}_<channel>.png",
        "mesh": scene.name,
        "material": scene.material.name,
    }
    if scene.bones:
        naming["bones"] = [bone.name for bone in scene.bones]
        naming["clips"] = [clip.name for clip in scene.clips]
    return naming


def _channel_note(channel: str) -> dict[str, str]:
    notes = {
        "normal": {"convention": "OpenGL: green points up the surface (+Y)"},
        "metallic": {"range": "0 dielectric, 1 metal"},
        "roughness": {"range": "0 mirror, 1 matt; smoothness is 1 - roughness"},
        "ao": {"range": "0 occluded, 1 open"},
    }
    return notes.get(channel, {})


def _looping(clips: Sequence[Clip]) -> list[str]:
    return [clip.name for clip in clips if clip.loop]


def _unity(scene: Scene, files: Files) -> dict[str, Any]:
    biped = {bone.name for bone in scene.bones} >= _BIPED
    settings: dict[str, Any] = {
        "model": _preferred(files, "fbx", "glb", "gltf"),
        "scale_factor": 1,
        "convert_units": True,
        "bake_axis_conversion": False,
        "normals": "Import",
        "tangents": "Calculate Mikktspace",
        "forward": "the model faces +Z, Unity's forward",
        "materials": "FBX carries its textures inside: Materials tab, Extract Textures, Extract Materials; metallic and roughness "
        "go into a Lit material by hand, or import the GLB with glTFast",
        "base_color": "sRGB (Color Texture) on",
        "normal": "Texture Type Normal map; do not flip green",
        "metallic_roughness_ao": "sRGB off; Lit shaders want metallic in R and 1 - roughness in A of one map",
    }
    if scene.bones:
        settings["rig"] = (
            "Humanoid (map by hand if names are not recognised) or Generic" if biped else "Generic"
        )
        settings["loop_time"] = _looping(scene.clips)
    return settings


def _unreal(scene: Scene, files: Files) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "model": _preferred(files, "fbx", "glb", "gltf"),
        "import_uniform_scale": 1.0,
        "convert_scene": True,
        "convert_scene_unit": False,
        "force_front_x_axis": False,
        "forward": "the model faces +Y after conversion to Z up; yaw the component by -90° to face +X, as with Unreal's own characters",
        "normal_import_method": "Import Normals (tangents by MikkTSpace)",
        "base_color": "sRGB on",
        "normal": "Compression Normalmap, Flip Green Channel ON (Unreal expects DirectX normals)",
        "metallic_roughness_ao": "sRGB off, Compression Masks",
    }
    if scene.bones:
        settings["skeletal_mesh"] = True
        settings["import_animations"] = bool(scene.clips)
        settings["use_t0_as_ref_pose"] = False
        settings["looping_clips"] = _looping(scene.clips)
    return settings


def _godot(clips: Sequence[Clip], files: Files) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "model": _preferred(files, "glb", "gltf", "fbx"),
        "root_scale": 1.0,
        "forward": "the model faces +Z (Vector3.MODEL_FRONT); pass use_model_front to look_at()",
        "materials": "the GLB brings all textures, packed as Godot's ORM",
        "normal": "OpenGL normals as Godot expects; do not flip green",
    }
    if clips:
        settings["loop_mode_linear"] = _looping(clips)
        settings["animation"] = (
            "glTF has no loop flag: set Loop Mode in the Advanced Import Settings for the clips listed"
        )
    return settings


def _preferred(files: Files, *formats: str) -> str:
    """Name the first of the formats that was exported, else whatever was."""
    found = next((files.models[kind] for kind in formats if kind in files.models), None)
    return found or next(iter(files.models.values()))


def _rounded(value: float) -> float:
    return round(float(value), 4)
