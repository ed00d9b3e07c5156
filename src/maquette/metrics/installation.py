"""What waits and runs in the whole installation, read from the database: every process that is asked says the same."""

import time
from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from maquette.domain.errors import Unavailable
from maquette.metrics.process import BREAKER
from maquette.services.deps import Deps
from maquette.store import deliveries, gauges, outbox, services, sinks
from maquette.store.deliveries import Backlog
from maquette.store.gauges import Gauges
from maquette.store.outbox import Waiting
from maquette.store.sinks import SinkState

#: Asking often must not cost the database anything.
_READ_SECONDS = 2.0


class Readable(Protocol):
    """A collector that has to read before it can tell."""

    async def refresh(self) -> None:
        """Read anew, but not more often than every two seconds."""
        ...


class QueueCollector(Collector):
    """Tasks that wait and run by service, and whether services are asked."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._read_at = -_READ_SECONDS
        self._state: tuple[Gauges, dict[str, str]] | None = None

    async def refresh(self) -> None:
        """Read it anew, but not more often than every two seconds; without the database there is nothing to show."""
        if time.monotonic() - self._read_at < _READ_SECONDS:
            return
        self._read_at = time.monotonic()
        try:
            async with self._deps.database.connection() as connection:
                known = await services.known(connection)
                states = {name: str(item.state) for name, item in known.items()}
                self._state = await gauges.read(connection), states
        except Unavailable:
            self._state = None

    def collect(self) -> Iterator[Metric]:
        """Return the gauges as of the last reading."""
        if self._state is None:
            return
        found, states = self._state
        for name, text, lines in (
            ("queue", "Tasks in line, counted to 10000", found.queued),
            ("running", "Tasks that workers hold", found.leased),
        ):
            tasks = GaugeMetricFamily(f"maquette_{name}_tasks", text, labels=("service",))
            oldest = GaugeMetricFamily(
                f"maquette_{name}_oldest_seconds",
                "How long the oldest of them has been there",
                labels=("service",),
            )
            for service, line in lines.items():
                tasks.add_metric((service,), line.tasks)
                oldest.add_metric((service,), line.oldest_seconds)
            yield tasks
            yield oldest
        aside = GaugeMetricFamily(
            "maquette_jobs_aside",
            "Jobs that wait for something else than their turn, counted to 10000",
            labels=("reason",),
        )
        for reason, number in found.aside.items():
            aside.add_metric((reason,), number)
        yield aside
        breakers = GaugeMetricFamily(
            "maquette_service_breaker",
            "Whether a service is asked: 0 closed, 1 half open, 2 open",
            labels=("service",),
        )
        for service, state in sorted(states.items()):
            breakers.add_metric((service,), BREAKER[state])
        yield breakers


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
                self._state = (
                    await outbox.waiting(connection),
                    await sinks.states(connection),
                    await deliveries.backlog(connection),
                )
        except Unavailable:
            self._state = None

    def collect(self) -> Iterator[Metric]:
        """Return the gauges and counters as of the last reading."""
        if self._state is None:
            return
        waiting, states, webhooks = self._state
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
             [sink.pending for sink in states]),
            (GaugeMetricFamily, "oldest_undelivered_seconds", "Age of the oldest of them",
             [sink.oldest_seconds for sink in states]),
            (GaugeMetricFamily, "parked_events", "Events that a sink can never take, counted to 10000",
             [sink.parked for sink in states]),
            (CounterMetricFamily, "published_events", "Events that a sink acknowledged",
             [sink.published for sink in states]),
            (CounterMetricFamily, "failures", "Times that a sink refused events",
             [sink.failures for sink in states]),
        ):  # fmt: skip
            family = kind(f"maquette_sink_{name}", text, labels=["sink"])
            for sink, value in zip(states, values, strict=True):
                family.add_metric([sink.sink], value)
            yield family
