"""Following projects: one poll a process, and one reading of each page, however many follow."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from maquette.domain.errors import MaquetteError
from maquette.store import events
from maquette.store.database import Database
from maquette.store.events import Page, Running
from maquette.store.snapshot import Snapshot

_LOG = logging.getLogger(__name__)
POLL_SECONDS = 0.25
#: This process's own commits are news at once, but looked for no more often than this.
GATHER_SECONDS = 0.03
PROGRESS_SECONDS = 1.0
SILENCE_SECONDS = 15.0
PAGE = 500
#: Pages that a feed keeps for its followers; who is further behind reads for himself.
KEPT = 16


class Feed:
    """One project's newest pages and the progress of its running steps."""

    def __init__(self) -> None:
        self.seen: Snapshot | None = None
        """How far the pages go; None until the first look."""
        self.running: dict[UUID, Running] = {}
        self.followers: set[asyncio.Event] = set()
        self._pages: deque[Page] = deque(maxlen=KEPT)
        self._turn = asyncio.Lock()
        self._looks = 0

    async def advance(self, database: Database, project: UUID) -> Snapshot:
        """Read what is new and return how far that goes; the first time, only where now is.

        Whoever asks while a look is under way gets the next one, with all others who do: each with one of his own, a
        thousand who began to follow took 12 s of turns, and each turn woke all of them.
        """
        wanted = self._looks + 1
        async with self._turn:
            if self.seen is not None and self._looks >= wanted:
                return self.seen
            self._looks += 1
            async with database.tenant([project]) as connection:
                seen, whole = self.seen or await events.now(connection), False
                while not whole:
                    page = await events.of_project(connection, project, seen, None, PAGE)
                    whole = page.whole
                    if page.events:
                        self._pages.append(page)
                        seen = page.after
            self.seen = seen
            self.wake()
            return seen

    async def after(self, database: Database, project: UUID, seen: Snapshot) -> Page | None:
        """Return the page that follows a snapshot; None when that is where the feed is."""
        kept = next((page for page in self._pages if page.before == seen), None)
        if kept is not None or seen == self.seen:
            return kept
        async with database.tenant([project]) as connection:
            return await events.of_project(connection, project, seen, self.seen, PAGE)

    def wake(self) -> None:
        """Tell the followers that there is something."""
        for follower in self.followers:
            follower.set()


class Feeds:
    """The feeds of the projects that somebody follows here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._feeds: dict[UUID, Feed] = {}
        self._stirred: set[UUID] = set()
        self._stir = asyncio.Event()
        self._polled_at = self._asked_at = 0.0
        self._loop: asyncio.Task[None] | None = None

    def committed(self, projects: Iterable[UUID]) -> None:
        """Look soon for news of projects in which this process has just changed something."""
        stirred = self._feeds.keys() & projects
        if stirred:
            self._stirred |= stirred
            self._stir.set()

    def start(self) -> None:
        """Start the poller."""
        self._loop = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """Stop the poller and let every follower end."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop
        for feed in self._feeds.values():
            feed.wake()

    async def _poll(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._stir.wait()
            self._stir.clear()
            try:
                await self.run_once()
            except MaquetteError:
                pass
            except Exception:  # noqa: BLE001 - the loop must outlive one bad poll
                _LOG.exception("Looking for news of projects failed.")
            await asyncio.sleep(GATHER_SECONDS)

    async def run_once(self) -> None:
        """Look for news where there may be some, and from time to time everywhere."""
        due, self._stirred = self._stirred, set()
        now = time.monotonic()
        if self._feeds and now - self._polled_at >= POLL_SECONDS:
            self._polled_at = now
            async with self._database.connection() as connection:
                seen = {project: feed.seen for project, feed in self._feeds.items() if feed.seen}
                due.update(await events.news(connection, seen))
                if now - self._asked_at >= PROGRESS_SECONDS:
                    self._asked_at = now
                    self._show(await events.running(connection, list(self._feeds)))
        for project in due & self._feeds.keys():
            await self._feeds[project].advance(self._database, project)

    def _show(self, running: dict[UUID, list[Running]]) -> None:
        for project, items in running.items():
            found = {item.job_id: item for item in items}
            feed = self._feeds.get(project)
            if feed is not None and feed.running != found:
                feed.running = found
                feed.wake()

    @contextmanager
    def _followed(self, project: UUID) -> Iterator[tuple[Feed, asyncio.Event]]:
        feed, news = self._feeds.setdefault(project, Feed()), asyncio.Event()
        feed.followers.add(news)
        try:
            yield feed, news
        finally:
            feed.followers.discard(news)
            if not feed.followers:
                self._feeds.pop(project, None)

    async def follow(self, project: UUID, seen: Snapshot | None) -> AsyncIterator[Page | Running | None]:
        """Yield where it begins, as an empty page, then a project's pages after it and progress between them.

        ``seen`` is where a page ended; None is now. None comes when there was no news for a while.
        """
        with self._followed(project) as (feed, news):
            now = await feed.advance(self._database, project)
            seen = seen or now
            yield Page(seen, seen, (), whole=True)
            told: dict[UUID, Running] = {}
            while True:
                news.clear()
                while (page := await feed.after(self._database, project, seen)) is not None:
                    seen = page.after
                    yield page
                for job_id, running in feed.running.items():
                    if told.get(job_id) != running:
                        yield running
                told = feed.running
                if self._loop is None:
                    return
                try:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        await news.wait()
                except TimeoutError:
                    yield None
