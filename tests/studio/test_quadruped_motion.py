"""Quadrupeds in rig and anim: the skeleton, the weights, the order of the footfalls, and feet that stay where they stand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import solids
from step_chain import Chain

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.geometry import turned
from maquette.studio.pose import world_matrices
from maquette.studio.scene import Floats, Scene
from maquette.worker.testing import Recorded

CLIPS = ["idle", "walk", "trot", "run"]
FEET = ("hind_foot.L", "front_foot.L", "hind_foot.R", "front_foot.R")


def box_dog() -> solids.Shape:
    """Trunk, neck, head, tail and four legs as separate boxes, 1.2 m tall, looking along +Z."""
    legs = (solids.box((x, 0.3, z), (0.07, 0.3, 0.08)) for x in (-0.16, 0.16) for z in (-0.5, 0.5))
    return solids.joined(
        solids.box((0, 0.75, 0), (0.23, 0.17, 0.62), 6),
        solids.box((0, 0.98, 0.62), (0.09, 0.2, 0.1)),
        solids.box((0, 1.1, 0.85), (0.11, 0.1, 0.22)),
        solids.box((0, 0.85, -0.85), (0.04, 0.04, 0.26)),
        *legs,
    )


@pytest.fixture(scope="module")
def dog(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recorded, dict[str, Scene]]:
    """A dog that looks along +X, rigged without being told what it is, and its clips."""
    chain = Chain(tmp_path_factory.mktemp("dog"))
    positions, faces = box_dog()
    data = solids.glb_of((turned(positions, 90), faces))
    rigged = chain.run("rig", [chain.file("in.glb", "mesh", data)], {})
    mesh = [item for item in chain.outputs("rig", rigged) if item.kind == "mesh"]
    made = chain.run("anim", mesh, {"clips": CLIPS, "fps": 30})
    assert made.outputs["rig_type"] == "quadruped"
    scenes = {name: read_glb(made.files[f"clip-{name}.glb"].read_bytes()) for name in CLIPS}
    return rigged, scenes


def paths(scene: Scene) -> dict[str, Floats]:
    """Where each bone's head is in every frame, (t, 3)."""
    clip = scene.clips[0]
    worlds = np.array([world_matrices(scene.bones, clip, frame) for frame in range(len(clip.times))])
    return {bone.name: worlds[:, index, :3, 3] for index, bone in enumerate(scene.bones)}


def test_four_legs_are_found_and_bound(dog: tuple[Recorded, dict[str, Scene]]) -> None:
    """The animal is turned to look along +Z, has a bone for each part, and each leg moves with its own bones alone."""
    rigged = dog[0]
    assert rigged.outputs["rig_type"] == "quadruped"
    assert rigged.outputs["armature"]["schema"] == "maquette-quadruped-21"
    parents = {bone["name"]: bone["parent"] for bone in rigged.outputs["armature"]["bones"]}
    assert parents["front_upper_leg.L"] == "chest"
    assert parents["hind_upper_leg.R"] == "hips"
    assert parents["tail_1"] == "hips"
    scene = read_glb(rigged.files["rigged.glb"].read_bytes())
    mesh = scene.mesh
    assert mesh is not None
    assert mesh.joints is not None
    assert mesh.weights is not None
    assert np.ptp(mesh.positions[:, 2]) > 2 * np.ptp(mesh.positions[:, 0])
    assert np.ptp(mesh.positions[:, 1]) == pytest.approx(1.0)
    assert np.abs(mesh.weights.sum(axis=1) - 1).max() < 1e-6
    names = np.array([bone.name for bone in scene.bones])
    strongest = names[np.take_along_axis(mesh.joints, mesh.weights.argmax(axis=1)[:, None], axis=1)[:, 0]]
    low = mesh.positions[:, 1] < 0.3
    for end, ahead in (("front", True), ("hind", False)):
        for side, left in (("L", True), ("R", False)):
            part = low & ((mesh.positions[:, 2] > 0) == ahead) & ((mesh.positions[:, 0] > 0) == left)
            assert all(name.startswith(end) and name.endswith(side) for name in strongest[part])
    nose = mesh.positions[:, 2] > mesh.positions[:, 2].max() - 0.1
    assert set(strongest[nose]) == {"head"}


def test_files_of_a_quadruped_are_valid(
    dog: tuple[Recorded, dict[str, Scene]], validated: Callable[[bytes], list[str]]
) -> None:
    """Neither the skinned mesh nor a clip written again gives the Khronos validator anything to say."""
    assert validated(dog[0].files["rigged.glb"].read_bytes()) == []
    assert validated(write_glb(dog[1]["walk"])) == []


def test_a_walk_sets_its_feet_down_a_quarter_of_a_cycle_apart(dog: tuple[Recorded, dict[str, Scene]]) -> None:
    """Left hind, left fore, right hind, right fore; a trot sets down diagonal pairs together."""

    def landings(name: str) -> list[float]:
        at = paths(dog[1][name])
        frames = len(at[FEET[0]]) - 1
        found = []
        for foot in FEET:
            up = at[foot][:-1, 1] > at[foot][:, 1].min() + 1e-4
            found.append(float(np.flatnonzero(np.roll(up, 1) & ~up)[0]) / frames)
        return found

    walk = np.array(landings("walk"))
    assert np.abs((walk - walk[0]) % 1.0 - (0, 0.25, 0.5, 0.75)).max() < 0.06
    trot = np.array(landings("trot"))
    apart = (trot - trot[0] + 0.1) % 1.0 - 0.1
    assert np.abs(apart - (0, 0.5, 0.5, 0)).max() < 0.08


@pytest.mark.parametrize("gait", ["walk", "trot", "run"])
def test_standing_feet_do_not_slide(gait: str, dog: tuple[Recorded, dict[str, Scene]]) -> None:
    """On the ground each foot moves straight back at one speed, the same for all four; legs keep their lengths."""
    at = paths(dog[1][gait])
    speeds = []
    for foot in FEET:
        way = at[foot]
        low = way[:, 1] < way[:, 1].min() + 1e-5
        both = low[1:] & low[:-1]
        assert both.sum() >= 2
        steps = np.diff(way, axis=0)[both]
        assert np.abs(steps[:, 0]).max() < 1e-5
        speeds += steps[:, 2].tolist()
        leg = np.linalg.norm(way - at[foot.replace("foot", "lower_leg")], axis=1)
        assert np.ptp(leg) < 1e-5
    assert max(speeds) < 0
    assert np.ptp(speeds) < 0.03 * abs(float(np.mean(speeds)))


def test_loops_close_and_idle_stands(dog: tuple[Recorded, dict[str, Scene]]) -> None:
    """Every clip ends where it begins; in idle no foot moves, while head and tail do."""
    for name, scene in dog[1].items():
        first, last = (world_matrices(scene.bones, scene.clips[0], frame) for frame in (0, -1))
        assert np.abs(first - last).max() < 1e-5, name
    idle = paths(dog[1]["idle"])
    assert max(np.ptp(idle[foot], axis=0).max() for foot in FEET) < 1e-5
    assert np.ptp(idle["head"], axis=0).max() > 0.01
    assert np.ptp(idle["tail_3"], axis=0).max() > 0.01


def test_root_motion_covers_the_ground(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Not in place, a foot that stands stays where it is in the world."""
    chain = Chain(tmp_path_factory.mktemp("going"))
    rigged = chain.run(
        "rig", [chain.file("in.glb", "mesh", solids.glb_of(box_dog()))], {"rig_type": "quadruped"}
    )
    mesh = [item for item in chain.outputs("rig", rigged) if item.kind == "mesh"]
    params: dict[str, Any] = {"clips": ["walk"], "in_place": False, "fps": 60}
    scene = read_glb(chain.run("anim", mesh, params).files["clip-walk.glb"].read_bytes())
    at = paths(scene)
    assert at["root"][-1, 2] - at["root"][0, 2] > 0.3
    for foot in FEET:
        low = at[foot][:, 1] < at[foot][:, 1].min() + 1e-5
        still = np.diff(at[foot], axis=0)[low[1:] & low[:-1]]
        assert np.abs(still).max() < 1e-4


def test_four_legs_on_demand(chain: Chain) -> None:
    """Asked for a quadruped, the step makes one of anything, lying along its longer side."""
    shape = solids.box((0, 0.5, 0), (1.0, 0.5, 0.3))
    rigged = chain.run("rig", [chain.file("in.glb", "mesh", solids.glb_of(shape))], {"rig_type": "quadruped"})
    assert rigged.outputs["rig_type"] == "quadruped"
    mesh = read_glb(rigged.files["rigged.glb"].read_bytes()).mesh
    assert mesh is not None
    assert np.ptp(mesh.positions[:, 2]) > np.ptp(mesh.positions[:, 0])
