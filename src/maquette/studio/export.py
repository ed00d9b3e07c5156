"""export: the finished files. 3D: GLB, FBX, texture set, engine notes, preview. 2D: pictures, notes, preview."""

import io
import re
import unicodedata

from PIL import Image, ImageOps

from maquette.studio.delivery.folder import Folder, Request
from maquette.studio.delivery.model import MODEL_FORMATS, export_model
from maquette.studio.delivery.previews import pictures
from maquette.studio.delivery.sheet import SHEET_IMAGES_MAX, image_sheet
from maquette.studio.errors import StudioInputError
from maquette.studio.formats.engine_notes import ENGINES, image_notes
from maquette.studio.formats.gltf_write import png_bytes
from maquette.studio.image_input import open_image
from maquette.worker.handler import Context, Result, Succeeded

_IMAGE_FORMATS = ("png", "webp", "jpeg")
_PREVIEW = 512
_NAME_MAX = 80
_TAKEN = frozenset({"preview", "engine_notes", "turntable", "animation", "contact_sheet"})


def export(context: Context) -> Result:
    """Write the asset in the asked formats. Inputs: a mesh and its clips, or images alone for a 2D asset."""
    try:
        request = _request(context)
        if request.images:
            return _export_images(context, request)
        return export_model(context, request)
    except StudioInputError as error:
        return error.failed()


def _request(context: Context) -> Request:
    meshes = context.of_kind("mesh")
    images = tuple(item for item in context.of_kind("image") if item.step != "reference")
    flat = not meshes and context.asset_type != "3D"
    if flat and not images:
        raise StudioInputError("input_missing", "There is neither a mesh nor an image to export.")
    if not flat and not meshes:
        raise StudioInputError("mesh_missing", "There is no mesh to export.")
    known = _IMAGE_FORMATS if flat else MODEL_FORMATS
    formats = context.params.get("formats") or (["png"] if flat else ["glb", "fbx"])
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
    return Request(
        name=_file_stem(context.params.get("name")),
        engine=target,
        formats=tuple(dict.fromkeys(formats)),
        clips=context.of_kind("clip"),
        images=images if flat else (),
        turntable=context.params.get("turntable") is not False,
    )


def _file_stem(name: object) -> str:
    """Reduce what was asked to a plain file stem: accents go, other characters become one underscore."""
    bare = unicodedata.normalize("NFKD", str(name or "")).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9-]+", "_", bare).strip("_-")[:_NAME_MAX].rstrip("_-")
    return f"{plain}_asset" if plain in _TAKEN else plain or "asset"


def _export_images(context: Context, request: Request) -> Succeeded:
    folder = Folder(context.workdir)
    listed = []
    shown: list[Image.Image] = []
    preview: Image.Image | None = None
    finals = [item for item in request.images if item.step == request.images[0].step]
    for number, item in enumerate(finals):
        context.progress(number / len(finals), f"writing {item.name}")
        image = open_image(item)
        if image.getchannel("A").getextrema() == (255, 255):
            image = image.convert("RGB")
        shown += [image] if number < SHEET_IMAGES_MAX else []
        preview = preview or ImageOps.pad(image, (_PREVIEW, _PREVIEW), Image.Resampling.LANCZOS)
        stem = request.name if number == 0 else f"{request.name}-{number + 1}"
        facts = {"width": image.width, "height": image.height}
        for kind in request.formats:
            name = folder.write(f"{stem}.{kind}", _ENCODERS[kind](image), "image", facts)
            clear = image.has_transparency_data and kind != "jpeg"
            listed.append((name, image.width, image.height, clear))
    assert preview is not None
    notes = image_notes(request.engine, request.name, listed)
    folder.write_json("engine_notes.json", notes)
    folder.write("preview.png", png_bytes(preview), "preview", {"width": _PREVIEW, "height": _PREVIEW})
    concepts = [item for item in request.images if item not in finals][:SHEET_IMAGES_MAX]
    sheet = image_sheet(request.name, pictures(concepts), shown, request.formats)
    facts = {"width": sheet.width, "height": sheet.height}
    folder.write("contact_sheet.png", png_bytes(sheet), "preview", facts)
    context.progress(1.0, "exported")
    return folder.succeeded({"engine_notes": notes})


def _webp_bytes(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", lossless=True, quality=75, method=4, exact=True)
    return stream.getvalue()


def _jpeg_bytes(image: Image.Image) -> bytes:
    """Encode on white: the format knows no transparency."""
    flat = Image.new("RGBA", image.size, "white")
    flat.alpha_composite(image.convert("RGBA"))
    stream = io.BytesIO()
    flat.convert("RGB").save(stream, "JPEG", quality=92, subsampling=0, optimize=True)
    return stream.getvalue()


_ENCODERS = {"png": png_bytes, "webp": _webp_bytes, "jpeg": _jpeg_bytes}
