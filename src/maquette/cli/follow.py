"""Following a job: events wake us, and the job itself says what is true."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from maquette.cli.api_errors import ApiError, UnreachableError
from maquette.cli.client import Client

#: Without any event: how long what we know may be out of date.
REFRESH_SECONDS = 2.0
_PAUSE_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
ENDED = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Message:
    """One server-sent event."""

    event: str
    data: str
    id: str | None


def parse_events(lines: Iterator[str]) -> Iterator[Message]:
    """Read server-sent events as the HTML standard has them (``event``, ``data``, ``id``; comments ignored)."""
    name, data, identity = "message", list[str](), None
    for line in lines:
        if not line:
            if data:
                yield Message(name, "\n".join(data), identity)
            name, data, identity = "message", [], None
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "event":
            name = value
        elif key == "data":
            data.append(value)
        elif key == "id":
            identity = value


@dataclass(slots=True)
class Follower:
    """Keeps ``job`` as fresh as its events: ``with Follower(client, id) as it: it.refresh(0.2)``.

    A thread reads the event stream and reconnects with ``Last-Event-ID``; so no event is missed and none is
    seen twice. ``job`` is the API's answer; ``progress`` holds the last report of each running step.
    """

    client: Client
    job_id: str
    job: dict[str, Any] = field(default_factory=dict)
    progress: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    connected: bool = False
    _news: queue.SimpleQueue[Message | ApiError | None] = field(default_factory=queue.SimpleQueue)
    _stop: threading.Event = field(default_factory=threading.Event)
    _refreshed_at: float = 0.0

    def __enter__(self) -> Self:
        self.job = self.client.get(f"/jobs/{self.job_id}")
        self._refreshed_at = time.monotonic()
        threading.Thread(target=self._read, name="events", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    @property
    def ended(self) -> bool:
        """Whether the job has come to its end."""
        return self.job["status"] in ENDED

    def refresh(self, wait_seconds: float) -> bool:
        """Wait for news and take them in; whether anything was new."""
        try:
            news = [self._news.get(timeout=wait_seconds)] if wait_seconds > 0 else []
        except queue.Empty:
            news = []
        while not self._news.empty():
            news.append(self._news.get())
        happened = self._take_in(news)
        if happened or time.monotonic() - self._refreshed_at > REFRESH_SECONDS:
            try:
                self.job = self.client.get(f"/jobs/{self.job_id}")
            except UnreachableError:
                self.connected = False  # the stream's thread keeps trying; what we know stays on show
            self._refreshed_at = time.monotonic()
            return True
        return bool(news)

    def _take_in(self, news: list[Message | ApiError | None]) -> bool:
        """Sort the news; whether something happened that the job shows."""
        happened = False
        for item in news:
            if isinstance(item, ApiError):
                raise item
            if item is None:
                happened = True
            elif item.event == "progress":
                report = json.loads(item.data)
                self.progress[report["step_name"]] = report
            else:
                self.events.append(json.loads(item.data))
                happened = True
        return happened

    def _read(self) -> None:
        last: str | None = None
        failures = 0
        while not self._stop.is_set():
            try:
                with self.client.stream(
                    f"/jobs/{self.job_id}/events", {"Last-Event-ID": last} if last else {}
                ) as response:
                    self.connected, failures = True, 0
                    self._news.put(None)  # after a gap the job may have moved on
                    for message in parse_events(response.iter_lines()):
                        last = message.id or last
                        self._news.put(message)
                        if self._stop.is_set():
                            return
            except ApiError as error:
                if error.status < 500 and error.status != 429:
                    self._news.put(error)
                    return
            except (
                httpx.TransportError,
                RuntimeError,
            ):  # RuntimeError: the client was closed under the stream
                pass
            self.connected = False
            self._stop.wait(_PAUSE_SECONDS[min(failures, len(_PAUSE_SECONDS) - 1)])
            failures += 1
