"""The three graphics protocols as text: kitty's, iTerm2's inline images, and DEC's sixels."""

import base64
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_KITTY_CHUNK = 4096
_SIXEL_COLORS = 128
_REPEATED = re.compile(rb"(.)\1{3,}", re.DOTALL)


def kitty(picture: "Image", *, columns: int, lines: int) -> str:
    """Transmit and place a picture (sw.kovidgoyal.net/kitty/graphics-protocol); quiet, so nothing is answered."""
    data = base64.standard_b64encode(_png(picture)).decode()
    chunks = [data[at : at + _KITTY_CHUNK] for at in range(0, len(data), _KITTY_CHUNK)]
    parts = []
    for at, chunk in enumerate(chunks):
        more = int(at < len(chunks) - 1)
        head = f"a=T,f=100,q=2,c={columns},r={lines},m={more}" if at == 0 else f"m={more}"
        parts.append(f"\x1b_G{head};{chunk}\x1b\\")
    return "".join(parts)


def iterm(picture: "Image", *, columns: int, lines: int) -> str:
    """Show a picture inline (iterm2.com/documentation-images.html)."""
    data = _png(picture)
    size = f"size={len(data)};width={columns};height={lines};preserveAspectRatio=1"
    return f"\x1b]1337;File=inline=1;{size}:{base64.standard_b64encode(data).decode()}\x07"


def sixel(picture: "Image") -> str:
    """Write an RGBA picture as sixels, pixel for pixel; what is transparent is left out.

    Six rows are a band; a band is written once for each of its colours, a character a column.
    """
    import numpy as np

    opaque = np.asarray(picture.getchannel("A")) >= 96
    indexed = picture.convert("RGB").quantize(_SIXEL_COLORS)
    palette = indexed.getpalette() or []
    pixels = np.where(opaque, np.asarray(indexed, dtype=np.int16), -1)
    height, width = pixels.shape
    out = [b'\x1bP0;1q"1;1;%d;%d' % (width, height)]
    for color in np.unique(pixels[pixels >= 0]).tolist():
        red, green, blue = (round(value * 100 / 255) for value in palette[3 * color : 3 * color + 3])
        out.append(b"#%d;2;%d;%d;%d" % (color, red, green, blue))
    for top in range(0, height, 6):
        band = pixels[top : top + 6]
        bits = (1 << np.arange(band.shape[0], dtype=np.uint8))[:, None]
        for color in np.unique(band[band >= 0]).tolist():
            row = (63 + ((band == color) * bits).sum(axis=0)).astype(np.uint8).tobytes()
            out.append(b"#%d%b$" % (color, _REPEATED.sub(_counted, row)))
        out.append(b"-")
    return (b"".join(out) + b"\x1b\\").decode("ascii")


def _counted(run: re.Match[bytes]) -> bytes:
    return b"!%d%b" % (len(run.group()), run.group(1))


def _png(picture: "Image") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
