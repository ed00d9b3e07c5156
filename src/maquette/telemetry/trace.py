"""W3C trace context (w3.org/TR/trace-context) and spans, as values. Pure: who begins a trace brings the random ids."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
#: What the specification wants passed on at least; a longer one is dropped whole, as it allows.
STATE_LENGTH_MAX = 512
STATE_MEMBERS_MAX = 32

_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?"
)
_STATE_MEMBER = re.compile(
    r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_FOREIGN = "~"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Kind = Literal["internal", "server", "client", "producer", "consumer"]


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where in which trace something happens. Equal parts give equal contexts, in any process."""

    trace_id: str
    """32 lower-case hexadecimal digits."""
    span_id: str
    """16 of them."""
    sampled: bool = True
    state: str = ""
    """``tracestate``: what other systems on the way put down; passed on as it came."""
    foreign: bool = False
    """Somebody else's span, and nothing is recorded below it here: it is passed on as it came."""

    @property
    def traceparent(self) -> str:
        """The header's value."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def headers(self) -> dict[str, str]:
        """Return the headers that tell the next one on the way."""
        given = {TRACEPARENT: self.traceparent}
        return given | {TRACESTATE: self.state} if self.state else given

    def child(self, *parts: object) -> "TraceContext":
        """Return the context of the span that ``parts`` identify within this trace; below a foreign one, itself."""
        return self if self.foreign else replace(self, span_id=span_id(*parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that took time. Times are Unix nanoseconds."""

    name: str
    """Of few values: a route, a step; never an id."""
    context: TraceContext
    parent: str | None
    """The parent's span id; None for the first of a trace."""
    started: int
    ended: int
    kind: Kind = "internal"
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    error: str = ""
    """What went wrong; empty: nothing."""


def span_id(*parts: object) -> str:
    """Return the id that equal parts always give, so that whoever ends a span need not be who began it."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).hexdigest()
    return digest if digest.strip("0") else "1".zfill(16)


def nanoseconds(moment: datetime) -> int:
    """Return Unix nanoseconds, exact to the microsecond that a datetime has."""
    return (moment - _EPOCH) // _MICROSECOND * 1000


def parse(traceparent: str | None, tracestate: str | None = None) -> TraceContext | None:
    """Return what the two headers say, None when the first is none; what is wrong with the second is dropped alone.

    A later version may say more after what this one knows (section 4.3 of the specification).
    """
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found is None or (found[1] == "00" and found[5]):
        return None
    return TraceContext(found[2], found[3], bool(int(found[4], 16) & 1), _state(tracestate))


def kept(context: TraceContext) -> str:
    """Return a context as it is kept in one column; ``from_kept`` reads it."""
    text = f"{context.traceparent} {context.state}" if context.state else context.traceparent
    return _FOREIGN + text if context.foreign else text


def from_kept(text: str | None) -> TraceContext | None:
    """Return the context that was kept, or None."""
    plain = (text or "").removeprefix(_FOREIGN)
    traceparent, _, state = plain.partition(" ")
    found = parse(traceparent, state)
    return replace(found, foreign=plain != text) if found is not None else None


def _state(text: str | None) -> str:
    if not text or len(text) > STATE_LENGTH_MAX:
        return ""
    members = [member.strip(" \t") for member in text.split(",")]
    kept = [member for member in members if member]
    names = {member.partition("=")[0] for member in kept}
    if len(kept) > STATE_MEMBERS_MAX or len(names) < len(kept) or not all(map(_STATE_MEMBER.fullmatch, kept)):
        return ""
    return ",".join(kept)
