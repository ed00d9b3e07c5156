"""The database cluster on disk: its creation, its configuration and the processes a crash left behind.

``home/`` (ours, 0700) holds ``cluster/`` (the server's, 0700), ``password`` (ours, 0600), ``server.log`` and ``lock``.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from maquette.supervisor.errors import SupervisorError
from maquette.supervisor.identity import Identity, give, reachable

ROLE = "maquette"
DATABASE = "maquette"

#: The server reads no environment but this; PG* variables of the user would change its behaviour.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

_ACCESS = """\
# TYPE  DATABASE  USER  ADDRESS       METHOD
local   all       all                 scram-sha-256
host    all       all   127.0.0.1/32  scram-sha-256
"""

#: For one machine that also runs everything else: durable, small, and no parallel query (it wants /dev/shm,
#: of which containers have little). Autovacuum follows tables that stay small and change all the time.
_CONFIGURATION = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "512MB",
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_cost_delay": "0",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster's directories, programs and the account it is run by."""

    home: Path
    programs: Path
    identity: Identity | None

    @property
    def directory(self) -> Path:
        return self.home / "cluster"

    def argument_for(self, directory: Path) -> str:
        """Name ``directory`` for a program started in it.

        With another account than ours it need not be able to enter the parents (root's home is 0700):
        /proc/self/cwd leads there without passing them, so that no permission has to be loosened.
        """
        return "/proc/self/cwd" if self.identity and sys.platform == "linux" else str(directory)


def address(password: str, port: int) -> str:
    """Address `ROLE`'s database on loopback. A secret."""
    return f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{DATABASE}"


def create(cluster: Cluster) -> str:
    """Make the cluster unless it exists, and return the password of `ROLE`, which owns `DATABASE`.

    Made aside and renamed when complete, so an interrupted first start leaves nothing half-made. The superuser
    gets no password: nobody can log in as it. A lost password file is made anew.
    """
    password_file = cluster.home / "password"
    if cluster.directory.exists():
        if password_file.exists():
            return password_file.read_text(encoding="ascii").strip()
        password = secrets.token_urlsafe(24)
        _single_user(cluster, cluster.directory, [f"ALTER ROLE {ROLE} PASSWORD '{password}'"])
        write_private(password_file, f"{password}\n")
        return password
    password = secrets.token_urlsafe(24)
    staging = cluster.home / "cluster.new"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    give(staging, cluster.identity)
    _initdb(cluster, staging)
    role = f"CREATE ROLE {ROLE} LOGIN CREATEDB CREATEROLE IN ROLE pg_monitor PASSWORD '{password}'"
    _single_user(cluster, staging, [role, f"CREATE DATABASE {DATABASE} OWNER {ROLE}"])
    write_private(password_file, f"{password}\n")
    staging.rename(cluster.directory)
    return password


def configure(
    cluster: Cluster, *, port: int, socket_directory: Path | None, overrides: Mapping[str, str]
) -> None:
    """Write ``postgresql.conf`` and ``pg_hba.conf`` anew: they follow the version of Maquette, not of the cluster."""
    values = {
        **_CONFIGURATION,
        "port": str(port),
        "unix_socket_directories": str(socket_directory or ""),
        **overrides,
    }
    quoted = {name: value.replace("'", "''") for name, value in values.items()}
    lines = [f"{name} = '{value}'\n" for name, value in quoted.items()]
    for name, text in {"postgresql.conf": "".join(lines), "pg_hba.conf": _ACCESS}.items():
        text_with_origin = f"# Written by Maquette at each start.\n{text}"
        write_private(cluster.directory / name, text_with_origin, cluster.identity)


def socket_directory(cluster: Cluster) -> Path | None:
    """Make a private directory for the Unix socket; None when there is no safe place for one.

    A socket's path has at most 107 bytes and its parents must be open to the server, which rules out most
    data directories. The name is derived from the home, so that a killed server's directory is used again.
    """
    home_key = f"{cluster.home.stat().st_dev:x}-{cluster.home.stat().st_ino:x}"
    for path in (cluster.home / "run", Path("/tmp") / f"maquette-{home_key}"):  # noqa: S108 - checked below
        if len(os.fsencode(path)) + len("/.s.PGSQL.65535") > 107 or not reachable(
            path.parent, cluster.identity
        ):
            continue
        owner = cluster.identity.uid if cluster.identity else os.geteuid()
        try:
            path.mkdir(mode=0o700)
            give(path, cluster.identity)
        except FileExistsError:
            found = path.lstat()
            if found.st_uid != owner or found.st_mode & 0o077 or path.is_symlink():
                continue
        return path
    return None


def remove_socket_directory(directory: Path) -> None:
    """Remove what `socket_directory` made; the server has removed its socket already."""
    shutil.rmtree(directory, ignore_errors=True)


def write_private(path: Path, text: str, identity: Identity | None = None) -> None:
    """Replace ``path`` by ``text`` in one go, readable by its owner (``identity`` or us) only, from the first byte on."""
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if identity:
            os.fchown(descriptor, identity.uid, identity.gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    staging.replace(path)


def _initdb(cluster: Cluster, directory: Path) -> None:
    # PostgreSQL's own collation: the same order whatever the operating system's locales are.
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
    access = ["--username=postgres", "--auth=reject", "--no-instructions"]
    _run(cluster, directory, ["initdb", "-D", cluster.argument_for(directory), *locale, *access])


def _single_user(cluster: Cluster, directory: Path, statements: list[str]) -> None:
    """Run statements without a server and without a login. Its standard output echoes nothing of them."""
    argument = cluster.argument_for(directory)
    _run(
        cluster,
        directory,
        ["postgres", "--single", "-D", argument, "-c", "exit_on_error=on", "postgres"],
        stdin="".join(f"{statement}\n" for statement in statements),
    )


def _run(cluster: Cluster, directory: Path, argv: list[str], stdin: str = "") -> None:
    identity = cluster.identity
    result = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        [str(cluster.programs / argv[0]), *argv[1:]],
        cwd=directory,
        env=ENVIRONMENT,
        user=identity.uid if identity else None,
        group=identity.gid if identity else None,
        extra_groups=[] if identity else None,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        reason = " ".join(result.stderr.split())[-600:]
        raise SupervisorError(f"{argv[0]} could not prepare the database in {directory}: {reason}")
