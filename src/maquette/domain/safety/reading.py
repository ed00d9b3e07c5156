"""Reading words as people read them: what was written so that a list of words misses it becomes the word it stands for.

Words that are written plainly are looked up as they stand, and only what is odd is looked at twice. So a text
without tricks costs one pass, and no innocent word is bent until it fits.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

_CHUNK = re.compile(r"(?:[^\W_]|[@$!|+*#€£•])+")
_PLAIN = re.compile(r"[^\W\d_]+|\d+")
_RUN = re.compile(r"([^\W\d_])\1\1")
_SQUEEZED = re.compile(r"(.)\1+")
_MASKS = re.compile(r"[*#•]")
_MASKED_MAX = 2
_LEET = str.maketrans("lz013457869@$!|+€£", "isoieastbbgasiitei")
#: Two words that stand beside each other every day: "the pen is red".
_EVERYDAY = frozenset(
    re.findall(
        r"\w+",
        "a am an and as at be but by can do for from go had has he her him his how i if in is it its me my no not of "
        "off on or our out she so the to up us was we what who you your",
    )
)
_JOINED_MIN = 5
_GLUED_MIN = 7
_WORD_MAX = 24
_PREFIX = 3


class Word(NamedTuple):
    """A word as it is read, where it stands in the folded text, and what had to be seen through to read it."""

    text: str
    start: int
    end: int
    view: str = "plain"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of a policy, and the keys under which they are found however they are written."""

    words: frozenset[str]
    leet: Mapping[str, str] = field(default_factory=dict)
    squeezed: Mapping[str, str] = field(default_factory=dict)
    masked: Mapping[str, str] = field(default_factory=dict)
    prefixes: frozenset[str] = frozenset()


def lexicon(words: Iterable[str]) -> Lexicon:
    """Return the keys of words that are folded already; of two words with one key the first in order has it."""
    ordered = sorted(set(words), reverse=True)
    return Lexicon(
        frozenset(ordered),
        {word.translate(_LEET): word for word in ordered if len(word) >= _PREFIX},
        {squeeze(word): word for word in ordered if len(word) >= _PREFIX},
        {mask: word for word in ordered for mask in _masks(word)},
        frozenset(word[:_PREFIX] for word in ordered if len(word) >= _PREFIX),
    )


def squeeze(word: str) -> str:
    """Return the word with each run of a letter as one."""
    return _SQUEEZED.sub(r"\1", word)


def _masks(word: str) -> Iterator[str]:
    """Yield what is left of a word when one or two letters inside of it are hidden."""
    if not 4 <= len(word) <= _WORD_MAX:
        return
    for first in range(1, len(word)):
        once = f"{word[:first]}*{word[first + 1 :]}"
        yield once
        if len(word) >= 4 and 1 <= first < len(word) - 2:
            yield f"{once[: first + 1]}*{once[first + 2 :]}"


def words(folded: str, known: Lexicon) -> list[Word]:
    """Return the words of a folded text in order. Linear in its length."""
    found: list[Word] = []
    for match in _CHUNK.finditer(folded):
        chunk = match.group()
        if chunk.isalpha():
            found.append(_letters(chunk, match.start(), known))
        else:
            found += _odd(chunk, match.start(), known)
    return _reversed(_joined(_spaced(found, folded, known), known), known)


def _letters(word: str, start: int, known: Lexicon) -> Word:
    end = start + len(word)
    if word in known.words or len(word) < _PREFIX:
        return Word(word, start, end)
    if _RUN.search(word) and (stands_for := known.squeezed.get(squeeze(word))):
        return Word(stands_for, start, end, "repeated")
    return Word(word, start, end)


def _odd(chunk: str, start: int, known: Lexicon) -> list[Word]:
    """Return the words of a chunk with digits or signs in it."""
    end = start + len(chunk)
    if chunk.isdigit():
        return [Word(chunk, start, end)]
    bare = chunk.strip("!|+*#•")
    if bare.isalpha():
        place = start + chunk.index(bare)
        return [_letters(bare, place, known)]
    if len(bare) >= _PREFIX and any(char.isalpha() for char in bare):
        for tried in (bare, chunk):
            key = tried.translate(_LEET)
            if stands_for := known.leet.get(key) or (
                known.squeezed.get(squeeze(key)) if _RUN.search(key) else None
            ):
                return [Word(stands_for, start, end, "leet")]
        masks = _MASKS.findall(bare)
        if 0 < len(masks) <= _MASKED_MAX and (stands_for := known.masked.get(_MASKS.sub("*", bare))):
            return [Word(stands_for, start, end, "masked")]
    if len(chunk) > 1 and not any(char.isalnum() for char in chunk):
        return []
    plain = [
        _letters(match.group(), start + match.start(), known)
        if match.group().isalpha()
        else Word(match.group(), start + match.start(), start + match.end())
        for match in _PLAIN.finditer(chunk)
    ]
    return plain or [Word(chunk, start, end)]


def _runs(found: list[Word], belongs: Callable[[Word], bool]) -> Iterator[tuple[bool, list[Word]]]:
    """Yield stretches of neighbours that belong together, and those that do not."""
    run: list[Word] = []
    for word in found:
        if run and belongs(word) != belongs(run[0]):
            yield belongs(run[0]), run
            run = []
        run.append(word)
    if run:
        yield belongs(run[0]), run


def _spaced(found: list[Word], folded: str, known: Lexicon) -> list[Word]:
    """Join letters that stand alone, as in "b o m b"."""
    if not any(word.end - word.start == 1 for word in found):
        return found
    result: list[Word] = []
    for single, run in _runs(found, lambda word: word.end - word.start == 1 and word.text < "\u0e00"):
        joined = "".join(folded[word.start] for word in run)
        if single and len(run) >= _PREFIX and not joined.isdigit():
            result += _cut(joined, [word.start for word in run], known, "spaced") or run
        else:
            result += run
    return result


def _cut(text: str, places: list[int], known: Lexicon, view: str) -> list[Word]:
    """Return the words of the lexicon in a text without spaces, the longest first, and skip the rest."""
    key, found, at = text.translate(_LEET), [], 0
    while at < len(key):
        for length in range(min(_WORD_MAX, len(key) - at), _PREFIX - 1, -1):
            if stands_for := known.leet.get(key[at : at + length]):
                found.append(Word(stands_for, places[at], places[at + length - 1] + 1, view))
                at += length
                break
        else:
            at += 1
    return found


def _joined(found: list[Word], known: Lexicon) -> list[Word]:
    """Put together what was torn apart ("bo mb", "por-n") and take apart what was glued ("nakedchild")."""
    result: list[Word] = []
    at = 0
    while at < len(found):
        word = found[at]
        after = found[at + 1] if at + 1 < len(found) else None
        if word.text in known.words:
            result.append(word)
        elif after is not None and (whole := _torn(word, after, known)):
            result.append(whole)
            at += 1
        elif len(word.text) >= _GLUED_MIN and word.text[:_PREFIX] in known.prefixes:
            result += _glued(word, known) or [word]
        else:
            result.append(word)
        at += 1
    return result


def _torn(word: Word, after: Word, known: Lexicon) -> Word | None:
    whole = word.text + after.text
    close = after.start - word.end <= 2
    if not close or len(whole) < _JOINED_MIN - 1 or whole not in known.words:
        return None
    if word.text in _EVERYDAY or after.text in _EVERYDAY or after.text in known.words:
        return None
    return Word(whole, word.start, after.end, "joined")


def _glued(word: Word, known: Lexicon) -> list[Word]:
    """Return the words that a longer one is made of, when it is made of nothing else."""
    text, found, at = word.text, [], 0
    while at < len(text):
        for length in range(min(_WORD_MAX, len(text) - at), 1, -1):
            if text[at : at + length] in known.words:
                found.append(Word(text[at : at + length], word.start, word.end, "joined"))
                at += length
                break
        else:
            return []
    return found


def _reversed(found: list[Word], known: Lexicon) -> list[Word]:
    """Turn words that are written backwards, and their order."""

    def backwards(word: Word) -> bool:
        text = word.text
        return len(text) > _PREFIX and text not in known.words and text[::-1] in known.words

    if not any(map(backwards, found)):
        return found
    result: list[Word] = []
    for turned, run in _runs(found, backwards):
        result += (
            [Word(word.text[::-1], word.start, word.end, "reversed") for word in reversed(run)]
            if turned
            else run
        )
    return result
