"""Reuse: lets jobs look again that waited for another one's work, once nobody is doing it any more.

Any number of replicas may run it: what is found is only a hint, and a command that comes twice does nothing. It asks what
is true, not what happened, so whoever crashed on the way leaves no job waiting.
"""

from maquette.domain.commands import EqualEnded
from maquette.maintenance.loop import apart, forever
from maquette.services.orders import Order
from maquette.services.transactor import Transactor
from maquette.store import reuse
from maquette.store.database import Database

BATCH_MAX = 1000
INTERVAL_SECONDS = 0.5


class FollowerLoop:
    """``run()`` over ``run_once()``."""

    def __init__(self, database: Database, transactor: Transactor) -> None:
        self._database = database
        self._transactor = transactor

    async def run(self) -> None:
        """Look after those who wait for equal work until canceled; the database being away is waited out."""
        await forever(self.run_once, "Looking after equal work", lambda _let_go: apart(INTERVAL_SECONDS))

    async def run_once(self) -> int:
        """Let jobs look again whose leader does not do their step any more; return how many."""
        async with self._database.connection() as connection:
            found = await reuse.left_alone(connection, BATCH_MAX)
        if not found:
            return 0
        await self._transactor.exchange([Order(key, EqualEnded()) for key in found])
        async with self._database.connection() as connection:
            await reuse.forget_followers(connection, found)
        return len(found)
