"""Orders to tell a sink once more what happened: stretch by stretch of time, so that each stream comes in its order.

A stretch is owed to the sink like anything else (``undelivered``), in the transaction that writes down how far the order has
come: it goes on where it was after any crash, and any number of replicas may run this. Couriers publish it.
"""

from datetime import timedelta

from maquette.maintenance.loop import apart, forever
from maquette.store import sinks
from maquette.store.database import Database

INTERVAL_SECONDS = 1.0
#: While a sink is owed as much, nothing is added: what happens now must not wait behind a replay for long.
PENDING_MAX = 10_000
#: Stretches follow how much happened, within these bounds; in the smallest any number of events is taken.
STRIDE_SECONDS_MIN, STRIDE_SECONDS_MAX = 0.001, 86_400.0
_ANY = 10_000_000


class ReplayLoop:
    """``run()`` over ``run_once()``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Carry orders out until canceled; the database being away is waited out."""
        await forever(
            self.run_once, "Replaying events", lambda done: 0.0 if done else apart(INTERVAL_SECONDS)
        )

    async def run_once(self) -> bool:
        """Do one stretch of an order that is due; return whether there was one."""
        async with self._database.transaction() as connection:
            found = await sinks.due_replay(connection, PENDING_MAX)
            if found is None:
                return False
            replay, pending = found
            told, reached, stride, rest = 0, replay.reached, replay.stride_seconds, INTERVAL_SECONDS
            if pending < PENDING_MAX:
                until = min(replay.reached + timedelta(seconds=stride), replay.until)
                most = _ANY if stride <= STRIDE_SECONDS_MIN else min(replay.per_second, sinks.PAGE)
                events = await sinks.extend(connection, replay, until, most)
                if events > most:
                    stride, rest = max(stride / 4, STRIDE_SECONDS_MIN), 0.0
                else:
                    told, reached, rest = events, until, events / replay.per_second
                    if events < most / 2:
                        stride = min(stride * 2, STRIDE_SECONDS_MAX)
            await sinks.progress(
                connection, replay.id, told=told, reached=reached, stride_seconds=stride, rest_seconds=rest
            )
        return True
