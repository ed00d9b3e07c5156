"""`maquette doctor`, each check against a set-up that is really broken."""

import fcntl
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from contract_server import KEY, Contract, serving

import maquette
from maquette.cli.doctor import api, command, database, directory, machine
from maquette.cli.doctor.finding import Finding
from maquette.cli.doctor.scene import Scene
from maquette.cli.doctor.sockets import Port
from maquette.cli.doctor.table import CHECKS
from maquette.store import migrate

ROOT = {"name": "Maquette", "version": maquette.__version__, "urls": {}}
Look = Callable[..., Scene]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Make a scene of variables in an empty directory."""

    def make(**variables: str) -> Scene:
        return Scene({f"MAQUETTE_{name.upper()}": value for name, value in variables.items()}, tmp_path)

    return make


@pytest.fixture
def served(contract: Contract, look: Look) -> Iterator[Callable[..., Scene]]:
    """Make a scene whose API answers as given, by path; what is not given is as the contract has it."""
    with serving(contract) as url:

        def make(answers: dict[str, tuple[int, Any]], **variables: str) -> Scene:
            now = datetime.now(UTC).isoformat()
            given: dict[str, tuple[int, Any]] = {
                "/": (200, {**ROOT, "time": now}),
                "/readyz": (200, {}),
                "/projects": (200, {"items": [{"id": "prj_1", "name": "Lighthouse"}]}),
                "/projects/prj_1": (200, {"id": "prj_1", "name": "Lighthouse"}),
                **answers,
            }
            contract.answers = {f"GET {path}": [(status, {}, body)] for path, (status, body) in given.items()}
            return look(**{"url": url, "api_key": KEY, "project_id": "prj_1", **variables})

        yield make


def told(found: Finding, state: str, *words: str) -> None:
    """The finding is of this kind, says these words, and what is wrong comes with what to do."""
    assert found.state == state, found
    for word in words:
        assert word in found.says + found.do, found
    assert bool(found.do) == (state in {"warning", "broken"})


def test_an_old_python(tmp_path: Path) -> None:
    """Python 3.10 is named as too old."""
    told(machine.python(Scene({}, tmp_path, python=(3, 10))), "broken", "3.10", "3.11")
    told(machine.python(Scene({}, tmp_path)), "ok")


def test_settings_that_cannot_be_used(look: Look, tmp_path: Path) -> None:
    """A wrong value, a damaged file and an unknown key are told as the other commands would; the checks go on."""
    told(machine.settings(look(port="many")), "broken", "MAQUETTE_PORT", "whole number")
    (tmp_path / "maquette.toml").write_text("prot = 1\n")
    scene = look()
    told(machine.settings(scene), "broken", "prot", "Did you mean 'port'")
    assert scene.settings.port == 8470
    (tmp_path / "maquette.toml").write_text("port = [")
    told(machine.settings(look()), "broken", "maquette.toml cannot be read")


def test_a_misspelt_variable(look: Look) -> None:
    """A variable that nothing reads is named, with the one that was meant."""
    told(machine.variables(look(prot="80")), "warning", "MAQUETTE_PROT", "did you mean MAQUETTE_PORT")
    told(machine.variables(look(port="80")), "ok")


def test_a_data_directory_that_cannot_be_used(look: Look, tmp_path: Path) -> None:
    """A file in its place, and one that is open to others."""
    told(directory.data_directory(look()), "ok", "makes it")
    home = tmp_path / ".maquette"
    home.write_text("")
    told(directory.data_directory(look()), "broken", "is not a directory")
    home.unlink()
    home.mkdir(mode=0o700)
    told(directory.data_directory(look()), "ok", "private")
    home.chmod(0o755)
    told(directory.data_directory(look()), "warning", "755", "chmod 700")


def test_a_data_directory_that_is_not_writable(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be made names the directory in the way, one of somebody else its owner."""
    monkeypatch.setattr(os, "access", lambda *_: False)  # tests may run as root, who may write everywhere
    told(directory.data_directory(look()), "broken", "is not writable", "MAQUETTE_DATA_DIR")
    told(directory.data_directory(look(data_dir="/")), "broken", "belongs to uid")


def test_a_full_disk(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little space is a warning, none is broken."""
    told(directory.disk(look()), "ok" if _free(look) > 2 * 1024**3 else "warning")
    for free, state in ((1024**3, "warning"), (50 * 1024**2, "broken")):
        monkeypatch.setattr("shutil.disk_usage", lambda _path, free=free: type("Usage", (), {"free": free}))
        told(directory.disk(look()), state, "GiB free")


def _free(look: Look) -> int:
    import shutil

    return shutil.disk_usage(look().directory).free


def test_credentials_that_others_can_read(look: Look, tmp_path: Path) -> None:
    """Mode 0644 and a damaged file are told, with what to do about each."""
    home = tmp_path / ".maquette"
    home.mkdir()
    told(directory.secrets(look()), "skipped", "first `maquette up`")
    path = home / "credentials.json"
    path.write_text("{}")
    path.chmod(0o644)
    told(directory.secrets(look()), "broken", "credentials.json", "644", "chmod 600")
    path.chmod(0o600)
    told(directory.secrets(look()), "ok")
    path.write_text("{")
    told(directory.secrets(look()), "broken", "damaged")


def test_what_a_killed_run_left(look: Look, tmp_path: Path) -> None:
    """Files of a dead `up` are stale, a held lock means that one is starting or stopping."""
    home = tmp_path / ".maquette"
    home.mkdir()
    told(directory.leftovers(look()), "ok", "none")
    (home / "up.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": 2**22 + 1}))
    told(directory.leftovers(look()), "warning", "up.json", "stale")
    with (home / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told(directory.leftovers(look()), "ok", "starting or stopping")


def test_postgresql_that_is_not_installed(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the extra is named; with a server of one's own it is not missed."""
    told(machine.programs(look()), "ok", "PostgreSQL")
    monkeypatch.setattr("maquette.supervisor.binaries.util.find_spec", lambda _name: None)
    told(machine.programs(look()), "broken", "not installed", "maquette[embedded]")
    told(machine.programs(look(database_url="postgresql://a@b/c")), "skipped")


def test_postgresql_that_cannot_run(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program for another machine says why it does not start."""
    (tmp_path / "postgres").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "postgres").chmod(0o755)
    monkeypatch.setattr(machine, "shipped_programs", lambda: tmp_path)
    told(machine.programs(look()), "broken", "cannot be started")


def test_studio_libraries_that_do_not_load(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing library is a warning (workers may run elsewhere), one that does not load is broken."""
    monkeypatch.setattr(machine, "_STUDIO", ("json", "no_such_library"))
    told(machine.studio(look()), "warning", "no_such_library", "maquette[studio]")
    monkeypatch.setattr(machine, "_STUDIO", ("antigravity_of_this_test",))
    monkeypatch.setattr(machine, "find_spec", lambda _name: object())
    told(machine.studio(look()), "broken", "No module named")


def test_a_port_that_is_taken(look: Look) -> None:
    """Who holds the port is named."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = other.getsockname()[1]
        found = machine.port(look(port=str(number)))
        told(found, "broken", "taken", "MAQUETTE_PORT")
        if sys.platform == "linux":
            assert f"process {os.getpid()}" in found.says
            assert Port("127.0.0.1", number).holder().startswith(f"process {os.getpid()}")
    told(machine.port(look(port=str(number))), "ok", "free")
    told(machine.port(look(host="203.0.113.7")), "broken", "203.0.113.7")


def test_a_database_that_is_away(look: Look) -> None:
    """The server is named without its password; what depends on it is skipped."""
    scene = look(database_url="postgresql://me:sesame@127.0.0.1:1/shop")
    found = database.reachable(scene)
    told(found, "broken", "127.0.0.1:1/shop", "MAQUETTE_DATABASE_URL")
    assert "sesame" not in found.says
    told(database.schema(scene), "skipped")
    told(database.events(scene), "skipped")
    told(database.reachable(look()), "skipped", "maquette up")


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def test_schemas_of_other_versions(
    look: Look, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty and older ones are to be migrated, newer and edited ones belong to another version."""
    import asyncio

    def schema() -> Finding:
        return database.schema(look(database_url=empty_database_url))

    told(database.reachable(look(database_url=empty_database_url)), "ok", "PostgreSQL")
    told(schema(), "broken", "older", "maquette migrate")
    asyncio.run(migrate.migrate(empty_database_url))
    told(schema(), "ok")
    told(database.events(look(database_url=empty_database_url)), "ok", "0 on their way")
    ledger = "insert into schema_migrations (name, sha256) values ('9999_pre_future.sql', '')"
    asyncio.run(_execute(empty_database_url, ledger))
    told(schema(), "broken", "newer", "9999_pre_future.sql")
    asyncio.run(_execute(empty_database_url, "update schema_migrations set sha256 = 'x'"))
    told(schema(), "broken", "other contents")
    monkeypatch.setattr(database, "_VERSION_MIN", 990000)
    told(database.reachable(look(database_url=empty_database_url)), "broken", "too old")


def test_a_sink_that_is_switched_off_or_refuses_for_good(look: Look, database_url: str) -> None:
    """What such a sink is owed is told with the command that removes it; what it can never take, with the one that shows it."""
    import asyncio

    rows = (
        "insert into relays values (gen_random_uuid(), now() + interval '1 hour', '{webhooks}')",
        "insert into sinks values ('kafka', 1, 0)",
        "insert into undelivered values ('kafka', 0, gen_random_uuid(), 1, gen_random_uuid(), now())",
        "insert into parked_events values ('kafka', gen_random_uuid(), 1, gen_random_uuid(), now(), 'odd', now())",
    )
    for row in rows:
        asyncio.run(_execute(database_url, row))
    told(database.events(look(database_url=database_url)), "warning", "kafka", "maquette events forget kafka")
    asyncio.run(_execute(database_url, "delete from undelivered"))
    told(database.events(look(database_url=database_url)), "warning", "never", "maquette events parked kafka")


def test_events_that_nobody_relays(look: Look, database_url: str) -> None:
    """An old event in the outbox means that maintenance does not run."""
    import asyncio

    row = (
        "insert into outbox (shard, job_id, sequence, project_id, type, time, correlation_id, data) values"
        " (0, gen_random_uuid(), 1, gen_random_uuid(), 'JobCreated', now() - interval '10 minutes', 'c', '{}')"
    )
    asyncio.run(_execute(database_url, row))
    told(database.events(look(database_url=database_url)), "broken", "600 s", "no relay", "maquette maintain")


def test_an_api_that_is_away_or_another_program(served: Callable[..., Scene], look: Look) -> None:
    """Nobody there, a stranger there, and one that is not ready are three different things."""
    told(api.reachable(look(url="http://127.0.0.1:9")), "broken", "no answer", "maquette up")
    told(api.reachable(served({"/": (200, {"hello": "world"})})), "broken", "is no Maquette")
    told(
        api.reachable(served({"/readyz": (503, {"detail": "The database lacks 0002."})})),
        "broken",
        "lacks 0002",
    )
    told(api.reachable(served({})), "ok")


def test_another_version_and_another_time(served: Callable[..., Scene]) -> None:
    """An API of another version, and a clock that is off by minutes, are told with both sides."""
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    scene = served({"/": (200, {**ROOT, "version": "9.9", "time": hour_ago})})
    told(api.version(scene), "warning", "9.9", maquette.__version__)
    told(api.clocks(scene), "broken", "behind", "NTP")
    close = served({})
    told(api.version(close), "ok")
    told(api.clocks(close), "ok")


def test_a_key_that_is_wrong(served: Callable[..., Scene], look: Look) -> None:
    """No key, an invalid one, one for another project, and a good one."""
    told(api.key(look()), "broken", "no API key")
    told(api.key(served({"/projects": (401, {})})), "broken", "MAQUETTE_API_KEY is not valid")
    told(api.key(served({"/projects": (403, {})})), "broken", "HTTP 403")
    told(api.key(served({"/projects/prj_1": (404, {})})), "broken", "not for the project prj_1")
    told(api.key(served({}, project_id="")), "warning", "prj_1 (Lighthouse)")
    told(api.key(served({})), "ok", "Lighthouse")


def _service(steps: list[str], waiting: dict[str, int]) -> dict[str, Any]:
    worker = {"name": "host/1", "steps": steps, "draining": False, "running": 0, "last_heartbeat_at": None}
    return {
        "name": "studio",
        "steps": steps,
        "workers": [worker] if steps else [],
        "running": 0,
        "waiting": [{"step": step, "tasks": tasks} for step, tasks in waiting.items()],
    }


def test_steps_that_no_worker_does(served: Callable[..., Scene]) -> None:
    """Tasks that wait for nobody are broken, and the role that is missing is named; idle gaps are a warning."""
    stuck = {"items": [_service(["text_to_image"], {"retopo": 3})]}
    told(api.workers(served({"/services": (200, stuck)})), "broken", "3 for retopo", "--role processing")
    idle = {"items": [_service(["text_to_image"], {"text_to_image": 1})]}
    told(api.workers(served({"/services": (200, idle)})), "warning", "retopo")
    told(api.workers(served({"/services": (200, {"items": []})})), "warning", "text_to_image")
    full = {"items": [_service(list(api._ROLES), {})]}
    told(api.workers(served({"/services": (200, full)})), "ok", "1 alive")


def test_signed_links_that_do_not_work(served: Callable[..., Scene], contract: Contract) -> None:
    """A link that leads nowhere from here, one that is refused, and one that works."""

    def jobs(url: str) -> tuple[int, Any]:
        return 200, {"items": [{"steps": [{"artifacts": [{"name": "a.png", "url": url}]}]}]}

    told(api.files(served({"/jobs": jobs("http://127.0.0.1:9/x")})), "broken", "MAQUETTE_PUBLIC_URL")
    refused = served({"/jobs": jobs("/files/kettle.png"), "/files/kettle.png": (403, {})})
    told(api.files(refused), "broken", "403", "MAQUETTE_SIGNING_KEY")
    told(api.files(served({"/jobs": jobs("/files/kettle.png")})), "ok", "signed link works")
    told(api.files(served({"/jobs": (200, {"items": []})})), "ok", "nothing is stored")


def test_the_command_tells_all_of_it(
    maquette: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A line a check, the way out below what is wrong, status 1; with --json one value."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAQUETTE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(machine, "_STUDIO", ("json",))
    result = maquette("doctor")
    assert result.status == 1
    assert "no answer from http://127.0.0.1:9" in result.out
    assert "→ Start it with `maquette up`" in result.out
    as_json = maquette("doctor", "--json")
    assert (as_json.status, as_json.json["ok"]) == (1, False)
    assert [check["name"] for check in as_json.json["checks"]] == [name for name, _ in CHECKS]


def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An error inside of a check does not end the others."""

    def fails(_scene: Scene) -> Finding:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("maquette.cli.doctor.table.CHECKS", (("one", fails), ("Python", machine.python)))
    first, second = command.examine(Scene({}, tmp_path))
    told(first[1], "broken", "RuntimeError: unforeseen")
    told(second[1], "ok")
