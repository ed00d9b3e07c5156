"""The sweeper: ends leases that nobody will end, and queues attempts whose wait is over.

Any number of replicas may run it: what it finds is only a hint, the transactor decides under the job's lock
with the lease's fence.
"""

import asyncio
import logging
import random
import time

from maquette.domain.commands import Expire, RetryDue
from maquette.domain.errors import MaquetteError
from maquette.domain.job import Job
from maquette.services.orders import Order
from maquette.services.transactor import Transactor
from maquette.store import tasks
from maquette.store.database import Database

_LOG = logging.getLogger(__name__)
BATCH_MAX = 200
INTERVAL_SECONDS = 0.5
#: A lease younger than this at the earlier of two heartbeats may not have reached its worker yet.
DELIVERY_GRACE_SECONDS = 2.0


class Sweeper:
    """``run()`` over ``run_once()``."""

    def __init__(self, database: Database, transactor: Transactor, lease_seconds: float) -> None:
        self._database = database
        self._transactor = transactor
        self._lease_seconds = lease_seconds
        self._patient_until = 0.0
        """While the database was away nobody could send a heartbeat: every worker gets one lease's time for it."""

    async def run(self) -> None:
        """Sweep until canceled; the database being away is waited out."""
        while True:
            done = 0
            try:
                done = await self.run_once()
            except MaquetteError as error:
                _LOG.warning("Sweeping failed: %s", error)
                self._patient_until = time.monotonic() + self._lease_seconds
            except Exception:  # noqa: BLE001 - retries and lost workers of everybody hang on this loop
                _LOG.exception("Sweeping failed.")
            if done < BATCH_MAX:
                # Replicas that started together drift apart.
                await asyncio.sleep(INTERVAL_SECONDS * (0.75 + random.random() / 2))  # noqa: S311 - no secret

    async def run_once(self) -> int:
        """Do what is due now; return how many commands were applied."""
        async with self._database.connection() as connection:
            expired = [
                item
                for item in await tasks.expired(
                    connection,
                    BATCH_MAX,
                    grace_seconds=DELIVERY_GRACE_SECONDS,
                    lease_seconds=self._lease_seconds,
                )
                if item.error_class == "timeout" or time.monotonic() >= self._patient_until
            ]
            due = await tasks.due(connection, BATCH_MAX)
            await tasks.forget_workers(connection)
        orders = [
            Order(item.job_id, Expire(item.fence, item.error_class, random.random(), item.died))  # noqa: S311 - no secret
            for item in expired
        ]
        orders += [Order(job_id, RetryDue()) for job_id in due]
        verdicts, _ = await self._transactor.exchange(orders)
        for item in expired:
            _LOG.info("Lease ended: %s", item.error_class, extra={"job_id": str(item.job_id)})
        return sum(isinstance(verdict, Job) for verdict in verdicts)
