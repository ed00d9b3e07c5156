"""Processes of ours: started, started again when they die, and told to stop in good time."""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from maquette.supervisor.spawn import spawn

_log = logging.getLogger(__name__)

#: A process that lived this long was fine; its next death starts at the shortest pause again.
_STEADY_SECONDS = 60.0
_PAUSE_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how it wants to be stopped."""

    name: str
    argv: tuple[str, ...]
    """Begins with an absolute path."""
    stop_seconds: float
    """From SIGTERM to SIGKILL."""
    rank: int = 0
    """Those of rank 0 carry the rest: started first, stopped last."""


class Process:
    """One `Program` kept running. All methods are for the main thread."""

    def __init__(self, program: Program, env: Mapping[str, str], output: IO[bytes] | None) -> None:
        self.program = program
        self._env = env
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._deaths = 0
        self._start_again_at: float | None = None
        self._kill_at: float | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it lives."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def deaths(self) -> int:
        """How often in a row it ended by itself without having been steady."""
        return self._deaths

    def start(self) -> None:
        """Start it now. Its standard output goes where its errors go: ours is for answers."""
        output = self._output or sys.stderr.buffer
        self._process = spawn(
            self.program.argv,
            death_signal=signal.SIGKILL,  # every process recovers from that, and none can outlive the rest
            env=self._env,
            stdout=output,
            stderr=output,
        )
        self._started_at = time.monotonic()
        self._start_again_at = None

    def tend(self) -> float | None:
        """Notice a death, start again when it is time; seconds until the next look is due, None: at a signal."""
        now = time.monotonic()
        if self._start_again_at is None:
            if self._process is None or self._process.poll() is None:
                return None
            self._deaths = 0 if now - self._started_at > _STEADY_SECONDS else self._deaths
            pause = _PAUSE_SECONDS[min(self._deaths, len(_PAUSE_SECONDS) - 1)]
            self._deaths += 1
            self._start_again_at = now + pause
            _log.warning(
                "%s ended (%s); starting it again in %.1f s",
                self.program.name,
                describe_status(self._process.returncode),
                pause,
            )
        if now >= self._start_again_at:
            self.start()
            return None
        return self._start_again_at - now

    def request_stop(self) -> None:
        """Ask it to end; returns at once. `stopped` says when it has."""
        self._start_again_at = None
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
        self._kill_at = time.monotonic() + self.program.stop_seconds

    def stopped(self) -> bool:
        """Tell whether it has ended, and see to it once its time is over."""
        if self._process is None or self._process.poll() is not None:
            return True
        if self._kill_at is not None and time.monotonic() > self._kill_at:
            _log.warning(
                "%s did not stop within %.0f s; killing it", self.program.name, self.program.stop_seconds
            )
            self.kill()
            return True
        return False

    def kill(self) -> None:
        """End it without asking."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def describe_status(status: int) -> str:
    """Say in words how a process ended."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
