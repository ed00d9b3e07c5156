"""Step anim: feet, loops, keys, and skeletons of other makes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import solids
from scipy.spatial.transform import Rotation
from step_chain import Chain

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.movement.bone_roles import find_roles, is_biped
from maquette.studio.pose import world_matrices
from maquette.studio.scene import Bone, Clip, Floats, Scene
from maquette.worker.testing import Recorded

# Name, parent, head in metres: a person in a T-pose, as Mixamo names it.
MIXAMO: list[tuple[str, str, tuple[float, float, float]]] = [
    ("Hips", "", (0, 1.0, 0)),
    ("Spine", "Hips", (0, 1.1, 0)),
    ("Spine1", "Spine", (0, 1.22, 0)),
    ("Spine2", "Spine1", (0, 1.34, 0)),
    ("Neck", "Spine2", (0, 1.5, 0)),
    ("Head", "Neck", (0, 1.58, 0)),
    ("HeadTop_End", "Head", (0, 1.75, 0)),
]
for _name, _sign in (("Left", 1), ("Right", -1)):
    MIXAMO += [
        (f"{_name}Shoulder", "Spine2", (_sign * 0.05, 1.45, 0)),
        (f"{_name}Arm", f"{_name}Shoulder", (_sign * 0.18, 1.45, 0)),
        (f"{_name}ForeArm", f"{_name}Arm", (_sign * 0.45, 1.45, 0)),
        (f"{_name}Hand", f"{_name}ForeArm", (_sign * 0.7, 1.45, 0)),
        (f"{_name}UpLeg", "Hips", (_sign * 0.1, 0.94, 0)),
        (f"{_name}Leg", f"{_name}UpLeg", (_sign * 0.1, 0.52, 0.01)),
        (f"{_name}Foot", f"{_name}Leg", (_sign * 0.1, 0.1, 0)),
        (f"{_name}ToeBase", f"{_name}Foot", (_sign * 0.1, 0.03, 0.13)),
    ]


def mixamo(*, turned: bool = False, scale: float = 1.0) -> tuple[Bone, ...]:
    """The skeleton, with or without arbitrary rest rotations, and with a scaled armature above it or none."""
    index = {name: place for place, (name, _, _) in enumerate(MIXAMO)}
    rng = np.random.default_rng(4)
    turns = [Rotation.random(random_state=rng) if turned else Rotation.identity() for _ in MIXAMO]
    bones = []
    for place, (name, parent, head) in enumerate(MIXAMO):
        above = index[parent] if parent else -1
        frame = turns[above] if parent else Rotation.identity()
        origin = np.asarray(MIXAMO[above][2]) if parent else np.zeros(3)
        x, y, z, w = (frame.inv() * turns[place]).as_quat().tolist()
        offset = frame.inv().apply(np.asarray(head) - origin) / scale
        bones.append(Bone(f"mixamorig:{name}", above, tuple(offset.tolist()), rotation=(x, y, z, w)))
    if scale == 1.0:
        return tuple(bones)
    wrapped = [replace(bone, parent=bone.parent + 1) for bone in bones]
    return (Bone("Armature", -1, (0.0, 0.0, 0.0), scale=(scale,) * 3), *wrapped)


def foreign(bones: tuple[Bone, ...]) -> bytes:
    """A box man bound stiffly to the first bone: enough to be a skinned file."""
    scene = solids.scene_of(solids.box_man("spread"))
    assert scene.mesh is not None
    joints = np.zeros((len(scene.mesh.positions), 4), np.int64)
    weights = np.tile([1.0, 0, 0, 0], (len(joints), 1))
    return write_glb(replace(scene, mesh=replace(scene.mesh, joints=joints, weights=weights), bones=bones))


def run(chain: Chain, data: bytes, **params: Any) -> Recorded:
    return chain.run("anim", [chain.file("rigged.glb", "mesh", data, "rig")], params)


def clips_of(recorded: Recorded) -> dict[str, tuple[Scene, Clip]]:
    scenes = [read_glb(path.read_bytes()) for path in recorded.files.values()]
    return {scene.clips[0].name: (scene, scene.clips[0]) for scene in scenes}


def paths(scene: Scene, clip: Clip) -> dict[str, Floats]:
    """Where each bone's head is in every frame, (t, 3)."""
    worlds = np.array([world_matrices(scene.bones, clip, frame) for frame in range(len(clip.times))])
    return {bone.name: worlds[:, index, :3, 3] for index, bone in enumerate(scene.bones)}


@pytest.fixture(scope="module")
def man(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A box man as our own rig step leaves him."""
    chain = Chain(tmp_path_factory.mktemp("man"))
    done = chain.run("rig", [chain.file("in.glb", "mesh", solids.glb_of(solids.box_man("spread")))], {})
    return done.files["rigged.glb"].read_bytes()


@pytest.fixture(scope="module")
def moves(man: bytes, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Every clip a biped has."""
    names = ["idle", "walk", "run", "wave", "spin", "bounce"]
    return run(Chain(tmp_path_factory.mktemp("moves")), man, clips=names, fps=30)


@pytest.mark.parametrize("gait", ["walk", "run"])
def test_feet_alternate(gait: str, moves: Recorded) -> None:
    """Each foot swings to the front and is lifted, one half a cycle after the other; the hips rise and fall."""
    at = paths(*clips_of(moves)[gait])
    left, right = at["foot.L"], at["foot.R"]
    leg = at["upper_leg.L"][0, 1] - 0.1
    assert np.ptp(left[:, 2]) > 0.5 * leg
    assert np.ptp(left[:, 1]) > 0.08 * leg
    assert np.corrcoef(left[:, 2], right[:, 2])[0, 1] < -0.5
    assert 0.005 < np.ptp(at["hips"][:, 1]) < 0.3 * leg


@pytest.mark.parametrize("gait", ["walk", "run"])
def test_a_standing_foot_keeps_the_speed_of_the_ground(gait: str, moves: Recorded) -> None:
    """While it stands flat a foot moves straight back at one speed: over a moving floor it does not slide."""
    at = paths(*clips_of(moves)[gait])
    foot = at["foot.L"]
    flat = np.flatnonzero(foot[:, 1] < foot[:, 1].min() + 1e-4)
    flat = flat[flat < len(foot) * 0.6]
    assert len(flat) >= 3
    assert (np.diff(flat) == 1).all()
    speeds = np.diff(foot[flat, 2])
    assert speeds.max() < 0
    assert np.ptp(speeds) < 0.02 * np.abs(speeds).max()
    assert np.ptp(foot[flat, 0]) < 1e-4


def test_knees_bend_forwards_and_bones_keep_their_lengths(moves: Recorded) -> None:
    """In every frame the knee lies in front of the line from hip to ankle, and no bone is stretched."""
    scene, clip = clips_of(moves)["run"]
    at = paths(scene, clip)
    middle = (at["upper_leg.L"] + at["foot.L"]) / 2
    assert (at["lower_leg.L"] - middle)[:, 2].min() > 0
    for index, bone in enumerate(scene.bones):
        if bone.parent >= 0 and bone.name != "hips":
            above = scene.bones[bone.parent].name
            length = np.linalg.norm(at[bone.name] - at[above], axis=1)
            assert np.ptp(length) < 1e-4, scene.bones[index].name


def test_loops_close(moves: Recorded) -> None:
    """The last frame of a looping clip is its first, and the step across the seam is no longer than any other."""
    told = {clip["name"]: clip for clip in moves.outputs["clips"]}
    for name, (scene, clip) in clips_of(moves).items():
        assert told[name]["loop"] == clip.loop == (name != "wave")
        assert told[name]["duration"] == pytest.approx(clip.duration, abs=1e-5)
        assert told[name]["fps"] == clip.fps == 30
        worlds = [world_matrices(scene.bones, clip, frame) for frame in (0, 1, 2, -2, -1)]
        assert np.abs(worlds[0] - worlds[-1]).max() < 1e-5, name
        ends = np.abs(worlds[-1] - worlds[-2]).max()
        assert (
            ends < 4 * max(np.abs(worlds[1] - worlds[0]).max(), np.abs(worlds[2] - worlds[1]).max()) + 1e-3
        ), name


def test_every_bone_is_keyed_in_every_clip(moves: Recorded) -> None:
    """Translation, rotation and scale of all bones, at every frame, with unit quaternions that never jump."""
    for scene, clip in clips_of(moves).values():
        every = set(range(len(scene.bones)))
        assert set(clip.translations) == set(clip.rotations) == set(clip.scales) == every
        assert np.allclose(np.diff(clip.times), 1 / 30, atol=1e-6)
        for track in clip.rotations.values():
            assert len(track) == len(clip.times)
            assert np.abs(np.linalg.norm(track, axis=1) - 1).max() < 1e-5
            assert (track[1:] * track[:-1]).sum(axis=1).min() > 0.7


def test_root_motion_travels_as_the_feet_do(man: bytes, chain: Chain) -> None:
    """With ``in_place`` false the root goes forward, and a standing foot stays where it is."""
    at = paths(*clips_of(run(chain, man, clips=["walk"], in_place=False, fps=60))["walk"])
    assert np.diff(at["root"][:, 2]).min() > 0
    foot = at["foot.L"]
    flat = np.flatnonzero(foot[:, 1] < foot[:, 1].min() + 1e-4)
    flat = flat[flat < len(foot) * 0.6]
    assert np.ptp(foot[flat, 2]) < 0.002
    assert at["root"][-1, 2] > 0.5
    still = paths(*clips_of(run(chain, man, clips=["walk"]))["walk"])
    assert np.ptp(still["root"], axis=0).max() < 1e-6


def test_rest_rotations_make_no_difference(chain: Chain) -> None:
    """The same skeleton with joints oriented at random, or under a scaled armature, moves the same way."""
    plain = paths(*clips_of(run(chain, foreign(mixamo()), clips=["walk"]))["walk"])
    for bones in (mixamo(turned=True), mixamo(turned=True, scale=0.01)):
        other = paths(*clips_of(run(chain, foreign(bones), clips=["walk"]))["walk"])
        for name, path in plain.items():
            assert np.abs(other[name] - path).max() < 1e-3, name


def test_a_t_pose_walks_with_its_arms_down(chain: Chain) -> None:
    """A foreign biped is known by its bones' names; its arms hang and swing against the legs."""
    recorded = run(chain, foreign(mixamo()))
    assert [clip["name"] for clip in recorded.outputs["clips"]] == ["idle", "walk"]
    at = paths(*clips_of(recorded)["walk"])
    hand, shoulder = at["mixamorig:LeftHand"], at["mixamorig:LeftArm"]
    assert (hand - shoulder)[:, 1].max() < -0.2
    assert np.corrcoef(hand[:, 2], at["mixamorig:LeftFoot"][:, 2])[0, 1] < -0.5
    assert np.corrcoef(hand[:, 2], at["mixamorig:RightFoot"][:, 2])[0, 1] > 0.5


def test_waving_raises_one_hand_above_the_shoulder(moves: Recorded) -> None:
    """The right hand goes up, from side to side at least five times, and down again; feet stay."""
    at = paths(*clips_of(moves)["wave"])
    hand = at["hand.R"]
    assert hand[:, 1].max() > at["upper_arm.R"][0, 1] + 0.1
    turns = np.diff(np.sign(np.diff(hand[:, 0])))
    assert (turns != 0).sum() >= 5
    assert np.ptp(at["foot.L"], axis=0).max() < 1e-3
    assert at["hand.L"][:, 1].max() < at["upper_arm.L"][0, 1]


def test_props_idle_spin_and_bounce(chain: Chain) -> None:
    """A prop turns once about itself, hops and lands squashed; walking is refused with what it can do instead."""
    done = chain.run("rig", [chain.file("in.glb", "mesh", solids.glb_of(solids.sphere()))], {})
    data = done.files["rigged.glb"].read_bytes()
    assert [clip["name"] for clip in run(chain, data).outputs["clips"]] == ["idle", "spin"]
    clips = clips_of(run(chain, data, clips=["spin", "bounce"]))
    scene, spin = clips["spin"]
    sides = np.array([world_matrices(scene.bones, spin, frame)[1][:3, 0] for frame in range(len(spin.times))])
    angle = np.unwrap(np.arctan2(-sides[:, 2], sides[:, 0]))
    assert angle[-1] - angle[0] == pytest.approx(2 * np.pi, abs=1e-3)
    assert np.ptp(np.diff(angle)) < 1e-3
    scene, bounce = clips["bounce"]
    assert 0.4 < np.ptp(bounce.translations[0][:, 1]) < 0.8
    assert bounce.scales[0][0][1] < 0.9
    assert bounce.scales[0][0][0] > 1.05
    assert np.abs(bounce.scales[0].prod(axis=1) - 1).max() < 1e-5
    refused = run(chain, data, clips=["walk"]).failed
    assert refused.code == "clip_unsupported"
    assert "spin" in refused.message


NAMINGS = {
    "ours": ("hips", "chest", "upper_arm.{l}", "lower_arm.{l}", "hand.{l}", "upper_leg.{l}", "lower_leg.{l}", "foot.{l}"),
    "mixamo": ("mixamorig:Hips", "mixamorig:Spine2", "mixamorig:{Left}Arm", "mixamorig:{Left}ForeArm", "mixamorig:{Left}Hand", "mixamorig:{Left}UpLeg", "mixamorig:{Left}Leg", "mixamorig:{Left}Foot"),
    "unreal": ("pelvis", "spine_03", "upperarm_{l}", "lowerarm_{l}", "hand_{l}", "thigh_{l}", "calf_{l}", "foot_{l}"),
    "vrm": ("J_Bip_C_Hips", "J_Bip_C_Chest", "J_Bip_{L}_UpperArm", "J_Bip_{L}_LowerArm", "J_Bip_{L}_Hand", "J_Bip_{L}_UpperLeg", "J_Bip_{L}_LowerLeg", "J_Bip_{L}_Foot"),
    "biped": ("Bip01 Pelvis", "Bip01 Spine1", "Bip01 {L} UpperArm", "Bip01 {L} Forearm", "Bip01 {L} Hand", "Bip01 {L} Thigh", "Bip01 {L} Calf", "Bip01 {L} Foot"),
    "rigify": ("DEF-pelvis", "DEF-chest", "DEF-upper_arm.{L}", "DEF-forearm.{L}", "DEF-hand.{L}", "DEF-thigh.{L}", "DEF-shin.{L}", "DEF-foot.{L}"),
    "lower case": ("hip", "torso", "{left}arm", "{left}elbow", "{left}wrist", "{left}thigh", "{left}knee", "{left}ankle"),
}  # fmt: skip


@pytest.mark.parametrize("naming", NAMINGS)
def test_bones_are_known_by_many_names(naming: str) -> None:
    """Each convention gives whole arms and legs on the right sides; helper bones do not get in the way."""
    hips, chest, *limbs = NAMINGS[naming]
    bones = [
        Bone(hips, -1, (0.0, 1.0, 0.0)),
        Bone("spine", 0, (0.0, 0.2, 0.0)),
        Bone(chest, 1, (0.0, 0.2, 0.0)),
    ]
    for side in ("left", "right"):
        words = {"left": side, "Left": side.title(), "l": side[0], "L": side[0].upper()}
        for number, pattern in enumerate(limbs):
            parent = (2 if number == 0 else 0) if number in {0, 3} else len(bones) - 1
            bones.append(Bone(pattern.format(**words), parent, (0.0, -0.1, 0.0)))
        bones.append(Bone(limbs[0].format(**words) + "_twist_01", len(bones) - 6, (0.0, 0.0, 0.0)))
    roles = find_roles(bones)
    assert is_biped(roles)
    assert (roles["hips"], roles["chest"]) == (0, 2)
    parts = ("upper_arm", "lower_arm", "hand", "upper_leg", "lower_leg", "foot")
    assert [roles[f"{part}.L"] for part in parts] == [3, 4, 5, 6, 7, 8]
    assert [roles[f"{part}.R"] for part in parts] == [10, 11, 12, 13, 14, 15]


def test_unknown_bones_are_a_prop(chain: Chain) -> None:
    """A skeleton whose names say nothing is moved as one piece by its topmost bone."""
    named = tuple(replace(bone, name=f"bone_{index}") for index, bone in enumerate(mixamo(turned=True)))
    recorded = run(chain, foreign(named), clips=["spin", "idle"])
    assert recorded.outputs["rig_type"] == "prop"
    scene, spin = clips_of(recorded)["spin"]
    first, later = (world_matrices(scene.bones, spin, frame) for frame in (0, 12))
    turn = later[:, :3, :3] @ np.swapaxes(first[:, :3, :3], 1, 2)
    assert np.abs(turn - turn[0]).max() < 1e-5
    assert np.abs(turn[0] @ (0, 1, 0) - (0, 1, 0)).max() < 1e-5


def test_equal_input_gives_equal_bytes(man: bytes, chain: Chain) -> None:
    """Every clip file, byte for byte."""
    first, second = (run(chain, man, clips=["walk", "wave", "idle"]).files for _ in range(2))

    def contents(files: dict[str, Path]) -> dict[str, bytes]:
        return {name: path.read_bytes() for name, path in files.items()}

    assert contents(first) == contents(second)
    assert set(first) == {"clip-walk.glb", "clip-wave.glb", "clip-idle.glb"}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"clips": ["moonwalk"]}, "clip_unknown"),
        ({"clips": ["walk", "../walk"]}, "clip_unknown"),
        ({"clips": "walk"}, "parameter_invalid"),
        ({"clips": [1]}, "parameter_invalid"),
        ({"fps": 23}, "parameter_invalid"),
        ({"fps": "24"}, "parameter_invalid"),
        ({"fps": True}, "parameter_invalid"),
        ({"fps": [24]}, "parameter_invalid"),
    ],
)
def test_bad_parameters_are_refused(params: dict[str, Any], code: str, man: bytes, chain: Chain) -> None:
    """What cannot be animated as asked fails for good, with a code."""
    failed = run(chain, man, **params).failed
    assert (failed.code, failed.error_class) == (code, "invalid")


def test_a_mesh_without_skeleton_is_refused(chain: Chain) -> None:
    """There is nothing to move: the message says what to do first."""
    failed = run(chain, solids.glb_of(solids.sphere())).failed
    assert failed.code == "mesh_not_skinned"
    assert "rig" in failed.message
