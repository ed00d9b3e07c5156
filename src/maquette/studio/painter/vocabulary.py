"""Reading a prompt: which noun, made of what, in which colours, with what on it, without what."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from maquette.studio.painter.attachments import ATTACHMENTS
from maquette.studio.painter.catalogue import BODIES, BY_WORD, ROLES, Subject
from maquette.studio.painter.colour import RGB
from maquette.studio.painter.materials import Stuff
from maquette.studio.painter.words import (
    ADDS,
    BREAKS,
    COLOURS,
    COMPOUNDS,
    FEATURES,
    FILLERS,
    LOOKS,
    STUFF,
    TRAITS,
)

#: What covers the whole subject: its colour is the subject's.
_COVERINGS = frozenset(
    [
        "armour",
        "armor",
        "body",
        "clothes",
        "coat",
        "dress",
        "feathers",
        "fur",
        "outfit",
        "paint",
        "plating",
        "robe",
        "robes",
        "scales",
        "shell",
        "skin",
        "suit",
        "uniform",
        "wool",
    ]
)
_WORD = re.compile(r"\d+-bit|[^\W\d_]+(?:[-'][^\W\d_]+)*|,")


@dataclass(frozen=True, slots=True)
class Brief:
    """What the painter understood of a request."""

    noun: str
    """The word that names the subject; for an unknown one the word its shape is derived from."""
    subject: Subject | None
    role: Subject | None = None
    """A role that the body plays: the courier of ``robot courier``."""
    stuff: Stuff = field(default_factory=Stuff)
    colours: tuple[RGB, ...] = ()
    """Colour words for the body, in order."""
    details: Mapping[str, RGB] = field(default_factory=dict)
    """Colours for palette roles from phrases such as ``with red eyes``."""
    traits: Mapping[str, float] = field(default_factory=dict)
    attachments: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    banned: tuple[RGB, ...] = ()
    looks: Mapping[str, float] = field(default_factory=dict)

    @property
    def recognised(self) -> bool:
        """Whether the subject is a known one."""
        return self.subject is not None


def read(
    prompt: str, negative: str = "", keywords: Sequence[str] = (), negative_keywords: Sequence[str] = ()
) -> Brief:
    """Understand a prompt. Total: any text gives a brief."""
    spoken, forbidden = _split_negations(_tokens(prompt))
    head, rest = _phrases(spoken)
    noun, subject, role = _subject(head, rest)
    unwanted = [*forbidden, *_tokens(negative), *(t for k in negative_keywords for t in _tokens(k))]
    styling = [t for keyword in keywords for t in _tokens(keyword)]
    used = {noun, *(word for word in head if _lookup(word) is role and role)}
    adjectives = [word for word in head if word not in used]
    colours, details = _colours(adjectives, rest)
    without = _without(unwanted)
    attachments = _attachments(adjectives, rest, without)
    return Brief(
        noun=noun,
        subject=subject,
        role=role,
        stuff=_stuff([*adjectives, *(w for w in rest if w in STUFF and w not in COLOURS), *styling], without),
        colours=colours,
        details=details,
        traits=_traits(adjectives),
        attachments=attachments,
        without=without,
        banned=tuple(COLOURS[w] for w in unwanted if w in COLOURS),
        looks=_looks([*styling, *spoken], unwanted),
    )


def _tokens(text: str) -> list[str]:
    """Lower-case words and commas; hyphenated words are split unless the tables know them; compounds are joined."""
    known = BY_WORD.keys() | STUFF.keys() | LOOKS.keys() | ATTACHMENTS.keys() | COLOURS.keys()
    words: list[str] = []
    for word in _WORD.findall(text.lower().replace("\u2019", "'")):
        plain = re.sub(r"'s$", "", word)
        words += [plain] if plain in known else re.split(r"[-']", plain)
    out: list[str] = []
    for word in words:
        if out and (out[-1], word) in COMPOUNDS:
            out[-1] = COMPOUNDS[out[-1], word]
        else:
            out.append(word)
    return [_singular(word) for word in out if word]


def _singular(word: str) -> str:
    """Give a known noun's singular for its plural; every other word as it is."""
    if word in BY_WORD or word in ATTACHMENTS or word in FILLERS:
        return word
    for ending, instead in (("ves", "f"), ("ies", "y"), ("es", ""), ("s", "")):
        stem = word.removesuffix(ending) + instead
        if word.endswith(ending) and (stem in BY_WORD or stem in ATTACHMENTS):
            return stem
    return word


def _split_negations(tokens: Iterable[str]) -> tuple[list[str], list[str]]:
    """Words said, and words after ``no`` or ``without``."""
    said: list[str] = []
    negated: list[str] = []
    current = said
    for token in tokens:
        if token in {"no", "without"}:
            current = negated
        elif token in {",", "with", "but", "holding", "wearing"}:
            current = said
            said.append(token)
        else:
            current.append(token)
    return said, negated


def _phrases(tokens: list[str]) -> tuple[list[str], list[str]]:
    """Give the first phrase with something to draw in it, and what follows."""
    head: list[str] = []
    for i, token in enumerate(tokens):
        joins_colours = token == "and" and head and head[-1] in COLOURS  # noqa: S105 -- a word, not a credential
        if token in BREAKS and not joins_colours:
            if any(_content(word) for word in head):
                return head, tokens[i + 1 :]
            continue
        if token not in FILLERS or token in BY_WORD:
            head.append(token)
    return head, []


def _content(word: str) -> bool:
    """Whether the word can be a subject."""
    return word in BY_WORD or not (word in FILLERS or word in BREAKS or _describes(word))


def _describes(word: str) -> bool:
    """Whether a word only describes."""
    return (
        word in COLOURS
        or word in STUFF
        or word in TRAITS
        or word in ADDS
        or word in LOOKS
        or word.endswith(("ing", "ly", "ed", "ish", "ful", "ous", "less"))
    )


def _lookup(word: str) -> Subject | None:
    return BY_WORD.get(word)


def _subject(head: list[str], rest: list[str]) -> tuple[str, Subject | None, Subject | None]:
    """Give the noun, its subject (None when unknown), and the role it plays."""
    known = [word for word in head if word in BY_WORD]
    last = next((word for word in reversed(head) if _content(word)), None)
    figures = [word for word in known if word in BODIES or word in ROLES]
    if last is not None and last not in BY_WORD and not figures:
        return last, None, None
    if figures and (last not in BY_WORD or last in figures):
        body = next((word for word in reversed(figures) if word in BODIES), figures[-1])
        role = next(
            (
                word
                for word in reversed(figures)
                if word in ROLES and word != body and _lookup(word) is not _lookup(body)
            ),
            None,
        )
        return body, BY_WORD[body], BY_WORD[role] if role else None
    noun = last if last in BY_WORD else next((word for word in rest if word in BY_WORD), None)
    if noun is not None:
        return noun, BY_WORD[noun], None
    spare = next((word for word in reversed([*head, *rest]) if word not in BREAKS), "")
    return spare or "relic", None, None


def _colours(adjectives: list[str], rest: list[str]) -> tuple[tuple[RGB, ...], dict[str, RGB]]:
    """Colours of the body, and of details named after it."""
    body = [COLOURS[word] for word in adjectives if word in COLOURS]
    details: dict[str, RGB] = {}
    for i, word in enumerate(rest):
        if word not in COLOURS:
            continue
        thing = next(
            (w for w in rest[i + 1 :] if w not in COLOURS and w not in FILLERS and w not in STUFF), ""
        )
        if thing in _COVERINGS:
            body.append(COLOURS[word])
        elif thing in {"eye", "eyes", "light", "lights", "glow", "core"}:
            details["glow"] = COLOURS[word]
        elif thing in {"hair", "beard", "mane"}:
            details["hair"] = COLOURS[word]
        elif thing in {"belly", "sleeves", "trim", "details"}:
            details["secondary"] = COLOURS[word]
        elif thing or body:
            details.setdefault("accent", COLOURS[word])
        else:
            body.append(COLOURS[word])
    return tuple(body), details


def _stuff(words: Iterable[str], without: frozenset[str]) -> Stuff:
    """All material words together: the first that says a colour or a finish wins, weathering adds up."""
    merged = Stuff()
    for word in words:
        if word not in STUFF:
            continue
        one = STUFF[word]
        merged = Stuff(
            merged.colour or one.colour,
            merged.finish or one.finish,
            tuple(dict.fromkeys((*merged.weather, *one.weather))),
            merged.light + one.light,
            merged.saturation * one.saturation,
            merged.glowing or one.glowing,
        )
    return replace(merged, weather=tuple(w for w in merged.weather if w not in without))


def _traits(words: Iterable[str]) -> dict[str, float]:
    out: dict[str, float] = {}
    for word in words:
        for name, factor in TRAITS.get(word, {}).items():
            out[name] = out.get(name, 1.0) * factor
    return out


def _attachments(adjectives: list[str], rest: list[str], without: frozenset[str]) -> tuple[str, ...]:
    """Named things on the subject: adjectives such as ``winged``, and nouns after ``with``. Longest names first."""
    found = [ADDS[word] for word in adjectives if word in ADDS]
    i = 0
    while i < len(rest):
        pair = " ".join(rest[i : i + 2])
        if pair in ATTACHMENTS:
            found.append(pair)
            i += 2
            continue
        if rest[i] in ATTACHMENTS:
            found.append(rest[i])
        i += 1
    return tuple(name for name in dict.fromkeys(found) if name not in without)


def _without(unwanted: Iterable[str]) -> frozenset[str]:
    out: set[str] = set()
    for word in unwanted:
        out |= {word, word + "s", word.removesuffix("s")} | FEATURES.get(word, frozenset())
    return frozenset(out)


def _looks(words: Iterable[str], unwanted: Iterable[str]) -> dict[str, float]:
    out: dict[str, float] = {}
    banned = set(unwanted)
    for word in words:
        if word not in banned:
            out.update(LOOKS.get(word, {}))
    if banned & {"outline", "outlines", "ink", "lineart"}:
        out["ink"] = 0.0
    return out
