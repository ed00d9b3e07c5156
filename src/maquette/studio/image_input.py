"""What the image steps ask of their context: decoded pictures, and where the subject is in a picture without alpha."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy import ndimage

from maquette.studio.errors import StudioInputError
from maquette.worker.handler import Context, Input

Mask = NDArray[np.float32]
_SIDE_MAX = 8192
_SIDE_MIN = 8
_OPAQUE = 250
_DRAWN_MAX = 0.4
"""Share of a line drawing's area that its lines may cover."""
_STROKE = 0.016
"""Half the width of the widest line, over the picture's longer side."""
_FORMATS = ("PNG", "JPEG", "WEBP")


def read_images(context: Context) -> list[tuple[Input, Image.Image]]:
    """All images among the inputs but references, as RGBA. Raises ``StudioInputError`` when there is none or one is unusable."""
    items = [item for item in context.of_kind("image") if item.step != "reference"] or list(
        context.of_kind("image")
    )
    if not items:
        raise StudioInputError(
            "image_missing", f"{context.step} needs an image and none of its inputs is one."
        )
    return [(item, open_image(item)) for item in items]


def open_image(item: Input) -> Image.Image:
    """Decode one input to upright RGBA. Raises ``StudioInputError`` for what is no picture, or a blank or absurd one."""
    try:
        with Image.open(item.path, formats=_FORMATS) as opened:  # a picture that ends early would stay open
            refusal = _refusal(item.name, opened.size)
            image = opened if refusal else ImageOps.exif_transpose(_eight_bit(opened)).convert("RGBA")
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise StudioInputError(
            "image_undecodable", f"{item.name} is no PNG, JPEG or WebP image that can be decoded."
        ) from error
    if refusal is not None:
        raise refusal
    if not np.asarray(image.getchannel("A")).max() > 8:
        raise StudioInputError("image_blank", f"{item.name} is fully transparent.")
    return image


def _refusal(name: str, size: tuple[int, int]) -> StudioInputError | None:
    wide, high = size
    if max(size) > _SIDE_MAX:
        return StudioInputError(
            "image_too_large", f"{name} is {wide} x {high}; a side may have {_SIDE_MAX} pixels."
        )
    if min(size) < _SIDE_MIN:
        return StudioInputError(
            "image_too_small", f"{name} is {wide} x {high}; a side needs {_SIDE_MIN} pixels."
        )
    return None


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit greys down: Pillow would clip them."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image, np.float32) / 257).clip(0, 255).astype(np.uint8))


def is_opaque(image: Image.Image) -> bool:
    """Whether practically no pixel is transparent: fewer than one in five hundred."""
    return float((np.asarray(image.getchannel("A")) < _OPAQUE).mean()) < 0.002


def subject_alpha(image: Image.Image) -> Mask | None:
    """Estimate the subject's alpha in an opaque picture, (height, width) in 0..1; None when it has no plain background.

    The background is modelled as a plane in colour fitted to the border (which allows for a gradient); what is connected to
    the border and close to it is background. Enclosed patches of that colour count as background only when they are large:
    a gap under an arm is, the white of an eye is not, and the inside of a line drawing is not.
    """
    rgb = np.asarray(image.convert("RGB"), np.float32) / 255
    height, width = rgb.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    basis = np.stack([np.ones_like(x), x / width, y / height], -1)
    band = max(2, round(0.015 * min(height, width)))
    border = np.ones((height, width), bool)
    border[band:-band, band:-band] = False
    if float(rgb.reshape(-1, 3).std(0).max()) < 0.004:
        return None
    samples, at = rgb[border], basis[border]
    keep = np.abs(samples - np.median(samples, 0)).max(1) < 0.2
    if keep.mean() < 0.6:
        return None
    plane, *_ = np.linalg.lstsq(at[keep], samples[keep], rcond=None)
    apart = np.sqrt(((rgb - basis @ plane) ** 2).sum(-1))
    noise = float(np.quantile(apart[border], 0.6))
    limit = max(0.055, 3.5 * noise)
    if limit > 0.3:
        return None
    near = apart < limit
    background = _connected_background(near, border)
    inside = ~background
    filled = ndimage.binary_fill_holes(inside)
    if _is_line_drawing(inside, filled):
        inside, background = filled, ~filled
    if inside.mean() < 0.004 or inside[border].mean() > 0.6:
        return None
    soft = np.clip((apart - 0.35 * limit) / (1.3 * limit), 0, 1)
    edge = ndimage.binary_dilation(background, iterations=2) & inside
    alpha = np.where(edge, soft, inside).astype(np.float32)
    return np.asarray(alpha, np.float32)


def _is_line_drawing(inside: NDArray[np.bool_], filled: NDArray[np.bool_]) -> bool:
    """Whether there is little but lines: a drawing on paper, whose areas have the paper's colour."""
    if not inside.any() or inside.sum() > _DRAWN_MAX * filled.sum():
        return False
    depths = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1][inside]
    return bool(np.quantile(depths, 0.75) < _STROKE * max(inside.shape))


def _connected_background(near: NDArray[np.bool_], border: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, count = ndimage.label(near)
    if not count:
        return np.zeros_like(near)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    touching = np.bincount(labels[border].ravel(), minlength=count + 1) > 0
    chosen = touching | (sizes > 0.006 * near.size)
    chosen[0] = False
    return np.asarray(chosen[labels])
