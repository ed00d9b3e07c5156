"""Style DNA: what all assets of a project share. Versioned and immutable; a job pins the version it used."""

import re
from dataclasses import dataclass

from maquette.domain.errors import Detail, Invalid

KEYWORDS_MAX = 40
KEYWORD_LENGTH_MAX = 60
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
    for name, words in (("keywords", style.keywords), ("negative_keywords", style.negative_keywords)):
        problems += [
            Detail((name, place), f"must have 1 to {KEYWORD_LENGTH_MAX} characters", "value_error")
            for place, word in enumerate(words)
            if not 1 <= len(word.strip()) <= KEYWORD_LENGTH_MAX
        ]
        if len(words) > KEYWORDS_MAX:
            problems.append(Detail((name,), f"must have at most {KEYWORDS_MAX} entries", "too_long"))
    if len(style.palette) > PALETTE_MAX:
        problems.append(Detail(("palette",), f"must have at most {PALETTE_MAX} entries", "too_long"))
    if problems:
        raise Invalid(f"{problems[0].loc[0]}: {problems[0].msg}", details=problems)
    return Style(
        style.version,
        tuple(word.strip() for word in style.keywords),
        tuple(word.strip() for word in style.negative_keywords),
        tuple(color.lower() for color in style.palette),
    )
