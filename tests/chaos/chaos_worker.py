"""The crowd's light worker, slow enough to be hit, with a clock of its own: ``python chaos_worker.py SKEW_SECONDS``."""

import asyncio
import sys
import time

import light_worker

from maquette.worker import Context, Result

swift = light_worker.work


async def slow(context: Context) -> Result:
    """Take up to half a second, whatever the seed says."""
    await asyncio.sleep((context.seed + len(context.step)) % 6 * 0.1)
    return await swift(context)


if __name__ == "__main__":
    skew = float(sys.argv[1])
    honest = time.time
    time.time = lambda: honest() + skew
    light_worker.work = slow
    asyncio.run(light_worker.main())
