"""What the audit log keeps of an administrative act."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One administrative act."""

    id: UUID
    at: datetime | None = None
    """The database's time; None until it is written."""
    project_id: UUID | None
    """None: it concerned the installation."""
    subject: str
    kind: str
    act: str
    object: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    request_id: str
    address: str | None
