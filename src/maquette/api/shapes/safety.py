"""Safety as it is shown and said: policies, decisions, appeals, overrides."""

from typing import Annotated, Any, Literal

from pydantic import Field

from maquette.api.shapes.base import Shape, Timestamp
from maquette.api.shapes.jobs import PolicyVersions

Stage = Literal["prompt", "reference", "output"]
Answer = Literal["allow", "hold", "block"]
Reason = Annotated[
    str, Field(min_length=1, max_length=8000, description="Why; 2,000 characters after normalisation.")
]


class Policy(Shape):
    """One version of a policy. Version 0 is none: the floor alone holds."""

    version: int
    policy: dict[str, Any] = Field(description="As it was put.")
    created_at: Timestamp | None
    created_by: str | None


class Override(Shape):
    """What a person said of a decision."""

    verdict: Literal["allow", "block"]
    reason: str
    by: str
    at: Timestamp


class Appeal(Shape):
    """Why a decision should be another."""

    reason: str
    by: str
    at: Timestamp


class Decision(Shape):
    """What was decided about a prompt, a reference or a result, on what grounds, and what holds of it now."""

    id: str
    project_id: str
    at: Timestamp
    stage: Stage
    verdict: Answer = Field(description="What was decided first.")
    in_force: Answer = Field(description="What holds now: the verdict, or what a person said last.")
    categories: list[str]
    policy: PolicyVersions | None
    moderators: list[dict[str, Any]] = Field(description="Who was asked, and what became of it.")
    evidence: list[dict[str, Any]] = Field(
        description="Per finding: `category`, `answer`, `where`, `rule`, `source`; `span` in the text, `score`."
    )
    subject: str = Field(description="Whose request, or which service's work it was.")
    decided_by: str
    decidable_by: Literal["operator", "reviewer"] = Field(description="Who may override it as it stands.")
    correlation_id: str
    job_id: str | None
    position: int | None = Field(description="Of the step that waits for it, or made what was judged.")
    revision: int | None
    upload_id: str | None
    artifact_id: str | None
    appeal: Appeal | None
    overrides: list[Override]


class DecisionPage(Shape):
    """Decisions, newest first."""

    items: list[Decision]
    next_cursor: str | None


class AppealBody(Shape):
    """An appeal."""

    reason: Reason


class OverrideBody(Shape):
    """A person's word on a decision."""

    verdict: Literal["allow", "block"]
    reason: Reason
    in_force: Answer | None = Field(
        default=None,
        description="What held when you looked; left out, the decision's own verdict. Otherwise it is 409.",
    )


class BlockBody(Shape):
    """A file that is to be taken away."""

    artifact_id: Annotated[str, Field(max_length=60)]
    reason: Reason
    categories: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]] = Field(
        default_factory=list, max_length=10
    )
