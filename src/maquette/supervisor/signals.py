"""Waiting for signals in a plain loop: no callback ever runs in the middle of anything."""

import select
import signal
import socket
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

STOP = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

_Previous = Callable[[int, FrameType | None], Any] | int | None


class Signals:
    """Collects the stop signals and SIGCHLD while entered; for the main thread only."""

    def __init__(self) -> None:
        self._previous: dict[signal.Signals, _Previous] = {}
        self._wakeup_before = -1

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0.0)
        self._writer.settimeout(0.0)
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (*STOP, signal.SIGCHLD):
            self._previous[number] = signal.signal(number, _noted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._reader.close()
        self._writer.close()

    def wait(self, seconds: float) -> set[int]:
        """Wait up to ``seconds`` for signals and return those that came since the last call."""
        ready, _, _ = select.select([self._reader], [], [], max(0.0, seconds))
        return set(self._reader.recv(4096)) if ready else set()


def _noted(_number: int, _frame: FrameType | None) -> None:
    """Exists so that the interpreter writes the signal to the wake-up descriptor."""
