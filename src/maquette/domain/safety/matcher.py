"""Matching: policies compiled once, and what they find in texts, in time linear in the texts.

Phrases stand in a tree of words; groups that must not stand near each other are phrases, too, whose places are
compared; patterns are RE2's. Nothing goes back over the text.
"""

import bisect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from maquette.domain.safety.fold import decoded, fold, origins, without_ids
from maquette.domain.safety.policy import (
    DEFAULT,
    NEVER_EXCUSED,
    Answer,
    Policy,
    Rule,
    Severity,
    Threshold,
    compile_pattern,
    merged,
)
from maquette.domain.safety.reading import Lexicon, Word, lexicon, spans, words

FINDINGS_MAX = 50
_PART = re.compile(r"[^\W\d_]+|<18|\d+")
_MINOR = "<18"
#: What "<18" stands for in a phrase.
_BELOW_18 = frozenset(
    re.findall(
        r"\w+",
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
    )
)
_ALLOW = "allow"


class Text(NamedTuple):
    """Something to judge. ``avoided``: it names what is not wanted, as negative prompts do."""

    text: str
    avoided: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, where, and what follows."""

    rule: str
    category: str
    severity: Severity
    source: str
    answer: Answer
    text: int
    """Which of the texts it begins in."""
    span: tuple[int, int]
    """Characters of that text."""
    view: str
    """What had to be seen through: ``plain``, ``leet``, ``spaced``, …; several are joined by ``+``."""


class _Hit(NamedTuple):
    what: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Layer:
    """A policy, compiled. ``tree``: word → tree; under "" the names of what ends there."""

    policy: Policy
    tree: Mapping[str, Any]
    heads: frozenset[str]
    """Words that a phrase can begin with."""
    lexicon: Lexicon
    rules: Mapping[str, Rule]
    patterns: Sequence[tuple[Rule, Any]]


@dataclass(frozen=True, slots=True)
class Compiled:
    """Policies in force, ready to judge."""

    layers: tuple[_Layer, ...]
    thresholds: Mapping[str, Threshold]

    def answer(self, category: str, severity: Severity) -> Answer:
        """Return what follows from a find."""
        return self.thresholds.get(category, DEFAULT).answer(severity)


def compiled(policies: Sequence[Policy], over: Compiled | None = None) -> Compiled:
    """Return policies as one: each finds what it finds alone, and the strictest thresholds hold for all.

    So no policy can lower what another one says. ``over`` are policies that were compiled before.
    """
    layers = (*(over.layers if over else ()), *map(_layer, policies))
    return Compiled(layers, merged([layer.policy for layer in layers]))


def _layer(policy: Policy) -> _Layer:
    tree: dict[str, Any] = {}
    for rule in policy.rules:
        for term in rule.terms:
            _grow(tree, term, f"rule:{rule.id}")
    used = {name for rule in policy.rules for name in rule.near}
    for name in used:
        for phrase in policy.groups[name]:
            _grow(tree, phrase, f"group:{name}")
    for phrase in policy.allow:
        _grow(tree, phrase, _ALLOW)
    known: set[str] = set()
    _gather(tree, known)
    return _Layer(
        policy,
        tree,
        frozenset(tree) | (_BELOW_18 if _MINOR in tree else frozenset()),
        lexicon(known - {_MINOR}),
        {rule.id: rule for rule in policy.rules},
        [(rule, compile_pattern(rule.pattern)) for rule in policy.rules if rule.pattern],
    )


def _grow(tree: dict[str, Any], phrase: str, what: str) -> None:
    parts = _PART.findall(fold(phrase))
    choices = [_forms(part) if place in {0, len(parts) - 1} else (part,) for place, part in enumerate(parts)]
    for path in product(*choices):
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node.setdefault("", set()).add(what)


def _forms(word: str) -> tuple[str, ...]:
    """Return a word with its plural."""
    if not word.isascii() or not word.isalpha() or len(word) < 3:
        return (word,)
    if word.endswith(("s", "x", "ch", "sh")):
        return (word, f"{word}es")
    return (word, f"{word[:-1]}ies") if word.endswith("y") else (word, f"{word}s")


def _gather(tree: Mapping[str, Any], known: set[str]) -> None:
    for word, below in tree.items():
        if word:
            known.add(word)
            _gather(below, known)


def judge(policies: Compiled, texts: Sequence[Text]) -> list[Finding]:
    """Return what the policies find in texts that belong together, the gravest first; ``allow`` ones included.

    Texts that are not ``avoided`` are read as one, so that nothing is hidden by spreading it over several fields.
    """
    found: list[Finding] = []
    for avoided in (False, True):
        parts = [
            (place, item.text) for place, item in enumerate(texts) if item.avoided is avoided and item.text
        ]
        once = list({text: (place, text) for place, text in reversed(parts)}.values())[::-1]
        if once:
            found += _read(policies, _Page(once), avoided=avoided)
    order = {"block": 0, "hold": 1, "allow": 2}
    found.sort(key=lambda item: (order[item.answer], -item.severity, item.text, item.span))
    return found[:FINDINGS_MAX]


class _Page:
    """Texts as one, folded, and the way back to each of them."""

    def __init__(self, parts: Sequence[tuple[int, str]]) -> None:
        self._parts = parts
        folded = [fold(without_ids(decoded(text))) for _, text in parts]
        self.folded = "\n".join(folded)
        self._begins = [0]
        for item in folded:
            self._begins.append(self._begins[-1] + len(item) + 1)
        self._spans: list[tuple[int, int]] = []
        self._origins: dict[int, list[int]] = {}

    def original(self, first: int, last: int) -> tuple[int, tuple[int, int]]:
        """Return which text a stretch of chunks begins in, and the characters there that it comes from."""
        self._spans = self._spans or spans(self.folded)
        start, end = self._spans[first][0], self._spans[last][1]
        at = bisect.bisect_right(self._begins, start) - 1
        index, text = self._parts[at]
        if decoded(text) != text:
            return index, (0, len(text))
        if at not in self._origins:
            self._origins[at] = origins(text)
        places, begin = self._origins[at], self._begins[at]
        until = min(end - begin, len(places)) - 1
        return index, (places[start - begin], places[until] + 1)


def _read(policies: Compiled, page: _Page, *, avoided: bool) -> Iterator[Finding]:
    for layer in policies.layers:
        found = words(page.folded, layer.lexicon)
        for rule, start, end in _hits(layer, found, avoided=avoided):
            stretch = found[start:end]
            index, span = page.original(min(w.first for w in stretch), max(w.last for w in stretch))
            view = "+".join(sorted({word.view for word in stretch} - {"plain"})) or "plain"
            answer = policies.answer(rule.category, rule.severity)
            yield Finding(
                rule.id, rule.category, rule.severity, layer.policy.source, answer, index, span, view
            )


def _hits(layer: _Layer, found: list[Word], *, avoided: bool) -> Iterator[tuple[Rule, int, int]]:
    """Yield each rule with the words that it found, once a rule."""
    hits = _phrases(layer, found)
    excused = _Excused([hit for hit in hits if hit.what == _ALLOW])
    places: dict[str, list[_Hit]] = {}
    for hit in hits:
        if hit.what != _ALLOW and not excused.covers(hit.start, hit.end):
            places.setdefault(hit.what, []).append(hit)
    for rule in layer.policy.rules if places else ():
        if avoided and rule.category not in NEVER_EXCUSED:
            continue
        if f"rule:{rule.id}" in places:
            first = places[f"rule:{rule.id}"][0]
            yield rule, first.start, first.end
        # In a list of what is to be avoided, neighbours say nothing about each other: "nsfw, child, blurry".
        elif rule.near and not avoided:
            stretch = _nearest([places.get(f"group:{name}", []) for name in rule.near], rule.within)
            if stretch is not None:
                yield rule, *stretch
    if layer.patterns:
        yield from _patterns(layer, found, excused, avoided=avoided)


def _phrases(layer: _Layer, found: list[Word]) -> list[_Hit]:
    hits: list[_Hit] = []
    for start in [place for place, word in enumerate(found) if word.text in layer.heads]:
        open_nodes = _below(layer.tree, found[start].text)
        at = start + 1
        while open_nodes:
            hits += [_Hit(what, start, at) for node in open_nodes for what in sorted(node.get("", ()))]
            if at == len(found):
                break
            open_nodes = [below for node in open_nodes for below in _below(node, found[at].text)]
            at += 1
    return hits


def _below(tree: Mapping[str, Any], word: str) -> list[Mapping[str, Any]]:
    found = [tree[word]] if word in tree else []
    if word in _BELOW_18 and _MINOR in tree:
        found.append(tree[_MINOR])
    return found


class _Excused:
    """Stretches of words that a phrase of the allow-list covers."""

    def __init__(self, hits: Sequence[_Hit]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for hit in hits:
            self._starts.append(hit.start)
            self._ends.append(max(hit.end, self._ends[-1] if self._ends else 0))

    def covers(self, start: int, end: int) -> bool:
        at = bisect.bisect_right(self._starts, start) - 1
        return at >= 0 and self._ends[at] >= end


def _nearest(groups: Sequence[list[_Hit]], within: int) -> tuple[int, int] | None:
    """Return the shortest stretch with a hit of every group in it, when it has at most ``within`` words.

    Two groups' hits may not be the same words. Sweeps over all hits once.
    """
    if not all(groups):
        return None
    last: dict[int, tuple[int, int]] = {}
    best: tuple[int, int] | None = None
    swept = [(hit.start, hit.end, group) for group, hits in enumerate(groups) for hit in hits]
    for place, until, group in sorted(swept):
        last[group] = (place, until)
        if len(last) < len(groups):
            continue
        chosen = list(last.values())
        start, end = min(item[0] for item in chosen), max(item[1] for item in chosen)
        apart = len(set(chosen)) == len(chosen)
        if apart and end - start <= within and (best is None or end - start < best[1] - best[0]):
            best = (start, end)
    return best


def _patterns(
    layer: _Layer, found: list[Word], excused: _Excused, *, avoided: bool
) -> Iterator[tuple[Rule, int, int]]:
    """Patterns see words: letters and digits apart, in lower case, with one space between."""
    line = " ".join([word.text for word in found])
    begins: list[int] = []
    for rule, pattern in layer.patterns:
        if avoided and rule.category not in NEVER_EXCUSED:
            continue
        for match in pattern.finditer(line):
            begins = begins or _begins(found)
            start = bisect.bisect_right(begins, match.start()) - 1
            end = bisect.bisect_left(begins, match.end())
            if start < end and not excused.covers(start, end):
                yield rule, start, end
                break


def _begins(found: list[Word]) -> list[int]:
    begins = [0]
    for word in found:
        begins.append(begins[-1] + len(word.text) + 1)
    return begins
