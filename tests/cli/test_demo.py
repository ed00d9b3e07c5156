import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from contract_server import APPROVED, FAILED, KEY, REVIEW, Contract, job, step

from maquette.cli import demo
from maquette.supervisor.installation import Access

Command = Callable[..., Any]
CONCEPT = {"id": "art_1", "name": "kettle.png", "media_type": "image/png", "url": "/files/kettle.png"}


class Running:
    """An installation that runs elsewhere: the contract server."""

    stop_requested = False

    def __init__(self, url: str) -> None:
        self.access = Access(url, KEY, "prj_1")
        self.tended = 0

    def tend(self, _seconds: float) -> None:
        self.tended += 1


@pytest.fixture
def running(api: str, monkeypatch: pytest.MonkeyPatch) -> Running:
    """Stands for the installation of the demo, whose processes have tests of their own."""
    installation = Running(api)

    @contextmanager
    def ready(data_dir: Path, log: Path) -> Iterator[Running]:
        assert data_dir.is_dir()
        log.write_text("what the processes said")
        yield installation

    monkeypatch.setattr(demo, "_running", ready)
    return installation


def waiting(contract: Contract, then: dict[str, Any]) -> None:
    """A job at its first gate, which goes on to ``then`` when it is approved."""
    sha256 = contract.asset()["files"][0]["sha256"]
    concept = step("text_to_image", 0, **REVIEW, artifacts=[{**CONCEPT, "sha256": sha256}])
    contract.job = job("awaiting_review", concept)
    contract.on_review = lambda _body: then


def test_demo_goes_from_brief_to_files(
    running: Running, contract: Contract, maquette: Command, tmp_path: Path
) -> None:
    """The demo decides the gate in a person's place and says so, saves every file, and leaves nothing else behind."""
    rows = [step(name, at, **APPROVED) for at, name in enumerate(("text_to_image", "refine", "export"))]
    waiting(contract, job("succeeded", *rows))
    result = maquette("demo", "a red kettle", "--type", "2D", "--output", "out")
    assert result.status == 0
    assert contract.asked("POST", "/jobs")[0][0]["prompt"] == "a red kettle"
    [(review, _)] = contract.asked("POST", "/jobs/job_1/review")
    assert (review["decision"], review["selection"]) == ("approved", ["art_1"])
    assert "a person decides here; the demo approves in your place" in result.err
    for fact in ("ast_1", "props/kettle", "kettle.glb", "model", contract.asset()["files"][2]["sha256"][:12]):
        assert fact in result.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(contract.files)
    assert not list((tmp_path / ".maquette").iterdir())


def test_demo_fails_with_the_job(
    running: Running, contract: Contract, maquette: Command, tmp_path: Path
) -> None:
    """When the job fails the demo exits 1, says why, and keeps what the processes said."""
    error = {"code": "mesh_has_no_faces", "message": "The mesh is empty."}
    waiting(contract, job("failed", step("text_to_image", 0, **FAILED), error=error))
    result = maquette("demo", "a red kettle", "--output", "out", "--json")
    assert result.status == 1
    assert (
        "mesh_has_no_faces The mesh is empty." in json.loads(result.err.splitlines()[-1])["error"]["message"]
    )
    assert (tmp_path / "out" / "demo.log").read_text() == "what the processes said"
    assert not list((tmp_path / ".maquette").iterdir())


def test_demo_can_be_interrupted(running: Running, contract: Contract, maquette: Command) -> None:
    """A signal while the job runs ends the demo with status 1."""
    running.stop_requested = True
    result = maquette("demo", "a red kettle", "--output", "out")
    assert result.status == 1
    assert "Stopped before the job was finished." in result.err
