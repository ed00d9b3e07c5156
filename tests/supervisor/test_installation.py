import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from maquette.settings import Settings
from maquette.supervisor.data_dir import read_state, with_secrets
from maquette.supervisor.errors import AlreadyRunningError, SupervisorError
from maquette.supervisor.installation import Installation
from maquette.supervisor.processes import Program

#: Stands for each of Maquette's processes: notes its start and its end, and answers /readyz where it is the API.
STAND_IN = """
import http.server, os, pathlib, signal, sys, threading, time
name, notes = sys.argv[1], pathlib.Path(sys.argv[2])
def note(what):
    with notes.open("a") as file:
        file.write(f"{what} {name} {os.getpid()}\\n")
def end(*_):
    note("end")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
note("start")
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
if name == "api":
    http.server.HTTPServer(("127.0.0.1", int(os.environ["MAQUETTE_PORT"])), Ready).serve_forever()
while True:
    time.sleep(60)
"""


@dataclass(frozen=True)
class Made:
    """What a provisioning would have made."""

    api_key: str = "key"
    project_id: str = "prj_1"
    worker_token: str = "worker-token-of-the-test"


def stand_ins(notes: Path) -> Callable[[Settings], list[Program]]:
    """Programs with the names and ranks of the real ones."""

    def program(name: str, rank: int) -> Program:
        return Program(name, (sys.executable, "-S", "-c", STAND_IN, name, str(notes)), 5.0, rank)

    return lambda _settings: [program("api", 0), program("maintenance", 0), program("worker", 1)]


def external(tmp_path: Path) -> Settings:
    """Settings that start no PostgreSQL: these tests are about the processes."""
    return Settings(data_dir=tmp_path / "data", port=0, database_url="postgresql://u@127.0.0.1:1/none")


def installation(tmp_path: Path, settings: Settings | None = None) -> Installation:
    return Installation(
        settings or external(tmp_path), prepare=lambda _: Made(), programs=stand_ins(tmp_path / "notes")
    )


def noted(tmp_path: Path, what: str) -> list[tuple[str, int]]:
    lines = (tmp_path / "notes").read_text().splitlines()
    return [(name, int(pid)) for kind, name, pid in map(str.split, lines) if kind == what]


def tend_until(it: Installation, condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        it.tend(0.02)


def test_all_start_and_stop_in_order(tmp_path: Path) -> None:
    """It is ready when the API answers, can be found by clients, and has workers only while there is an API."""
    with installation(tmp_path) as it:
        assert (it.access.api_key, it.access.project_id) == ("key", "prj_1")
        state = read_state(tmp_path / "data")
        assert state is not None
        assert (state.url, state.pid) == (it.access.url, os.getpid())
        tend_until(it, lambda: len(noted(tmp_path, "start")) == 3)
    assert noted(tmp_path, "start")[-1][0] == "worker"
    assert noted(tmp_path, "end")[0][0] == "worker"
    assert {name for name, _ in noted(tmp_path, "end")} == {"worker", "api", "maintenance"}
    assert read_state(tmp_path / "data") is None


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    """A process that dies is replaced; the others go on undisturbed."""
    with installation(tmp_path) as it:
        tend_until(it, lambda: len(noted(tmp_path, "start")) == 3)
        worker = dict(noted(tmp_path, "start"))["worker"]
        os.kill(worker, signal.SIGKILL)
        tend_until(it, lambda: len(noted(tmp_path, "start")) == 4)
        assert noted(tmp_path, "start")[-1][0] == "worker"


def test_a_killed_postgres_is_started_again(tmp_path: Path) -> None:
    """PostgreSQL killed while everything runs is recovered at the address the others know."""
    settings = replace(external(tmp_path), database_url="")
    with installation(tmp_path, settings) as it:
        server = it._postgres
        assert server is not None
        url, pid = server.url, server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        tend_until(it, lambda: server.pid not in {None, pid})
        assert server.url == url


def test_a_process_that_keeps_ending_is_an_error(tmp_path: Path) -> None:
    """What cannot start is named, and nothing is left running."""

    def broken(settings: Settings) -> list[Program]:
        api, maintenance, worker = stand_ins(tmp_path / "notes")(settings)
        return [replace(api, argv=(sys.executable, "-S", "-c", "raise SystemExit(3)")), maintenance, worker]

    it = Installation(external(tmp_path), prepare=lambda _: Made(), programs=broken)
    with pytest.raises(SupervisorError, match="'api' keeps ending"), it:
        pass
    assert len(noted(tmp_path, "end")) == len(noted(tmp_path, "start"))


def test_a_signal_asks_to_stop(tmp_path: Path) -> None:
    """SIGTERM ends the waiting at once, and leaving stops everything and handles signals as before."""
    handler = signal.getsignal(signal.SIGTERM)
    with installation(tmp_path) as it:
        os.kill(os.getpid(), signal.SIGTERM)
        before = time.monotonic()
        it.tend(60.0)
        assert it.stop_requested
        assert time.monotonic() - before < 5.0
    assert signal.getsignal(signal.SIGTERM) == handler


def test_a_taken_port_is_an_error(tmp_path: Path) -> None:
    """A configured port in use is one error that says how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = replace(external(tmp_path), port=taken.getsockname()[1])
        with pytest.raises(SupervisorError, match="MAQUETTE_PORT"), installation(tmp_path, settings):
            pass


def test_one_per_data_directory(tmp_path: Path) -> None:
    """A second one on the same data directory is refused with the first one's pid."""
    with installation(tmp_path):
        with pytest.raises(AlreadyRunningError, match=str(os.getpid())), installation(tmp_path):
            pass
        assert read_state(tmp_path / "data") is not None


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """When `up` itself is killed with SIGKILL, its processes are gone at once."""
    script = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import pathlib, test_installation as here
        with here.installation(pathlib.Path(sys.argv[1])) as it:
            here.tend_until(it, lambda: len(here.noted(pathlib.Path(sys.argv[1]), "start")) == 3)
            print("ready", flush=True)
            it.tend(600)
    """
    argv = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        assert up.stdout.readline() == "ready\n"
        pids = [pid for _, pid in noted(tmp_path, "start")]
        up.kill()
    deadline = time.monotonic() + 20.0
    while alive := [pid for pid in pids if _runs(pid)]:
        assert time.monotonic() < deadline, f"still alive: {alive}"
        time.sleep(0.02)
    assert not noted(tmp_path, "end")
    with installation(tmp_path):  # and nothing keeps the next one from starting
        pass


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """Keys and worker token are made on first use, readable by their owner only, and stay the same."""
    first, second = with_secrets(external(tmp_path)), with_secrets(external(tmp_path))
    made = (first.signing_key, first.worker_token, first.webhook_key)
    assert made == (second.signing_key, second.worker_token, second.webhook_key)
    assert len(set(made)) == 3
    for name in ("signing.key", "worker.token", "webhook.key"):
        assert (tmp_path / "data" / name).stat().st_mode & 0o777 == 0o600
    assert with_secrets(replace(first, signing_key="given-by-the-owner")).signing_key == "given-by-the-owner"


def test_a_dead_up_is_not_found(tmp_path: Path) -> None:
    """A state file whose process is gone counts as no running installation."""
    (tmp_path / "up.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": 2**22 + 1}))
    assert read_state(tmp_path) is None
