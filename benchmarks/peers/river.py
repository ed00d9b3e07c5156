"""River, for Go: seven jobs, each of which inserts the next one, fetched and completed in batches."""

import subprocess
import sys
from pathlib import Path

import psycopg

from benchmarks.peers import frame

_PROGRAM = Path(sys.prefix) / "river" / "river"


def main(url: str, jobs: int) -> None:
    """Insert each job's first step, let workers do them all, and say how long it took."""
    if not _PROGRAM.exists():
        raise SystemExit("its program is not there: `make bench` builds it where Go is installed")
    subprocess.run([_PROGRAM, "prepare", url, str(jobs)], check=True, stdout=sys.stderr)
    with psycopg.connect(url, autocommit=True) as connection:
        with frame.running(*[[str(_PROGRAM), "work", url]] * frame.PROCESSES):
            frame.until(lambda: _completed(connection) >= frame.STEPS * jobs)
        seconds = connection.execute(
            "select extract(epoch from max(finalized_at) - min(attempted_at)) from river_job"
        ).fetchone()[0]
        frame.answer(steps=_completed(connection), seconds=float(seconds), jobs=jobs)


def _completed(connection: psycopg.Connection) -> int:
    return connection.execute("select count(*) from river_job where state = 'completed'").fetchone()[0]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[3]))
