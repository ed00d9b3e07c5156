"""Gates: what a person may decide, and what a decision changes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from maquette.domain.errors import Detail, Invalid
from maquette.domain.permissions import Role
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
    PAUSE = "pause"


GATE_TIMEOUT = "system:gate_timeout"
"""Who decides when nobody did."""


ESCALATE = "escalate"
ESCALATIONS_MAX = 5
USERS_MAX = 20


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is told once a gate has waited so long (s): everybody of a role, or these people."""

    after_seconds: int
    role: str | None = None
    users: tuple[str, ...] = ()

    @property
    def to(self) -> dict[str, Any]:
        """Return who is told, as documents and events say it."""
        return {"users": list(self.users)} if self.role is None else {"role": self.role}


@dataclass(frozen=True, slots=True)
class Due:
    """What a gate's clock comes to next: ``remind``, ``escalate``, or what ``then`` says."""

    at: datetime
    action: str
    stage: int | None = None
    """Of an escalation, its number from 1."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """How long a gate waits (s) and what follows; ``remind_every_seconds`` None: no reminder besides ``then``."""

    after_seconds: int
    then: Then
    remind_every_seconds: int | None = None
    escalations: tuple[Escalation, ...] = ()
    """Who hears of it on the way, the one that is due first before the others."""

    def ends_at(self, since: datetime) -> datetime:
        """Return when the wait of a gate that opened at ``since`` is over."""
        return since + timedelta(seconds=self.after_seconds)

    def due(self, since: datetime, now: datetime) -> Due | None:
        """Return what is to be done next after ``now``; None when there is nothing. Of two at once, the weightier.

        Reminders come every so often: up to a decision, or from the end of the wait on when reminding is all.
        """
        end = self.ends_at(since)
        found = [] if self.then is Then.REMIND or now >= end else [Due(end, self.then)]
        found += [item for item in self._escalations(since) if item.at > now][:1]
        reminder = self._reminder(since, now)
        found += [] if reminder is None else [Due(reminder, Then.REMIND)]
        return min(found, key=lambda item: item.at, default=None)

    def due_at(self, since: datetime, now: datetime) -> datetime | None:
        """Return the moment of what is due next."""
        due = self.due(since, now)
        return None if due is None else due.at

    def _reminder(self, since: datetime, now: datetime) -> datetime | None:
        end, every = self.ends_at(since), self.remind_every_seconds
        first = end if self.then is Then.REMIND else since
        if self.then is Then.REMIND and now < end:
            return end
        if every is None:
            return None
        step = timedelta(seconds=every)
        return first + ((now - first) // step + 1) * step

    def _escalations(self, since: datetime) -> list[Due]:
        return [
            Due(since + timedelta(seconds=item.after_seconds), ESCALATE, stage)
            for stage, item in enumerate(self.escalations, 1)
        ]

    def escalated(self, since: datetime, first: datetime, now: datetime) -> list[int]:
        """Return the escalations, by number, that came due from ``first`` to ``now``."""
        return [item.stage for item in self._escalations(since) if item.stage and first <= item.at <= now]


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
    for place, gate in enumerate(given):
        problems += [] if isinstance(gate, str) else _escalation_problems(("gates", place, "escalate"), gate)
    if problems:
        raise Invalid(f"{'.'.join(map(str, problems[0].loc))}: {problems[0].msg}", details=problems)
    return Gates(version, names, {gate["step"]: policy_from(gate) for gate in timed})


def _escalation_problems(loc: tuple[str | int, ...], gate: Mapping[str, Any]) -> Iterator[Detail]:
    policy = policy_from(gate)
    if len(policy.escalations) > ESCALATIONS_MAX:
        yield Detail(loc, f"must have at most {ESCALATIONS_MAX} stages", "value_error")
    before = 0
    for stage, item in enumerate(policy.escalations):
        where = (*loc, stage, "after_seconds")
        if item.after_seconds <= before:
            yield Detail(where, "must be later than the stage before it", "value_error")
        if policy.then is not Then.REMIND and item.after_seconds >= policy.after_seconds:
            said = f"must be less than the gate's after_seconds, {policy.after_seconds}: nobody is told after {policy.then}"
            yield Detail(where, said, "value_error")
        if (item.role is None) == (not item.users) or len(item.users) > USERS_MAX:
            yield Detail((*loc, stage), f"must name a role, or 1 to {USERS_MAX} users", "value_error")
        elif item.role is not None and item.role not in set(Role):
            yield Detail((*loc, stage, "role"), f"must be one of {', '.join(Role)}", "value_error")
        before = item.after_seconds


def policy_from(fields: Mapping[str, Any]) -> GatePolicy:
    """Return the policy in ``policy_fields``."""
    then = Then(fields.get("then", Then.REMIND))
    escalations = tuple(
        Escalation(item["after_seconds"], item.get("role"), tuple(item.get("users") or ()))
        for item in fields.get("escalate") or ()
    )
    return GatePolicy(fields["after_seconds"], then, fields.get("remind_every_seconds"), escalations)


def policy_fields(policy: GatePolicy) -> dict[str, Any]:
    """Return a gate's policy as it is kept and shown."""
    return {
        "after_seconds": policy.after_seconds,
        "then": str(policy.then),
        "remind_every_seconds": policy.remind_every_seconds,
        "escalate": [{"after_seconds": item.after_seconds, **item.to} for item in policy.escalations],
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
