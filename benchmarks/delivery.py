"""What arrives outside of an installation that runs as it ships: events in Kafka at half load, webhooks at an endpoint."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
import asyncpg
from confluent_kafka import Consumer

from benchmarks.beside import beside
from benchmarks.installation import Installation
from benchmarks.people import (
    LOAD_CLIENTS,
    Latencies,
    load,
    prepare_projects,
    route_to_nobody,
    session_of,
    submit,
)
from benchmarks.report import Row, plain
from benchmarks.run import Run
from benchmarks.way import until

_SETTLING_SECONDS = 5.0
_DONE = "select not exists (select from jobs join webhooks using (project_id) where jobs.finished_at is null)"
_DELIVERED = """
    select not exists (select from outbox) and not exists (select from undelivered)
        and not exists (select from webhook_deliveries where status = 'pending')
"""


def measured(run: Run) -> list[Row]:
    """Measure both in one installation, one after the other."""
    folder = Path(run.folder, "delivery")
    folder.mkdir()
    with (
        beside("benchmarks.mock_kafka") as servers,
        beside("benchmarks.receiver") as url,
        Installation(folder, profile=run.profile, kafka_servers=servers) as house,
    ):
        rate, lags = asyncio.run(_lag(house, servers, run.sized(600, 16), run.sized(10.0, 1.0)))
        delivered = asyncio.run(_webhooks(house, url, run.sized(300, 4)))
    return [
        plain("event → Kafka's consumer at half load: p50", "ms", lags.p50),
        plain("event → Kafka's consumer at half load: p99", "ms", lags.p99),
        plain("half load: jobs submitted", "jobs/s", rate),
        plain("webhooks, delivered and answered", "events/s", delivered),
    ]


async def _lag(house: Installation, servers: str, burst: int, seconds: float) -> tuple[float, Latencies]:
    """Submit at half the rate of a burst; return that, and how long after its own time each event was consumed."""
    [project] = await prepare_projects(house, 1)
    await route_to_nobody(house, project)
    half = (await submit(house, [project], burst, clients=LOAD_CLIENTS)).rate / 2
    await asyncio.sleep(_SETTLING_SECONDS)
    with _consumed(servers, house.settings.kafka_topic) as lags:
        loading = asyncio.create_task(load(house, project, half))
        await asyncio.sleep(seconds)
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
    return half, Latencies.of(lags)


@contextmanager
def _consumed(servers: str, topic: str) -> Iterator[list[float]]:
    """Consume what is published during the block; give how late each event was (s)."""
    lags: list[float] = []
    stop, ready = threading.Event(), threading.Event()

    def consume() -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "lag",
                "auto.offset.reset": "latest",
                "fetch.wait.max.ms": 10,
            }
        )
        consumer.subscribe([topic], on_assign=lambda *_: ready.set())
        while not stop.is_set():
            for message in consumer.consume(1000, timeout=0.02):
                now = time.time()
                headers = {name: bytes(value or b"") for name, value in message.headers() or []}
                lags.append(now - datetime.fromisoformat(headers["ce_time"].decode()).timestamp())
        consumer.close()

    thread = threading.Thread(target=consume)
    thread.start()
    try:
        if not ready.wait(30):
            raise TimeoutError("The consumer was assigned nothing.")
        yield lags
    finally:
        stop.set()
        thread.join()


async def _webhooks(house: Installation, url: str, jobs: int) -> float:
    """Let jobs end while nobody delivers, then deliver all of it; return events a second, from the first to the last."""
    projects = await prepare_projects(house)
    connection = await asyncpg.connect(house.settings.database_url)
    try:
        async with session_of(house) as session:
            for project in projects:
                async with session.post("/webhooks", json={"project_id": project, "url": url}) as answer:
                    answer.raise_for_status()
        with house.asleep(api=False):
            await submit(house, projects, jobs)
            with house.workers(processes=2, each=1, capacity=100):
                await until(connection, _DONE)
        await until(connection, _DELIVERED)
        row = await connection.fetchrow(
            "select count(*), extract(epoch from max(finished_at) - min(finished_at))::float as seconds"
            " from webhook_deliveries where status = 'succeeded'"
        )
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            told = await answer.json()
    finally:
        await connection.close()
    if told != {"events": row["count"], "out_of_order": 0}:
        raise RuntimeError(f"{row['count']} deliveries succeeded; the receiver says {told}.")
    return float(row["count"] / row["seconds"])
