"""One owner per directory: an advisory lock that the kernel drops when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path

from maquette.supervisor.errors import AlreadyRunningError


class DirectoryLock:
    """Holds ``path`` (a lock file, kept) from ``acquire()`` until ``release()`` or the end of the process.

    The file's content is the holder's pid, for the message that the second one gets; the lock itself is
    ``flock``, so neither a stale file nor a reused pid can be mistaken for a holder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock or raise `AlreadyRunningError` naming the holder at once."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise AlreadyRunningError(
                f"{self._path.parent} is in use by process {holder}. Stop it, or choose another directory with MAQUETTE_DATA_DIR."
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; does nothing when not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
