"""The work directory of an export: what was asked for, and every file written so far with its role."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maquette.studio.version import VERSION, engine, model
from maquette.worker.handler import Input, Output, Succeeded

METHOD = "file writers and software renderer; no generative model"
_MEDIA_TYPES = {
    "glb": "model/gltf-binary",
    "gltf": "model/gltf+json",
    "bin": "application/gltf-buffer",
    "fbx": "application/octet-stream",
    "usdz": "model/vnd.usdz+zip",
    "obj": "model/obj",
    "mtl": "model/mtl",
    "png": "image/png",
    "webp": "image/webp",
    "jpeg": "image/jpeg",
    "json": "application/json",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What an export is asked for, checked."""

    name: str
    engine: str
    formats: tuple[str, ...]
    clips: tuple[Input, ...]
    images: tuple[Input, ...]
    """Pictures to export; empty for a 3D asset."""
    turntable: bool = False


class Folder:
    """The work directory and the artifacts written to it so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outputs: list[Output] = []

    def write(self, name: str, data: bytes, kind: str, attributes: Mapping[str, Any]) -> str:
        """Write a file and list it; its kind is its role in the library. Returns its name."""
        path = self._path / name
        path.write_bytes(data)
        made_by = {"engine": engine(METHOD)}
        media_type = _MEDIA_TYPES[path.suffix[1:]]
        self._outputs.append(Output(path, kind, media_type, dict(attributes) | made_by))
        return name

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write notes."""
        self.write(name, json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n", "notes", {})

    def has(self, name: str) -> bool:
        """Whether a file of that name was written."""
        return any(item.name == name for item in self._outputs)

    def succeeded(self, outputs: Mapping[str, Any]) -> Succeeded:
        """Answer for the handler, with every file listed."""
        files = [
            {
                "name": item.name,
                "role": item.kind,
                "media_type": item.media_type,
                "bytes": item.path.stat().st_size,
            }
            for item in self._outputs
        ]
        return Succeeded(
            artifacts=tuple(self._outputs),
            outputs={"files": files, **outputs},
            model=model("export"),
            model_version=VERSION,
        )
