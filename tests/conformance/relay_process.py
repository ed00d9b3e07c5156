"""A maintenance process that relays to one sink, to be stopped and killed: ``relay_process.py URL KIND FOLDER LEASE``."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from sinks import GROUNDS

from maquette.domain.events import Event
from maquette.maintenance.relay import Relay
from maquette.ports import EventBus
from maquette.store.database import Database


class Slow:
    """Publishes bit by bit, so that a blow falls between send and acknowledge more often than not."""

    def __init__(self, inner: EventBus) -> None:
        self._inner, self.name = inner, inner.name

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        answers: list[Exception | None] = []
        bit = max(5, len(events) // 4)
        for start in range(0, len(events), bit):
            answers += await self._inner.publish(events[start : start + bit])
            await asyncio.sleep(0.01)
        return answers


async def main(url: str, kind: str, folder: str, lease_seconds: str) -> None:
    database = await Database.open(url, connections_max=4)
    await Relay(
        database, [Slow(GROUNDS[kind](Path(folder), url).sink())], lease_seconds=float(lease_seconds)
    ).run()


asyncio.run(main(*sys.argv[1:]))
