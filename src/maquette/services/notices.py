"""Notices: tasks that one process has and another one's workers wait for.

A claim waits in one process, while any of them may make it a task: its looks at the queue, four a second, would find it
an eighth of a second later in the mean. So a process whose claims wait says so to all, and whoever leaves a task in line
that nobody waits for in its own process tells one of those: as many as there are tasks are woken, and nobody else.

Nothing of it is in a transaction that changes a job, and none is said where nobody waits elsewhere. What is not heard
is found by looking, as ever: behind a pooler without a direct address that is all there is.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

import msgspec

from maquette.domain.errors import MaquetteError
from maquette.services.neighbours import Pair
from maquette.services.transactor import Transactor
from maquette.store.notices import BYTES_MAX, Line

_LOG = logging.getLogger(__name__)
_HUNGRY = "maquette_hungry"
#: How often a process says that its claims go on waiting, and how long that is believed.
TOLD_SECONDS = 1.0
BELIEVED_SECONDS = 2.5
#: Claims come and go: that one more waits is said at most so often.
_PAUSE_SECONDS = 0.02
_AGAIN_SECONDS = 1.0

_encode = msgspec.json.Encoder().encode
Counts = list[tuple[str, str, int]]
"""Service, step, how many."""


class _Hungry(msgspec.Struct):
    replica: str
    counts: Counts


_hungry = msgspec.json.Decoder(_Hungry)
_ready = msgspec.json.Decoder(Counts)


@dataclass(slots=True)
class _Elsewhere:
    """Claims that wait in another process, as it said."""

    until: float
    counts: Counter[Pair] = field(default_factory=Counter)


class Notices:
    """What one process tells the others, and hears of them."""

    def __init__(self, transactor: Transactor, url: str, *, statement_seconds_max: float) -> None:
        self._transactor = transactor
        self._url = url
        self._statement_seconds_max = statement_seconds_max
        self._replica = uuid4().hex
        self._elsewhere: dict[str, _Elsewhere] = {}
        self._ready: dict[str, Counter[Pair]] = {}
        self._told: Counter[Pair] = Counter()
        self._told_at = float("-inf")
        self._news = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self.said = 0
        """Notices that were sent."""

    def start(self) -> None:
        """Begin to speak and to hear; without a server in reach it is tried again and again, without an address never."""
        if not self._url:
            return
        self._transactor.neighbours = self
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Fall silent."""
        if self._loop is not None:
            self._transactor.neighbours = None
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    def left(self, ready: Mapping[Pair, int]) -> None:
        """Let as many claims elsewhere know as tasks are in line that nobody waits for here."""
        now = time.monotonic()
        for pair, count in ready.items():
            still = count
            for replica, other in self._elsewhere.items():
                given = min(still, other.counts[pair]) if other.until > now else 0
                if given:
                    other.counts[pair] -= given
                    self._ready.setdefault(replica, Counter())[pair] += given
                    still -= given
                    self._news.set()

    def parked(self) -> None:
        """Note that a claim begins to wait here."""
        self._news.set()

    def _heard_hungry(self, text: str) -> None:
        with suppress(msgspec.DecodeError):
            said = _hungry.decode(text)
            if said.replica != self._replica:
                counts = Counter({(service, step): count for service, step, count in said.counts})
                # The least lately heard of comes first: so tasks go round.
                self._elsewhere.pop(said.replica, None)
                self._elsewhere[said.replica] = _Elsewhere(time.monotonic() + BELIEVED_SECONDS, counts)

    def _heard_ready(self, text: str) -> None:
        with suppress(msgspec.DecodeError):
            told = Counter({(service, step): count for service, step, count in _ready.decode(text)})
            self._told -= told  # so many fewer are believed there to wait: who waits again says so anew
            self._transactor.tell(told)

    async def _run(self) -> None:
        heard = {_HUNGRY: self._heard_hungry, _channel(self._replica): self._heard_ready}
        while True:
            with suppress(MaquetteError):
                seconds = self._statement_seconds_max
                line = await Line.open(self._url, heard, self._news.set, statement_seconds_max=seconds)
                try:
                    while line.open_still:
                        await self._speak(line)
                except Exception:  # noqa: BLE001 - the loop must outlive one bad notice
                    _LOG.exception("Telling other processes of tasks failed.")
                finally:
                    line.close()
            self._told = Counter()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _speak(self, line: Line) -> None:
        """Say what is to be said; if that is nothing, wait until there may be something."""
        self._news.clear()
        notices = {_channel(replica): _text(counts) for replica, counts in self._ready.items()}
        self._ready = {}
        silent = time.monotonic() - self._told_at
        wait: float | None = _PAUSE_SECONDS - silent
        if silent >= _PAUSE_SECONDS:
            hungry = self._transactor.hungry
            wait = TOLD_SECONDS if hungry else None
            if hungry - self._told or (hungry and silent >= TOLD_SECONDS):
                self._told, self._told_at = hungry, time.monotonic()
                notices[_HUNGRY] = _encode(_Hungry(self._replica, _listed(hungry))).decode()
        # What is longer than a notice may be is found by looking.
        notices = {channel: text for channel, text in notices.items() if len(text.encode()) <= BYTES_MAX}
        if notices:
            self.said += len(notices)
            await line.say(notices)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._news.wait()


def _channel(replica: str) -> str:
    return f"maquette_ready_{replica}"


def _listed(counts: Mapping[Pair, int]) -> Counts:
    return [(*pair, count) for pair, count in counts.items()]


def _text(counts: Mapping[Pair, int]) -> str:
    return _encode(_listed(counts)).decode()
