"""Measuring alternatives in turns, so that what else the machine does falls on all of them."""

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def interleaved(count: int, alternatives: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Run every alternative once a round, ABAB, and return what each gave, in order of rounds.

    Every other round goes backwards (ABBA): what drifts in one direction then favours nobody.
    """
    found: dict[str, list[T]] = {name: [] for name in alternatives}
    for number in range(count):
        names = list(alternatives)
        for name in names[:: -1 if number % 2 else 1]:
            found[name].append(alternatives[name]())
    return found
