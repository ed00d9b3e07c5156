"""text_to_image: a prompt to concept pictures, by a procedural painter. No model weights, and its artifacts say so."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_write import png_bytes
from maquette.studio.image_input import open_image
from maquette.studio.painter.colour import RGB, mix, parse
from maquette.studio.painter.palette import dominant
from maquette.studio.painter.picture import paint
from maquette.studio.painter.vocabulary import Brief, read
from maquette.studio.parameters import number
from maquette.studio.version import VERSION, engine, model
from maquette.worker.handler import Context, Output, Result, Succeeded

_METHOD = "procedural painter; no diffusion model"
_BACKGROUNDS = ("transparent", "opaque")
_SEED_MAX = 2**31
_RATIOS = {
    "1:1": (1, 1),
    "4:3": (4, 3),
    "3:4": (3, 4),
    "3:2": (3, 2),
    "2:3": (2, 3),
    "16:9": (16, 9),
    "9:16": (9, 16),
}


def text_to_image(context: Context) -> Result:
    """Paint ``variants`` pictures of the prompt. Artifacts ``concept-1.png``, …; see the parameter table in the docs."""
    try:
        return _run(context)
    except StudioInputError as error:
        return error.failed()


def variant_seed(seed: int, index: int) -> int:
    """Derive the seed of a variant: the first is painted with the request's own, so any variant can be asked for alone by its seed."""
    if index == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{index}".encode()).digest()[:8], "little") % _SEED_MAX


def _run(context: Context) -> Result:
    params = context.params
    prompt = _text(params, "prompt")
    if not prompt.strip():
        raise StudioInputError("prompt_empty", "prompt must say what to paint.")
    negative = _text(params, "negative_prompt")
    style = params.get("style") or {}
    if not isinstance(style, Mapping):
        raise StudioInputError("parameter_invalid", "style must be an object.")
    keywords, banned = _styling(style), _strings(style, "negative_keywords")
    size, count = int(number(context, "size", 1024, 64, 2048)), int(number(context, "variants", 1, 1, 8))
    background = params.get("background") or "transparent"
    if background not in _BACKGROUNDS:
        raise StudioInputError("parameter_invalid", f"background must be one of {', '.join(_BACKGROUNDS)}.")
    frame = _frame(size, params.get("aspect_ratio") or "1:1")
    brief = read(prompt, negative, keywords, banned)
    colours = _palette(context, style)
    seeds = [variant_seed(context.seed, index) for index in range(count)]
    artifacts = []
    for index, seed in enumerate(seeds):
        context.progress(index / count, f"painting {brief.noun} {index + 1} of {count}")
        image = _framed(paint(brief, seed=seed, size=min(frame), colours=colours), frame)
        if background == "opaque":
            image = _on_backdrop(image, colours)
        path = context.workdir / f"concept-{index + 1}.png"
        path.write_bytes(png_bytes(image))
        artifacts.append(Output(path, "image", "image/png", _attributes(brief, image, seed, background)))
    context.progress(1.0, "painted")
    return Succeeded(
        artifacts=tuple(artifacts),
        outputs={
            "seed": context.seed,
            "seeds": seeds,
            "prompt_used": ", ".join([prompt, *keywords]),
            "negative_prompt_used": ", ".join([part for part in [negative] if part] + banned),
            "model": model("painter"),
            "model_version": VERSION,
            **_ignored(style),
        },
        model=model("painter"),
        model_version=VERSION,
    )


def _attributes(brief: Brief, image: Image.Image, seed: int, background: str) -> dict[str, Any]:
    return {
        "width": image.width,
        "height": image.height,
        "seed": seed,
        "subject": brief.subject.name if brief.subject else brief.noun,
        "recognised": brief.recognised,
        "background": background,
        "engine": engine(_METHOD),
    }


def _palette(context: Context, style: Mapping[str, Any]) -> list[RGB]:
    """Colours of the style, then those of reference images where the style leaves room."""
    colours: list[RGB] = []
    for code in _strings(style, "palette"):
        try:
            colours.append(parse(code))
        except ValueError:
            raise StudioInputError(
                "palette_invalid", f"style.palette: {code!r:.40} is no #rrggbb colour."
            ) from None
    if not colours:
        for item in context.of_kind("image"):
            colours += dominant(open_image(item))
    return colours[:12]


def _frame(size: int, ratio: object) -> tuple[int, int]:
    """Width and height (pixels) of a picture whose longer edge is ``size``."""
    if ratio not in _RATIOS:
        raise StudioInputError("parameter_invalid", f"aspect_ratio must be one of {', '.join(_RATIOS)}.")
    wide, high = _RATIOS[str(ratio)]
    longer = max(wide, high)
    return round(size * wide / longer), round(size * high / longer)


def _framed(square: Image.Image, frame: tuple[int, int]) -> Image.Image:
    """Set a subject into a frame: in the middle of its width, on its ground."""
    if square.size == frame:
        return square
    image = Image.new("RGBA", frame)
    image.paste(square, ((frame[0] - square.width) // 2, frame[1] - square.height))
    return image


def _on_backdrop(image: Image.Image, colours: Sequence[RGB]) -> Image.Image:
    """Give a plain, light backdrop with a little of the palette in it."""
    tone = mix((0.9, 0.91, 0.93), colours[-1], 0.12) if colours else (0.9, 0.91, 0.93)
    flat = Image.new("RGBA", image.size, tuple(round(255 * c) for c in tone))
    flat.alpha_composite(image)
    return flat.convert("RGB")


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name) or ""
    if not isinstance(value, str):
        raise StudioInputError("parameter_invalid", f"{name} must be text.")
    return value


def _styling(style: Mapping[str, Any]) -> list[str]:
    """Return all words that the style adds: its keywords, then its materials and what it says of line and light."""
    return [
        *_strings(style, "keywords"),
        *_strings(style, "materials"),
        *(word for part in ("line", "light") for word in _strings(style.get(part) or {}, "words")),
    ]


def _ignored(style: Mapping[str, Any]) -> dict[str, list[str]]:
    """Name what the style demands and this painter cannot do; nothing when there is nothing."""
    parts = [(name, key) for name in ("line", "light") for key in style.get(name) or {} if key != "words"]
    found = [f"{name}.{key}" for name, key in parts] + [n for n in ("models", "loras") if style.get(n)]
    return {"style_ignored": found} if found else {}


def _strings(style: Mapping[str, Any], name: str) -> list[str]:
    values = style.get(name) or []
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        raise StudioInputError("parameter_invalid", f"style.{name} must be a list of texts.")
    return list(values)
