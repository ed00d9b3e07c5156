"""Projects, their style and gates, keys and services from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contract_server import Contract

from maquette.api.shapes.examples_services import SERVICE

Command = Callable[..., Any]


def test_projects_are_listed_shown_and_renamed(api: str, contract: Contract, maquette: Command) -> None:
    """A project shows its gates and its style with the colours."""
    assert "Lighthouse" in maquette("project", "list").out
    shown = maquette("project", "show").out
    for word in ("Lighthouse", "text_to_image, before_export", "painted", "#c83a34"):
        assert word in shown
    assert maquette("project", "rename", "Beacon", "--json").json["name"] == "Beacon"
    assert contract.asked("PATCH", "/projects/prj_1")[0][0] == {"name": "Beacon"}


def test_style_options_keep_what_they_do_not_name(api: str, contract: Contract, maquette: Command) -> None:
    """Setting the palette keeps the keywords; an empty text clears a list."""
    contract.answers["PUT /projects/prj_1/style"] = [(200, {}, contract.project)] * 2
    arguments = ("--palette", "#000000", "--palette", "#ffffff", "--keyword", "")
    assert maquette("project", "style", "set", *arguments).status == 0
    [(body, _)] = contract.asked("PUT", "/projects/prj_1/style")
    assert json.loads(body) == {"keywords": [], "negative_keywords": [], "palette": ["#000000", "#ffffff"]}
    assert maquette("project", "style", "set").status == 1
    assert maquette("project", "style", "show", "--json").json["version"] == 2


def test_style_from_a_file(api: str, contract: Contract, maquette: Command, tmp_path: Path) -> None:
    """What `style show --json` printed can be sent back; TOML does as well; a file that is neither is named."""
    contract.answers["PUT /projects/prj_1/style"] = [(200, {}, contract.project)]
    (tmp_path / "style.json").write_text(json.dumps(contract.project["style"]))
    assert maquette("project", "style", "set", "--file", "style.json").status == 0
    [(body, _)] = contract.asked("PUT", "/projects/prj_1/style")
    assert json.loads(body) == {"keywords": ["painted"], "negative_keywords": [], "palette": ["#c83a34"]}
    contract.answers["PUT /projects/prj_1/style"] = [(200, {}, contract.project)]
    (tmp_path / "style.toml").write_text('keywords = ["oak"]\n[line]\nweight = "bold"\n')
    maquette("project", "style", "set", "--file", "style.toml", "--if-version", "2")
    [*_, (body, headers)] = contract.asked("PUT", "/projects/prj_1/style")
    assert json.loads(body) == {"keywords": ["oak"], "line": {"weight": "bold"}}
    assert {name.lower(): value for name, value in headers.items()}["if-match"] == '"2"'
    (tmp_path / "style.json").write_text("{")
    assert "style.json is no JSON" in maquette("project", "style", "set", "--file", "style.json").err
    assert "cannot be read" in maquette("project", "style", "set", "--file", "none.json").err


def test_gates_are_set_or_taken_away(api: str, contract: Contract, maquette: Command) -> None:
    """Gates are named one by one, or --none; both or neither is refused before anything is sent."""
    contract.answers["PUT /projects/prj_1/gates"] = [(200, {}, contract.project)] * 2
    assert maquette("project", "gates", "set", "refine", "before_export").status == 0
    assert maquette("project", "gates", "set", "--none", "--json").status == 0
    assert [json.loads(body) for body, _ in contract.asked("PUT", "/projects/prj_1/gates")] == [
        {"gates": ["refine", "before_export"]},
        {"gates": []},
    ]
    assert maquette("project", "gates", "set").status == 1
    assert maquette("project", "gates", "set", "refine", "--none").status == 1
    assert "before_export" in maquette("project", "gates", "show").out


def test_documents_are_compared_and_set_whole(
    api: str, contract: Contract, maquette: Command, tmp_path: Path
) -> None:
    """Versions are listed; a diff shows what went and what came; constraints and routes come from a file."""
    made = [
        {"version": number, "created_at": "2026-01-01T00:00:00Z", "created_by": "usr_1"} for number in (2, 1)
    ]
    contract.answers["GET /projects/prj_1/style/versions"] = [(200, {}, {"items": made})]
    assert maquette("project", "style", "versions").out.count("usr_1") == 2
    change = {
        "field": "keywords",
        "before": ["oak"],
        "after": ["ash"],
        "removed": ["oak"],
        "added": ["ash"],
    }
    contract.answers["GET /projects/prj_1/style/diff"] = [
        (200, {}, {"from_version": 0, "to_version": 2, "changes": [change, {"field": "line.weight", "before": None, "after": "bold"}]})
    ]  # fmt: skip
    shown = maquette("project", "style", "diff", "0").out
    for word in ("version 0 to 2", '- "oak"', '+ "ash"', "line.weight", '+ "bold"'):
        assert word in shown
    for kind, document in {
        "constraints": {"polygons_max": 5000, "formats_allowed": {"3D": ["glb"]}},
        "routes": {"routes": {"rig": ["a", "b"]}},
    }.items():
        answer = {**contract.project, kind: {"version": 1, **document}}
        contract.answers[f"PUT /projects/prj_1/{kind}"] = [(200, {}, answer)]
        (tmp_path / f"{kind}.json").write_text(json.dumps(document))
        assert "version 1" in maquette("project", kind, "set", f"{kind}.json").out
        assert json.loads(contract.asked("PUT", f"/projects/prj_1/{kind}")[0][0]) == document


def test_keys_are_listed_and_revoked(api: str, contract: Contract, maquette: Command) -> None:
    """A key's state is a word; revoking takes the id, also out of a whole key, and sends no secret."""
    keys = [
        {"id": "mq_1", "name": "ci", "created_at": "2026-01-01T00:00:00Z", "expires_at": None, "revoked_at": None},
        {"id": "mq_2", "name": "old", "created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z", "revoked_at": None},
    ]  # fmt: skip
    keys = [{**key, "role": "artist", "scopes": None, "last_used_at": None} for key in keys]
    contract.answers["GET /projects/prj_1/keys"] = [(200, {}, {"items": keys})]
    contract.answers["DELETE /projects/prj_1/keys/mq_1"] = [(204, {}, b"")]
    listed = maquette("key", "list").out
    assert [line.split()[:4] for line in listed.splitlines() if line.startswith("mq_")] == [
        ["mq_1", "valid", "artist", "all"],
        ["mq_2", "expired", "artist", "all"],
    ]
    assert maquette("key", "revoke", "mq_1_secret", "--json").json == {"id": "mq_1", "revoked": True}
    maquette("key", "create", "ci", "--days", "30", "--role", "viewer", "--scope", "jobs:read", "--json")
    [(body, _)] = contract.asked("POST", "/projects/prj_1/keys")
    assert body["expires_at"].endswith("+00:00")
    assert (body["role"], body["scopes"]) == ("viewer", ["jobs:read"])
    maquette("key", "rotate", "mq_1_secret", "--overlap", "60", "--json")
    assert contract.asked("POST", "/projects/prj_1/keys/mq_1/rotate")[0][0] == {"overlap_seconds": 60}
    assert maquette("key", "create", "x", "--operator", "--role", "viewer").status == 1


def test_members_and_worker_tokens_are_managed(api: str, contract: Contract, maquette: Command) -> None:
    """Somebody is invited by provider and name, changed by subject, removed; a token names its services."""
    member = {
        "subject": "usr_1",
        "role": "artist",
        "email": "ada@example.com",
        "external_id": "7",
        "issuer": "https://x",
    }
    contract.answers["GET /projects/prj_1/members"] = [(200, {}, {"items": [member]})] * 3
    contract.answers["POST /projects/prj_1/members"] = [(201, {}, member)]
    contract.answers["PUT /projects/prj_1/members/usr_1"] = [(200, {}, member)]
    contract.answers["DELETE /projects/prj_1/members/usr_1"] = [(204, {}, b"")]
    assert "ada@example.com" in maquette("member", "list").out
    maquette("member", "set", "--issuer", "https://x", "--sub", "7", "--role", "owner", "--json")
    assert contract.asked("POST", "/projects/prj_1/members")[0][0] == {
        "role": "owner",
        "issuer": "https://x",
        "external_id": "7",
    }
    maquette("member", "set", "usr_1", "--role", "viewer")
    assert json.loads(contract.asked("PUT", "/projects/prj_1/members/usr_1")[0][0]) == {"role": "viewer"}
    assert maquette("member", "remove", "usr_1", "--json").json == {"subject": "usr_1", "removed": True}
    assert maquette("member", "set", "usr_1", "--issuer", "https://x").status == 1
    assert maquette("member", "set").status == 1
    contract.answers["POST /worker-tokens"] = [
        (201, {}, {"id": "mq_3", "services": ["comfyui"], "key": "mq_3_secret"})
    ]
    assert "mq_3_secret" in maquette("worker-token", "create", "farm", "--service", "comfyui").out
    assert contract.asked("POST", "/worker-tokens")[0][0] == {"name": "farm", "services": ["comfyui"]}


def test_services_show_what_waits_for_nobody(api: str, contract: Contract, maquette: Command) -> None:
    """A service shows its workers; a step that no live worker does stands out."""
    worker = {"name": "host/1", "steps": ["rig"], "draining": False, "running": 1, "last_heartbeat_at": "2026-01-01T00:00:00Z"}  # fmt: skip
    waiting = [{"step": "rig", "tasks": 1}, {"step": "anim", "tasks": 3}]
    told = {"name": "studio", "steps": ["rig"], "workers": [worker], "running": 1, "waiting": waiting}
    contract.services = [{**SERVICE, **told}]
    shown = maquette("service", "list")
    assert "host/1" in shown.out
    assert "3 wait for anim, which no live worker does" in shown.out
    assert "wait for rig" not in shown.out
    assert maquette("service", "list", "--json").json["items"] == contract.services
    contract.services = []
    assert "no live workers" in maquette("service", "list").err
