"""A protocol server for each test, and a worker running against it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from protocol_server import TOKEN, ProtocolServer, Working

from maquette.worker import Handler, Worker


@pytest.fixture
async def server() -> AsyncIterator[ProtocolServer]:
    server = ProtocolServer()
    await server.start()
    yield server
    await server.stop()
    assert server.token_leaks == []


@pytest.fixture
def working(server: ProtocolServer, tmp_path: Path) -> Working:
    """Run a worker for the length of an ``async with``, then drain it."""

    @contextlib.asynccontextmanager
    async def run(handlers: Mapping[str, Handler], **options: Any) -> AsyncIterator[Worker]:
        worker = Worker(server.url, TOKEN, "studio", handlers, **{"workdir": tmp_path / "work"} | options)
        running = asyncio.create_task(worker.run(signals=False))
        try:
            yield worker
        finally:
            worker.stop()
            async with asyncio.timeout(20):
                await running
        assert list((tmp_path / "work").iterdir()) == [], "a work directory was left behind"

    return run
