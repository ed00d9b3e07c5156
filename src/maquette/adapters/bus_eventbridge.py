"""Amazon EventBridge as a sink: ``PutEvents`` in batches, one event of a stream at a time.

A batch may fail in part, entry by entry. So that nothing of a stream gets in before what it follows, no request carries two
events of one stream: the first of each stream go first, then the second of each. EventBridge itself promises no order
from the bus to its targets: ``sequence`` is there to restore it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Protocol
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from maquette.domain.events import Event, cloud_event, reference_form
from maquette.ports import Unpublishable
from maquette.store.database import encode
from maquette.telemetry.trace import TraceContext

#: What PutEvents takes: entries of a request, and bytes of all of them together, which must be *less* than 256 KiB
#: (docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html). Buses take 1 MiB since January 2026, but not
#: everywhere, and not all that a bus passes events on to does: what is larger goes in its reference form.
ENTRIES_MAX = 10
BYTES_MAX = 256 * 1024 - 1
#: What an entry's time counts, however it is written.
_TIME_BYTES = 14
#: Requests under way at once.
_AT_ONCE = 8
#: Given up after that; below the courier's own limit, so that it is told why.
PUBLISH_SECONDS_MAX = 20.0
#: What is wrong with the event itself: the same again would be refused again.
_NEVER = frozenset({"InvalidArgument", "MalformedDetail", "ValidationException"})
#: Why a request is refused as a whole although one of its entries is at fault: each is sent by itself then.
_WHOLE = _NEVER | {"RequestEntityTooLarge", "PutEventsRequestEntrySizeExceeded"}


class NotPublished(Exception):
    """EventBridge did not take an event; it may another time."""


class Client(Protocol):
    """What is used of aiobotocore's client for ``events``."""

    async def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:  # noqa: N803 - Amazon's name
        """Put entries on the bus; the answer has one for each."""
        ...


@dataclass(frozen=True, slots=True)
class _Entry:
    """An event as PutEvents takes it; ``number`` is its place in the page."""

    number: int
    stream_id: UUID
    fields: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Its bytes as Amazon counts them."""
        texts = (self.fields["Source"], self.fields["DetailType"], self.fields["Detail"])
        return _TIME_BYTES + sum(len(text.encode()) for text in texts)


@dataclass(slots=True)
class _Page:
    """What became of the events of one page."""

    answers: list[Exception | None]
    waiting: set[UUID] = field(default_factory=set)
    """Streams whose next event was not taken."""
    in_trouble: bool = False
    """The bus is away, or wants less: nothing else of this page is sent."""

    def refuse(self, batch: Iterable[_Entry], code: str, message: str) -> None:
        """Take a refusal of a whole request: unless one event is to blame, the bus has trouble."""
        self.in_trouble |= code not in _NEVER
        for entry in batch:
            self.tell(entry, code, message)

    def tell(self, entry: _Entry, code: str | None, message: str) -> None:
        """Take the answer to one entry."""
        if code is None:
            self.answers[entry.number] = None
        elif code in _NEVER:
            self.answers[entry.number] = Unpublishable(f"{code}: {message}")
        else:
            self.answers[entry.number] = NotPublished(f"{code}: {message}")
            self.waiting.add(entry.stream_id)
            self.in_trouble |= "Throttl" in code


class EventBridgeBus:
    """``ports.EventBus`` over a client that somebody else opens and closes."""

    name = "eventbridge"

    def __init__(
        self, client: Client, bus: str, *, source: str, seconds_max: float = PUBLISH_SECONDS_MAX
    ) -> None:
        self._client = client
        self._bus = bus
        self._source = source
        self._seconds_max = seconds_max

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """Put a page on the bus; when that has trouble, the rest of the page is left to the courier's next turn."""
        page = _Page([NotPublished("It waits for what was not taken before it.")] * len(events))
        try:
            async with asyncio.timeout(self._seconds_max):
                for entries in self._rounds(events):
                    left = [entry for entry in entries if entry.stream_id not in page.waiting]
                    for at_once in _chunks(list(_batches(left)), _AT_ONCE):
                        await asyncio.gather(*(self._put(page, batch) for batch in at_once))
                        if page.in_trouble:
                            return page.answers
        except TimeoutError:
            late = NotPublished(f"There was no answer within {self._seconds_max:g} s.")
            return [late if isinstance(answer, NotPublished) else answer for answer in page.answers]
        return page.answers

    def _rounds(self, events: Sequence[Event]) -> Iterator[list[_Entry]]:
        """Yield the first event of each stream, then the second of each, and so on."""
        by_stream: dict[UUID, list[tuple[int, Event]]] = {}
        for number, event in enumerate(events):
            by_stream.setdefault(event.stream_id, []).append((number, event))
        for place in zip_longest(*by_stream.values()):
            yield [self._entry(*item) for item in place if item is not None]

    def _entry(self, number: int, event: Event) -> _Entry:
        whole = _Entry(number, event.stream_id, self._fields(event, cloud_event(event)))
        if whole.size <= BYTES_MAX:
            return whole
        return _Entry(number, event.stream_id, self._fields(event, reference_form(event, whole.size)))

    def _fields(self, event: Event, form: Mapping[str, Any]) -> Mapping[str, Any]:
        fields = {
            "EventBusName": self._bus,
            "Source": self._source,
            "DetailType": form["type"],
            "Detail": encode(form).decode(),
            "Time": event.time,
        }
        return fields if event.trace is None else fields | {"TraceHeader": _trace_header(event.trace)}

    async def _put(self, page: _Page, batch: Sequence[_Entry]) -> None:
        try:
            answer = await self._client.put_events(Entries=[entry.fields for entry in batch])
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if code in _WHOLE and len(batch) > 1:
                for entry in batch:
                    await self._put(page, [entry])
            else:
                page.refuse(batch, code, message)
        except (BotoCoreError, OSError) as error:
            page.refuse(batch, type(error).__name__, str(error))
        else:
            for entry, told in zip(batch, answer["Entries"], strict=True):
                page.tell(entry, told.get("ErrorCode"), told.get("ErrorMessage", ""))


def _batches(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    """Yield as many entries together as one request takes."""
    batch: list[_Entry] = []
    size = 0
    for entry in entries:
        if len(batch) == ENTRIES_MAX or size + entry.size > BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def _chunks(items: Sequence[list[_Entry]], count: int) -> Iterator[Sequence[list[_Entry]]]:
    for start in range(0, len(items), count):
        yield items[start : start + count]


def _trace_header(trace: TraceContext) -> str:
    """Return the context as X-Ray writes it (docs.aws.amazon.com/xray, "Tracing header")."""
    root = f"1-{trace.trace_id[:8]}-{trace.trace_id[8:]}"
    return f"Root={root};Parent={trace.span_id};Sampled={int(trace.sampled)}"
