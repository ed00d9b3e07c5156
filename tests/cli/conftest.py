"""The command line, run in this process against a server that speaks the contract."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from contract_server import KEY, Contract, serving

from maquette.cli.main import run


@dataclass(frozen=True)
class Result:
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


@pytest.fixture
def contract() -> Contract:
    return Contract()


@pytest.fixture
def api(contract: Contract, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A running contract server, found by its variables; the working directory is an empty one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    with serving(contract) as url:
        monkeypatch.setenv("MAQUETTE_URL", url)
        monkeypatch.setenv("MAQUETTE_API_KEY", KEY)
        monkeypatch.setenv("MAQUETTE_PROJECT_ID", "prj_1")
        yield url


@pytest.fixture
def maquette(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run ``maquette ARGUMENTS``."""

    def command(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            run(list(arguments))
        captured = capsys.readouterr()
        assert isinstance(ended.value.code, int | None)
        return Result(ended.value.code or 0, captured.out, captured.err)

    return command
