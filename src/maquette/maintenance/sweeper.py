"""The sweeper: ends leases that nobody will end, and queues attempts whose wait is over.

Any number of replicas may run it: what it finds is only a hint, the transactor decides under the job's lock
with the lease's fence.
"""

import logging
import random
import time
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.commands import Expire, RetryDue
from maquette.domain.errors import Unavailable
from maquette.domain.job import Job
from maquette.maintenance.loop import apart, forever
from maquette.services.orders import Order
from maquette.services.transactor import Transactor
from maquette.store import tasks
from maquette.store.database import Database
from maquette.store.tasks import Expired

_LOG = logging.getLogger(__name__)
BATCH_MAX = 200
INTERVAL_SECONDS = 0.5
#: A sweeper that hears nothing for less is merely late.
SILENCE_SECONDS = 2.0
#: A lease younger than this at the earlier of two heartbeats may not have reached its worker yet.
DELIVERY_GRACE_SECONDS = 2.0


class Sweeper:
    """``run()`` over ``run_once()``."""

    def __init__(self, database: Database, transactor: Transactor, lease_seconds: float) -> None:
        self._database = database
        self._transactor = transactor
        self._lease_seconds = lease_seconds
        self._patient_until = float("-inf")
        """While the database was away nobody could send a heartbeat: every worker gets one lease's time for it."""
        self._heard: float | None = None
        """When the database last answered; a long time ago for a loop that begins, which may be because it was away."""

    async def run(self) -> None:
        """Sweep until canceled; the database being away is waited out."""
        self._heard = float("-inf")
        await forever(
            self.run_once, "Sweeping", lambda done: 0.0 if done >= BATCH_MAX else apart(INTERVAL_SECONDS)
        )

    async def run_once(self) -> int:
        """Do what is due now; return how many commands were applied."""
        try:
            expired, due = await self._look()
        except Unavailable:
            self._patient_until = time.monotonic() + self._lease_seconds
            raise
        orders = [
            Order(item.job_id, Expire(item.fence, item.error_class, random.random(), item.died))  # noqa: S311 - no secret
            for item in expired
        ]
        orders += [Order(job_id, RetryDue()) for job_id in due]
        verdicts, _ = await self._transactor.exchange(orders)
        for item in expired:
            _LOG.info(
                "Lease ended: %s",
                item.error_class,
                extra={"fields": {"job_id": typeid.encode("job", item.job_id)}},
            )
        return sum(isinstance(verdict, Job) for verdict in verdicts)

    async def _look(self) -> tuple[list[Expired], list[UUID]]:
        async with self._database.connection() as connection:
            self._note_silence(time.monotonic())
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
        self._heard = time.monotonic()
        return expired, due

    def _note_silence(self, now: float) -> None:
        """Be patient after a long silence without an error as well: a server that hung, a machine that slept.

        Not again at once: a sweeper that is always late must still find what is lost.
        """
        silent = self._heard is not None and now - self._heard > max(self._lease_seconds / 2, SILENCE_SECONDS)
        if silent and now >= self._patient_until + self._lease_seconds:
            self._patient_until = now + self._lease_seconds
