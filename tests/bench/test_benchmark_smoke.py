"""The benchmark itself, in small: it must not rot between the days on which somebody reads its numbers."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_steps_benchmark_runs_and_leaves_results(tmp_path: Path) -> None:
    """Twenty jobs go through the real path and through the bare statements, and the results have their form."""
    results = tmp_path / "results.json"
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks", "steps", "--scale", "small", "--output", str(results)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    rows = json.loads(results.read_text())
    for row in rows:
        assert list(row)[:7] == ["name", "unit", "maquette", "others", "ratio", "target", "holds"]
        assert row["section"] == "steps"
        assert "PostgreSQL" in row["environment"]
    steps = next(row for row in rows if row["others"])
    assert steps["unit"] == "steps/s"
    assert steps["maquette"] > 0
    assert steps["ratio"] == steps["maquette"] / steps["others"]["bare statements"]
    assert steps["name"] in finished.stdout
