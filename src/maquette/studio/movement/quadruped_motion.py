"""Idle, walk, trot and run on four legs: feet follow paths on the ground, legs are solved for them, the trunk balances.

Footfalls are Muybridge's ("Animals in Motion", 1899; named as in Hildebrand, Science 150, 1965): a walk sets down left hind, left
fore, right hind, right fore a quarter of a cycle apart; a trot sets down diagonal pairs; a gallop gathers and stretches.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from maquette.studio.movement.limb import REACH, two_bone_turns
from maquette.studio.movement.motion import Motion, turned
from maquette.studio.movement.quadruped_stance import FEET, PARTS, QuadrupedStance
from maquette.studio.scene import Floats

IDLE_SECONDS = 4.0
_TAU = 2.0 * np.pi
_LEG_METRES = 0.6


@dataclass(frozen=True, slots=True)
class Gait:
    """Lengths in leg lengths, angles in radians, times in seconds for a leg of 0.6 m."""

    period: float
    footfalls: tuple[float, float, float, float]
    """When left hind, left fore, right hind and right fore touch down, in cycles."""
    stride: float
    """Half of what a foot travels while on the ground."""
    duty: float
    """Share of the cycle a foot is on the ground."""
    lift: float
    bob: float
    beats: int
    """Rises of the trunk in a cycle."""
    sway: float
    twist: float
    arch: float
    """Bend of the spine up and down, once a cycle: what a gallop lives on."""
    nod: float
    curl: float
    """How far a lifted foot folds back."""


GAITS: Mapping[str, Gait] = {
    "walk": Gait(
        period=1.1, footfalls=(0.0, 0.25, 0.5, 0.75), stride=0.26, duty=0.64, lift=0.11, bob=0.012, beats=2,
        sway=0.03, twist=0.05, arch=0.0, nod=0.07, curl=0.7,
    ),
    "trot": Gait(
        period=0.68, footfalls=(0.0, 0.5, 0.5, 0.0), stride=0.30, duty=0.46, lift=0.17, bob=0.035, beats=2,
        sway=0.012, twist=0.04, arch=0.0, nod=0.02, curl=0.9,
    ),
    "run": Gait(
        period=0.60, footfalls=(0.0, 0.5, 0.1, 0.6), stride=0.36, duty=0.28, lift=0.24, bob=0.06, beats=1,
        sway=0.0, twist=0.02, arch=0.12, nod=0.10, curl=1.0,
    ),
}  # fmt: skip


def gait_frames(stance: QuadrupedStance, gait: Gait, fps: int) -> int:
    """Frames of one cycle. Small animals step faster: a pendulum's time goes with the root of its length."""
    tempo = float(np.clip((stance.leg_length / _LEG_METRES) ** 0.5, 0.5, 1.8))
    return max(8, round(gait.period * tempo * fps))


def gait_motion(stance: QuadrupedStance, gait: Gait, frames: int, *, in_place: bool) -> Motion:
    """One cycle from the left hind foot's contact; frame 0 and the last are equal but for the way covered."""
    phase = np.arange(frames + 1) / frames
    count, leg = frames + 1, stance.leg_length
    swing = np.cos(_TAU * phase)  # +1 where the left hind foot is in front
    fore = np.cos(_TAU * (phase - gait.footfalls[1]))
    arch = gait.arch * np.cos(_TAU * (phase - 0.05))
    beat = np.cos(gait.beats * _TAU * (phase - gait.duty / 2))
    turns = {
        "hips": turned(stance.left, -arch, count) * turned(stance.up, -gait.twist * swing, count),
        "spine": turned(stance.up, 0.2 * gait.twist * swing, count),
        "chest": turned(stance.left, arch, count) * turned(stance.up, -gait.twist * fore, count),
        "neck": turned(stance.left, 0.5 * arch + gait.nod * np.cos(2 * _TAU * (phase - 0.3)), count),
        "head": turned(stance.left, 0.4 * gait.nod * np.cos(2 * _TAU * (phase - 0.42)), count),
    }
    shift = leg * (
        np.outer(gait.bob * beat, stance.up) + np.outer(gait.sway * np.sin(_TAU * phase), stance.left)
    )
    feet = {
        foot: _foot(stance, gait, foot, (phase - start) % 1.0)
        for foot, start in zip(FEET, gait.footfalls, strict=True)
    }
    travel = np.zeros(count) if in_place else phase * (2 * gait.stride * leg / gait.duty)
    wag = 0.10 * np.sin(_TAU * phase)
    return _motion(stance, turns, shift, feet, np.outer(travel, stance.forward), wag)


def idle_motion(stance: QuadrupedStance, frames: int) -> Motion:
    """Breathing, a look to one side and back, a tail that swings; all four feet stay where they are."""
    phase = np.arange(frames + 1) / frames
    count, leg = frames + 1, stance.leg_length
    breath = np.sin(2 * _TAU * phase)
    look = np.sin(_TAU * phase) * np.sin(np.pi * phase) ** 2
    turns = {
        "hips": turned(stance.left, 0.0, count),
        "spine": turned(stance.left, 0.012 * breath, count),
        "chest": turned(stance.left, -0.012 * breath, count),
        "neck": turned(stance.up, 0.16 * look, count) * turned(stance.left, 0.03 * breath, count),
        "head": turned(stance.up, 0.34 * look, count)
        * turned(stance.left, 0.05 * np.sin(_TAU * phase), count),
    }
    shift = leg * (
        np.outer(-0.01 + 0.006 * breath, stance.up) + np.outer(0.012 * np.sin(_TAU * phase), stance.left)
    )
    still = turned(stance.left, 0.0, count)
    feet = {foot: (stance.leg(foot)[2] + np.zeros((count, 3)), still) for foot in FEET}
    return _motion(stance, turns, shift, feet, np.zeros((count, 3)), 0.22 * np.sin(2 * _TAU * phase))


def _motion(
    stance: QuadrupedStance,
    turns: dict[str, Rotation],
    shift: Floats,
    feet: Mapping[str, tuple[Floats, Rotation]],
    travel: Floats,
    wag: Floats,
) -> Motion:
    """Sink until all feet are in reach, solve the legs, let the tail follow later and farther towards its tip."""
    turns = {role: turn for role, turn in turns.items() if role in stance.roles}
    shift = shift - np.outer(np.full(len(shift), _drop(stance, turns, shift, feet)), stance.up)
    for foot, (ankle, turn) in feet.items():
        end, side = foot.split(".")
        pole = stance.forward if end == "front" else -stance.forward
        top = stance.top_of(foot, turns, shift)
        upper, lower = two_bone_turns(stance.leg(foot), pole, top, ankle, np.broadcast_to(pole, ankle.shape))
        turns |= dict(zip((f"{end}_{part}.{side}" for part in PARTS), (upper, lower, turn), strict=True))
    named = {stance.roles[role]: turn for role, turn in turns.items()}
    count = len(wag)
    for place, bone in enumerate(stance.tail):
        late = np.roll(wag[:-1], place * max(1, (count - 1) // 12))
        swung = np.concatenate([late, late[:1]]) * (0.6 + 0.5 * place)
        named[bone] = turned(stance.up, swung, count)
    shifts = {stance.roles["hips"]: shift}
    for root in (index for index, bone in enumerate(stance.bones) if bone.parent < 0):
        shifts[root] = shifts.get(root, 0.0) + travel
    return Motion(named, shifts)


def _foot(stance: QuadrupedStance, gait: Gait, foot: str, phase: Floats) -> tuple[Floats, Rotation]:
    """Ankle positions (t, 3) and the foot's turns; phase 0 is contact."""
    standing = phase < gait.duty
    u = np.clip((phase - gait.duty) / (1.0 - gait.duty), 0.0, 1.0)
    # In the air a cubic that leaves and lands at the speed of the ground.
    speed = -2.0 * (1.0 - gait.duty) / gait.duty
    flight = (4 * u**3 - 6 * u**2 + 1) * -1.0 + speed * (2 * u**3 - 3 * u**2 + u)
    along = gait.stride * np.where(standing, 1.0 - 2.0 * phase / gait.duty, flight)
    height = np.where(standing, 0.0, gait.lift * np.sin(np.pi * u) ** 2)
    curl = np.where(standing, 0.0, gait.curl * np.sin(np.pi * u**0.7) ** 2)
    leg = stance.leg_length
    ankle = stance.leg(foot)[2] + np.outer(along * leg, stance.forward) + np.outer(height * leg, stance.up)
    return ankle, turned(stance.left, curl, len(phase))


def _drop(
    stance: QuadrupedStance,
    turns: Mapping[str, Rotation],
    shift: Floats,
    feet: Mapping[str, tuple[Floats, Rotation]],
) -> float:
    """How far the trunk must sink so that every ankle stays within reach in every frame."""
    drop = 0.0
    for foot, (ankle, _) in feet.items():
        gap = stance.top_of(foot, turns, shift) - ankle
        vertical = gap @ stance.up
        flat = np.linalg.norm(gap - np.outer(vertical, stance.up), axis=1)
        reach = REACH * sum(stance.leg_bones(foot))
        drop = max(drop, float((vertical - np.sqrt(np.maximum(reach**2 - flat**2, 0.0))).max()))
    return drop
