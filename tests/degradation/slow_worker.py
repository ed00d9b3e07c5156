"""The crowd's light worker, with something in its hands at any moment."""

import asyncio

import light_worker

from maquette.worker import Context, Result

swift = light_worker.work


async def slow(context: Context) -> Result:
    """Take half a second."""
    await asyncio.sleep(0.5)
    return await swift(context)


if __name__ == "__main__":
    light_worker.work = slow
    asyncio.run(light_worker.main())
