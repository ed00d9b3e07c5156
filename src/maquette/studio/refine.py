"""refine: cleaner and larger pictures by classical image processing. Every operation is listed with its values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_write import png_bytes
from maquette.studio.image_input import is_opaque, read_images, subject_alpha
from maquette.studio.parameters import number
from maquette.studio.version import VERSION, engine, model
from maquette.worker.handler import Context, Output, Result, Succeeded

Grid = NDArray[np.float32]
_METHOD = "TV denoising, Lanczos upscaling with back-projection, unsharp mask; no neural network"
_TV_STEPS = 10
_BACK_PROJECTIONS = 2
_UNSHARP_RADIUS = 1.3
_SPECK = 0.001
"""Islands of alpha smaller than this share of the largest are noise."""


def refine(context: Context) -> Result:
    """Refine each input image: ``refined-1.png``, …, at most ``max_size`` on the longer side."""
    try:
        return _run(context)
    except StudioInputError as error:
        return error.failed()


def _run(context: Context) -> Result:
    scale = number(context, "scale", 2.0, 1.0, 4.0)
    denoise = number(context, "denoise", 0.25, 0.0, 1.0)
    sharpen = number(context, "sharpen", 0.6, 0.0, 2.0)
    longest = int(number(context, "max_size", 2048, 16, 8192))
    images = read_images(context)
    artifacts: list[Output] = []
    operations: list[dict[str, Any]] = []
    for index, (item, image) in enumerate(images):
        context.progress(index / len(images), f"refining {item.name}")
        kept_opaque = item.attributes.get("background") == "opaque"
        refined, applied = refined_image(image, scale, denoise, sharpen, longest, cut_out=not kept_opaque)
        path = context.workdir / f"refined-{index + 1}.png"
        path.write_bytes(png_bytes(refined))
        carried = {
            k: v for k, v in item.attributes.items() if k in {"subject", "recognised", "background", "seed"}
        }
        size = {"width": refined.width, "height": refined.height}
        artifacts.append(
            Output(
                path,
                "image",
                "image/png",
                {**carried, **size, "source": item.name, "engine": engine(_METHOD)},
            )
        )
        operations = operations or applied
    context.progress(1.0, "refined")
    return Succeeded(
        tuple(artifacts), {"operations": operations, "seed": context.seed}, model("refiner"), VERSION
    )


def refined_image(
    image: Image.Image, scale: float, denoise: float, sharpen: float, longest: int, *, cut_out: bool
) -> tuple[Image.Image, list[dict[str, Any]]]:
    """Give the refined picture and the operations in the order they were applied.

    ``cut_out``: free the subject of an opaque picture from a plain background. Opaque pictures that stay so come back as RGB.
    """
    applied: list[dict[str, Any]] = []
    pixels: Grid = np.asarray(image).astype(np.float32) / np.float32(255)
    alpha: Grid = np.ascontiguousarray(pixels[..., 3])
    opaque = is_opaque(image)
    if opaque and cut_out:
        estimated = subject_alpha(image)
        if estimated is not None:
            alpha, opaque = estimated, False
            applied.append({"name": "cut_out", "coverage": round(float(alpha.mean()), 4)})
    rgb = pixels[..., :3] if opaque else _continued(pixels[..., :3], alpha)
    planes: list[Grid] = [np.ascontiguousarray(rgb[..., channel]) for channel in range(3)]
    if denoise:
        weight = round(0.12 * denoise, 4)
        planes = _denoised(planes, weight)
        applied.append({"name": "denoise_tv", "weight": weight, "iterations": _TV_STEPS})
    factor = min(scale, longest / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    if size != image.size:
        planes = [_enlarged(plane, size) for plane in planes]
        applied.append(
            {"name": "resize_lanczos", "factor": round(factor, 4), "width": size[0], "height": size[1]}
        )
        applied.append({"name": "back_projection", "iterations": _BACK_PROJECTIONS if factor > 1 else 0})
        alpha = _resized(alpha, size, Image.Resampling.LANCZOS)
    if sharpen:
        planes = [p + sharpen * (p - ndimage.gaussian_filter(p, _UNSHARP_RADIUS)) for p in planes]
        applied.append({"name": "unsharp_mask", "amount": sharpen, "radius": _UNSHARP_RADIUS})
    if not opaque:
        alpha = _clean_alpha(alpha)
        applied.append({"name": "alpha_cleanup", "specks_below": _SPECK})
    layers = planes if opaque else [*planes, alpha]
    stacked = np.stack([(np.clip(layer, 0, 1) * 255 + 0.5).astype(np.uint8) for layer in layers], -1)
    return Image.fromarray(stacked), applied


def _continued(rgb: Grid, alpha: Grid) -> Grid:
    """Colours of solid pixels continued outwards, so that no filter mixes a hidden background into the edge."""
    solid = alpha > 0.97
    if not solid.any():
        return rgb
    nearest = ndimage.distance_transform_edt(~solid, return_distances=False, return_indices=True)
    return np.asarray(rgb[tuple(nearest)], np.float32)


def _denoised(planes: list[Grid], weight: float) -> list[Grid]:
    """Total-variation denoising (Chambolle 2004) of all channels together, always the same number of steps."""
    from skimage.restoration import denoise_tv_chambolle

    stacked = denoise_tv_chambolle(
        np.stack(planes, -1), weight, eps=0, max_num_iter=_TV_STEPS, channel_axis=-1
    )  # type: ignore[no-untyped-call]  # skimage is untyped here
    return [np.ascontiguousarray(stacked[..., channel], np.float32) for channel in range(3)]


def _resized(plane: Grid, size: tuple[int, int], how: Image.Resampling) -> Grid:
    return np.asarray(Image.fromarray(plane).resize(size, how), np.float32)


def _enlarged(plane: Grid, size: tuple[int, int]) -> Grid:
    """Lanczos, then iterative back-projection (Irani and Peleg 1991): scaled back, the result must equal the source."""
    up = _resized(plane, size, Image.Resampling.LANCZOS)
    small = plane.shape[::-1]
    if size[0] <= small[0]:
        return up
    for _ in range(_BACK_PROJECTIONS):
        missing = plane - _resized(up, small, Image.Resampling.BOX)
        up = up + _resized(missing, size, Image.Resampling.BICUBIC)
    return up


def _clean_alpha(alpha: Grid) -> Grid:
    """Steeper edges, no haze, no specks."""
    alpha = np.clip((alpha - 0.08) / 0.84, 0, 1)
    alpha = alpha * alpha * (3 - 2 * alpha)
    labels, count = ndimage.label(alpha > 0.5)
    if count < 2:
        return np.asarray(alpha, np.float32)
    sizes = np.bincount(labels.ravel())[1:]
    keep = np.concatenate([[False], sizes >= _SPECK * sizes.max()])
    mask = ndimage.binary_dilation(keep[labels], iterations=3)
    return np.asarray(alpha * mask, np.float32)
