import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maquette.telemetry import logs

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_migrate_brings_a_database_up_to_date_once(
    maquette: Command, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first migrate applies everything and names it, the second has nothing left to do."""
    monkeypatch.setenv("MAQUETTE_DATABASE_URL", empty_database_url)
    applied = maquette("migrate", "--json").json["applied"]
    assert applied
    assert applied == sorted(applied)
    assert maquette("migrate", "--json").json == {"applied": []}
    assert "up to date" in maquette("migrate").out


@pytest.mark.parametrize("command", ["migrate", "serve", "maintain"])
def test_what_needs_a_database_says_which(
    maquette: Command, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a database, or with one that is away, the error names variable and server and hides the password."""
    assert "MAQUETTE_DATABASE_URL is not set" in maquette(command).err
    monkeypatch.setenv("MAQUETTE_DATABASE_URL", "postgresql://me:sesame@127.0.0.1:1/shop")
    result = maquette(command)
    assert result.status == 1
    assert "127.0.0.1:1/shop" in result.err
    assert "sesame" not in result.err


def test_the_openapi_document_needs_no_server(maquette: Command) -> None:
    """The document is printed on one line of JSON without settings or database."""
    document = maquette("openapi").json
    assert document["openapi"].startswith("3.1")
    assert "/jobs" in document["paths"]


def test_json_logs_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A JSON entry has time, level, process and message, and what the record carries as fields."""
    logs.configure("json", "info", "api")
    logging.getLogger("maquette.access").info("GET %s", "/jobs", extra={"fields": {"status": 200}})
    entry = json.loads(capsys.readouterr().err)
    assert entry["ts"].endswith("Z")
    assert {name: entry[name] for name in ("level", "process", "message", "status")} == {
        "level": "info",
        "process": "api",
        "message": "GET /jobs",
        "status": 200,
    }
