"""Routes: which services may do a step of a project's jobs, in order. Versioned; a job pins what held.

The first of a route is who is asked. The others are asked while it is away (``domain/service.py``), unless the brief
forbids it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from maquette.domain.errors import Detail, Invalid
from maquette.domain.pipeline import STEP_NAMES, Pipeline

SERVICE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
SERVICES_MAX = 8


@dataclass(frozen=True, slots=True)
class Routes:
    """One version: services by step. A step that is not named is the platform's own service's."""

    version: int = 0
    steps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def parse(body: Mapping[str, Any], version: int = 0) -> Routes:
    """Return the routes in a document; ``Invalid`` names what is wrong."""
    problems: list[Detail] = []
    given: Mapping[str, Any] = body.get("routes") or {}
    for step, services in given.items():
        loc = ("routes", step)
        if step not in STEP_NAMES:
            problems.append(
                Detail(loc, f"{step[:40]!r} is not one of {', '.join(STEP_NAMES)}", "unknown_step")
            )
        elif not 1 <= len(services) <= SERVICES_MAX:
            problems.append(Detail(loc, f"must name 1 to {SERVICES_MAX} services", "value_error"))
        elif len(set(services)) != len(services):
            problems.append(Detail(loc, "must not repeat a service", "value_error"))
        problems += [
            Detail((*loc, place), "must be a name of lower-case letters, digits and _-", "value_error")
            for place, name in enumerate(services)
            if not SERVICE_NAME.fullmatch(name)
        ]
    if problems:
        raise Invalid(f"{'.'.join(map(str, problems[0].loc))}: {problems[0].msg}", details=problems)
    return Routes(version, {step: tuple(given[step]) for step in STEP_NAMES if step in given})


def fields(routes: Routes) -> dict[str, Any]:
    """Return the document: ``parse`` reads it back."""
    return {"routes": {step: list(services) for step, services in routes.steps.items()}}


def pinned(routes: Routes, pipeline: Pipeline, *, fallback: bool = True) -> dict[int, tuple[str, ...]]:
    """Return what a job keeps of the routes: services by the position of its steps, the first alone without fallback."""
    return {
        position: routes.steps[spec.name][: None if fallback else 1]
        for position, spec in enumerate(pipeline.steps)
        if spec.name in routes.steps
    }
