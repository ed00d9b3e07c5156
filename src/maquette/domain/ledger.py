"""The ledger: what work may cost, and what it did cost. Append-only; the sum of its entries is the balance.

Money is integer micro-dollars (USD), GPU time integer milliseconds: sums of floats would drift apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from msgspec import Struct

CURRENCY = "USD"
MICROS = 1_000_000
"""Micro-dollars in a dollar."""
#: What a worker says an attempt cost is believed up to so many times its estimate.
ACTUAL_TIMES_MAX = 10
#: And up to this many micro-dollars where nobody has set a rate: 100 dollars.
ACTUAL_MICROS_MAX = 100 * MICROS
#: What workers without a GPU report as its type.
_NO_GPU = frozenset({"cpu", "none"})


@dataclass(frozen=True, slots=True)
class Amount:
    """Money (micro-dollars) and GPU time (ms). A difference of two may be negative."""

    micros: int = 0
    gpu_ms: int = 0

    def __add__(self, other: Self) -> "Amount":
        return Amount(self.micros + other.micros, self.gpu_ms + other.gpu_ms)

    def __sub__(self, other: Self) -> "Amount":
        return Amount(self.micros - other.micros, self.gpu_ms - other.gpu_ms)

    def __bool__(self) -> bool:
        return bool(self.micros or self.gpu_ms)


NOTHING = Amount()


class Kind(StrEnum):
    """What an entry does to the balance, which is what is reserved and what was spent."""

    RESERVE = "reserve"
    """Adds what a step that is still to run may cost."""
    SETTLE = "settle"
    """Adds what a step did cost: once for each of its revisions."""
    RELEASE = "release"
    """Takes a reservation back, as a negative amount."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One entry, written in the transaction that made it true. Whose it is, the job's brief says."""

    job_id: UUID
    project_id: UUID
    position: int
    revision: int
    attempt: int
    step: str
    service: str
    kind: Kind
    amount: Amount
    at: datetime


class Bill(Struct, frozen=True):
    """What a job's steps are estimated at and what was spent. Jobs that cost nothing have none.

    What is reserved is not kept: it follows from where the job is (``billing.due``).
    """

    estimates: tuple[Amount, ...]
    """Of one run of each step of the pipeline; pinned at submission, or by the review that changed the inputs."""
    spent: Amount = NOTHING
    max_micros: int | None = None
    """``max_cost``: no step is dispatched that would go beyond it."""

    def exceeded_by(self, position: int) -> bool:
        """Whether what was spent and one more run of a step come to more than the job may cost."""
        return self.would_exceed(self.estimates[position])

    def would_exceed(self, estimate: Amount) -> bool:
        """Whether what was spent and a run that costs so much come to more than the job may cost."""
        more = estimate.micros
        return self.max_micros is not None and more > 0 and self.spent.micros + more > self.max_micros


def actual(metrics: Mapping[str, Any], estimate: Amount, seconds_max: float) -> Amount:
    """Return what an attempt cost: what its worker reports, within bounds, else the estimate.

    ``cost_estimate`` (dollars) above ``ACTUAL_TIMES_MAX`` estimates is cut there; zero means that the worker does not
    know. GPU time is the reported ``duration`` (s), but no longer than the lease was held, ``seconds_max``.
    """
    bound = estimate.micros * ACTUAL_TIMES_MAX or ACTUAL_MICROS_MAX
    micros = min(round(_number(metrics, "cost_estimate") * MICROS), bound) or estimate.micros
    on_gpu = metrics.get("gpu_type") not in _NO_GPU and "gpu_type" in metrics
    seconds = min(_number(metrics, "duration"), max(seconds_max, 0.0)) if on_gpu else 0.0
    return Amount(micros, round(seconds * 1000))


def _number(metrics: Mapping[str, Any], name: str) -> float:
    """Return a metric that was checked on its way in (``services/outcomes.py``), or 0 when it is not there."""
    value = metrics.get(name, 0)
    return max(float(value), 0.0) if isinstance(value, int | float) else 0.0


def dollars(micros: int) -> float:
    """Return micro-dollars as they are shown."""
    return micros / MICROS
