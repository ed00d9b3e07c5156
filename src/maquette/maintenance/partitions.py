"""Partitions of ``events``: made ahead, so that each month's events find theirs."""

import logging

from maquette.maintenance.loop import forever
from maquette.store import outbox
from maquette.store.database import Database

_LOG = logging.getLogger(__name__)
INTERVAL_SECONDS = 3600.0
MONTHS_AHEAD = 2


class Partitions:
    """``run()`` over ``run_once()``. Late is no harm: what has no partition goes to the default one and moves later."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Look every hour until canceled."""
        await forever(self.run_once, "Making partitions", lambda _made: INTERVAL_SECONDS)

    async def run_once(self) -> list[str]:
        """Make what is missing; return the new partitions' names."""
        async with self._database.connection() as connection:
            made = await outbox.make_partitions(connection, MONTHS_AHEAD)
        if made:
            _LOG.info("Made the partitions %s", ", ".join(made))
        return made
