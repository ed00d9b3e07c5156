"""A receiver of webhooks as a process of its own: ``python -m benchmarks.receiver``. It answers at once and keeps count.

It says its address; ``GET`` tells how many events came, and how many out of order.
"""

import asyncio
import json
import sys

from aiohttp import web


async def _serve() -> None:
    last: dict[str, int] = {}
    wrong = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal wrong
        event = json.loads(await request.read())
        stream, sequence = event["partitionkey"], int(event["sequence"])
        wrong += sequence != last.get(stream, 0) + 1
        last[stream] = sequence
        return web.Response(status=204)

    async def tell(_request: web.Request) -> web.Response:
        return web.json_response({"events": sum(last.values()), "out_of_order": wrong})

    app = web.Application()
    app.router.add_post("/", take)
    app.router.add_get("/", tell)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve())
