"""Safety for people: policies, decisions, appeals, and words that override."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from maquette.domain import retention, typeid
from maquette.domain.audit import Entry
from maquette.domain.commands import SafetyDecided
from maquette.domain.errors import Conflict, Forbidden, IllegalTransition, NotFound, StaleRuling
from maquette.domain.events import Event, EventType
from maquette.domain.job import Artifact, Hold
from maquette.domain.moderation import for_operators, in_force
from maquette.domain.principal import Principal
from maquette.domain.ruling import Answer, Override, Reach, Ruling, Stage
from maquette.domain.text import REASON, clean
from maquette.services import audit, facts
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.store import projects, reading, safety, steps
from maquette.store.database import Connection
from maquette.store.safety import Filter, PolicyRow, RulingRow

_NOBODY = UUID(int=0)
_HOLDS: Mapping[Stage, Hold] = {
    Stage.PROMPT: Hold.PROMPT,
    Stage.REFERENCE: Hold.PROMPT,
    Stage.OUTPUT: Hold.RESULT,
}


@dataclass(frozen=True, slots=True)
class Word:
    """What a person says of a decision."""

    verdict: Literal["allow", "block"]
    reason: str
    seen: Answer | None = None
    """What held when he looked; None: the decision's own verdict."""


async def project_policy(
    deps: Deps, principal: Principal, project: UUID, version: int | None = None
) -> PolicyRow | None:
    """Return a version of a project's policy (None: the newest), or None when it has none."""
    principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        return await safety.project_policy(connection, project, version)


async def put_project_policy(
    deps: Deps, principal: Principal, project: UUID, body: Mapping[str, Any]
) -> PolicyRow:
    """Make a new version of a project's policy: it holds on all replicas within two seconds, for running jobs, too."""
    principal.require_project(project)
    in_force(None, (1, body))
    async with deps.database.transaction() as connection:
        if await projects.context(connection, project) is None:
            raise NotFound("There is no such project.")
        await projects.lock(connection, project)
        await safety.insert_project_policy(connection, project, body, principal.subject)
        made = _there(await safety.project_policy(connection, project))
        named = typeid.encode("prj", project)
        await _record_policy(connection, principal, "put_project_safety", named, project, made)
    deps.moderation.forget(project)
    return made


async def platform_policy(deps: Deps, version: int | None = None) -> PolicyRow | None:
    """Return a version of the platform's own policy (None: the newest), or None when it has none."""
    async with deps.database.connection() as connection:
        return await safety.platform_policy(connection, version)


async def put_platform_policy(deps: Deps, principal: Principal, body: Mapping[str, Any]) -> PolicyRow:
    """Make a new version of the platform's own policy, over the shipped floor and below every project's."""
    in_force((1, body), None)
    async with deps.database.transaction() as connection:
        await safety.insert_platform_policy(connection, body, principal.subject)
        made = _there(await safety.platform_policy(connection))
        await _record_policy(connection, principal, "put_safety_policy", "platform", None, made)
    deps.moderation.forget()
    return made


async def _record_policy(
    connection: Connection,
    principal: Principal,
    act: str,
    object_: str,
    project: UUID | None,
    made: PolicyRow,
) -> None:
    before, after = {"version": made.version - 1}, {"version": made.version}
    await audit.record(connection, principal, act, object_, project, before=before, after=after)


def _there(made: PolicyRow | None) -> PolicyRow:
    if made is None:
        raise NotFound("There is no such policy.")
    return made


async def list_rulings(
    deps: Deps, principal: Principal, project: UUID | None, wanted: Filter, *, before: UUID | None, limit: int
) -> list[RulingRow]:
    """Return decisions of one project, or of all that the caller sees, newest first."""
    scope = principal.projects if project is None else [principal.require_project(project)]
    async with deps.database.tenant(scope) as connection:
        return await safety.page(connection, scope, wanted, before=before, limit=limit)


async def get_ruling(deps: Deps, principal: Principal, ruling_id: UUID) -> RulingRow:
    """Return a decision; ``NotFound`` when it is missing or another project's."""
    async with deps.database.tenant(principal.memberships) as connection:
        found = await safety.ruling(connection, ruling_id, principal.memberships)
    if found is None:
        raise NotFound("There is no such safety decision.")
    principal.require_project(found.ruling.project_id)
    return found


async def appeal(deps: Deps, principal: Principal, ruling_id: UUID, reason: str) -> RulingRow:
    """Say why a decision should be another; whoever may override it finds it among the appealed ones."""
    found = await get_ruling(deps, principal, ruling_id)
    reason = clean(reason, REASON, ("reason",), required=True)
    if found.in_force == "allow":
        raise Conflict("It is allowed: there is nothing to appeal against.")
    async with deps.database.transaction() as connection:
        if not await safety.appeal(connection, ruling_id, found.ruling.project_id, reason, principal.subject):
            raise Conflict("Somebody has appealed against this decision already.")
    return await get_ruling(deps, principal, ruling_id)


async def override(deps: Deps, principal: Principal, ruling_id: UUID, word: Word) -> RulingRow:
    """Let a person's word hold: a held job goes on or ends, a blocked prompt passes from now on, files are shown or not.

    Errors: ``Forbidden`` when that is for operators; ``StaleRuling`` when somebody else was first.
    """
    found = await get_ruling(deps, principal, ruling_id)
    _check_right(principal, found)
    reason = clean(word.reason, REASON, ("reason",), required=True)
    seen = word.seen or found.ruling.verdict
    _check_fresh(found, seen, word)
    said = Override(
        id=new_id(),
        ruling_id=ruling_id,
        project_id=found.ruling.project_id,
        verdict=word.verdict,
        reason=reason,
        by=principal.subject,
        by_operator=principal.kind == "operator",
        digest=found.ruling.digest,
    )
    told = replace(said, entry=_entry(principal, "override_safety_decision", said, seen))
    if seen != "hold" or not await _decided(deps, found.ruling, told):
        async with deps.database.transaction() as connection:
            await _say(connection, found.ruling, told, seen, word)
    deps.moderation.forget(said.project_id)
    return await get_ruling(deps, principal, ruling_id)


def _entry(principal: Principal, act: str, said: Override, seen: Answer) -> Entry:
    after = {"in_force": said.verdict, "reason": said.reason}
    named = typeid.encode("sdc", said.ruling_id)
    return audit.entry(principal, act, named, said.project_id, before={"in_force": seen}, after=after)


def _check_right(principal: Principal, found: RulingRow) -> None:
    """Raise ``Forbidden`` for who is no operator where only operators may say otherwise."""
    if principal.kind == "operator":
        return
    if decidable_by(found) == "operator":
        raise Forbidden(
            "Only an operator of the platform may override this decision: appeal against it instead."
        )


def decidable_by(found: RulingRow) -> Literal["operator", "reviewer"]:
    """Return who may override a decision as it stands."""
    spoken = any(item.by_operator for item in found.overrides)
    return "operator" if spoken or for_operators(found.ruling.verdict, found.ruling.evidence) else "reviewer"


def _check_fresh(found: RulingRow, seen: Answer, word: Word) -> None:
    if found.in_force == seen != word.verdict:
        return
    raise StaleRuling(
        f"What holds of this decision is {found.in_force!r}"
        + ("." if found.in_force == word.verdict else f", not {seen!r}: say in 'in_force' what you saw."),
        extra={"decision": {"id": typeid.encode("sdc", found.ruling.id), "in_force": found.in_force}},
    )


async def _decided(deps: Deps, ruling: Ruling, said: Override) -> bool:
    """Decide about the job that waits for it, in the job's own transaction; False when none does (any more)."""
    if ruling.job_id is None or ruling.position is None or ruling.revision is None:
        return False
    command = SafetyDecided(
        hold=_HOLDS[ruling.stage],
        position=ruling.position,
        revision=ruling.revision,
        allowed=said.verdict == "allow",
        ruling_id=ruling.id,
        categories=ruling.categories,
        by=said.by,
        override=said,
    )
    try:
        await deps.transactor.apply(ruling.job_id, command)
    except (IllegalTransition, NotFound):
        return False
    return True


async def _say(connection: Connection, ruling: Ruling, said: Override, seen: Answer, word: Word) -> None:
    """Write an override that no job waits for, under the decision's lock: of two at once, the second is told."""
    locked = await safety.lock_ruling(connection, ruling.id, ruling.project_id)
    if locked is None:
        raise NotFound("There is no such safety decision.")
    _check_fresh(locked, seen, word)
    await facts.say(connection, said)
    sequence, now = await safety.next_event(connection, ruling.id, ruling.project_id)
    shown = await _show(connection, ruling, said)
    event = Event(
        stream_id=ruling.id,
        project_id=ruling.project_id,
        sequence=sequence,
        type=EventType.SAFETY_OVERRIDDEN,
        time=now,
        correlation_id=ruling.correlation_id,
        data={
            "stage": ruling.stage,
            "verdict": said.verdict,
            "by": said.by,
            "job_id": None if ruling.job_id is None else typeid.encode("job", ruling.job_id),
            "artifacts": [typeid.encode("art", item) for item in shown],
        },
    )
    await steps.insert_events(connection, [event])


async def _show(connection: Connection, ruling: Ruling, said: Override) -> list[UUID]:
    """Let the files be read that a decision is about, or not; return which."""
    withheld: Literal["blocked"] | None = "blocked" if said.verdict == "block" else None
    if ruling.stage is not Stage.OUTPUT or ruling.job_id is None:
        return []
    if ruling.artifact_id is not None:
        found = await reading.artifact(connection, ruling.artifact_id, [ruling.project_id])
        files = [] if found is None else [found]
    else:
        place = Reach(ruling.job_id, ruling.position or 0, ruling.revision or 0, withheld)
        files = await safety.artifacts(connection, place)
    shown: list[UUID] = []
    for file in files:
        home = retention.owner(file.key)[0] or _NOBODY
        shown += await safety.withhold_object(connection, ruling.project_id, file.key, home, withheld)
    return shown


async def block_artifact(
    deps: Deps, principal: Principal, artifact_id: UUID, reason: str, categories: tuple[str, ...]
) -> RulingRow:
    """Take a file away that was allowed: the decision is recorded now, with the person's word on it."""
    reason = clean(reason, REASON, ("reason",), required=True)
    async with deps.database.transaction() as connection:
        found = await reading.artifact(connection, artifact_id, principal.memberships)
        row = None if found is None else await reading.job(connection, found.job_id, principal.memberships)
        if found is None or row is None:
            raise NotFound("There is no such artifact.")
        project = principal.require_project(row.job.project_id)
        if found.withheld is not None:
            raise Conflict("Nobody can read this file as it is.")
        ruling = _allowed(project, found, row.job.correlation_id, categories, row.created_by)
        await safety.insert_ruling(connection, ruling)
        said = Override(
            id=new_id(),
            ruling_id=ruling.id,
            project_id=project,
            verdict="block",
            reason=reason,
            by=principal.subject,
            by_operator=principal.kind == "operator",
            digest=ruling.digest,
        )
        told = replace(said, entry=_entry(principal, "block_artifact", said, "allow"))
        await _say(connection, ruling, told, "allow", Word("block", reason))
    deps.moderation.forget(project)
    return await get_ruling(deps, principal, ruling.id)


def _allowed(
    project: UUID, file: Artifact, correlation_id: str, categories: tuple[str, ...], subject: str
) -> Ruling:
    """Return the decision that a file's being shown was."""
    return Ruling(
        id=new_id(),
        project_id=project,
        stage=Stage.OUTPUT,
        verdict="allow",
        categories=categories,
        policy={},
        moderators=(),
        evidence=(),
        subject=subject,
        digest=bytes.fromhex(file.sha256),
        correlation_id=correlation_id,
        job_id=file.job_id,
        position=file.position,
        revision=file.revision,
        artifact_id=file.id,
    )
