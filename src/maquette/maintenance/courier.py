"""The courier: tells one sink what it is owed, in order within each stream, and waits for nobody else."""

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from maquette.domain.events import Event
from maquette.ports import EventBus, Unpublishable
from maquette.store import outbox
from maquette.store.database import Database
from maquette.store.outbox import Owed, Told

_LOG = logging.getLogger(__name__)
#: How soon it looks again without news from the mover: other replicas' shards come with what they still owed.
IDLE_SECONDS = 1.0
#: A sink that has not answered by then is taken to have failed.
PUBLISH_SECONDS_MAX = 30.0
BACKOFF_SECONDS, BACKOFF_SECONDS_MAX = 0.25, 30.0
#: Streams on hold that are remembered; more than that at once is a failure of the sink.
HELD_MAX = 1000
_REASON_LENGTH_MAX = 300


@dataclass(slots=True)
class _Hold:
    """A stream whose next event the sink refused."""

    until: float
    tries: int


class Courier:
    """One sink's ``run_once()``. Nothing is kept in memory but the page under way and the streams on hold."""

    def __init__(self, database: Database, sink: EventBus) -> None:
        self._database = database
        self._sink = sink
        self._epoch: UUID | None = None
        self._per_shard = 1
        self._held: dict[UUID, _Hold] = {}
        self._tries = 0
        self._published = self._failures = 0
        self._error: str | None = None
        self._proven = False
        self.news = asyncio.Event()

    @property
    def name(self) -> str:
        """The sink's name."""
        return self._sink.name

    def serve(self, epoch: UUID, per_shard: int) -> None:
        """Deliver for an epoch's shards from now on."""
        if epoch != self._epoch:
            self._held.clear()
            self.news.set()
        self._epoch, self._per_shard = epoch, per_shard

    def told(self) -> Told:
        """Return what became of publishing since the last time it was asked for."""
        told = Told(self.name, self._published, self._failures, self._error)
        self._published, self._failures, self._error = 0, 0, None
        return told

    async def turn(self) -> float:
        """Wait for news, then ``run_once()``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self.news.wait()
        self.news.clear()
        return await self.run_once()

    async def run_once(self) -> float:
        """Publish a page and remove what was acknowledged; return the seconds to leave the sink in peace."""
        if self._epoch is None:
            return 0.0
        epoch, now = self._epoch, time.monotonic()
        held = [stream for stream, hold in self._held.items() if hold.until > now]
        async with self._database.connection() as connection:
            page = await outbox.owed(connection, epoch, self.name, held=held, per_shard=self._per_shard)
        if not page:
            return 0.0
        events = [item.event for item in page if item.event is not None]
        published = await self._publish(events)
        self._proven = self._proven or None in published
        answers = iter(published)
        told = [(item, next(answers) if item.event is not None else None) for item in page]
        done, parked, refused = _sorted(told, proven=self._proven)
        if len(events) < len(page):
            _LOG.warning("Retention removed %d events before %s had them", len(page) - len(events), self.name)
        if done:
            async with self._database.connection() as connection:
                removed = await outbox.acknowledge(connection, epoch, self.name, done)
            self._published += removed  # after the wait: meanwhile the count so far may have been told
        if parked:
            _LOG.error("%s can never take %d events; the first: %s", self.name, len(parked), parked[0][1])
            async with self._database.connection() as connection:
                await outbox.park(connection, epoch, self.name, parked)
        settled = {item.stream_id for item in (*done, *(item for item, _ in parked))}
        if settled:
            self.news.set()  # there may be more
        return self._wait_after(settled, refused)

    async def _publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """Return the sink's answers; one that raises, hangs or answers something else has refused everything."""
        if not events:
            return []
        try:
            async with asyncio.timeout(PUBLISH_SECONDS_MAX):
                answers = await self._sink.publish(events)
        except Exception as error:  # noqa: BLE001 - whatever a sink raises, it is this sink's trouble alone
            return [error] * len(events)
        if len(answers) != len(events):
            return [ValueError(f"{len(answers)} answers to {len(events)} events")] * len(events)
        return answers

    def _wait_after(self, got_on: set[UUID], refused: dict[UUID, Exception]) -> float:
        """Put refused streams on hold; when nothing got through, it is the sink: leave it in peace for a while."""
        if not refused:
            self._tries = 0
            self._held = {stream: hold for stream, hold in self._held.items() if stream not in got_on}
            return 0.0
        error = next(iter(refused.values()))
        self._failures += 1
        self._error = f"{type(error).__name__}: {error}"[:_REASON_LENGTH_MAX]
        _LOG.warning("%s refused events of %d streams: %s", self.name, len(refused), self._error)
        now = time.monotonic()
        held = {
            stream: hold
            for stream, hold in self._held.items()
            if stream not in got_on and hold.until > now - BACKOFF_SECONDS_MAX
        }
        if got_on or (len(refused) == 1 and len(held) < HELD_MAX):
            self._tries = 0
            for stream in refused:
                tries = held[stream].tries + 1 if stream in held else 1
                held[stream] = _Hold(now + _backoff(tries), tries)
            self._held = held
            return 0.0
        self._tries += 1
        self.news.set()  # once it has been left in peace, nothing else is to be waited for
        return _backoff(self._tries)


def _sorted(
    told: Sequence[tuple[Owed, Exception | None]], *, proven: bool
) -> tuple[list[Owed], list[tuple[Owed, str]], dict[UUID, Exception]]:
    """Return what was acknowledged, what never will be, and by stream the first refusal: all after it is refused, too.

    While nothing proves that a sink takes anything, its settings are more likely wrong than all events: nothing is parked.
    """
    done: list[Owed] = []
    parked: list[tuple[Owed, str]] = []
    refused: dict[UUID, Exception] = {}
    for item, error in told:
        if item.stream_id in refused:
            continue
        if error is None:
            done.append(item)
        elif isinstance(error, Unpublishable) and proven:
            parked.append((item, str(error)[:_REASON_LENGTH_MAX]))
        else:
            refused[item.stream_id] = error
    return done, parked, refused


def _backoff(tries: int) -> float:
    """Full jitter over a floor, so that trying in vain cannot become a busy loop."""
    cap: float = min(BACKOFF_SECONDS * 2.0 ** min(tries, 32), BACKOFF_SECONDS_MAX)
    return cap / 4 + random.random() * cap * 3 / 4  # noqa: S311 - no secret
