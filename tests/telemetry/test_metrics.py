"""What is measured: by the API, by the loops, by the transactor; for Prometheus and for a collector alike."""

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from live_api import Live, open_live, running
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from maquette.maintenance.loop import LoopCollector, forever
from maquette.metrics.process import process_registry
from maquette.metrics.sending import sending, shown
from maquette.settings import SettingsError, load
from maquette.telemetry.distribution import Distribution
from maquette.telemetry.otlp import STOP_SECONDS_MAX, SpanExport, parse_headers, resource, tracing
from maquette.telemetry.trace import Span, TraceContext

TOKEN = "who reads what is measured"


@pytest.fixture
async def measured(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with open_live(database_url, tmp_path, metrics_token=TOKEN) as live:
        yield live


async def _samples(live: Live) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and the values of its labels."""
    for reading in live.app.state.readings:
        reading._read_at = -10.0
    found = await live.nobody.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert found.status_code == 200, found.text
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(found.text)
        for sample in family.samples
    }


async def test_a_job_can_be_seen_in_the_metrics(measured: Live) -> None:
    """Its task in line and then held, its attempts by outcome, how long a step took, what it cost, batches, refusals."""
    job = await measured.brief()
    before = await _samples(measured)
    assert before["maquette_queue_tasks", ("studio",)] == 1
    assert 0 <= before["maquette_queue_oldest_seconds", ("studio",)] < 60
    [task] = (await measured.worker.post("/worker/claims", json=measured.claim())).json()["tasks"]
    held = await _samples(measured)
    assert ("maquette_queue_tasks", ("studio",)) not in held
    assert held["maquette_running_tasks", ("studio",)] == 1
    failed = {
        "task_id": task["task_id"],
        "fence": task["fence"],
        "status": "failed",
        "error_class": "transient",
    }
    await measured.worker.post("/worker/outcomes", json={"outcomes": [{**failed, "error_code": "busy"}]})
    assert (await _samples(measured))["maquette_jobs_aside", ("retry",)] == 1
    await measured.operator.post(f"/jobs/{job['id']}/cancel")
    await measured.brief()
    await measured.work()
    await measured.user.post("/jobs", json={"project_id": measured.project_id, "prompt": 7})
    await measured.user.get("/jobs/job_nothing")
    after = await _samples(measured)
    assert after["maquette_attempts_total", ("transient", "failed", "studio", "text_to_image")] == 1
    assert after["maquette_attempts_total", ("", "succeeded", "studio", "text_to_image")] == 1
    assert after["maquette_step_duration_seconds_count", ("studio", "text_to_image")] == 1
    assert after["maquette_cost_usd_total", ("studio",)] == pytest.approx(0.25)
    assert after["maquette_refusals_total", ("not_found",)] == 1
    assert after["maquette_refusals_total", ("invalid_request",)] == 1
    assert (
        after["maquette_transactor_batch_size_count", ()]
        == after["maquette_transactor_batches_total", ()]
        >= 4
    )
    assert after["maquette_transactor_batch_seconds_sum", ()] > 0
    assert after["maquette_database_connections", ()] >= 1
    routes = {labels[1] for name, labels in after if name == "maquette_http_requests_total"}
    assert "/jobs/{job_id}" in routes
    assert not any("job_" in route.replace("{job_id}", "") for route in routes)


async def test_a_token_keeps_metrics_to_those_who_have_it(measured: Live) -> None:
    """Without it, or with another one: 401, and an API key is another one."""
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {measured.tokens['operator']}"},
    ):
        refused = await measured.nobody.get("/metrics", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


def test_a_distribution_counts_as_prometheus_does() -> None:
    """Bounds are inclusive, and each bucket holds what those before it do."""
    values = Distribution((1, 2.5))
    for value in (0.5, 1, 2, 3, 100):
        values.add(value)
    assert values.buckets() == [("1.0", 2), ("2.5", 3), ("+Inf", 5)]
    assert values.total == 106.5


async def test_loops_count_their_rounds() -> None:
    """Rounds that went well and those that failed, by loop; and for how long it was at it."""
    tried, went = asyncio.Event(), asyncio.Event()

    async def once() -> int:
        if not tried.is_set():
            tried.set()
            raise RuntimeError("the first one fails")
        return 0

    def pause(_: int) -> float:
        went.set()
        return 60.0

    loop = asyncio.create_task(forever(once, "Testing", pause))
    async with asyncio.timeout(10):
        await went.wait()
    registry = CollectorRegistry()
    registry.register(LoopCollector())
    loop.cancel()
    for outcome in ("failed", "done"):
        labels = {"loop": "Testing", "outcome": outcome}
        assert registry.get_sample_value("maquette_loop_turns_total", labels) == 1
    assert registry.get_sample_value("maquette_loop_busy_seconds_total", {"loop": "Testing"}) > 0


async def test_a_process_without_http_shows_its_metrics_where_it_is_told(measured: Live) -> None:
    """For `maintain`: at an address of its own, to who has the token, gone when the process goes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with httpx.AsyncClient() as client:
        with shown(("127.0.0.1", port), process_registry(measured.deps), TOKEN):
            refused = await client.get(f"http://127.0.0.1:{port}/metrics")
            bearer = {"authorization": f"Bearer {TOKEN}"}
            text = (await client.get(f"http://127.0.0.1:{port}/metrics", headers=bearer)).text
        assert (refused.status_code, refused.text) == (401, "")
        assert "maquette_transactor_batches_total" in text
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/metrics")


class Collector:
    """An OpenTelemetry collector: OTLP over HTTP, protobuf."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.headers: list[dict[str, str]] = []
        self.spans: list[Any] = []
        self.metrics: dict[str, Any] = {}

        @self.app.post("/v1/{kind}")
        async def take(kind: str, request: Request) -> None:
            body = await request.body()
            if request.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            self.headers.append(dict(request.headers))
            if kind == "traces":
                traces = ExportTraceServiceRequest.FromString(body)
                self.spans += [
                    span for of in traces.resource_spans for scope in of.scope_spans for span in scope.spans
                ]
            else:
                metrics = ExportMetricsServiceRequest.FromString(body)
                self.metrics = {
                    metric.name: metric
                    for of in metrics.resource_metrics
                    for scope in of.scope_metrics
                    for metric in scope.metrics
                }
                self.about = {
                    item.key: item.value.string_value
                    for item in metrics.resource_metrics[0].resource.attributes
                }


async def test_a_collector_gets_spans_and_the_same_metrics(measured: Live) -> None:
    """Over real HTTP, with the headers that were set: sums, gauges and histograms as `/metrics` has them."""
    await measured.brief()
    await measured.work()
    collector, registry = Collector(), measured.app.state.metrics.registry
    async with running(collector.app) as url:
        async with sending(url, "x-api-key=abc", 3600, "api", registry, measured.app.state.readings):
            pass
        with tracing(url + "/", "x-api-key=abc", 1.0, "api") as tracer:
            context = tracer.begin(None)
            span = Span(
                name="one", context=context, parent=None, started=1, ended=2, kind="client", error="no"
            )
            tracer.record(span)
            await asyncio.to_thread(tracer._export.flush)
    assert {headers["x-api-key"] for headers in collector.headers} == {"abc"}
    assert (collector.about["service.name"], collector.about["maquette.process"]) == ("maquette", "api")
    [got] = collector.spans
    assert (got.name, got.trace_id.hex(), got.span_id.hex()) == ("one", context.trace_id, context.span_id)
    assert (got.start_time_unix_nano, got.end_time_unix_nano, got.status.message) == (1, 2, "no")
    samples = await _samples(measured)
    [attempts] = collector.metrics["maquette_attempts"].sum.data_points
    assert (
        attempts.as_double == samples["maquette_attempts_total", ("", "succeeded", "studio", "text_to_image")]
    )
    [seconds] = collector.metrics["maquette_step_duration_seconds"].histogram.data_points
    assert (seconds.count, sum(seconds.bucket_counts)) == (1, 1)
    assert len(seconds.bucket_counts) == len(seconds.explicit_bounds) + 1
    assert {item.key: item.value.string_value for item in seconds.attributes} == {
        "service": "studio",
        "step": "text_to_image",
    }
    assert collector.metrics["maquette_transactor_batches"].sum.is_monotonic
    assert collector.metrics["maquette_database_connections"].gauge.data_points[0].as_double >= 1


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    """Not while spans come, and not for longer than a moment when the process ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    begun = time.monotonic()
    with tracing(nobody, "", 1.0, "api") as tracer:
        for _ in range(10_000):  # more than may wait: what is too much is dropped
            tracer.record(Span(name="one", context=tracer.begin(None), parent=None, started=1, ended=2))
    assert time.monotonic() - begun < STOP_SECONDS_MAX + 5.0


def test_a_spans_error_holds_no_secret() -> None:
    """What a worker says of its failure is anybody's text."""
    memory = InMemorySpanExporter()
    export = SpanExport(resource("test"), memory)
    context = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    error = "refused: Authorization: Bearer abcdefghijklmnop"
    export([Span(name="one", context=context, parent=None, started=1, ended=2, error=error)])
    export.close()
    [span] = memory.get_finished_spans()
    assert span.status.description == "refused: Authorization: Bearer [redacted]"


def test_wrong_settings_are_named() -> None:
    """The variable and what it should have been; never the value of a header."""
    for name, value in (
        ("MAQUETTE_OTLP_ENDPOINT", "collector:4317"),
        ("MAQUETTE_OTLP_HEADERS", "s3cret-without-a-name"),
        ("MAQUETTE_METRICS_LISTEN", "9464"),
        ("MAQUETTE_METRICS_TOKEN", "short"),
        ("MAQUETTE_TRACE_RATIO", "2"),
    ):
        with pytest.raises(SettingsError, match=name) as refused:
            load({name: value})
        assert "s3cret" not in str(refused.value)
    assert parse_headers("a=1, x-b = 2=3") == {"a": "1", "x-b": "2=3"}


def test_without_the_extra_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set, what is missing, and how to get it."""
    import sys

    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with (
        pytest.raises(Exception, match=r"MAQUETTE_OTLP_ENDPOINT.*pip install 'maquette\[otlp\]'"),
        tracing("http://127.0.0.1:4318", "", 1.0, "api"),
    ):
        pass
    with tracing("", "", 1.0, "api") as tracer:
        assert not tracer.on
