"""Moving previews as animated WebP: the model turned once around, and a clip played from three quarters."""

import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from maquette.studio.picturing.camera import framed, orbit
from maquette.studio.picturing.surface import Surface
from maquette.studio.pose import posed
from maquette.studio.render import draw
from maquette.studio.scene import Clip, Scene

SIZE = 360
TURNTABLE_FRAMES = 24
_TURN_MS = 84  # a turn in two seconds
_CLIP_FRAMES_MAX = 18
_CLIP_RATE = 15  # frames a second of a played clip, as long as it fits
_SHADOWS = 256
_QUALITY = 82

Progress = Callable[[float], None]


def turntable(drawn: Surface, progress: Progress) -> bytes:
    """Turn the model around in front of the lamps: `TURNTABLE_FRAMES` frames that begin and end at three quarters."""
    cameras = orbit(drawn.places, TURNTABLE_FRAMES)

    def frames() -> Iterator[Image.Image]:
        for number, camera in enumerate(cameras):
            progress(number / len(cameras))
            yield draw(drawn, camera, SIZE, shadows=_SHADOWS)

    return _webp(list(frames()), _TURN_MS)


def played(drawn: Surface, scene: Scene, clip: Clip, progress: Progress) -> bytes:
    """Play a clip at its own speed, seen from three quarters by a camera that stands still."""
    numbers, wait = _chosen(clip)
    poses = [posed(scene, clip, number).mesh for number in numbers]
    meshes = [mesh for mesh in poses if mesh is not None]
    used = np.unique(drawn.triangles)
    camera = framed(np.concatenate([mesh.positions[used] for mesh in meshes]))
    frames = []
    for number, mesh in enumerate(meshes):
        progress(number / len(meshes))
        frames.append(draw(drawn.moved(mesh), camera, SIZE, shadows=_SHADOWS))
    return _webp(frames, wait)


def showpiece(clips: Sequence[Clip]) -> Clip | None:
    """Choose the clip that shows best what the model can do: one that travels, else the first."""
    by_name = {clip.name.lower(): clip for clip in clips}
    wanted = next((by_name[name] for name in ("walk", "run", "bounce", "idle") if name in by_name), None)
    return wanted or next(iter(clips), None)


def spread(count: int, wanted: int, *, loop: bool) -> list[int]:
    """Choose at most ``wanted`` of ``count`` frames, evenly; a loop's last one is its first again and left out."""
    last = count - 1 if loop and count > 1 else count
    return [number * last // min(wanted, last) for number in range(min(wanted, last))]


def _chosen(clip: Clip) -> tuple[list[int], int]:
    """Frames to show, and how long each stays (ms): together the clip's own duration."""
    wanted = int(np.clip(round(clip.duration * _CLIP_RATE), 2, _CLIP_FRAMES_MAX))
    numbers = spread(len(clip.times), wanted, loop=clip.loop)
    return numbers, max(20, round(1000 * clip.duration / len(numbers)))


def _webp(frames: Sequence[Image.Image], wait: int) -> bytes:
    stream = io.BytesIO()
    frames[0].save(
        stream,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=wait,
        loop=0,
        quality=_QUALITY,
        method=3,
        minimize_size=False,
    )
    return stream.getvalue()
