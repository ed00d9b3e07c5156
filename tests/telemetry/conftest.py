"""A tracer whose spans the test can read, and a database for stories that a whole module looks at."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from live_api import Live, open_live
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from maquette.telemetry.otlp import SpanExport, resource
from maquette.telemetry.tracer import Tracer


@dataclass
class Spans:
    """What a tracer was told, as the SDK's own exporter has it."""

    tracer: Tracer
    _export: SpanExport
    _memory: InMemorySpanExporter

    def take(self) -> list[ReadableSpan]:
        """Return the spans since the last time, by when they began."""
        self._export.flush()
        found = sorted(self._memory.get_finished_spans(), key=lambda span: span.start_time or 0)
        self._memory.clear()
        return found


@pytest.fixture
async def staged(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """The API as it is behind a gateway's stage, whose proxies are on this machine."""
    async with open_live(
        database_url,
        tmp_path,
        root_path="/prod",
        public_url="https://api.example.com",
        trusted_proxies="127.0.0.1",
        bulk_bytes_max=20_000,
        poll_seconds_max=0.2,
    ) as live:
        yield live


@pytest.fixture(scope="module")
def spans() -> Iterator[Spans]:
    memory = InMemorySpanExporter()
    export = SpanExport(resource("test"), memory)
    yield Spans(Tracer(export), export, memory)
    export.close()


@pytest.fixture(scope="module")
def shared_database_url(
    postgres_url: str, migrated_template: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    """Address of a database with the current schema for a module; dropped afterwards."""
    name = request.module.__name__.rpartition(".")[2]

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(postgres_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run(f"CREATE DATABASE {name} TEMPLATE {migrated_template}"))
    yield f"{postgres_url.rpartition('/')[0]}/{name}"
    asyncio.run(run(f"DROP DATABASE {name} WITH (FORCE)"))
