"""What came of each storm: a line of JSON a run, and the table made of them: ``python chaos_results.py RESULTS``.

A storm that was starved (the machine had no time for it) is neither held nor broken; ``make faults`` plays it again.
"""

import json
import os
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

HELD, BROKEN, STARVED = "held", "broken", "starved"
#: Where results are appended; nowhere when it is not set.
RESULTS = os.environ.get("MAQUETTE_FAULTS_RESULTS", "")


@dataclass(frozen=True)
class Played:
    """One storm."""

    seed: str
    verdict: str
    seconds: float
    faults: dict[str, int]
    jobs: int
    statuses: dict[str, int]
    violations: list[str]
    events: dict[str, int] = field(default_factory=dict)
    """What was told of the jobs, by type: it shows what the storm came to try."""
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds until projects were there, the storm was over, all jobs had ended, all was read and judged."""


def append(played: Played) -> None:
    """Add a line to the results."""
    if RESULTS:
        with Path(RESULTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(played)) + "\n")


def read(path: str = RESULTS) -> dict[str, Played]:
    """Return the last run of each seed; nothing when there are no results yet."""
    if not path or not Path(path).exists():
        return {}
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return {played.seed: played for played in (Played(**json.loads(line)) for line in lines)}


def chosen(count: int, base: str) -> list[str]:
    """Return the seeds to play: those of ``MAQUETTE_FAULTS_SEEDS`` (``41-80``), else ``count``; not what has held already."""
    first, _, last = os.environ.get("MAQUETTE_FAULTS_SEEDS", f"1-{count}").partition("-")
    known = read()
    seeds = [f"{base}.{number}" for number in range(int(first), int(last or first) + 1)]
    return [seed for seed in seeds if seed not in known or known[seed].verdict != HELD]


def table(played: dict[str, Played]) -> str:
    """Return the results as Markdown."""
    runs = [run for run in played.values() if run.verdict != STARVED]
    faults, statuses = Counter[str](), Counter[str]()
    for run in runs:
        faults.update(run.faults)
        statuses.update(run.statuses)
    events = Counter[str]()
    for run in runs:
        events.update(run.events)
    starved = len(played) - len(runs)
    lines = [
        "| fault | times |",
        "|---|---|",
        *(f"| {kind} | {count:,} |" for kind, count in sorted(faults.items())),
        f"| **all** | **{faults.total():,}** |",
        "",
        "| seeds | jobs | " + " | ".join(sorted(statuses)) + " | seeds with a violation | starved |",
        "|" + "---|" * (len(statuses) + 4),
        f"| {len(runs):,} | {sum(run.jobs for run in runs):,} | "
        + " | ".join(f"{count:,}" for _, count in sorted(statuses.items()))
        + f" | {sum(run.verdict == BROKEN for run in runs)} | {starved} |",
        "",
        "| " + " | ".join(sorted(events)) + " |",
        "|" + "---|" * len(events),
        "| " + " | ".join(f"{count:,}" for _, count in sorted(events.items())) + " |",
        "",
        f"{sum(run.seconds for run in runs) / max(len(runs), 1):.1f} s a seed in the mean.",
    ]
    broken = [f"seed {run.seed}: {text}" for run in runs for text in run.violations]
    for phase in ("furnished", "stormed", "ended", "told"):
        seconds = [run.phases[phase] for run in runs if phase in run.phases]
        if seconds:
            lines.append(f"{phase}: after {sum(seconds) / len(seconds):.1f} s")
    return "\n".join([*lines, *broken])


if __name__ == "__main__":
    sys.stdout.write(f"{table(read(sys.argv[1]))}\n")
