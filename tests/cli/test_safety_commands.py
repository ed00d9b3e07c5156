"""``maquette safety`` and ``maquette project safety``: what they ask of the API and what they say of the answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contract_server import Contract

from maquette.api.shapes.examples_safety import DECISION, POLICY

Command = Callable[..., Any]


def test_decisions_show_what_holds(api: str, contract: Contract, maquette: Command) -> None:
    """The verdict stands beside what a person made of it; filters go into the query."""
    contract.answers["GET /safety/decisions"] = [(200, {}, {"items": [DECISION], "next_cursor": None})]
    done = maquette("safety", "decisions", "--in-force", "hold", "--appealed", "--stage", "prompt")
    assert done.status == 0
    assert "hold" in done.out
    assert "allow*" in done.out
    [(query, _)] = contract.asked("GET", "/safety/decisions")
    assert {name: query[name] for name in ("stage", "in_force", "appealed")} == {
        "stage": "prompt", "in_force": "hold", "appealed": "true",
    }  # fmt: skip


def test_words_go_with_their_reasons(api: str, contract: Contract, maquette: Command) -> None:
    """Appeal, override and block send what was said, and print the decision."""
    contract.answers["POST /safety/decisions/sdc_1/appeal"] = [(200, {}, DECISION)]
    contract.answers["POST /safety/decisions/sdc_1/override"] = [(200, {}, DECISION)]
    contract.answers["POST /safety/decisions"] = [(201, {}, DECISION)]
    assert maquette("safety", "appeal", "sdc_1", "--reason", "A toy.").status == 0
    done = maquette(
        "safety", "override", "sdc_1", "allow", "-r", "A toy indeed.", "--in-force", "block", "--json"
    )
    assert json.loads(done.out)["id"] == DECISION["id"]
    assert maquette("safety", "block", "art_1", "-r", "A person.", "-c", "gore").status == 0
    assert [body for body, _ in contract.asked("POST", "/safety/decisions/sdc_1/appeal")] == [
        {"reason": "A toy."}
    ]
    assert [body for body, _ in contract.asked("POST", "/safety/decisions/sdc_1/override")] == [
        {"verdict": "allow", "reason": "A toy indeed.", "in_force": "block"}
    ]
    assert [body for body, _ in contract.asked("POST", "/safety/decisions")] == [
        {"artifact_id": "art_1", "reason": "A person.", "categories": ["gore"]}
    ]


def test_policies_come_from_files(api: str, contract: Contract, maquette: Command, tmp_path: Path) -> None:
    """What is no JSON object is told with its file; what is goes to the API as it is."""
    contract.answers["PUT /projects/prj_1/safety"] = [(200, {}, POLICY)]
    contract.answers["GET /safety/policy"] = [(200, {}, POLICY)]
    file = tmp_path / "policy.json"
    file.write_text("[1]")
    refused = maquette("project", "safety", "set", str(file))
    assert (refused.status, "holds no object" in refused.err) == (1, True)
    file.write_text(json.dumps(POLICY["policy"]))
    assert maquette("project", "safety", "set", str(file)).status == 0
    [(body, _)] = contract.asked("PUT", "/projects/prj_1/safety")
    assert json.loads(body) == POLICY["policy"]
    assert json.loads(maquette("safety", "policy", "get", "--json").out) == POLICY
