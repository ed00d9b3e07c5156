"""At a gate: what is shown, what is asked for by number, and what a person brings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contract_server import APPROVED, FINISHED, REVIEW, Contract, job, step
from PIL import Image
from rich.console import Console

from maquette.cli import gates

Command = Callable[..., Any]


def artifact(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"art_{number}", "name": name, "kind": "image", "media_type": "image/png", **more}


@pytest.fixture
def gate(contract: Contract) -> Contract:
    """A job at its first gate, with three concepts."""
    concepts = [artifact(number, f"concept-{number}.png") for number in (1, 2, 3)]
    contract.job = job("awaiting_review", step("text_to_image", 0, **REVIEW | {"artifacts": concepts}))
    return contract


def reviewed(contract: Contract) -> dict[str, Any]:
    [(body, _)] = contract.asked("POST", "/jobs/job_1/review")
    return dict(body)


def test_variants_are_chosen_by_number(api: str, gate: Contract, maquette: Command) -> None:
    """`--select 2 --select art_3` sends both ids; a number that no variant has lists those there are."""
    assert maquette("job", "review", "job_1", "approve", "--select", "2", "--select", "art_3").status == 0
    assert reviewed(gate)["selection"] == ["art_2", "art_3"]
    wrong = maquette("job", "review", "job_1", "approve", "--select", "4")
    assert wrong.status == 1
    assert "It has: 1 concept-1.png, 2 concept-2.png, 3 concept-3.png." in wrong.err


def test_a_rejection_says_what_to_change(api: str, gate: Contract, maquette: Command) -> None:
    """`--set` changes brief and parameters, `--seed` is short for one of them, `--rewind-to` goes further back."""
    maquette(
        *("job", "review", "job_1", "reject", "--notes", "too blue", "--seed", "9"),
        *("--set", "anim.fps=30", "--set", "prompt=a green kettle", "--rewind-to", "text_to_image"),
    )
    body = reviewed(gate)
    assert body["changes"] == {"seed": 9, "prompt": "a green kettle", "params": {"anim": {"fps": 30}}}
    assert (body["decision"], body["rewind_to"], body["notes"]) == ("rejected", "text_to_image", "too blue")
    assert "replacements" not in body


def test_a_fixed_file_takes_an_artifacts_place(
    api: str, gate: Contract, maquette: Command, tmp_path: Path
) -> None:
    """`--replace 2=file` uploads the file first, under a name that an upload can have."""
    (tmp_path / "my fox (fixed).png").write_bytes(b"fixed")
    assert maquette("job", "review", "job_1", "approve", "--replace", "2=my fox (fixed).png").status == 0
    assert reviewed(gate)["replacements"] == {"art_2": "upl_1"}
    [(upload, _)] = gate.asked("POST", "/uploads")
    assert (upload["name"], upload["media_type"]) == ("my-fox-fixed-.png", "image/png")
    assert maquette("job", "review", "job_1", "approve", "--replace", "2").status == 1


def test_own_work_stands_for_a_step(api: str, contract: Contract, maquette: Command, tmp_path: Path) -> None:
    """`--provide` uploads a mesh as the step's work, `--from-asset` goes on from the library without a brief."""
    (tmp_path / "robot.glb").write_bytes(b"glTF")
    assert maquette("job", "submit", "a robot", "--provide", "image_to_3d=robot.glb", "--json").status == 0
    assert maquette("job", "submit", "--from-asset", "ast_1@2", "--redo-from", "rig", "--json").status == 0
    (first, _), (second, _) = contract.asked("POST", "/jobs")
    assert first["provide"] == {"image_to_3d": ["upl_1"]}
    assert contract.asked("POST", "/uploads")[0][0]["media_type"] == "model/gltf-binary"
    assert (second["from_asset"], second["redo_from"], "prompt" in second) == ("ast_1@2", "rig", False)
    assert "is not NAME=VALUE" in maquette("job", "submit", "x", "--provide", "robot.glb").err


def test_the_next_commands_follow_from_the_status() -> None:
    """Each status has its way on, as commands to copy; a finished job's leads to its files."""

    def verbs(found: dict[str, Any]) -> list[str]:
        return [line.split(" ", 1)[1] for line in gates.commands(found)]

    done = step("text_to_image", 0, **REVIEW | {"artifacts": [artifact(1, "a.png")]})
    assert verbs(job("awaiting_review", done)) == [
        "job review job_1 approve",
        'job review job_1 reject --notes "…"',
        "job review job_1 pause",
    ]
    held = {**done, "pause_reason": "decision"}
    assert len(verbs(job("paused", held))) == 2
    assert verbs(job("paused", step("text_to_image", 0, **APPROVED))) == ["job resume job_1"]
    assert verbs(job("running")) == ["job watch job_1"]
    assert verbs(job("succeeded")) == ["asset pull ast_1"]
    assert verbs(job("canceled")) == []


def test_a_pipe_gets_the_commands_and_no_picture(api: str, gate: Contract, maquette: Command) -> None:
    """`job show | cat` tells the way on in plain text, and downloads nothing."""
    shown = maquette("job", "show", "job_1")
    assert "maquette job review job_1 approve --select 1" in shown.out
    assert "\x1b" not in shown.out
    assert not [path for _, path, _, _ in gate.requests if path.startswith("/files")]


def test_a_terminal_gets_the_pictures_once(
    api: str, contract: Contract, maquette: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures are shown by the way that was asked for, numbered, and kept: a second look fetches nothing."""
    import hashlib

    Image.new("RGB", (8, 8), "red").save(tmp_path / "concept.png")
    content = (tmp_path / "concept.png").read_bytes()
    contract.files["concept.png"] = content
    shown = artifact(
        1, "concept.png", sha256=hashlib.sha256(content).hexdigest(), url="/files/concept.png?s=s"
    )
    old = artifact(2, "old.png", replaced_by="art_1")
    contract.job = job("running", step("text_to_image", 0, **FINISHED | {"artifacts": [shown, old]}))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(gates, "out", lambda: Console(force_terminal=True, width=80))
    for way, mark in (
        ("kitty", "\x1b_Ga=T"),
        ("iterm", "\x1b]1337;File=inline=1"),
        ("sixel", "\x1bP0;1q"),
        ("blocks", "▀"),
    ):
        out = maquette("job", "show", "job_1", "--pictures", way).out
        assert mark in out
        assert "1 concept.png" in out
        assert "old.png" not in out.split(mark)[1]
    assert len(contract.asked("GET", "/files/concept.png")) == 1
    monkeypatch.setattr("maquette.cli.pictures.terminal.find_spec", lambda _name: None)
    assert str(tmp_path / "cache") in maquette("job", "show", "job_1").out.replace("\n", "")
    assert "cache" not in maquette("job", "show", "job_1", "--pictures", "none").out


def test_piped_watching_names_the_decision(api: str, gate: Contract, maquette: Command) -> None:
    """`job watch | tee` prints the commands when a gate opens, and goes on when somebody has decided."""
    from contract_server import event

    decided, ended = event(1, "UserReviewUpdated"), event(2, "JobCanceled")
    gate.streams = [[decided, ended]]
    gate.on_event = {decided: job("running"), ended: job("canceled")}
    result = maquette("job", "watch", "job_1")
    lines = [line.strip() for line in result.out.splitlines()]
    assert "maquette job review job_1 approve --select 1" in lines
    assert (result.status, lines[-1].split()) == (1, ["job", "canceled"])
    assert json.dumps(result.out).count("review job_1 pause") == 1
