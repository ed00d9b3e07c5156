"""A project's context as documents: each kind is versioned, immutable and compared in one way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maquette.domain import constraints, retry, review, routing, style


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of document is read, and written back with every member there."""

    parse: Callable[[Mapping[str, Any], int], Any]
    fields: Callable[[Any], dict[str, Any]]

    def default(self) -> dict[str, Any]:
        """Return version 0: what holds where nobody has said anything."""
        return self.fields(self.parse({}, 0))


KINDS: Mapping[str, Kind] = {
    "style": Kind(style.parse, style.fields),
    "constraints": Kind(constraints.parse, constraints.fields),
    "gates": Kind(review.parse_gates, review.gate_fields),
    "routes": Kind(routing.parse, routing.fields),
    "retries": Kind(retry.parse, retry.document),
}


def kept(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written down: of a style only what is said, for the version before knows three members of it."""
    default = KINDS[kind].default() if kind == "style" else {}
    return {name: value for name, value in body.items() if name not in default or value != default[name]}


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document; number 0 was made by nobody."""

    number: int
    body: Mapping[str, Any]
    created_at: datetime | None = None
    created_by: str | None = None


@dataclass(frozen=True, slots=True)
class Pins:
    """The versions of a project's context that a job holds on to."""

    style: int = 0
    constraints: int = 0
    gates: int = 0
    routes: int = 0
    retries: int = 0


def differences(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> list[dict[str, Any]]:
    """Return what differs between two documents, by dotted path in order of name.

    Of lists also what came and what went, each in its order; a list of which neither is true was put in another order.
    """
    found: list[dict[str, Any]] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        where = f"{path}{name}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{where}.")
        elif old != new:
            entry = {"field": where, "before": old, "after": new}
            if isinstance(old, list) and isinstance(new, list):
                entry["removed"] = [item for item in old if item not in new]
                entry["added"] = [item for item in new if item not in old]
            found.append(entry)
    return found
