"""A page of cards: rounded panels with a label and a figure each, in a tidy grid, in one typeface.

Text is set in the typeface that Pillow brings (Aileron), for a fresh machine has no other.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from maquette.studio.picturing.floor import backdrop

PAPER, INK, MUTED, ACCENT = (250, 250, 252), (28, 32, 40), (118, 125, 138), (228, 87, 46)
MARGIN, GAP = 56, 20
_LABEL = 54
_RADIUS = 18
_FINE = 4


@dataclass(frozen=True, slots=True)
class Card:
    """A panel: what it is called, a figure beside that, and who paints it at a width and height in pixels."""

    title: str
    figure: str
    paint: Callable[[int, int], Image.Image]


def paper(width: int, height: int) -> Image.Image:
    """Give an empty page."""
    return Image.new("RGB", (width, height), PAPER)


def stage(width: int, height: int) -> Image.Image:
    """Give the studio's soft background at any shape."""
    side = 256
    light = np.rint(np.clip(backdrop(side), 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(light).resize((width, height), Image.Resampling.BICUBIC)


def write(
    page: Image.Image,
    place: tuple[float, float],
    text: str,
    size: int,
    color: tuple[int, int, int] = INK,
    anchor: str = "ls",
) -> float:
    """Set a line of text and return its width; characters that the typeface lacks lose their accents or go."""
    font = ImageFont.load_default(size)
    plain = unicodedata.normalize("NFKD", text).encode("latin-1", "ignore").decode("latin-1")
    ImageDraw.Draw(page).text(place, plain, fill=color, font=font, anchor=anchor)
    return float(font.getlength(plain)) if isinstance(font, ImageFont.FreeTypeFont) else 0.0


def rows(page: Image.Image, box: tuple[int, int, int, int], cards: Sequence[Card], lines: int = 2) -> None:
    """Place numbered cards in one or two rows, each filling the width of the box."""
    left, top, right, bottom = box
    upper = -(-len(cards) // lines)
    rows_of_cards = [row for row in (cards[:upper], cards[upper:]) if row]
    height = (bottom - top - GAP * (len(rows_of_cards) - 1)) // len(rows_of_cards)
    number = 1
    for index, row in enumerate(rows_of_cards):
        width = (right - left - GAP * (len(row) - 1)) / len(row)
        for column, card in enumerate(row):
            x = round(left + column * (width + GAP))
            edge = round(left + column * (width + GAP) + width)
            y = top + index * (height + GAP)
            place(page, (x, y, edge, y + height), card, number)
            number += 1


def place(page: Image.Image, box: tuple[int, int, int, int], card: Card, number: int | None) -> None:
    """Paint one card: panel above, label and figure on a line below it."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top - _LABEL
    panel = card.paint(width, height).convert("RGB")
    page.paste(panel, (left, top), _rounded(width, height))
    line = bottom - 18
    x = float(left + 4)
    if number is not None:
        x += write(page, (x, line), str(number), 21, ACCENT) + 10
    write(page, (x, line), card.title, 21)
    write(page, (right - 4, line), card.figure, 17, MUTED, "rs")


def _rounded(width: int, height: int) -> Image.Image:
    """Mask with smooth round corners."""
    mask = Image.new("L", (width * _FINE, height * _FINE))
    box = (0, 0, width * _FINE - 1, height * _FINE - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, _RADIUS * _FINE, fill=255)
    return mask.resize((width, height), Image.Resampling.BOX)
