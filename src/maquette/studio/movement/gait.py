"""Walking and running: feet follow paths on the ground, the pelvis goes where the legs reach, the rest balances.

Feet are planned and legs solved for them (not the other way round), so a standing foot moves backwards at one constant
speed: played in place over a moving floor, or with root motion, it does not slide. Phases and amplitudes follow the
textbook cycle (Williams, "The Animator's Survival Kit": contact, down, passing, up).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from maquette.studio.movement.biped_stance import Stance
from maquette.studio.movement.limb import REACH
from maquette.studio.movement.motion import Motion, turned
from maquette.studio.scene import Floats

_TAU = 2.0 * np.pi


@dataclass(frozen=True, slots=True)
class Gait:
    """Lengths in leg lengths, angles in radians, times in seconds for a leg of 0.85 m."""

    period: float
    stride: float
    """Half of what a foot travels while on the ground."""
    duty: float
    """Share of the cycle a foot is on the ground."""
    lift: float
    bob: float
    """Pelvis height, up in mid-stance when positive (walking), down (running) when negative."""
    sway: float
    twist: float
    lean: float
    arm_swing: float
    elbow: float
    heel_strike: float
    toe_off: float


GAITS: Mapping[str, Gait] = {
    "walk": Gait(
        period=1.05, stride=0.36, duty=0.62, lift=0.09, bob=0.018, sway=0.025, twist=0.10, lean=0.04,
        arm_swing=0.42, elbow=0.30, heel_strike=0.28, toe_off=0.55,
    ),
    "run": Gait(
        period=0.66, stride=0.40, duty=0.36, lift=0.26, bob=-0.045, sway=0.015, twist=0.18, lean=0.20,
        arm_swing=0.75, elbow=1.35, heel_strike=0.10, toe_off=0.75,
    ),
}  # fmt: skip
_LEG_METRES = 0.85


def gait_frames(stance: Stance, gait: Gait, fps: int) -> int:
    """Frames of one cycle. Small figures step faster: a pendulum's time goes with the root of its length."""
    tempo = float(np.clip((stance.leg_length / _LEG_METRES) ** 0.5, 0.7, 1.6))
    return max(8, round(gait.period * tempo * fps))


def gait_motion(stance: Stance, gait: Gait, frames: int, *, in_place: bool) -> Motion:
    """One cycle from the left foot's contact; frame 0 and the last are equal but for the way covered."""
    phase = np.arange(frames + 1) / frames
    leg = stance.leg_length
    feet = {side: _foot(stance, gait, side, (phase + late) % 1.0) for side, late in (("L", 0.0), ("R", 0.5))}
    contact = np.cos(_TAU * phase)  # +1 where the left foot is in front, -1 where the right one is
    count = frames + 1
    twist = turned(stance.up, -gait.twist * contact, count)
    lean = turned(stance.left, gait.lean, count)
    hips = turned(stance.left, 0.3 * gait.lean, count) * twist
    chest = lean * turned(stance.up, 0.9 * gait.twist * contact, count)
    turns = {"hips": hips, "spine": turned(stance.left, 0.7 * gait.lean, count), "chest": chest}
    turns |= {
        "neck": turned(stance.left, 0.4 * gait.lean, count),
        "head": turned(stance.left, 0.1 * gait.lean, count),
    }
    middle = phase - gait.duty / 2
    shift = leg * (
        np.outer(gait.bob * np.cos(2 * _TAU * middle), stance.up)
        + np.outer(gait.sway * np.cos(_TAU * middle), stance.left)
    )
    shift = shift - np.outer(np.full(count, _drop(stance, feet, shift, hips)), stance.up)
    for side, (ankle, foot) in feet.items():
        thigh, shin = stance.leg_turns(side, shift, hips, ankle)
        turns |= {f"upper_leg.{side}": thigh, f"lower_leg.{side}": shin, f"foot.{side}": foot}
    for side in stance.arms():
        forward = -contact if side == "L" else contact
        turns |= swinging_arm(
            stance, side, chest, gait.arm_swing * forward, gait.elbow * (1.0 + 0.35 * forward)
        )
    travel = np.zeros(count) if in_place else phase * (2 * gait.stride * leg / gait.duty)
    shifts = {stance.roles["hips"]: shift}
    for root in stance.top:
        shifts[root] = shifts.get(root, 0.0) + np.outer(travel, stance.forward)
    return Motion({stance.roles[role]: turn for role, turn in turns.items() if role in stance.roles}, shifts)


def swinging_arm(
    stance: Stance, side: str, chest: Rotation, swing: Floats, elbow: Floats
) -> dict[str, Rotation]:
    """Turn one arm that hangs from a turned chest: upper arm ``swing`` forward, forearm bent by ``elbow``."""
    count = len(swing)
    upper = chest * turned(-stance.left, swing, count) * stance.hanging(side)
    lower = upper * turned(stance.elbow_axis(side), elbow, count)
    return {f"upper_arm.{side}": upper, f"lower_arm.{side}": lower, f"hand.{side}": lower}


def _foot(stance: Stance, gait: Gait, side: str, phase: Floats) -> tuple[Floats, Rotation]:
    """Ankle positions (t, 3) and the foot's turns; phase 0 is contact."""
    standing = phase < gait.duty
    on_ground = phase / gait.duty
    in_air = np.clip((phase - gait.duty) / (1.0 - gait.duty), 0.0, 1.0)
    # In the air a cubic that leaves and lands at the speed of the ground.
    speed = -2.0 * (1.0 - gait.duty) / gait.duty
    u = in_air
    flight = (4 * u**3 - 6 * u**2 + 1) * -1.0 + speed * (2 * u**3 - 3 * u**2 + u)
    along = gait.stride * np.where(standing, 1.0 - 2.0 * on_ground, flight)
    height = np.where(standing, 0.0, gait.lift * np.sin(np.pi * u) ** 2)
    rolled = np.clip((on_ground - 0.55) / 0.45, 0.0, 1.0) ** 2
    landing = np.clip(1.0 - on_ground / 0.18, 0.0, 1.0) ** 2
    eased = u * u * (3.0 - 2.0 * u)
    pitch = np.where(
        standing,
        gait.toe_off * rolled - gait.heel_strike * landing,
        gait.toe_off * (1.0 - eased) - gait.heel_strike * eased,
    )
    leg = stance.leg_length
    tip = np.maximum(pitch, 0.0)  # rolling over the toes lifts the ankle and brings it forward
    ankle = (
        stance.joint(f"foot.{side}")
        + np.outer(along * leg + stance.foot_length * (1.0 - np.cos(tip)), stance.forward)
        + np.outer(height * leg + stance.foot_length * np.sin(tip), stance.up)
    )
    return ankle, turned(stance.left, pitch, len(phase))


def _drop(
    stance: Stance, feet: Mapping[str, tuple[Floats, Rotation]], shift: Floats, hips: Rotation
) -> float:
    """How far the pelvis must sink so that both ankles stay within reach in every frame."""
    drop = 0.0
    pivot = stance.joint("hips")
    for side, (ankle, _) in feet.items():
        hip = pivot + shift + hips.apply(stance.joint(f"upper_leg.{side}") - pivot)
        gap = hip - ankle
        vertical = gap @ stance.up
        flat = np.linalg.norm(gap - np.outer(vertical, stance.up), axis=1)
        reach = REACH * sum(stance.bone_lengths(side))
        drop = max(drop, float((vertical - np.sqrt(np.maximum(reach**2 - flat**2, 0.0))).max()))
    return drop
