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
from maquette.services.deps import Deps, Limits
from maquette.services.follow import Hub
from maquette.services.ids import new_id
from maquette.services.liveness import Workers
from maquette.services.principals import KeyCache, make_key
from maquette.services.transactor import Transactor
from maquette.settings import Settings
from maquette.store import projects
from maquette.store.database import Database

BODY_BYTES_MAX = 20_000


@dataclass
class Skeleton:
    """What ``build_app`` needs of ``deps`` when no service is called."""

    objects: LocalObjects
    fails_with: Exception | None = None


@dataclass
class Live:
    """The real API on a real database, with an operator, a project and its user."""

    app: FastAPI
    deps: Deps
    operator: httpx.AsyncClient
    user: httpx.AsyncClient
    worker: httpx.AsyncClient
    nobody: httpx.AsyncClient
    project_id: str
    tokens: dict[str, str]

    def client(self, token: str | None, base: str = "http://maquette.test") -> httpx.AsyncClient:
        """Return a client with a key of its own; against a running server with its address."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(self.app) if base.endswith(".test") else None
        return httpx.AsyncClient(transport=transport, base_url=base, headers=headers)

    async def brief(self, **more: Any) -> dict[str, Any]:
        """Submit a job as the user and return it."""
        body = {"project_id": self.project_id, "asset_type": "2D", "prompt": "a red fox", **more}
        response = await self.user.post("/jobs", json=body)
        assert response.status_code == 201, response.text
        return dict(response.json())


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """Give the API with everything real behind it, wired as ``bootstrap`` wires it."""
    database = await Database.open(database_url, connections_max=6)
    transactor, hub = Transactor(database), Hub(database)
    deps = Deps(
        database=database,
        transactor=transactor,
        objects=LocalObjects(tmp_path / "objects", keys=[SigningKey("k1", b"secret")]),
        hub=hub,
        keys=KeyCache(database),
        workers=Workers(database, 15.0),
        limits=Limits(
            heartbeat_seconds=5,
            lease_seconds=15,
            attempt_seconds_max=900,
            url_ttl_seconds=900,
            upload_bytes_max=1_000_000,
            open_jobs_max=20,
        ),
    )
    transactor.listen(hub.committed)
    await transactor.start()
    await hub.start()
    tokens = {}
    async with database.transaction() as connection:
        for kind in ("operator", "worker"):
            key = make_key(new_id())
            tokens[kind] = key.text
            await projects.insert_key(
                connection,
                key.id,
                project=None,
                kind=kind,
                name=kind,
                subject=kind,
                secret_hash=key.secret_hash,
            )
    app = build_app(deps, Settings())
    live = Live(app, deps, *(httpx.AsyncClient() for _ in range(4)), "", tokens)
    live.operator, live.worker = live.client(tokens["operator"]), live.client(tokens["worker"])
    live.project_id = (await live.operator.post("/projects", json={"name": "Lighthouse"})).json()["id"]
    made = await live.operator.post(f"/projects/{live.project_id}/keys", json={"name": "Ada"})
    tokens["user"] = made.json()["key"]
    live.user, live.nobody = live.client(tokens["user"]), live.client(None)
    yield live
    await hub.stop()
    await transactor.stop()
    await database.close()


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
