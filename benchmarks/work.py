"""The work that is none: what each step hands over, in its smallest form, and the file that all claim to have made."""

import hashlib
from collections.abc import Mapping
from typing import Any

from maquette.wire import OutputArtifact

SERVICE = "studio"
MODEL, MODEL_VERSION = "benchmark/nothing", "1"

_CONTENT = b"benchmark"
_ARMATURE = {"schema": "none", "bones": []}
#: Kind of file and required outputs of each step of the 3D pipeline.
_MAKES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "text_to_image": ("image", {"seed": 1, "prompt_used": "p", "negative_prompt_used": ""}),
    "refine": ("image", {"operations": ["upscale"]}),
    "image_to_3d": ("mesh", {"poly_count": 4000, "textured": True}),
    "retopo": ("mesh", {"poly_count": 4000, "topology": "triangle", "uv": {"channels": 1}}),
    "rig": ("mesh", {"armature": _ARMATURE, "weights": {"max_influences": 4}}),
    "anim": ("clip", {"clips": [{"name": "idle", "duration": 1.0, "fps": 24}]}),
    "export": ("model", {"files": ["model.glb"], "texture_set": {}, "engine_notes": {"up_axis": "Y"}}),
}
STEPS = tuple(_MAKES)


def outputs_of(step: str) -> dict[str, Any]:
    """Return what the step must say besides its file."""
    return _MAKES[step][1]


def file_of(step: str) -> OutputArtifact:
    """Return the file that a step declares. It is the same one each time, and nobody ever uploads it."""
    return OutputArtifact(
        name=f"{step}.bin",
        kind=_MAKES[step][0],
        media_type="application/octet-stream",
        bytes=len(_CONTENT),
        sha256=hashlib.sha256(_CONTENT).hexdigest(),
    )
