"""Requests that schemathesis makes up from the OpenAPI document, sent to the API as it really runs."""

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from live_api import Live, open_live, running
from pool import Pool, renew
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

T = TypeVar("T")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
#: Failures that are told of one operation: the same one again and again teaches nothing.
TOLD_MAX = 5
#: Examples after which things are made anew: cancelled and deleted, they would leave nothing to fail on.
RENEWED_AFTER = 100
#: Whose key opens an operation, when it is no user's.
_RIGHT = {"create_project": "operator"}
_STREAM_SECONDS = 0.02
_WAIT_SECONDS_MAX = 0.01


def cut_streams(app: ASGIApp) -> ASGIApp:
    """Return the app with event streams that end soon, as if their clients left: a real one has no end."""

    async def cutting(scope: Scope, receive: Receive, send: Send) -> None:
        streams = asyncio.Event()

        async def watching(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                if headers.get(b"content-type", b"").startswith(b"text/event-stream"):
                    streams.set()
            await send(message)

        answering = asyncio.ensure_future(app(scope, receive, watching))
        begun = asyncio.ensure_future(streams.wait())
        await asyncio.wait({answering, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if streams.is_set():
            await asyncio.wait({answering}, timeout=_STREAM_SECONDS)
            if not answering.done():
                answering.cancel()
                await asyncio.wait({answering})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
        await answering

    return cutting


@schemathesis.serializer("application/jsonl")
def lines(_context: schemathesis.SerializationContext, value: Any) -> Any:
    """Send JSON Lines as they were made up."""
    return str(value).encode("utf-8", "surrogatepass")


@dataclass
class Served:
    """The API under its own event loop, and how to reach it from here."""

    live: Live
    url: str
    loop: asyncio.AbstractEventLoop
    pool: Pool = field(default_factory=Pool)
    sent: int = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something where the API runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@contextmanager
def serve(database_url: str, data_dir: Path, wrap: Any = cut_streams) -> Iterator[Served]:
    """Serve the API from a thread: schemathesis is synchronous, and connections belong to one loop."""
    ready: list[Served] = []
    begun = threading.Event()

    async def run() -> None:
        try:
            async with (
                open_live(database_url, data_dir, open_jobs_max=1_000_000) as live,
                running(wrap(live.app)) as url,
            ):
                stop = asyncio.Event()
                stops.append(stop)
                ready.append(Served(live, url, asyncio.get_running_loop()))
                begun.set()
                await stop.wait()
                for client in (live.operator, live.user, live.worker, live.nobody):
                    await client.aclose()
        finally:
            begun.set()

    stops: list[asyncio.Event] = []
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    begun.wait(60)
    try:
        assert ready, "the API did not start"
        yield ready[0]
    finally:
        if ready:
            ready[0].loop.call_soon_threadsafe(stops[0].set)
        thread.join(60)


@dataclass
class Tally:
    """What became of one operation's requests."""

    name: str
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[tuple[str, ...], str] = field(default_factory=dict)

    def line(self) -> str:
        told = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.name:<32} {sum(self.statuses.values()):>6}  {told}"


def operations(served: Served) -> list[Any]:
    """Return every operation of the document that the API itself gives out."""
    schema = schemathesis.openapi.from_dict(served.live.app.openapi())
    schema.config.generation.update(with_security_parameters=False)
    return [result.ok() for result in schema.get_all_operations()]


def fuzz(served: Served, operation: Any, examples: int, number: int) -> Tally:
    """Send made-up requests to one operation, half of them valid by the schema; hold each answer to the document."""
    name = operation.definition.raw["operationId"]
    tally = Tally(name)
    right = "worker" if operation.path.startswith("/worker/") else _RIGHT.get(name, "user")
    tokens = served.live.tokens
    modes = [GenerationMode.POSITIVE]
    if operation.body or operation.query or operation.path_parameters or operation.headers:
        modes.append(GenerationMode.NEGATIVE)
    strategies = {mode: operation.as_strategy(generation_mode=mode) for mode in modes}
    with requests.Session() as session:
        sent = 0

        @seed(number)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def one(data: st.DataObject) -> None:
            nonlocal sent
            if served.sent % RENEWED_AFTER == 0:
                served.run(renew(served.live, served.pool))
            sent += 1
            served.sent += 1
            case = data.draw(strategies[data.draw(st.sampled_from(modes))])
            # Not drawn by hypothesis: it likes zeros, and wants draws that depend on nothing that may change.
            choose = Random(f"{number} {name} {sent}").choice
            role = choose([right] * 4 + ["operator"] * 2 + ["user", "worker"])
            more = _prepare(case, served.pool, choose)
            headers = {"authorization": f"Bearer {tokens[role]}"}
            response = case.call(served.url, session, headers=headers, timeout=20, **more)
            tally.statuses[response.status_code] += 1
            if response.status_code < 300 and "json" in response.headers.get("content-type", [""])[0]:
                served.pool.learn(response.json())
            try:
                case.validate_response(response, checks=_checks(case, response))
            except FailureGroup as failed:
                kinds = tuple(
                    sorted({f"{type(item).__name__} {response.status_code}" for item in failed.exceptions})
                )
                if len(tally.failures) < TOLD_MAX:
                    tally.failures.setdefault(kinds, f"{name}: {failed}")

        one()
    return tally


def _checks(case: Any, response: Any) -> list[Any]:
    """Return what an answer is held to. A stream is no JSON, and JSON Lines are a text whatever is in them."""
    without = set()
    if response.headers.get("content-type", [""])[0].startswith("text/event-stream"):
        without.add(response_schema_conformance)
    if case.media_type == "application/jsonl":
        without.add(negative_data_rejection)
    return [check for check in CHECKS if check not in without]


def _prepare(case: Any, pool: Pool, choose: Any) -> dict[str, Any]:
    """Put ids of existing things where the schema only says text; a negated part is left as it is."""
    negative = {place for place, info in case.meta.components.items() if info.mode is GenerationMode.NEGATIVE}
    more: dict[str, Any] = {}
    (case.headers or {}).pop("content-length", None)  # the sender's own to say; tests/hostile lies about it
    if ParameterLocation.PATH not in negative:
        for name in list(case.path_parameters or {}):
            known = pool.of(name)
            if known and choose([True, True, True, False]):
                case.path_parameters[name] = choose(known)
        if "key" in (case.path_parameters or {}) and pool.links and choose([True, True, False]):
            link = urlsplit(choose(list(pool.links)))
            case.path_parameters["key"] = link.path.removeprefix("/files/")
            more["params"] = dict(parse_qsl(link.query))
    if ParameterLocation.QUERY not in negative:
        for name in list(case.query or {}):
            known = pool.of(name)
            if known and choose([True, True, False]):
                case.query[name] = choose(known)
    if isinstance(case.body, dict | list):
        if ParameterLocation.BODY not in negative:
            sane = choose([True, False])
            case.body = pool.fill(case.body, choose, lambda: sane or choose([True, False]))
        _hurry(case.body)
    return more


def _hurry(value: Any) -> None:
    """Let no claim wait for work."""
    if isinstance(value, dict):
        wait = value.get("wait_seconds")
        if isinstance(wait, int | float) and wait > _WAIT_SECONDS_MAX:
            value["wait_seconds"] = _WAIT_SECONDS_MAX
        for item in value.values():
            _hurry(item)
