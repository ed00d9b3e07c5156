import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from maquette.supervisor import binaries, leftovers
from maquette.supervisor import postgres as module
from maquette.supervisor.errors import AlreadyRunningError, SupervisorError
from maquette.supervisor.identity import Identity, server_identity
from maquette.supervisor.postgres import EmbeddedPostgres


def ask(url: str, *statements: str) -> list[object]:
    """Run statements on one connection; the first value of each."""

    async def run() -> list[object]:
        connection = await asyncpg.connect(url)
        try:
            return [await connection.fetchval(statement) for statement in statements]
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home below parents that nobody but their owner may enter, with a cluster that was stopped properly."""
    parent = Path(tempfile.mkdtemp(prefix="maquette-private-"))
    home = parent / "data" / "postgres"
    try:
        with EmbeddedPostgres(home) as server:
            ask(server.url, "CREATE TABLE kept (n int)")
        yield home
    finally:
        shutil.rmtree(parent)


def wait_until_gone(pids: list[int], seconds: float = 30.0) -> bool:
    """Whether all processes end within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}/cwd").exists() and _state(pid) != "Z" for pid in pids):
            return True
        time.sleep(0.02)
    return False


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def test_private_parents_stay_private(home: Path) -> None:
    """The server works below directories that its account may not enter, and none of them is opened for it."""
    with EmbeddedPostgres(home) as server:
        assert ask(server.url, "SELECT current_user") == ["maquette"]
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (home.parent.parent, home, home / "cluster")
    }
    assert set(modes.values()) == {0o700}, modes
    assert stat.S_IMODE((home / "password").stat().st_mode) == 0o600
    assert server_identity(home / "cluster") is None or (home / "cluster").stat().st_uid != 0


def test_it_is_durable_and_closed(home: Path) -> None:
    """Commits wait for the disk, only the password opens the door, and the superuser cannot log in at all."""
    with EmbeddedPostgres(home) as server:
        settings = ask(
            server.url,
            "SHOW fsync",
            "SHOW synchronous_commit",
            "SHOW full_page_writes",
            "SHOW listen_addresses",
        )
        assert settings == ["on", "on", "on", "127.0.0.1"]
        password = (home / "password").read_text().strip()
        for wrong in (server.url.replace(password, "guess"), server.url.replace("maquette:", "postgres:", 1)):
            with pytest.raises(asyncpg.InvalidPasswordError):
                ask(wrong, "SELECT 1")
        assert ask(server.url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [False]
        assert password not in (home / "server.log").read_text()


def test_a_killed_postmaster_comes_back_where_it_was(home: Path) -> None:
    """After kill -9 and restart the same URL answers, and every acknowledged row is there."""
    with EmbeddedPostgres(home) as server:
        url = server.url
        ask(url, "INSERT INTO kept SELECT generate_series(1, 1000)", "DELETE FROM kept WHERE n % 2 = 0")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        while server.pid is not None:
            time.sleep(0.01)
        assert server.exit_status == -signal.SIGKILL
        server.restart()
        assert server.url == url
        assert ask(url, "SELECT count(*) FROM kept") == [500]


def test_backends_that_outlive_the_postmaster_are_ended(home: Path) -> None:
    """A stopped backend keeps the dead server's shared memory; the next start ends it instead of failing."""
    first = EmbeddedPostgres(home)
    first.start()
    assert first.pid is not None
    others = [pid for pid in leftovers.processes_in(home / "cluster") if pid != first.pid]
    os.kill(others[0], signal.SIGSTOP)
    os.kill(first.pid, signal.SIGKILL)
    assert wait_until_gone(others[1:])
    first.stop()
    with EmbeddedPostgres(home) as server:
        assert wait_until_gone(others)
        assert ask(server.url, "SELECT 1") == [1]


def test_a_reused_pid_in_the_pid_file_is_no_server(home: Path) -> None:
    """A stale postmaster.pid whose number now belongs to another program (this one) does not keep it from starting."""
    pid_file = home / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n/elsewhere\n1\n5432\n\n127.0.0.1\n\nready\n")
    with EmbeddedPostgres(home) as server:
        assert ask(server.url, "SELECT 1") == [1]


def test_two_at_once(home: Path) -> None:
    """The second one on a home gets one error that names the first one's pid, and the first one never notices."""
    with EmbeddedPostgres(home) as server:
        with pytest.raises(AlreadyRunningError, match=f"in use by process {os.getpid()}.*MAQUETTE_DATA_DIR"):
            EmbeddedPostgres(home).start()
        assert ask(server.url, "SELECT 1") == [1]


def test_a_taken_port_is_left_to_its_owner(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another program takes the port between choosing and binding, another port is chosen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], module._free_port()])
        monkeypatch.setattr(module, "_free_port", lambda: next(ports))
        with EmbeddedPostgres(home) as server:
            assert ask(server.url, "SELECT 1") == [1]
        assert next(ports, None) is None


def test_it_dies_with_its_parent(home: Path) -> None:
    """When the process that started the server is killed, the server shuts down cleanly by itself."""
    script = """
        import pathlib, sys, time
        from maquette.supervisor.postgres import EmbeddedPostgres
        server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
        server.start()
        print(server.pid, flush=True)
        time.sleep(600)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(home)], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        assert wait_until_gone([pid])
    assert "database system is shut down" in (home / "server.log").read_text()[-400:]
    assert not (home / "cluster" / "postmaster.pid").exists()


def test_a_lost_password_is_replaced(home: Path) -> None:
    """Deleting the password file is no loss of data: a new password is made."""
    before = (home / "password").read_text()
    (home / "password").unlink()
    with EmbeddedPostgres(home) as server:
        assert ask(server.url, "SELECT 1") == [1]
    assert (home / "password").read_text() != before


def test_a_broken_cluster_says_what_and_where(home: Path) -> None:
    """A server that cannot start gives an error with its own words and the place of its log."""
    with pytest.raises(SupervisorError, match=r"(?s)server\.log.*shared_buffers") as caught:
        EmbeddedPostgres(home, overrides={"shared_buffers": "much"}).start()
    assert (home / "password").read_text().strip() not in str(caught.value)
    with EmbeddedPostgres(home) as server:  # the failed start holds nothing
        assert ask(server.url, "SELECT 1") == [1]


def test_an_interrupted_first_start_is_started_over(tmp_path: Path) -> None:
    """What an interrupted initdb left behind does not count as a cluster."""
    (tmp_path / "cluster.new" / "base").mkdir(parents=True)
    (tmp_path / "cluster.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path) as server:
        assert ask(server.url, "SELECT 1") == [1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a cluster to root")
def test_a_cluster_restored_by_root_is_taken_back(home: Path) -> None:
    """A cluster that came back from a backup owned by root is given to the server's account."""
    for path in (home / "cluster", *(home / "cluster").rglob("*")):
        os.chown(path, 0, 0)
    with EmbeddedPostgres(home) as server:
        assert ask(server.url, "SELECT 1") == [1]


def test_programs_out_of_reach_are_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server's account cannot enter the virtual environment, it gets a copy that it can run."""
    monkeypatch.setattr(binaries, "_COPY_PLACES", (tmp_path / "absent", tmp_path))
    monkeypatch.setattr(binaries, "reachable", lambda _path, _identity: False)
    programs = binaries.postgres_programs(Identity(os.geteuid(), os.getegid()))
    assert programs.is_relative_to(tmp_path)
    version = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    assert "PostgreSQL) 18" in version.stdout
    made = programs.stat().st_ino
    assert binaries.postgres_programs(Identity(os.geteuid(), os.getegid())).stat().st_ino == made
    (tmp_path / programs.relative_to(tmp_path).parts[0]).chmod(0o777)
    with pytest.raises(SupervisorError, match="not a directory of our own"):
        binaries.postgres_programs(Identity(os.geteuid(), os.getegid()))
