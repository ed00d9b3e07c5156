"""Reviews: a person's decision at a gate."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from maquette.domain import commands, typeid
from maquette.domain.constraints import Constraints
from maquette.domain.errors import IllegalTransition, Invalid, StaleReview
from maquette.domain.events import timestamp
from maquette.domain.principal import Principal
from maquette.domain.review import UserDecision, Verdict
from maquette.domain.text import NOTES, clean
from maquette.services import changes as changing
from maquette.services.deps import Deps
from maquette.services.jobs import JobView, get
from maquette.services.provided import uploaded
from maquette.services.references import require_allowed
from maquette.services.uploads import require_usable
from maquette.store import projects, reading


async def decide(deps: Deps, principal: Principal, job_id: UUID, answer: Mapping[str, Any]) -> JobView:
    """Apply a decision; ``StaleReview`` carries the winning one when somebody else was first."""
    view = await get(deps, principal, job_id)
    verdict = Verdict(answer["decision"])
    pipeline = view.job.pipeline
    decided = pipeline.position(answer["step"])
    rewind_to = answer.get("rewind_to")
    first = decided if rewind_to is None else pipeline.position(rewind_to, ("rewind_to",))
    changes = {name: value for name, value in (answer.get("changes") or {}).items() if value is not None}
    effective = _effective(view, verdict, changes, first, decided, await changing.constraints_of(deps, view))
    ruling, safety = await changing.judged(deps, principal, view, effective)
    command = commands.Review(
        step=answer["step"],
        revision=answer["revision"],
        verdict=verdict,
        by=principal.subject,
        notes=clean(answer.get("notes") or "", NOTES, ("notes",)),
        selection=_selection(view, answer),
        changes=changes,
        rewind_to=rewind_to,
        effective=effective,
        safety=safety,
        ruling=ruling,
        estimates=await changing.estimates(deps, view, effective),
        replacements=await _replacements(deps, principal, view, answer),
    )
    try:
        await deps.transactor.apply(job_id, command)
    except (StaleReview, IllegalTransition) as error:
        async with deps.database.tenant(principal.memberships) as connection:
            winner = await reading.decision(connection, job_id, command.step, command.revision)
        if winner is None or winner.verdict is Verdict.PAUSED:
            raise
        raise StaleReview(
            f"{winner.by} has {winner.verdict} revision {winner.revision} of {winner.step!r} already.",
            extra={"decision": decision_fields(winner)},
        ) from error
    return await get(deps, principal, job_id)


def decision_fields(item: UserDecision) -> dict[str, Any]:
    """Return a decision as it is shown."""
    return {
        "step": item.step,
        "revision": item.revision,
        "decision": str(item.verdict),
        "notes": item.notes,
        "selection": [typeid.encode("art", choice) for choice in item.selection],
        "changes": item.changes,
        "rewind_to": item.rewind_to,
        "replacements": item.replacements,
        "by": item.by,
        "at": timestamp(item.at),
    }


def _selection(view: JobView, answer: Mapping[str, Any]) -> tuple[UUID, ...]:
    chosen = tuple(typeid.decode_field("art", item, ("selection",)) for item in answer.get("selection") or ())
    made = {
        item.id
        for item in view.artifacts
        if (item.step, item.revision) == (answer["step"], answer["revision"])
    }
    foreign = [item for item in chosen if item not in made]
    if foreign:
        raise Invalid.field(
            ("selection",),
            f"{typeid.encode('art', foreign[0])} is no artifact of revision {answer['revision']} of {answer['step']}",
        )
    if chosen and answer["decision"] != Verdict.APPROVED:
        raise Invalid.field(("selection",), "only an approval selects")
    return chosen


async def _replacements(
    deps: Deps, principal: Principal, view: JobView, answer: Mapping[str, Any]
) -> tuple[commands.Replacement, ...]:
    """Return the files that take the place of artifacts: the same kind, under the name of what they replace."""
    wanted = answer.get("replacements") or {}
    if not wanted:
        return ()
    if answer["decision"] != Verdict.APPROVED:
        raise Invalid.field(("replacements",), "only an approval replaces")
    made = {
        item.id: item
        for item in view.artifacts
        if (item.step, item.revision) == (answer["step"], answer["revision"])
    }
    ids = {text: typeid.decode_field("upl", text, ("replacements", name)) for name, text in wanted.items()}
    async with deps.database.tenant(principal.memberships) as connection:
        found = await projects.uploads(connection, list(ids.values()), [view.job.project_id])
    uploads = {item.id: item for item in found}
    replacements = []
    for name, text in wanted.items():
        loc = ("replacements", name)
        original, upload = made.get(typeid.decode_field("art", name, loc)), uploads.get(ids[text])
        if original is None:
            raise Invalid.field(
                loc, f"{name} is no artifact of revision {answer['revision']} of {answer['step']}"
            )
        if upload is None:
            raise Invalid.field(loc, f"there is no upload {text} in this project")
        if upload.media_type.split("/")[0] != original.media_type.split("/")[0]:
            raise Invalid.field(
                loc, f"{upload.name} is {upload.media_type}, which cannot stand for {original.media_type}"
            )
        await require_usable(deps, upload, loc)
        await require_allowed(deps, principal, view.job.project_id, [(loc, upload)])
        heir = uploaded(view.job.id, original.position, original.step, upload, original.kind)
        suffix = PurePosixPath(upload.name).suffix
        named = PurePosixPath(original.name).stem[: 120 - len(suffix)] + suffix
        attributes = {**heir.attributes, "replaces": name}
        heir = replace(heir, revision=original.revision, name=named, attributes=attributes)
        replacements.append(commands.Replacement(original.id, text, heir))
    return tuple(replacements)


def _effective(
    view: JobView,
    verdict: Verdict,
    changes: Mapping[str, Any],
    first: int,
    decided: int,
    constraints: Constraints,
) -> bytes | None:
    """Return the effective inputs after the decision, or None when they stay as they are.

    A rejection that names no seed draws a new one for the rejected step, so that its result cannot come back, and for
    the step it goes back to; the steps between keep theirs, so that those whose inputs come out equal need not be done
    again.
    """
    if verdict is Verdict.PAUSED or (verdict is Verdict.APPROVED and not changes):
        if changes:
            raise Invalid.field(("changes",), "holding a gate changes nothing")
        return None
    rejected = verdict is Verdict.REJECTED
    reseeded = (first, decided) if rejected else ()
    return changing.effective(view, changes, first if rejected else first + 1, constraints, reseeded)
