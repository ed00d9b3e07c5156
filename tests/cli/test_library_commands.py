"""Taking assets out of the library, whole folders of them."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contract_server import FINISHED, Contract, job, step

Command = Callable[..., Any]


def file_of(contract: Contract, name: str, role: str = "model") -> dict[str, Any]:
    """A file that the server has, as an asset or a step shows it."""
    content = contract.files.setdefault(name, f"bytes of {name}".encode() * 50)
    return {
        "id": f"art_{name}",
        "name": name,
        "role": role,
        "media_type": "model/gltf-binary",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "url": f"/files/{name}?signature=s",
    }


def asset_of(contract: Contract, number: int, path: str, version: int, status: str) -> dict[str, Any]:
    """An asset with a model and a preview, known to the server under its id and version."""
    names = (f"{number}-v{version}.glb", "model"), (f"{number}-v{version}.png", "preview")
    asset = {
        **contract.asset(),
        "id": f"ast_{number}{number}",
        "library_path": path,
        "version": version,
        "latest_version": version,
        "status": status,
        "files": [file_of(contract, name, role) for name, role in names],
    }
    contract.library[f"/assets/{asset['id']}/versions/{version}"] = asset
    contract.library[f"/assets/{asset['id']}"] = asset
    return asset


@pytest.fixture
def robots(contract: Contract) -> Contract:
    """Two robots: one approved in version 1 and a draft in version 2, one that was never approved."""
    asset_of(contract, 7, "robots/courier", 1, "approved")
    contract.latest = [
        asset_of(contract, 7, "robots/courier", 2, "draft"),
        asset_of(contract, 8, "robots/scout/mk2", 1, "draft"),
    ]
    return contract


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_folder_is_pulled_with_a_manifest(
    api: str, robots: Contract, maquette: Command, tmp_path: Path
) -> None:
    """Each asset below a path gets its folder; the manifest says what is where, with checksums."""
    result = maquette("asset", "pull", "robots/", "--output", "out", "--json")
    assert result.status == 0, result.err
    [(query, _)] = robots.asked("GET", "/projects/prj_1/assets")
    assert query["path"] == "robots"
    saved = files_below(tmp_path / "out")
    manifest = json.loads(saved.pop("manifest.json"))
    assert manifest == result.json
    assert {file["path"]: file["sha256"] for entry in manifest["assets"] for file in entry["files"]} == {
        path: hashlib.sha256(content).hexdigest() for path, content in saved.items()
    }
    assert sorted(saved) == [
        "robots/courier/7-v2.glb", "robots/courier/7-v2.png", "robots/scout/mk2/8-v1.glb", "robots/scout/mk2/8-v1.png",
    ]  # fmt: skip


def test_approved_versions_only(api: str, robots: Contract, maquette: Command, tmp_path: Path) -> None:
    """`--version approved` takes the newest approved version, and says which assets have none."""
    result = maquette(
        "asset", "pull", "robots", "--output", "out", "--version", "approved", "--role", "model"
    )
    assert result.status == 0
    assert sorted(files_below(tmp_path / "out")) == ["manifest.json", "robots/courier/7-v1.glb"]
    assert "robots/scout/mk2 has no approved version" in result.err
    alone = maquette("asset", "pull", "ast_88", "--version", "approved")
    assert (alone.status, "no approved version" in alone.err) == (1, True)
    assert maquette("asset", "show", "ast_77", "--version", "newest").status == 1


def test_a_second_pull_fetches_what_is_missing(
    api: str, robots: Contract, maquette: Command, tmp_path: Path
) -> None:
    """What is there already is not fetched again; half a file is gone on with; a changed one is replaced."""
    maquette("asset", "pull", "robots/", "--output", "out")
    home = tmp_path / "out" / "robots" / "courier"
    whole = (home / "7-v2.glb").read_bytes()
    (home / "7-v2.png").write_bytes(b"edited")
    (home / "7-v2.glb").unlink()
    sha256 = hashlib.sha256(whole).hexdigest()
    (home / f".7-v2.glb.{sha256[:12]}.part").write_bytes(whole[:100])
    robots.requests.clear()
    assert maquette("asset", "pull", "robots/", "--output", "out").status == 0
    fetched = {
        path: headers.get("Range") for _, path, _, headers in robots.requests if path.startswith("/files/")
    }
    assert fetched == {"/files/7-v2.glb": "bytes=100-", "/files/7-v2.png": None}
    assert (home / "7-v2.glb").read_bytes() == whole
    assert (home / "7-v2.png").read_bytes() == robots.files["7-v2.png"]
    assert not list(home.glob(".*"))


def test_a_part_of_another_file_is_not_kept(
    api: str, robots: Contract, maquette: Command, tmp_path: Path
) -> None:
    """A part that does not fit is thrown away, and the file fetched from its beginning."""
    home = tmp_path / "out"
    home.mkdir()
    item = robots.latest[0]["files"][0]
    (home / f".{item['name']}.{item['sha256'][:12]}.part").write_bytes(b"of another file")
    assert maquette("asset", "pull", "ast_77", "--output", "out").status == 0
    assert (home / item["name"]).read_bytes() == robots.files[item["name"]]


@pytest.mark.parametrize("path", ["../outside", "/outside", "a\\..\\outside", "a\x1b]0;outside\x07"])
def test_paths_that_lead_elsewhere_are_refused(
    api: str, robots: Contract, maquette: Command, tmp_path: Path, path: str
) -> None:
    """A server's library path writes nothing outside of the output directory, and no commands to terminals inside."""
    robots.latest = [asset_of(robots, 9, path, 1, "draft")]
    result = maquette("asset", "pull", "robots/", "--output", "out")
    assert result.status == 1
    assert "unusable path" in result.err
    assert "\x1b" not in result.err
    assert not (tmp_path / "outside").exists()
    assert list((tmp_path / "out").iterdir()) == []


def test_nothing_at_a_path_is_told(api: str, robots: Contract, maquette: Command) -> None:
    """An empty folder is an error with the command that lists."""
    robots.answers["GET /projects/prj_1/assets"] = [(200, {}, {"items": [], "next_cursor": None})]
    result = maquette("asset", "pull", "rowbots/")
    assert (result.status, "maquette asset list" in result.err) == (1, True)


def test_an_asset_shows_its_versions_and_lineage(api: str, robots: Contract, maquette: Command) -> None:
    """All versions are listed with their status, the shown one is marked, and the job that made it is named."""
    shown = maquette("asset", "show", "ast_77")
    assert [line.split()[:2] for line in shown.out.splitlines() if re.match(r" *v\d", line)] == [
        ["v2", "draft"],
        ["v1", "approved"],
    ]
    assert "job_1" in shown.out
    listed = maquette("asset", "list", "--status", "approved", "--json").json["items"]
    assert listed == []


def test_what_a_job_has_made_so_far(api: str, contract: Contract, maquette: Command, tmp_path: Path) -> None:
    """`job pull` saves each step's artifacts in a folder of its own, or one step's alone."""
    contract.job = job(
        "running",
        step("text_to_image", 0, **FINISHED | {"artifacts": [file_of(contract, "concept-1.png")]}),
        step("refine", 1, **FINISHED | {"artifacts": [file_of(contract, "refined-1.png")]}),
    )
    assert maquette("job", "pull", "job_1", "--output", "all", "--json").status == 0
    assert sorted(files_below(tmp_path / "all")) == [
        "0-text_to_image/concept-1.png",
        "1-refine/refined-1.png",
    ]
    assert maquette("job", "pull", "job_1", "--step", "refine", "--output", "one").status == 0
    assert sorted(files_below(tmp_path / "one")) == ["1-refine/refined-1.png"]
    assert "has made nothing yet" in maquette("job", "pull", "job_1", "--step", "export").err
    assert "It has: text_to_image, refine, export." in maquette("job", "pull", "job_1", "--step", "rig").err
