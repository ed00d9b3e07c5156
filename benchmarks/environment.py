"""On what it was measured: one line that makes two results comparable, or shows that they are not."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from maquette.supervisor.binaries import shipped_programs

_ROOT = Path(__file__).parents[1]


def described() -> str:
    """Return date, commit, processor, cores, load now, Python, PostgreSQL."""
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"commit {_commit()}",
        _processor(),
        f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores",
        f"load {os.getloadavg()[0]:.1f} at the start",
        f"Python {platform.python_version()}",
        _answer(str(shipped_programs() / "postgres"), "--version").replace(
            "postgres (PostgreSQL)", "PostgreSQL"
        ),
        f"{platform.system()} {platform.release()}",
    ]
    return ", ".join(parts)


def _commit() -> str:
    commit = _answer("git", "-C", str(_ROOT), "rev-parse", "--short", "HEAD")
    if not commit:
        return "unknown"
    changed = _answer("git", "-C", str(_ROOT), "status", "--porcelain", "--untracked-files=no")
    return f"{commit} with changes" if changed else commit


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _answer(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
