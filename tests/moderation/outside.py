"""A moderator outside, on loopback: speaks OpenAI's moderations protocol, and misbehaves as a test wants."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from aiohttp import web

from maquette.adapters.moderator_http import HttpModerator
from maquette.outbound import Outbound, Policy

CATEGORIES = ("sexual", "sexual/minors", "violence", "violence/graphic", "hate", "self-harm", "harassment")
KEY = "a key for the moderator"


@dataclass
class Outside:
    """Finds what ``scores`` says in texts and in the bytes of images; ``behave`` answers before that, one a request."""

    scores: dict[str, dict[str, float]] = field(
        default_factory=lambda: {"maybe": {"hate": 0.6}, "never": {"hate": 0.95}}
    )
    behave: list[Any] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        body = await request.json()
        self.seen.append(body)
        self.arrived.set()
        behaviour = self.behave.pop(0) if self.behave else None
        if behaviour == "slow":
            await asyncio.sleep(30)
        if behaviour == "huge":
            return web.Response(body=b"[" + b"0," * 1_000_000 + b"0]", content_type="application/json")
        if isinstance(behaviour, bytes):
            return web.Response(body=behaviour, content_type="application/json")
        if isinstance(behaviour, int):
            error = {"error": {"message": "No.", "type": "x", "code": None}}
            headers = {"retry-after": "0"} if behaviour == 429 else {}
            return web.json_response(error, status=behaviour, headers=headers)
        return web.json_response(
            {"id": "modr-1", "model": body["model"], "results": self.results(body["input"])}
        )

    def results(self, given: list[Any]) -> list[dict[str, Any]]:
        if all(isinstance(item, str) for item in given):
            return [self.result(item.encode()) for item in given]
        assert all(item["type"] in {"text", "image_url"} for item in given)
        parts = [
            base64.b64decode(item["image_url"]["url"].partition(";base64,")[2])
            if item["type"] == "image_url"
            else item["text"].encode()
            for item in given
        ]
        return [self.result(b" ".join(parts))]

    def result(self, content: bytes) -> dict[str, Any]:
        scores = dict.fromkeys(CATEGORIES, 0.001)
        for word, found in self.scores.items():
            if word.encode() in content:
                scores |= found
        return {
            "flagged": max(scores.values()) > 0.5,
            "categories": {name: score > 0.5 for name, score in scores.items()},
            "category_scores": scores,
        }


@asynccontextmanager
async def served(outside: Outside) -> AsyncIterator[Outside]:
    """Serve it on loopback."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/moderations", outside.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    outside.url = f"http://127.0.0.1:{port}/v1/moderations"
    try:
        yield outside
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client(outside: Outside, **more: Any) -> AsyncIterator[HttpModerator]:
    """Give the adapter, set to ask it."""
    policy = Policy(networks=(ip_network("127.0.0.0/8"),))
    async with Outbound(policy) as outbound:
        yield HttpModerator(outbound, outside.url, api_key=KEY, model="omni-moderation-latest", **more)
