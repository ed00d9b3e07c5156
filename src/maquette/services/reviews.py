"""Reviews: a person's decision at a gate."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from maquette.domain import commands, typeid
from maquette.domain.brief import SEED_MAX, Brief, changed, compose
from maquette.domain.errors import Detail, IllegalTransition, Invalid, StaleReview
from maquette.domain.events import timestamp
from maquette.domain.idempotency import canonical
from maquette.domain.moderation import words
from maquette.domain.parameters import complete_params
from maquette.domain.principal import Principal
from maquette.domain.review import UserDecision, Verdict
from maquette.domain.ruling import Ruling, Stage
from maquette.domain.style import Style
from maquette.domain.text import NOTES, PROMPT, clean
from maquette.services.deps import Deps
from maquette.services.jobs import JobView, get
from maquette.services.moderation import refuse
from maquette.services.provided import uploaded
from maquette.services.uploads import require_usable
from maquette.store import projects, reading
from maquette.store.database import decode

_CHANGEABLE = ("prompt", "negative_prompt", "seed", "variants", "params")


async def decide(deps: Deps, principal: Principal, job_id: UUID, answer: Mapping[str, Any]) -> JobView:
    """Apply a decision; ``StaleReview`` carries the winning one when somebody else was first."""
    view = await get(deps, principal, job_id)
    verdict = Verdict(answer["decision"])
    pipeline = view.job.pipeline
    decided = pipeline.position(answer["step"])
    rewind_to = answer.get("rewind_to")
    first = decided if rewind_to is None else pipeline.position(rewind_to, ("rewind_to",))
    changes = {name: value for name, value in (answer.get("changes") or {}).items() if value is not None}
    effective = _effective(view, verdict, changes, first, decided)
    ruling, safety = await _judged(deps, principal, view, effective)
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
        replacements=await _replacements(deps, view, answer),
    )
    try:
        await deps.transactor.apply(job_id, command)
    except (StaleReview, IllegalTransition) as error:
        async with deps.database.connection() as connection:
            winner = await reading.decision(connection, job_id, command.step, command.revision)
        if winner is None or winner.verdict is Verdict.PAUSED:
            raise
        raise StaleReview(
            f"{winner.by} has {winner.verdict} revision {winner.revision} of {winner.step!r} already.",
            extra={"decision": decision_fields(winner)},
        ) from error
    return await get(deps, principal, job_id)


async def _judged(
    deps: Deps, principal: Principal, view: JobView, effective: bytes | None
) -> tuple[Ruling | None, str]:
    """Judge what workers will be told from now on; return what holds the job then, or the policies that allowed it."""
    if effective is None:
        return None, ""
    job = view.job
    judged = await deps.moderation.judge(
        job.project_id, Stage.PROMPT, words(job.asset_type, decode(effective))
    )
    if judged.verdict == "allow":
        return None, judged.policy.name
    ruling = judged.ruling(job.project_id, principal.subject, correlation_id=job.correlation_id)
    if judged.verdict == "block":
        raise await refuse(deps.database, replace(ruling, job_id=job.id), ("changes",))
    return ruling, ""


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
    deps: Deps, view: JobView, answer: Mapping[str, Any]
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
    async with deps.database.connection() as connection:
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
        heir = uploaded(view.job.id, original.position, original.step, upload, original.kind)
        suffix = PurePosixPath(upload.name).suffix
        named = PurePosixPath(original.name).stem[: 120 - len(suffix)] + suffix
        attributes = {**heir.attributes, "replaces": name}
        heir = replace(heir, revision=original.revision, name=named, attributes=attributes)
        replacements.append(commands.Replacement(original.id, text, heir))
    return tuple(replacements)


def _effective(
    view: JobView, verdict: Verdict, changes: Mapping[str, Any], first: int, decided: int
) -> bytes | None:
    """Return the effective inputs after the decision, or None when they stay as they are.

    Whatever changes a prompt is cleaned, validated and composed again; the caller has it judged. A rejection that names no seed
    draws a new one for the rejected step, so that its result cannot come back, and for the step it goes back to; the
    steps between keep theirs, so that those whose inputs come out equal need not be done again.
    """
    if verdict is Verdict.PAUSED or (verdict is Verdict.APPROVED and not changes):
        if changes:
            raise Invalid.field(("changes",), "holding a gate changes nothing")
        return None
    pipeline, before = view.job.pipeline, view.row.effective
    begin = first if verdict is Verdict.REJECTED else first + 1
    left_out = view.job.skipped | view.job.provided
    redone = [
        spec.name for place, spec in enumerate(pipeline.steps) if place >= begin and place not in left_out
    ]
    changes = _checked(changes, redone)
    brief = changed(_brief_in_force(view), changes)
    complete_params(pipeline, brief.params, ("changes", "params"))
    pinned = before["params"]["text_to_image"]["style"]
    style = Style(
        view.row.style_version,
        tuple(pinned["keywords"]),
        tuple(pinned["negative_keywords"]),
        tuple(pinned["palette"]),
    )
    after = compose(brief, style)
    params = {name: (after if name in redone else before)["params"][name] for name in before["params"]}
    seeds = dict(before["seeds"])
    if "seed" in changes:
        seeds |= dict.fromkeys(redone, changes["seed"])
    elif verdict is Verdict.REJECTED:
        again = {pipeline.steps[place].name for place in (first, decided)}
        seeds |= dict.fromkeys(sorted(again), secrets.randbelow(SEED_MAX))
    return canonical({"params": params, "seeds": seeds})


def _checked(changes: Mapping[str, Any], redone: list[str]) -> dict[str, Any]:
    problems = [
        Detail(("changes", name), f"must be one of {', '.join(_CHANGEABLE)}", "unknown_field")
        for name in changes
        if name not in _CHANGEABLE
    ]
    problems += [
        Detail(("changes", "params", step), f"{step} is not redone by this decision", "not_redone")
        for step in changes.get("params", {})
        if step not in redone
    ]
    concept = [name for name in ("prompt", "negative_prompt", "variants") if name in changes]
    if concept and "text_to_image" not in redone:
        problems.append(
            Detail(("changes", concept[0]), "text_to_image is not redone by this decision", "not_redone")
        )
    if problems:
        raise Invalid(f"{'.'.join(map(str, problems[0].loc))}: {problems[0].msg}", details=problems)
    cleaned = dict(changes)
    for name in ("prompt", "negative_prompt"):
        if name in cleaned:
            cleaned[name] = clean(cleaned[name], PROMPT, ("changes", name), required=name == "prompt")
    return cleaned


def _brief_in_force(view: JobView) -> Brief:
    """Return the brief with what earlier decisions made of it: read back from the effective inputs."""
    params, seeds = view.row.effective["params"], view.row.effective["seeds"]
    concept = params["text_to_image"]
    composed = {"prompt", "negative_prompt", "variants", "style", "name"}
    return Brief(
        project_id=view.job.project_id,
        asset_type=view.job.asset_type,
        prompt=concept["prompt"],
        negative_prompt=concept["negative_prompt"],
        variants=concept["variants"],
        seed=seeds["text_to_image"],
        library_path=view.row.library_path,
        params={
            step: {name: value for name, value in values.items() if name not in composed}
            for step, values in params.items()
        },
    )
