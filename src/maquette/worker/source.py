"""Where a worker hears of tasks when something outside tells of them, instead of asking for whatever comes next."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Source(Protocol):
    """Word of tasks, at least once and in any order: the claim that follows decides who gets one."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Connect, and keep what was heard from being told to others, for as long as it is entered."""
        ...

    async def receive(self, count: int, wait_seconds: float) -> Sequence[str]:
        """Return ids of up to ``count`` tasks, after waiting for a first one; none is fine, and so is a repeated one."""
        ...

    def drop(self, task_ids: Sequence[str]) -> None:
        """Have nobody told of these any more: they are done, or were not to be had."""
        ...
