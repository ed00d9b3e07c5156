"""Reading words as people read them: what was written so that a list of words misses it becomes the word it stands for.

Words that stand as they are written are only looked up; what is odd is looked at once for each different spelling.
So a text without tricks costs one pass, and no innocent word is bent until it fits.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
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
#: Two letters torn from a word of at least so many are no everyday word: "he roin", but "the pen is red".
_EVERYDAY_TORN_MIN = 6
#: In a shorter word another order makes another word.
_SCRAMBLED_MIN = 5
#: English doubles consonants before these: "rapping" is not "raping".
_DOUBLING = re.compile(r"([^aeiou])\1(?:ing|ed|ers?)$")
#: Spellings that were looked at and are nothing: so many are remembered for each policy, about 100 bytes each.
_DULL_MAX = 5_000
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
    """The words of a policy, and the keys under which they are found however they are written: key → word."""

    words: Mapping[str, str]
    """Each word is its own key."""
    leet: Mapping[str, str]
    squeezed: Mapping[str, str]
    scrambled: Mapping[str, str]
    masked: Mapping[str, str]
    lefts: frozenset[str]
    """All that words can be torn to on their left side."""
    dull: set[str] = field(default_factory=set)
    """Spellings that are nothing: a memory, no state."""


def lexicon(words: Iterable[str]) -> Lexicon:
    """Return the keys of words that are folded already; of two words with one key the first in order has it."""
    ordered = sorted(set(words), reverse=True)
    long = [word for word in ordered if len(word) >= _SHORTEST]
    return Lexicon(
        {word: word for word in ordered},
        {word.translate(_LEET): word for word in ordered if len(word) > 1},
        {key: word for word in long if len(key := _squeeze(word)) >= _SHORTEST},
        {_scramble(word): word for word in long if len(word) >= _SCRAMBLED_MIN},
        {mask: word for word in long for mask in _masks(word)},
        frozenset(word[:at] for word in long if len(word) >= _TORN_MIN for at in range(1, len(word))),
    )


def _scramble(word: str) -> str:
    return f"{word[0]}{''.join(sorted(word[1:-1]))}{word[-1]}"


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
            found = _turned(found, known)
    else:
        places = range(len(chunks))
        found = list(map(Word._make, zip(chunks, places, places, repeat("plain"))))
    alone = [place for place, chunk in enumerate(chunks) if len(chunk) == 1 and chunk < _BY_ITSELF]
    if any(
        alone[at + 2] - place == _SHORTEST - 1
        and sum(chunks[single].isalpha() for single in alone[at : at + _SHORTEST]) > 1
        for at, place in enumerate(alone[:-2])
    ):
        found = _spaced(found, chunks, frozenset(alone), known)
    return _joined(found, known)


Reading = tuple[tuple[str, str], ...]
"""Words and views that a chunk is read as."""


def _readings(chunks: set[str], known: Lexicon) -> dict[str, Reading]:
    """Return what is to be read otherwise than it is written."""
    readings = {}
    # One by one: a set less another's keys would walk through the whole lexicon, 0.2 ms for each text.
    for chunk in chunks:
        if chunk in known.words or chunk in known.dull:
            continue
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
    if any(char.isalpha() or char in "@$€£" for char in bare):
        for tried in (bare, chunk):
            if stands_for := _leet(tried, known):
                return ((stands_for, "leet"),)
        masks = len(_MASKS.findall(bare))
        if 0 < masks <= _MASKED_MAX and (stands_for := known.masked.get(_MASKS.sub("*", bare))):
            return ((stands_for, "masked"),)
        key = bare.translate(_LEET)
        if key.isalpha() and (parts := _glued(key, known.leet)):
            return tuple((part, "joined+leet") for part in parts)
    return tuple(
        part
        for match in _PLAIN.findall(chunk)
        for part in (_letters(match, known) if match.isalpha() else ((match, "plain"),))
    )


def _letters(word: str, known: Lexicon) -> Reading:
    if word in known.words or len(word) < _SHORTEST:
        return ((word, "plain"),)
    if stands_for := _doubled(word, known):
        return ((stands_for, "repeated"),)
    if len(word) >= _TORN_MIN and word[::-1] in known.words:
        return ((word[::-1], "reversed"),)
    if len(word) >= _SCRAMBLED_MIN and (stands_for := known.scrambled.get(_scramble(word))):
        return ((stands_for, "scrambled"),)
    if len(word) >= _GLUED_MIN and (parts := _glued(word, known.words)):
        return tuple((part, "joined") for part in parts)
    return ((word, "plain"),)


def _doubled(word: str, known: Lexicon) -> str | None:
    """Return the word that one with letters too many stands for; a letter that is twice there may have to be."""
    squeezed = _squeeze(word)
    if squeezed == word or not (stands_for := known.squeezed.get(squeezed)):
        return None
    if _RUN.search(word):
        return stands_for
    return stands_for if len(stands_for) >= _TORN_MIN and not _DOUBLING.search(word) else None


def _leet(text: str, known: Lexicon) -> str | None:
    key = text.translate(_LEET)
    return known.leet.get(key) or (known.squeezed.get(_squeeze(key)) if _RUN.search(key) else None)


def _glued(text: str, table: Mapping[str, str]) -> list[str]:
    """Return the words that a longer one is made of: two real ones or more, and nothing else ("be tween" is none)."""
    parts = _split(text, table)
    whole = sum(length for _, _, length in parts) == len(text)
    real = sum(length >= _SHORTEST for _, _, length in parts)
    return [word for word, _, _ in parts] if whole and real > 1 else []


def _split(text: str, table: Mapping[str, str]) -> list[tuple[str, int, int]]:
    """Return the words of a table that cover most of a text without spaces, as few as can: word, place, length."""
    best: list[tuple[int, int, int]] = [(0, 0, 0)] * (
        len(text) + 1
    )  # letters covered, -words, length of the first
    for at in range(len(text) - 1, -1, -1):
        covered, fewer, _ = best[at + 1]
        best[at] = (covered, fewer, 0)
        for length in range(1, min(_WORD_MAX, len(text) - at) + 1):
            if text[at : at + length] in table:
                covered, fewer, _ = best[at + length]
                best[at] = max(best[at], (covered + length, fewer - 1, length))
    found, at = [], 0
    while at < len(text):
        length = best[at][2]
        if length:
            found.append((table[text[at : at + length]], at, length))
        at += length or 1
    return found


def _turned(found: list[Word], known: Lexicon) -> list[Word]:
    """Turn neighbours that are written backwards, and their order; beside one, short words are taken for it, too."""
    result: list[Word] = []
    run: list[Word] = []
    for word in [*found, Word("", 0, 0, "")]:
        backwards = word.view == "reversed" or word.text[::-1] in known.words
        if backwards:
            run.append(word)
            continue
        result += _turn(run)
        run = []
        if word.text:
            result.append(word)
    return result


def _turn(run: list[Word]) -> list[Word]:
    turned = [item for item in run if item.view == "reversed"]
    if len(turned) > 1 or any(len(item.text) > _TORN_MIN for item in turned):
        return [
            item if item in turned else item._replace(text=item.text[::-1], view="reversed")
            for item in reversed(run)
        ]
    # A short one alone may be a word of its own: evil, pets, snug.
    return [item._replace(text=item.text[::-1], view="plain") if item in turned else item for item in run]


def _spaced(found: list[Word], chunks: list[str], alone: frozenset[int], known: Lexicon) -> list[Word]:
    """Join letters that stand alone, as in "b o m b"."""
    result: list[Word] = []
    run: list[Word] = []
    for word in [*found, Word("", len(chunks), len(chunks), "")]:
        if word.first in alone:
            run.append(word)
            continue
        if run:
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
    return [
        Word(stands_for, run[at].first, run[at + length - 1].last, "spaced")
        for stands_for, at, length in _split(joined.translate(_LEET), known.leet)
        if length > 1
    ]


def _joined(found: list[Word], known: Lexicon) -> list[Word]:
    """Put together what was torn apart: "bo mb", "por-n"."""
    halves = {
        at
        for at, word in enumerate(found[:-1])
        if word.text in known.lefts and _torn(word, found[at + 1], known)
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


def _torn(word: Word, after: Word, known: Lexicon) -> bool:
    whole = word.text + after.text
    if whole not in known.words or (word.text in known.words and after.text in known.words):
        return False
    return len(whole) >= _EVERYDAY_TORN_MIN or not {word.text, after.text} & _EVERYDAY
