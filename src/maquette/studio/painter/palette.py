"""Palettes: which colour each role has in this picture, from curated schemes, the project's style, or a reference image."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from maquette.studio.painter.colour import RGB, distance, hls, hue_gap, luma, mix, parse, shifted

BASE: Mapping[str, RGB] = {
    role: parse(code)
    for role, code in {
        "primary": "3f7fbf", "secondary": "e0b050", "accent": "d8483c", "dark": "343850", "metal": "a9b4c4", "gold": "e6b422",
        "glow": "7df0ff", "skin": "e8b48a", "hair": "5a3a28", "wood": "9a6238", "leather": "8a5a34", "leaf": "5fa845", "stone": "9a9a9c",
        "white": "ffffff", "pupil": "14141c", "cream": "f1e6cf", "glass": "bfe0e6", "soil": "6b4f3a", "red": "c83a34",
    }.items()
}  # fmt: skip

SCHEMES: tuple[tuple[str, str, str], ...] = (
    ("3f8f8b", "e0b050", "d8483c"),
    ("3f7fbf", "f0c050", "e0603c"),
    ("d8863a", "e9dcc0", "3f8f9c"),
    ("b8463c", "e8c88a", "3f6f9c"),
    ("6f5ab0", "e0b0d0", "f0a03a"),
    ("7f9a4a", "e8d8a0", "c8553d"),
)
"""Primary, secondary and accent for subjects without a natural colour; the variant picks."""

COOL = (SCHEMES[0], SCHEMES[1], SCHEMES[5])
"""For rusty things: orange-brown shows best on teal, blue and olive."""

TINTED = ("dark", "metal", "gold", "skin", "hair", "wood", "leather", "leaf", "stone", "cream", "soil", "red")
"""Roles that move towards a given palette without leaving what they are."""


def base(
    natural: Mapping[str, str], rng: np.random.Generator, schemes: Sequence[tuple[str, str, str]] = SCHEMES
) -> dict[str, RGB]:
    """Give a subject's own colours over a scheme, each a little off so that variants differ."""
    roles = dict(BASE)
    scheme = schemes[int(rng.integers(len(schemes)))]
    if "primary" not in natural:
        roles.update(zip(("primary", "secondary", "accent"), map(parse, scheme), strict=True))
    roles.update({role: parse(code) for role, code in natural.items() if role in roles})
    for role in ("primary", "secondary", "accent", "wood", "leaf", "leather"):
        roles[role] = shifted(
            roles[role], float(rng.uniform(-0.018, 0.018)), float(rng.uniform(-0.025, 0.025))
        )
    return roles


def with_palette(
    roles: Mapping[str, RGB], colours: Sequence[RGB], rng: np.random.Generator
) -> dict[str, RGB]:
    """Let a given palette dominate. Its first colour that can carry a body becomes the primary one."""
    out = dict(roles)
    if not colours:
        return out
    bodies = [c for c in colours if 0.12 < luma(c) < 0.92] or list(colours)
    rest = bodies[1:] or bodies
    turn = int(rng.integers(len(rest)))
    rest = rest[turn:] + rest[:turn]
    out["primary"] = bodies[0]
    out["secondary"] = rest[0]
    out["accent"] = rest[1 % len(rest)]
    darkest, lightest = min(colours, key=luma), max(colours, key=luma)
    out["glow"] = shifted(max(colours, key=lambda c: hls(c)[2] * (0.3 + luma(c))), light=0.12)
    for role in TINTED:
        nearest = min(colours, key=lambda c, role=role: distance(c, out[role]))  # type: ignore[misc]  # mypy: defaults in lambdas
        out[role] = _toned(out[role], nearest, 0.3 if role in {"skin", "gold"} else 0.6)
    out["dark"] = mix(darkest, (0.1, 0.1, 0.13), 0.55 if luma(darkest) > 0.2 else 0.1)
    out["cream"] = mix(out["cream"], lightest, 0.5 if luma(lightest) > 0.6 else 0.15)
    return out


def _toned(own: RGB, towards: RGB, amount: float) -> RGB:
    """Towards a colour in hue and saturation, keeping most of the own lightness."""
    moved = mix(own, towards, amount)
    return shifted(moved, light=(luma(own) - luma(moved)) * 0.7)


def without(roles: Mapping[str, RGB], banned: Sequence[RGB]) -> dict[str, RGB]:
    """Turn the hue of every role that looks like a banned colour; greys that look banned change lightness."""
    out = dict(roles)
    for unwanted in banned:
        grey = hls(unwanted)[2] < 0.15
        for role, colour in out.items():
            if role in {"white", "pupil", "skin"}:
                continue
            if grey and distance(colour, unwanted) < 0.5:
                out[role] = shifted(colour, light=0.3 if luma(unwanted) < 0.5 else -0.3)
            elif not grey and hls(colour)[2] > 0.2 and hue_gap(colour, unwanted) < 0.09:
                out[role] = shifted(colour, hue=0.42)
    return out


def dominant(image: Image.Image, count: int = 5) -> list[RGB]:
    """Give the main colours of an image, most frequent first; transparent pixels do not count."""
    small = image.convert("RGBA")
    small.thumbnail((96, 96))
    pixels = np.asarray(small).reshape(-1, 4)
    pixels = pixels[pixels[:, 3] > 127][:, :3]
    if not len(pixels):
        return []
    strip = Image.fromarray(np.ascontiguousarray(pixels[None, :, :]))
    quantised = strip.quantize(count, Image.Quantize.MEDIANCUT)
    table = np.asarray(quantised.getpalette() or [], np.float64).reshape(-1, 3) / 255
    order = np.argsort(-np.bincount(np.asarray(quantised).ravel(), minlength=len(table)), kind="stable")[
        :count
    ]
    return [(float(r), float(g), float(b)) for r, g, b in table[order]]
