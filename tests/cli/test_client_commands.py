import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from contract_server import (
    APPROVED,
    FAILED,
    FINISHED,
    KEY,
    REVIEW,
    RUNNING,
    Contract,
    event,
    job,
    progress,
    serving,
    step,
)

from maquette.cli.arguments import JobStatus as JobStatusOption
from maquette.cli.arguments import parse_changes, parse_params
from maquette.cli.follow import parse_events
from maquette.cli.settings_page import documented
from maquette.domain.job import JobStatus

Command = Callable[..., Any]


def test_submit_sends_the_brief(api: str, contract: Contract, maquette: Command) -> None:
    """A submission carries key, idempotency key and what was asked for, and prints the job."""
    result = maquette(
        *("job", "submit", "a red kettle", "--type", "2D", "--seed", "7", "--skip", "refine", "--json"),
        *("--param", 'export.formats=["webp"]', "--param", "export.engine=unity"),
    )
    assert (result.status, result.json["id"]) == (0, "job_1")
    [(body, headers)] = contract.asked("POST", "/jobs")
    assert body == {
        "project_id": "prj_1",
        "asset_type": "2D",
        "prompt": "a red kettle",
        "seed": 7,
        "variants": 1,
        "skip": ["refine"],
        "params": {"export": {"formats": ["webp"], "engine": "unity"}},
    }
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert uuid.UUID(headers["Idempotency-Key"])


def test_an_empty_brief_is_sent_as_it_is(api: str, contract: Contract, maquette: Command) -> None:
    """The API gets to say that the brief is empty, not that it is missing."""
    maquette("job", "submit", "", "--json")
    assert contract.asked("POST", "/jobs")[0][0]["prompt"] == ""


def test_submit_uploads_references(api: str, contract: Contract, maquette: Command, tmp_path: Path) -> None:
    """A reference image is stored with its checksum first, and the key does not go to the signed address."""
    (tmp_path / "ref.png").write_bytes(b"picture")
    assert maquette("job", "submit", "a kettle", "--reference", "ref.png", "--json").status == 0
    [(stored, headers)] = contract.asked("PUT", "/stored")
    assert stored == b"picture"
    assert "Authorization" not in headers
    assert contract.asked("POST", "/jobs")[0][0]["reference_uploads"] == ["upl_1"]


def test_a_busy_api_is_asked_again_with_the_same_key(api: str, contract: Contract, maquette: Command) -> None:
    """A 503 is retried; the second request carries the first one's idempotency key, so there is one job."""
    contract.answers["POST /jobs"] = [(503, {"Retry-After": "0"}, {})]
    assert maquette("job", "submit", "a kettle", "--json").status == 0
    keys = [headers["Idempotency-Key"] for _, headers in contract.asked("POST", "/jobs")]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def follow_2d(contract: Contract, *, last: dict[str, object]) -> None:
    """A job that runs through its first step, loses the connection, and ends as ``last``."""
    started, working = (
        event(1, "StepStarted", step_name="text_to_image"),
        progress("text_to_image", 0.5, "painting"),
    )
    done, ended = event(2, "StepCompleted", step_name="text_to_image"), event(3, "JobSucceeded")
    contract.streams = [[": hello\n\n", started, working], [done, ended]]
    contract.on_event = {
        started: job("running", step("text_to_image", 0, **RUNNING)),
        done: job("running", step("text_to_image", 0, **FINISHED)),
        ended: last,
    }


def test_watch_ends_as_the_job_does(api: str, contract: Contract, maquette: Command) -> None:
    """Watching prints a line a change, resumes after a lost connection, and exits 0 for a job that succeeded."""
    rows = [step(name, at, **APPROVED) for at, name in enumerate(("text_to_image", "refine", "export"))]
    follow_2d(contract, last=job("succeeded", *rows))
    result = maquette("job", "watch", "job_1")
    assert result.status == 0
    assert [line.split()[:2] for line in result.out.splitlines()][-1] == ["job", "succeeded"]
    assert "export" in result.out
    resumed = [headers.get("Last-Event-ID") for _, headers in contract.asked("GET", "/jobs/job_1/events")]
    assert resumed[:2] == [None, "1"]


def test_watch_fails_as_the_job_does(api: str, contract: Contract, maquette: Command) -> None:
    """A failed job makes the command fail, with the error where it happened."""
    error = {"code": "mesh_has_no_faces", "message": "The mesh is empty."}
    follow_2d(contract, last=job("failed", step("text_to_image", 0, **FAILED), error=error))
    result = maquette("job", "watch", "job_1")
    assert result.status == 1
    assert "mesh_has_no_faces: The mesh is empty." in result.out


def test_watch_as_json_gives_every_event_once(api: str, contract: Contract, maquette: Command) -> None:
    """With --json there is a line an event, none twice, and the job as the last line."""
    follow_2d(contract, last=job("succeeded"))
    result = maquette("job", "watch", "job_1", "--json")
    *events, last = [json.loads(line) for line in result.out.splitlines()]
    assert [one["type"] for one in events] == ["StepStarted", "StepCompleted", "JobSucceeded"]
    assert last["status"] == "succeeded"


def test_review_decides_at_the_open_gate(api: str, contract: Contract, maquette: Command) -> None:
    """Without --step the decision goes to the step and revision whose gate is open."""
    contract.job = job("awaiting_review", step("text_to_image", 0, **REVIEW, revision=3) | {"revision": 3})
    result = maquette(
        "job", "review", "job_1", "reject", "--notes", "too blue", "--change", "seed=9", "--json"
    )
    assert result.status == 0
    [(body, _)] = contract.asked("POST", "/jobs/job_1/review")
    assert body == {
        "step": "text_to_image",
        "revision": 3,
        "decision": "rejected",
        "notes": "too blue",
        "selection": [],
        "rewind_to": None,
        "changes": {"seed": 9},
    }


def test_a_gate_that_was_paused_still_waits_for_its_decision(
    api: str, contract: Contract, maquette: Command
) -> None:
    """Who held a job at its gate can approve it by the command that the gate asked for."""
    held = REVIEW | {"pause_reason": "decision"}
    contract.job = job("paused", step("text_to_image", 0, **held), step("refine", 1))
    assert maquette("job", "review", "job_1", "approve", "--json").status == 0
    [(body, _)] = contract.asked("POST", "/jobs/job_1/review")
    assert (body["step"], body["decision"]) == ("text_to_image", "approved")


def test_review_without_a_gate_says_so(api: str, contract: Contract, maquette: Command) -> None:
    """There is nothing to decide on a job whose gates are closed, and nothing is sent."""
    result = maquette("job", "review", "job_1", "approved")
    assert result.status == 1
    assert "No gate is open: the job is queued." in result.err
    assert not contract.asked("POST", "/jobs/job_1/review")


def test_one_problem_is_told_once(api: str, contract: Contract, maquette: Command) -> None:
    """What the message says already is not repeated below it."""
    problem = {
        "detail": "body.seed: must be 0 or more",
        "details": [{"loc": ["body", "seed"], "msg": "must be 0 or more", "type": "range"}],
    }
    contract.answers["POST /jobs"] = [(422, {}, problem)]
    assert maquette("job", "submit", "a kettle").err.count("must be 0 or more") == 1


def test_problems_are_told_field_by_field(api: str, contract: Contract, maquette: Command) -> None:
    """An error shows what is wrong, each field, the request id, and nothing of a stack trace."""
    problem = {
        "title": "The request itself is wrong",
        "detail": "body.seed: must be 0 or more (and 1 more)",
        "request_id": "req-17",
        "details": [
            {"loc": ["body", "seed"], "msg": "must be 0 or more", "type": "range"},
            {"loc": ["body", "variants"], "msg": "must be 1 or more", "type": "range"},
        ],
    }
    contract.answers["POST /jobs"] = [(422, {}, problem), (422, {}, problem)]
    result = maquette("job", "submit", "a kettle", "--seed", "-1")
    assert result.status == 1
    assert "body.seed  must be 0 or more" in result.err
    assert "body.variants  must be 1 or more" in result.err
    assert "req-17" in result.err
    assert not result.out
    as_json = maquette("job", "submit", "a kettle", "--seed", "-1", "--json")
    assert json.loads(as_json.err)["error"]["details"] == problem["details"]


def test_a_wrong_key_gets_advice(
    api: str, contract: Contract, maquette: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401 says which variable to set, and does not show the key."""
    monkeypatch.setenv("MAQUETTE_API_KEY", "mq_wrong_secret")
    result = maquette("job", "list")
    assert result.status == 1
    assert "MAQUETTE_API_KEY" in result.err
    assert "mq_wrong_secret" not in result.err


def test_no_api_and_no_key_get_advice(
    tmp_path: Path, maquette: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key or without an answer the message says what to start or set."""
    monkeypatch.chdir(tmp_path)
    assert "Run `maquette up` here first" in maquette("job", "list").err
    monkeypatch.setattr("maquette.cli.client._TRIES_MAX", 1)
    monkeypatch.setenv("MAQUETTE_API_KEY", KEY)
    monkeypatch.setenv("MAQUETTE_URL", "http://127.0.0.1:9")
    result = maquette("job", "show", "job_1")
    assert result.status == 1
    assert "No answer from http://127.0.0.1:9" in result.err


def test_a_running_up_is_found(
    contract: Contract, maquette: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the directory of a running `up` nothing has to be set: address, key and project are found there."""
    import os

    monkeypatch.chdir(tmp_path)
    (tmp_path / ".maquette").mkdir()
    (tmp_path / ".maquette" / "credentials.json").write_text(
        json.dumps({"api_key": KEY, "project_id": "prj_1"})
    )
    with serving(contract) as url:
        (tmp_path / ".maquette" / "up.json").write_text(json.dumps({"url": url, "pid": os.getpid()}))
        result = maquette("job", "list", "--limit", "5", "--json")
    assert [one["id"] for one in result.json["items"]] == [f"job_{at}" for at in range(5)]
    assert [query.get("cursor") for query, _ in contract.asked("GET", "/jobs")] == [None, "1", "2"]


def test_pull_verifies_what_it_saves(api: str, contract: Contract, maquette: Command, tmp_path: Path) -> None:
    """Files arrive whole under their names; one with other bytes than its checksum is not kept."""
    result = maquette(
        "asset", "pull", "ast_1", "--output", "out", "--role", "image", "--role", "model", "--json"
    )
    assert result.status == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        name: contract.files[name] for name in ("kettle.png", "kettle.glb")
    }
    assert all("Authorization" not in headers for _, headers in contract.asked("GET", "/files/kettle.png"))
    contract.damaged = True
    result = maquette("asset", "pull", "ast_1", "--output", "other")
    assert result.status == 1
    assert "arrived damaged" in result.err
    assert not list((tmp_path / "other").iterdir())


def test_pull_of_a_role_that_no_file_has_fails(api: str, contract: Contract, maquette: Command) -> None:
    """Asking for a role that the asset does not have is told with those it has; nothing counts as saved."""
    result = maquette("asset", "pull", "ast_1", "--role", "sound")
    assert result.status == 1
    assert "no file of role sound" in result.err
    assert "image" in result.err
    assert "saved in" not in result.err


def test_pull_stays_in_its_directory(api: str, contract: Contract, maquette: Command, tmp_path: Path) -> None:
    """A file name that leads elsewhere is refused."""
    contract.files = {"../outside.glb": b"x"}
    result = maquette("asset", "pull", "ast_1", "--output", "out")
    assert result.status == 1
    assert "unusable name" in result.err
    assert not (tmp_path / "outside.glb").exists()


def test_library_and_keys(api: str, maquette: Command) -> None:
    """The library is listed, an asset shows its files, and a new key is printed once."""
    assert "props/kettle" in maquette("asset", "list").out
    shown = maquette("asset", "show", "ast_1").out
    assert "kettle.glb" in shown
    assert "4000" in shown
    assert maquette("key", "create", "ci", "--json").json["key"] == "mq_new"


@pytest.mark.parametrize(
    "arguments", [["job", "nonsense"], ["job", "submit"], ["worker", "--role", "painter"]]
)
def test_wrong_usage_is_status_2(maquette: Command, arguments: list[str]) -> None:
    """Wrong usage exits 2 and explains itself on standard error."""
    result = maquette(*arguments)
    assert result.status == 2
    assert "Usage: maquette" in result.err


def test_params_and_changes_are_read() -> None:
    """Values that are JSON are taken as that, others as text; a prompt always stays text."""
    assert parse_params(["a.b=1", 'a.c=["x"]', "d.e=plain=text"]) == {
        "a": {"b": 1, "c": ["x"]},
        "d": {"e": "plain=text"},
    }
    changes = parse_changes(["prompt=7", "seed=7", "retopo.target_polycount=900"])
    assert changes == {"prompt": "7", "seed": 7, "params": {"retopo": {"target_polycount": 900}}}


def test_events_are_parsed_as_the_standard_has_it() -> None:
    """Comments are skipped, data lines joined, an id may be missing, and half an event at the end is none."""
    lines = [
        ": x",
        "id: 1",
        "event: A",
        "data: one",
        "data: two",
        "",
        "data:three",
        "",
        "event: B",
        "",
        "data: half",
    ]
    found = [(one.event, one.data, one.id) for one in parse_events(iter(lines))]
    assert found == [("A", "one\ntwo", "1"), ("message", "three", None)]


def test_starting_is_light() -> None:
    """The command line starts without the libraries that only single commands need."""
    heavy = [
        "httpx",
        "fastapi",
        "asyncpg",
        "numpy",
        "scipy",
        "aiohttp",
        "rich.console",
        "asyncio",
        "pydantic",
    ]
    script = f"import maquette.cli.main, sys; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_settings_show_no_secret(maquette: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`maquette settings` says that a secret is set and not which."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAQUETTE_API_KEY", "mq_hunter2")
    result = maquette("settings", "--json")
    assert result.json["MAQUETTE_API_KEY"] == "set"
    assert "hunter2" not in result.out + maquette("settings").out
    monkeypatch.setenv("MAQUETTE_PORT", "many")
    assert "MAQUETTE_PORT: expected a whole number" in maquette("settings").err


def test_no_secret_is_shown_wherever_it_is_used(
    maquette: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`settings` and `doctor` have every setting that is a secret, and print none: of addresses not their passwords."""
    monkeypatch.chdir(tmp_path)
    word = "hunter2-hunter2-hunter2"
    secrets = {info.variable: word for info in documented() if info.secret}
    address = f"postgresql://maquette:{word}@127.0.0.1:1/maquette"
    needed = {
        "DATABASE_URL": address,
        "DATABASE_DIRECT_URL": address,
        "MODERATOR_URL": "http://127.0.0.1:1/",
        "OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTLP_HEADERS": f"x-key={word}",
        "KAFKA_SERVERS": "127.0.0.1:1",
        "KAFKA_SECURITY": "sasl_plaintext",
        "KAFKA_USERNAME": "maquette",
    }
    for name, value in (secrets | {f"MAQUETTE_{name}": value for name, value in needed.items()}).items():
        monkeypatch.setenv(name, value)
    for command in (["settings"], ["settings", "--json"], ["doctor"], ["doctor", "--json"]):
        shown = maquette(*command)
        assert "KAFKA_PASSWORD" in shown.out or command[0] == "doctor", shown.err
        assert word not in shown.out + shown.err, command


def test_statuses_are_those_of_the_domain() -> None:
    """`job list --status` takes each status of a job, and no other word."""
    assert set(get_args(JobStatusOption)) == set(map(str, JobStatus))
