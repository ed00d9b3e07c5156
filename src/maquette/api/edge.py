"""The outermost layer: request ids, the trace, the access log, metrics, and the last resort.

Pure ASGI: Starlette's BaseHTTPMiddleware runs each request in a task and a queue of its own.
"""

import logging
import time
from urllib.parse import quote

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maquette.api.arrival import Arrival, Surroundings, arrived
from maquette.api.metrics import Metrics, known_method
from maquette.api.problems import HeadersTooLarge, InternalError, respond
from maquette.domain.errors import Invalid, MaquetteError, Unavailable
from maquette.telemetry.ids import bind, bound, let_go
from maquette.telemetry.trace import Span

HEAD_BYTES_MAX = 32 * 1024
PATH_LENGTH_MAX = 500
#: Requests under way in one process, streams and waiting claims included; beyond that a 503 is all that can be afforded.
REQUESTS_MAX = 5000
REQUEST_ID, CORRELATION_ID = b"x-request-id", b"x-correlation-id"
#: What nginx writes for a client that left before its answer; nobody is sent it.
CLIENT_CLOSED_REQUEST = 499

access_log = logging.getLogger("maquette.access")
error_log = logging.getLogger("maquette.api")


class Edge:
    """Wraps everything else. Puts ``request_id``, ``correlation_id`` and ``trace`` into the request's state.

    ``root_path`` is a gateway's prefix; requests may come with or without it.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, root_path: str, around: Surroundings) -> None:
        self._app = app
        self._metrics = metrics
        self._root_path = root_path
        self._around = around
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; only a response that had already begun may end in an exception."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._root_path:
            scope["root_path"] = self._root_path
            if scope["path"] == self._root_path:
                scope["path"] += "/"
            if not scope["path"].startswith(f"{self._root_path}/"):
                scope["path"] = self._root_path + scope["path"]
        arrival = arrived(scope, scope["path"][len(self._root_path) :], self._around)
        scope["client"] = (arrival.client, 0) if arrival.client else None
        scope.setdefault("state", {}).update(
            request_id=arrival.request_id, correlation_id=arrival.correlation_id, trace=arrival.trace
        )
        # Not binding(): 1.4 µs instead of 5.6.
        tokens = bind(
            arrival.trace, {"request_id": arrival.request_id, "correlation_id": arrival.correlation_id}
        )
        try:
            await self._answer(scope, receive, send, arrival)
        finally:
            let_go(tokens)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, arrival: Arrival) -> None:
        stamped = _headers(arrival)
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

        began, begun = time.time_ns(), time.perf_counter()
        self._metrics.in_flight.inc()
        self._under_way += 1
        try:
            error = _refusal(scope) or self._crowded(scope)
            if error is None:
                await self._app(scope, receive, stamping)
            else:
                await respond(error, scope)(scope, receive, stamping)
        except ClientDisconnect:
            pass
        except Exception:
            error_log.exception("Request %s failed", arrival.request_id)
            if status != CLIENT_CLOSED_REQUEST:
                raise  # makes the server cut the connection: half an answer must not look like a whole one
            error = InternalError(
                "Something went wrong on our side. The request id helps us to find out what."
            )
            await respond(error, scope)(scope, receive, stamping)
        finally:
            self._metrics.in_flight.dec()
            self._under_way -= 1
            seconds = time.perf_counter() - begun
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.observe(route, scope["method"], status, seconds)
            if arrival.own is not None:
                self._trace(scope, arrival, route, status, (began, seconds))
            self._log(scope, route, status, seconds)

    def _crowded(self, scope: Scope) -> MaquetteError | None:
        """Tell when there are too many; whether the process is alive may be asked all the same."""
        if self._under_way <= REQUESTS_MAX or scope["path"].endswith("/healthz"):
            return None
        return Unavailable("Too many requests are under way here.", retry_after_seconds=2)

    def _trace(
        self, scope: Scope, arrival: Arrival, route: str, status: int, took: tuple[int, float]
    ) -> None:
        assert arrival.own is not None
        began, seconds = took
        failed = status >= 500 or status == CLIENT_CLOSED_REQUEST
        span = Span(
            name=f"{known_method(scope['method'])} {route}",
            context=arrival.own,
            parent=None if arrival.parent is None else arrival.parent.span_id,
            started=began,
            ended=began + int(seconds * 1e9),
            kind="server",
            attributes={
                "http.request.method": known_method(scope["method"]),
                "http.route": route,
                "http.response.status_code": status,
                "client.address": arrival.client,
                "maquette.request_id": arrival.request_id,
                "maquette.correlation_id": arrival.correlation_id,
                **({"error.type": str(status)} if failed else {}),
            },
            error=str(status) if failed else "",
        )
        self._around.tracer.record(span)

    def _log(self, scope: Scope, route: str, status: int, seconds: float) -> None:
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
                **bound(),
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


def _headers(arrival: Arrival) -> list[tuple[bytes, bytes]]:
    """Return what every response carries, unless its handler said otherwise."""
    return [
        (REQUEST_ID, arrival.request_id.encode()),
        (CORRELATION_ID, arrival.correlation_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
