"""Rulings: what was decided about the safety of a prompt, an upload or a result, by whom, and on what grounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from maquette.domain.audit import Entry


class Stage(StrEnum):
    """What was judged."""

    PROMPT = "prompt"
    """All that workers will be told, composed of brief, style DNA and parameters."""
    REFERENCE = "reference"
    """A file that somebody brings."""
    OUTPUT = "output"
    """What a step made."""


Answer = Literal["allow", "hold", "block"]
"""What follows: it may go on, a person has to decide, it may not be."""

Withheld = Literal["awaiting", "blocked"]
"""Why a file cannot be read: nobody has said yet that it may be seen, or somebody said that it may not."""

BLOCKED = "content_policy"
"""Error code of a step and job that a ruling ended."""


class Ruling(Struct, frozen=True):
    """One judgement, kept for good. What people say of it later are ``Override`` and ``Appeal``."""

    id: UUID
    project_id: UUID
    stage: Stage
    verdict: Answer
    categories: tuple[str, ...]
    policy: Mapping[str, int]
    """Version of each policy that took part: ``floor``, ``platform``, ``project`` (0: there is none)."""
    moderators: tuple[Mapping[str, Any], ...]
    """Who judged, and what became of asking them: ``{name, outcome, …}``."""
    evidence: tuple[Mapping[str, Any], ...]
    subject: str
    """Whose request it was."""
    digest: bytes
    """sha256 of what was judged: the composed prompt in canonical form, or the file."""
    correlation_id: str = ""
    job_id: UUID | None = None
    position: int | None = None
    revision: int | None = None
    """Which step revision waits for it, or made what was judged."""
    upload_id: UUID | None = None
    artifact_id: UUID | None = None
    by: str = "system:moderation"
    """Who ruled: a person's subject when it is a person's own."""
    reason: str = ""
    at: datetime | None = None
    """Set when it is written."""

    @property
    def told(self) -> dict[str, Any]:
        """What events and errors say of it: no evidence."""
        return {"stage": self.stage, "verdict": self.verdict, "categories": list(self.categories)}


@dataclass(frozen=True, slots=True)
class Override:
    """A person's word on a ruling: what holds from now on."""

    id: UUID
    ruling_id: UUID
    project_id: UUID
    verdict: Literal["allow", "block"]
    reason: str
    by: str
    by_operator: bool = False
    """Only an operator may say otherwise then."""
    digest: bytes = b""
    """Equal contents of the project pass from now on, or do not."""
    at: datetime | None = None
    entry: Entry | None = None
    """Its line in the audit log, where the job's own transaction makes it true."""


@dataclass(frozen=True, slots=True)
class Appeal:
    """The word of the one a ruling concerns: why it should be another."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A step revision whose files wait for a moderator outside."""

    job_id: UUID
    project_id: UUID
    position: int
    revision: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What becomes of a step revision's files: None means that they may be read."""

    job_id: UUID
    position: int
    revision: int
    withheld: Withheld | None
