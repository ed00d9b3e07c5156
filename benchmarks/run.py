"""What a section is told: where to work, how much to do, and what may be used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

#: The long one is full, and grows to a million jobs: an hour or more.
Scale = Literal["small", "full", "long"]
T = TypeVar("T")


class Skipped(Exception):
    """What was to be measured cannot be, here; the message says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """One section's run."""

    folder: Path
    """For this section alone; gone afterwards."""
    scale: Scale = "full"
    profile: Path | None = None
    """Folder for a page on each process's CPU time, if somebody wants them."""
    peers: Path | None = None
    """The Python of the peers' virtual environment, if they take part."""

    def sized(self, full: T, small: T) -> T:
        """Choose by scale."""
        return small if self.scale == "small" else full
