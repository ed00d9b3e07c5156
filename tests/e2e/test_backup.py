"""A backup is made while jobs run; restored elsewhere, everything is there, and what ran goes on to its end."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from story import Api
from up_process import Up

Fields = dict[str, Any]
SETTINGS = {"heartbeat_seconds": "1", "lease_seconds": "4"}


def command(up: Up, *arguments: str) -> Any:
    """Run a command in an installation's environment; return what it printed as JSON."""
    done = run(up, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run(up: Up, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "maquette", *arguments],
        env=up.environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The installation that is backed up; it is killed, not stopped: a backup must not depend on a clean end."""
    up = Up(tmp_path_factory.mktemp("old"), **SETTINGS)
    up.start()
    yield up
    if up.processes():
        up.kill("up")


def comparable(job: Fields) -> Fields:
    """What must be equal on both sides: all but links, which are signed anew, and what is said of the moment."""
    shown = json.loads(json.dumps(job))
    for step in shown["steps"]:
        for artifact in step["artifacts"]:
            artifact.pop("url")
            artifact.pop("url_expires_at")
    return {**shown, "queue_position": None}


def every_status(api: Api) -> dict[str, Fields]:
    """Make a job of each status. The one that runs takes long; two wait behind it."""
    made = {}
    done = api.submit(prompt="a brass key", library_path="props/key")
    made["succeeded"] = api.finish(done["id"])
    canceled = api.submit(prompt="a red fox")
    api.gate(canceled["id"])
    api.ok("POST", f"/jobs/{canceled['id']}/cancel")
    made["canceled"] = api.job(canceled["id"])
    broken = api.upload("broken.png", "image/png", broken_png())
    failed = api.submit(prompt="a robot", reference_uploads=[broken])
    made["failed"] = api.until(failed["id"], lambda job: job["status"] == "failed")
    held = api.submit(prompt="a blue fox")
    api.gate(held["id"])
    api.ok("POST", f"/jobs/{held['id']}/pause")
    made["paused"] = api.job(held["id"])
    made["awaiting_review"] = api.gate(api.submit(prompt="a green fox")["id"])
    slow = api.submit(prompt="a castle", variants=8, params={"text_to_image": {"size": 1024}})
    made["running"] = api.until(slow["id"], lambda job: job["status"] == "running")
    made["queued"] = api.submit(prompt="a windmill")
    assert {name: job["status"] for name, job in made.items()} == {name: name for name in made}
    return made


def broken_png() -> bytes:
    """Return a PNG whose pixels are none."""
    from test_bad_input import png

    whole = png()
    place = whole.index(b"IDAT") + 4
    return whole[:place] + b"\xff" * 4 + whole[place + 4 :]


@pytest.mark.slow
def test_a_backup_of_what_runs_goes_on_elsewhere(old: Up, tmp_path: Path) -> None:
    """Jobs in every status, assets, files and keys come back equal; running and queued jobs finish; all is intact."""
    operator = Api(lambda: old.url, old.key, old.project_id)
    user = operator.ok("POST", f"/projects/{old.project_id}/keys", json={"name": "Ada", "role": "owner"})[
        "key"
    ]
    operator.ok("PUT", f"/projects/{old.project_id}/retention", json={"jobs_days": 100})
    before = every_status(operator)
    backup = tmp_path / "backup"
    manifest = command(old, "backup", str(backup), "--secrets")
    assert operator.job(before["running"]["id"])["status"] == "running", (
        "the backup must be made while it runs"
    )
    before = {name: operator.job(job["id"]) for name, job in before.items() if name != "running"} | {
        "running": before["running"]
    }
    assert manifest["counts"]["jobs"] == 7
    assert {path.name for path in (backup / "secrets").iterdir()} > {"signing.key", "credentials.json"}
    modes = {
        path.stat().st_mode & 0o077 for path in (backup, *backup.glob("secrets/*"), *backup.glob("*.dump"))
    }
    assert modes == {0}
    check = command(old, "integrity", "--deep")
    assert (check["problems"], check["orphans"]) == (0, 0)

    contents = {path: path.stat().st_mtime_ns for path in backup.glob("objects/*/*")}
    again = command(old, "backup", str(backup), "--secrets")
    assert again["database"] != manifest["database"]
    assert len(list(backup.glob("*.dump"))) == len(list(backup.glob("*.jsonl"))) == 1
    assert {path: path.stat().st_mtime_ns for path in contents} == contents, (
        "equal contents are not copied again"
    )
    operator.close()
    old.kill("up")

    new = Up(tmp_path / "new", **SETTINGS)
    command(new, "restore", str(backup))
    refused = run(new, "restore", str(backup))
    assert refused.returncode == 1
    assert "not empty" in refused.stderr
    new.start()
    try:
        assert (new.key, new.project_id) == (old.key, old.project_id)
        api = Api(lambda: new.url, user, new.project_id)
        after = {name: api.job(job["id"]) for name, job in before.items()}
        for name in ("succeeded", "canceled", "failed", "paused", "awaiting_review"):
            assert comparable(after[name]) == comparable(before[name]), name
        assert api.ok("GET", f"/projects/{new.project_id}/retention")["chosen"]["jobs_days"] == 100
        asset = api.ok("GET", f"/assets/{after['succeeded']['asset_id']}")
        for file in asset["files"]:
            assert hashlib.sha256(api.fetch(file["url"]).content).hexdigest() == file["sha256"]
        for name in ("running", "queued", "awaiting_review"):
            listener = api.listen(after[name]["id"])
            assert api.finish(after[name]["id"], 120.0)["status"] == "succeeded"
            api.assert_told(listener)
        api.ok("POST", f"/jobs/{after['paused']['id']}/resume")
        api.finish(after["paused"]["id"])
        api.close()
    finally:
        assert new.stop() == 0, new.log_tail()
    check = command(new, "integrity", "--deep")
    assert (check["problems"], check["findings"]) == (0, [])
