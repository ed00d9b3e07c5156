"""Who listens on a port, as far as this user may know."""

import errno
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Port:
    """An address to listen on."""

    host: str
    number: int

    def error(self) -> str | None:
        """Why it cannot be listened on; None when it can. Binds for a moment."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.host, self.number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            return "it is taken" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
        return None

    def holder(self) -> str:
        """Name the process that listens there, by its command; empty where /proc does not tell."""
        inodes = self._inodes()
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # ended meanwhile, or somebody else's
                if any(_target(link) in inodes for link in (entry / "fd").iterdir()):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    return f"process {entry.name} ({command.strip()[:80]})"
        return ""

    def _inodes(self) -> set[str]:
        found = set()
        for table in ("tcp", "tcp6"):
            try:
                rows = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
            except OSError:
                continue
            for row in rows:
                columns = row.split()
                if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == self.number:
                    found.add(f"socket:[{columns[9]}]")
        return found


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # closed meanwhile
        return ""
