"""Results that wait for a moderator outside: their images are shown to it, and the job goes on by what it says.

Any number of replicas may run it. What is taken is another's again after a while; the transactor decides under the job's
lock, so a verdict that is given twice is taken once.
"""

import asyncio
import logging
import random
from collections.abc import Sequence

from maquette.domain import typeid
from maquette.domain.commands import SafetyDecided
from maquette.domain.errors import IllegalTransition, MaquetteError, NotFound, Unavailable
from maquette.domain.job import Artifact, Hold
from maquette.domain.moderation import IMAGE_BYTES_MAX, Subject
from maquette.domain.ruling import Reach, Ruling, Stage, Unjudged
from maquette.maintenance.loop import apart, forever
from maquette.ports import ObjectStore
from maquette.services.moderation import IMAGE_TYPES, Judgement, Moderation, together
from maquette.services.transactor import Transactor
from maquette.store import reading, safety
from maquette.store.database import Database
from maquette.store.safety import Due
from maquette.telemetry.ids import binding

_LOG = logging.getLogger(__name__)
INTERVAL_SECONDS = 0.5
#: How long one replica may take for what it took.
TAKEN_SECONDS = 120.0
AT_ONCE = 8
#: How often a moderator that is silent is asked about the same files before the policy says what follows.
TRIES_MAX = 6
BACKOFF_SECONDS = 2.0
_BY = "system:moderation"


class Judging:
    """``run()`` over ``run_once()``."""

    def __init__(
        self, database: Database, transactor: Transactor, objects: ObjectStore, moderation: Moderation
    ) -> None:
        self._database = database
        self._transactor = transactor
        self._objects = objects
        self._moderation = moderation

    async def run(self) -> None:
        """Judge until canceled; the database being away is waited out."""
        await forever(
            self.run_once, "Judging results", lambda done: 0.0 if done >= AT_ONCE else apart(INTERVAL_SECONDS)
        )

    async def run_once(self) -> int:
        """Judge what is due now; return how many step revisions were looked at."""
        async with self._database.transaction() as connection:
            due = await safety.take_unjudged(connection, TAKEN_SECONDS, AT_ONCE)
        try:
            ended = await asyncio.gather(*(self._judge(item) for item in due), return_exceptions=True)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(due))
            raise
        for failed in ended:
            if isinstance(failed, MaquetteError):
                _LOG.warning("A result could not be judged: %s", failed)
            elif isinstance(failed, BaseException):
                _LOG.error("A result could not be judged.", exc_info=failed)
        return len(due)

    async def _give_back(self, due: Sequence[Due]) -> None:
        """Let other replicas have at once what this one will not finish."""
        async with self._database.transaction() as connection:
            for item in due:
                await safety.postpone_unjudged(connection, item.unjudged, 0.0)

    async def _judge(self, due: Due) -> None:
        item = due.unjudged
        async with self._database.connection() as connection:
            row = await reading.job(connection, item.job_id, [item.project_id])
            files = await safety.artifacts(connection, item)
        if row is None:
            return await self._strike(item)
        try:
            with binding(correlation_id=row.job.correlation_id, job_id=typeid.encode("job", item.job_id)):
                judged = await self._look(item, files)
        except Unavailable:
            # The policy refuses what cannot be judged; what is made already waits until it can be.
            return await self._later(due)
        silent = any(asked["outcome"] != "judged" for asked in judged.moderators if "outcome" in asked)
        if silent and judged.verdict != "block" and due.tries < TRIES_MAX:
            return await self._later(due)
        return await self._decide(item, judged, row.created_by, row.job.correlation_id)

    async def _look(self, item: Unjudged, files: Sequence[Artifact]) -> Judgement:
        """Judge pictures one after the other: a step may have made many, and each may be large."""
        judged, seen = [], []
        for file in files:
            if file.media_type in IMAGE_TYPES and not file.expired:
                # One byte more than a moderator takes is enough to know that it is too large.
                pieces = [piece async for piece in self._objects.read(file.key, end=IMAGE_BYTES_MAX + 1)]
                shown = Subject(f"artifacts.{file.name}", image=b"".join(pieces), media_type=file.media_type)
                judged.append(await self._moderation.judge(item.project_id, Stage.OUTPUT, [shown]))
                seen.append(Subject(shown.where, file.sha256))
        if not judged:
            judged.append(await self._moderation.judge(item.project_id, Stage.OUTPUT, []))
        return together(Stage.OUTPUT, judged, seen)

    async def _decide(self, item: Unjudged, judged: Judgement, subject: str, correlation_id: str) -> None:
        """Let what was decided hold, in the job's own transaction; a held one waits for a person from now on."""
        ruling = judged.ruling(
            item.project_id,
            subject,
            ruling_id=typeid.derive("ruling", item.job_id, item.position, item.revision),
            correlation_id=correlation_id,
            job_id=item.job_id,
            position=item.position,
            revision=item.revision,
        )
        plain = judged.verdict == "allow" and all(
            asked.get("outcome") == "judged" for asked in judged.moderators
        )
        if judged.verdict == "hold":
            async with self._database.transaction() as connection:
                await safety.insert_ruling(connection, ruling)
                await safety.delete_unjudged(connection, item)
            return
        command = SafetyDecided(
            hold=Hold.RESULT,
            position=item.position,
            revision=item.revision,
            allowed=judged.verdict == "allow",
            ruling_id=ruling.id,
            categories=judged.categories,
            by=_BY,
            safety=judged.policy.name,
            ruling=None if plain else ruling,
        )
        try:
            await self._transactor.apply(item.job_id, command)
        except (IllegalTransition, NotFound):
            # The job was given up meanwhile, or a replica that died had told it: the files follow all the same.
            await self._too_late(item, None if plain else ruling, allowed=judged.verdict == "allow")
        await self._strike(item)

    async def _too_late(self, item: Unjudged, ruling: Ruling | None, *, allowed: bool) -> None:
        async with self._database.transaction() as connection:
            if ruling is not None:
                await safety.insert_ruling(connection, ruling)
            reach = Reach(item.job_id, item.position, item.revision, None if allowed else "blocked")
            await safety.withhold_revisions(connection, [reach])

    async def _strike(self, item: Unjudged) -> None:
        async with self._database.transaction() as connection:
            await safety.delete_unjudged(connection, item)

    async def _later(self, due: Due) -> None:
        seconds = BACKOFF_SECONDS * 2.0 ** min(due.tries, 6) * (0.5 + random.random())  # noqa: S311 - no secret
        async with self._database.transaction() as connection:
            await safety.postpone_unjudged(connection, due.unjudged, seconds)
