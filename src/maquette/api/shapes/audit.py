"""The audit log."""

from typing import Any

from pydantic import Field

from maquette.api.shapes.base import Shape, Timestamp


class AuditEntry(Shape):
    """One administrative act."""

    id: str
    at: Timestamp
    project_id: str | None = Field(description="Null: it concerned the installation.")
    subject: str = Field(description="Who did it.")
    kind: str
    act: str = Field(description="The operation, as this document names it.")
    object: str = Field(description="What it was done to.")
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str = Field(description="Empty for what no request asked for.")
    address: str | None = Field(description="Where the request came from, as the server sees it.")


class AuditPage(Shape):
    """Entries, newest first."""

    items: list[AuditEntry]
    next_cursor: str | None
