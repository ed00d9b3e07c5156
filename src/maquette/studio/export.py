"""export: the finished files. 3D: GLB, FBX, texture set, engine notes, preview. 2D: pictures, notes, preview."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.engine_notes import ENGINES, Files, image_notes, model_notes
from maquette.studio.formats.fbx_write import write_fbx
from maquette.studio.formats.gltf_clips import key_every_bone
from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.formats.gltf_write import png_bytes, write_glb
from maquette.studio.image_input import open_image
from maquette.studio.mesh_input import read_mesh
from maquette.studio.render import render
from maquette.studio.scene import Clip, Floats, Scene
from maquette.studio.textures import COLOR_SPACES, settled, texture_set
from maquette.studio.version import VERSION, engine, model
from maquette.worker.handler import Context, Input, Output, Result, Succeeded

_METHOD = "file writers and software renderer; no generative model"
_MODEL_FORMATS = ("glb", "fbx")
_IMAGE_FORMATS = ("png", "webp")
_MEDIA_TYPES = {
    "glb": "model/gltf-binary",
    "fbx": "application/octet-stream",
    "png": "image/png",
    "webp": "image/webp",
    "json": "application/json",
}
_PREVIEW = 512
_NAME_MAX = 80
_TAKEN = frozenset({"preview", "engine_notes"})
_CLIP_BYTES_MAX = 64 * 2**20


def export(context: Context) -> Result:
    """Write the asset in the asked formats. Inputs: a mesh and its clips, or images alone for a 2D asset."""
    try:
        request = _request(context)
        if request.images:
            return _export_images(context, request)
        return _export_model(context, request)
    except StudioInputError as error:
        return error.failed()


@dataclass(frozen=True, slots=True)
class _Request:
    name: str
    engine: str
    formats: tuple[str, ...]
    clips: tuple[Input, ...]
    images: tuple[Input, ...]
    """Empty for a 3D asset."""


def _request(context: Context) -> _Request:
    meshes = context.of_kind("mesh")
    images = tuple(item for item in context.of_kind("image") if item.step != "reference")
    flat = not meshes and context.asset_type != "3D"
    if flat and not images:
        raise StudioInputError("input_missing", "There is neither a mesh nor an image to export.")
    if not flat and not meshes:
        raise StudioInputError("mesh_missing", "There is no mesh to export.")
    known = _IMAGE_FORMATS if flat else _MODEL_FORMATS
    formats = context.params.get("formats") or (["png"] if flat else list(_MODEL_FORMATS))
    if not isinstance(formats, (list, tuple)) or not all(isinstance(item, str) for item in formats):
        raise StudioInputError("format_unsupported", "formats is not a list of names.")
    unknown = [item for item in formats if item not in known]
    if unknown:
        raise StudioInputError(
            "format_unsupported", f"Cannot export {', '.join(unknown)[:200]}; {', '.join(known)} can be."
        )
    target = context.params.get("engine") or "generic"
    if target not in ENGINES:
        raise StudioInputError(
            "engine_unknown", f"engine is {target!r:.80}; one of {', '.join(ENGINES)} is expected."
        )
    return _Request(
        name=_file_stem(context.params.get("name")),
        engine=target,
        formats=tuple(dict.fromkeys(formats)),
        clips=context.of_kind("clip"),
        images=images if flat else (),
    )


def _file_stem(name: object) -> str:
    """Reduce what was asked to a plain file stem: other characters become one underscore."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "_", str(name or "")).strip("_-")[:_NAME_MAX]
    return f"{plain}_asset" if plain in _TAKEN else plain or "asset"


def _export_model(context: Context, request: _Request) -> Succeeded:
    context.progress(0.0, "reading mesh and clips")
    source, mesh = read_mesh(context)
    clips = _all_clips(source, request.clips)
    whole = settled(source.material)
    scene = replace(
        source,
        name=request.name,
        mesh=mesh,
        # Without coordinates only factors can colour the files; the texture set is then flat.
        material=replace(source.material if mesh.uv is None else whole, name=f"{request.name}_material"),
        clips=clips,
        extras=dict(source.extras) | {"exported_by": engine(_METHOD)},
    )
    folder = _Folder(context.workdir)
    context.progress(0.2, "writing the texture set")
    textures = {
        channel: folder.write(
            f"{request.name}_{channel}.png",
            png_bytes(image),
            "texture",
            {
                "channel": channel,
                "color_space": COLOR_SPACES[channel],
                "width": image.width,
                "height": image.height,
            },
        )
        for channel, image in texture_set(whole).items()
    }
    poly_count = len(mesh.triangles)
    facts = {"poly_count": poly_count, "bones": len(scene.bones), "clips": [clip.name for clip in clips]}
    embedded = {
        channel: (path.name, path.read_bytes()) for channel, path in textures.items() if mesh.uv is not None
    }
    models = {}
    for number, kind in enumerate(request.formats):
        context.progress(0.4 + 0.2 * number, f"writing {kind}")
        data = write_glb(scene) if kind == "glb" else write_fbx(scene, embedded)
        models[kind] = folder.write(f"{request.name}.{kind}", data, "model", {"format": kind, **facts}).name
    names = {channel: file.name for channel, file in textures.items()}
    notes = model_notes(scene, request.engine, request.name, Files(models, names))
    folder.write_json("engine_notes.json", notes)
    context.progress(0.8, "rendering the preview")
    preview = render(scene, size=_PREVIEW)
    folder.write("preview.png", png_bytes(preview), "preview", {"width": _PREVIEW, "height": _PREVIEW})
    context.progress(1.0, "exported")
    return folder.succeeded({"texture_set": names, "engine_notes": notes, "poly_count": poly_count})


def _all_clips(source: Scene, files: tuple[Input, ...]) -> tuple[Clip, ...]:
    """Clips of the mesh's own file and of the clip files, which win over an equal name, on the mesh's bones."""
    clips = {clip.name: clip for clip in source.clips}
    for file in files:
        if file.path.stat().st_size > _CLIP_BYTES_MAX:
            raise StudioInputError("clip_too_large", f"{file.name} is larger than 64 MB.")
        animation = read_glb(file.path.read_bytes())
        if not animation.clips:
            raise StudioInputError("clip_empty", f"{file.name} holds no animation.")
        clips |= {clip.name: _retargeted(clip, animation, source, file.name) for clip in animation.clips}
    return key_every_bone(list(clips.values()), source.bones)


def _retargeted(clip: Clip, animation: Scene, target: Scene, file: str) -> Clip:
    """Move a clip to the bones of the same names in another skeleton."""
    index = {bone.name: number for number, bone in enumerate(target.bones)}
    moved = {old: index[bone.name] for old, bone in enumerate(animation.bones) if bone.name in index}
    if not moved:
        raise StudioInputError(
            "clip_skeleton_mismatch",
            f"{file} moves no bone that the mesh has; rig it with the same skeleton.",
        )

    def track(values: Mapping[int, Floats]) -> dict[int, Floats]:
        return {moved[old]: array for old, array in values.items() if old in moved}

    return replace(
        clip,
        translations=track(clip.translations),
        rotations=track(clip.rotations),
        scales=track(clip.scales),
    )


def _export_images(context: Context, request: _Request) -> Succeeded:
    folder = _Folder(context.workdir)
    listed = []
    preview: Image.Image | None = None
    for number, item in enumerate(request.images):
        context.progress(number / len(request.images), f"writing {item.name}")
        image = open_image(item)
        if image.getchannel("A").getextrema() == (255, 255):
            image = image.convert("RGB")
        preview = preview or ImageOps.pad(image, (_PREVIEW, _PREVIEW), Image.Resampling.LANCZOS)
        stem = request.name if number == 0 else f"{request.name}-{number + 1}"
        facts = {"width": image.width, "height": image.height}
        for kind in request.formats:
            data = png_bytes(image) if kind == "png" else _webp_bytes(image)
            path = folder.write(f"{stem}.{kind}", data, "image", facts)
            listed.append((path.name, image.width, image.height, image.has_transparency_data))
    assert preview is not None
    notes = image_notes(request.engine, request.name, listed)
    folder.write_json("engine_notes.json", notes)
    folder.write("preview.png", png_bytes(preview), "preview", {"width": _PREVIEW, "height": _PREVIEW})
    context.progress(1.0, "exported")
    return folder.succeeded({"engine_notes": notes})


def _webp_bytes(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", lossless=True, quality=75, method=4, exact=True)
    return stream.getvalue()


class _Folder:
    """The work directory and the artifacts written to it so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outputs: list[Output] = []

    def write(self, name: str, data: bytes, kind: str, attributes: Mapping[str, Any]) -> Path:
        path = self._path / name
        path.write_bytes(data)
        made_by = {"engine": engine(_METHOD)}
        media_type = _MEDIA_TYPES[path.suffix[1:]]
        self._outputs.append(Output(path, kind, media_type, dict(attributes) | made_by))
        return path

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        self.write(name, json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n", "notes", {})

    def succeeded(self, outputs: Mapping[str, Any]) -> Succeeded:
        files = [
            {
                "name": item.name,
                "role": item.kind,
                "media_type": item.media_type,
                "bytes": item.path.stat().st_size,
            }
            for item in self._outputs
        ]
        return Succeeded(
            artifacts=tuple(self._outputs),
            outputs={"files": files, **outputs},
            model=model("export"),
            model_version=VERSION,
        )
