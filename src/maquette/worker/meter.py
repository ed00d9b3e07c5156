"""What one call of a handler took: processor time, memory and the phases that its progress messages name.

Memory is the highest resident set *during the call*, which a warm child can say on Linux alone: there the kernel's mark is reset
before each call (`man 5 proc`: 5 to clear_refs). `ru_maxrss` covers the whole life of a process, so anywhere else the
answer is None rather than the memory of an earlier, larger call.
"""

import contextlib
import os
import time
from pathlib import Path

from maquette.worker.calls import Measures, Phase, text

PHASES_MAX = 20
_PHASE_CHARACTERS_MAX = 80


class Meter:
    """Runs from its making to `read()`."""

    def __init__(self) -> None:
        self._memory = _reset_peak_memory()
        self._cpu = _cpu_seconds()
        self._phases: list[tuple[str, float]] = []

    def phase(self, name: str) -> None:
        """Begin a phase, unless it is the one under way; after twenty, the last one goes on."""
        if not self._phases or (self._phases[-1][0] != name and len(self._phases) < PHASES_MAX):
            self._phases.append((name, time.monotonic()))

    def read(self) -> Measures:
        """Say what it took so far. Time before the first phase belongs to none."""
        ends = [*(start for _, start in self._phases), time.monotonic()][1:]
        return Measures(
            cpu_seconds=round(_cpu_seconds() - self._cpu, 6),
            peak_memory_bytes=_peak_memory_bytes() if self._memory else None,
            phases=[
                Phase(name=text(name, _PHASE_CHARACTERS_MAX), seconds=round(end - start, 6))
                for (name, start), end in zip(self._phases, ends, strict=True)
            ],
        )


def _cpu_seconds() -> float:
    """All threads of this process, and children it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _reset_peak_memory() -> bool:
    """Start a new peak measurement; False where that cannot be done."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return True
    return False


def _peak_memory_bytes() -> int | None:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
