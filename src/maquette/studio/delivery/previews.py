"""The pictures of a 3D export: a still, a turntable, a clip being played, and the contact sheet of all steps."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image

from maquette.studio.delivery.folder import Folder, Request
from maquette.studio.delivery.moving import SIZE, played, showpiece, turntable
from maquette.studio.delivery.sheet import Story, contact_sheet
from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.formats.gltf_write import png_bytes
from maquette.studio.image_input import open_image
from maquette.studio.picturing.surface import surface
from maquette.studio.render import draw, framing
from maquette.studio.scene import Scene
from maquette.worker.handler import Context, Input

_PREVIEW = 512
_SCULPT_BYTES_MAX = 128 * 2**20
_SCULPT_FACES_MAX = 600_000
"""A sculpt beyond these is left off the sheet: drawing it would take longer than everything else."""


@dataclass(frozen=True, slots=True)
class Drawable:
    """The finished model and what its contact sheet tells besides."""

    scene: Scene
    textures: Mapping[str, Image.Image]


def draw_previews(context: Context, request: Request, folder: Folder, model: Drawable) -> None:
    """Write ``preview.png``, ``contact_sheet.png`` and, when asked for, ``turntable.webp`` and ``animation.webp``."""
    scene = model.scene
    assert scene.mesh is not None
    body = surface(scene.mesh, scene.material)
    context.progress(0.5, "rendering the preview")
    still = draw(body, framing(scene), _PREVIEW)
    folder.write("preview.png", png_bytes(still), "preview", {"width": _PREVIEW, "height": _PREVIEW})
    story = Story(
        name=request.name,
        concept=_picture(context, "text_to_image"),
        refined=_picture(context, "refine"),
        sculpt=_sculpt(context),
        model=scene,
        body=body,
        textures=model.textures if scene.mesh.uv is not None else {},
        formats=request.formats,
    )
    sheet = contact_sheet(story, _between(context, 0.55, 0.7, "composing the contact sheet"))
    facts = {"width": sheet.width, "height": sheet.height}
    folder.write("contact_sheet.png", png_bytes(sheet), "preview", facts)
    if not request.turntable:
        return
    facts = {"width": SIZE, "height": SIZE}
    data = turntable(body, _between(context, 0.7, 0.9, "turning the model"))
    folder.write("turntable.webp", data, "preview", facts)
    clip = showpiece(scene.clips) if scene.mesh.joints is not None else None
    if clip is not None:
        data = played(body, scene, clip, _between(context, 0.9, 1.0, f"playing {clip.name}"))
        folder.write("animation.webp", data, "preview", facts | {"clip": clip.name})


def _between(context: Context, low: float, high: float, message: str) -> Callable[[float], None]:
    """Progress of a part as progress of the whole."""
    return lambda value: context.progress(low + (high - low) * value, message)


def _of_step(context: Context, kind: str, step: str) -> Input | None:
    return next((item for item in context.of_kind(kind) if item.step == step), None)


def pictures(items: Sequence[Input]) -> list[Image.Image]:
    """Open pictures for a contact sheet; one that cannot be read is left off, for it decorates only."""
    opened = []
    for item in items:
        with suppress(StudioInputError):
            opened.append(open_image(item))
    return opened


def _picture(context: Context, step: str) -> Image.Image | None:
    item = _of_step(context, "image", step)
    return next(iter(pictures([item] if item else [])), None)


def _sculpt(context: Context) -> Scene | None:
    item = _of_step(context, "mesh", "image_to_3d")
    if item is None or item.path.stat().st_size > _SCULPT_BYTES_MAX:
        return None
    try:
        scene = read_glb(item.path.read_bytes())
    except StudioInputError:
        return None
    fits = scene.mesh is not None and len(scene.mesh.triangles) <= _SCULPT_FACES_MAX
    return scene if fits else None
