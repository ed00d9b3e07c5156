"""Step anim: a skinned mesh, made here or elsewhere → one clip file for each wanted motion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.mesh_input import read_mesh
from maquette.studio.movement import gesture, prop_motion, quadruped_motion
from maquette.studio.movement.biped_stance import Stance, measure_stance
from maquette.studio.movement.bone_roles import find_roles, is_biped
from maquette.studio.movement.gait import GAITS, gait_frames, gait_motion
from maquette.studio.movement.motion import Motion, make_clip
from maquette.studio.movement.quadruped_stance import QuadrupedStance, measure_quadruped
from maquette.studio.scene import Bone, Clip, Scene
from maquette.studio.version import VERSION, engine, model
from maquette.worker.handler import Context, Output, Result, Succeeded

_METHOD = "procedural motion; legs solved for planned footsteps; no captured or learned motion"
_FPS = (24, 25, 30, 60)
_FPS_DEFAULT = 24


@dataclass(frozen=True, slots=True)
class _Actor:
    """A skeleton and what can be done with it."""

    bones: tuple[Bone, ...]
    height: float
    stance: Stance | None
    """None for anything but a biped."""
    animal: QuadrupedStance | None
    """None for anything but a quadruped."""
    fps: int
    in_place: bool

    @property
    def kind(self) -> str:
        return "biped" if self.stance else "quadruped" if self.animal else "prop"

    def frames(self, seconds: float) -> int:
        return round(seconds * self.fps)


_Planned = tuple[Motion, int]
"""A motion and its number of frames."""


def _gait(actor: _Actor, stance: Stance, name: str) -> _Planned:
    frames = gait_frames(stance, GAITS[name], actor.fps)
    return gait_motion(stance, GAITS[name], frames, in_place=actor.in_place), frames


def _biped_idle(actor: _Actor, stance: Stance) -> _Planned:
    frames = actor.frames(gesture.IDLE_SECONDS)
    return gesture.idle_motion(stance, frames), frames


def _wave(actor: _Actor, stance: Stance) -> _Planned:
    if not stance.arms():
        raise StudioInputError("clip_unsupported", "Clip 'wave' needs an arm and this skeleton has none.")
    frames = actor.frames(gesture.WAVE_SECONDS)
    return gesture.wave_motion(stance, frames), frames


def _animal_gait(actor: _Actor, animal: QuadrupedStance, name: str) -> _Planned:
    gait = quadruped_motion.GAITS[name]
    frames = quadruped_motion.gait_frames(animal, gait, actor.fps)
    return quadruped_motion.gait_motion(animal, gait, frames, in_place=actor.in_place), frames


def _animal_idle(actor: _Actor, animal: QuadrupedStance) -> _Planned:
    frames = actor.frames(quadruped_motion.IDLE_SECONDS)
    return quadruped_motion.idle_motion(animal, frames), frames


def _prop_idle(actor: _Actor) -> _Planned:
    frames = actor.frames(prop_motion.IDLE_SECONDS)
    return prop_motion.idle_motion(actor.bones, actor.height, frames), frames


def _spin(actor: _Actor) -> _Planned:
    frames = actor.frames(prop_motion.SPIN_SECONDS)
    return prop_motion.spin_motion(actor.bones, frames), frames


def _bounce(actor: _Actor) -> _Planned:
    frames = actor.frames(prop_motion.BOUNCE_SECONDS)
    return prop_motion.bounce_motion(actor.bones, actor.height, frames), frames


_BIPED_CLIPS: Mapping[str, Callable[[_Actor, Stance], _Planned]] = {
    "idle": _biped_idle,
    "walk": lambda actor, stance: _gait(actor, stance, "walk"),
    "run": lambda actor, stance: _gait(actor, stance, "run"),
    "wave": _wave,
}
_QUADRUPED_CLIPS: Mapping[str, Callable[[_Actor, QuadrupedStance], _Planned]] = {
    "idle": _animal_idle,
    "walk": lambda actor, animal: _animal_gait(actor, animal, "walk"),
    "trot": lambda actor, animal: _animal_gait(actor, animal, "trot"),
    "run": lambda actor, animal: _animal_gait(actor, animal, "run"),
}
_ANY_CLIPS: Mapping[str, Callable[[_Actor], _Planned]] = {
    "idle": _prop_idle,
    "spin": _spin,
    "bounce": _bounce,
}
_ONCE = frozenset({"wave"})
"""Clips that end where idle begins instead of looping."""


def anim(context: Context) -> Result:
    """Make ``clips`` for the skeleton of the first mesh, every bone keyed in each, at ``fps``.

    By default idle and walk for whatever has legs, idle and spin for anything else. ``in_place`` (default true)
    keeps walk and run on the spot; else the topmost bone travels.
    """
    try:
        return _anim(context)
    except StudioInputError as error:
        return error.failed()


def _anim(context: Context) -> Succeeded:
    fps = context.params.get("fps") or _FPS_DEFAULT
    if isinstance(fps, bool) or fps not in _FPS:
        raise StudioInputError("parameter_invalid", "fps must be 24, 25, 30 or 60.")
    in_place = context.params.get("in_place")
    wanted = _wanted(context)
    context.progress(0.0, "reading the skeleton")
    scene, mesh = read_mesh(context)
    if not scene.bones:
        raise StudioInputError("mesh_not_skinned", "The mesh has no skeleton: run rig on it first.")
    roles = find_roles(scene.bones)
    stance = measure_stance(scene.bones, roles) if is_biped(roles) else None
    actor = _Actor(
        bones=scene.bones,
        height=prop_motion.skeleton_height(scene.bones, mesh.positions),
        stance=stance,
        animal=None if stance else measure_quadruped(scene.bones),
        fps=int(fps),
        in_place=True if in_place is None else bool(in_place),
    )
    names = wanted or (["idle", "spin"] if actor.kind == "prop" else ["idle", "walk"])
    clips = []
    for number, name in enumerate(names):
        context.progress(0.2 + 0.7 * number / len(names), f"animating {name}")
        clips.append(_clip(actor, name))
    made = tuple(_written(context, scene, clip) for clip in clips)
    context.progress(1.0, "done")
    return Succeeded(
        artifacts=made,
        outputs={
            "clips": [_facts(clip) for clip in clips],
            "rig_type": actor.kind,
        },
        model=model("anim"),
        model_version=VERSION,
    )


def _wanted(context: Context) -> list[str]:
    """Clip names without repetition; empty when the skeleton may choose."""
    clips = context.params.get("clips")
    if clips is None:
        return []
    if not isinstance(clips, list | tuple) or not all(isinstance(name, str) for name in clips):
        raise StudioInputError("parameter_invalid", "clips must be a list of names.")
    known = [*dict.fromkeys([*_BIPED_CLIPS, *_QUADRUPED_CLIPS, *_ANY_CLIPS])]
    for name in clips:
        if name not in known:
            raise StudioInputError("clip_unknown", f"No clip {name!r:.40}: there are {', '.join(known)}.")
    return list(dict.fromkeys(clips))


def _clip(actor: _Actor, name: str) -> Clip:
    if actor.stance and name in _BIPED_CLIPS:
        motion, frames = _BIPED_CLIPS[name](actor, actor.stance)
    elif actor.animal and name in _QUADRUPED_CLIPS:
        motion, frames = _QUADRUPED_CLIPS[name](actor, actor.animal)
    elif name in _ANY_CLIPS:
        motion, frames = _ANY_CLIPS[name](actor)
    else:
        raise StudioInputError(
            "clip_unsupported",
            f"Clip {name!r} needs limbs that no bones of this skeleton are by their names; "
            f"it can do {', '.join(_offered(actor))}.",
        )
    return make_clip(actor.bones, motion, name, actor.fps, frames, loop=name not in _ONCE)


def _offered(actor: _Actor) -> list[str]:
    own = {"biped": _BIPED_CLIPS, "quadruped": _QUADRUPED_CLIPS}.get(actor.kind, {})
    return [*dict.fromkeys([*own, *_ANY_CLIPS])]


def _written(context: Context, scene: Scene, clip: Clip) -> Output:
    made_by = engine(_METHOD)
    path = context.workdir / f"clip-{clip.name}.glb"
    alone = Scene(name=clip.name, mesh=None, bones=scene.bones, clips=(clip,), extras={"engine": made_by})
    path.write_bytes(write_glb(alone))
    return Output(
        path=path, kind="clip", media_type="model/gltf-binary", attributes={**_facts(clip), "engine": made_by}
    )


def _facts(clip: Clip) -> dict[str, object]:
    return {"name": clip.name, "duration": round(clip.duration, 6), "fps": clip.fps, "loop": clip.loop}
