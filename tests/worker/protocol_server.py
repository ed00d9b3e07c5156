"""A server that speaks the worker protocol's real types over real HTTP, keeps leases, and can misbehave on demand."""

import asyncio
import contextlib
import hashlib
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from maquette.wire import (
    Claim,
    ClaimAnswer,
    Heartbeat,
    HeartbeatAnswer,
    HeartbeatVerdict,
    InputArtifact,
    Outcome,
    OutcomesAnswer,
    OutcomesRequest,
    OutcomeVerdict,
    Task,
    UploadGrant,
    UploadsAnswer,
    UploadsRequest,
)
from maquette.worker import Worker

#: The fixture ``working``: ``async with working(handlers, **options) as worker``.
Working = Callable[..., contextlib.AbstractAsyncContextManager[Worker]]

TOKEN = "wrk_3c0ffee-token-that-nobody-may-see"


def make_task(fence: int, step: str = "refine", **fields: Any) -> Task:
    """A task with this fence; the other fields have harmless defaults."""
    defaults = {
        "task_id": f"task_{fence}",
        "job_id": f"job_{fence}",
        "project_id": "prj_1",
        "revision": 0,
        "attempt": 1,
        "asset_type": "3D",
        "service": "studio",
        "seed": 7,
        "params": {},
        "inputs": [],
        "correlation_id": f"cor_{fence}",
        "deadline_seconds": 60.0,
    }
    return Task(fence=fence, step=step, **(defaults | fields))


class ProtocolServer:
    """State is plain attributes: tests set what is ready and how to misbehave, and read what arrived."""

    def __init__(self) -> None:
        self.url = ""
        self.heartbeat_seconds = 5.0
        self.ready: deque[Task] = deque()
        self.answers: dict[str, ClaimAnswer] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.live: set[int] = set()
        self.objects: dict[str, bytes] = {}
        self.claims: list[Claim] = []
        self.heartbeats: list[Heartbeat] = []
        self.reports: list[OutcomesRequest] = []
        self.grant_requests: list[UploadsRequest] = []
        self.puts: list[tuple[str, dict[str, str]]] = []
        self.signals: dict[int, str] = {}
        """Verdicts that heartbeats get, by fence."""
        self.rejected: dict[str, str] = {}
        """Upload names that get no grant, with the reason."""
        self.faults: defaultdict[str, deque[Any]] = defaultdict(deque)
        """By path, what happens to the next requests: None = nothing, "drop" = the request is lost, "lose" =
        the answer is lost, "late" = it never comes, a number = that status, (status, headers), a callable on the body = refuse it with 422."""
        self.hold: asyncio.Event | None = None
        """Answers to outcomes are held up until it is set."""
        self.token_leaks: list[str] = []
        self._changed = asyncio.Condition()

    def input(self, name: str, content: bytes, **fields: Any) -> InputArtifact:
        """Store a file and describe it as an input."""
        digest = hashlib.sha256(content).hexdigest()
        self.objects[f"inputs/{digest}"] = content
        defaults = {
            "id": f"art_{name}",
            "step": "text_to_image",
            "kind": "image",
            "media_type": "image/png",
            "bytes": len(content),
            "sha256": digest,
            "url": f"/objects/inputs/{digest}?signature=secret%2Fsignature",
        }
        return InputArtifact(name=name, **(defaults | fields))

    async def until(self, predicate: Callable[[], object], seconds: float = 15.0) -> None:
        """Wait until something that a request changed makes the predicate true."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: bool(predicate()))

    async def add(self, *tasks: Task) -> None:
        """Make tasks ready and wake parked claims."""
        async with self._changed:
            self.ready.extend(tasks)
            self._changed.notify_all()

    async def start(self) -> None:
        application = web.Application(middlewares=[self._middleware], client_max_size=2**26)
        application.router.add_post("/worker/claims", self._claims)
        application.router.add_post("/worker/heartbeats", self._heartbeats)
        application.router.add_post("/worker/outcomes", self._outcomes)
        application.router.add_post("/worker/uploads", self._uploads)
        application.router.add_get("/objects/{key:.+}", self._get)
        application.router.add_put("/objects/{key:.+}", self._put)
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        authorized = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        if request.path.startswith("/worker/") and not authorized:
            problem = b'{"code": "unauthorized", "detail": "unknown token"}'
            return web.Response(status=401, body=problem, content_type="application/problem+json")
        if not request.path.startswith("/worker/") and "Authorization" in request.headers:
            self.token_leaks.append(request.path)
        queue = self.faults[request.path]
        fault = queue.popleft() if queue else None
        if callable(fault):
            fault = 422 if fault(await request.read()) else None
        if fault == "drop":
            request.transport.close()
        elif isinstance(fault, int):
            return web.Response(status=fault)
        elif isinstance(fault, tuple):
            return web.Response(status=fault[0], headers=fault[1])
        response = web.Response() if fault == "drop" else await handler(request)
        if fault == "lose":
            request.transport.close()
        elif fault == "late":
            async with self._changed:
                self._changed.notify_all()
            await asyncio.Event().wait()
        async with self._changed:
            self._changed.notify_all()
        if self.hold is not None and request.path == "/worker/outcomes":
            await self.hold.wait()
        return response

    async def _claims(self, request: web.Request) -> web.Response:
        claim = msgspec.json.decode(await request.read(), type=Claim)
        self.claims.append(claim)
        async with self._changed:
            self._changed.notify_all()
            if claim.claim_id not in self.answers:
                try:
                    async with asyncio.timeout(claim.wait_seconds):
                        await self._changed.wait_for(lambda: self.ready)
                except TimeoutError:
                    pass
            return _json(self._lease(claim))

    def _lease(self, claim: Claim) -> ClaimAnswer:
        if claim.claim_id not in self.answers:
            tasks = [self.ready.popleft() for _ in range(min(claim.capacity, len(self.ready)))]
            self.live |= {task.fence for task in tasks}
            self.answers[claim.claim_id] = ClaimAnswer(
                claim_id=claim.claim_id, tasks=tasks, heartbeat_seconds=self.heartbeat_seconds
            )
        return self.answers[claim.claim_id]

    async def _heartbeats(self, request: web.Request) -> web.Response:
        beat = msgspec.json.decode(await request.read(), type=Heartbeat)
        self.heartbeats.append(beat)
        verdicts = [
            HeartbeatVerdict(
                task_id=one.task_id,
                fence=one.fence,
                verdict=self.signals.get(one.fence, "held" if one.fence in self.live else "stale"),
            )
            for one in beat.held
        ]
        return _json(HeartbeatAnswer(verdicts=verdicts, heartbeat_seconds=self.heartbeat_seconds))

    async def _outcomes(self, request: web.Request) -> web.Response:
        report = msgspec.json.decode(await request.read(), type=OutcomesRequest)
        self.reports.append(report)
        verdicts = [self._apply(outcome) for outcome in report.outcomes]
        answer = self._lease(report.claim) if report.claim else None
        return _json(OutcomesAnswer(verdicts=verdicts, claim=answer))

    def _apply(self, outcome: Outcome) -> OutcomeVerdict:
        known = outcome.fence in self.outcomes
        if outcome.fence in self.live:
            self.live.remove(outcome.fence)
            self.outcomes[outcome.fence] = outcome
        elif not known:
            return OutcomeVerdict(task_id=outcome.task_id, fence=outcome.fence, verdict="stale")
        return OutcomeVerdict(task_id=outcome.task_id, fence=outcome.fence, verdict="applied")

    async def _uploads(self, request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read(), type=UploadsRequest)
        self.grant_requests.append(asked)
        number = len(self.grant_requests)
        grants = [
            UploadGrant(task_id=one.task_id, name=one.name, verdict="stale")
            if one.fence not in self.live
            else UploadGrant(
                task_id=one.task_id, name=one.name, verdict="rejected", error=self.rejected[one.name]
            )
            if one.name in self.rejected
            else UploadGrant(
                task_id=one.task_id,
                name=one.name,
                verdict="applied",
                url=f"/objects/outputs/{one.task_id}/{one.name}?grant={number}",
                headers={
                    "Content-Type": one.media_type,
                    "x-sha256": one.sha256,
                    "Content-Length": str(one.bytes),
                },
            )
            for one in asked.uploads
        ]
        return _json(UploadsAnswer(grants=grants))

    async def _get(self, request: web.Request) -> web.Response:
        content = self.objects.get(request.match_info["key"])
        return web.Response(status=404) if content is None else web.Response(body=content)

    async def _put(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        content = await request.read()
        self.puts.append((request.path_qs, dict(request.headers)))
        if hashlib.sha256(content).hexdigest() != request.headers["x-sha256"]:
            return web.Response(status=400)
        if self.objects.get(key, content) != content:
            return web.Response(status=409)
        self.objects[key] = content
        return web.Response(status=201)


def _json(answer: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")
