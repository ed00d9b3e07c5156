"""Runs studio steps on files, one after another."""

from pathlib import Path
from typing import Any

from maquette.studio import roles
from maquette.worker.handler import Input
from maquette.worker.testing import Recorded, run_handler

HANDLERS = {**roles.GENERATION, **roles.PROCESSING}


class Chain:
    """Runs studio steps on files, each in a folder of its own, and hands outputs on as the server would."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = 0

    def run(
        self, step: str, inputs: list[Input], params: dict[str, Any] | None = None, **fields: Any
    ) -> Recorded:
        self.runs += 1
        workdir = self.root / f"{self.runs:02d}-{step}"
        workdir.mkdir(parents=True)
        return run_handler(HANDLERS[step], step=step, inputs=inputs, params=params, workdir=workdir, **fields)

    @staticmethod
    def outputs(step: str, recorded: Recorded, *, attributes: bool = True) -> list[Input]:
        """The step's artifacts as the next step's inputs, optionally stripped of every hint."""
        return [
            Input(
                step, item.kind, item.name, item.media_type, item.path, item.attributes if attributes else {}
            )
            for item in recorded.succeeded.artifacts
        ]

    def file(self, name: str, kind: str, data: bytes, step: str = "upload") -> Input:
        """A foreign file as an input."""
        self.runs += 1
        path = self.root / f"{self.runs:02d}-foreign" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        return Input(step, kind, name, "application/octet-stream", path)
