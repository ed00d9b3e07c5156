"""The files of a 3D asset: one model a format, the texture set, engine notes and pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from maquette.studio.delivery.clips import all_clips
from maquette.studio.delivery.folder import METHOD, Folder, Request
from maquette.studio.delivery.previews import Drawable, draw_previews
from maquette.studio.formats.engine_notes import Files, conventions_note, model_notes
from maquette.studio.formats.fbx_write import write_fbx
from maquette.studio.formats.gltf_write import TEXTURE_FILES, png_bytes, write_glb, write_gltf
from maquette.studio.formats.obj_write import write_obj
from maquette.studio.formats.usdz_write import write_usdz
from maquette.studio.mesh_input import read_mesh
from maquette.studio.quads import face_count
from maquette.studio.scene import Material, Mesh, Scene
from maquette.studio.textures import COLOR_SPACES, settled, texture_set
from maquette.studio.version import engine
from maquette.worker.handler import Context, Succeeded


@dataclass(frozen=True, slots=True)
class _Source:
    """What a writer needs: the scene, the stem of its files, and its pictures, encoded once for all of them."""

    scene: Scene
    stem: str
    textures: Mapping[str, tuple[str, bytes]]
    """Channel → file name and PNG; empty for a mesh without coordinates."""
    packed: Mapping[str, bytes]
    """Map of the material → PNG."""


def _gltf(source: _Source) -> dict[str, bytes]:
    return write_gltf(source.scene, source.stem, source.packed)


def _glb(source: _Source) -> dict[str, bytes]:
    return {f"{source.stem}.glb": write_glb(source.scene, source.packed)}


def _fbx(source: _Source) -> dict[str, bytes]:
    return {f"{source.stem}.fbx": write_fbx(source.scene, source.textures)}


def _usdz(source: _Source) -> dict[str, bytes]:
    return {f"{source.stem}.usdz": write_usdz(source.scene, source.stem, source.packed)}


def _obj(source: _Source) -> dict[str, bytes]:
    names = {channel: name for channel, (name, _) in source.textures.items()}
    return write_obj(source.scene, source.stem, names)


_WRITERS: Mapping[str, Callable[[_Source], dict[str, bytes]]] = {
    "glb": _glb,
    "fbx": _fbx,
    "gltf": _gltf,
    "usdz": _usdz,
    "obj": _obj,
}
MODEL_FORMATS = tuple(_WRITERS)


def export_model(context: Context, request: Request) -> Succeeded:
    """Write every file of a 3D asset. Raises ``StudioInputError`` for a mesh or clip that cannot be used."""
    context.progress(0.0, "reading mesh and clips")
    source, mesh = read_mesh(context)
    scene = _scene(source, mesh, request)
    folder = Folder(context.workdir)
    context.progress(0.1, "writing the texture set")
    whole = settled(source.material)
    textures = _write_textures(folder, request.name, whole)
    names = {channel: name for channel, (name, _) in textures.items()}
    poly_count = face_count(mesh)
    facts = {
        "poly_count": poly_count,
        "bones": len(scene.bones),
        "clips": [clip.name for clip in scene.clips],
    }
    bare = mesh.uv is None
    packed = {} if bare else _packed(scene.material, textures, request)
    ready = _Source(scene, request.name, {} if bare else textures, packed)
    for number, kind in enumerate(request.formats):
        context.progress(0.2 + 0.3 * number / len(request.formats), f"writing {kind}")
        _write_model(folder, kind, _WRITERS[kind](ready), facts)
    models = {kind: f"{request.name}.{kind}" for kind in request.formats}
    notes = model_notes(scene, request.engine, request.name, Files(models, names))
    if asked := context.params.get("conventions"):
        notes |= conventions_note(asked)
    folder.write_json("engine_notes.json", notes)
    draw_previews(context, request, folder, Drawable(scene, texture_set(whole)))
    context.progress(1.0, "exported")
    return folder.succeeded({"texture_set": names, "engine_notes": notes, "poly_count": poly_count})


def _scene(source: Scene, mesh: Mesh, request: Request) -> Scene:
    """Name everything after the asset, and put all clips on its skeleton."""
    # Without coordinates only factors can colour the files; the texture set is then flat.
    material = source.material if mesh.uv is None else settled(source.material)
    return replace(
        source,
        name=request.name,
        mesh=mesh,
        material=replace(material, name=f"{request.name}_material"),
        clips=all_clips(source, request.clips),
        extras=dict(source.extras) | {"exported_by": engine(METHOD)},
    )


def _write_textures(folder: Folder, stem: str, material: Material) -> dict[str, tuple[str, bytes]]:
    """Write one PNG a channel, and return name and bytes by channel."""
    written = {}
    for channel, image in texture_set(material).items():
        name, data = f"{stem}_{channel}.png", png_bytes(image)
        facts = {
            "channel": channel,
            "color_space": COLOR_SPACES[channel],
            "width": image.width,
            "height": image.height,
        }
        folder.write(name, data, "texture", facts)
        written[channel] = (name, data)
    return written


def _packed(
    material: Material, textures: Mapping[str, tuple[str, bytes]], request: Request
) -> dict[str, bytes]:
    """Encode the material's maps as glTF and USD pack them; those that are files already are not encoded again."""
    maps = {"base_color": textures["base_color"][1]}
    if material.normal is not None:
        maps["normal"] = textures["normal"][1]
    if {"glb", "gltf", "usdz"}.intersection(request.formats):
        assert material.occlusion_roughness_metallic is not None
        maps["occlusion_roughness_metallic"] = png_bytes(material.occlusion_roughness_metallic)
    return maps


def _write_model(folder: Folder, kind: str, files: Mapping[str, bytes], facts: Mapping[str, object]) -> None:
    """Write a model's file and what it refers to; a texture that the set has already is the same file."""
    for name, data in files.items():
        if folder.has(name):
            continue
        if name.endswith(f".{kind}"):
            folder.write(name, data, "model", {"format": kind, **facts})
        elif name.endswith(".png"):
            channel = TEXTURE_FILES["occlusion_roughness_metallic"]
            folder.write(name, data, "texture", {"channel": channel, "color_space": "linear"})
        else:
            folder.write(name, data, "part", {"format": kind})
