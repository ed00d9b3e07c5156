"""Rates: what one run of a step costs on a service, as far as one can tell before. A service without rates is free."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from maquette.domain.errors import Invalid
from maquette.domain.ledger import MICROS, NOTHING, Amount
from maquette.domain.pipeline import STEP_NAMES, Pipeline

RATE_MAX = 10_000.0
SECONDS_MAX = 86_400.0


@dataclass(frozen=True, slots=True)
class Rate:
    """What a step costs: dollars for the run, for each variant, and for each of the seconds a variant is expected to take."""

    per_attempt: float = 0.0
    per_variant: float = 0.0
    per_second: float = 0.0
    seconds: float = 0.0
    """Expected of one variant."""
    gpu: bool = False
    """Whether these are seconds of a GPU, which count against GPU seconds."""

    def estimate(self, variants: int) -> Amount:
        """Return what a run with so many variants may cost; rounded up, so that nothing is estimated as free that is not."""
        seconds = self.seconds * variants
        cost = self.per_attempt + self.per_variant * variants + self.per_second * seconds
        return Amount(-int(-cost * MICROS // 1), round(seconds * 1000) if self.gpu else 0)


RATE_NAMES = tuple(item.name for item in fields(Rate))
#: By service, then by step.
Rates = Mapping[str, Mapping[str, Rate]]


def check(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Rate]:
    """Return the rates of a service by step; ``Invalid`` names what is none."""
    for step, values in given.items():
        if step not in STEP_NAMES:
            raise Invalid.field(("rates", step), f"must be one of {', '.join(STEP_NAMES)}")
        for name in ("per_attempt", "per_variant", "per_second"):
            if not 0 <= values.get(name, 0) <= RATE_MAX:
                raise Invalid.field(("rates", step, name), f"must be from 0 to {RATE_MAX:g} dollars")
        if not 0 <= values.get("seconds", 0) <= SECONDS_MAX:
            raise Invalid.field(("rates", step, "seconds"), f"must be from 0 to {SECONDS_MAX:g}")
    return {step: Rate(**values) for step, values in given.items()}


def estimates(
    rates: Rates,
    services: Sequence[str],
    pipeline: Pipeline,
    effective: Mapping[str, Any],
    left_out: Collection[int],
) -> tuple[Amount, ...]:
    """Return what one run of each step may cost on its service, by position; nothing for those that do not run."""
    params = effective["params"]
    return tuple(
        rate.estimate(params.get(spec.name, {}).get("variants", 1))
        if position not in left_out and (rate := rates.get(services[position], {}).get(spec.name))
        else NOTHING
        for position, spec in enumerate(pipeline.steps)
    )
