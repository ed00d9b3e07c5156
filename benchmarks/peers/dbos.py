"""DBOS: a workflow of seven steps on a queue, as its documentation lays out work for several processes."""

import signal
import sys

import psycopg
from dbos import DBOS, DBOSConfig

from benchmarks.peers import frame

_QUEUE = "assets"
_AT_ONCE = 50
_POLL_SECONDS = 0.1


@DBOS.step()
async def step(number: int) -> int:
    """Succeed at once."""
    return number


@DBOS.workflow()
async def job() -> int:
    """Do seven steps, each of which is recorded before the next one begins."""
    done = 0
    for number in range(frame.STEPS):
        done += await step(number) >= 0
    return done


def main(url: str, jobs: int) -> None:
    """Enqueue the jobs, let workers do them, and say how long it took."""
    _launch(url, "submitter", listen=False)
    DBOS.register_queue(_QUEUE, worker_concurrency=_AT_ONCE, polling_interval_sec=_POLL_SECONDS)
    for _ in range(jobs):
        DBOS.enqueue_workflow(_QUEUE, job)
    DBOS.destroy()
    with psycopg.connect(url, autocommit=True) as connection:
        with frame.running(*frame.workers(__spec__.name, url)):
            frame.until(
                lambda: (
                    not connection.execute(
                        "select exists (select from dbos.workflow_status where status <> 'SUCCESS')"
                    ).fetchone()[0]
                )
            )
        steps, seconds = connection.execute(
            "select count(*), (max(completed_at_epoch_ms) - min(started_at_epoch_ms)) / 1000.0"
            " from dbos.operation_outputs"
        ).fetchone()
    frame.answer(steps=steps, seconds=float(seconds), jobs=jobs)


def work(url: str, name: str) -> None:
    """Do what is queued until it is killed."""
    _launch(url, name, listen=True)
    signal.pause()


def _launch(url: str, name: str, *, listen: bool) -> None:
    config: DBOSConfig = {
        "name": "benchmark",
        "system_database_url": url,
        "executor_id": name,
        "application_version": "1",
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.listen_queues([_QUEUE] if listen else [])
    DBOS.launch()


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        work(sys.argv[3], f"worker-{sys.argv[2]}")
    else:
        main(sys.argv[1], int(sys.argv[3]))
