"""Which sections there are, and how one is run."""

import importlib
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from benchmarks.report import Row, skipped
from benchmarks.run import Run, Skipped

#: In the order in which they run. The fastest come first, so that the machine is as it was found.
NAMES = (
    "steps",
    "submission",
    "handoff",
    "reads",
    "subscribers",
    "relay",
    "cost",
    "studio",
    "soak",
    "growth",
)


class _Section(Protocol):
    TITLE: str
    measured: Callable[[Run], list[Row]]


def titles() -> dict[str, str]:
    """Return every section's title by its name."""
    return {name: _section(name).TITLE for name in NAMES}


def run_all(names: Sequence[str], run: Run, environment: str) -> tuple[list[Row], list[str]]:
    """Run sections one after the other; return their rows and the names of those that failed."""
    rows: list[Row] = []
    failed = []
    for name in names:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        try:
            found = _measured(name, run)
        except Exception as error:  # noqa: BLE001 - twenty minutes of other figures are not lost for it
            traceback.print_exc()
            failed.append(name)
            found = [skipped(_section(name).TITLE, "", f"it failed: {error}")]
        rows += [replace(row, section=name, environment=environment) for row in found]
    return rows, failed


def _measured(name: str, run: Run) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix=f"maquette-bench-{name}-"))
    section = _section(name)
    try:
        return section.measured(replace(run, folder=folder))
    except Skipped as reason:
        return [skipped(section.TITLE, "", str(reason))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _section(name: str) -> _Section:
    return cast("_Section", importlib.import_module(f"benchmarks.{name}"))
