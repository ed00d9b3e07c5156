"""PgBouncer in front of a PostgreSQL server: for every test through it that is asked for by `MAQUETTE_TEST_POOLER`."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

PATHS = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
#: Few, so that clients change connections all the time.
_CONNECTIONS = 6


def binary() -> str | None:
    """Return the program: the one of `MAQUETTE_TEST_PGBOUNCER`, or an installed one."""
    return os.environ.get("MAQUETTE_TEST_PGBOUNCER") or shutil.which("pgbouncer", path=PATHS)


def through(url: str, port: int) -> str:
    """Return the address of the same database through a pooler on this machine."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}"))


@contextmanager
def pooler(url: str, program: str, *, prepared: bool) -> Iterator[int]:
    """Run PgBouncer in transaction mode before all databases of a server; give its port."""
    parts = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="maquette-pooler-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # run as root it becomes somebody else
        server = f"host={parts.hostname} port={parts.port} user={unquote(parts.username or '')}"
        lines = [
            "[databases]",
            f"* = {server} password={unquote(parts.password or '')} connect_query='set jit to off'",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {port}",
            "unix_socket_dir =",
            "auth_type = any",
            "pool_mode = transaction",
            f"default_pool_size = {_CONNECTIONS}",
            "max_client_conn = 1000",
            "server_reset_query_always = 0",
            *(["max_prepared_statements = 200"] if prepared else []),
        ]
        configuration = home / "pgbouncer.ini"
        configuration.write_text("\n".join(lines) + "\n")
        configuration.chmod(0o644)
        argv = [program, *(["-u", "nobody"] if os.geteuid() == 0 else []), str(configuration)]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log)
            try:
                _wait_for(port, process, home / "log")
                yield port
            finally:
                process.kill()
                process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    raise AssertionError(f"PgBouncer does not listen: {log.read_text()}")
