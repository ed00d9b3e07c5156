"""The others' rounds, driven from here: a database of their own on the same server, programs in their own Python."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.run import Skipped
from benchmarks.server import fresh_database

_ROOT = Path(__file__).parents[1]
_SECONDS_MAX = 240.0
_STEPS = 7
#: How much quicker than in its warm-up anybody may be in a round, which shall last no less than was asked for.
COLD = 1.4


@dataclass(frozen=True, slots=True)
class Peer:
    """One of the others: what it is called, and the module below ``benchmarks.peers`` that knows it."""

    name: str
    module: str
    options: tuple[str, ...] = ()


#: Those that the target is about.
TARGETED = (
    Peer("DBOS", "dbos"),
    Peer("Procrastinate", "procrastinate"),
    Peer("Celery, AOF everysec", "celery", ("everysec",)),
    Peer("Celery, AOF always", "celery", ("always",)),
)
#: Those that are shown besides.
BESIDES = (Peer("graphile-worker", "graphile"), Peer("River", "river"))
#: What `make bench` cannot start with Python, pip and make alone, with the reason.
ABSENT = {
    "Temporal": "its server is no package of PyPI or npm",
    "Hatchet": "its engine is no package of PyPI or npm",
}


@dataclass(slots=True)
class Entrant:
    """A peer that takes part, until a round of it fails."""

    peer: Peer
    python: Path
    url: str
    """Of the server, with any database in it."""
    folder: Path
    rates: list[float] = field(default_factory=list)
    problem: str = ""

    def warm_up(self, jobs: int, seconds: float) -> int:
        """Run a few jobs; return how many make a round of at least so many seconds."""
        if (rate := self._rate(jobs)) is None:
            return 0
        return max(jobs, round(rate * seconds * COLD / _STEPS))

    def round(self, jobs: int) -> None:
        """Run once more, unless a round has failed."""
        if not self.problem and (rate := self._rate(jobs)) is not None:
            self.rates.append(rate)

    def _rate(self, jobs: int) -> float | None:
        try:
            return _steps_a_second(self, jobs)
        except Skipped as reason:
            self.problem = str(reason)
            return None


def entrants(peers: Sequence[Peer], python: Path | None, url: str, folder: Path) -> tuple[list[Entrant], str]:
    """Return those who take part, or why nobody does."""
    if python is None:
        return [], "the others' virtual environment was not asked for or is not there; `make bench` makes it"
    return [Entrant(peer, python, url, folder / f"peer-{peer.module}") for peer in peers], ""


def _steps_a_second(entrant: Entrant, jobs: int) -> float:
    """Run a peer's program on an empty database and an empty folder."""
    peer = entrant.peer
    url = asyncio.run(fresh_database(entrant.url, f"peer_{peer.module}"))
    shutil.rmtree(entrant.folder, ignore_errors=True)
    entrant.folder.mkdir(parents=True)
    command = [entrant.python, "-m", f"benchmarks.peers.{peer.module}", url, entrant.folder, str(jobs)]
    status, answer, words = _answered([*command, *peer.options], entrant.folder / "said.txt")
    if status:
        sys.stderr.write(words[-4000:])
        raise Skipped(f"it failed: {(words.strip().splitlines() or ['without a word'])[-1]}")
    found = json.loads(answer.splitlines()[-1])
    return float(found["steps"] / found["seconds"])


def _answered(command: Sequence[str | Path], said: Path) -> tuple[int, str, str]:
    """Run a program; return how it ended, its answer and what else it said. All that it started ends with it.

    What it says goes to a file: a pipe would be held open by processes that outlive the program until they are ended.
    """
    with said.open("w", encoding="utf-8") as words:
        program = subprocess.Popen(
            command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=words, text=True, start_new_session=True
        )
    try:
        answer, _ = program.communicate(timeout=_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise Skipped(f"it had not ended after {_SECONDS_MAX:.0f} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
    return program.returncode, answer, said.read_text(encoding="utf-8")
