"""Batches: what became of each line, and how the jobs stand."""

from typing import Any

from pydantic import Field

from maquette.api.shapes.base import Shape, Timestamp


class BatchVerdict(Shape):
    """What became of one line, with the status that a request of its own would have had."""

    line: int = Field(description="Counted from 1; empty lines count, but have no verdict.")
    status: int
    job_id: str | None
    problem: dict[str, Any] | None = Field(description="The problem document of a refused line.")


class BatchUrls(Shape):
    """Where to go from here, relative to the API's address."""

    self: str
    jobs: str
    cancel: str


class Batch(Shape):
    """Briefs that came in one request."""

    id: str
    project_id: str
    name: str
    lines: int
    created_at: Timestamp
    created_by: str
    jobs: dict[str, int] = Field(description="How many of its jobs are in each status.")
    urls: BatchUrls


class SubmittedBatch(Batch):
    """A batch as its sender sees it."""

    verdicts: list[BatchVerdict]


class BatchPage(Shape):
    """Batches, newest first."""

    items: list[Batch]
    next_cursor: str | None = Field(
        description="Send it as `cursor` for the next page; null after the last one."
    )
