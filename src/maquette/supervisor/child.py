"""Becomes another program that dies with its parent: ``python -I -S child.py UID GID SIGNAL PARENT -- PROGRAM ARG…``.

A script of its own, and not a ``preexec_fn``: Python code between fork and exec can deadlock in a parent
with threads. It costs one interpreter start. Standard library only; runs without site-packages.

The order matters. Changing the uid clears the death signal, so the uid goes first; the parent may have died
before the signal was armed, so the parent is checked last. The signal survives exec.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
EXIT_PARENT_GONE = 120


def main(arguments: list[str]) -> None:
    """Drop privileges (UID ``-1``: keep them), arm the death signal, and exec. Does not return."""
    uid, gid, death_signal, parent = (int(value) for value in arguments[:4])
    program = arguments[5:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            sys.exit(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if os.getppid() != parent:
        sys.exit(EXIT_PARENT_GONE)
    os.execv(program[0], program)  # noqa: S606 - the program is the supervisor's, and no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
