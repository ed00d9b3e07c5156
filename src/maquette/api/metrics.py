"""What the API counts about itself, for Prometheus."""

import time
from collections.abc import Iterator
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from maquette.domain.errors import Unavailable
from maquette.services.deps import Deps
from maquette.store import deliveries, outbox
from maquette.store.deliveries import Backlog
from maquette.store.outbox import SinkState, Waiting

#: A label per method a client may invent would let anybody fill the memory.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
#: /metrics needs no key: asking often must not cost the database anything.
_READ_SECONDS = 2.0
_BREAKER: Final = {"closed": 0, "half_open": 1, "open": 2}


def known_method(method: str) -> str:
    """Return a request's method, or what stands for all that nobody knows."""
    return method if method in _METHODS else "other"


class Metrics:
    """Requests by route template, method and status; their duration; how many are being answered now."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.in_flight = Gauge(
            "maquette_http_requests_in_flight", "Requests being answered now", registry=self.registry
        )
        self._requests = Counter(
            "maquette_http_requests",
            "Requests answered",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "maquette_http_request_duration_seconds",
            "Time from the request's arrival to the end of its response",
            ("route", "method"),
            buckets=_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.refusals = Counter(
            "maquette_refusals",
            "Requests refused, by error code, or by the limit that was reached",
            ("reason",),
            registry=self.registry,
        )
        self.refused = Counter(
            "maquette_authentications_refused",
            "Requests refused because nobody stands behind their credentials",
            ("reason",),
            registry=self.registry,
        )
        # Looking labels up costs more than counting.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request. ``route`` is a template (``/jobs/{id}``), never a path."""
        key = (route, known_method(method), status)
        child = self._children.get(key)
        if child is None:
            child = (
                self._requests.labels(key[0], key[1], str(status)),
                self._seconds.labels(key[0], key[1]),
            )
            self._children[key] = child
        child[0].inc()
        child[1].observe(seconds)


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
            value=_BREAKER[state],
        )


class RelayCollector(Collector):
    """What waits to be published and delivered, and what became of it at each sink: read from the database, for all processes."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._read_at = -_READ_SECONDS
        self._state: tuple[Waiting, list[SinkState], Backlog] | None = None

    async def refresh(self) -> None:
        """Read it anew, but not more often than every two seconds; without the database there is nothing to show."""
        if time.monotonic() - self._read_at < _READ_SECONDS:
            return
        self._read_at = time.monotonic()
        try:
            async with self._deps.database.connection() as connection:
                self._state = (*await outbox.waiting(connection), await deliveries.backlog(connection))
        except Unavailable:
            self._state = None

    def collect(self) -> Iterator[Metric]:
        """Return the gauges and counters as of the last reading."""
        if self._state is None:
            return
        waiting, sinks, webhooks = self._state
        yield GaugeMetricFamily(
            "maquette_webhook_pending_deliveries",
            "Deliveries to webhooks that wait for a first or another try, counted to 10000",
            value=webhooks.pending,
        )
        yield GaugeMetricFamily(
            "maquette_webhook_oldest_due_seconds",
            "How long the delivery that has been due longest waits; 0 when none is",
            value=webhooks.due_seconds,
        )
        yield GaugeMetricFamily(
            "maquette_outbox_events", "Events that wait to be relayed, counted to 10000", value=waiting.events
        )
        yield GaugeMetricFamily(
            "maquette_outbox_oldest_seconds", "Age of the oldest of them", value=waiting.oldest_seconds
        )
        for kind, name, text, values in (
            (GaugeMetricFamily, "undelivered_events", "Events owed to a sink, counted to 10000",
             [sink.waiting.events for sink in sinks]),
            (GaugeMetricFamily, "oldest_undelivered_seconds", "Age of the oldest of them",
             [sink.waiting.oldest_seconds for sink in sinks]),
            (CounterMetricFamily, "published_events", "Events that a sink acknowledged",
             [sink.published for sink in sinks]),
            (CounterMetricFamily, "failures", "Times that a sink refused events",
             [sink.failures for sink in sinks]),
        ):  # fmt: skip
            family = kind(f"maquette_sink_{name}", text, labels=["sink"])
            for sink, value in zip(sinks, values, strict=True):
                family.add_metric([sink.sink], value)
            yield family
