"""Reading a file that comes in pieces, without input or output: a parser is a generator that asks for more.

``parse = parser(Feed())``; ``next(parse)``; then ``parse.send(piece)`` until it returns; ``b""`` says that nothing
comes any more. At most one piece and what the parser asked for are in memory.
"""

import re
from collections.abc import Generator

Asking = Generator[None, bytes, bytes]
Skipping = Generator[None, bytes, None]


class Truncated(Exception):
    """The file ends before the parser has seen what it must have."""


class Feed:
    """What has come and was not taken yet."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.position = 0
        """Bytes taken so far."""

    def take(self, count: int) -> Asking:
        """Return the next ``count`` bytes."""
        while len(self._held) < count:
            yield from self._more()
        taken = bytes(self._held[:count])
        self._drop(count)
        return taken

    def skip(self, count: int) -> Skipping:
        """Pass over ``count`` bytes without keeping them."""
        while len(self._held) < count:
            count -= len(self._held)
            self._drop(len(self._held))
            yield from self._more()
        self._drop(count)

    def search(self, pattern: re.Pattern[bytes], length: int) -> Asking:
        """Pass over everything up to the next match, of ``length`` bytes, and return that."""
        while True:
            match = pattern.search(self._held)
            if match:
                found = match.group()
                self._drop(match.end())
                return found
            self._drop(max(len(self._held) - length + 1, 0))
            yield from self._more()

    def ended(self) -> Generator[None, bytes, bool]:
        """Tell whether nothing is left."""
        if not self._held:
            self._held += yield
        return not self._held

    def _more(self) -> Skipping:
        piece = yield
        if not piece:
            raise Truncated
        self._held += piece

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self.position += count
