"""Showing several pictures side by side, each with its label below."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from maquette.cli.pictures import blocks, protocols
from maquette.cli.pictures.terminal import Way, cell_pixels

if TYPE_CHECKING:
    from PIL.Image import Image

#: How a picture of a step is shown: wide enough to decide, low enough for four steps on a screen.
_COLUMNS_MAX = 36
_LINES_MAX = 16
_COLUMNS_MIN = 18
_GAP = 2


def show(console: Console, way: Way, pictures: Sequence[tuple[str, Path]]) -> None:
    """Print labelled pictures in rows; a file that is no picture shows as its label alone."""
    from PIL import Image, UnidentifiedImageError

    if not pictures:
        return
    room = max(_COLUMNS_MIN, min(console.width, 118) - 2)
    across = max(1, min(len(pictures), (room + _GAP) // (_COLUMNS_MIN + _GAP)))
    columns = min(_COLUMNS_MAX, (room - (across - 1) * _GAP) // across)
    for start in range(0, len(pictures), across):
        row = pictures[start : start + across]
        opened: list[Image.Image | None] = []
        for _, path in row:
            try:
                opened.append(blocks.opened(path))
            except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
                opened.append(None)
        _print_row(console, way, opened, columns)
        labels = Text("  ")
        for label, _ in row:
            labels.append(f"{label[:columns]:<{columns + _GAP}}")
        labels.rstrip()
        console.print(labels, no_wrap=True, overflow="ellipsis")


def _print_row(console: Console, way: Way, pictures: Sequence["Image | None"], columns: int) -> None:
    """Paste the pictures into one as wide as the row, so that one image is all a terminal has to place."""
    from PIL import Image
    from PIL.Image import Resampling

    cell_width, cell_height = (1, 2) if way == "blocks" else cell_pixels()
    width = columns * cell_width
    shapes = [picture.height / picture.width if picture else 0.0 for picture in pictures]
    lines = min(_LINES_MAX, max(1, round(max(shapes) * width / cell_height)))
    step = (columns + _GAP) * cell_width
    sheet = Image.new("RGBA", (step * len(pictures) - _GAP * cell_width, lines * cell_height), (0, 0, 0, 0))
    for place, picture in enumerate(pictures):
        if picture is None:
            continue
        scale = min(width / picture.width, sheet.height / picture.height)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        sheet.paste(picture.resize(size, Resampling.LANCZOS), (place * step, sheet.height - size[1]))
    across = sheet.width // cell_width
    if way == "blocks":
        for line in blocks.draw(sheet, columns=across, lines=lines).split("\n")[:lines]:
            console.print(Text.assemble("  ", line), no_wrap=True)
        return
    if way == "sixel":
        code = protocols.sixel(sheet)
    else:
        code = {"kitty": protocols.kitty, "iterm": protocols.iterm}[way](sheet, columns=across, lines=lines)
    console.file.write(f"  {code}\n")
    console.file.flush()
