"""The real API on a real database, without processes: for tests here, in tests/hostile and tests/fuzz."""

import asyncio
import hashlib
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from maquette.api.app import build_app
from maquette.api.connection import Connection
from maquette.bootstrap import open_deps
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.services.principals import make_key
from maquette.settings import Settings
from maquette.store import identity
from maquette.telemetry.tracer import OFF, Tracer

EPOCH = str(uuid.uuid4())


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

    async def brief(self, **more: Any) -> dict[str, Any]:
        """Submit a job as the user and return it."""
        body = {"project_id": self.project_id, "asset_type": "2D", "prompt": "a red fox", **more}
        response = await self.user.post("/jobs", json=body)
        assert response.status_code == 201, response.text
        return dict(response.json())

    def claim(self, **more: Any) -> dict[str, Any]:
        """Return the body of a claim."""
        return {
            "claim_id": str(uuid.uuid4()),
            "worker_epoch": EPOCH,
            "worker": "test",
            "services": ["studio"],
            **more,
        }

    async def work(self, data: bytes = b"pixels", **outputs: Any) -> dict[str, Any]:
        """Claim one task over HTTP, upload a file, report success; return the task."""
        [task] = (await self.worker.post("/worker/claims", json=self.claim())).json()["tasks"]
        answered = await self.report(task, data, **outputs)
        assert [item["verdict"] for item in answered.json()["verdicts"]] == ["applied"], answered.text
        return dict(task)

    async def report(self, task: dict[str, Any], data: bytes = b"pixels", **outputs: Any) -> httpx.Response:
        """Upload a file for a leased task and report success."""
        held = {"task_id": task["task_id"], "fence": task["fence"]}
        file = {
            "name": f"{task['step']}.png",
            "media_type": "image/png",
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        granted = await self.worker.post("/worker/uploads", json={"uploads": [{**held, **file}]})
        [grant] = granted.json()["grants"]
        sent = await self.nobody.put(grant["url"], content=data, headers=grant["headers"])
        assert sent.status_code == 204, sent.text
        made = {
            "text_to_image": {"seed": 1, "prompt_used": "p", "negative_prompt_used": ""},
            "refine": {"operations": []},
            "export": {"files": [], "engine_notes": {}},
        }[task["step"]]
        outcome = {
            **held,
            "status": "succeeded",
            "artifacts": [{**file, "kind": "image", "attributes": {"width": 1}}],
            "outputs": {**made, **outputs},
            "metrics": {"duration": 0.5, "gpu_type": "cpu", "cost_estimate": 0.25},
            "model": "test",
            "model_version": "1",
        }
        return await self.worker.post("/worker/outcomes", json={"outcomes": [outcome]})


@asynccontextmanager
async def open_live(
    database_url: str, data_dir: Path, *, tracer: Tracer = OFF, **more: Any
) -> AsyncIterator[Live]:
    """Wire everything as ``bootstrap`` does, and make an operator, a project and its user."""
    settings = Settings(
        database_url=database_url,
        data_dir=data_dir,
        signing_key="signs the links of a test",
        worker_token="opens the worker endpoints",
        webhook_key="makes the secrets of a test",
        **{"upload_bytes_max": 1_000_000, "open_jobs_max": 20, **more},
    )
    async with open_deps(settings, tracer=tracer) as deps:
        key = make_key(new_id())
        async with deps.database.transaction() as connection:
            await identity.insert_key(
                connection,
                key.id,
                project=None,
                kind="operator",
                name="operator",
                subject="usr_operator",
                secret_hash=key.secret_hash,
                by="usr_operator",
            )
        tokens = {"operator": key.text, "worker": settings.worker_token}
        app = build_app(deps, settings)
        operator = client_of(app, tokens["operator"])
        project_id = (await operator.post("/projects", json={"name": "Lighthouse"})).json()["id"]
        made = await operator.post(f"/projects/{project_id}/keys", json={"name": "Ada", "role": "owner"})
        tokens["user"] = made.json()["key"]
        user, worker, nobody = (client_of(app, tokens.get(kind)) for kind in ("user", "worker", "nobody"))
        yield Live(app, deps, operator, user, worker, nobody, project_id, tokens)


def client_of(app: FastAPI, token: str | None) -> httpx.AsyncClient:
    """Return a client without network, with a key of its own or none."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://maquette.test", headers=headers
    )


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[str]:
    """Serve the app by uvicorn on a free port of loopback; give its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, http=Connection, log_config=None, lifespan="off", timeout_graceful_shutdown=2)
    )
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
