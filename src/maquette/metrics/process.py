"""What this process has done, read when asked."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from maquette.domain.ledger import MICROS
from maquette.services.deps import Deps

#: A breaker's state as a number.
BREAKER: Final = {"closed": 0, "half_open": 1, "open": 2}


def process_registry(deps: Deps) -> CollectorRegistry:
    """Return what every process with a transactor tells of itself."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    for own in (
        TransactorCollector(deps),
        WorkCollector(deps),
        ModerationCollector(deps),
        PoolCollector(deps),
    ):
        registry.register(own)
    return registry


class TransactorCollector(Collector):
    """What the process's transactor has done and what waits for it, read when asked."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    def collect(self) -> Iterator[Metric]:
        """Return the counters and gauges as they are now."""
        transactor = self._deps.transactor
        done = transactor.counters
        for name, text, value in (
            ("batches", "Batches committed", done.batches),
            ("orders", "Commands and claims settled in them", done.orders),
            ("bisections", "Batches halved because the database refused a value", done.bisections),
            (
                "contentions",
                "Batches tried again after a deadlock or serialisation failure",
                done.contentions,
            ),
        ):
            yield CounterMetricFamily(f"maquette_transactor_{name}", text, value=value)
        yield GaugeMetricFamily(
            "maquette_transactor_waiting", "Requests that wait for a batch", value=transactor.waiting
        )
        yield GaugeMetricFamily(
            "maquette_transactor_parked", "Claims that wait for work", value=transactor.parked
        )
        for name, text, values in (
            ("batch_size", "Commands and claims in a batch", done.sizes),
            ("batch_seconds", "Time that a batch's transaction took", done.seconds),
        ):
            yield HistogramMetricFamily(
                f"maquette_transactor_{name}", text, buckets=values.buckets(), sum_value=values.total
            )


class WorkCollector(Collector):
    """What became of the attempts whose end this process recorded."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    def collect(self) -> Iterator[Metric]:
        """Return attempts by outcome, how long steps took, what they cost."""
        tally = self._deps.transactor.tally
        attempts = CounterMetricFamily(
            "maquette_attempts", "Attempts that ended", labels=("step", "service", "outcome", "error_class")
        )
        for labels, number in sorted(tally.attempts.copy().items()):
            attempts.add_metric(labels, number)
        yield attempts
        seconds = HistogramMetricFamily(
            "maquette_step_duration_seconds",
            "Time from a lease to the record of its success",
            labels=("step", "service"),
        )
        for (step, service), values in sorted(tally.seconds.copy().items()):
            seconds.add_metric((step, service), buckets=values.buckets(), sum_value=values.total)
        yield seconds
        reused = CounterMetricFamily(
            "maquette_steps_reused",
            "Steps that were not done again because an equal one was there",
            labels=("step",),
        )
        for step, number in sorted(tally.reused.copy().items()):
            reused.add_metric((step,), number)
        yield reused
        cost = CounterMetricFamily("maquette_cost_usd", "What work did cost (USD)", labels=("service",))
        for service, micros in sorted(tally.spent_micros.copy().items()):
            cost.add_metric((service,), micros / MICROS)
        yield cost


class PoolCollector(Collector):
    """How many connections to the database there are, and who wants one."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    def collect(self) -> Iterator[Metric]:
        """Return the gauges as they are now."""
        opened, wanted = self._deps.database.connections
        yield GaugeMetricFamily(
            "maquette_database_connections",
            "Connections of the pools, those of the transactor apart",
            value=opened,
        )
        yield GaugeMetricFamily(
            "maquette_database_connections_wanted",
            "Those that are lent, and requests that wait for one",
            value=wanted,
        )


class ModerationCollector(Collector):
    """What this process's moderators said, and how the one outside fares, read when asked."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    def collect(self) -> Iterator[Metric]:
        """Return the counters and the breaker as they are now."""
        moderation = self._deps.moderation
        counts = moderation.counts
        decided = CounterMetricFamily(
            "maquette_safety_decisions", "Judgements, plain allows included", labels=("stage", "verdict")
        )
        for (stage, verdict), number in sorted(counts.decisions.items()):
            decided.add_metric((stage, verdict), number)
        yield decided
        asked = CounterMetricFamily(
            "maquette_moderator_requests", "Judgements asked of the moderator outside", labels=("outcome",)
        )
        for outcome, number in sorted(counts.outside.items()):
            asked.add_metric((outcome,), number)
        yield asked
        yield CounterMetricFamily(
            "maquette_moderator_seconds", "Time spent asking it", value=counts.outside_seconds
        )
        state = "closed" if moderation.outside is None else moderation.outside.state
        yield GaugeMetricFamily(
            "maquette_moderator_breaker",
            "Whether the moderator outside is left alone: 0 closed, 1 half open, 2 open",
            value=BREAKER[state],
        )
