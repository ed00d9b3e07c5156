"""What a request's head says besides what it is for: ids, trace, and who is behind the proxies in front."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from starlette.types import Scope

from maquette.domain.network import ForwardedBy, Network, client
from maquette.telemetry.trace import TraceContext, parse
from maquette.telemetry.tracer import OFF, Tracer

_USABLE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}", re.ASCII)
#: AWS X-Ray: the trace's 96 random bits come after the time it began, together the 128 of W3C's.
_AMAZON = re.compile(
    rb"(?:Self=[^;]{1,60};)?Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;Parent=([0-9a-f]{16}))?(?:;Sampled=([01]))?(?:;.*)?"
)
#: Requests that are traced only when their caller does: asked all the time, by machines, about nothing in particular.
_INCESSANT = ("/worker/", "/healthz", "/readyz", "/metrics")
_WANTED = frozenset(
    {
        b"x-request-id",
        b"x-correlation-id",
        b"traceparent",
        b"tracestate",
        b"x-amzn-trace-id",
        b"x-forwarded-for",
        b"forwarded",
    }
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around the API: who may say whom a request is from, and where spans go."""

    trusted: tuple[Network, ...] = ()
    forwarded_by: ForwardedBy = "x-forwarded-for"
    tracer: Tracer = field(default=OFF)


class Arrival(NamedTuple):
    """What was found in a request's head; what cannot be used is as if it were not there."""

    request_id: str
    correlation_id: str
    parent: TraceContext | None
    """The caller's span."""
    own: TraceContext | None
    """The span of this request, if it is to be recorded."""
    client: str

    @property
    def trace(self) -> TraceContext | None:
        """Where in which trace the request stands; None where nobody traces."""
        if self.own is None and self.parent is not None:
            return replace(self.parent, foreign=True)
        return self.own


def arrived(scope: Scope, path: str, around: Surroundings) -> Arrival:
    """Read a request's head; ``path`` is below a gateway's prefix."""
    peer = (scope.get("client") or ("",))[0]
    told = [header for header in scope["headers"] if header[0] in _WANTED]
    if not told and not around.tracer.on:  # as workers ask, all the time: half of what the rest takes
        made = secrets.token_hex(16)
        return Arrival(made, made, None, None, peer)
    found: dict[bytes, list[bytes]] = {}
    for name, value in told:
        found.setdefault(name, []).append(value)
    request_id = _id(found.get(b"x-request-id")) or _gateways(found.get(b"x-amzn-trace-id"))
    request_id = request_id or secrets.token_hex(16)
    parent, trace_id = _trace(found)
    own = None
    if around.tracer.on and (parent is not None or not path.startswith(_INCESSANT)):
        own = around.tracer.begin(parent, trace_id)
    forwarded = [str(value, "latin-1") for value in found.get(around.forwarded_by.encode(), ())]
    return Arrival(
        request_id=request_id,
        correlation_id=_id(found.get(b"x-correlation-id")) or request_id,
        parent=parent,
        own=own,
        client=client(peer, forwarded, around.trusted, around.forwarded_by) if forwarded else peer,
    )


def _id(values: Sequence[bytes] | None) -> str:
    return next((str(value, "ascii") for value in values or () if _USABLE_ID.fullmatch(value)), "")


def _gateways(values: Sequence[bytes] | None) -> str:
    """Return the id that an AWS gateway or balancer gave a request, as its own logs have it."""
    known = _AMAZON.fullmatch(values[0]) if values and len(values[0]) <= 256 else None
    return f"1-{known[1].decode()}-{known[2].decode()}" if known else ""


def _trace(found: dict[bytes, list[bytes]]) -> tuple[TraceContext | None, str]:
    """Return the caller's span, and where there is none the trace id that a gateway gave.

    Two ``traceparent`` are none (they contradict each other); several ``tracestate`` are one, in parts.
    """
    given = found.get(b"traceparent", ())
    if len(given) == 1:
        state = b",".join(found.get(b"tracestate", ())).decode("latin-1")
        parent = parse(given[0].decode("latin-1"), state)
        if parent is not None:
            return parent, ""
    values = found.get(b"x-amzn-trace-id")
    known = _AMAZON.fullmatch(values[0]) if values and len(values[0]) <= 256 else None
    if known is None:
        return None, ""
    trace_id = (known[1] + known[2]).decode()
    if known[3] is None:
        return None, trace_id
    return parse(f"00-{trace_id}-{known[3].decode()}-0{(known[4] or b'0').decode()}"), trace_id
