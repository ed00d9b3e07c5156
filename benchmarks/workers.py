"""A worker process: the product's SDK with handlers that do nothing. ``python -m benchmarks.workers COUNT CAPACITY``.

Files are left out: the stages of an attempt that download, hash and upload them are replaced, and so nothing is
cleared away but the handler's own folder. Everything else (claims, leases, heartbeats, the handlers' contract,
outcomes) is the SDK's.
"""

import asyncio
import dataclasses
import functools
import sys
from pathlib import Path
from unittest import mock

from benchmarks.sampling import sampled
from benchmarks.work import MODEL, MODEL_VERSION, SERVICE, STEPS, file_of, outputs_of
from maquette import settings
from maquette.worker import Context, Result, Succeeded, Worker, execution
from maquette.worker.execution import Attempt, Equipment
from maquette.worker.folders import Folders

_discard = Folders.discard
_FILES = {step: (file_of(step),) for step in STEPS}


async def do_nothing(context: Context) -> Result:
    """Succeed at once."""
    return Succeeded((), outputs_of(context.step), MODEL, MODEL_VERSION)


async def _skip(attempt: Attempt, _: Equipment) -> Attempt:
    return attempt


async def _declare(attempt: Attempt, _: Equipment) -> Attempt:
    return dataclasses.replace(attempt, files=_FILES[attempt.task.step])


async def _discard_own(folders: Folders, path: Path, *, reuse: bool) -> None:
    if reuse:  # all but the folder of downloads, which was never made
        await _discard(folders, path, reuse=reuse)


async def run(count: int, capacity: int) -> None:
    """Run ``count`` workers with ``capacity`` tasks each until SIGTERM; each has connections of its own."""
    configured = settings.load()
    handlers = dict.fromkeys(STEPS, do_nothing)
    make = functools.partial(
        Worker, configured.url, configured.worker_token, SERVICE, handlers, capacity=capacity
    )
    first, *others = [make(workdir=configured.data_dir / "work") for _ in range(count)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker.run(signals=False)) for worker in others]
        await first.run()
        for worker in others:
            worker.stop()
        await asyncio.gather(*tasks)


def main() -> None:
    """Work until told to stop."""
    count, capacity = map(int, sys.argv[1:3])
    with (
        mock.patch.multiple(execution, download=_skip, collect=_declare, upload=_skip),
        mock.patch.object(Folders, "discard", _discard_own),
        sampled("worker"),
    ):
        asyncio.run(run(count, capacity))


if __name__ == "__main__":
    main()
