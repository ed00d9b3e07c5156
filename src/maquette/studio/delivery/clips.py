"""The clips of an export: those inside the mesh's file and those in files of their own, on one skeleton."""

from collections.abc import Mapping
from dataclasses import replace

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_clips import key_every_bone
from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.scene import Clip, Floats, Scene
from maquette.worker.handler import Input

_CLIP_BYTES_MAX = 64 * 2**20


def all_clips(source: Scene, files: tuple[Input, ...]) -> tuple[Clip, ...]:
    """Clips of the mesh's own file and of the clip files, which win over an equal name, on the mesh's bones."""
    clips = {clip.name: clip for clip in source.clips}
    for file in files:
        if file.path.stat().st_size > _CLIP_BYTES_MAX:
            raise StudioInputError("clip_too_large", f"{file.name} is larger than 64 MB.")
        animation = read_glb(file.path.read_bytes())
        if not animation.clips:
            raise StudioInputError("clip_empty", f"{file.name} holds no animation.")
        clips |= {clip.name: _retargeted(clip, animation, source, file.name) for clip in animation.clips}
    return key_every_bone(list(clips.values()), source.bones)


def _retargeted(clip: Clip, animation: Scene, target: Scene, file: str) -> Clip:
    """Move a clip to the bones of the same names in another skeleton."""
    index = {bone.name: number for number, bone in enumerate(target.bones)}
    moved = {old: index[bone.name] for old, bone in enumerate(animation.bones) if bone.name in index}
    if not moved:
        raise StudioInputError(
            "clip_skeleton_mismatch",
            f"{file} moves no bone that the mesh has; rig it with the same skeleton.",
        )

    def track(values: Mapping[int, Floats]) -> dict[int, Floats]:
        return {moved[old]: array for old, array in values.items() if old in moved}

    return replace(
        clip,
        translations=track(clip.translations),
        rotations=track(clip.rotations),
        scales=track(clip.scales),
    )
