"""Gates: what a person may decide, and what a decision changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


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


REVISION_MAX = 255
"""A job's row keeps one byte for each step's revision."""


def rewound(revisions: tuple[int, ...], first: int, last: int) -> tuple[int, ...]:
    """Return the revisions after a rewind: steps ``first`` to ``last`` get a new one, the others keep theirs."""
    return tuple(
        revision + 1 if first <= position <= last else revision for position, revision in enumerate(revisions)
    )
