"""Housekeeping: cleans one project after the other, each as often as the settings say, and deletes doomed objects.

Any number of replicas may run it: a project is taken for a while, and what two should take at once after all they
do under locks.
"""

import asyncio
import logging
import time
from uuid import UUID

from maquette.domain import retention as rules
from maquette.domain import typeid
from maquette.domain.errors import Conflict
from maquette.maintenance.loop import apart, forever
from maquette.ports import ObjectStore
from maquette.services.cleaning import GRACE_SECONDS, Cleaning, drain
from maquette.store import audit, limiting, sinks
from maquette.store import retention as rows
from maquette.store.database import Database

_LOG = logging.getLogger(__name__)
IDLE_SECONDS = 15.0
#: How many times as long as a round took nothing is cleaned after it: what people and workers wait for comes first.
RESTS = 2.0
#: One project keeps a replica no longer than this; what is left comes when the others have had their turn.
RUN_SECONDS_MAX = 30.0
#: A replica that dies gives its project back after this time.
_TAKEN_SECONDS = 300.0
_EVENTS_SECONDS = 3600.0
#: Tallies of what was refused: people see those of the day; so many more days let somebody look into a complaint.
REFUSALS_DAYS = 31
#: Rows of each kind that one transaction forgets.
PAGE = 10_000


class RetentionLoop:
    """``run()`` over ``run_once()``."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        platform: rules.Policy,
        interval_seconds: float,
        *,
        grace_seconds: float = GRACE_SECONDS,
        audit_days: int = 0,
        sinks_days: int = 0,
    ) -> None:
        self._database = database
        self._objects = objects
        self._platform = platform
        self._interval_seconds = interval_seconds
        self._grace_seconds = grace_seconds
        self._audit_days = audit_days
        self._sinks_days = sinks_days
        self._events_due = self._schedule_due = 0.0

    async def run(self) -> None:
        """Clean until canceled; the database being away is waited out."""
        await forever(self._turn, "Cleaning", lambda seconds: seconds)

    async def _turn(self) -> float:
        """Run once; return how long to leave the database to others (s)."""
        begun = time.monotonic()
        busy = await self.run_once()
        return RESTS * (time.monotonic() - begun) if busy else apart(IDLE_SECONDS)

    async def run_once(self) -> bool:
        """Delete a page of doomed objects and clean one project; whether there may be more to do now."""
        await self._drop_old()
        drained = await drain(self._database, self._objects, grace_seconds=self._grace_seconds)
        project = await self._take()
        if project is not None:
            try:
                await self._clean(project)
            except asyncio.CancelledError:
                await asyncio.shield(self._give_back(project, 0.0))
                raise
        return project is not None or drained > 0

    async def _take(self) -> UUID | None:
        """Return the project that is overdue longest, taken for a while.

        New ones are looked for when nothing is due, and now and then: that reads all projects, and before each one of
        10,000 it took a quarter of the steps a second away.
        """
        async with self._database.transaction() as connection:
            if time.monotonic() < self._schedule_due:
                project = await rows.take(connection, _TAKEN_SECONDS)
                if project is not None:
                    return project
            await rows.schedule(connection)
            self._schedule_due = time.monotonic() + IDLE_SECONDS
            return await rows.take(connection, _TAKEN_SECONDS)

    async def _drop_old(self) -> None:
        """Drop months of events that are old for every project, and old audit entries, once an hour at most."""
        if time.monotonic() < self._events_due:
            return
        self._events_due = time.monotonic() + _EVENTS_SECONDS
        async with self._database.transaction() as connection:
            forgotten = await audit.forget(connection, self._audit_days) if self._audit_days else 0
            await limiting.forget_refusals(connection, REFUSALS_DAYS)
        if forgotten:
            _LOG.info("Deleted %d entries of the audit log", forgotten)
        await self._forget_sinks()
        async with self._database.connection() as connection:
            now = await rows.now(connection)
            before = rules.events_before(await rows.policies(connection), self._platform, now)
            if before is None:
                return
            try:
                dropped = await rows.drop_events_before(connection, before)
            except Conflict as error:
                _LOG.info("%s", error)
                return
        if dropped:
            _LOG.info("Dropped %d months of events", dropped)

    async def _forget_sinks(self) -> None:
        """Forget what sinks refused long ago, and replays that ended; a page a transaction."""
        left = self._sinks_days > 0
        while left:
            async with self._database.transaction() as connection:
                gone = await sinks.forget_old(connection, self._sinks_days, PAGE)
            left = PAGE in gone
            if any(gone):
                _LOG.info("Forgot %d events that sinks had refused, and %d replays", *gone)

    async def _clean(self, project: UUID) -> None:
        async with self._database.connection() as connection:
            held = rules.resolve(*await rows.chosen(connection, project), self._platform)
            now = await rows.now(connection)
        cleaning = Cleaning(
            self._database,
            self._objects,
            project,
            rules.cutoffs(held.policy, now),
            dry_run=False,
            seconds_max=RUN_SECONDS_MAX,
        )
        complete = await cleaning.run()
        await self._give_back(project, apart(self._interval_seconds) if complete else 0.0)
        if any(tally.rows or tally.objects for tally in cleaning.tallies):
            gone = {tally.category: tally.rows for tally in cleaning.tallies if tally.rows}
            _LOG.info(
                "Cleaned %s: %s, %d objects of %d bytes",
                typeid.encode("prj", project),
                ", ".join(f"{count} {name}" for name, count in gone.items()) or "no rows",
                sum(tally.objects for tally in cleaning.tallies),
                sum(tally.bytes for tally in cleaning.tallies),
            )

    async def _give_back(self, project: UUID, seconds: float) -> None:
        """Let any replica clean the project again, after so long."""
        async with self._database.connection() as connection:
            await rows.give_back(connection, project, seconds)
