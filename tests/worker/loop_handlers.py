"""Async handlers that the tests run on the worker's event loop."""

import asyncio

from maquette.worker import Context, Result, Succeeded

DONE = Succeeded(artifacts=(), outputs={}, model="test", model_version="1")


async def noop(context: Context) -> Result:
    return DONE


class Gate:
    """An async handler that waits in the middle, where the test can see and release it."""

    def __init__(self) -> None:
        self.entered = asyncio.Semaphore(0)
        self.open = asyncio.Event()
        self.canceled = 0

    async def __call__(self, context: Context) -> Result:
        context.progress(0.5, "at the gate")
        self.entered.release()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        return DONE

    async def enter(self, count: int = 1) -> None:
        async with asyncio.timeout(10):
            for _ in range(count):
                await self.entered.acquire()
