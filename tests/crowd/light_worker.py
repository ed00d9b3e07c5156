"""A worker process with handlers that do next to nothing, through the whole SDK: ``python light_worker.py``.

What a handler writes follows from its seed, parameters and inputs, as with real ones: equal work, equal bytes.
"""

import asyncio
import hashlib
import json

from maquette import settings
from maquette.worker import Context, Output, Result, Succeeded, Worker

_MAKES = {
    "text_to_image": ("image", {"prompt_used": "p", "negative_prompt_used": ""}),
    "refine": ("image", {"operations": []}),
    "image_to_3d": ("mesh", {"poly_count": 10, "textured": True}),
    "retopo": ("mesh", {"poly_count": 10, "topology": "triangle", "uv": {}}),
    "rig": ("mesh", {"armature": {}, "weights": {}}),
    "anim": ("clip", {"clips": []}),
    "export": ("model", {"files": [], "texture_set": {}, "engine_notes": {}}),
}
_ENDINGS = dict.fromkeys(("mesh", "model", "clip"), (".glb", "model/gltf-binary")) | {
    "image": (".png", "image/png")
}


async def work(context: Context) -> Result:
    """Write as many files as variants were asked for, else one."""
    kind, outputs = _MAKES[context.step]
    if context.step == "export" and not any(item.kind == "mesh" for item in context.inputs):
        kind = "image"
    told = [context.step, context.seed, dict(context.params)]
    told += [hashlib.sha256(item.path.read_bytes()).hexdigest() for item in context.inputs]
    base = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
    files = []
    for number in range(context.params.get("variants", 1)):
        path = context.workdir / f"{context.step}-{number + 1}{_ENDINGS[kind][0]}"
        path.write_text(f"{base} {number}")
        files.append(Output(path, kind, _ENDINGS[kind][1], {}))
    if context.step == "text_to_image":
        outputs = {**outputs, "seed": context.seed}
    return Succeeded(tuple(files), outputs, "light", "1")


async def main() -> None:
    """Work until told to stop."""
    configured = settings.load()
    await Worker(
        configured.url,
        configured.worker_token,
        "studio",
        dict.fromkeys(_MAKES, work),
        capacity=8,
        workdir=configured.data_dir / "work",
        grace_seconds=2.0,
    ).run()


if __name__ == "__main__":
    asyncio.run(main())
