"""What became of attempts, and what the transactor did: counted for those who operate it, never for decisions."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from maquette.domain.decision import Decision
from maquette.domain.ledger import Kind
from maquette.telemetry.distribution import Distribution

#: From a no-op to the longest attempt that is allowed by default.
STEP_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900)

_BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 400)
_BATCH_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

AttemptKey = tuple[str, str, str, str]
"""Step, service, outcome (succeeded, failed, lost), class of the error."""


class Tally:
    """Attempts by outcome, how long they took, and what they cost. Services are the operators', so they are few."""

    def __init__(self) -> None:
        self.attempts: Counter[AttemptKey] = Counter()
        self.seconds: dict[tuple[str, str], Distribution] = {}
        """Of those that succeeded, by step and service."""
        self.spent_micros: Counter[str] = Counter()
        self.reused: Counter[str] = Counter()
        """Steps that were not done again, by name."""

    def note(self, decisions: Iterable[Decision]) -> None:
        """Count what was decided: to be called once it is committed."""
        for item in decisions:
            if (lost := item.lost_attempt) is not None:
                step = item.job.pipeline.steps[lost.position].name
                outcome = "failed" if lost.reported else "lost"
                self.attempts[step, lost.service, outcome, str(lost.error.get("class", ""))] += 1
            for record in item.records:
                if record.reused_from is not None:
                    self.reused[record.step] += 1
                if record.started_at is None:
                    continue  # provided or reused: nobody did it
                kind = str(record.error.get("class", "")) if record.error else ""
                outcome = "failed" if record.error else "succeeded"
                self.attempts[record.step, record.service, outcome, kind] += 1
                if not record.error:
                    took = (record.finished_at - record.started_at).total_seconds()
                    self._seconds(record.step, record.service).add(took)
            for charge in item.charges:
                if charge.kind is Kind.SETTLE:
                    self.spent_micros[charge.service] += charge.amount.micros

    def _seconds(self, step: str, service: str) -> Distribution:
        found = self.seconds.get((step, service))
        if found is None:
            found = self.seconds[step, service] = Distribution(STEP_SECONDS)
        return found


@dataclass(slots=True)
class Counters:
    """What a process's transactor has done."""

    batches: int = 0
    orders: int = 0
    bisections: int = 0
    contentions: int = 0
    sizes: Distribution = field(default_factory=lambda: Distribution(_BATCH_SIZES))
    seconds: Distribution = field(default_factory=lambda: Distribution(_BATCH_SECONDS))
