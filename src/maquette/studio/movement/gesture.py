"""Standing clips: idle and wave. Feet stay planted; legs are solved for them."""

import numpy as np
from scipy.spatial.transform import Rotation

from maquette.studio.movement.biped_stance import Stance
from maquette.studio.movement.gait import swinging_arm
from maquette.studio.movement.motion import Motion, aligning, blended, turned
from maquette.studio.scene import Floats

IDLE_SECONDS = 3.0
WAVE_SECONDS = 2.5
_TAU = 2.0 * np.pi


def idle_motion(stance: Stance, frames: int) -> Motion:
    """Breathing and a shift of weight, once each way a loop."""
    phase = np.arange(frames + 1) / frames
    return _motion(stance, _standing(stance, phase), phase)


def wave_motion(stance: Stance, frames: int) -> Motion:
    """Raise an arm (the right one where there is one), wave three times, lower it; begins and ends as idle does."""
    phase = np.arange(frames + 1) / frames
    turns = _standing(stance, phase)
    side = stance.arms()[-1]
    outwards = stance.left if side == "L" else -stance.left
    raised = _smooth(phase / 0.22) * _smooth((1.0 - phase) / 0.22)
    swing = 0.45 * np.sin(3 * _TAU * np.clip((phase - 0.2) / 0.6, 0.0, 1.0))
    shoulder, elbow, wrist = (stance.joint(f"{part}.{side}") for part in ("upper_arm", "lower_arm", "hand"))
    start_upper, start_lower = turns[f"upper_arm.{side}"], turns[f"lower_arm.{side}"]
    up_and_out = outwards + 0.25 * stance.up + 0.25 * stance.forward
    upper = blended(start_upper, aligning(elbow - shoulder, up_and_out), raised)
    tilt = np.outer(np.sin(swing + 0.1), outwards) + np.outer(np.cos(swing + 0.1), stance.up)
    reached = aligning(elbow - shoulder, up_and_out)
    folded = aligning(reached.apply(wrist - elbow), tilt + 0.2 * stance.forward) * reached
    lower = blended(start_lower, folded, raised)
    turns |= {f"upper_arm.{side}": upper, f"lower_arm.{side}": lower, f"hand.{side}": lower}
    # About the front axis: the head leans towards the raised arm.
    lean = turned(stance.forward if side == "R" else -stance.forward, 0.08 * raised, len(phase))
    turns["head"] = lean * turns["head"]
    return _motion(stance, turns, phase)


def _standing(stance: Stance, phase: Floats) -> dict[str, Rotation]:
    count = len(phase)
    breath, weight = np.sin(2 * _TAU * phase), np.sin(_TAU * phase)
    chest = turned(stance.left, -0.018 * breath, count) * turned(stance.forward, 0.012 * weight, count)
    turns = {
        "hips": turned(stance.forward, -0.012 * weight, count),
        "spine": turned(stance.left, -0.006 * breath, count),
        "chest": chest,
        "neck": turned(stance.left, -0.008 * breath, count),
        "head": turned(stance.up, 0.06 * weight, count) * turned(stance.left, 0.015 * breath, count),
    }
    for side in stance.arms():
        outwards = 1.0 if side == "L" else -1.0
        sway = turned(stance.forward, outwards * (0.02 + 0.02 * breath), count)
        arm = swinging_arm(stance, side, sway * chest, 0.02 * weight, 0.12 + 0.02 * breath)
        turns |= arm
    return turns


def _motion(stance: Stance, turns: dict[str, Rotation], phase: Floats) -> Motion:
    leg = stance.leg_length
    sink = 0.012 + 0.004 * np.cos(2 * _TAU * phase)
    shift = leg * (np.outer(0.012 * np.sin(_TAU * phase), stance.left) - np.outer(sink, stance.up))
    still = np.zeros((len(phase), 3))
    for side in ("L", "R"):
        ankle = stance.joint(f"foot.{side}") + still
        thigh, shin = stance.leg_turns(side, shift, turns["hips"], ankle)
        turns[f"upper_leg.{side}"], turns[f"lower_leg.{side}"] = thigh, shin
        turns[f"foot.{side}"] = turned(stance.up, 0.0, len(phase))
    named = {stance.roles[role]: turn for role, turn in turns.items() if role in stance.roles}
    return Motion(named, {stance.roles["hips"]: shift})


def _smooth(value: Floats) -> Floats:
    t = np.clip(value, 0.0, 1.0)
    smooth: Floats = t * t * (3.0 - 2.0 * t)
    return smooth
