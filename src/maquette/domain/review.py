"""Gates: what a person may decide, and what a decision changes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from maquette.domain.errors import Detail, Invalid
from maquette.domain.pipeline import DEFAULT_GATES, GATE_NAMES


class Verdict(StrEnum):
    """The three answers at a gate."""

    APPROVED = "approved"
    REJECTED = "rejected"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class UserDecision:
    """What a person decided about one step revision. Kept for good."""

    job_id: UUID
    position: int
    revision: int
    step: str
    verdict: Verdict
    notes: str
    selection: tuple[UUID, ...]
    changes: Mapping[str, Any]
    rewind_to: str | None
    by: str
    at: datetime
    replacements: Mapping[str, str] = field(default_factory=dict)
    """Ids of artifacts, each with the id of the upload that takes its place."""


class Then(StrEnum):
    """What happens when nobody has decided in time."""

    REMIND = "remind"
    APPROVE = "approve"
    REJECT = "reject"


GATE_TIMEOUT = "system:gate_timeout"
"""Who decides when nobody did."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """How long a gate waits (s) and what follows; ``remind_every_seconds`` None: no reminder besides ``then``."""

    after_seconds: int
    then: Then
    remind_every_seconds: int | None = None

    def ends_at(self, since: datetime) -> datetime:
        """Return when the wait of a gate that opened at ``since`` is over."""
        return since + timedelta(seconds=self.after_seconds)

    def due_at(self, since: datetime, now: datetime) -> datetime | None:
        """Return the next moment after ``now`` at which something is to be done; None when there is none.

        Reminders come every so often: up to a decision, or from the end of the wait on when reminding is all.
        """
        end, every = self.ends_at(since), self.remind_every_seconds
        first = end if self.then is Then.REMIND else since
        if self.then is Then.REMIND and now < end:
            return end
        if every is None:
            return None if self.then is Then.REMIND else end
        step = timedelta(seconds=every)
        following = first + ((now - first) // step + 1) * step
        return following if self.then is Then.REMIND else min(following, end)


@dataclass(frozen=True, slots=True)
class Gates:
    """One version of where a person decides in a project's jobs: names of steps, or ``before_export``."""

    version: int = 0
    names: tuple[str, ...] = DEFAULT_GATES
    policies: Mapping[str, GatePolicy] = field(default_factory=dict)
    """What follows when nobody decides, by gate."""


def parse_gates(body: Mapping[str, Any], version: int = 0) -> Gates:
    """Return the gates in a document; ``Invalid`` names what is wrong. One that says nothing has the default ones."""
    given: Sequence[Any] = body.get("gates", DEFAULT_GATES)
    timed = [gate for gate in given if not isinstance(gate, str)]
    names = tuple(gate if isinstance(gate, str) else gate["step"] for gate in given)
    problems = [
        Detail(("gates", place), f"{name[:40]!r} is not one of {', '.join(GATE_NAMES)}", "value_error")
        for place, name in enumerate(names)
        if name not in GATE_NAMES
    ]
    if len(set(names)) != len(names):
        problems.append(Detail(("gates",), "must not repeat an entry", "value_error"))
    if problems:
        raise Invalid(f"{'.'.join(map(str, problems[0].loc))}: {problems[0].msg}", details=problems)
    return Gates(version, names, {gate["step"]: policy_from(gate) for gate in timed})


def policy_from(fields: Mapping[str, Any]) -> GatePolicy:
    """Return the policy in ``policy_fields``."""
    then = Then(fields.get("then", Then.REMIND))
    return GatePolicy(fields["after_seconds"], then, fields.get("remind_every_seconds"))


def policy_fields(policy: GatePolicy) -> dict[str, Any]:
    """Return a gate's policy as it is kept and shown."""
    return {
        "after_seconds": policy.after_seconds,
        "then": str(policy.then),
        "remind_every_seconds": policy.remind_every_seconds,
    }


def gate_fields(gates: Gates) -> dict[str, Any]:
    """Return the document: ``parse_gates`` reads it back."""
    policies = gates.policies
    return {
        "gates": [
            {"step": name, **policy_fields(policies[name])} if name in policies else name
            for name in gates.names
        ]
    }


REVISION_MAX = 255
"""A job's row keeps one byte for each step's revision."""


def rewound(revisions: tuple[int, ...], first: int, last: int, kept: Collection[int] = ()) -> tuple[int, ...]:
    """Return the revisions after a rewind: ``first`` to ``last`` get a new one, the others and ``kept`` keep theirs."""
    return tuple(
        revision + 1 if first <= position <= last and position not in kept else revision
        for position, revision in enumerate(revisions)
    )
