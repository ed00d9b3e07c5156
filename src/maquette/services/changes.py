"""Changes of what a job asks for, whoever makes them: cleaned, validated, composed anew and judged again."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from maquette.domain import style as styles
from maquette.domain.brief import SEED_MAX, Brief
from maquette.domain.composition import COMPOSED, UNBOUND, changed, compose, still_adjusted
from maquette.domain.constraints import Constraints, parse
from maquette.domain.errors import Detail, Invalid
from maquette.domain.ledger import Amount
from maquette.domain.moderation import words
from maquette.domain.principal import Principal
from maquette.domain.ruling import Ruling, Stage
from maquette.domain.text import PROMPT, clean
from maquette.services.deps import Deps
from maquette.services.jobs import JobView
from maquette.services.moderation import refuse
from maquette.store import context
from maquette.store.database import decode, encode

_CHANGEABLE = ("prompt", "negative_prompt", "seed", "variants", "params")


async def judged(
    deps: Deps, principal: Principal, view: JobView, effective: bytes | None
) -> tuple[Ruling | None, str]:
    """Judge what workers will be told from now on; return what holds the job then, or the policies that allowed it."""
    if effective is None:
        return None, ""
    job = view.job
    found = await deps.moderation.judge(
        job.project_id, Stage.PROMPT, words(job.asset_type, decode(effective))
    )
    if found.verdict == "allow":
        return None, found.policy.name
    ruling = found.ruling(job.project_id, principal.subject, correlation_id=job.correlation_id)
    if found.verdict == "block":
        raise await refuse(deps.database, replace(ruling, job_id=job.id), ("changes",))
    return ruling, ""


async def constraints_of(deps: Deps, view: JobView) -> Constraints:
    """Return the constraints that the job pinned."""
    number = view.row.pins.constraints
    if number == 0:
        return UNBOUND
    async with deps.database.connection() as connection:
        found = await context.version(connection, view.job.project_id, "constraints", number)
    return UNBOUND if found is None else parse(found.body, number)


async def estimates(deps: Deps, view: JobView, effective: bytes | None) -> tuple[Amount, ...] | None:
    """Return what each step of a job that costs something may cost with what was changed; None when that stays."""
    job = view.job
    if effective is None or job.bill is None:
        return None
    services = [job.service_at(position) for position in range(len(job.revisions))]
    return await deps.tariff.estimate(job.pipeline, services, decode(effective), job.skipped | job.provided)


def effective(
    view: JobView,
    changes: Mapping[str, Any],
    begin: int,
    constraints: Constraints,
    reseeded: Sequence[int] = (),
) -> bytes:
    """Return the effective inputs with changes to the steps from position ``begin`` on; ``Invalid`` names each wrong one.

    The steps at the positions in ``reseeded`` get a new seed unless the changes name one. Judging is the caller's.
    """
    pipeline, before = view.job.pipeline, view.row.effective
    left_out = view.job.skipped | view.job.provided
    redone = [
        spec.name for place, spec in enumerate(pipeline.steps) if place >= begin and place not in left_out
    ]
    changes = _checked(changes, redone)
    brief = changed(_brief_in_force(view), changes)
    style = styles.parse(before["params"]["text_to_image"]["style"], view.row.pins.style)
    after = compose(brief, style, constraints, ("changes", "params"))
    params = {name: (after if name in redone else before)["params"][name] for name in before["params"]}
    seeds = dict(before["seeds"])
    if "seed" in changes:
        seeds |= dict.fromkeys(redone, changes["seed"])
    elif reseeded:
        again = {pipeline.steps[place].name for place in reseeded}
        seeds |= dict.fromkeys(sorted(again), secrets.randbelow(SEED_MAX))
    return encode({"params": params, "seeds": seeds} | still_adjusted(before, params))


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
    return Brief(
        project_id=view.job.project_id,
        asset_type=view.job.asset_type,
        prompt=concept["prompt"],
        negative_prompt=concept["negative_prompt"],
        variants=concept["variants"],
        seed=seeds["text_to_image"],
        library_path=view.row.library_path,
        params={
            step: {name: value for name, value in values.items() if name not in COMPOSED}
            for step, values in params.items()
        },
    )
