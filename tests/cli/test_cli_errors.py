"""What goes wrong says what to do next, in words or as JSON."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from contract_server import KEY, Contract

from maquette.cli.api_errors import ApiError, UnreachableError

Command = Callable[..., Any]


def test_a_missing_id_names_the_nearest(api: str, contract: Contract, maquette: Command) -> None:
    """404 on a mistyped id names the one that was meant."""
    contract.answers["GET /jobs"] = [(200, {}, {"items": [{"id": "job_01m826s7kgex6bbrw7fparhf30"}]})]
    result = maquette("job", "show", "job_01m826s7kgex6bbrw7fparhf3o")
    assert result.status == 1
    assert "Did you mean job_01m826s7kgex6bbrw7fparhf30?" in result.err


def test_an_id_of_another_kind_names_its_command(api: str, maquette: Command) -> None:
    """An asset's id where a job's was wanted is told with the command that shows assets."""
    result = maquette("job", "show", "ast_01m826s7kgex6bbrw7fparhf30")
    assert "maquette asset show ast_01m826s7kgex6bbrw7fparhf30" in result.err


def test_a_lost_review_says_who_decided(api: str, contract: Contract, maquette: Command) -> None:
    """409 names the person, the decision and when."""
    won = {
        "step": "refine",
        "revision": 1,
        "decision": "approved",
        "by": "usr_ada",
        "at": "2026-01-01T00:00:00Z",
    }
    problem = {"detail": "No gate is open.", "decision": won, "instance": "/jobs/job_1/review"}
    contract.answers["POST /jobs/job_1/review"] = [(409, {}, problem)]
    result = maquette("job", "review", "job_1", "approve", "--step", "refine", "--revision", "1")
    assert "usr_ada approved revision 1 of refine" in result.err
    assert "maquette job show job_1" in result.err


@pytest.mark.parametrize(
    ("instance", "advice"),
    [
        ("/safety/decisions/sdc_1/override", "maquette safety show sdc_1"),
        ("/dead-letters/dlq_1/redrive", "maquette dlq show dlq_1"),
        ("/projects/prj_1/style", "Read its state again."),
    ],
)
def test_a_conflict_names_what_to_look_at(instance: str, advice: str) -> None:
    """409 about something else than a job sends nobody to the jobs, and invents no review that won."""
    problem = {"detail": "x", "instance": instance, "decision": {"id": "sdc_1", "in_force": "allow"}}
    assert ApiError(409, problem).advice.startswith(("See " + advice, advice))
    assert "job" not in ApiError(409, problem).advice


def test_a_refusal_by_policy_names_its_decision() -> None:
    """Without the decision's id nobody could appeal."""
    problem = {"detail": "x", "decision_id": "sdc_1", "details": [{"loc": ["prompt"], "msg": "refused: ip"}]}
    assert "maquette safety show sdc_1" in ApiError(422, problem).advice


def test_scopes_are_called_as_their_option_is() -> None:
    """The field has a plural, the option has none."""
    problem = {"details": [{"loc": ["scopes", 0], "msg": "must be one of jobs:read"}]}
    assert "--scope;" in ApiError(422, problem).advice


def test_a_wrong_value_names_its_option(api: str, contract: Contract, maquette: Command) -> None:
    """422 on a field names the option that fills it."""
    problem = {
        "detail": "x",
        "details": [{"loc": ["body", "negative_prompt"], "msg": "too long", "type": "t"}],
    }
    contract.answers["POST /jobs"] = [(422, {}, problem)]
    assert "--negative" in maquette("job", "submit", "a kettle").err


def test_a_full_project_says_how_long_to_wait(api: str, contract: Contract, maquette: Command) -> None:
    """429 with a long Retry-After is not waited for: the person is told."""
    contract.answers["POST /jobs"] = [(429, {"Retry-After": "120"}, {"detail": "Too many open jobs."})]
    assert "Wait 120 s" in maquette("job", "submit", "a kettle").err
    contract.answers["POST /jobs"] = [(429, {"Retry-After": "120"}, {"detail": "Too many open jobs."})]
    as_json = json.loads(maquette("job", "submit", "a kettle", "--json").err)
    assert as_json["error"]["retry_after_seconds"] == 120


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "Is `maquette up` running?"),
        (httpx.ConnectError("[Errno -2] Name or service not known"), "Check the host"),
        (httpx.ReadTimeout("timed out"), "does not answer"),
        (httpx.ReadError("reset"), "The connection broke"),
    ],
)
def test_silence_is_told_by_its_kind(error: httpx.TransportError, advice: str) -> None:
    """Refused, unknown, silent and broken connections have advice of their own."""
    assert advice in UnreachableError("http://x", error).advice


def test_usage_as_json(maquette: Command) -> None:
    """With --json wrong usage is one JSON value too, and its status stays 2."""
    for arguments in (
        ["job", "show"],
        ["job", "submit", "x", "--type", "4D"],
        ["asset", "list", "--limit", "0"],
    ):
        result = maquette(*arguments, "--json")
        assert (result.status, result.out) == (2, "")
        assert json.loads(result.err)["error"]["message"]


def test_choices_are_listed_and_taken_in_any_case(api: str, contract: Contract, maquette: Command) -> None:
    """`--type 2d` means 2D; a type that does not exist lists those that do."""
    assert maquette("job", "submit", "x", "--type", "2d", "--json").status == 0
    assert contract.asked("POST", "/jobs")[0][0]["asset_type"] == "2D"
    wrong = maquette("job", "submit", "x", "--type", "4D")
    assert wrong.status == 2
    assert "2d" in wrong.err
    assert "3d" in wrong.err


def test_a_reader_that_has_seen_enough(api: str, contract: Contract) -> None:
    """`… | head -1` ends quietly: no trace of a broken pipe."""
    script = f"{sys.executable} -m maquette job list --limit 500 --json | head -c 10"
    contract.job["metadata"] = {"filler": "x" * 200_000}
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ('{"items":[', "")


def test_what_others_wrote_cannot_drive_the_terminal(api: str, contract: Contract, maquette: Command) -> None:
    """Escape sequences in a brief or an error are shown as such and not obeyed; JSON has them escaped."""
    contract.job["inputs"]["prompt"] = "a kettle\x1b]0;owned\x07\x9b2J"
    contract.job["error"] = {"code": "x", "message": "\x1b[2J"}
    for arguments in (("job", "list"), ("job", "show", "job_1"), ("job", "show", "job_1", "--json")):
        assert not {"\x1b", "\x07", "\x9b"} & set(maquette(*arguments).out.replace("\\u001b", ""))
    contract.answers["POST /jobs"] = [(422, {}, {"detail": "\x1b[2J", "details": []})]
    assert "\x1b" not in maquette("job", "submit", "x").err


def test_completion_is_quick_and_silent(
    api: str, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids are completed from the API with what they stand for; without an API there are none, and no error."""
    from maquette.cli import complete

    assert list(complete.jobs("job_")) == [
        ("job_0", "queued: a red kettle"),
        ("job_1", "queued: a red kettle"),
    ]
    assert list(complete.projects("prj")) == [("prj_1", "Lighthouse")]
    assert list(complete.assets("ast")) == [("ast_1", "props/kettle")]
    assert list(complete.assets("props/")) == [("props/kettle", "ast_1")]
    monkeypatch.setenv("MAQUETTE_URL", "http://127.0.0.1:9")
    assert list(complete.jobs("")) == []
    monkeypatch.setenv("MAQUETTE_PORT", "many")
    assert list(complete.jobs("")) == []


def test_the_shell_is_answered(api: str, tmp_path: Path) -> None:
    """What a shell runs at the tab key prints the ids."""
    variables = {
        "_MAQUETTE_COMPLETE": "complete_bash",
        "COMP_WORDS": "maquette job show job_",
        "COMP_CWORD": "3",
    }
    environment = {"PATH": "/usr/bin:/bin", "MAQUETTE_URL": api, "MAQUETTE_API_KEY": KEY, **variables}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("maquette"))],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["job_0", "job_1"], done.stderr
