"""Starts child processes that cannot outlive this one."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from maquette.supervisor.identity import Identity

_CHILD = str(Path(__file__).with_name("child.py"))


def spawn(
    argv: Sequence[str],
    *,
    death_signal: signal.Signals,
    env: Mapping[str, str],
    identity: Identity | None = None,
    cwd: Path | None = None,
    stdin: int | IO[str] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``argv`` (first item: an absolute path), which gets ``death_signal`` when this process dies.

    The kernel sends the death signal when the *thread* that spawned ends, hence only the main thread may.
    The child leads a session of its own: Ctrl-C in a terminal reaches the supervisor alone, which then stops
    its children in order. With ``cwd`` the directory is entered before the uid is dropped, so it may lie
    below parents that ``identity`` cannot traverse.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("spawn() belongs in the main thread: the death signal follows the thread")
    uid, gid = (identity.uid, identity.gid) if identity else (-1, -1)
    wrapped = [
        *(sys.executable, "-I", "-S", _CHILD),
        *(str(uid), str(gid), str(int(death_signal)), str(os.getpid()), "--"),
        *argv,
    ]
    return subprocess.Popen(  # noqa: S603 - argv is built by this package, no shell
        wrapped, cwd=cwd, env=dict(env), stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
    )
