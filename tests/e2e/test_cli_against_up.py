"""The commands, as a person or a script uses them in the directory of a running `maquette up`."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from story import SMALL_2D
from up_process import Up, until

Command = Callable[..., tuple[int, list[Any]]]


@pytest.fixture
def maquette(up: Up, tmp_path: Path) -> Command:
    """Runs a command with `--json` and returns exit status and the lines it printed, parsed."""

    def run(*arguments: str) -> tuple[int, list[Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "maquette", *arguments, "--json"],
            env={**up.environment, "MAQUETTE_PORT": ""},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines or done.returncode, done.stderr
        return done.returncode, lines

    return run


_PARAMS = [
    f"--param={step}.{name}={value}" for step, values in SMALL_2D.items() for name, value in values.items()
]


def test_a_job_from_the_command_line(maquette: Command, tmp_path: Path) -> None:
    """Submit, show, review, watch, list; then find the asset and take its files, each one verified."""
    brief = ["a red fox", "--type=2D", "--seed=5", "--library-path=animals/fox", *_PARAMS]
    status, [job] = maquette("job", "submit", *brief, "--idempotency-key=fox")
    assert status == 0
    assert job["status"] in {"queued", "running"}
    assert maquette("job", "submit", *brief, "--idempotency-key=fox")[1][0]["id"] == job["id"]

    def gate(step: str) -> bool:
        _, [shown] = maquette("job", "show", job["id"])
        return bool(shown["status"] == "awaiting_review" and shown["current_step"] == step)

    until(lambda: gate("text_to_image"), "the first gate", 60)
    status, [decided] = maquette("job", "review", job["id"], "approved", "--notes=fine")
    assert (status, decided["user_decisions"][0]["notes"]) == (0, "fine")
    until(lambda: gate("refine"), "the second gate", 60)
    assert maquette("job", "review", job["id"], "approved")[0] == 0
    status, told = maquette("job", "watch", job["id"])
    assert (status, told[-1]["status"]) == (0, "succeeded")
    events = told[:-1]
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "JobSucceeded"
    _, [listed] = maquette("job", "list")
    assert job["id"] in {item["id"] for item in listed["items"]}
    _, [assets] = maquette("asset", "list", "--path=animals")
    [asset] = assets["items"]
    assert asset["library_path"] == "animals/fox"
    _, [shown] = maquette("asset", "show", asset["id"])
    status, [pulled] = maquette("asset", "pull", asset["id"], "--output=taken")
    assert status == 0
    taken = {Path(path).name: (tmp_path / path).read_bytes() for path in pulled["files"]}
    sums = {file["name"]: file["sha256"] for file in shown["files"]}
    assert {name: hashlib.sha256(data).hexdigest() for name, data in taken.items()} == sums
    status, [manifest] = maquette("asset", "pull", "animals/", "--output=folder")
    assert (status, [entry["library_path"] for entry in manifest["assets"]]) == (0, ["animals/fox"])
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tmp_path.glob("folder/animals/fox/*")
    }
    assert found == sums
    assert maquette("job", "pull", job["id"], "--step=refine", "--output=steps")[0] == 0
    assert [path.parent.name for path in tmp_path.glob("steps/*/*.png")] == ["1-refine"]


def test_a_healthy_set_up_is_told_as_such(maquette: Command) -> None:
    """Beside a running `up` the doctor finds nothing broken, and each step has a worker."""
    status, [told] = maquette("doctor")
    assert [check for check in told["checks"] if check["state"] == "broken"] == []
    assert (status, told["ok"]) == (0, True)
    _, [services] = maquette("service", "list")
    assert [(item["name"], len(item["steps"]), len(item["workers"])) for item in services["items"]] == [
        ("studio", 7, 2)
    ]


def test_a_held_job_stands_still_until_it_is_let_go(maquette: Command) -> None:
    """`job pause` holds, `job resume` goes on where the job stood."""
    _, [job] = maquette("job", "submit", "a held crate", "--type", "2D", *_PARAMS)
    status, [held] = maquette("job", "pause", job["id"])
    assert (status, held["status"]) == (0, "paused")
    status, [going] = maquette("job", "resume", job["id"])
    assert status == 0
    assert going["status"] != "paused"
    maquette("job", "cancel", job["id"])


def test_a_canceled_job_is_a_failed_watch(maquette: Command) -> None:
    """`watch` ends as the job does: what was given up is status 1; what is wrong is told with advice."""
    _, [job] = maquette("job", "submit", "a red fox", "--type=2D", *_PARAMS)
    status, [canceled] = maquette("job", "cancel", job["id"])
    assert (status, canceled["status"]) == (0, "canceled")
    status, told = maquette("job", "watch", job["id"])
    assert (status, told[-1]["status"]) == (1, "canceled")
    assert maquette("job", "show", "job_00000000000000000000000000")[0] != 0


def test_a_batch_from_the_command_line(maquette: Command, tmp_path: Path) -> None:
    """A file of briefs becomes jobs, its wrong line is told with its number, and the batch can be given up."""
    briefs = [{"asset_type": "2D", "prompt": f"a red fox {n}", "params": SMALL_2D} for n in range(3)]
    file = tmp_path / "foxes.jsonl"
    file.write_text("\n".join([*map(json.dumps, briefs), "{broken"]) + "\n")
    status, [batch] = maquette("batch", "submit", str(file), "--idempotency-key=foxes")
    assert (status, batch["name"], sum(batch["jobs"].values())) == (1, "foxes.jsonl", 3)
    assert [item["line"] for item in batch["verdicts"] if item["problem"]] == [4]
    _, [again] = maquette("batch", "submit", str(file), "--idempotency-key=foxes")
    assert again["verdicts"][:3] == batch["verdicts"][:3]
    _, [listed] = maquette("batch", "list")
    assert batch["id"] in {item["id"] for item in listed["items"]}
    status, [gone] = maquette("batch", "cancel", batch["id"])
    assert (status, gone["jobs"]) == (0, {"canceled": 3})
    status, [watched] = maquette("batch", "watch", batch["id"])
    assert (status, watched["jobs"]) == (1, {"canceled": 3})
    assert maquette("batch", "show", batch["id"])[1] == [watched]
