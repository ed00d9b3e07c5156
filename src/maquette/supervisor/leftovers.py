"""Ends what an earlier server on the same cluster left running.

A process belongs to a cluster when it is a ``postgres`` whose working directory the cluster is. The number
in ``postmaster.pid`` alone says nothing: any program may have been given it since.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from maquette.supervisor.errors import SupervisorError


def clear_leftovers(directory: Path, *, patience_seconds: float = 20.0) -> list[int]:
    """End the processes of an earlier server on the cluster ``directory`` and remove its pid file.

    Returns the pids that were ended. Only for the holder of the home's lock. Backends that outlived a killed
    postmaster hold its shared memory, and a new postmaster would refuse to start beside them.
    """
    if not directory.exists():
        return []
    pid_file = directory / "postmaster.pid"
    found = processes_in(directory)
    postmaster = recorded_pid(pid_file)
    if postmaster in found:
        _signal([postmaster], signal.SIGINT)  # fast shutdown
        _await_gone(directory, patience_seconds)
    for last_resort in (signal.SIGQUIT, signal.SIGKILL):
        remaining = processes_in(directory)
        if remaining:
            _signal(remaining, last_resort)
            _await_gone(directory, 2.0)
    if remaining := processes_in(directory):
        raise SupervisorError(
            f"Processes {remaining} still use the database in {directory} and cannot be stopped. End them and start again."
        )
    pid_file.unlink(missing_ok=True)
    return found


def recorded_pid(pid_file: Path) -> int | None:
    """Return the postmaster that a pid file names, alive or not; None without one."""
    try:
        return int(pid_file.read_text(encoding="utf-8").splitlines()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def processes_in(directory: Path) -> list[int]:
    """Return live PostgreSQL processes whose working directory is ``directory``."""
    if sys.platform != "linux":
        return _processes_by_pid_file(directory)
    here = directory.stat()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            there = (entry / "cwd").stat()
            program = (entry / "exe").readlink().name
        except OSError:  # ended meanwhile, a zombie, or somebody else's
            continue
        if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino) and program.startswith("postgres"):
            found.append(int(entry.name))
    return sorted(found)


def _processes_by_pid_file(directory: Path) -> list[int]:
    """Without /proc: the recorded postmaster, when its command line names a ``postgres``."""
    pid = recorded_pid(directory / "postmaster.pid")
    if pid is None:
        return []
    command = ["/bin/ps", "-o", "command=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a number
    return [pid] if "postgres" in answer.stdout else []


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _await_gone(directory: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while processes_in(directory) and time.monotonic() < deadline:
        time.sleep(0.02)
