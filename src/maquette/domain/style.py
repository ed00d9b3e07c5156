"""Style DNA: what all assets of a project share. Versioned and immutable; a job pins the version it used."""

import re
from dataclasses import dataclass

from maquette.domain.errors import Detail, Invalid
from maquette.domain.text import KEYWORD, clean

KEYWORDS_MAX = 40
PALETTE_MAX = 16
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Style:
    """One version. Colours are ``#rrggbb`` in sRGB, the most important first."""

    version: int = 0
    keywords: tuple[str, ...] = ()
    negative_keywords: tuple[str, ...] = ()
    palette: tuple[str, ...] = ()


def check(style: Style) -> Style:
    """Return the style with lower-case colours; ``Invalid`` names what is wrong."""
    problems = [
        Detail(("palette", place), f"{color!r} is not a colour like #c83a34", "value_error")
        for place, color in enumerate(style.palette)
        if not _COLOR.fullmatch(color)
    ]
    cleaned: dict[str, list[str]] = {"keywords": [], "negative_keywords": []}
    for name, words in (("keywords", style.keywords), ("negative_keywords", style.negative_keywords)):
        for place, word in enumerate(words):
            try:
                cleaned[name].append(clean(word, KEYWORD, (name, place), required=True))
            except Invalid as refused:
                problems += refused.details
        if len(words) > KEYWORDS_MAX:
            problems.append(Detail((name,), f"must have at most {KEYWORDS_MAX} entries", "too_long"))
    if len(style.palette) > PALETTE_MAX:
        problems.append(Detail(("palette",), f"must have at most {PALETTE_MAX} entries", "too_long"))
    if problems:
        raise Invalid(f"{problems[0].loc[0]}: {problems[0].msg}", details=problems)
    return Style(
        style.version,
        tuple(cleaned["keywords"]),
        tuple(cleaned["negative_keywords"]),
        tuple(color.lower() for color in style.palette),
    )
