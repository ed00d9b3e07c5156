"""The one way text comes in: what is stored is what is shown, and what is judged.

What nobody sees is taken out, what is no text is refused, what only looks different is made equal, and lengths are
counted as people count. ``clean`` is idempotent, and linear: a text that is too long is refused before it is read.

Sources: UAX #15 (normalisation), UAX #29 (grapheme clusters), UAX #31 section 2.3 (where joiners mean something),
UTS #51 (emoji sequences), UTS #39 section 5 (mixed scripts).
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import regex  # type: ignore[import-untyped]  # it comes without stubs

from maquette.domain.errors import Invalid

MARKS_MAX = 8
"""Combining marks in a row. Tibetan stacks have six, Hebrew with vowels and accents four, piled-up ones dozens."""
CLUSTER_POINTS_MAX = 32
"""Code points that count as one character; the longest emoji in use has ten."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a field's text is read. ``length_max`` counts grapheme clusters."""

    length_max: int
    form: Literal["NFKC", "NFC"] = "NFKC"
    """NFC where people write for people: there ² and ½ are meant as they stand."""
    lines: bool = False
    """Keep line breaks, at most one empty line in a row."""
    one_script: bool = False
    """An identifier, told apart by its looks: no word of it mixes scripts whose letters look alike."""

    @property
    def points_max(self) -> int:
        """Code points, as sent and as kept: some letters take several."""
        return 4 * self.length_max + 64


KINDS: Mapping[str, Kind] = {
    "prompt": Kind(2000),
    "name": Kind(120, one_script=True),
    "keyword": Kind(60),
    "notes": Kind(4000, form="NFC", lines=True),
    "reason": Kind(2000, form="NFC", lines=True),
}
"""All texts of people. What else is a string is an id, or has a pattern of its own."""
PROMPT, NAME, KEYWORD, NOTES, REASON = KINDS.values()

Loc = tuple[str | int, ...]

_NO_TEXT = regex.compile(r"[\p{Cc}\p{Cs}\p{Co}\p{Cn}\uFFF9-\uFFFB--\t\n\r]", regex.VERSION1)
_REFUSED = {"Cc": "control_character", "Cf": "control_character", "Cs": "control_character"}
_JOINING = (
    r"[[\p{Arabic}\p{Syriac}\p{Mandaic}\p{Nko}\p{Mongolian}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}"
    r"\p{Oriya}\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Myanmar}\p{Khmer}]&&[\p{L}\p{M}]"
    r"--\p{Default_Ignorable_Code_Point}]"
)
#: Everything that takes no ink, but: joiners inside of emoji, after a virama and between letters that join; the two
#: selectors after what has two looks; the tags of a flag; Mongolian's selectors after its letters.
_INVISIBLE = regex.compile(
    rf"""
    (?<kept>\U0001F3F4[\U000E0030-\U000E0039\U000E0061-\U000E007A]{{2,6}}\U000E007F
      | (?<=[\p{{Extended_Pictographic}}\p{{Emoji_Modifier}}])[\uFE0E\uFE0F]
      | (?<=[0-9\#*])\uFE0F(?=\u20E3)
      | (?<=[\p{{Extended_Pictographic}}\p{{Emoji_Modifier}}]\uFE0F?)\u200D(?=\p{{Extended_Pictographic}})
      | (?<=\p{{Canonical_Combining_Class=9}})[\u200C\u200D]
      | (?<={_JOINING})[\u200C\u200D](?={_JOINING})
      | (?<=[\p{{Mongolian}}&&\p{{L}}])[\u180B-\u180D\u180F])
    | \p{{Default_Ignorable_Code_Point}}+?
    """,
    regex.VERSION1 | regex.VERBOSE,
)
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
#: U+2800 is a pattern of no dots at all: it looks like a space and is none.
_BLANK = str.maketrans({"\u2800": " "})
_BREAK = regex.compile(r"\r\n?|[\n\u2028\u2029]")
_PILE = regex.compile(rf"\p{{M}}{{{MARKS_MAX + 1}}}")
_CLUSTER = regex.compile(r"\X")
#: \X looks back over all flags in a row for each of them: 2,000 took 0.5 s. As a sign each, 3 ms.
_FLAG = regex.compile("[\U0001f1e6-\U0001f1ff]{2}")
#: What can stand in a cluster of more than two.
_JOINED = regex.compile(r"[^\p{GCB=Other}\p{GCB=LV}\p{GCB=LVT}\p{GCB=Regional_Indicator}]")
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
#: Scripts that have letters in common to the eye. µ and Ω are left out of Greek: they are units.
_ALIKE = {
    "Latin": regex.compile(r"\p{Latin}"),
    "Cyrillic": regex.compile(r"\p{Cyrillic}"),
    "Greek": regex.compile(r"[\p{Greek}--[μΩ]]", regex.VERSION1),
    "Armenian": regex.compile(r"\p{Armenian}"),
    "Cherokee": regex.compile(r"\p{Cherokee}"),
    "Coptic": regex.compile(r"\p{Coptic}"),
    "Lisu": regex.compile(r"\p{Lisu}"),
}


def clean(text: str, kind: Kind, loc: Loc, *, required: bool = False) -> str:
    """Return the text as it is kept.

    Errors: ``Invalid`` whose detail has the type ``missing``, ``too_long``, ``control_character``,
    ``unassigned_character``, ``stacked_marks`` or ``mixed_scripts``.
    """
    if len(text) > kind.points_max:
        raise _too_long(kind, loc)
    if not text.isascii():
        text = _normalised(text, kind, loc)
    else:
        _check_text(text, loc)
    text = _spaced(text, kind)
    if required and not text:
        raise Invalid.field(loc, "must not be empty", "missing")
    if len(text) > kind.length_max and _length(text) > kind.length_max:
        raise _too_long(kind, loc)
    if kind.one_script and not text.isascii():
        _check_scripts(text, loc)
    return text


def _normalised(text: str, kind: Kind, loc: Loc) -> str:
    _check_text(text, loc)
    # Before invisible characters go, for what stands beside them may change (™ with a selector); and after, for they
    # may have held apart what composes.
    text = unicodedata.normalize(kind.form, text)
    if _IGNORABLE.search(text):
        text = unicodedata.normalize(kind.form, _INVISIBLE.sub(lambda match: match["kept"] or "", text))
    if len(text) > kind.points_max:
        raise _too_long(kind, loc)
    if _PILE.search(text):
        raise Invalid.field(
            loc, f"must not pile up more than {MARKS_MAX} marks on a character", "stacked_marks"
        )
    if _JOINED.search(text) and any(len(cluster) > CLUSTER_POINTS_MAX for cluster in _clusters(text)):
        told = f"must not join more than {CLUSTER_POINTS_MAX} code points to one character"
        raise Invalid.field(loc, told, "stacked_marks")
    return text.translate(_BLANK)


def _spaced(text: str, kind: Kind) -> str:
    if not kind.lines:
        return " ".join(text.split())
    lines = [" ".join(line.split()) for line in _BREAK.split(text)]
    kept = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
    return "\n".join(kept).strip("\n")


def _clusters(text: str) -> list[str]:
    found: list[str] = _CLUSTER.findall(_FLAG.sub("⚑", text))
    return found


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(_clusters(text))


def _too_long(kind: Kind, loc: Loc) -> Invalid:
    return Invalid.field(loc, f"must have at most {kind.length_max} characters", "too_long")


def _check_text(text: str, loc: Loc) -> None:
    # What Python prints is text for sure, at a hundredth of the price: its Unicode is older, so it knows less.
    if text.isprintable() or not (match := _NO_TEXT.search(text)):
        return
    found = match.group()
    reason = _REFUSED.get(unicodedata.category(found), "unassigned_character")
    told = (
        "control characters" if reason == "control_character" else "characters that Unicode has not assigned"
    )
    raise Invalid.field(loc, f"must not hold {told} (U+{ord(found):04X})", reason)


def _check_scripts(text: str, loc: Loc) -> None:
    for word in _WORD.findall(text):
        scripts = [name for name, letters in _ALIKE.items() if letters.search(word)]
        if len(scripts) > 1:
            told = f"must not mix {' and '.join(scripts)} letters in one word: they look alike"
            raise Invalid.field(loc, told, "mixed_scripts")
