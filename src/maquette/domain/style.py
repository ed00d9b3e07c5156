"""Style DNA: what all assets of a project share. Versioned and immutable; a job pins the version it used."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maquette.domain import typeid
from maquette.domain.errors import Detail, Invalid, NotFound
from maquette.domain.text import KEYWORD, clean

KEYWORDS_MAX = 40
PALETTE_MAX = 16
MATERIALS_MAX = 16
REFERENCES_MAX = 8
HINTS_MAX = 8
HINT_WEIGHT_MAX = 2.0
LINE_WEIGHTS = ("none", "thin", "medium", "bold")
LIGHT_DIRECTIONS = ("front", "top", "top_left", "top_right", "left", "right", "back")
LIGHT_QUALITIES = ("soft", "hard")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
#: A model's name as hubs and folders have it, such as `org/sdxl-ink:v2`; no path out of anywhere.
_HINT = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:/+ -]{0,119}")


@dataclass(frozen=True, slots=True)
class Hint:
    """A model or LoRA that a service may use. ``weight`` is from 0 to 2; 1 is as its maker meant it."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Style:
    """One version. Colours are ``#rrggbb`` in sRGB, the most important first; ``""`` is nothing said."""

    version: int = 0
    keywords: tuple[str, ...] = ()
    negative_keywords: tuple[str, ...] = ()
    palette: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    line_weight: str = ""
    line_words: tuple[str, ...] = ()
    light_direction: str = ""
    light_quality: str = ""
    light_words: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """Uploads by id: the reference images of every job that brings none of its own."""
    models: tuple[Hint, ...] = ()
    loras: tuple[Hint, ...] = ()


def parse(body: Mapping[str, Any], version: int = 0) -> Style:
    """Return the style in a document, cleaned; ``Invalid`` names all that is wrong.

    What a document does not name is not said, so that older ones read well.
    """
    line, light = body.get("line") or {}, body.get("light") or {}
    problems: list[Detail] = []
    style = Style(
        version,
        keywords=_words(body, ("keywords",), KEYWORDS_MAX, problems),
        negative_keywords=_words(body, ("negative_keywords",), KEYWORDS_MAX, problems),
        palette=_palette(body.get("palette") or (), problems),
        materials=_words(body, ("materials",), MATERIALS_MAX, problems),
        line_weight=_choice(line, ("line", "weight"), LINE_WEIGHTS, problems),
        line_words=_words(line, ("line", "words"), MATERIALS_MAX, problems),
        light_direction=_choice(light, ("light", "direction"), LIGHT_DIRECTIONS, problems),
        light_quality=_choice(light, ("light", "quality"), LIGHT_QUALITIES, problems),
        light_words=_words(light, ("light", "words"), MATERIALS_MAX, problems),
        references=_references(body.get("references") or (), problems),
        models=_hints(body, "models", problems),
        loras=_hints(body, "loras", problems),
    )
    if problems:
        raise Invalid(f"{'.'.join(map(str, problems[0].loc))}: {problems[0].msg}", details=problems)
    return style


def fields(style: Style) -> dict[str, Any]:
    """Return the document of a style, every member there: ``parse`` reads it back."""
    return {
        "keywords": list(style.keywords),
        "negative_keywords": list(style.negative_keywords),
        "palette": list(style.palette),
        "materials": list(style.materials),
        "line": {"weight": style.line_weight or None, "words": list(style.line_words)},
        "light": {
            "direction": style.light_direction or None,
            "quality": style.light_quality or None,
            "words": list(style.light_words),
        },
        "references": list(style.references),
        "models": [{"name": item.name, "weight": item.weight} for item in style.models],
        "loras": [{"name": item.name, "weight": item.weight} for item in style.loras],
    }


def told(style: Style) -> dict[str, Any]:
    """Return what workers are told of a style.

    Of what came after the first three members only what is said: where nothing is, step keys are what they were.
    """
    body = fields(style)
    always = {name: body[name] for name in ("keywords", "negative_keywords", "palette")}
    for name in ("line", "light"):
        body[name] = {key: value for key, value in body[name].items() if value}
    return always | {
        name: body[name] for name in ("materials", "line", "light", "models", "loras") if body[name]
    }


def _words(
    body: Mapping[str, Any], loc: tuple[str, ...], count_max: int, problems: list[Detail]
) -> tuple[str, ...]:
    given = body.get(loc[-1]) or ()
    return tuple(_cleaned(_bounded(given, loc, count_max, problems), loc, problems))


def _cleaned(given: Sequence[Any], loc: tuple[str, ...], problems: list[Detail]) -> Iterator[str]:
    for place, word in enumerate(given):
        try:
            yield clean(word, KEYWORD, (*loc, place), required=True)
        except Invalid as error:
            problems += error.details


def _bounded(given: Any, loc: tuple[str, ...], count_max: int, problems: list[Detail]) -> Sequence[Any]:
    if len(given) > count_max:
        problems.append(Detail(loc, f"must have at most {count_max} entries", "too_long"))
        return ()
    found: Sequence[Any] = given
    return found


def _palette(given: Sequence[str], problems: list[Detail]) -> tuple[str, ...]:
    colors = _bounded(given, ("palette",), PALETTE_MAX, problems)
    problems += [
        Detail(("palette", place), f"{color[:20]!r} is not a colour like #c83a34", "value_error")
        for place, color in enumerate(colors)
        if not _COLOR.fullmatch(color)
    ]
    return tuple(color.lower() for color in colors)


def _choice(
    body: Mapping[str, Any], loc: tuple[str, ...], choices: Sequence[str], problems: list[Detail]
) -> str:
    chosen = body.get(loc[-1]) or ""
    if chosen and chosen not in choices:
        problems.append(Detail(loc, f"must be one of {', '.join(choices)}", "value_error"))
    return str(chosen)


def _references(given: Sequence[str], problems: list[Detail]) -> tuple[str, ...]:
    ids = _bounded(given, ("references",), REFERENCES_MAX, problems)
    for place, item in enumerate(ids):
        try:
            typeid.decode("upl", item)
        except NotFound:
            problems.append(Detail(("references", place), "must be the id of an upload", "value_error"))
    if len(set(ids)) != len(ids):
        problems.append(Detail(("references",), "must name different uploads", "value_error"))
    return tuple(ids)


def _hints(body: Mapping[str, Any], name: str, problems: list[Detail]) -> tuple[Hint, ...]:
    found = []
    for place, item in enumerate(_bounded(body.get(name) or (), (name,), HINTS_MAX, problems)):
        weight = float(item.get("weight", 1.0))
        if not _HINT.fullmatch(item["name"]):
            told_so = "must have 1 to 120 letters, digits, spaces and ._:/+-, without two dots in a row"
            problems.append(Detail((name, place, "name"), told_so, "value_error"))
        if not 0 <= weight <= HINT_WEIGHT_MAX:
            problems.append(
                Detail((name, place, "weight"), f"must be from 0 to {HINT_WEIGHT_MAX:g}", "value_error")
            )
        found.append(Hint(item["name"], weight))
    return tuple(found)
