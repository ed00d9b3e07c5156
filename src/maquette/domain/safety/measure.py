"""Measuring: how much of the corpus the floor finds, by technique and category, and what it finds in the innocent.

Half of the cases, chosen by the hash of their text, is held out: rules are tuned by looking at the other half alone.
"""

import tomllib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from maquette.domain.safety.evasions import TECHNIQUES
from maquette.domain.safety.matcher import Compiled, Text, judge

_CARRIER = "concept art of {}, highly detailed"
_HALVES = ("tuned", "held_out")


@dataclass(frozen=True, slots=True)
class Case:
    """A text of the corpus, and the category that it should be found in; "" for innocent ones."""

    technique: str
    category: str
    texts: tuple[Text, ...]

    @property
    def half(self) -> str:
        """``tuned`` or ``held_out``."""
        return _HALVES[zlib.crc32(self.texts[-1].text.encode()) & 1]


@dataclass(slots=True)
class Count:
    """Cases, and how many of them were held or blocked."""

    cases: int = 0
    found: int = 0

    def add(self, found: bool) -> None:  # noqa: FBT001  # it is what is counted
        """Count a case."""
        self.cases += 1
        self.found += found

    @property
    def rate(self) -> float:
        """From 0 to 1; 0 of nothing."""
        return self.found / self.cases if self.cases else 0.0


@cache
def corpus() -> tuple[Case, ...]:
    """Return all cases: seeds in every spelling, paraphrases, and the innocent."""
    text = resources.files("maquette.domain.safety").joinpath("corpus.toml").read_text("utf-8")
    body = tomllib.loads(text)
    return (*_evasions(body["seeds"]), *_foreign(body), *_innocent(body["innocent"]))


def _evasions(seeds: Mapping[str, list[str]]) -> Iterator[Case]:
    for category, phrases in seeds.items():
        for phrase in phrases:
            for technique, change in TECHNIQUES.items():
                yield Case(technique, category, (Text(_CARRIER.format(change(phrase))),))
            head, _, tail = phrase.partition(" ")
            if tail:
                yield Case("two fields", category, (Text(f"a drawing, {head}"), Text(tail)))


def _foreign(body: Mapping[str, Any]) -> Iterator[Case]:
    for category, phrases in body["foreign"].items():
        for phrase in phrases:
            yield Case("other languages", category, (Text(phrase),))
            yield Case("other languages, upper case", category, (Text(phrase.upper()),))
    for category, phrases in body["hand"].items():
        yield from (Case("paraphrased", category, (Text(phrase),)) for phrase in phrases)


def _innocent(body: Mapping[str, list[str]]) -> Iterator[Case]:
    yield from (Case("innocent", "", (Text(line),)) for line in body["lines"])
    yield from (
        Case("avoided", "", (Text("a red fox"), Text(line, avoided=True))) for line in body["avoided"]
    )


def is_found(policies: Compiled, case: Case) -> bool:
    """Whether a case is held or blocked: a guilty one in its own category, an innocent one in any."""
    return any(
        item.answer != "allow" and case.category in {"", item.category}
        for item in judge(policies, case.texts)
    )


def measured(policies: Compiled, cases: Iterable[Case]) -> dict[str, Any]:
    """Return recall by half and, of the held out, by technique and category; and how many innocent texts were stopped."""
    recall: dict[str, dict[str, Count]] = {"half": {}, "technique": {}, "category": {}}
    stopped = {half: Count() for half in _HALVES}
    for case in cases:
        found = is_found(policies, case)
        if not case.category:
            stopped[case.half].add(found)
            continue
        recall["half"].setdefault(case.half, Count()).add(found)
        if case.half == _HALVES[1]:
            recall["technique"].setdefault(case.technique, Count()).add(found)
            recall["category"].setdefault(case.category, Count()).add(found)
    return {
        "recall": {
            kind: {name: _told(item) for name, item in names.items()} for kind, names in recall.items()
        },
        "false_positives": {half: _told(item) for half, item in stopped.items()},
    }


def _told(count: Count) -> dict[str, Any]:
    return {"cases": count.cases, "found": count.found, "rate": round(count.rate, 4)}
