"""The crowd's light worker, slow enough to be hit, with a clock and a network of its own: ``python chaos_worker.py NAME SKEW_SECONDS``."""

import asyncio
import os
import random
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import light_worker
from chaos_plan import FICKLE

from maquette import settings
from maquette.worker import Context, Failed, Result, Worker, client
from maquette.worker.errors import Refused, Unavailable

WHIMS = Path(os.environ["CHAOS_WHIMS"])

swift = light_worker.work
once = client.Client._once
ghosts: set[asyncio.Task[None]] = set()


async def slow(context: Context) -> Result:
    """Take up to half a second, whatever the seed says; a few exports fail for good the first time."""
    await asyncio.sleep((context.seed + len(context.step)) % 6 * 0.1)
    if context.step == "export" and context.attempt == 1 and context.seed % 16 == 5:
        return Failed("sick", "It does not want to.", "invalid")
    return await swift(context)


async def ailing(context: Context) -> Result:
    """The same, by a service that does nothing but fail while a sign says so."""
    if (WHIMS / "sick service").exists():
        return Failed("sick", "It is not well.", random.choice(("transient", "transient", "invalid")))
    return await slow(context)


async def main() -> None:
    """Work for both services until told to stop."""
    configured = settings.load()
    services = {"studio": dict.fromkeys(light_worker._MAKES, slow), "fickle": dict.fromkeys(FICKLE, ailing)}
    async with asyncio.TaskGroup() as group:
        for service, handlers in services.items():
            worker = Worker(
                configured.url,
                configured.worker_token,
                service,
                handlers,
                name=f"{NAME} {service}",
                capacity=8,
                workdir=configured.data_dir / "work",
                grace_seconds=2.0,
            )
            group.create_task(worker.run())


async def stammering(self: client.Client, path: str, payload: bytes, *more: Any) -> Any:
    """Say everything twice while a sign says so, the second time now or after what is said later; heartbeats come late."""
    if not (WHIMS / f"repeat {NAME}").exists():
        return await once(self, path, payload, *more)
    if path.endswith("heartbeats"):
        await asyncio.sleep(random.uniform(0.2, 0.8))

    async def again() -> None:
        await asyncio.sleep(random.choice((0.0, 0.3, 2.0)))
        with suppress(Refused, Unavailable):
            await once(self, path, payload, *more)

    ghost = asyncio.create_task(again())
    ghosts.add(ghost)
    ghost.add_done_callback(ghosts.discard)
    return await once(self, path, payload, *more)


if __name__ == "__main__":
    NAME, skew = sys.argv[1], float(sys.argv[2])
    honest = time.time
    time.time = lambda: honest() + skew
    client.Client._once = stammering
    asyncio.run(main())
