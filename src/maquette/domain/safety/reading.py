"""Reading words as people read them: what was written so that a list of words misses it becomes the word it stands for.

Words that stand as they are written are only looked up; what is odd is looked at once for each different spelling.
So a text without tricks costs one pass, and no innocent word is bent until it fits.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

_CHUNK = re.compile(r"(?:[^\W_]|[@$!|+*#€£•])+")
_PLAIN = re.compile(r"[^\W\d_]+|\d+")
_RUN = re.compile(r"([^\W\d_])\1\1")
_SQUEEZED = re.compile(r"(.)\1+")
_MASKS = re.compile(r"[*#•]")
_MASKED_MAX = 2
_LEET = str.maketrans("lz013457869@$!|+€£", "isoieastbbgasiitei")
#: They stand beside others every day: "the pen is red" tears nothing apart.
_EVERYDAY = frozenset(
    re.findall(
        r"\w+",
        "a am an and as at be but by can do for from go had has he her him his how i if in is it its me my no not of "
        "off on or our out she so the to up us was we what who you your",
    )
)
_TORN_MIN = 4
_GLUED_MIN = 7
_WORD_MAX = 24
_SHORTEST = 3
#: Spellings that were looked at and are nothing: so many are remembered, about 100 bytes each.
_DULL_MAX = 20_000
#: Scripts from here on are read character by character: a letter alone is nothing odd.
_BY_ITSELF = "\u0e00"


class Word(NamedTuple):
    """A word as it is read, the first and last chunk of the text it stands in, and what had to be seen through."""

    text: str
    first: int
    last: int
    view: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of a policy, and the keys under which they are found however they are written."""

    words: frozenset[str]
    leet: Mapping[str, str]
    squeezed: Mapping[str, str]
    masked: Mapping[str, str]
    heads: frozenset[str]
    """How words begin, in leet's key: three letters."""
    lefts: frozenset[str]
    """All that words can be torn to on their left side."""
    dull: set[str] = field(default_factory=set)
    """Spellings that are nothing: a memory, no state."""


def lexicon(words: Iterable[str]) -> Lexicon:
    """Return the keys of words that are folded already; of two words with one key the first in order has it."""
    ordered = sorted(set(words), reverse=True)
    long = [word for word in ordered if len(word) >= _SHORTEST]
    leet = {word.translate(_LEET): word for word in long}
    return Lexicon(
        frozenset(ordered),
        leet,
        {_squeeze(key): word for key, word in leet.items()},
        {mask: word for word in long for mask in _masks(word)},
        frozenset(key[:_SHORTEST] for key in leet),
        frozenset(word[:at] for word in long if len(word) >= _TORN_MIN for at in range(1, len(word))),
    )


def _squeeze(word: str) -> str:
    return _SQUEEZED.sub(r"\1", word)


def _masks(word: str) -> Iterator[str]:
    """Yield what is left of a word when one letter inside of it is hidden, or two beside each other."""
    if not _TORN_MIN <= len(word) <= _WORD_MAX:
        return
    for at in range(1, len(word)):
        yield f"{word[:at]}*{word[at + 1 :]}"
        if at < len(word) - 1:
            yield f"{word[:at]}**{word[at + 2 :]}"


def spans(folded: str) -> list[tuple[int, int]]:
    """Return where each chunk of the text stands."""
    return [match.span() for match in _CHUNK.finditer(folded)]


def words(folded: str, known: Lexicon) -> list[Word]:
    """Return the words of a folded text in order. Linear in its length."""
    chunks: list[str] = _CHUNK.findall(folded)
    readings = _readings(set(chunks), known)
    if readings:
        found = [
            Word(text, place, place, view)
            for place, chunk in enumerate(chunks)
            for text, view in readings.get(chunk, ((chunk, "plain"),))
        ]
        if any(view == "reversed" for reading in readings.values() for _, view in reading):
            found = _turned(found)
    else:
        found = [Word(chunk, place, place, "plain") for place, chunk in enumerate(chunks)]
    alone = [place for place, chunk in enumerate(chunks) if len(chunk) == 1 and chunk < _BY_ITSELF]
    if any(third - first == _SHORTEST - 1 for first, third in zip(alone, alone[2:], strict=False)):
        found = _spaced(found, chunks, frozenset(alone), known)
    return _joined(found, known)


Reading = tuple[tuple[str, str], ...]
"""Words and views that a chunk is read as."""


def _readings(chunks: set[str], known: Lexicon) -> dict[str, Reading]:
    """Return what is to be read otherwise than it is written."""
    readings = {}
    for chunk in chunks - known.words - known.dull:
        reading = _read(chunk, known)
        if reading != ((chunk, "plain"),):
            readings[chunk] = reading
        elif len(known.dull) < _DULL_MAX and len(chunk) <= _WORD_MAX:
            known.dull.add(chunk)
    return readings


def _read(chunk: str, known: Lexicon) -> Reading:
    if chunk.isalpha():
        return _letters(chunk, known)
    if chunk.isdigit():
        return ((chunk, "plain"),)
    bare = chunk.strip("!|+*#•")
    if bare.isalpha():
        return _letters(bare, known)
    if any(char.isalpha() for char in bare):
        for tried in (bare, chunk):
            if stands_for := _leet(tried, known):
                return ((stands_for, "leet"),)
        masks = len(_MASKS.findall(bare))
        if 0 < masks <= _MASKED_MAX and (stands_for := known.masked.get(_MASKS.sub("*", bare))):
            return ((stands_for, "masked"),)
        key = bare.translate(_LEET)
        if key.isalpha() and (parts := _glued(key, known)):
            return tuple((part, "joined+leet") for part in parts)
    return tuple(
        part
        for match in _PLAIN.findall(chunk)
        for part in (_letters(match, known) if match.isalpha() else ((match, "plain"),))
    )


def _letters(word: str, known: Lexicon) -> Reading:
    if word in known.words or len(word) < _SHORTEST:
        return ((word, "plain"),)
    if _RUN.search(word) and (stands_for := known.squeezed.get(_squeeze(word.translate(_LEET)))):
        return ((stands_for, "repeated"),)
    if len(word) >= _TORN_MIN and word[::-1] in known.words:
        return ((word[::-1], "reversed"),)
    if len(word) >= _GLUED_MIN and (parts := _glued(word.translate(_LEET), known)):
        return tuple((part, "joined") for part in parts)
    return ((word, "plain"),)


def _leet(text: str, known: Lexicon) -> str | None:
    key = text.translate(_LEET)
    return known.leet.get(key) or (known.squeezed.get(_squeeze(key)) if _RUN.search(key) else None)


def _glued(key: str, known: Lexicon) -> list[str]:
    """Return the words that a longer one is made of, the longest first, when it is made of nothing else."""
    found, at = [], 0
    while at < len(key):
        stands_for, length = _longest(key, at, known)
        if not length:
            return []
        found.append(stands_for)
        at += length
    return found


def _longest(key: str, at: int, known: Lexicon) -> tuple[str, int]:
    """Return the longest word of the lexicon that begins there, and its length; 0: none does."""
    if key[at : at + _SHORTEST] in known.heads:
        for length in range(min(_WORD_MAX, len(key) - at), _SHORTEST - 1, -1):
            if stands_for := known.leet.get(key[at : at + length]):
                return stands_for, length
    return "", 0


def _turned(found: list[Word]) -> list[Word]:
    """Turn the order of neighbours that are written backwards."""
    result: list[Word] = []
    begin = 0
    for word in found:
        if word.view != "reversed":
            begin = len(result) + 1
        result.insert(begin if word.view == "reversed" else len(result), word)
    return result


def _spaced(found: list[Word], chunks: list[str], alone: frozenset[int], known: Lexicon) -> list[Word]:
    """Join letters that stand alone, as in "b o m b"."""
    result: list[Word] = []
    run: list[Word] = []
    for word in [*found, Word("", len(chunks), len(chunks), "")]:
        if word.first in alone:
            run.append(word)
            continue
        result += _cut(run, chunks, known) or run
        run = []
        if word.first < len(chunks):
            result.append(word)
    return result


def _cut(run: list[Word], chunks: list[str], known: Lexicon) -> list[Word]:
    """Return the words of the lexicon that letters make, and skip the rest."""
    joined = "".join(chunks[word.first] for word in run)
    if len(run) < _SHORTEST or joined.isdigit():
        return []
    key, found, at = joined.translate(_LEET), [], 0
    while at < len(key):
        stands_for, length = _longest(key, at, known)
        if length:
            found.append(Word(stands_for, run[at].first, run[at + length - 1].last, "spaced"))
        at += length or 1
    return found


def _joined(found: list[Word], known: Lexicon) -> list[Word]:
    """Put together what was torn apart: "bo mb", "por-n"."""
    halves = {
        at
        for at, word in enumerate(found[:-1])
        if word.text in known.lefts and word.text not in known.words and word.text not in _EVERYDAY
        if f"{word.text}{found[at + 1].text}" in known.words and found[at + 1].text not in _EVERYDAY
    }
    if not halves:
        return found
    result: list[Word] = []
    at = 0
    while at < len(found):
        word = found[at]
        if at in halves:
            after = found[at + 1]
            word = Word(word.text + after.text, word.first, after.last, "joined")
            at += 1
        result.append(word)
        at += 1
    return result
