"""The worker protocol over HTTP: four calls, each sent again until it is answered or given up.

Every call is safe to send again: a claim replays by its ``claim_id``, an outcome by its fence, an upload
grant by name and checksum. So a lost response and a lost request are the same case.
"""

import asyncio
import logging
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
from yarl import URL

from maquette.wire import (
    Claim,
    ClaimAnswer,
    Heartbeat,
    HeartbeatAnswer,
    OutcomesAnswer,
    OutcomesRequest,
    UploadsAnswer,
    UploadsRequest,
)
from maquette.worker import backoff
from maquette.worker.errors import Refused, Unavailable

logger = logging.getLogger("maquette.worker")

T = TypeVar("T")

#: Applying a full batch of outcomes takes the server well under a second; beyond this it is not answering.
ANSWER_SECONDS_MAX = 30.0
CONNECT_SECONDS_MAX = 5.0
#: Statuses that say "not now" rather than "not like this".
_LATER = frozenset({408, 425, 429})

_encode = msgspec.json.Encoder().encode


class Client:
    """One worker process's connection to the API. Use it as an async context manager.

    ``url`` is the API's base URL, ``token`` a worker's token; it is sent to ``/worker/*`` and nowhere else,
    and is in no log line and no error. Raises ``ValueError`` when either cannot work.
    """

    def __init__(self, url: str, token: str) -> None:
        base = URL(url.rstrip("/") + "/")
        if base.scheme not in {"http", "https"} or not base.host:
            raise ValueError(
                f"The API's base URL must start with http:// or https:// and name a host: {url!r}"
            )
        if not token.isascii() or not token.isprintable() or not token.strip():
            raise ValueError("The worker token is empty or holds characters that no token has.")
        self._base = base
        self._headers = {"Authorization": f"Bearer {token.strip()}", "Content-Type": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # One long poll, the outcomes under way, a heartbeat and a few grants; kept alive between them.
            connector=aiohttp.TCPConnector(limit=16, keepalive_timeout=60.0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def claim(self, claim: Claim, *, give_up_seconds: float | None = None) -> ClaimAnswer:
        """Ask for work until an answer arrives, with the same ``claim_id`` each time.

        Raises Refused when the server will never answer it, Unavailable after ``give_up_seconds`` if there are any.
        """
        return await self._call(
            "worker/claims",
            claim,
            ClaimAnswer,
            patience=claim.wait_seconds,
            give_up_seconds=give_up_seconds,
        )

    async def heartbeat(self, beat: Heartbeat, *, give_up_seconds: float) -> HeartbeatAnswer:
        """Report the leases held. Raises Unavailable after ``give_up_seconds``: the next beat knows more."""
        return await self._call("worker/heartbeats", beat, HeartbeatAnswer, give_up_seconds=give_up_seconds)

    async def report(self, request: OutcomesRequest) -> OutcomesAnswer:
        """Report outcomes, and claim, until an answer arrives. Raises Refused."""
        return await self._call("worker/outcomes", request, OutcomesAnswer)

    async def grants(self, request: UploadsRequest) -> UploadsAnswer:
        """Ask for presigned PUTs until an answer arrives. Raises Refused."""
        return await self._call("worker/uploads", request, UploadsAnswer)

    def resolve(self, url: str) -> URL:
        """Make a URL of the server absolute. Signed, so not a character of it is requoted."""
        return self._base.join(URL(url, encoded=True))

    async def _call(
        self,
        path: str,
        body: msgspec.Struct,
        answer: type[T],
        *,
        patience: float = 0.0,
        give_up_seconds: float | None = None,
    ) -> T:
        payload = _encode(body)
        limits = aiohttp.ClientTimeout(
            total=min(ANSWER_SECONDS_MAX, give_up_seconds or ANSWER_SECONDS_MAX) + patience,
            sock_connect=CONNECT_SECONDS_MAX,
        )
        loop = asyncio.get_running_loop()
        started = loop.time()
        retries = 0
        while True:
            try:
                return await self._once(path, payload, answer, limits)
            except Unavailable as error:
                delay = backoff.delay_seconds(retries, error.retry_after_seconds)
                if give_up_seconds is not None and loop.time() - started + delay > give_up_seconds:
                    raise
                logger.warning("%s; trying again in %.1f s", error, delay)
            retries += 1
            payload = _encode(_marked(body))
            await asyncio.sleep(delay)

    async def _once(self, path: str, payload: bytes, answer: type[T], limits: aiohttp.ClientTimeout) -> T:
        assert self._session is not None, "use the client as an async context manager"
        url = self._base.joinpath(path)
        try:
            async with self._session.post(
                url, data=payload, timeout=limits, allow_redirects=False
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"POST /{path}: {type(error).__name__}") from None
        if response.status in _LATER or response.status >= 500:
            raise Unavailable(
                f"POST /{path}: {response.status}", retry_after_seconds=backoff.retry_after(response.headers)
            )
        if not response.ok or response.status >= 300:
            raise Refused(f"POST /{path}: {response.status} {_problem(body)}", status=response.status)
        try:
            return msgspec.json.decode(body, type=answer)
        except msgspec.MsgspecError as error:
            raise Unavailable(f"POST /{path}: unreadable answer: {error}") from None


def _marked(body: msgspec.Struct) -> msgspec.Struct:
    """Tell the server that a claim was sent before, so that it looks for the answer that got lost."""
    if isinstance(body, Claim):
        return msgspec.structs.replace(body, retried=True)
    if isinstance(body, OutcomesRequest) and body.claim is not None:
        return msgspec.structs.replace(body, claim=msgspec.structs.replace(body.claim, retried=True))
    return body


def _problem(body: bytes) -> str:
    """Say what a problem document (RFC 9457) says, or the start of whatever else came."""
    try:
        problem: Any = msgspec.json.decode(body)
        return f"{problem.get('code', '')}: {problem.get('detail') or problem.get('title', '')}"[:500]
    except (msgspec.MsgspecError, AttributeError, UnicodeDecodeError):
        return body[:200].decode("utf-8", "replace")
