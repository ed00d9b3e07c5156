"""Apache Kafka as a sink: an idempotent producer, a stream a key, CloudEvents in Kafka's binary mode.

Order within a stream rests on three things. Equal keys go to one partition. Within a producer librdkafka keeps a
partition's order over its own tries, and with ``enable.gapless.guarantee`` nothing follows a message that the broker
refused. And librdkafka never gives a single message up (``message.timeout.ms`` 0): we give up all that is under way, with
the producer itself, and what a dead producer still had on its way repeats messages but overtakes none.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from maquette.domain.events import Event, cloud_event, reference_form
from maquette.ports import Unpublishable
from maquette.store.database import encode

_LOG = logging.getLogger(__name__)
#: Given up after that; below the courier's own limit, so that it is told why.
PUBLISH_SECONDS_MAX = 20.0
_POLL_SECONDS = 0.05
#: Callbacks are served as often while messages are still being handed over.
_SERVE_EVERY = 256
#: What the record and its batch add to key, value and headers.
_ENVELOPE_BYTES = 512
_HEADER_BYTES = 8
#: Key, headers and envelope of any event but a very odd one: below that nothing need be counted.
_OFTEN_BYTES_MAX = 4096
#: A broker's answer about a whole batch of messages: one of them, sent alone, can never be taken.
_REFUSALS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_MSG,
    }
)
#: What we gave up ourselves, with its producer.
_GIVEN_UP = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 - librdkafka's local errors are named so
_ALWAYS: Mapping[str, Any] = {
    "client.id": "maquette",
    "log_level": 3,  # errors: each new producer warns that the guarantee below is new
    "enable.idempotence": True,
    "enable.gapless.guarantee": True,
    "acks": "all",
    "partitioner": "murmur2_random",  # the Java clients' own: other producers of the topic agree on partitions
    "message.timeout.ms": 0,
    "topic.metadata.propagation.max.ms": 10_000,
    "linger.ms": 2,
    "queue.buffering.max.messages": 20_000,
    "queue.buffering.max.kbytes": 65_536,
}


class NotPublished(Exception):
    """Kafka did not take an event; it may another time."""


_UNTOLD = NotPublished("There was no acknowledgement.")
_NO_HEADER = frozenset({"data", "datacontenttype"})


@dataclass(frozen=True, slots=True)
class _Message:
    """An event as Kafka carries it."""

    event: Event
    key: str
    value: bytes
    headers: list[tuple[str, str | bytes | None]]

    def fits(self, bytes_max: int) -> bool:
        """Whether it stays below a limit, envelope and all."""
        if len(self.value) < bytes_max - _OFTEN_BYTES_MAX:
            return True
        headers = sum(len(name) + len(value or "") + _HEADER_BYTES for name, value in self.headers)
        return len(self.key) + len(self.value) + headers + _ENVELOPE_BYTES <= bytes_max


@dataclass(slots=True)
class _Page:
    """What became of the messages of one page."""

    until: float
    stop: threading.Event
    answers: list[Exception | None]
    left: int = 0
    refused: set[int] = field(default_factory=set)
    """Those of a batch in which something can never be taken."""
    failed: bool = False

    @property
    def goes_on(self) -> bool:
        return not (self.failed or self.stop.is_set() or time.monotonic() > self.until)

    def told(self, number: int, error: KafkaError | None, _message: Message) -> None:
        """Take the broker's answer to one message; the thread that polls calls it."""
        self.left -= 1
        if error is None:
            self.answers[number] = None
        elif error.code() in _GIVEN_UP:
            self.failed = True
        else:
            self.refuse(number, error)

    def refuse(self, number: int, error: KafkaError) -> None:
        """Take a refusal: nothing else of this page is sent."""
        self.failed = True
        self.answers[number] = NotPublished(error.str())
        if error.code() in _REFUSALS:
            self.refused.add(number)


class KafkaBus:
    """``ports.EventBus``. One thread talks to librdkafka, a page at a time; ``close()`` lets go of the connections."""

    name = "kafka"

    def __init__(
        self,
        configuration: Mapping[str, Any],
        topic: str,
        *,
        bytes_max: int = 1_000_000,
        seconds_max: float = PUBLISH_SECONDS_MAX,
    ) -> None:
        """Take librdkafka's own configuration (servers, security, compression); what promises rest on is not in it.

        ``bytes_max`` must not be above the topic's ``max.message.bytes``; larger events go in their reference form.
        ``KafkaException`` when librdkafka cannot use the configuration.
        """
        self._configuration = {
            **configuration,
            **_ALWAYS,
            "message.max.bytes": bytes_max,
            "batch.size": bytes_max,
            "error_cb": self._hear,
        }
        self._topic = topic
        self._bytes_max = bytes_max
        self._seconds_max = seconds_max
        self._trouble = ""
        self._producer: Producer | None = self._new()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka")

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """Send a page and await the acknowledgement of all in-sync replicas for each of its messages."""
        stop = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._publish, events, stop)
        except asyncio.CancelledError:
            stop.set()  # the thread gives up what is under way before it takes the next page
            raise

    async def close(self) -> None:
        """Let go of the connections. Nothing waits to be sent: ``publish`` has awaited it, or given it up."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._discard)
        self._thread.shutdown(wait=False)

    def _publish(self, events: Sequence[Event], stop: threading.Event) -> list[Exception | None]:
        messages = [self._fitting(event) for event in events]
        page = _Page(time.monotonic() + self._seconds_max, stop, [_UNTOLD] * len(messages))
        self._send(page, messages)
        for number in _first_refused(page, events):
            if stop.is_set() or time.monotonic() > page.until:
                break
            page.answers[number] = self._alone(page, messages[number])
        if self._trouble and _UNTOLD in page.answers:
            told = NotPublished(f"{_UNTOLD} {self._trouble}")
            return [told if answer is _UNTOLD else answer for answer in page.answers]
        return page.answers

    def _fitting(self, event: Event) -> _Message:
        whole = _message(event, cloud_event(event))
        return whole if whole.fits(self._bytes_max) else _reference(whole)

    def _send(self, page: _Page, messages: Sequence[_Message]) -> None:
        """Send messages in order and wait for what becomes of them; whatever fails ends the producer."""
        producer = self._producer = self._producer or self._new()
        self._trouble = ""
        try:
            for number, message in enumerate(messages):
                self._hand_over(producer, page, number, message)
                if number % _SERVE_EVERY == 0:
                    producer.poll(0)
            while page.left and page.goes_on:
                producer.poll(_POLL_SECONDS)
        except KafkaException as error:
            self._hear(error.args[0])
        if _UNTOLD in page.answers or page.failed:
            self._discard()

    def _hand_over(self, producer: Producer, page: _Page, number: int, message: _Message) -> None:
        """Hand one message to librdkafka, whose queue is bounded: while it is full, wait for answers."""
        while page.goes_on:
            try:
                producer.produce(
                    self._topic,
                    message.value,
                    message.key,
                    on_delivery=partial(page.told, number),
                    headers=message.headers,
                    timestamp=int(message.event.time.timestamp() * 1000),
                )
            except BufferError:
                producer.poll(_POLL_SECONDS)
            except KafkaException as error:
                page.refuse(number, error.args[0])
            else:
                page.left += 1
                return

    def _alone(self, page: _Page, message: _Message) -> Exception | None:
        """Send a message by itself, then its reference form: what is refused even so can never be published."""
        answer: Exception | None = None
        for form in (message, _reference(message)):
            alone = _Page(page.until, page.stop, [_UNTOLD])
            self._send(alone, [form])
            answer = alone.answers[0]
            if not alone.refused:
                return answer
        return Unpublishable(str(answer))

    def _new(self) -> Producer:
        return Producer(self._configuration, logger=_LOG)

    def _hear(self, error: KafkaError) -> None:
        """Keep what librdkafka says of its connections: nobody would understand a silence without it."""
        self._trouble = error.str()

    def _discard(self) -> None:
        """Give up the producer with all that it has under way: what comes after it must not follow a gap."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        producer.purge()
        for _ in range(
            2
        ):  # the first may tell of the fatal error once more, instead of what became of messages
            with suppress(KafkaException):
                producer.flush(_POLL_SECONDS)


def _message(event: Event, form: Mapping[str, Any]) -> _Message:
    """Return the event as the CloudEvents binding for Kafka writes it in binary mode: attributes as headers."""
    headers: list[tuple[str, str | bytes | None]] = [("content-type", form["datacontenttype"])]
    headers += [(f"ce_{name}", value) for name, value in form.items() if name not in _NO_HEADER]
    headers += [(name, form[name]) for name in ("traceparent", "tracestate") if name in form]
    return _Message(event, form["partitionkey"], encode(form["data"]), headers)


def _reference(message: _Message) -> _Message:
    return _message(message.event, reference_form(message.event, len(message.value)))


def _first_refused(page: _Page, events: Sequence[Event]) -> Iterator[int]:
    """Yield each message that the broker refused and nothing of its stream comes before that is not settled."""
    waiting: set[UUID] = set()
    for number, (event, answer) in enumerate(zip(events, list(page.answers), strict=True)):
        if answer is None or event.stream_id in waiting:
            continue
        waiting.add(event.stream_id)
        if number in page.refused:
            yield number
