"""What the API counts about itself, for Prometheus."""

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

from maquette.services.deps import Deps

#: A label per method a client may invent would let anybody fill the memory.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


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
        # Looking labels up costs more than counting.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request. ``route`` is a template (``/jobs/{id}``), never a path."""
        key = (route, method if method in _METHODS else "other", status)
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
