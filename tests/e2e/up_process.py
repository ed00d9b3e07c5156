"""A real `maquette up --json` in a directory of its own: started, looked into, killed in parts, stopped."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from maquette.supervisor.spawn import spawn

_READY_SECONDS_MAX = 60.0
_STOP_SECONDS_MAX = 45.0
#: How the command line of each process of an installation ends, or contains.
_ROLES = {
    "api": "maquette serve",
    "maintenance": "maquette maintain",
    "generation": "--role generation",
    "processing": "--role processing",
    "postgres": "bin/postgres -D",
}


def until(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """Wait for a condition and return what it gave; an error that says what never happened."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(pause)
        # A look at a job is 10 ms of CPU here and in the API: fifty a second slowed the workers that were waited for.
        pause = min(pause * 1.3, 0.1)
    return found


class Up:
    """One installation. ``settings`` are its `MAQUETTE_*` variables; nothing of the outer ones gets in."""

    def __init__(self, directory: Path, **settings: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.data_dir = directory / "data"
        self.log = directory / "up.log"
        outer = {name: value for name, value in os.environ.items() if not name.startswith("MAQUETTE_")}
        self.environment = outer | {
            "MAQUETTE_CONFIG": os.devnull,
            "MAQUETTE_DATA_DIR": str(self.data_dir),
            "MAQUETTE_PORT": "0",
            **{f"MAQUETTE_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.url = self.key = self.project_id = ""

    def start(self) -> None:
        """Start it, on what an earlier one left, and return when it says that it is ready."""
        self.launch()
        access = json.loads(self._first_line())
        self.url, self.key, self.project_id = access["url"], access["api_key"], access["project_id"]

    def launch(self) -> None:
        """Start it and return at once."""
        with self.log.open("ab") as log:
            self._process = spawn(
                [sys.executable, "-m", "maquette", "up", "--json"],
                death_signal=signal.SIGTERM,  # tests that are killed leave nothing behind
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def _first_line(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor, line = self._process.stdout.fileno(), b""
        deadline = time.monotonic() + _READY_SECONDS_MAX
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                ready = selector.select(deadline - time.monotonic())
                chunk = os.read(descriptor, 4096) if ready else b""
                assert chunk, f"`up` was not ready:\n{self.log_tail()}"
                line += chunk
        return line

    @property
    def pid(self) -> int:
        """Process id of `up` itself."""
        assert self._process is not None
        return self._process.pid

    def processes(self) -> dict[str, int]:
        """Live processes by role: api, maintenance, generation, processing, postgres (its postmaster), and up."""
        found = {"up": self.pid} if self._process is not None and self._process.poll() is None else {}
        for child in children_of(self.pid):
            command = command_of(child)
            found |= {role: child for role, mark in _ROLES.items() if mark in command}
        return found

    def kill(self, role: str) -> int:
        """End one process with SIGKILL, and return its id once it is dead."""
        pid = until(lambda: self.processes().get(role), f"{role} runs")
        os.kill(pid, signal.SIGKILL)
        if role == "up":
            assert self._process is not None
            self._process.wait()
            self._close()
        else:
            until(lambda: not alive(pid), f"{role} is dead")
        return pid

    def stop(self) -> int:
        """Ask it to stop and return its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_STOP_SECONDS_MAX)
        finally:
            self._process.kill()
            self._close()

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.wait()
        self._process.stdout.close()

    def database_url(self) -> str:
        """Address of its database, as its API was told: this is for looking at rows, never for changing them."""
        variables = Path(f"/proc/{self.processes()['api']}/environ").read_bytes().split(b"\0")
        return dict(item.partition(b"=")[::2] for item in variables)[b"MAQUETTE_DATABASE_URL"].decode()

    def leftovers(self) -> list[str]:
        """Processes that work for this data directory, however they were started."""
        mark = str(self.data_dir)
        return [f"{pid} {command_of(pid)}" for pid in _all_pids() if alive(pid) and _belongs(pid, mark)]

    def log_tail(self) -> str:
        """What it said last."""
        return self.log.read_text(errors="replace")[-4000:]


def children_of(pid: int) -> list[int]:
    """Ids of a process's children; none when it is gone."""
    with contextlib.suppress(OSError):
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    return []


def command_of(pid: int) -> str:
    """A process's command line; empty when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _all_pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _belongs(pid: int, mark: str) -> bool:
    process = Path(f"/proc/{pid}")
    with contextlib.suppress(OSError):
        if str((process / "cwd").readlink()).startswith(mark):
            return True
    with contextlib.suppress(OSError):
        return mark.encode() in (process / "environ").read_bytes()
    return False
