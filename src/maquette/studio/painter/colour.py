"""Colours as (r, g, b) in 0..1, display-referred sRGB throughout: the painter mixes paint, not light."""

import colorsys

RGB = tuple[float, float, float]


def parse(code: str) -> RGB:
    """``#rrggbb`` (the # is optional) to RGB; raises ValueError for anything else."""
    digits = code.strip().removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * c for c in digits)
    if len(digits) != 6:
        raise ValueError(f"not a colour: {code!r}")
    value = int(digits, 16)
    return ((value >> 16 & 255) / 255, (value >> 8 & 255) / 255, (value & 255) / 255)


def mix(a: RGB, b: RGB, t: float) -> RGB:
    """Give ``a`` at t = 0, ``b`` at t = 1."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def luma(c: RGB) -> float:
    """Rec. 601 brightness."""
    return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]


def hls(c: RGB) -> RGB:
    """Hue, lightness, saturation, each 0..1."""
    return colorsys.rgb_to_hls(*c)


def shifted(c: RGB, hue: float = 0.0, light: float = 0.0, saturation: float = 1.0) -> RGB:
    """Hue turned by ``hue`` (1 is a full turn), lightness moved by ``light``, saturation multiplied."""
    h, lightness, s = hls(c)
    return colorsys.hls_to_rgb(
        (h + hue) % 1, min(max(lightness + light, 0.0), 1.0), min(max(s * saturation, 0.0), 1.0)
    )


def distance(a: RGB, b: RGB) -> float:
    """Give a quick perceptual distance (weighted RGB after Riemersma), about 0..3."""
    mean = (a[0] + b[0]) / 2
    dr, dg, db = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return float(((2 + mean) * dr * dr + 4 * dg * dg + (3 - mean) * db * db) ** 0.5)


def hue_gap(a: RGB, b: RGB) -> float:
    """Difference of hues, 0..0.5."""
    gap = abs(hls(a)[0] - hls(b)[0])
    return min(gap, 1 - gap)
