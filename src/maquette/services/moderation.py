"""Moderation: asks whoever is to be asked, by the policies that hold now, and says what follows."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.errors import Detail, Unavailable, UnsafeContent
from maquette.domain.job import Artifact, Job
from maquette.domain.moderation import (
    EVIDENCE_MAX,
    InForce,
    Objection,
    Subject,
    digest,
    for_operators,
    in_force,
    told,
    unsaid,
    words,
    worst,
)
from maquette.domain.ruling import Answer, Ruling, Stage
from maquette.ports import Moderator, ModeratorAway
from maquette.services.ids import new_id
from maquette.store import safety, steps
from maquette.store.database import Connection, Database

_LOG = logging.getLogger(__name__)
#: How long policies are believed without asking again: the bound on a change's way to other replicas.
BELIEVED_SECONDS = 2.0
_ENTRIES_MAX = 10_000
#: What a moderator outside can look at.
IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came out of asking the moderators about some subjects."""

    stage: Stage
    verdict: Answer
    policy: InForce
    objections: tuple[Objection, ...]
    moderators: tuple[Mapping[str, Any], ...]
    subjects: Sequence[Subject]

    @property
    def digest(self) -> bytes:
        """What stands for the contents: an override holds for equal ones."""
        return digest(self.subjects)

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories of what was objected, in order of name."""
        return tuple(sorted({item.category for item in self.objections}))

    def ruling(self, project: UUID, subject: str, *, ruling_id: UUID | None = None, **more: Any) -> Ruling:
        """Return the record of it; ``subject`` is whose request it was."""
        return Ruling(
            id=ruling_id or new_id(),
            project_id=project,
            stage=self.stage,
            verdict=self.verdict,
            categories=self.categories,
            policy=self.policy.versions,
            moderators=self.moderators,
            evidence=tuple(item.evidence() for item in self.objections[:EVIDENCE_MAX]),
            subject=subject,
            digest=self.digest,
            **more,
        )


class Seen(NamedTuple):
    """What follows from what a worker reports, as ``Complete`` takes it."""

    safety: str
    ruling: Ruling | None
    unjudged: bool


@dataclass(slots=True)
class Counts:
    """What /metrics shows of this process's moderation."""

    decisions: dict[tuple[str, str], int] = field(default_factory=dict)
    """By (stage, verdict)."""
    outside: dict[str, int] = field(default_factory=dict)
    """What became of asking the moderator outside, by outcome."""
    outside_seconds: float = 0.0

    def decided(self, stage: Stage, verdict: Answer) -> None:
        """Count a judgement."""
        self.decisions[stage, verdict] = self.decisions.get((stage, verdict), 0) + 1


class Moderation:
    """The moderators of this process and the policies they judge by, which change without a restart."""

    def __init__(self, database: Database, rules: Moderator, outside: Moderator | None = None) -> None:
        self._database = database
        self.rules = rules
        self.outside = outside
        self.counts = Counts()
        self._policies: dict[UUID, tuple[float, InForce]] = {}
        self._asking: dict[UUID, asyncio.Task[InForce]] = {}
        self._taking: set[UUID] = set()
        """Projects in which people have taken contents away: only there results are compared with them."""

    def asks(self, stage: Stage, policy: InForce) -> bool:
        """Whether a moderator outside is asked at a stage."""
        return self.outside is not None and stage in policy.outside.stages

    async def policy(self, project: UUID) -> InForce:
        """Return what holds in a project now: the floor, the platform's policy over it, the project's over both."""
        believed_until, known = self._policies.get(project, (0.0, None))
        if known is not None and time.monotonic() < believed_until:
            return known
        # One asks for all: the hundred outcomes of one request came here together, and sent 199 statements each time.
        asking = self._asking.get(project)
        if asking is None:
            asking = self._asking[project] = asyncio.create_task(self._ask_again(project, known))
            asking.add_done_callback(partial(self._answered, project))
        return await asyncio.shield(asking)

    async def _ask_again(self, project: UUID, known: InForce | None) -> InForce:
        async with self._database.connection() as connection:
            versions = await safety.versions(connection, [project])
            wanted = (versions[None], versions[project])
            if known is None or (known.versions["platform"], known.versions["project"]) != wanted:
                known = await self._read(connection, project)
            if await safety.takes_away(connection, project):
                self._taking.add(project)
        return known

    def _answered(self, project: UUID, asking: asyncio.Task[InForce]) -> None:
        """Keep an answer, unless the policy has changed here since it was asked for."""
        failed = asking.cancelled() or asking.exception() is not None
        if self._asking.get(project) is asking:
            del self._asking[project]
            if not failed:
                self._keep(project, asking.result())

    async def _read(self, connection: Connection, project: UUID) -> InForce:
        platform = await safety.platform_policy(connection)
        own = await safety.project_policy(connection, project)
        return in_force(
            None if platform is None else (platform.version, platform.body),
            None if own is None else (own.version, own.body),
        )

    def _keep(self, project: UUID, policy: InForce) -> None:
        if len(self._policies) >= _ENTRIES_MAX:
            self._policies.clear()
        self._policies[project] = (time.monotonic() + BELIEVED_SECONDS, policy)

    def forget(self, project: UUID | None = None) -> None:
        """Ask again before the next judgement: a policy has just changed here."""
        if project is None:
            self._policies.clear()
            self._asking.clear()
        else:
            self._policies.pop(project, None)
            self._asking.pop(project, None)

    async def judge(
        self, project: UUID, stage: Stage, subjects: Sequence[Subject], *, ask_outside: bool = True
    ) -> Judgement:
        """Judge subjects by the project's policies; what a person said of equal contents goes before.

        Errors: ``Unavailable`` when a moderator outside is silent and the policy has requests refused then.
        """
        judged = await self._judged(project, stage, subjects, ask_outside=ask_outside)
        self.counts.decided(stage, judged.verdict)
        return judged

    async def _judged(
        self, project: UUID, stage: Stage, subjects: Sequence[Subject], *, ask_outside: bool = False
    ) -> Judgement:
        policy = await self.policy(project)
        found = [item for items in await self.rules.judge(subjects, policy) for item in items]
        moderators: list[Mapping[str, Any]] = [{"name": self.rules.name, "outcome": "judged"}]
        verdict = worst(item.answer for item in found)
        if ask_outside and self.outside is not None and verdict != "block" and stage in policy.outside.stages:
            more, outcome, followed = await self._ask(self.outside, policy, subjects)
            found += more
            moderators.append(outcome)
            verdict = worst([verdict, followed, *(item.answer for item in more)])
        judged = Judgement(stage, verdict, policy, tuple(_graver(found)), tuple(moderators), subjects)
        if verdict != "allow":
            judged = await self.excused(project, judged)
        return judged

    async def seen(self, job: Job, outputs: Mapping[str, Any], files: Sequence[Artifact]) -> Seen:
        """Return what follows from what a worker says of its work: the texts are judged now, by the rules.

        Images are left to the loop that asks a moderator outside, so that no worker waits for it.
        """
        texts = told(outputs, [(item.name, item.attributes) for item in files])
        judged = await self._judged(job.project_id, Stage.OUTPUT, texts)
        overridden = any(item["name"] == "override" for item in judged.moderators)
        if judged.verdict != "allow" and not overridden and (allowed := await self._allowed(job)):
            judged = await self._judged(job.project_id, Stage.OUTPUT, unsaid(texts, allowed))
        if judged.verdict == "allow" and job.project_id in self._taking:
            judged = await self._compared(judged, job.project_id, files)
        self.counts.decided(Stage.OUTPUT, judged.verdict)
        if judged.verdict != "allow":
            by = f"service:{job.service}"
            return Seen(
                "", judged.ruling(job.project_id, by, correlation_id=job.correlation_id), unjudged=False
            )
        if self.asks(Stage.OUTPUT, judged.policy) and any(item.media_type in IMAGE_TYPES for item in files):
            return Seen("", None, unjudged=True)
        return Seen(judged.policy.name, None, unjudged=False)

    async def _allowed(self, job: Job) -> list[str]:
        """Return the texts of the job's prompt that the rules object to and a person let pass.

        Workers say which prompt they used: without this, each job of an allowed prompt would be held once more.
        """
        async with self._database.connection() as connection:
            brief = (await steps.briefs(connection, [job.id]))[job.id]
        subjects = words(job.asset_type, brief.effective)
        asked = await self._judged(job.project_id, Stage.PROMPT, subjects)
        places = {item.where for item in asked.objections} if asked.verdict == "allow" else set()
        return [item.text for item in subjects if item.where in places]

    async def _compared(self, judged: Judgement, project: UUID, files: Sequence[Artifact]) -> Judgement:
        """Return the judgement, or that a file is one that was taken away: a redo with the same seed makes it again."""
        marks = {bytes.fromhex(item.sha256): f"artifacts.{item.name}" for item in files}
        async with self._database.connection() as connection:
            known = await safety.exemptions(connection, project, list(marks))
        again = tuple(
            Objection("taken_away", "block", marks[mark], typeid.encode("sdc", said.ruling_id), "project")
            for mark, said in known.items()
            if said.verdict == "block"
        )
        return replace(judged, verdict="block", objections=again) if again else judged

    async def _ask(
        self, outside: Moderator, policy: InForce, subjects: Sequence[Subject]
    ) -> tuple[list[Objection], Mapping[str, Any], Answer]:
        """Ask the moderator outside; return its objections, what became of asking, and what follows from silence."""
        began = time.monotonic()
        try:
            said = await outside.judge(subjects, policy)
        except ModeratorAway as error:
            self._asked(error.kind, began)
            then = policy.outside.on_failure
            _LOG.warning("The moderator outside did not answer: %s", error, extra={"fields": {"then": then}})
            if then == "refuse":
                raise Unavailable(
                    "Content cannot be judged at the moment: the moderator does not answer.",
                    retry_after_seconds=5,
                ) from error
            return [], {"name": outside.name, "outcome": error.kind, "then": then}, then
        self._asked("judged", began)
        return (
            [item for items in said for item in items],
            {"name": outside.name, "outcome": "judged"},
            "allow",
        )

    def _asked(self, outcome: str, began: float) -> None:
        self.counts.outside[outcome] = self.counts.outside.get(outcome, 0) + 1
        self.counts.outside_seconds += time.monotonic() - began

    async def excused(self, project: UUID, judged: Judgement) -> Judgement:
        """Return the judgement, or what a person said of the same contents in the same project.

        A reviewer's word lets nothing pass that is for operators to decide: the floor may have grown since he spoke.
        """
        async with self._database.connection() as connection:
            known = (await safety.exemptions(connection, project, [judged.digest])).get(judged.digest)
        evidence = [item.evidence() for item in judged.objections]
        if known is None or (
            known.verdict == "allow" and for_operators(judged.verdict, evidence) and not known.by_operator
        ):
            return judged
        override = {"name": "override", "decision_id": typeid.encode("sdc", known.ruling_id)}
        return replace(judged, verdict=known.verdict, moderators=(*judged.moderators, override))


def together(stage: Stage, judged: Sequence[Judgement], subjects: Sequence[Subject]) -> Judgement:
    """Return several judgements as one about ``subjects``: the strictest answer, and all that was said."""
    return Judgement(
        stage,
        worst(item.verdict for item in judged),
        judged[-1].policy,
        tuple(_graver([found for item in judged for found in item.objections])),
        tuple({str(asked): asked for item in judged for asked in item.moderators}.values()),
        subjects,
    )


def _graver(found: Sequence[Objection]) -> list[Objection]:
    """Return the objections that something follows from, the gravest first."""
    order: tuple[Answer, ...] = ("block", "hold")
    return [item for answer in order for item in found if item.answer == answer]


async def refuse(database: Database, ruling: Ruling, loc: tuple[str | int, ...]) -> UnsafeContent:
    """Record a ruling that blocks a request, and return the error that tells of it."""
    async with database.transaction() as connection:
        await safety.insert_ruling(connection, ruling)
    return blocked(ruling, loc)


def blocked(ruling: Ruling, loc: tuple[str | int, ...]) -> UnsafeContent:
    """Return the error of a request that a ruling blocks."""
    named = ", ".join(ruling.categories)
    return UnsafeContent(
        f"Refused by the content policy ({named}).",
        details=[Detail(loc, f"refused: {name}", "content_policy") for name in ruling.categories],
        extra={
            "stage": ruling.stage,
            "categories": list(ruling.categories),
            "policy_version": dict(ruling.policy),
            "decision_id": typeid.encode("sdc", ruling.id),
        },
    )
