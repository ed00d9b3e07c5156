"""``maquette up``: PostgreSQL, API, maintenance and two studio workers, started, kept alive and stopped as one."""

import contextlib
import dataclasses
import logging
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from maquette.settings import Settings, environment
from maquette.supervisor.data_dir import State, remove_state, with_secrets, write_state
from maquette.supervisor.errors import SupervisorError
from maquette.supervisor.locks import DirectoryLock
from maquette.supervisor.postgres import EmbeddedPostgres
from maquette.supervisor.processes import Process, Program, describe_status
from maquette.supervisor.signals import STOP, Signals

_log = logging.getLogger(__name__)

_READY_SECONDS_MAX = 60.0
_DEATHS_BEFORE_READY_MAX = 3
_POSTGRES_PAUSE_SECONDS = 2.0


class StoppedError(SupervisorError):
    """A signal asked to stop before everything was ready."""


class Credentials(Protocol):
    """What preparing the database yields."""

    @property
    def api_key(self) -> str: ...
    @property
    def project_id(self) -> str: ...
    @property
    def worker_token(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Access:
    """What a client needs to use the installation."""

    url: str
    api_key: str
    project_id: str


def programs(settings: Settings) -> list[Program]:
    """List Maquette's own processes. Workers run only while there is an API to report to."""

    def maquette(*arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "maquette", *arguments)

    drain_seconds = settings.drain_seconds + 12.0  # and a worker's own time to report what it drained
    return [
        Program("api", maquette("serve"), drain_seconds),
        Program("maintenance", maquette("maintain"), 10.0),
        Program("worker generation", maquette("worker", "--role", "generation"), drain_seconds, rank=1),
        Program("worker processing", maquette("worker", "--role", "processing"), drain_seconds, rank=1),
    ]


class Installation:
    """Everything on this machine, for the main thread: ``with Installation(settings) as it: it.tend(…)``.

    ``prepare`` is called with complete settings once the database can be reached: it migrates and provisions.
    ``log`` takes what the processes write (default: our standard error). Entering starts it and returns
    when the API is ready; leaving stops it in order: workers (which finish or give back their work), API and
    maintenance, PostgreSQL. Each process also dies with this one, should it be killed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        prepare: Callable[[Settings], Credentials],
        programs: Callable[[Settings], list[Program]] = programs,
        log: Path | None = None,
    ) -> None:
        self._settings = settings
        self._prepare = prepare
        self._programs = programs
        self._log = log
        self._resources = contextlib.ExitStack()
        self._signals = Signals()
        self._postgres: EmbeddedPostgres | None = None
        self._postgres_due = 0.0
        self._processes: list[Process] = []
        self._access: Access | None = None
        self.stop_requested = False

    @property
    def access(self) -> Access:
        """URL and credentials; only once started."""
        assert self._access is not None, "the installation has not been started"
        return self._access

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def tend(self, seconds: float) -> None:
        """Look after the processes for ``seconds``, or less: until a signal asked to stop (`stop_requested`)."""
        until = time.monotonic() + seconds
        while not self.stop_requested:
            dues = [self._tend_postgres(), *(process.tend() for process in self._processes)]
            left = until - time.monotonic()
            due = min([left, *(due for due in dues if due is not None)])
            if self._signals.wait(due) & STOP:
                self.stop_requested = True
            if left <= 0:
                return

    def start(self) -> None:
        """Start everything; return when the API is ready. What was started is stopped again on an error."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        settings = with_secrets(self._settings)
        lock = DirectoryLock(settings.data_dir / "up.lock")
        lock.acquire()
        self._resources.callback(lock.release)
        self._resources.enter_context(self._signals)
        if not settings.database_url:
            self._postgres = EmbeddedPostgres(settings.data_dir / "postgres")
            self._postgres.start()
            settings = dataclasses.replace(settings, database_url=self._postgres.url, database_direct_url="")
        settings = dataclasses.replace(settings, port=_usable_port(settings.host, settings.port))
        settings = dataclasses.replace(settings, url=settings.local_url)
        credentials = self._prepare(settings)
        settings = dataclasses.replace(settings, worker_token=credentials.worker_token)
        output = self._open_log()
        variables = {**environment(settings, os.environ), "PYTHONUNBUFFERED": "1"}
        self._processes = [Process(program, variables, output) for program in self._programs(settings)]
        self._start_rank(0)
        self._await_ready(settings)
        self._start_rank(1)
        write_state(settings.data_dir, State(settings.local_url, os.getpid()))
        self._resources.callback(remove_state, settings.data_dir)
        url = settings.base_url + settings.root_path if settings.public_url else settings.local_url
        self._access = Access(url, credentials.api_key, credentials.project_id)

    def _start_rank(self, rank: int) -> None:
        for process in self._processes:
            if process.program.rank == rank:
                process.start()

    def _open_log(self) -> IO[bytes] | None:
        return None if self._log is None else self._resources.enter_context(self._log.open("ab"))

    def _await_ready(self, settings: Settings) -> None:
        deadline = time.monotonic() + _READY_SECONDS_MAX
        while not _answers(f"{settings.local_url}/readyz"):
            self.tend(0.05)
            if self.stop_requested:
                raise StoppedError("Stopped before everything was ready.")
            for process in self._processes:
                if process.deaths >= _DEATHS_BEFORE_READY_MAX:
                    raise SupervisorError(
                        f"The process {process.program.name!r} keeps ending before the API is ready; {self._where()}."
                    )
            if time.monotonic() > deadline:
                raise SupervisorError(
                    f"The API was not ready within {_READY_SECONDS_MAX:.0f} s; {self._where()}."
                )

    def _where(self) -> str:
        return f"see {self._log}" if self._log else "its messages are above"

    def _tend_postgres(self) -> float | None:
        """Bring a dead server back on the same port; the others reconnect by themselves."""
        postgres = self._postgres
        if postgres is None or postgres.pid is not None:
            return None
        now = time.monotonic()
        if now < self._postgres_due:
            return self._postgres_due - now
        _log.warning("PostgreSQL ended (%s); starting it again", describe_status(postgres.exit_status or 0))
        try:
            postgres.restart()
        except SupervisorError as error:
            _log.error("%s", error)
        self._postgres_due = time.monotonic() + _POSTGRES_PAUSE_SECONDS
        return 0.0

    def stop(self) -> None:
        """Stop what runs, in order. A second signal meanwhile ends the patience."""
        for rank in (1, 0):
            group = [process for process in self._processes if process.program.rank == rank]
            for process in group:
                process.request_stop()
            while not all([process.stopped() for process in group]):  # noqa: C419 - each is to be looked at
                if self._signals.wait(0.05) & STOP:
                    for process in self._processes:
                        process.kill()
        if self._postgres is not None:
            self._postgres.stop()
        self._resources.close()


def _usable_port(host: str, port: int) -> int:
    """Return ``port``, or a free one for 0; an error when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SupervisorError(
                f"The API cannot listen on {host} port {port}: {error.strerror}. "
                f"Choose another port with MAQUETTE_PORT, or 0 for a free one."
            ) from None
        free: int = probe.getsockname()[1]
        return free


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2.0) as answer:  # noqa: S310 - our own http address
            ready: bool = answer.status == 200
            return ready
    except (OSError, urllib.error.URLError):
        return False
