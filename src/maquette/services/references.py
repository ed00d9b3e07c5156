"""References: files that people bring are judged when they are first used, and again when a policy has changed."""

from collections.abc import Sequence
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.errors import AwaitingVerdict
from maquette.domain.moderation import IMAGE_BYTES_MAX, Objection, Subject
from maquette.domain.principal import Principal
from maquette.domain.ruling import Stage
from maquette.services.deps import Deps
from maquette.services.moderation import IMAGE_TYPES, Judgement, refuse, together
from maquette.store import safety
from maquette.store.projects import Upload

Loc = tuple[str | int, ...]


async def judge(
    deps: Deps, principal: Principal, project: UUID, brought: Sequence[tuple[Loc, Upload]]
) -> list[Judgement]:
    """Return what is held of the files; a file that is blocked is ``UnsafeContent`` at its place.

    What was allowed under the policies that hold now is not judged again.
    """
    if not brought:
        return []
    policy = await deps.moderation.policy(project)
    mark = f"{policy.name}{'+' if deps.moderation.asks(Stage.REFERENCE, policy) else ''}"
    async with deps.database.connection() as connection:
        known = await safety.uploads_judged(connection, project, [item.id for _, item in brought])
        digests = {item.id: bytes.fromhex(item.sha256) for _, item in brought}
        taken = await safety.exemptions(connection, project, sorted(set(digests.values())))
    held = []
    for loc, item in brought:
        said = taken.get(digests[item.id])
        if said is None and known.get(item.id) == mark:
            continue
        if said is not None and said.verdict == "block":
            blocked = Objection(
                "taken_away", "block", item.name, typeid.encode("sdc", said.ruling_id), "project"
            )
            judged = Judgement(Stage.REFERENCE, "block", policy, (blocked,), (), [Subject(item.name)])
        else:
            judged = await deps.moderation.judge(project, Stage.REFERENCE, await _subjects(deps, item, mark))
        if judged.verdict == "block":
            ruling = judged.ruling(project, principal.subject, upload_id=item.id)
            raise await refuse(deps.database, ruling, loc)
        if judged.verdict == "hold":
            held.append(judged)
        elif all(asked.get("outcome", "judged") == "judged" for asked in judged.moderators):
            async with deps.database.transaction() as connection:
                await safety.upload_judged(connection, item.id, project, mark)
    return held


async def _subjects(deps: Deps, item: Upload, mark: str) -> list[Subject]:
    """Return a file's name, which workers are told, and its picture where a moderator outside is asked."""
    found = [Subject("reference.name", item.name)]
    if mark.endswith("+") and item.media_type in IMAGE_TYPES:
        # One byte more than a moderator takes is enough to know that it is too large.
        pieces = [piece async for piece in deps.objects.read(item.key, end=IMAGE_BYTES_MAX + 1)]
        found.append(Subject("reference", image=b"".join(pieces), media_type=item.media_type))
    return found


async def judge_brief(
    deps: Deps,
    principal: Principal,
    project: UUID,
    subjects: Sequence[Subject],
    brought: Sequence[tuple[Loc, Upload]],
    correlation_id: str,
) -> Judgement:
    """Judge what workers will be told and given, as one; ``UnsafeContent`` when some of it is blocked."""
    said = await deps.moderation.judge(project, Stage.PROMPT, subjects)
    if said.verdict == "block":
        ruling = said.ruling(project, principal.subject, correlation_id=correlation_id)
        raise await refuse(deps.database, ruling, ("prompt",))
    held = await judge(deps, principal, project, brought)
    if not held:
        return said
    stage = Stage.PROMPT if said.verdict == "hold" else Stage.REFERENCE
    seen = [*subjects, *(Subject("reference", item.sha256) for _, item in brought)]
    return await deps.moderation.excused(project, together(stage, [said, *held], seen))


async def require_allowed(
    deps: Deps, principal: Principal, project: UUID, brought: Sequence[tuple[Loc, Upload]]
) -> None:
    """Raise ``AwaitingVerdict`` when a file has to wait for a person, ``UnsafeContent`` when it is blocked."""
    for loc, item in brought:
        for held in await judge(deps, principal, project, [(loc, item)]):
            ruling = held.ruling(project, principal.subject, upload_id=item.id)
            async with deps.database.transaction() as connection:
                await safety.insert_ruling(connection, ruling)
            raise AwaitingVerdict(
                f"{item.name} waits for a person to decide whether it may be used.",
                extra={"decision_id": typeid.encode("sdc", ruling.id), **ruling.told},
            )
