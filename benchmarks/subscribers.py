"""A thousand people who follow one project: memory for each, and how soon each hears of what happens."""

import asyncio
import re
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.installation import Installation
from benchmarks.people import Latencies, prepare_projects, submit
from benchmarks.report import Row, plain
from benchmarks.run import Run
from benchmarks.volley import request

TITLE = "Server-sent events of one project"
_FILES_WANTED = 8192
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.25
_TIME = re.compile(rb'"time":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Heard:
    """What all subscribers heard of all events."""

    latencies: Latencies
    """From the time in the event, which is its transaction's, until it was read."""
    slowest: float
    """The longest anybody waited for one event (s)."""
    behind: float
    """The mean latency of the subscriber who was served worst, over the mean of all."""
    rate: float
    """Deliveries a second while events came as fast as jobs can be submitted."""


def measured(run: Run) -> list[Row]:
    """Let all follow, then submit jobs: one at a time for the latency, all at once for the rate."""
    count, single, burst = run.sized(1000, 10), run.sized(20, 2), run.sized(50, 4)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(_FILES_WANTED, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))  # the API inherits it
    with Installation(run.folder, profile=run.profile) as house:
        [project] = asyncio.run(prepare_projects(house, 1))
        asyncio.run(submit(house, [project], 8))
        before = house.api_megabytes()
        heard, after = uvloop.run(_follow(house, project, count, single, burst))
    name = f"{count:,} subscribers"
    return [
        plain(f"{name}: memory of the API for each", "KB", (after - before) / count * 1000),
        plain(f"{name}: event → subscriber, p50", "ms", heard.latencies.p50),
        plain(f"{name}: event → subscriber, p99", "ms", heard.latencies.p99),
        plain(f"{name}: event → the last subscriber, longest", "ms", heard.slowest * 1000),
        plain(f"{name}: latency of whoever is served worst, over the mean", "times", heard.behind),
        plain(f"{name}: deliveries of {burst} jobs at once", "events/s", heard.rate),
    ]


async def _follow(
    house: Installation, project: str, count: int, single: int, burst: int
) -> tuple[Heard, float]:
    address = urlsplit(house.settings.url)
    loop = asyncio.get_running_loop()
    asked = request("GET", f"/projects/{project}/events", bearer=house.operator_key)
    people: list[_Subscriber] = []
    for _ in range(count):
        _, one = await loop.create_connection(lambda: _Subscriber(asked), address.hostname, address.port)
        people.append(one)
    await _until(lambda: all(one.begun for one in people))
    megabytes = house.api_megabytes()
    for number in range(single):
        await submit(house, [project], 1, clients=1)
        await _until(lambda: all(len(one.seconds) > number for one in people))  # noqa: B023 - awaited in the turn
        await asyncio.sleep(_PAUSE_SECONDS)
    found = [list(one.seconds) for one in people]
    begun = time.perf_counter()
    await submit(house, [project], burst, clients=min(burst, 32))
    await _until(lambda: all(len(one.seconds) >= single + burst for one in people))
    rate = burst * count / (time.perf_counter() - begun)
    for one in people:
        one.leave()
    everything = [value for values in found for value in values]
    mean = sum(everything) / len(everything)
    worst = max(sum(values) / len(values) for values in found)
    return Heard(Latencies.of(everything), max(everything), worst / mean, rate), megabytes


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("Not all subscribers heard of everything.")
        await asyncio.sleep(0.01)


class _Subscriber(asyncio.Protocol):
    """One connection that reads events and notes how old they were."""

    def __init__(self, asked: bytes) -> None:
        self.begun = False
        self.seconds: list[float] = []
        self._asked = asked
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        """Note the events in it; a piece may end in the middle of one."""
        now = time.time()
        self._rest += data
        self.begun = self.begun or b"\nid: " in self._rest  # from there on nothing is missed
        end = 0
        for match in _TIME.finditer(self._rest):
            self.seconds.append(now - datetime.fromisoformat(match[1].decode()).timestamp())
            end = match.end()
        self._rest = self._rest[end:][-400:]

    def leave(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()
