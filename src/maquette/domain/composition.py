"""Composition: brief, style DNA and constraints to what each step is told. The one function that does it.

A submission, a dry run and a reviewer's changes all come by it, so what is shown is what holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from maquette.domain import constraints as limits
from maquette.domain import style as styles
from maquette.domain.brief import Brief
from maquette.domain.constraints import Adjustment, Constraints
from maquette.domain.errors import Invalid
from maquette.domain.parameters import complete_params
from maquette.domain.pipeline import Pipeline, pipeline_for
from maquette.domain.style import Style

UNBOUND = Constraints()
COMPOSED = frozenset({"prompt", "negative_prompt", "variants", "style", "name", "conventions"})
"""What composition adds to the parameters of steps; everything else in them is a parameter."""


def compose(
    brief: Brief, style: Style, constraints: Constraints = UNBOUND, loc: tuple[str, ...] = ("params",)
) -> dict[str, Any]:
    """Return the effective inputs: for every step its parameters and its seed. Pure; shown in the job.

    ``adjusted`` is there when a default gave way to a constraint, and says which one. Errors: ``Invalid`` for a wrong
    parameter; ``ConstraintConflict`` for one that the constraints forbid, with both sides in its details.
    """
    pipeline = pipeline_for(brief.asset_type)
    adjusted = limits.fit(constraints, brief.asset_type, brief.params, loc)
    given: dict[str, Any] = dict(brief.params)
    for item in adjusted:
        given[item.step] = {**given.get(item.step, {}), item.name: item.value}
    params = _complete(pipeline, brief, given, constraints, adjusted, loc)
    params["text_to_image"] |= {
        "prompt": brief.prompt,
        "negative_prompt": brief.negative_prompt,
        "variants": brief.variants,
        "style": styles.told(style),
    }
    params["export"]["name"] = brief.library_path.rsplit("/", 1)[-1]
    demanded = {name: value for name, value in limits.conventions(constraints).items() if value}
    if demanded:
        params["export"]["conventions"] = demanded
    effective: dict[str, Any] = {"params": params, "seeds": dict.fromkeys(params, brief.seed)}
    if adjusted:
        effective["adjusted"] = [_told(item) for item in adjusted]
    return effective


def _complete(
    pipeline: Pipeline,
    brief: Brief,
    given: Mapping[str, Any],
    constraints: Constraints,
    adjusted: Sequence[Adjustment],
    loc: tuple[str, ...],
) -> dict[str, dict[str, Any]]:
    """Complete the parameters; where it is an adjusted default that does not go with a wish, tell which constraint it was."""
    try:
        return complete_params(pipeline, given, loc)
    except Invalid as error:
        if not adjusted:
            raise
        complete_params(pipeline, brief.params, loc)  # what is wrong all by itself is told as that
        places = {detail.loc for detail in error.details}
        blamed = [item for item in adjusted if (*loc, item.step, item.name) in places]
        sides = [
            limits.both_sides(constraints, item.constraint, (*loc, item.step, item.name))[1]
            for item in blamed
        ]
        raise limits.conflict(constraints, [*error.details, *sides]) from error


def _told(item: Adjustment) -> dict[str, Any]:
    return {
        "field": f"{item.step}.{item.name}",
        "default": item.default,
        "value": item.value,
        "constraint": item.constraint,
    }


def changed(brief: Brief, changes: Mapping[str, Any]) -> Brief:
    """Return the brief with a reviewer's changes: prompt, negative_prompt, seed, variants, params by step."""
    params = {step: dict(values) for step, values in brief.params.items()}
    for step, values in changes.get("params", {}).items():
        params.setdefault(step, {}).update(values)
    simple = {
        name: changes[name] for name in ("prompt", "negative_prompt", "seed", "variants") if name in changes
    }
    return replace(brief, params=params, **simple)


def still_adjusted(before: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the member ``adjusted`` of effective inputs that take the place of others; nothing when there is none."""
    kept = [
        item
        for item in before.get("adjusted", ())
        if (place := item["field"].partition(".")) and params[place[0]].get(place[2]) == item["value"]
    ]
    return {"adjusted": kept} if kept else {}
