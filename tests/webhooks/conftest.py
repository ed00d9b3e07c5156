"""A receiver on loopback that does what a test tells it, and what it got."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from post import Post

from maquette.adapters.bus_webhook import WebhookBus
from maquette.bootstrap import open_deps
from maquette.domain.permissions import Role
from maquette.domain.principal import Principal
from maquette.maintenance.webhooks import WebhookLoop
from maquette.outbound import Outbound
from maquette.services.ids import new_id
from maquette.settings import Settings
from maquette.store import projects

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A server whose answer the test chooses; remembers every request."""

    port: int = 0
    answers: list[Handler | int] = field(default_factory=list)
    """What to answer next: a status or a handler; the last one stays."""
    got: list[Received] = field(default_factory=list)

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): text for name, text in request.headers.items()}
        self.got.append(Received(request.method, request.path_qs, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else (self.answers or [200])[0]
        return web.Response(status=answer) if isinstance(answer, int) else await answer(request)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def post(tmp_path: Path, database_url: str) -> AsyncIterator[Post]:
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
        webhook_key="a webhook key for tests",
        outbound_allow="127.0.0.1",
    )
    async with open_deps(settings) as deps, Outbound(deps.outbound) as outbound:
        project = new_id()
        async with deps.database.transaction() as connection:
            await projects.insert(connection, project, "test", "usr_test", 1000)
        loop = WebhookLoop(deps.database, outbound, deps.webhook_key)
        sink = WebhookBus(deps.database, new_id, loop.nudge)
        yield Post(deps, loop, sink, Principal("user", "usr_test", {project: Role.OWNER}), project, outbound)
