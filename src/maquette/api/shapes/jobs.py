"""Jobs: the brief that is submitted, the job that is shown, the review that decides."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from maquette.api.shapes.base import Metadata, Shape, Timestamp
from maquette.api.shapes.examples import REVIEW, SUBMISSION
from maquette.domain import parameters_schema
from maquette.domain.brief import SEED_MAX
from maquette.domain.job import JobStatus, StepStatus
from maquette.domain.text import NOTES, PROMPT
from maquette.outbound import URL_LENGTH_MAX

Params = Annotated[
    dict[
        Annotated[str, Field(max_length=40)],
        Annotated[dict[Annotated[str, Field(max_length=40)], Any], Field(max_length=64)],
    ],
    Field(max_length=16),
    WithJsonSchema(
        {
            "anyOf": list(parameters_schema.schemas().values()),
            "description": "Parameters by step, as the asset type has them; see docs/parameters.md.",
        }
    ),
]
Seed = Annotated[int, Field(ge=0, le=SEED_MAX)]
MaxCost = Annotated[float, Field(ge=0, le=1e6)]
Variants = Annotated[int, Field(ge=1, le=8)]


class JobSubmission(Shape):
    """A brief. Only project, type and prompt are needed."""

    model_config = ConfigDict(json_schema_extra={"examples": [SUBMISSION]})

    project_id: str = Field(max_length=60)
    asset_type: str = Field(max_length=20, description="`2D` or `3D`.")
    prompt: str = Field(
        default="",
        max_length=PROMPT.points_max,
        description="Needed; with `from_asset`, by default that one's.",
    )
    negative_prompt: str = Field(default="", max_length=PROMPT.points_max)
    seed: Seed | None = Field(default=None, description="Drawn and pinned when left out.")
    variants: Variants = 1
    library_path: str = Field(
        default="", max_length=700, description="Where to file the asset; by default a slug of the prompt."
    )
    skip: list[Annotated[str, Field(max_length=40)]] = Field(
        default=[], max_length=10, description="Optional steps to leave out."
    )
    reference_uploads: list[Annotated[str, Field(max_length=60)]] = Field(default=[], max_length=8)
    params: Params = Field(default={})
    priority: Literal["low", "normal", "high"] = "normal"
    metadata: Metadata = Field(default={})
    provide: dict[
        Annotated[str, Field(max_length=40)],
        Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=8)],
    ] = Field(
        default={},
        max_length=8,
        description="Uploads that are the work of a step: images or a GLB. The step is done at once, without a gate.",
    )
    from_asset: Annotated[str, Field(max_length=60)] | None = Field(
        default=None,
        description="`ast_…` (its latest version) or `ast_…@3`: its work stands for the steps before `redo_from`.",
    )
    redo_from: Annotated[str, Field(max_length=40)] | None = Field(
        default=None,
        description="With `from_asset`: the first step to do again; by default the first one that `params` names.",
    )
    max_cost: MaxCost | None = Field(
        default=None,
        description="US dollars: estimated above it, it is refused; later, held before going above.",
    )
    fallback: Literal["allow", "forbid"] = Field(
        default="allow",
        description="Whether another service of a step's route may do it while the first is away.",
    )
    reuse: Literal["allow", "never"] = Field(
        default="allow",
        description="Whether a step is taken over that another job did with equal inputs; it takes a `seed`.",
    )
    dry_run: bool = Field(
        default=False, description="Only tell what it would come to and cost, and what would be refused."
    )
    webhook_url: Annotated[str, Field(min_length=1, max_length=URL_LENGTH_MAX)] | None = Field(
        default=None, description="Where this job's events are sent, besides the project's webhooks."
    )

    def wish(self) -> dict[str, Any]:
        """Return the brief as the service takes it."""
        wish = self.model_dump()
        neutral = {name for name, value in _NEW.items() if wish[name] is value or wish[name] == value}
        return {name: value for name, value in wish.items() if name not in neutral}


#: Left out where they ask for nothing: bodies of before keep their digest under an `Idempotency-Key`.
_NEW = {"max_cost": None, "dry_run": False, "fallback": "allow", "reuse": "allow"}


class Artifact(Shape):
    """A file that a step made. Its URL is signed and ends; ``GET /artifacts/{id}/content`` gives a fresh one."""

    id: str
    kind: str
    name: str
    media_type: str
    bytes: int
    sha256: str
    url: str | None
    url_expires_at: Timestamp | None
    expired: bool = Field(description="Retention has taken the file: there is no URL any more.")
    withheld: Literal["awaiting", "blocked"] | None = Field(
        description="Why there is no URL: no safety verdict yet, or one against it."
    )
    selected: bool | None = Field(description="A reviewer's choice; null where nobody chose.")
    replaced_by: str | None = Field(
        description="The hand-fixed artifact that took this one's place at a review."
    )
    attributes: dict[str, Any]


class PolicyVersions(Shape):
    """Versions of the safety policies that judged something; 0: there was none."""

    floor: int
    platform: int
    project: int


class FailedAttempt(Shape):
    """An attempt that came to nothing."""

    attempt: int
    service: str
    worker: str
    started_at: Timestamp | None
    finished_at: Timestamp
    error: dict[str, Any] = Field(description="`code`, `message` and `class`.")


class Step(Shape):
    """One revision of a step."""

    id: str
    name: str
    position: int
    revision: int
    status: StepStatus
    pause_reason: Literal["review", "decision", "safety", "quota", "service_unavailable", "reuse"] | None
    waiting_for: str | None = Field(
        description="The job that is doing an equal step, which this one waits for (`pause_reason` `reuse`)."
    )
    attempt: int = Field(description="Attempts made at this revision.")
    attempts_failed: list[FailedAttempt] = Field(
        description="Those that came to nothing, the newest 50 of the job; of a step that failed, `error` tells the last."
    )
    service: str | None
    requested_service: str | None
    fallback_reason: Literal["breaker_open", "probing", "forced_open", "draining"] | None = Field(
        description="Why not `requested_service`; null when it is the one."
    )
    worker: str | None
    started_at: Timestamp | None
    finished_at: Timestamp | None
    retry_at: Timestamp | None = Field(description="When the next attempt may start, after a failed one.")
    artifacts: list[Artifact]
    outputs: dict[str, Any]
    metrics: dict[str, Any]
    model: str | None
    model_version: str | None
    idempotency_key: str | None
    provided: bool = Field(description="The work came with the brief: nothing was run.")
    reused_from: str | None = Field(
        description="The step revision that did this work, when it was not done again."
    )
    gate_due_at: Timestamp | None = Field(description="When the open gate's time-out acts next.")
    safety: PolicyVersions | None = Field(description="The policies that allowed what it made.")
    error: dict[str, Any] | None


class UserDecision(Shape):
    """What a person decided at a gate."""

    step: str
    revision: int
    decision: Literal["approved", "rejected", "paused"]
    notes: str
    selection: list[str]
    changes: dict[str, Any]
    rewind_to: str | None
    replacements: dict[str, str]
    by: str
    at: Timestamp


class GateDue(Shape):
    """What a gate's clock comes to next."""

    at: Timestamp
    action: Literal["remind", "escalate", "approve", "reject", "pause"]
    to: dict[str, Any] | None = Field(description="Of `escalate`: `role`, or `users`.")


class OpenGate(Shape):
    """An open gate with a time-out: what happens when nobody decides."""

    step: str
    revision: int
    since: Timestamp = Field(description="From when its clock runs: anew when a hold ends.")
    escalated: int = Field(description="Stages of its escalation that have been told.")
    next: GateDue | None
    then: Literal["remind", "approve", "reject", "pause"]
    then_at: Timestamp | None


class PipelineRef(Shape):
    """The pipeline that the job pinned."""

    name: str
    version: int


class Progress(Shape):
    """How far the job is, from 0 to 1."""

    value: float
    steps_done: int
    steps_total: int
    message: str


class Cost(Shape):
    """What the job costs, in units of ``currency``."""

    currency: str
    estimated: float = Field(
        description="What one run of each step may cost, at the rates of the submission."
    )
    reserved: float = Field(description="Of that, for steps that are still to run.")
    actual: float = Field(description="What steps did cost, redone ones included.")
    max_cost: float | None


class BatchRef(Shape):
    """The batch that the job came with, and its line there, counted from 1."""

    id: str
    line: int


class JobUrls(Shape):
    """Where to go from here, relative to the API's address."""

    self: str
    events: str
    review: str
    cancel: str
    pause: str
    resume: str


class Context(Shape):
    """Versions of the project's context; 0 where nobody had said anything."""

    style_version: int
    constraints_version: int
    gates_version: int
    routes_version: int
    retries_version: int


class Job(Shape):
    """One run of a pipeline for one brief. ``steps`` are the current revisions in order."""

    id: str
    project_id: str
    asset_type: str
    status: JobStatus
    current_step: str
    hold_before: str | None = Field(description="A later step before which the job will be held.")
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    created_by: str
    correlation_id: str
    inputs: dict[str, Any]
    effective_inputs: dict[str, Any]
    safety: PolicyVersions | None = Field(description="The policies that allowed what workers are told.")
    context: Context = Field(description="Versions of the project's context that the job holds on to.")
    pipeline: PipelineRef
    progress: Progress
    queue_position: int | None = Field(
        description="From 1, while the current step waits for a worker; 1,001 where 1,000 or more are ahead."
    )
    eta_seconds: float | None = Field(
        description="Until it ends or waits for a person, at the pace of the last quarter of an hour; null when nothing was measured, and in lists. With 1,000 or more ahead it is a lower bound."
    )
    cost: Cost
    gate: OpenGate | None = Field(
        description="The open gate's clock; null without one, without a time-out, and while the job is held."
    )
    steps: list[Step]
    user_decisions: list[UserDecision]
    error: dict[str, Any] | None
    asset_id: str | None
    batch: BatchRef | None
    urls: JobUrls
    metadata: dict[str, Any]


class JobPage(Shape):
    """Jobs, newest first."""

    items: list[Job]
    next_cursor: str | None = Field(
        description="Send it as `cursor` for the next page; null after the last one."
    )


class Changes(Shape):
    """What a rejection changes for the next try. What is left out stays."""

    prompt: str | None = Field(default=None, min_length=1, max_length=PROMPT.points_max)
    negative_prompt: str | None = Field(default=None, max_length=PROMPT.points_max)
    seed: Seed | None = None
    variants: Variants | None = None
    params: Params | None = None


class Review(Shape):
    """A decision about one step revision."""

    model_config = ConfigDict(json_schema_extra={"examples": [REVIEW]})

    step: str = Field(max_length=40)
    revision: int = Field(ge=0, le=32_000)
    decision: Literal["approved", "rejected", "paused"]
    notes: str = Field(default="", max_length=NOTES.points_max)
    selection: list[Annotated[str, Field(max_length=60)]] = Field(
        default=[],
        max_length=32,
        description="Artifacts of the step to go on with; all or the first without it.",
    )
    rewind_to: str | None = Field(
        None, max_length=40, description="Earlier step to go back to, with a rejection."
    )
    changes: Changes = Changes()
    replacements: dict[Annotated[str, Field(max_length=60)], Annotated[str, Field(max_length=60)]] = Field(
        default={},
        max_length=32,
        description="With an approval: hand-fixed uploads by the artifact whose place they take.",
    )


class Resume(Shape):
    """What a job that waits for quota may cost from now on; without a body, what it could before."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"max_cost": 5.0}]})

    max_cost: MaxCost | None = None


class Pause(Shape):
    """When to hold the job: now, without a body."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"before": "rig"}]})

    before: Annotated[str, Field(max_length=40)] | None = Field(
        default=None, description="A later step: the job is held when that one would begin."
    )
