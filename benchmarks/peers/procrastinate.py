"""Procrastinate: seven tasks, each of which defers the next one, in asynchronous workers with many tasks at once."""

import asyncio
import sys

import psycopg
from procrastinate import App, PsycopgConnector

from benchmarks.peers import frame

_AT_ONCE = 30
_CONNECTIONS = 20
_SUBMITTED_AT_ONCE = 1000

app = App(connector=PsycopgConnector())


@app.task(name="step")
async def step(number: int) -> None:
    """Succeed at once, and let the next step of the job follow."""
    if number + 1 < frame.STEPS:
        await step.defer_async(number=number + 1)


async def main(url: str, jobs: int) -> None:
    """Defer each job's first step, let workers do them all, and say how long it took."""
    with app.replace_connector(_connector(url)):
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            for begin in range(0, jobs, _SUBMITTED_AT_ONCE):
                await step.batch_defer_async(*[{"number": 0}] * min(_SUBMITTED_AT_ONCE, jobs - begin))
    with psycopg.connect(url, autocommit=True) as connection:
        with frame.running(*frame.workers(__spec__.name, url)):
            frame.until(lambda: _succeeded(connection) >= frame.STEPS * jobs)
        seconds = connection.execute(
            "select extract(epoch from max(at) filter (where type = 'succeeded')"
            " - min(at) filter (where type = 'started')) from procrastinate_events"
        ).fetchone()[0]
        frame.answer(steps=_succeeded(connection), seconds=float(seconds), jobs=jobs)


async def work(url: str) -> None:
    """Do what is queued until it is killed."""
    with app.replace_connector(_connector(url)):
        async with app.open_async():
            await app.run_worker_async(concurrency=_AT_ONCE, wait=True)


def _connector(url: str) -> PsycopgConnector:
    return PsycopgConnector(conninfo=url, max_size=_CONNECTIONS)


def _succeeded(connection: psycopg.Connection) -> int:
    query = "select count(*) from procrastinate_jobs where status = 'succeeded'"
    return connection.execute(query).fetchone()[0]


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        asyncio.run(work(sys.argv[3]))
    else:
        asyncio.run(main(sys.argv[1], int(sys.argv[3])))
