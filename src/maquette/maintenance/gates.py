"""Gates that have waited long enough: each gets the command that its policy asks for.

Any number of replicas may run it: what it finds is only a hint, the transactor decides under the job's lock with the
revision that the gate is of.
"""

from maquette.domain.commands import GateTimeout
from maquette.domain.job import Job
from maquette.maintenance.loop import apart, forever
from maquette.services.orders import Order
from maquette.services.transactor import Transactor
from maquette.store import tasks
from maquette.store.database import Database

BATCH_MAX = 200
INTERVAL_SECONDS = 1.0


class GateKeeper:
    """``run()`` over ``run_once()``."""

    def __init__(self, database: Database, transactor: Transactor) -> None:
        self._database = database
        self._transactor = transactor

    async def run(self) -> None:
        """Look after gates until canceled; the database being away is waited out."""
        await forever(
            self.run_once,
            "Looking after gates",
            lambda done: 0.0 if done >= BATCH_MAX else apart(INTERVAL_SECONDS),
        )

    async def run_once(self) -> int:
        """Do what is due now; return how many commands were taken."""
        async with self._database.connection() as connection:
            due = await tasks.gates_due(connection, BATCH_MAX)
        orders = [Order(item.job_id, GateTimeout(item.step, item.revision)) for item in due]
        verdicts, _ = await self._transactor.exchange(orders)
        return sum(isinstance(verdict, Job) for verdict in verdicts)
