"""What stands between the network and a handler that reads a body: size, type, and sound JSON."""

import asyncio
import contextlib
import math

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maquette.api import json_guard
from maquette.api.problems import RequestTimeout, UnsupportedMediaType, respond
from maquette.domain.errors import MaquetteError, TooLarge

#: What is still read of a body that was refused, so that the sender gets to see why.
_DRAIN_BYTES_MAX = 8 * 1024 * 1024
_DRAIN_SECONDS_MAX = 1.0
_SILENCE_SECONDS_MAX = 30.0
_READING_METHODS = frozenset({"POST", "PUT", "PATCH"})


class BodyGuard:
    """Refuses bodies over the limit while they arrive, and JSON that could do harm before it is parsed.

    Signed PUTs below ``/files/`` have the limit that was signed, and no JSON. Workers' bodies and batches are
    counted here and checked by their endpoints, which decode them once, after authentication.
    """

    def __init__(self, app: ASGIApp, *, bytes_max: int, bulk_bytes_max: int) -> None:
        self._app = app
        self._bytes_max = bytes_max
        self._bulk_bytes_max = bulk_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a checked body, or answer with a problem."""
        if scope["type"] != "http" or scope["method"] not in _READING_METHODS:
            await self._app(scope, receive, send)
            return
        path = route_path(scope)
        own_limit = self._own_limit(path)
        body = _Body(scope, receive, self._bytes_max if own_limit is None else own_limit)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and not await body.finish():
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        if own_limit is not None:
            await self._app(scope, body.receive, answer)
            return
        try:
            whole = await _read(scope, body.receive)
        except MaquetteError as error:
            await respond(error, scope)(scope, receive, answer)
            return
        if whole is not None:  # else the client left
            await self._app(scope, _replay(whole, receive), answer)

    def _own_limit(self, path: str) -> float | None:
        """Return the limit of bodies whose endpoint reads and checks them itself; None for all others.

        Outcomes come in batches with skeletons inside, from senders whose token is checked before reading; of a
        thousand briefs each line is checked like a body of its own.
        """
        if path.startswith("/files/"):
            return math.inf
        return self._bulk_bytes_max if path.startswith("/worker/") or path == "/batches" else None


def route_path(scope: Scope) -> str:
    """Return the path below the gateway's prefix."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


class _Body:
    """The body as it arrives, counted."""

    def __init__(self, scope: Scope, receive: Receive, bytes_max: float) -> None:
        self._receive = receive
        self._bytes_max = bytes_max
        self._bytes = 0
        names = {name for name, _ in scope["headers"]}
        self._unread = not names.isdisjoint({b"content-length", b"transfer-encoding"})
        # Who asks whether to send (Expect: 100-continue) is not made to send by being refused.
        self._drained_bytes_max = 0 if b"expect" in names else _DRAIN_BYTES_MAX

    async def receive(self) -> Message:
        """Give the next message; ``TooLarge`` when more than the limit has arrived, ``RequestTimeout`` after silence."""
        try:
            # Only while something is to come: who has sent all may wait for the answer as long as that takes.
            async with asyncio.timeout(_SILENCE_SECONDS_MAX if self._unread else None):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout(
                f"Nothing more of the body has arrived for {_SILENCE_SECONDS_MAX:g} s."
            ) from None
        self._bytes += len(message.get("body", b""))
        self._unread = message["type"] == "http.request" and message.get("more_body", False)
        if self._bytes > self._bytes_max:
            raise TooLarge(f"The body may have {self._bytes_max} bytes at most.")
        return message

    async def finish(self) -> bool:
        """Read on for a while without keeping anything; tell whether the end was reached.

        A server that answers and closes while its client still sends resets the connection, and the client
        never sees the answer.
        """
        if not self._unread:
            return True
        self._bytes_max = math.inf
        stop = self._bytes + self._drained_bytes_max
        with contextlib.suppress(TimeoutError, RequestTimeout):
            async with asyncio.timeout(_DRAIN_SECONDS_MAX):
                while self._unread and self._bytes < stop:
                    await self.receive()
        return not self._unread


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """Return the whole body after checking it, None when the client left meanwhile."""
    headers = dict(scope["headers"])
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    if body:
        _check_headers(headers.get(b"content-type", b""), headers.get(b"content-encoding", b"identity"))
        whole = bytes(body)
        json_guard.check_form(whole)
        json_guard.decode(whole)
    return bytes(body)


def _check_headers(content_type: bytes, encoding: bytes) -> None:
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type != b"application/json" and not (
        media_type.startswith(b"application/") and media_type.endswith(b"+json")
    ):
        raise UnsupportedMediaType("The body must be JSON; say so with `Content-Type: application/json`.")
    if encoding.strip().lower() != b"identity":
        raise UnsupportedMediaType("A compressed body is not read here; send it without Content-Encoding.")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the body once and then what the server says (a disconnect)."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
