"""What a check found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "broken", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A state, what there is to say about it, and what to do next (empty when nothing is to be done)."""

    state: State
    says: str
    do: str = ""


def ok(says: str) -> Finding:
    """Return that all is well."""
    return Finding("ok", says)


def warning(says: str, do: str) -> Finding:
    """Return that something will be a nuisance."""
    return Finding("warning", says, do)


def broken(says: str, do: str) -> Finding:
    """Return that something cannot work as it is."""
    return Finding("broken", says, do)


def skipped(says: str) -> Finding:
    """Return that there was nothing to look at."""
    return Finding("skipped", says)
