"""The embedded studio: seconds and memory of each step, steps of different jobs at once, and a job done before."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.report import Row, limited, plain
from benchmarks.run import Run
from maquette.domain.pipeline import choose_inputs, pinned
from maquette.studio import roles
from maquette.worker.handler import Input
from maquette.worker.testing import run_handler

TITLE = "The embedded studio, on the processor"
_HANDLERS = {**roles.GENERATION, **roles.PROCESSING}
_CHARACTER_SECONDS_MAX, _CHARACTER_MEGABYTES_MAX = 30, 700
_PATIENCE_SECONDS = 600.0
#: The steps after which a character is rigged.
_UNTIL_RIGGED = ("text_to_image", "refine", "image_to_3d", "retopo", "rig")
Job = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """What one step took in a process of its own, and what it made."""

    seconds: float
    """In the handler, its libraries loaded."""
    megabytes: float
    """At its peak, resident, with interpreter and libraries."""
    files: tuple[Input, ...]


def measured(run: Run) -> list[Row]:
    """Let an installation do jobs, then each step of them alone."""
    with _up(run.folder / "up") as api:
        api("PUT", f"/projects/{api.project}/gates", {"gates": []})
        kind = run.sized("3D", "2D")
        first = _jobs(api, [(kind, 1)])
        flat = _jobs(api, [("2D", 2)])
        after = [_jobs(api, [(kind, 3)]), _jobs(api, [(kind, 4)])]
        at_once = _jobs(api, [(kind, 5), (kind, 6)])
        begun = time.perf_counter()
        again = _jobs(api, [(kind, 1)])
        answered = time.perf_counter() - begun
    one_by_one = sum(_seconds(jobs) for jobs in after)
    rows = [
        plain(f"a {kind} job, brief to indexed asset", "s", _seconds(first)),
        plain("a 2D job", "s", _seconds(flat)),
        plain(f"two {kind} jobs one after the other", "s", one_by_one),
        plain(f"two {kind} jobs at once", "s", _seconds(at_once)),
        limited("two at once over one after the other", "times", _seconds(at_once) / one_by_one, at_most=0.9),
        limited(f"the same {kind} job again: steps executed", "", _executed(again), at_most=0),
        plain(f"the same {kind} job again: POST /jobs to succeeded", "ms", answered * 1000),
    ]
    for job in {job["asset_type"]: job for job in (first[0], flat[0])}.values():
        made = _alone(job, run.folder / job["id"])
        for step, one in made.items():
            name = f"{job['asset_type']}: {step}, alone in a process"
            rows += [plain(name, "s", one.seconds), plain(f"{name}: peak", "MB", one.megabytes)]
        if job["asset_type"] == "3D":
            rigged = [made[step] for step in _UNTIL_RIGGED]
            seconds, peak = sum(one.seconds for one in rigged), max(one.megabytes for one in made.values())
            rows += [
                limited("a rigged character", "s", seconds, at_most=_CHARACTER_SECONDS_MAX),
                limited("a rigged character: peak of a step", "MB", peak, at_most=_CHARACTER_MEGABYTES_MAX),
            ]
    return rows


class _Api:
    """An installation's API, as its owner sees it."""

    def __init__(self, access: Mapping[str, str]) -> None:
        self.project = access["project_id"]
        self._url, self._key = access["url"], access["api_key"]

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@contextmanager
def _up(folder: Path) -> Iterator[_Api]:
    """Run ``maquette up`` during the block."""
    folder.mkdir()
    outer = {name: value for name, value in os.environ.items() if not name.startswith("MAQUETTE_")}
    settings = {"MAQUETTE_CONFIG": os.devnull, "MAQUETTE_DATA_DIR": str(folder), "MAQUETTE_PORT": "0"}
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "maquette", "up", "--json"],
            env=outer | settings,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        yield _Api(json.loads(process.stdout.readline()))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


def _jobs(api: _Api, wanted: Sequence[tuple[str, int]]) -> list[Job]:
    """Submit jobs together, each by type and seed, and return them when they have succeeded."""
    ids = [
        api("POST", "/jobs", {
            "project_id": api.project,
            "asset_type": asset_type,
            "prompt": "a rusty robot courier",
            "library_path": f"benchmark/{asset_type}-{seed}",
            "seed": seed,
        })["id"]
        for asset_type, seed in wanted
    ]  # fmt: skip
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = [api("GET", f"/jobs/{id_}") for id_ in ids]
        if any(job["status"] in {"failed", "canceled"} for job in found):
            raise RuntimeError(f"A job of the studio failed: {[job['error'] for job in found]}")
        if all(job["status"] == "succeeded" for job in found):
            return found
        time.sleep(0.01)
    raise TimeoutError(f"The studio had not done {wanted} after {_PATIENCE_SECONDS:.0f} s.")


def _seconds(jobs: Sequence[Job]) -> float:
    """Return how long it took from the first submission to the last success, by the database's clock."""
    begun = min(datetime.fromisoformat(job["created_at"]) for job in jobs)
    return (max(datetime.fromisoformat(job["finished_at"]) for job in jobs) - begun).total_seconds()


def _executed(jobs: Sequence[Job]) -> int:
    return sum(step["reused_from"] is None for job in jobs for step in job["steps"])


class _Artifact:
    """A file as the server sees it when it chooses what a step reads."""

    selected = False

    def __init__(self, file: Input) -> None:
        self.file, self.step, self.kind = file, file.step, file.kind


def _alone(job: Job, folder: Path) -> dict[str, Made]:
    """Do a job's steps again, each in a new process, with what the server gave it."""
    effective, files = job["effective_inputs"], list[Input]()
    made: dict[str, Made] = {}
    for spec in pinned(job["asset_type"], job["pipeline"]["version"]).steps:
        task = (spec.name, job["asset_type"], effective["params"][spec.name], effective["seeds"][spec.name])
        inputs = tuple(item.file for item in choose_inputs(spec, [_Artifact(one) for one in files]))
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            made[spec.name] = pool.apply(_step, (*task, inputs, folder / spec.name))
        files += made[spec.name].files
    return made


def _step(
    step: str, asset_type: str, params: dict[str, Any], seed: int, inputs: tuple[Input, ...], folder: Path
) -> Made:
    folder.mkdir(parents=True)
    begun = time.perf_counter()
    done = run_handler(
        _HANDLERS[step],
        step=step,
        workdir=folder,
        params=params,
        seed=seed,
        inputs=inputs,
        asset_type=asset_type,
    ).succeeded
    seconds = time.perf_counter() - begun
    files = tuple(
        Input(step, item.kind, item.name, item.media_type, item.path, dict(item.attributes))
        for item in done.artifacts
    )
    return Made(seconds, _peak_megabytes(), files)


def _peak_megabytes() -> float:
    """Read the most that this process was resident with; getrusage() would count the one that it was forked from."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [kilobytes] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(kilobytes) * 1024 / 1e6
