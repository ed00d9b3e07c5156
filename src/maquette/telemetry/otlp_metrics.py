"""The metrics of a Prometheus registry to an OpenTelemetry collector: the same numbers by another way, so they never differ."""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from prometheus_client import CollectorRegistry

from maquette.telemetry.otlp import SCOPE, SEND_SECONDS_MAX, parse_headers, resource

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric as SdkMetric
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData
    from opentelemetry.sdk.resources import Resource
    from prometheus_client.core import Metric


class MetricExport:
    """Sends what a registry holds, each time it is told to. Blocks while it sends: call it off the event loop."""

    def __init__(self, about: "Resource", exporter: "MetricExporter", registry: CollectorRegistry) -> None:
        self._resource = about
        self._exporter = exporter
        self._registry = registry
        self._began = time.time_ns()

    def send(self) -> None:
        """Send all metrics as they are now; one that fails is made up for by the next one, for counters go on."""
        data = metrics_data(self._registry.collect(), self._resource, self._began, time.time_ns())
        self._exporter.export(data, timeout_millis=SEND_SECONDS_MAX * 1000)

    def close(self) -> None:
        """Let go of the connection; a sending that is under way gives up."""
        self._exporter.shutdown()


def open_metrics(endpoint: str, headers: str, process: str, registry: CollectorRegistry) -> MetricExport:
    """Return what sends a registry's metrics to a collector."""
    about = resource(process)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    address = f"{endpoint.rstrip('/')}/v1/metrics"
    exporter = OTLPMetricExporter(endpoint=address, headers=parse_headers(headers), timeout=SEND_SECONDS_MAX)
    return MetricExport(about, exporter, registry)


def metrics_data(families: "Iterable[Metric]", about: "Resource", began: int, now: int) -> "MetricsData":
    """Return Prometheus' families as the SDK's exporters take them. Times are Unix nanoseconds."""
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    made = [metric for family in families if (metric := _metric(family, began, now)) is not None]
    scope = ScopeMetrics(InstrumentationScope(SCOPE), made, "")
    return MetricsData([ResourceMetrics(about, [scope], "")])


def _metric(family: "Metric", began: int, now: int) -> "SdkMetric | None":
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        Gauge,
        Histogram,
        NumberDataPoint,
        Sum,
    )
    from opentelemetry.sdk.metrics.export import Metric as SdkMetric

    data: Gauge | Histogram | Sum
    if family.type == "histogram":
        data = Histogram(_histograms(family, began, now), AggregationTemporality.CUMULATIVE)
    elif family.type in {"counter", "gauge"}:
        points = [
            NumberDataPoint(dict(sample.labels), began, now, float(sample.value))
            for sample in family.samples
            if not sample.name.endswith("_created")
        ]
        data = (
            Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
            if family.type == "counter"
            else Gauge(points)
        )
    else:
        return None
    return SdkMetric(family.name, family.documentation, "", data)


def _histograms(family: "Metric", began: int, now: int) -> list[Any]:
    """Gather buckets, sum and count of each set of labels; Prometheus' buckets hold what those before them do."""
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    found: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for sample in family.samples:
        labels: Mapping[str, str] = {name: value for name, value in sample.labels.items() if name != "le"}
        kept = found.setdefault(tuple(sorted(labels.items())), {"bounds": [], "reached": [], "sum": 0.0})
        if sample.name.endswith("_bucket"):
            kept["bounds"].append(float(sample.labels["le"]))
            kept["reached"].append(int(sample.value))
        elif sample.name.endswith("_sum"):
            kept["sum"] = sample.value
    return [
        HistogramDataPoint(
            attributes=dict(labels),
            start_time_unix_nano=began,
            time_unix_nano=now,
            count=kept["reached"][-1],
            sum=kept["sum"],
            bucket_counts=[
                after - before for before, after in zip([0, *kept["reached"]], kept["reached"], strict=False)
            ],
            explicit_bounds=kept["bounds"][:-1],
            min=cast("float", None),  # not known, and optional in the protocol, whatever the SDK's types say
            max=cast("float", None),
        )
        for labels, kept in found.items()
    ]
