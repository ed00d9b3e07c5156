"""Animations of a GLB → clips sampled at even times, with every bone keyed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_file import GltfFile, malformed
from maquette.studio.formats.gltf_nodes import unique_names
from maquette.studio.pose import unit_quaternions
from maquette.studio.scene import Bone, Clip, Floats

_WIDTH = {"translation": 3, "rotation": 4, "scale": 3}
_SECONDS_MAX = 600.0
_FPS_FALLBACK = 30
_LOOP_SLACK = 1e-3
_VALUE_MAX = 1e6

Tracks = dict[str, dict[int, Floats]]


def animated_nodes(file: GltfFile) -> set[int]:
    """Nodes that some animation moves."""
    targets: set[int] = set()
    for animation in file.entries("animations"):
        for channel in animation.get("channels", []):
            target = channel.get("target", {})
            if target.get("path") in _WIDTH and isinstance(target.get("node"), int):
                targets.add(target["node"])
    return targets


def read_clips(file: GltfFile, bones: tuple[Bone, ...], bone_of_node: Mapping[int, int]) -> tuple[Clip, ...]:
    """All animations that move a bone, resampled at their own rate (30 fps where keys are uneven)."""
    entries = file.entries("animations")
    names = unique_names(str(entry.get("name") or f"clip_{index}") for index, entry in enumerate(entries))
    clips = []
    for name, entry in zip(names, entries, strict=True):
        clip = _clip(file, name, entry, bone_of_node)
        if clip is not None:
            clips.append(clip)
    return key_every_bone(clips, bones)


def key_every_bone(clips: list[Clip], bones: tuple[Bone, ...]) -> tuple[Clip, ...]:
    """Fill unkeyed channels with the rest pose; scales only for bones that some clip scales."""
    scaled = sorted({bone for clip in clips for bone in clip.scales})

    def held(clip: Clip, values: tuple[float, ...]) -> Floats:
        return np.tile(np.asarray(values, dtype=np.float64), (len(clip.times), 1))

    return tuple(
        replace(
            clip,
            translations={i: held(clip, b.translation) for i, b in enumerate(bones)}
            | dict(clip.translations),
            rotations={i: held(clip, b.rotation) for i, b in enumerate(bones)} | dict(clip.rotations),
            scales={i: held(clip, bones[i].scale) for i in scaled} | dict(clip.scales),
        )
        for clip in clips
    )


def _clip(file: GltfFile, name: str, entry: dict[str, Any], bone_of_node: Mapping[int, int]) -> Clip | None:
    channels = []
    for channel in entry.get("channels", []):
        target = channel.get("target", {})
        if target.get("path") not in _WIDTH or target.get("node") not in bone_of_node:
            continue
        times, values, mode = _sampler(file, entry, channel.get("sampler"), _WIDTH[target["path"]])
        channels.append((target["path"], bone_of_node[target["node"]], times, values, mode))
    if not channels:
        return None
    extras = entry.get("extras")
    hints = extras if isinstance(extras, dict) else {}
    fps = _rate(hints.get("fps"), [times for _, _, times, _, _ in channels])
    duration = max(float(times[-1]) for _, _, times, _, _ in channels)
    if duration > _SECONDS_MAX:
        raise StudioInputError(
            "clip_too_long", f"Clip {name!r} lasts {duration:.0f} s; {_SECONDS_MAX:.0f} is the limit."
        )
    grid = np.arange(round(duration * fps) + 1) / fps
    tracks: Tracks = {path: {} for path in _WIDTH}
    for path, bone, times, values, mode in channels:
        tracks[path][bone] = _sampled(grid, times, values, mode, path)
    loop = hints.get("loop")
    return Clip(
        name=name,
        times=grid,
        fps=fps,
        loop=loop if isinstance(loop, bool) else _ends_where_it_began(tracks),
        translations=tracks["translation"],
        rotations=tracks["rotation"],
        scales=tracks["scale"],
    )


def _sampler(file: GltfFile, entry: dict[str, Any], index: object, width: int) -> tuple[Floats, Floats, str]:
    samplers = entry.get("samplers", [])
    if not isinstance(index, int) or not 0 <= index < len(samplers):
        raise malformed(f"an animation has no sampler {index!r}")
    sampler = samplers[index]
    times = file.floats(sampler.get("input"), 1)[:, 0]
    values = file.floats(sampler.get("output"), width)
    if len(values) and float(np.abs(values).max()) > _VALUE_MAX:
        raise malformed(f"an animation's key goes beyond {_VALUE_MAX:.0e}")
    mode = str(sampler.get("interpolation", "LINEAR"))
    expected = len(times) * (3 if mode == "CUBICSPLINE" else 1)
    if not len(times) or len(values) != expected or times[0] < 0 or (np.diff(times) <= 0).any():
        raise malformed("an animation's keys do not match its times, or its times do not increase")
    return times, values, mode


def _rate(hint: object, all_times: list[Floats]) -> int:
    if isinstance(hint, int) and 1 <= hint <= 240:
        return hint
    times = np.unique(np.concatenate(all_times))
    if len(times) < 2:
        return _FPS_FALLBACK
    rate = round(1.0 / float(np.median(np.diff(times))))
    even = 1 <= rate <= 240 and bool(np.abs(times * rate - np.round(times * rate)).max() < 0.02)
    return rate if even else _FPS_FALLBACK


def _sampled(grid: Floats, times: Floats, values: Floats, mode: str, path: str) -> Floats:
    if mode == "CUBICSPLINE":
        result = _hermite(grid, times, values)
    elif mode == "STEP":
        last = np.clip(np.searchsorted(times, grid + 1e-6, side="right") - 1, 0, len(times) - 1)
        result = values[last]
    else:
        source = unit_quaternions(values) if path == "rotation" else values
        result = np.stack([np.interp(grid, times, column) for column in source.T], axis=1)
    return unit_quaternions(result) if path == "rotation" else result


def _hermite(grid: Floats, times: Floats, values: Floats) -> Floats:
    into, keys, out = (values[part::3] for part in range(3))
    if len(times) == 1:
        return np.repeat(keys, len(grid), axis=0)
    left = np.clip(np.searchsorted(times, grid, side="right") - 1, 0, len(times) - 2)
    span = (times[left + 1] - times[left])[:, None]
    t = np.clip((grid - times[left])[:, None] / span, 0.0, 1.0)
    t2, t3 = t * t, t * t * t
    result: Floats = (
        (2 * t3 - 3 * t2 + 1) * keys[left]
        + span * (t3 - 2 * t2 + t) * out[left]
        + (3 * t2 - 2 * t3) * keys[left + 1]
        + span * (t3 - t2) * into[left + 1]
    )
    return result


def _ends_where_it_began(tracks: Tracks) -> bool:
    changes = [
        np.abs(track[-1] - track[0]).max() for by_bone in tracks.values() for track in by_bone.values()
    ]
    return float(max(changes)) < _LOOP_SLACK
