"""A picture in a terminal: two pixels a character cell, in true colour."""

import os
from pathlib import Path

from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text


def can_show(console: Console) -> bool:
    """Whether this terminal shows colours well enough; Pillow comes with the studio."""
    from importlib.util import find_spec

    return (
        console.is_terminal and console.color_system in {"truecolor", "256"} and find_spec("PIL") is not None
    )


def draw(path: Path, *, columns: int = 36, lines: int = 18) -> Text:
    """Draw an image within so many columns and lines; what is transparent stays the terminal's background."""
    from PIL import Image

    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    box = picture.getchannel("A").getbbox()
    picture = picture.crop(box) if box else picture
    scale = min(columns / picture.width, 2 * lines / picture.height)
    columns, rows = max(1, round(picture.width * scale)), max(1, round(picture.height * scale / 2)) * 2
    picture = picture.resize((columns, rows), Image.Resampling.LANCZOS)
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
