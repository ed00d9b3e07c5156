"""The outermost layer: request ids, the access log, metrics, and the last resort.

Pure ASGI: Starlette's BaseHTTPMiddleware runs each request in a task and a queue of its own.
"""

import logging
import re
import secrets
import time
from urllib.parse import quote

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maquette.api.metrics import Metrics
from maquette.api.problems import HeadersTooLarge, InternalError, respond
from maquette.domain.errors import Invalid, MaquetteError

HEAD_BYTES_MAX = 32 * 1024
PATH_LENGTH_MAX = 500
REQUEST_ID, CORRELATION_ID = b"x-request-id", b"x-correlation-id"
#: What nginx writes for a client that left before its answer; nobody is sent it.
CLIENT_CLOSED_REQUEST = 499

access_log = logging.getLogger("maquette.access")
error_log = logging.getLogger("maquette.api")
_USABLE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}", re.ASCII)


class Edge:
    """Wraps everything else. Puts ``request_id`` and ``correlation_id`` into the request's state.

    ``root_path`` is a gateway's prefix; requests may come with or without it.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, root_path: str) -> None:
        self._app = app
        self._metrics = metrics
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; only a response that had already begun may end in an exception."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope, REQUEST_ID) or secrets.token_hex(16)
        correlation_id = _given_id(scope, CORRELATION_ID) or request_id
        if self._root_path:
            scope["root_path"] = self._root_path
            if not scope["path"].startswith(f"{self._root_path}/"):
                scope["path"] = self._root_path + scope["path"]
        scope.setdefault("state", {}).update(request_id=request_id, correlation_id=correlation_id)
        stamped = _headers(request_id, correlation_id)
        status = CLIENT_CLOSED_REQUEST

        async def stamping(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                names = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in stamped if header[0] not in names),
                    *scope["state"].get("headers", ()),
                ]
            await send(message)

        begun = time.perf_counter()
        self._metrics.in_flight.inc()
        try:
            error = _refusal(scope)
            if error is None:
                await self._app(scope, receive, stamping)
            else:
                await respond(error, scope)(scope, receive, stamping)
        except ClientDisconnect:
            pass
        except Exception:
            error_log.exception("Request %s failed", request_id)
            if status != CLIENT_CLOSED_REQUEST:
                raise  # makes the server cut the connection: half an answer must not look like a whole one
            error = InternalError(
                "Something went wrong on our side. The request id helps us to find out what."
            )
            await respond(error, scope)(scope, receive, stamping)
        finally:
            self._metrics.in_flight.dec()
            self._record(scope, status, time.perf_counter() - begun)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.observe(route, scope["method"], status, seconds)
        if access_log.isEnabledFor(logging.INFO):
            # The path alone: the query of a signed URL is a secret, and so is the Authorization header.
            # Quoted, so that no line break in it makes a second line.
            path = quote(scope["path"][:PATH_LENGTH_MAX])
            fields = {
                "method": scope["method"],
                "path": path,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
                "client": (scope.get("client") or ("",))[0],
                **{name: scope["state"][name] for name in ("request_id", "correlation_id")},
            }
            access_log.info("%s %s %d", scope["method"], path, status, extra={"fields": fields})


def _refusal(scope: Scope) -> MaquetteError | None:
    """Tell what is wrong with a request whatever it is for, or None."""
    query: bytes = scope["query_string"]
    length = len(query) + len(scope["path"]) + sum(len(name) + len(value) for name, value in scope["headers"])
    if length > HEAD_BYTES_MAX:
        return HeadersTooLarge(
            f"Address and headers may have {HEAD_BYTES_MAX} bytes together; these have {length}."
        )
    if b"%00" in query:  # cannot be stored, and no parameter has a use for it
        return Invalid.field(("query",), "The character NUL (%00) is not allowed.")
    return None


def _given_id(scope: Scope, header: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == header and _USABLE_ID.fullmatch(value):
            return str(value, "ascii")
    return None


def _headers(request_id: str, correlation_id: str) -> list[tuple[bytes, bytes]]:
    """Return what every response carries, unless its handler said otherwise."""
    return [
        (REQUEST_ID, request_id.encode()),
        (CORRELATION_ID, correlation_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
