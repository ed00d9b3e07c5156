"""The API without services behind it: enough for everything that happens before a service is called."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from live_api import Live, open_live, running
from pydantic import BaseModel, ConfigDict

from maquette.adapters.objects_local import LocalObjects
from maquette.adapters.signing import SigningKey
from maquette.api.app import build_app
from maquette.domain.errors import Unavailable
from maquette.services.moderation import Counts
from maquette.services.tally import Tally
from maquette.services.transactor import Counters
from maquette.settings import Settings
from maquette.telemetry.tracer import OFF, Tracer

BODY_BYTES_MAX = 20_000


class Away:
    """A database that cannot be reached."""

    connections = (0, 0)

    def connection(self) -> AbstractAsyncContextManager[Any]:
        raise Unavailable("The database is away.")


@dataclass(eq=False)
class Skeleton:
    """What ``build_app`` needs of ``deps`` when no service is called."""

    objects: LocalObjects
    fails_with: Exception | None = None
    tracer: Tracer = OFF
    database: Away = field(default_factory=Away)
    moderation: Any = field(default_factory=lambda: SimpleNamespace(counts=Counts(), outside=None))
    transactor: Any = field(
        default_factory=lambda: SimpleNamespace(counters=Counters(), tally=Tally(), waiting=0, parked=0)
    )


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """Give the API with everything real behind it, wired as ``bootstrap`` wires it."""
    async with open_live(database_url, tmp_path) as live:
        yield live


class Echo(BaseModel):
    """A body with something of everything."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    text: str = ""
    number: float = 0
    anything: Any = None


@pytest.fixture
def skeleton(shared_app: FastAPI, tmp_path: Path) -> Skeleton:
    """Give what stands behind the shared app, with an empty store for this test."""
    skeleton: Skeleton = shared_app.state.deps
    skeleton.objects = LocalObjects(tmp_path / "objects", keys=[SigningKey("k1", b"secret")])
    skeleton.fails_with = None
    return skeleton


@pytest.fixture
def app(shared_app: FastAPI, skeleton: Skeleton) -> FastAPI:
    """Give the shared app, over this test's skeleton."""
    assert shared_app.state.deps is skeleton
    return shared_app


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Build the app once: its first request costs 30 ms, and there are hundreds of tests."""
    keys = [SigningKey("k1", b"secret")]
    return skeleton_app(Skeleton(LocalObjects(tmp_path_factory.mktemp("objects"), keys=keys)))


def skeleton_app(skeleton: Skeleton) -> FastAPI:
    """Return the app with routes more: one that reads JSON, one that fails as the test wants, and so on."""
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


@pytest.fixture
def fresh_app(skeleton: Skeleton) -> FastAPI:
    """Give an app of this test's own: nothing was counted yet, and it may be changed."""
    return skeleton_app(skeleton)


@pytest.fixture
def serve() -> Callable[[FastAPI], AbstractAsyncContextManager[str]]:
    return running


@pytest.fixture
def access_lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Give a function that returns the structured fields of the access log so far."""
    caplog.set_level(logging.INFO, logger="maquette.access")
    return lambda: [record.fields for record in caplog.records if record.name == "maquette.access"]
