"""Uploads that never finished: their staged bytes are removed after a while."""

import logging
from typing import Protocol

from maquette.maintenance.loop import forever

_LOG = logging.getLogger(__name__)
INTERVAL_SECONDS = 600.0


class Sweepable(Protocol):
    """A store that stages uploads."""

    async def sweep(self) -> int:
        """Remove what is staged for too long; return how many entries."""
        ...


class StagingSweeper:
    """``run()`` over ``run_once()``."""

    def __init__(self, objects: Sweepable) -> None:
        self._objects = objects

    async def run(self) -> None:
        """Sweep every ten minutes until canceled."""
        await forever(self.run_once, "Sweeping unfinished uploads", lambda _removed: INTERVAL_SECONDS)

    async def run_once(self) -> int:
        """Sweep once."""
        removed = await self._objects.sweep()
        if removed:
            _LOG.info("Removed %d unfinished uploads", removed)
        return removed
