"""Constraints: what the assets of a project must keep to. A default that exceeds one gives way, a wish is refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]  # it comes without stubs

from maquette.domain.errors import ConstraintConflict, Detail, Invalid
from maquette.domain.parameters import PARAMETERS
from maquette.domain.pipeline import PIPELINES

PATTERN_LENGTH_MAX = 200
_FOLDER = re2.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}(/[A-Za-z0-9][A-Za-z0-9._-]{0,79}){0,6}")

#: Constraint → the parameters that it bounds from above.
UPPER: Mapping[str, tuple[tuple[str, str], ...]] = {
    "polygons_max": (("retopo", "target_polycount"),),
    "texture_size_max": (("retopo", "texture_size"),),
    "image_size_max": (("text_to_image", "size"), ("refine", "max_size")),
}
UNITS = ("meters", "centimeters")
AXES = ("x", "-x", "y", "-y", "z", "-z")


@dataclass(frozen=True, slots=True)
class Constraints:
    """One version; what is empty, or None, bounds nothing."""

    version: int = 0
    asset_types: tuple[str, ...] = ()
    polygons_max: int | None = None
    """Faces of the retopologised mesh."""
    texture_size_max: int | None = None
    """Edge of baked textures (pixels)."""
    image_size_max: int | None = None
    """Edge of painted and refined images (pixels)."""
    formats_allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By asset type."""
    formats_required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    engines: tuple[str, ...] = ()
    library_path_pattern: str = ""
    """RE2, so that no pattern takes longer than linear time; the whole path must match."""
    library_folder: str = ""
    """Where an asset goes whose brief names no path."""
    units: str = ""
    up_axis: str = ""
    forward_axis: str = ""


def parse(body: Mapping[str, Any], version: int = 0) -> Constraints:
    """Return the constraints in a document; ``Invalid`` names what is wrong."""
    problems: list[Detail] = []
    chosen = {
        "asset_types": tuple(PIPELINES),
        "engines": PARAMETERS["3D"]["export"]["engine"].choices,
    }
    lists = {name: _some(body.get(name), (name,), known, problems) for name, known in chosen.items()}
    numbers = {name: _upper(name, body.get(name), problems) for name in UPPER}
    formats = {
        name: {
            kind: _some(items, (name, kind), _formats(kind), problems)
            for kind, items in (body.get(name) or {}).items()
            if items
        }
        for name in ("formats_allowed", "formats_required")
    }
    for kind, needed in formats["formats_required"].items():
        if left_out := set(needed) - set(formats["formats_allowed"].get(kind, needed)):
            told = f"{min(left_out)} is required and formats_allowed leaves it out"
            problems.append(Detail(("formats_required", kind), told, "value_error"))
    words = {"units": UNITS, "up_axis": AXES, "forward_axis": AXES}
    spoken = {name: _word(body.get(name), (name,), known, problems) for name, known in words.items()}
    if spoken["up_axis"] and spoken["up_axis"][-1] == spoken["forward_axis"][-1:]:
        problems.append(
            Detail(("forward_axis",), "must not lie along the axis that points up", "value_error")
        )
    naming = _naming(body, problems)
    if problems:
        raise Invalid(f"{'.'.join(map(str, problems[0].loc))}: {problems[0].msg}", details=problems)
    members: dict[str, Any] = {**lists, **numbers, **formats, **naming, **spoken}
    return Constraints(version, **members)


def fields(constraints: Constraints) -> dict[str, Any]:
    """Return the document, every member there: ``parse`` reads it back."""
    return {
        "asset_types": list(constraints.asset_types),
        **{name: getattr(constraints, name) for name in UPPER},
        "formats_allowed": {kind: list(items) for kind, items in constraints.formats_allowed.items()},
        "formats_required": {kind: list(items) for kind, items in constraints.formats_required.items()},
        "engines": list(constraints.engines),
        "library_path_pattern": constraints.library_path_pattern or None,
        "library_folder": constraints.library_folder or None,
        **conventions(constraints, None),
    }


def conventions(constraints: Constraints, nothing: Any = "") -> dict[str, Any]:
    """Return units and axes, ``nothing`` where none is demanded."""
    return {name: getattr(constraints, name) or nothing for name in ("units", "up_axis", "forward_axis")}


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A default that gave way to a constraint."""

    step: str
    name: str
    default: Any
    value: Any
    constraint: str


def fit(
    constraints: Constraints, asset_type: str, given: Mapping[str, Any], loc: tuple[str, ...] = ("params",)
) -> list[Adjustment]:
    """Return what becomes of defaults under the constraints; ``given`` are the parameters that somebody asked for.

    Errors: ``ConstraintConflict`` names each of those that a constraint forbids, and that constraint. What is no valid
    value at all is left to ``complete_params``.
    """
    found: list[Adjustment | tuple[Detail, Detail]] = []
    if constraints.asset_types and asset_type not in constraints.asset_types:
        found.append(both_sides(constraints, "asset_types", ("asset_type",)))
    found += _numbers(constraints, asset_type, given, loc)
    found += _engine(constraints, asset_type, given, loc)
    found += _files(constraints, asset_type, given, loc)
    problems = [detail for item in found if not isinstance(item, Adjustment) for detail in item]
    if problems:
        raise conflict(constraints, problems)
    return [item for item in found if isinstance(item, Adjustment)]


def conflict(constraints: Constraints, details: Sequence[Detail]) -> ConstraintConflict:
    """Return the error that tells of conflicts, each with both of its sides among the details."""
    return ConstraintConflict(
        f"{'.'.join(map(str, details[0].loc))}: {details[0].msg}",
        details=details,
        extra={"constraints_version": constraints.version},
    )


def check_path(constraints: Constraints, path: str) -> None:
    """Raise ``ConstraintConflict`` when a library path is not what the project calls its assets."""
    pattern = constraints.library_path_pattern
    if pattern and not _compiled(pattern).fullmatch(path):
        raise conflict(constraints, both_sides(constraints, "library_path_pattern", ("library_path",)))


Found = Iterator[Adjustment | tuple[Detail, Detail]]


def _numbers(
    constraints: Constraints, asset_type: str, given: Mapping[str, Any], loc: tuple[str, ...]
) -> Found:
    known = PARAMETERS[asset_type]
    bounds = [(name, *place) for name, places in UPPER.items() for place in places if place[0] in known]
    for constraint, step, name in bounds:
        bound, asked = getattr(constraints, constraint), _asked(given, step, name)
        default = known[step][name].default
        if bound is None:
            continue
        if asked is None and default > bound:
            yield Adjustment(step, name, default, bound, constraint)
        elif isinstance(asked, int) and asked > bound:
            yield both_sides(constraints, constraint, (*loc, step, name))


def _engine(
    constraints: Constraints, asset_type: str, given: Mapping[str, Any], loc: tuple[str, ...]
) -> Found:
    asked, default = _asked(given, "export", "engine"), PARAMETERS[asset_type]["export"]["engine"].default
    if not constraints.engines or (default if asked is None else asked) in constraints.engines:
        return
    if asked is None:
        yield Adjustment("export", "engine", default, constraints.engines[0], "engines")
    else:
        yield both_sides(constraints, "engines", (*loc, "export", "engine"))


def _files(
    constraints: Constraints, asset_type: str, given: Mapping[str, Any], loc: tuple[str, ...]
) -> Found:
    """Fit the formats: those that are required come along, whatever was asked for."""
    known = PARAMETERS[asset_type]["export"]["formats"]
    allowed = constraints.formats_allowed.get(asset_type) or known.choices
    needed = constraints.formats_required.get(asset_type, ())
    asked = _asked(given, "export", "formats")
    if asked is not None and not isinstance(asked, list):
        return
    before: list[str] = known.default if asked is None else asked
    if asked and any(item in known.choices and item not in allowed for item in asked):
        yield both_sides(constraints, "formats_allowed", (*loc, "export", "formats"))
        return
    wanted = before if asked else [item for item in before if item in allowed]
    result = wanted + [item for item in needed if item not in wanted] or [allowed[0]]
    if asked != [] and result != before:
        lowered = wanted != before
        yield Adjustment(
            "export", "formats", before, result, "formats_allowed" if lowered else "formats_required"
        )


def both_sides(constraints: Constraints, name: str, loc: tuple[str, ...]) -> tuple[Detail, Detail]:
    """Return the two sides of a conflict: where somebody asked, and the constraint with its value and version."""
    bound, where = fields(constraints)[name], ".".join(loc)
    told = f"{name} {bound!r} in version {constraints.version} of the project's constraints"
    return (
        Detail(loc, f"conflicts with {told}", "constraint_conflict"),
        Detail(("constraints", name), f"{told} conflicts with {where}", "constraint_conflict"),
    )


def _asked(given: Mapping[str, Any], step: str, name: str) -> Any:
    values = given.get(step)
    return values.get(name) if isinstance(values, Mapping) else None


def _formats(asset_type: str) -> tuple[str, ...]:
    return PARAMETERS[asset_type]["export"]["formats"].choices if asset_type in PARAMETERS else ()


def _some(
    given: Sequence[str] | None, loc: tuple[str, ...], known: Sequence[str], problems: list[Detail]
) -> tuple[str, ...]:
    wrong = [item for item in given or () if item not in known]
    if wrong:
        told = (
            f"{wrong[0][:40]!r} is not one of {', '.join(known)}" if known else "there is no such asset type"
        )
        problems.append(Detail(loc, told, "value_error"))
    return tuple(dict.fromkeys(given or ()))


def _upper(name: str, given: int | None, problems: list[Detail]) -> int | None:
    """Return a bound: none that a parameter's own smallest value would break."""
    parameters = [PARAMETERS["3D"][step][parameter] for step, parameter in UPPER[name]]
    low, high = max(item.low for item in parameters), max(item.high for item in parameters)
    if given is not None and not low <= given <= high:
        problems.append(Detail((name,), f"must be from {low:g} to {high:g}", "value_error"))
    return given


def _word(given: str | None, loc: tuple[str, ...], known: Sequence[str], problems: list[Detail]) -> str:
    if given and given not in known:
        problems.append(Detail(loc, f"must be one of {', '.join(known)}", "value_error"))
    return given or ""


def _naming(body: Mapping[str, Any], problems: list[Detail]) -> dict[str, str]:
    pattern, folder = body.get("library_path_pattern") or "", body.get("library_folder") or ""
    if folder and not _FOLDER.fullmatch(folder):
        told = "must be one to seven segments of letters, digits and ._- between slashes, none starting with a dot"
        problems.append(Detail(("library_folder",), told, "value_error"))
    if len(pattern) > PATTERN_LENGTH_MAX:
        told = f"must have at most {PATTERN_LENGTH_MAX} characters"
        problems.append(Detail(("library_path_pattern",), told, "too_long"))
    elif pattern:
        try:
            _compiled(pattern)
        except re2.error:
            problems.append(
                Detail(("library_path_pattern",), "is no regular expression that RE2 knows", "value_error")
            )
    return {"library_path_pattern": pattern, "library_folder": folder}


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return re2.compile(pattern, options)
