"""Quotas, plans, rates and usage: what is set, and what is shown."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from maquette.api.shapes.base import Shape
from maquette.api.shapes.examples_quotas import PLAN_BODY, QUOTAS_BODY, RATES_BODY
from maquette.domain.quota import LIMIT_MAX

Bound = Annotated[int, Field(ge=0, le=LIMIT_MAX)]
Money = Annotated[float, Field(ge=0, le=1e9)]
Subject = Annotated[str, Field(min_length=1, max_length=200)]


class QuotaLimits(Shape):
    """What is bounded; null or left out: by nothing here. Days and months are those of the calendar, in UTC."""

    requests_per_minute: Bound | None = None
    concurrent_jobs: Bound | None = Field(default=None, description="Jobs that have not ended.")
    jobs_per_day: Bound | None = None
    gpu_seconds_per_month: Bound | None = None
    cost_per_month: Money | None = Field(default=None, description="US dollars.")
    stored_bytes: Bound | None = None
    running_tasks: Bound | None = Field(
        default=None, description="Of a project as a whole, at once: more wait. Not for users."
    )


class QuotaNumbers(Shape):
    """What is used of each limit."""

    concurrent_jobs: int
    jobs_per_day: int
    gpu_seconds_per_month: float = Field(description="Spent in this month, and reserved.")
    cost_per_month: float = Field(description="US dollars: spent in this month, and reserved.")
    stored_bytes: int = Field(description="As last measured, once a minute where it is limited.")
    running_tasks: int = Field(description="Of the whole project; 0 for users.")


class PlanBody(Shape):
    """What a kind of customer gets."""

    model_config = ConfigDict(json_schema_extra={"examples": [PLAN_BODY]})

    limits: QuotaLimits = QuotaLimits()
    per_user: QuotaLimits = Field(default=QuotaLimits(), description="For each user of such a project.")


class Plan(Shape):
    """A plan."""

    name: str
    limits: QuotaLimits
    per_user: QuotaLimits


class PlanPage(Shape):
    """All plans by name; one page."""

    items: list[Plan]
    next_cursor: None


class QuotasBody(Shape):
    """What to set; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [QUOTAS_BODY]})

    plan: Annotated[str, Field(max_length=40)] | None = Field(default=None, description="For operators.")
    limits: QuotaLimits | None = Field(
        default=None, description="For operators: stand before the plan's, each for itself."
    )
    per_user: QuotaLimits | None = Field(default=None, description="For each user.")
    users: dict[Subject, QuotaLimits] | None = Field(
        default=None, max_length=1000, description="For some users, by subject: stand before `per_user`."
    )

    def wish(self) -> dict[str, Any]:
        """Return what was named."""
        return {name: value for name, value in self.model_dump().items() if name in self.model_fields_set}


class ProjectQuotas(Shape):
    """What was set, what holds, and what is used."""

    plan: str | None
    limits: QuotaLimits
    per_user: QuotaLimits
    users: dict[str, QuotaLimits]
    effective: QuotaLimits = Field(description="What holds for the project as a whole.")
    used: QuotaNumbers
    refused_today: dict[str, int] = Field(description="How often a limit refused something, by its name.")
    users_used: dict[str, QuotaNumbers] = Field(description="Of the users in `users`.")


Dollars = Annotated[float, Field(ge=0, le=10_000)]


class StepRate(Shape):
    """What one run of a step costs, in US dollars: for the run, for each variant, for each second."""

    per_attempt: Dollars = 0.0
    per_variant: Dollars = 0.0
    per_second: Dollars = 0.0
    seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=0.0, description="How long one variant is expected to take."
    )
    gpu: bool = Field(default=False, description="Whether these seconds are a GPU's.")


class RatesBody(Shape):
    """What steps cost on a service; one that is not named is free."""

    model_config = ConfigDict(json_schema_extra={"examples": [RATES_BODY]})

    rates: dict[Annotated[str, Field(max_length=40)], StepRate] = Field(max_length=16)


class ServiceRates(Shape):
    """What steps cost on a service."""

    service: str
    rates: dict[str, StepRate]


class UsageEntry(Shape):
    """What a project spent; of one day, user or service where it was asked for by that."""

    project_id: str
    day: str | None
    user: str | None
    service: str | None
    cost: float
    gpu_seconds: float
    steps: int = Field(description="Step revisions that were paid for.")


class UsagePage(Shape):
    """Sums of the ledger, in US dollars."""

    currency: str
    since: str = Field(description="First day, UTC.")
    until: str = Field(description="Last day.")
    items: list[UsageEntry]
    next_cursor: str | None


class StepEstimate(Shape):
    """What one run of a step may cost."""

    step: str
    service: str
    cost: float
    gpu_seconds: float


class Estimate(Shape):
    """What a job may cost when every step runs once, in US dollars."""

    currency: str
    cost: float
    gpu_seconds: float
    steps: list[StepEstimate]


class LimitAsked(Shape):
    """What a job takes of a limit. Money in US dollars."""

    scope: Literal["project", "user"]
    limit: str
    value: float
    used: float
    left: float
    wanted: float


class Refusal(Shape):
    """One reason why it would be refused, as the problem document would say it."""

    status: int
    code: str
    detail: str
    details: list[dict[str, Any]]
    quota: dict[str, Any] | None


class DryRun(Shape):
    """What submitting a brief would do. Nothing was recorded."""

    dry_run: Literal[True]
    effective_inputs: dict[str, Any] | None = Field(description="Null when the brief itself is wrong.")
    held_for_safety: bool = Field(description="It would wait until a person has judged what it asks for.")
    estimate: Estimate | None
    quotas: list[LimitAsked] = Field(description="Limits that are set, before this job.")
    would_be_refused: list[Refusal]
