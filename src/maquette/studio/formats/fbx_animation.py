"""Clips → FBX animation stacks: one stack and layer per clip, three linear curves per bone and channel."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from maquette.studio.formats.fbx_nodes import CENTIMETRES, Builder, Id, Node, Property
from maquette.studio.pose import euler_degrees
from maquette.studio.scene import Clip, Floats

_TICKS = 46_186_158_000
"""FBX time units in a second."""
_TIME_MODES = {24: 11, 25: 10, 30: 6, 60: 3}
_CUSTOM_RATE = 14
_LINEAR = 4


def frame_settings(clips: Sequence[Clip]) -> tuple[tuple[Property, ...], ...]:
    """Rows of ``GlobalSettings``: frame rate and time span."""
    fps = clips[0].fps if clips else 30
    stop = max((clip.duration for clip in clips), default=1.0)
    return (
        ("TimeMode", "enum", "", "", _TIME_MODES.get(fps, _CUSTOM_RATE)),
        ("CustomFrameRate", "double", "Number", "", float(fps)),
        ("TimeSpanStart", "KTime", "Time", "", Id(0)),
        ("TimeSpanStop", "KTime", "Time", "", _ticks(stop)),
    )


def add_animations(build: Builder, clips: Sequence[Clip], bones: Sequence[Id]) -> Node:
    """Add every clip's objects and return the ``Takes`` node that lists them."""
    takes = Node("Takes")
    takes.add("Current", "")
    for clip in clips:
        end = _ticks(clip.duration)
        stack, node = build.object("AnimationStack", clip.name, "AnimStack", "")
        span = (("LocalStart", Id(0)), ("LocalStop", end), ("ReferenceStart", Id(0)), ("ReferenceStop", end))
        node.settings(*((name, "KTime", "Time", "", value) for name, value in span))
        layer, _ = build.object("AnimationLayer", "BaseLayer", "AnimLayer", "")
        build.connect(layer, stack)
        take = takes.add("Take", clip.name)
        take.add("FileName", f"{clip.name}.tak")
        take.add("LocalTime", Id(0), end)
        take.add("ReferenceTime", Id(0), end)
        times = np.round(clip.times * _TICKS).astype(np.int64)
        for letter, prop, tracks in (
            ("T", "Lcl Translation", {bone: v * CENTIMETRES for bone, v in clip.translations.items()}),
            ("R", "Lcl Rotation", {bone: euler_degrees(v) for bone, v in clip.rotations.items()}),
            ("S", "Lcl Scaling", clip.scales),
        ):
            _add_curves(build, layer, (letter, prop), tracks, times, bones)
    return takes


def _add_curves(
    build: Builder,
    layer: Id,
    channel: tuple[str, str],
    tracks: Mapping[int, Floats],
    times: NDArray[np.int64],
    bones: Sequence[Id],
) -> None:
    letter, prop = channel
    for bone in sorted(tracks):
        values = tracks[bone]
        group, node = build.object("AnimationCurveNode", letter, "AnimCurveNode", "")
        node.settings(
            *((f"d|{axis}", "Number", "", "A", float(values[0, i])) for i, axis in enumerate("XYZ"))
        )
        build.connect(group, layer)
        build.connect(group, bones[bone], prop)
        for i, axis in enumerate("XYZ"):
            curve, node = build.object("AnimationCurve", "", "AnimCurve", "")
            node.add("Default", float(values[0, i]))
            node.add("KeyVer", 4008)
            node.add("KeyTime", times)
            node.add("KeyValueFloat", values[:, i].astype(np.float32))
            node.add("KeyAttrFlags", np.array([_LINEAR], np.int32))
            node.add("KeyAttrDataFloat", np.zeros(4, np.float32))
            node.add("KeyAttrRefCount", np.array([len(times)], np.int32))
            build.connect(curve, group, f"d|{axis}")


def _ticks(seconds: float) -> Id:
    return Id(round(seconds * _TICKS))
