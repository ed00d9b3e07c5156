"""Counts bytecode instructions of Maquette's own code: the same on every machine, whatever else it does.

What C does inside one instruction is not seen; `make bench` counts that under callgrind.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

#: The package, and what its canonical form is made by.
_OURS = ("maquette.", "json.")


@dataclass
class Count:
    """Instructions so far."""

    instructions: int = 0


@contextmanager
def counted() -> Iterator[Count]:
    """Count what this thread executes of the package in the block."""
    count = Count()

    def local(_frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "opcode":
            count.instructions += 1
        return local

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        # Methods that dataclasses writes have no file of their own, but the module's globals.
        if not frame.f_globals.get("__name__", "").startswith(_OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return local

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield count
    finally:
        sys.settrace(before)
