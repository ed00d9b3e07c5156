"""What is measured: a durable embedded PostgreSQL, API processes, maintenance and workers, all of our own starting."""

import asyncio
import dataclasses
import os
import secrets
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks import sampling
from maquette.settings import Settings, environment
from maquette.store.migrate import migrate
from maquette.supervisor.postgres import EmbeddedPostgres
from maquette.supervisor.processes import Process, Program
from maquette.wiring.provision import provision

_READY_SECONDS_MAX = 30.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds that each part has used so far."""

    api: float
    workers: float
    postgres: float
    maintenance: float

    def since(self, before: Self) -> "Usage":
        return Usage(
            self.api - before.api,
            self.workers - before.workers,
            self.postgres - before.postgres,
            self.maintenance - before.maintenance,
        )


class Installation:
    """Everything that runs for one benchmark, below one folder. Use it as a context manager.

    ``maintenance=False`` leaves the loops out (relay, sweepers, retention): for what drives them itself.
    ``settings`` and ``urls`` have the address of the first API process, ``urls`` those of ``apis`` of them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        profile: Path | None = None,
        maintenance: bool = True,
        apis: int = 1,
        kafka_servers: str = "",
    ) -> None:
        self.log = folder / "processes.log"
        self._postgres = EmbeddedPostgres(folder / "postgres")
        self._ports = [free_port() for _ in range(apis)]
        self.urls = [f"http://127.0.0.1:{port}" for port in self._ports]
        self.settings = Settings(
            data_dir=folder,
            port=self._ports[0],
            url=self.urls[0],
            worker_token=secrets.token_urlsafe(24),
            signing_key=secrets.token_urlsafe(24),
            webhook_key=secrets.token_urlsafe(24),
            kafka_servers=kafka_servers,
            outbound_allow="127.0.0.1",  # where the benchmark's own receiver of webhooks is
        )
        self.operator_key = ""
        self._with_maintenance = maintenance
        self._profile = {sampling.FOLDER_VARIABLE: str(profile.absolute())} if profile else {}
        self._apis: list[Process] = []
        self._maintenance: list[Process] = []
        self._workers: list[Process] = []

    def __enter__(self) -> Self:
        self._postgres.start()
        try:
            self.settings = dataclasses.replace(self.settings, database_url=self._postgres.url)
            asyncio.run(migrate(self.settings.direct_url))
            self.operator_key = asyncio.run(provision(self.settings)).api_key
            for port, url in zip(self._ports, self.urls, strict=True):
                here = dataclasses.replace(self.settings, port=port, url=url)
                self._apis.append(self._start("benchmarks.api", settings=here))
            if self._with_maintenance:
                self._maintenance.append(self._start("benchmarks.maintenance"))
            for url in self.urls:
                self._await_api(url)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        _stop([*self._workers, *self._maintenance, *self._apis])
        self._postgres.stop()
        if kind is not None and self.log.exists():  # its folder is about to go
            sys.stderr.write(self.log.read_text(encoding="utf-8")[-20_000:])

    @contextmanager
    def workers(self, *, processes: int, each: int, capacity: int) -> Iterator[None]:
        """Run worker processes with ``each`` workers of ``capacity`` tasks during the block, at the API processes in turn."""
        self._workers = [
            self._start(
                "benchmarks.workers",
                str(each),
                str(capacity),
                settings=dataclasses.replace(self.settings, url=self.urls[number % len(self.urls)]),
            )
            for number in range(processes)
        ]
        try:
            yield
        finally:
            _stop(self._workers)
            self._workers = []

    @contextmanager
    def asleep(self, *, api: bool = True) -> Iterator[None]:
        """Stop API (or not) and maintenance where they are during the block, and let them go on after it."""
        stopped = (*(self._apis if api else ()), *self._maintenance)
        processes = [process.pid for process in stopped if process.pid]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

    def usage(self) -> Usage:
        """Read the CPU time used so far; all zero where there is no /proc."""
        return Usage(
            api=cpu_seconds([process.pid for process in self._apis]),
            workers=cpu_seconds([process.pid for process in self._workers]),
            postgres=cpu_seconds([self._postgres.pid, *_children(self._postgres.pid)]),
            maintenance=cpu_seconds([process.pid for process in self._maintenance]),
        )

    def api_megabytes(self) -> float:
        """Read the first API process's resident memory."""
        return _megabytes(self._apis[0].pid)

    def maintenance_megabytes(self) -> float:
        """Read the maintenance process's resident memory."""
        return _megabytes(self._maintenance[0].pid)

    def worker_megabytes(self) -> float:
        """Read the first worker process's resident memory."""
        return _megabytes(self._workers[0].pid)

    def _start(self, module: str, *arguments: str, settings: Settings | None = None) -> Process:
        argv = (sys.executable, "-m", module, *arguments)
        variables = {**environment(settings or self.settings, os.environ), **self._profile}
        with self.log.open("ab") as output:
            process = Process(Program(module, argv, _STOP_SECONDS), variables, output)
            process.start()
        return process

    def _await_api(self, url: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS_MAX
        while time.monotonic() < deadline and all(process.pid is not None for process in self._apis):
            try:
                with urllib.request.urlopen(f"{url}/readyz", timeout=2.0):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise RuntimeError(f"The API did not become ready:\n{self.log.read_text(encoding='utf-8')[-2000:]}")


def _stop(processes: list[Process]) -> None:
    for process in processes:
        process.request_stop()
    while not all([process.stopped() for process in processes]):  # noqa: C419 - each is to be looked at
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _megabytes(pid: int | None) -> float:
    """Read a process's resident memory; zero where there is no /proc."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except FileNotFoundError:
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _children(parent: int | None) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = _stat(stat)
        if fields and int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def cpu_seconds(pids: list[int | None]) -> float:
    """Add up user and system time, that of children which have ended included."""
    ticks = 0
    for pid in pids:
        ticks += sum(map(int, _stat(Path(f"/proc/{pid}/stat"))[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(path: Path) -> list[str]:
    """Return the fields after the name, from the state on; none when the process is gone."""
    try:
        return path.read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
