"""Runs studio steps on files, one after another. As a program: the whole chain, printing every file's sha256."""

import hashlib
import json
import sys
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


Whole = dict[str, Recorded]
"""What each step did, in the order of the pipeline."""

BRIEF: dict[str, dict[str, Any]] = {
    "text_to_image": {"prompt": "a rusty robot courier", "variants": 2, "size": 256},
    "refine": {"scale": 1.5},
    "image_to_3d": {"resolution": 80},
    "retopo": {"target_polycount": 900, "texture_size": 256},
    "rig": {},
    "anim": {},
    "export": {"name": "courier"},
}
"""The pipeline's steps and parameters small enough for tests."""


def run_whole(chain: Chain) -> Whole:
    """Run prompt to export; what each step reads comes from the files of the steps before it."""
    done: Whole = {}
    inputs: list[Input] = []
    for step, params in BRIEF.items():
        done[step] = chain.run(step, inputs, params, seed=42)
        made = chain.outputs(step, done[step])
        if step == "text_to_image":
            made = made[:1]  # a reviewer picks one
        rigged = [item for item in inputs if item.kind == "mesh"] if step == "anim" else []
        inputs = rigged + [item for item in made if item.kind in {"image", "mesh", "clip"}]
    return done


if __name__ == "__main__":
    finished = run_whole(Chain(Path(sys.argv[1])))
    digests = {
        step: {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in recorded.files.items()}
        for step, recorded in finished.items()
    }
    sys.stdout.write(json.dumps(digests))
