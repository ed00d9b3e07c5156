"""Following jobs: one poller a process for all followers, woken at once by this process's own commits."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from uuid import UUID

from maquette.domain.errors import MaquetteError, Unavailable
from maquette.domain.events import FINAL_EVENTS, Event
from maquette.domain.job import TERMINAL, Job
from maquette.services.feed import Feeds
from maquette.store import events as event_rows
from maquette.store.database import Database
from maquette.store.events import Pulse, Running

_LOG = logging.getLogger(__name__)
POLL_SECONDS = 0.25
QUIET_SECONDS = 15.0
PAGE = 200
#: Event streams that one process serves: each costs a look at the database with each piece of news.
STREAMS_MAX = 2000


class Hub:
    """Tells followers that their job has news. Correct without it, faster with it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followers: dict[UUID, set[asyncio.Event]] = {}
        self._pulses: dict[UUID, Pulse] = {}
        self._loop: asyncio.Task[None] | None = None
        self.feeds = Feeds(database)
        self.streams = 0
        """Event streams that are being served."""

    async def start(self) -> None:
        """Start the pollers."""
        self.feeds.start()
        self._loop = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """Stop the pollers and let every follower end."""
        await self.feeds.stop()
        if self._loop is not None:
            self._loop.cancel()
            with suppress(asyncio.CancelledError):
                await self._loop
        for events in self._followers.values():
            for event in events:
                event.set()
        self._loop = None

    def admit(self) -> None:
        """Raise ``Unavailable`` when no further stream can be served here."""
        if self._loop is None:
            raise Unavailable("The server is stopping.", retry_after_seconds=1)
        if self.streams >= STREAMS_MAX:
            raise Unavailable("Too many event streams are open here.", retry_after_seconds=5)

    @property
    def running(self) -> bool:
        """Whether followers may wait for news."""
        return self._loop is not None

    def committed(self, jobs: Sequence[Job]) -> None:
        """Wake the followers of jobs that this process has just changed."""
        for job in jobs:
            for event in self._followers.get(job.id, ()):
                event.set()
        self.feeds.committed({job.project_id for job in jobs})

    def subscribe(self, job_id: UUID) -> asyncio.Event:
        """Return an event that is set when the job has news."""
        event = asyncio.Event()
        self._followers.setdefault(job_id, set()).add(event)
        return event

    def unsubscribe(self, job_id: UUID, event: asyncio.Event) -> None:
        """Forget a follower."""
        events = self._followers.get(job_id, set())
        events.discard(event)
        if not events:
            self._followers.pop(job_id, None)
            self._pulses.pop(job_id, None)

    def progress(self, job_id: UUID) -> Running | None:
        """Return how far the running step was at the last poll."""
        pulse = self._pulses.get(job_id)
        return pulse.running if pulse else None

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if not self._followers:
                continue
            try:
                async with self._database.connection() as connection:
                    pulses = await event_rows.pulses(connection, list(self._followers))
            except MaquetteError:
                continue
            except Exception:  # noqa: BLE001 - the loop must outlive one bad poll
                _LOG.exception("Looking for news failed.")
                continue
            for job_id, pulse in pulses.items():
                if self._pulses.get(job_id) != pulse:
                    self._pulses[job_id] = pulse
                    for event in self._followers.get(job_id, ()):
                        event.set()


async def follow(
    database: Database, hub: Hub, project: UUID, job_id: UUID, after: int
) -> AsyncIterator[Event | Running | None]:
    """Yield a job's events after a sequence, and progress between them, until the job has ended.

    None comes when there was no news for a while: a chance to show that the line is alive.
    """
    news = hub.subscribe(job_id)
    told: Running | None = None
    try:
        while True:
            news.clear()
            async with database.tenant([project]) as connection:
                page = await event_rows.of_job(connection, job_id, after, PAGE)
                if not page:
                    pulse = (await event_rows.pulses(connection, [job_id])).get(job_id)
                    if pulse is None or pulse.status in TERMINAL:
                        # All has been told by now: retention may have left little of it, or not even the job.
                        page = await event_rows.of_job(connection, job_id, after, PAGE)
                        if not page:
                            return
            for event in page:
                after = event.sequence
                yield event
                if event.type in FINAL_EVENTS:
                    return
            progress = hub.progress(job_id)
            if progress is not None and progress != told:
                told = progress
                yield progress
            if len(page) == PAGE:
                continue
            if not hub.running:
                return
            # Not wait_for(): before Python 3.12 it swallows being canceled when news comes at that moment.
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    await news.wait()
            except TimeoutError:
                yield None
    finally:
        hub.unsubscribe(job_id, news)
