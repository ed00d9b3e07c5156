"""Embedded PostgreSQL: a real server on loopback, owned by this process and ending with it."""

import logging
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from maquette.supervisor import cluster as clusters
from maquette.supervisor.binaries import postgres_programs
from maquette.supervisor.cluster import Cluster
from maquette.supervisor.errors import SupervisorError
from maquette.supervisor.identity import server_identity
from maquette.supervisor.leftovers import clear_leftovers
from maquette.supervisor.locks import DirectoryLock
from maquette.supervisor.spawn import spawn

_log = logging.getLogger(__name__)
_LOG_BYTES_MAX = 16 * 1024 * 1024


class EmbeddedPostgres:
    """PostgreSQL on the cluster in ``home``, made on the first start (about 1.5 s; later ones 0.2 s).

    ``start()`` returns when the server accepts connections; from then on ``url`` is valid, and it stays the
    same across ``restart()``. The server shuts down cleanly when this process ends in any way.

    ``overrides`` replaces server settings by name (tests trade durability for speed, nothing else should).
    Errors are `SupervisorError`; a second one on the same home is `AlreadyRunningError`.
    """

    def __init__(self, home: Path, *, overrides: Mapping[str, str] | None = None) -> None:
        self._home = home.absolute()
        self._overrides = dict(overrides or {})
        self._lock = DirectoryLock(self._home / "lock")
        self._cluster: Cluster | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_directory: Path | None = None
        self._password = ""
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address and password of the role that owns the database, over TCP on loopback. A secret."""
        return clusters.address(self._password, self._port)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it lives."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_status(self) -> int | None:
        """How the server ended, once it has: minus the signal that killed it, if one did."""
        return self._process.poll() if self._process else None

    def start(self, *, patience_seconds: float = 60.0) -> None:
        """Bring the server up on a free port, finishing crash recovery where needed."""
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            identity = server_identity(self._home / "cluster")
            self._cluster = Cluster(self._home, postgres_programs(identity), identity)
            self._clear_leftovers()
            self._password = clusters.create(self._cluster)
            for attempts_left in (2, 1, 0):
                self._port = _free_port()
                try:
                    self._launch(patience_seconds)
                    break
                except _PortTakenError:
                    if not attempts_left:
                        raise
        except BaseException:
            self.stop()
            raise

    def restart(self, *, patience_seconds: float = 60.0) -> None:
        """Bring a server that died back on the same port, so that its clients' URL stays right."""
        deadline = time.monotonic() + patience_seconds
        while True:
            self._clear_leftovers()
            try:
                return self._launch(patience_seconds)
            except _PortTakenError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self, *, patience_seconds: float = 20.0) -> None:
        """Shut down (fast: connections are closed, work is checkpointed) and let go of the home. Idempotent."""
        process = self._process
        if process is not None:
            for request, patience in ((signal.SIGINT, patience_seconds), (signal.SIGQUIT, 5.0)):
                if process.poll() is not None:
                    break
                process.send_signal(request)
                try:
                    process.wait(patience)
                except subprocess.TimeoutExpired:
                    _log.warning("PostgreSQL did not stop within %.0f s of %s", patience, request.name)
            if process.poll() is None:
                process.kill()
            process.wait()
            self._process = None
        if self._socket_directory is not None and self._cluster is not None:
            clusters.remove_socket_directory(self._socket_directory)
            self._socket_directory = None
        self._lock.release()

    def _launch(self, patience_seconds: float) -> None:
        cluster = self._cluster
        assert cluster is not None, "start() comes before restart()"
        self._socket_directory = clusters.socket_directory(cluster)
        clusters.configure(
            cluster, port=self._port, socket_directory=self._socket_directory, overrides=self._overrides
        )
        log = self._home / "server.log"
        if log.exists() and log.stat().st_size > _LOG_BYTES_MAX:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            output_start = output.tell()
            self._process = spawn(
                [str(cluster.programs / "postgres"), "-D", cluster.argument_for(cluster.directory)],
                death_signal=signal.SIGINT,
                env=clusters.ENVIRONMENT,
                identity=cluster.identity,
                cwd=cluster.directory,
                stdout=output,
                stderr=output,
            )
        self._await_ready(self._process, log, output_start, patience_seconds)

    def _clear_leftovers(self) -> None:
        assert self._cluster is not None, "start() comes before restart()"
        if ended := clear_leftovers(self._cluster.directory):
            _log.warning("ended PostgreSQL processes %s of an earlier run", ended)

    def _await_ready(
        self, process: subprocess.Popen[bytes], log: Path, log_start: int, patience_seconds: float
    ) -> None:
        """Wait for ``ready`` in the postmaster's pid file: what ``pg_ctl start`` does, 50 times a second."""
        deadline = time.monotonic() + patience_seconds
        pid_file = self._home / "cluster" / "postmaster.pid"
        while process.poll() is None:
            try:
                lines = pid_file.read_text(encoding="utf-8").splitlines()
            except FileNotFoundError:
                lines = []
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return
            if time.monotonic() > deadline:
                raise SupervisorError(f"PostgreSQL was not ready within {patience_seconds:.0f} s; see {log}.")
            time.sleep(0.02)
        with log.open("rb") as output:
            output.seek(log_start)
            said = output.read(64 * 1024).decode("utf-8", "replace").strip()
        if "Address already in use" in said:
            raise _PortTakenError(
                f"Port {self._port} for PostgreSQL was taken by another program; see {log}."
            )
        raise SupervisorError(
            f"PostgreSQL ended with status {process.returncode}; see {log}:\n{said[-1500:]}"
        )


class _PortTakenError(SupervisorError):
    """Somebody else bound the port between our looking and the server's binding."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
