"""Delivering webhooks: claims lanes that are due, sends, writes down what came of it.

Any number of replicas may run it. A lane (one stream on its way to one endpoint) is leased as a whole, so its messages
keep their order; a replica that dies loses its leases after a minute, and what it was sending is sent again.
"""

import asyncio
import logging
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from maquette.domain import typeid, webhook
from maquette.domain.errors import MaquetteError
from maquette.domain.events import timestamp
from maquette.domain.webhook import Verdict
from maquette.maintenance.delivery_trace import Delivery
from maquette.maintenance.loop import apart, forever
from maquette.outbound import Outbound, OutboundError
from maquette.services import webhooks as use_cases
from maquette.services.ids import new_id
from maquette.store import deliveries, webhooks
from maquette.store.database import Connection, Database
from maquette.store.deliveries import Lane, Message
from maquette.telemetry.tracer import OFF, Tracer

_LOG = logging.getLogger(__name__)
#: At once: in this process, to endpoints in trouble together, and to one endpoint (over all processes).
LANES_MAX, LANES_FAILING_MAX, LANES_EACH_MAX = 128, 64, 8
REQUEST_SECONDS_MAX = 20.0
LEASE_SECONDS = 60.0
IDLE_SECONDS = 0.5
PACE_SECONDS = 0.01
STOP_SECONDS_MAX = 5.0
CLEAN_SECONDS = 60.0
KEEP_SUCCEEDED_SECONDS, KEEP_FAILED_SECONDS = 7 * 86_400.0, 30 * 86_400.0
_CLEAN_BATCH = 5000


@dataclass(frozen=True, slots=True)
class _Try:
    """How one try went."""

    status: int | None
    error: str | None
    retry_after: float | None
    duration_ms: int


class WebhookLoop:
    """``run()`` over ``run_once()`` and ``clean_once()``."""

    def __init__(self, database: Database, outbound: Outbound, key: bytes, tracer: Tracer = OFF) -> None:
        self._database = database
        self._outbound = outbound
        self._key = key
        self._tracer = tracer
        self._news = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], Lane] = {}

    def nudge(self) -> None:
        """Look at once: something was queued."""
        self._news.set()

    async def run(self) -> None:
        """Deliver until canceled; then what is under way gets a moment to end."""
        cleaning = asyncio.create_task(
            forever(
                self.clean_once,
                "Clearing up deliveries",
                lambda deleted: 0.0 if deleted >= _CLEAN_BATCH else apart(CLEAN_SECONDS),
            )
        )
        try:
            await forever(self._turn, "Delivering webhooks", lambda seconds: seconds)
        finally:
            cleaning.cancel()
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=STOP_SECONDS_MAX)
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(cleaning, *self._under_way, return_exceptions=True)

    async def run_once(self, at: datetime | None = None) -> int:
        """Try what is due at a time (default: now), once each, and wait for it; return how many lanes were due."""
        count = await self._start(at)
        if self._under_way:
            await asyncio.wait(self._under_way)
        return count

    async def clean_once(self, at: datetime | None = None) -> int:
        """Remove what nobody will serve and old entries of the log; return how many deliveries were deleted."""
        async with self._database.transaction() as connection:
            moment = at or await webhooks.now(connection)
            await deliveries.drop_pending(connection, await deliveries.stale(connection), moment)
            deleted = await deliveries.forget_deleted(connection, _CLEAN_BATCH)
            deleted += await deliveries.forget_old(
                connection,
                moment,
                succeeded_seconds=KEEP_SUCCEEDED_SECONDS,
                failed_seconds=KEEP_FAILED_SECONDS,
                limit=_CLEAN_BATCH,
            )
            await webhooks.forget_jobs(connection, moment, KEEP_SUCCEEDED_SECONDS, _CLEAN_BATCH)
        return deleted

    async def _turn(self) -> float:
        """Start what is due, or wait for news; return how long to leave the database in peace (s)."""
        self._news.clear()
        begun = time.monotonic()
        if await self._start(None):
            # What ends together is followed up together, and claims take half of the time at most: with
            # 2,000 endpoints that have something due, one took about 0.2 s on two busy cores.
            return max(PACE_SECONDS, time.monotonic() - begun)
        # Not wait_for(): before Python 3.12 it swallows being canceled when news comes at that moment.
        with suppress(TimeoutError):
            async with asyncio.timeout(apart(IDLE_SECONDS)):
                await self._news.wait()
        return 0.0

    async def _start(self, at: datetime | None) -> int:
        """Claim lanes and begin to serve them; return how many."""
        failing = sum(lane.failing for lane in self._under_way.values())
        room = LANES_MAX - len(self._under_way)
        if room <= 0:
            return 0
        async with self._database.transaction() as connection:
            lanes = await deliveries.claim(
                connection,
                new_id(),
                at=at,
                each=LANES_EACH_MAX,
                limit=room,
                limit_failing=max(LANES_FAILING_MAX - failing, 0),
                lease_seconds=LEASE_SECONDS,
            )
        for lane in lanes:
            task = asyncio.create_task(self._serve(lane, at))
            self._under_way[task] = lane
            task.add_done_callback(self._done)
        return len(lanes)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._news.set()

    async def _serve(self, lane: Lane, at: datetime | None) -> None:
        """Send what may go, if anything, and give the lane back. What fails here is tried again after the lease."""
        try:
            message = lane.message
            tried = None if message is None else await self._send(lane, message)
            async with self._database.transaction() as connection:
                if message is None or tried is None:
                    await deliveries.lock(connection, lane)
                    await deliveries.settle(connection, lane)
                else:
                    await _record(connection, lane, message, tried, at)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(lane))
            raise
        except MaquetteError as error:
            _LOG.warning("What became of a webhook could not be recorded: %s", error)
        except Exception:  # noqa: BLE001 - one delivery must not end the others
            _LOG.exception("A webhook could not be delivered.")

    async def _give_back(self, lane: Lane) -> None:
        """Let another replica have the lane at once, not when the lease ends; what was being sent is sent again."""
        async with self._database.transaction() as connection:
            await deliveries.lock(connection, lane)
            await deliveries.settle(connection, lane)

    async def _send(self, lane: Lane, message: Message) -> _Try:
        keys = [
            webhook.secret(self._key, lane.signing_owner, version)
            for version in lane.signing.versions(lane.at)
        ]
        event = typeid.encode("evt", message.event_id)
        tried = Delivery(self._tracer, message.body, event, message.tries + 1)
        headers = {
            **webhook.sign(keys, event, int(lane.at.timestamp()), message.body),
            **tried.headers,
        }
        begun = time.perf_counter()
        status, error, wait = None, None, None
        try:
            answer = await self._outbound.send(
                "POST",
                lane.url,
                headers=headers,
                body=message.body,
                seconds_max=REQUEST_SECONDS_MAX,
                bytes_max=0,  # the status says it all, however the rest comes
                cut=True,
            )
        except OutboundError as failure:
            error = f"{failure.kind}: {failure}"
        else:
            status = answer.status
            wait = webhook.retry_after(answer.headers.get("retry-after"), lane.at)
        tried.end(status, error)
        return _Try(status, error, wait, round(1000 * (time.perf_counter() - begun)))


async def _record(
    connection: Connection, lane: Lane, message: Message, tried: _Try, at: datetime | None
) -> None:
    """Write down a try and all that follows from it. Lock order: the endpoint, its lane, its delivery."""
    verdict = webhook.judge(
        tried.status,
        message.tries + 1,
        tried.retry_after,
        random.random(),  # noqa: S311 - jitter, no secret
    )
    health = None
    if not verdict.succeeded:
        health = await webhooks.failing(connection, lane.webhook_id, at, verdict.throttle_seconds)
    elif lane.failing:
        await webhooks.recovered(connection, lane.webhook_id)
    await deliveries.lock(connection, lane)
    await deliveries.record(
        connection,
        message.id,
        at=at,
        status="succeeded" if verdict.succeeded else "failed" if verdict.wait_seconds is None else "pending",
        wait_seconds=verdict.wait_seconds or 0.0,
        duration_ms=tried.duration_ms,
        status_code=tried.status,
        error=tried.error,
    )
    reason = None if health is None else _given_up(verdict, message, *health)
    if health is not None and reason is not None:
        await use_cases.disable(connection, lane.webhook_id, health[1], reason)
        _LOG.warning(
            "Webhook %s to %s is disabled: %s",
            typeid.encode("whk", lane.webhook_id),
            urlsplit(lane.url).hostname,
            reason,
        )
    await deliveries.settle(connection, lane)


def _given_up(verdict: Verdict, message: Message, failing_since: datetime, now: datetime) -> str | None:
    """Say why an endpoint is disabled after a failed try, or None when it is not."""
    if verdict.gone:
        return "the receiver answered 410 Gone"
    exhausted = (
        verdict.wait_seconds is None and message.failed_at is not None and failing_since <= message.failed_at
    )
    if exhausted or (now - failing_since).total_seconds() >= webhook.FAILING_SECONDS_MAX:
        return f"every try has failed since {timestamp(failing_since)}"
    return None
