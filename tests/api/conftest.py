"""The API without services behind it: enough for everything that happens before a service is called."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict

from maquette.adapters.objects_local import LocalObjects
from maquette.adapters.signing import SigningKey
from maquette.api.app import build_app
from maquette.settings import Settings

BODY_BYTES_MAX = 20_000


@dataclass
class Skeleton:
    """What ``build_app`` needs of ``deps`` when no service is called."""

    objects: LocalObjects
    fails_with: Exception | None = None

    async def ready(self) -> None:
        """Fail as told."""
        if self.fails_with is not None:
            raise self.fails_with


class Echo(BaseModel):
    """A body with something of everything."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    text: str = ""
    number: float = 0
    anything: Any = None


@pytest.fixture
def skeleton(tmp_path: Path) -> Skeleton:
    return Skeleton(LocalObjects(tmp_path / "objects", keys=[SigningKey("k1", b"secret")]))


@pytest.fixture
def app(skeleton: Skeleton) -> FastAPI:
    """Give the app with two routes more: one that reads JSON, and one that fails as the test wants."""
    app = build_app(skeleton, Settings(body_bytes_max=BODY_BYTES_MAX))

    @app.post("/echo", tags=["test"])
    async def echo(body: Echo) -> Any:
        return body

    @app.get("/echo/{name}", tags=["test"])
    async def named(name: str, limit: int = 1) -> Any:
        return {"name": name, "limit": limit}

    @app.get("/fail", tags=["test"])
    async def fail() -> None:
        assert skeleton.fails_with is not None
        raise skeleton.fails_with

    @app.post("/worker/raw", tags=["test"])
    async def raw(request: Request) -> Any:
        return {"bytes": len(await request.body())}

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://maquette.test"
    ) as client:
        yield client


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[str]:
    """Serve the app by uvicorn on a free port of loopback; give its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=2))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest.fixture
def serve() -> Callable[[FastAPI], AbstractAsyncContextManager[str]]:
    return running


@pytest.fixture
def access_lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Give a function that returns the structured fields of the access log so far."""
    caplog.set_level(logging.INFO, logger="maquette.access")
    return lambda: [record.fields for record in caplog.records if record.name == "maquette.access"]
