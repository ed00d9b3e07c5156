"""Who tells other processes of claims that wait in this one, and of tasks that nobody here waits for."""

from collections.abc import Mapping
from typing import Protocol

Pair = tuple[str, str]
"""(service, step)"""


class Neighbours(Protocol):
    """What the transactor says as it goes; nothing of it is waited for."""

    def parked(self) -> None:
        """Note that a claim begins to wait."""

    def left(self, ready: Mapping[Pair, int]) -> None:
        """Note that so many tasks stand in line."""
