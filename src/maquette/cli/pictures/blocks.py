"""A picture made of characters: two pixels a cell, in true colour. Every terminal with colours shows it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.color import Color
from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from PIL.Image import Image


def opened(path: Path) -> "Image":
    """Open an image as RGBA, without the empty border that cut-outs have."""
    from PIL import Image

    with Image.open(path) as file:
        picture = file.convert("RGBA")
    box = picture.getchannel("A").getbbox()
    return picture.crop(box) if box else picture


def draw(picture: "Image", *, columns: int, lines: int) -> Text:
    """Draw an RGBA image within so many columns and lines; what is transparent stays the terminal's background."""
    from PIL.Image import Resampling

    scale = min(columns / picture.width, 2 * lines / picture.height)
    columns, rows = max(1, round(picture.width * scale)), max(1, round(picture.height * scale / 2)) * 2
    picture = picture.resize((columns, rows), Resampling.LANCZOS)
    pixels = picture.load()
    assert pixels is not None
    text = Text(end=os.linesep)
    for y in range(0, rows, 2):
        for x in range(columns):
            text.append(*_cell(_color(pixels[x, y]), _color(pixels[x, y + 1])))
        text.append("\n")
    return text


def _color(pixel: object) -> Color | None:
    assert isinstance(pixel, tuple)
    red, green, blue, alpha = pixel
    return Color.from_rgb(red, green, blue) if alpha >= 96 else None


def _cell(upper: Color | None, lower: Color | None) -> tuple[str, Style]:
    if upper is None and lower is None:
        return " ", Style()
    if upper is None:
        return "▄", Style(color=lower)
    return "▀", Style(color=upper, bgcolor=lower)
