"""``pg_dump`` and ``pg_restore``: the wheel's, or those of a system that has its own server."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from maquette.supervisor.binaries import postgres_programs
from maquette.supervisor.errors import SupervisorError

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def dump(url: str, target: Path, *, snapshot: str, server_version: int) -> None:
    """Write a snapshot of the database into ``target`` (pg_dump's custom form, compressed)."""
    program = _program("pg_dump", server_version // 10_000)
    options = ["--format=custom", "--no-owner", "--no-acl", f"--snapshot={snapshot}", f"--file={target}"]
    _run(program, options, url)


def restore(url: str, source: Path, *, server_version: int) -> None:
    """Fill the empty database with what `dump` wrote: all of it, or nothing."""
    program = _program("pg_restore", server_version // 10_000)
    options = ["--no-owner", "--no-acl", "--exit-on-error", "--single-transaction"]
    _run(program, [*options, str(source)], url)


def _program(name: str, server_major: int) -> Path:
    """Find the program of the server's own version, or else the next newer one: an older cannot read the server."""
    found: dict[int, Path] = {}
    on_path = shutil.which(name)
    for path in (_of_wheel(name), Path(on_path) if on_path else None):
        if path is not None and (major := _major(path)) is not None:
            found.setdefault(major, path)
    fitting = sorted(major for major in found if major >= server_major)
    if fitting:
        return found[fitting[0]]
    others = f"Found: {', '.join(map(str, sorted(found)))}." if found else "None was found."
    raise SupervisorError(
        f"The server is PostgreSQL {server_major}; {name} of that version or a newer one is needed. {others} Install "
        f"the client programs of PostgreSQL {server_major} where PATH leads to them."
    )


def _of_wheel(name: str) -> Path | None:
    try:
        return postgres_programs(None) / name
    except SupervisorError:  # not installed: with a server of your own it need not be
        return None


def _major(program: Path) -> int | None:
    try:
        said = subprocess.run(  # noqa: S603 - one of two known programs, no shell
            [str(program), "--version"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return None
    found = _VERSION.search(said)
    return int(found[1]) if found else None


def _run(program: Path, options: list[str], url: str) -> None:
    """Run a program against a database. The password goes by the environment: everybody can read arguments."""
    parts = urlsplit(url)
    variables = dict(os.environ)
    if parts.password is not None:
        variables["PGPASSWORD"] = unquote(parts.password)
        user, _, place = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user.partition(':')[0]}@{place}")
    done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        [str(program), *options, f"--dbname={parts.geturl()}"],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())[-600:]
        raise SupervisorError(f"{program.name} failed: {reason}")
