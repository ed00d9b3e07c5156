"""Jobs played through the real services in batches of a chosen size, act by act, with nothing that a clock decides."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from benchmarks.api import SameFileEverywhere
from benchmarks.work import file_of
from house import WORKER, House, furnish

from maquette import wire
from maquette.bootstrap import open_deps
from maquette.services import board, execution, moderation, pace, tariff
from maquette.services.jobs import JobView
from maquette.settings import Settings
from maquette.store import tasks
from maquette.wiring import stores

#: What is known of policies, tariffs and paces is believed for a second or two: here for as long as it takes.
_EVER = 1e9
#: Fences are drawn 500 at a time. Drawn before, no claim does it.
_FENCES = 20_000
T = TypeVar("T")
Watch = Callable[[str], Any]
"""Given an act's name, a context manager around what the act costs."""


@dataclass
class Theatre:
    """An installation without loops: every batch is what this says, on one lane."""

    house: House

    async def play(self, jobs: int, watch: Watch = nullcontext) -> None:
        """Take so many jobs of seven steps from their briefs into the library, all in each batch.

        Acts: "submit" (``jobs`` requests), "claim", "complete and claim" (six times), "last step" (one request each).
        """
        with watch("submit"):
            await self._together(jobs, self._submitted)
        with watch("claim"):
            found = await self._alone(self.house.claim(jobs))
        assert len(found) == jobs
        while found:
            with watch("uploads"):
                await self._grants(found)
            outcomes = [self.house.made(task, file_of(task.step)) for task in found]
            last = found[0].step == "export"
            with watch("last step" if last else "complete and claim"):
                claim = None if last else self.house.wish(jobs)
                answer = await self._alone(self.house.report(*outcomes, claim=claim))
            assert {item.verdict for item in answer.verdicts} == {"applied"}
            found = answer.claim.tasks if answer.claim else []
            assert last or len(found) == jobs

    async def written(self) -> tuple[int, int]:
        """Return how many bytes of WAL the lane has written so far, and how many full pages."""
        connection = await self.house.deps.transactor._lanes[0].session._connected()
        await connection.execute(
            "select pg_stat_force_next_flush()"
        )  # its counts wait up to a second otherwise
        row = await connection.fetchrow("select * from pg_stat_get_backend_wal(pg_backend_pid())")
        return int(row["wal_bytes"]), row["wal_fpi"]

    async def _submitted(self) -> JobView:
        return await self.house.submit(library_path=f"props/{uuid.uuid4().hex}")

    async def _grants(self, found: Sequence[wire.Task]) -> None:
        """Ask where the tasks' files go. Nobody brings them there: that costs the database nothing."""
        wanted = [_upload(task, file_of(task.step)) for task in found]
        answer = await execution.uploads(self.house.deps, WORKER, wire.UploadsRequest(uploads=wanted))
        assert {grant.verdict for grant in answer.grants} == {"applied"}

    async def _together(self, count: int, request: Callable[[], Awaitable[T]]) -> list[T]:
        """Make requests that come to the transactor while it is busy, so that one batch does them all."""
        requests = [asyncio.ensure_future(request()) for _ in range(count)]
        while self.house.deps.transactor.waiting < count:
            assert not any(item.done() for item in requests)
            await asyncio.sleep(0)
        async with self._lane():
            return await asyncio.gather(*requests)

    async def _alone(self, request: Awaitable[T]) -> T:
        async with self._lane():
            return await request

    @asynccontextmanager
    async def _lane(self) -> AsyncIterator[None]:
        """Let one lane work, in the context of whoever watches."""
        transactor = self.house.deps.transactor
        lane = asyncio.create_task(transactor._drive(transactor._lanes[0]))
        try:
            yield
        finally:
            lane.cancel()
            await asyncio.gather(lane, return_exceptions=True)


def _upload(task: wire.Task, file: wire.OutputArtifact) -> wire.UploadRequest:
    return wire.UploadRequest(
        task_id=task.task_id,
        fence=task.fence,
        name=file.name,
        media_type=file.media_type,
        bytes=file.bytes,
        sha256=file.sha256,
    )


@contextmanager
def _without_clocks_and_files() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "LocalObjects", SameFileEverywhere)
        patch.setattr(moderation, "BELIEVED_SECONDS", _EVER)
        patch.setattr(tariff, "FRESH_SECONDS", _EVER)
        patch.setattr(board, "FRESH_SECONDS", _EVER)
        patch.setattr(pace, "FRESH_SECONDS", _EVER)
        yield


@asynccontextmanager
async def opened(folder: Path, database_url: str) -> AsyncIterator[Theatre]:
    """Open an installation whose batches are only those that `Theatre` makes."""
    settings = Settings(
        data_dir=folder,
        database_url=database_url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
    )
    with _without_clocks_and_files():
        async with open_deps(settings) as deps:
            house = await furnish(deps)
            await house.gates()
            transactor = deps.transactor
            loops = [*transactor._loops, transactor._poller]
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            async with deps.database.connection() as connection:
                transactor._lanes[0].fences._drawn += await tasks.next_fences(connection, _FENCES)
            yield Theatre(house)
