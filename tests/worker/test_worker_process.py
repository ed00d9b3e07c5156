"""Sync handlers in warm child processes: kept between tasks, terminated at will, replaced when they die."""

import asyncio
import contextlib
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sample_handlers
from protocol_server import TOKEN, ProtocolServer, Working, make_task

from maquette.worker.meter import Meter


async def text_of(path: Path) -> str:
    """Poll for a file that a handler writes; handlers in other processes have no other way to say so."""
    async with asyncio.timeout(15):
        while not path.exists() or not path.read_text():  # noqa: ASYNC110, ASYNC240 - another process writes it
            await asyncio.sleep(0.01)
    return path.read_text()  # noqa: ASYNC240 - a few bytes


async def gone(pid: int, *, reaped: bool = True) -> None:
    """Poll until a process has ended; one whose parent was killed may wait long until init reaps it."""
    async with asyncio.timeout(15):
        while alive(pid, reaped=reaped):  # noqa: ASYNC110 - another process ends, no event tells
            await asyncio.sleep(0.01)


def alive(pid: int, *, reaped: bool = True) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return reaped or state != "Z"
    return False


async def test_a_child_stays_warm_between_tasks(server: ProtocolServer, working: Working) -> None:
    """Two tasks one after the other run in one process, which is not the worker's, with imports done once."""
    await server.add(make_task(1, seed=5), make_task(2))
    async with working({"refine": sample_handlers.tell}):
        await server.until(lambda: len(server.outcomes) == 2)
    first, second = server.outcomes[1].outputs, server.outcomes[2].outputs
    assert first["pid"] == second["pid"] != os.getpid()
    assert first["imported_at"] == second["imported_at"]
    assert first["parent"] == os.getpid()
    assert first["seed"] == 5
    assert first["stdin"] == ""
    assert first["workdir_was_empty"]
    assert server.outcomes[1].metrics["peak_memory_bytes"] > 1024 * 1024
    await gone(first["pid"])


async def test_files_and_metrics_come_back_from_a_child(server: ProtocolServer, working: Working) -> None:
    """A sync handler's files are uploaded, and its own metrics join the runner's."""
    inputs = [server.input("a.png", b"aa"), server.input("b.png", b"bb")]
    await server.add(make_task(1, inputs=inputs))
    async with working({"refine": sample_handlers.copy}):
        await server.until(lambda: server.outcomes)
    outcome = server.outcomes[1]
    assert [(one.name, one.attributes) for one in outcome.artifacts] == [
        ("copy-0.png", {"number": 0}),
        ("copy-1.png", {"number": 1}),
    ]
    assert server.objects["outputs/task_1/copy-1.png"] == b"BB"
    assert outcome.metrics["loaded"] == 3
    assert {"duration", "gpu_type", "cost_estimate"} <= outcome.metrics.keys()


async def test_slots_have_a_child_each(server: ProtocolServer, working: Working, tmp_path: Path) -> None:
    """With capacity 2 two sync handlers run at the same time, in two processes."""
    markers = [tmp_path / "first", tmp_path / "second"]
    await server.add(
        *(make_task(number, params={"marker": str(marker)}) for number, marker in enumerate(markers))
    )
    async with working({"refine": sample_handlers.hang}, capacity=2, grace_seconds=0):
        pids = [await text_of(marker) for marker in markers]
    assert pids[0] != pids[1]


@pytest.mark.parametrize(
    ("how", "error_class", "words"),
    [
        ("kill", "resource", "SIGKILL: out of memory?"),
        ("segfault", "transient", "SIGSEGV"),
        ("exit", "transient", "exited with status 3"),
        ("close_pipe", "transient", "SIGTERM"),
    ],
)
async def test_a_dying_child_fails_its_attempt_and_is_replaced(
    server: ProtocolServer, working: Working, how: str, error_class: str, words: str
) -> None:
    """However a child dies, its attempt says how, and the next task gets a fresh child."""
    await server.add(make_task(1, params={"how": how}), make_task(2, "rig"))
    async with working({"refine": sample_handlers.die, "rig": sample_handlers.tell}):
        await server.until(lambda: len(server.outcomes) == 2)
    outcome = server.outcomes[1]
    assert (outcome.error_code, outcome.error_class) == ("handler_died", error_class)
    assert words in outcome.error_message
    assert server.outcomes[2].status == "succeeded"


async def test_a_child_killed_from_outside_while_idle_costs_no_task(
    server: ProtocolServer, working: Working
) -> None:
    """A warm child that died between tasks is replaced before the next one."""
    await server.add(make_task(1))
    async with working({"refine": sample_handlers.tell}):
        await server.until(lambda: server.outcomes)
        pid = server.outcomes[1].outputs["pid"]
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
        await server.add(make_task(2))
        await server.until(lambda: 2 in server.outcomes)
    assert server.outcomes[2].status == "succeeded"
    assert server.outcomes[2].outputs["pid"] != pid


@pytest.mark.parametrize("deaf", [False, True])
async def test_canceling_terminates_the_child_while_heartbeats_go_on(
    server: ProtocolServer, working: Working, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaf: bool
) -> None:
    """The verdict `cancel` ends a hanging child, by SIGKILL when it ignores SIGTERM; progress came through before."""
    monkeypatch.setattr("maquette.worker.process.TERMINATE_SECONDS", 0.2)
    server.heartbeat_seconds = 0.05
    await server.add(make_task(1, params={"marker": str(tmp_path / "pid"), "deaf": deaf}))
    async with working({"refine": sample_handlers.hang, "rig": sample_handlers.tell}):
        pid = int(await text_of(tmp_path / "pid"))
        await server.until(lambda: any(beat.held and beat.held[0].message for beat in server.heartbeats))
        beats = len(server.heartbeats)
        await server.until(lambda: len(server.heartbeats) > beats + 1)
        assert server.heartbeats[-1].held[0].value == 0.25
        server.signals[1] = "cancel"
        await server.until(lambda: server.outcomes)
        assert not alive(pid)
        await server.add(make_task(2, "rig"))
        await server.until(lambda: 2 in server.outcomes)
    assert server.outcomes[1].status == "canceled"
    assert server.outcomes[2].outputs["pid"] != pid


@pytest.mark.parametrize(
    ("how", "code", "error_class"),
    [
        ("raise", "handler_error", "transient"),
        ("exit", "handler_error", "transient"),
        ("return_none", "handler_result_invalid", "invalid"),
        ("outside", "output_outside_workdir", "invalid"),
        ("missing", "output_missing", "invalid"),
        ("nan", "outputs_not_json", "invalid"),
        ("fail", "mesh_has_no_faces", "invalid"),
    ],
)
async def test_a_misbehaving_handler_is_a_failed_attempt(
    server: ProtocolServer,
    working: Working,
    caplog: pytest.LogCaptureFixture,
    how: str,
    code: str,
    error_class: str,
) -> None:
    """Exceptions, nonsense and broken promises become failures with stable codes; the child stays."""
    await server.add(make_task(1, params={"how": how}), make_task(2, "rig"))
    async with working({"refine": sample_handlers.misbehave, "rig": sample_handlers.tell}):
        await server.until(lambda: len(server.outcomes) == 2)
    outcome = server.outcomes[1]
    assert (outcome.status, outcome.error_code, outcome.error_class) == ("failed", code, error_class)
    assert ("Traceback" in caplog.text) == (code == "handler_error")
    assert "Traceback" not in outcome.error_message


async def test_progress_is_cheap_clamped_and_never_goes_back(
    server: ProtocolServer, working: Working
) -> None:
    """A handler may report 100,000 times, also out of bounds; the server sees values in order from 0 to 1."""
    server.heartbeat_seconds = 0.02
    await server.add(make_task(1, params={"fat": True}))
    async with working({"refine": sample_handlers.count}):
        await server.until(lambda: server.outcomes)
    values = [beat.held[0].value for beat in server.heartbeats if beat.held]
    assert values == sorted(values)
    assert all(0 <= value <= 1 for value in values)
    assert server.outcomes[1].status == "succeeded", server.outcomes[1]
    assert server.outcomes[1].metrics["peak_memory_bytes"] > 64 * 1024 * 1024


async def test_a_call_is_measured_by_itself(server: ProtocolServer, working: Working) -> None:
    """Memory and processor time are those of the call, not of a larger one before it in the same warm child; phases are what
    its messages name.
    """
    await server.add(make_task(1, params={"fat": True}), make_task(2, params={"fat": False}))
    async with working({"refine": sample_handlers.labour}):
        await server.until(lambda: len(server.outcomes) == 2)
    fat, lean = (server.outcomes[task].metrics for task in (1, 2))
    assert server.outcomes[1].outputs["pid"] == server.outcomes[2].outputs["pid"]
    assert fat["peak_memory_bytes"] - lean["peak_memory_bytes"] > 100 * 1024 * 1024
    assert 0.1 < fat["cpu_seconds"] <= fat["duration"] + 0.1
    assert lean["cpu_seconds"] < 0.1
    assert [phase["name"] for phase in fat["phases"]] == ["allocating", "computing"]
    assert fat["phases"][1]["seconds"] >= 0.15
    assert sum(phase["seconds"] for phase in fat["phases"]) <= fat["duration"]
    assert [phase["name"] for phase in lean["phases"]] == ["allocating", "computing"]


def test_phases_are_few() -> None:
    """A handler whose every message differs fills twenty phases, the last of which lasts to the end."""
    meter = Meter()
    for number in range(1000):
        meter.phase(f"tile {number}")
    phases = meter.read().phases
    assert [phase.name for phase in phases] == [f"tile {number}" for number in range(20)]


SCRIPT = """
    import asyncio, os, pathlib, sys
    from maquette.worker import Context, Succeeded, Worker

    def slow(context: Context):
        pathlib.Path(sys.argv[0]).with_suffix(".pid").write_text(str(os.getpid()))
        released = pathlib.Path(context.params["release"])
        while not released.exists():
            pass
        return Succeeded((), {"name": __name__}, "test", "1")

    if __name__ == "__main__":
        url, token, workdir = sys.argv[1:]
        worker = Worker(url, token, "studio", {"refine": slow}, workdir=pathlib.Path(workdir))
        asyncio.run(worker.run())
        print("drained")
"""


@contextlib.asynccontextmanager
async def worker_process(
    server: ProtocolServer, tmp_path: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Run SCRIPT as a program with a task at hand; gives the process and its child's id."""
    script = tmp_path / "own_worker.py"
    script.write_text(textwrap.dedent(SCRIPT))
    await server.add(make_task(1, params={"release": str(tmp_path / "release")}))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        server.url,
        TOKEN,
        str(tmp_path / "work"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process, int(await text_of(script.with_suffix(".pid")))
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_sigterm_drains_a_worker_process(server: ProtocolServer, tmp_path: Path) -> None:
    """A script's own handler runs in a child; after SIGTERM it may finish, is reported, and the process ends well."""
    async with worker_process(server, tmp_path) as (process, child):
        process.send_signal(signal.SIGTERM)
        await server.until(lambda: server.heartbeats and server.heartbeats[-1].draining)
        assert server.outcomes == {}
        (tmp_path / "release").touch()
        stdout, stderr = await asyncio.wait_for(process.communicate(), 15)
    assert (process.returncode, stdout) == (0, b"drained\n"), stderr.decode()
    assert server.outcomes[1].status == "succeeded", server.outcomes[1]
    assert server.heartbeats[-1].held == []
    assert not alive(child)
    assert list((tmp_path / "work").iterdir()) == []


async def test_a_second_signal_ends_a_worker_process_at_once(server: ProtocolServer, tmp_path: Path) -> None:
    """SIGTERM, then SIGINT: the process ends without waiting for its handler, and takes the child with it."""
    async with worker_process(server, tmp_path) as (process, child):
        process.send_signal(signal.SIGTERM)
        await server.until(lambda: server.heartbeats and server.heartbeats[-1].draining)
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 10)
        await gone(child, reaped=False)
    assert server.outcomes == {}


async def test_a_child_dies_with_its_worker(server: ProtocolServer, tmp_path: Path) -> None:
    """kill -9 of a worker leaves no handler running, although this one never looks at its pipe."""
    async with worker_process(server, tmp_path) as (process, child):
        process.kill()
        await gone(child, reaped=False)
