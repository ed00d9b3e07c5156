import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def up(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`maquette up --json` in an empty directory, on free ports, all of it real."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MAQUETTE_")}
    argv = [sys.executable, "-m", "maquette", "up", "--json"]
    env = {**variables, "MAQUETTE_PORT": "0"}
    with (
        (tmp_path / "up.log").open("w") as log,
        subprocess.Popen(
            argv, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def descendants(pid: int) -> list[int]:
    """Processes below ``pid``, from /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))) and int(fields[1]) == pid:
            found += [int(entry.name), *descendants(int(entry.name))]
    return found


def _stat(pid: int) -> list[str]:
    """State, parent and so on; empty for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the directory of the running `up`."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MAQUETTE_")}
    return subprocess.run(
        [sys.executable, "-m", "maquette", *arguments],
        cwd=directory,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_up_from_first_line_to_last_process(up: subprocess.Popen[str], tmp_path: Path) -> None:
    """`up --json` prints one line when it can be used, keeps its key private, refuses a second one, and on SIGTERM
    stops every process and exits 0."""
    assert up.stdout is not None
    access = json.loads(up.stdout.readline())
    assert set(access) == {"url", "api_key", "project_id"}
    kept = tmp_path / ".maquette" / "credentials.json"
    assert json.loads(kept.read_text())["api_key"] == access["api_key"]
    assert kept.stat().st_mode & 0o777 == 0o600

    submitted = run(tmp_path, "job", "submit", "a brass key", "--type", "2D", "--json")
    assert submitted.returncode == 0, submitted.stderr
    listed = run(tmp_path, "job", "list", "--json")
    assert [job["id"] for job in json.loads(listed.stdout)["items"]] == [json.loads(submitted.stdout)["id"]]

    second = run(tmp_path, "up", "--json")
    assert second.returncode == 1
    assert f"in use by process {up.pid}" in second.stderr

    running = descendants(up.pid)
    assert len(running) >= 5  # API, maintenance, two workers, PostgreSQL and its own
    up.terminate()
    assert up.wait(60) == 0
    assert up.stdout.read() == ""
    deadline = time.monotonic() + 20.0
    while left := [pid for pid in running if (fields := _stat(pid)) and fields[0] != "Z"]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)
    log = (tmp_path / "up.log").read_text()
    assert access["api_key"] not in log
    assert "Traceback" not in log
