"""Step rig: what a mesh is taken for, where its bones go, and how it is bound."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import solids
from step_chain import Chain

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.pose import world_matrices
from maquette.studio.rigging.skeleton import BIPED_SCHEMA, PROP_SCHEMA
from maquette.studio.scene import Floats, Ints, Mesh, Scene
from maquette.worker.testing import Recorded

BIPED = {
    *("root", "hips", "spine", "chest", "neck", "head"),
    *(
        f"{part}.{side}"
        for part in ("upper_arm", "lower_arm", "hand", "upper_leg", "lower_leg", "foot")
        for side in "LR"
    ),
}


def run(chain: Chain, shape: solids.Shape, **params: Any) -> Recorded:
    return chain.run("rig", [chain.file("in.glb", "mesh", solids.glb_of(shape))], params)


def rigged(recorded: Recorded) -> tuple[Scene, Mesh, Ints, Floats]:
    """The scene, its mesh, and the mesh's joints and weights."""
    scene = read_glb(recorded.files["rigged.glb"].read_bytes())
    assert scene.mesh is not None
    assert scene.mesh.joints is not None
    assert scene.mesh.weights is not None
    return scene, scene.mesh, scene.mesh.joints, scene.mesh.weights


def heads(scene: Scene) -> dict[str, Floats]:
    """Where each bone begins, in metres."""
    worlds = world_matrices(scene.bones)
    return {bone.name: worlds[index][:3, 3] for index, bone in enumerate(scene.bones)}


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (lambda: solids.box_man("hanging"), "biped"),
        (lambda: solids.box_man("spread"), "biped"),
        (lambda: solids.moved(solids.box_man("spread"), 40.0, (300.0, -20.0, 7.0)), "biped"),
        (lambda: solids.box((0, 1, 0), (0.4, 1, 0.4)), "prop"),
        (solids.table, "prop"),
        (solids.chair, "prop"),
        (solids.sphere, "prop"),
        (solids.sheet, "prop"),
        (lambda: solids.soup(800), "prop"),
    ],
    ids=["box man", "arms spread", "elsewhere", "pillar", "table", "chair", "sphere", "sheet", "soup"],
)
def test_the_template_is_read_from_the_shape(
    shape: Callable[[], solids.Shape], kind: str, chain: Chain
) -> None:
    """Two legs and two free arms in the front view make a biped; furniture and other things are props."""
    outputs = run(chain, shape()).outputs
    assert outputs["rig_type"] == kind
    assert outputs["armature"]["schema"] == (BIPED_SCHEMA if kind == "biped" else PROP_SCHEMA)
    assert {bone["name"] for bone in outputs["armature"]["bones"]} == (
        BIPED if kind == "biped" else {"root", "body"}
    )


@pytest.mark.parametrize("arms", ["hanging", "spread"])
def test_bones_lie_in_the_limbs_they_are_named_after(arms: str, chain: Chain) -> None:
    """Left is the character's own left (+X as it faces +Z), knees are between hips and ankles, hands at the arms' ends."""
    shape = solids.box_man(arms)
    scene, mesh, _, _ = rigged(run(chain, shape))
    at = heads(scene)
    scale = 1.7 / 1.88
    assert np.abs(at["root"]).max() < 1e-6
    for side, sign in (("L", 1), ("R", -1)):
        assert abs(at[f"upper_leg.{side}"][0] - sign * 0.12 * scale) < 0.04
        assert abs(at[f"foot.{side}"][0] - sign * 0.12 * scale) < 0.04
        assert at[f"upper_leg.{side}"][1] > at[f"lower_leg.{side}"][1] > at[f"foot.{side}"][1] > 0
        assert abs(at[f"upper_leg.{side}"][1] - 0.86 * scale) < 0.15
        hand = (0.32, 0.83) if arms == "hanging" else (0.8, 1.45)
        assert np.abs(at[f"hand.{side}"][:2] - np.multiply((sign * hand[0], hand[1]), scale)).max() < 0.08
    assert at["hips"][1] < at["spine"][1] < at["chest"][1] < at["neck"][1] < at["head"][1]
    assert abs(at["head"][1] - 1.6 * scale) < 0.12
    assert np.ptp(mesh.positions[:, 1]) == pytest.approx(1.7, abs=1e-5)


@pytest.mark.parametrize("shape", ["box man", "blob", "soup", "sheet", "touching cubes"])
def test_weights_are_sound_on_any_mesh(shape: str, chain: Chain) -> None:
    """At most four influences, none negative, rows summing to one, and the artifact says the same as the GLB."""
    made = {
        "box man": solids.box_man,
        "blob": lambda: solids.blob(40),
        "soup": lambda: solids.soup(600),
        "sheet": lambda: solids.sheet(20),
        "touching cubes": solids.touching_cubes,
    }[shape]()
    recorded = run(chain, made, rig_type="biped")
    scene, mesh, joints, weights = rigged(recorded)
    told = recorded.outputs["weights"]
    assert weights.shape == (len(mesh.positions), 4)
    assert weights.min() >= 0
    assert np.abs(weights.sum(axis=1) - 1).max() < 1e-6
    assert told["max_influences"] == (weights > 0).sum(axis=1).max() <= 4
    assert told["sum_error"] < 1e-6
    assert joints.max() < len(scene.bones)
    assert not (weights[joints == 0] > 0).any(), "the root carries nothing"
    with np.load(recorded.files[told["artifact"]]) as table:
        assert np.abs(table["weights"] - weights).max() < 1e-6
        assert (table["joints"][weights > 0] == joints[weights > 0]).all()
        assert list(table["bones"]) == [bone.name for bone in scene.bones]


def test_parts_follow_the_right_bones(chain: Chain) -> None:
    """Hands, feet and head hang on their own bones, although the arms hang beside the body and touch nothing."""
    scene, mesh, joints, weights = rigged(run(chain, solids.box_man("hanging")))
    names = np.array([bone.name for bone in scene.bones])
    strongest = names[np.take_along_axis(joints, weights.argmax(axis=1)[:, None], axis=1)[:, 0]]
    x, y = mesh.positions[:, 0] * 1.88 / 1.7, mesh.positions[:, 1] * 1.88 / 1.7
    assert set(strongest[y > 1.7]) == {"head"}
    assert set(strongest[(x > 0.25) & (y < 0.8)]) <= {"hand.L", "lower_arm.L"}
    assert set(strongest[(x < -0.25)]) <= {"hand.R", "lower_arm.R", "upper_arm.R"}
    assert set(strongest[(np.abs(x) < 0.22) & (x > 0) & (y < 0.05)]) == {"foot.L"}
    assert set(strongest[(np.abs(x) < 0.22) & (x < 0) & (y < 0.6)]) <= {
        "foot.R",
        "lower_leg.R",
        "upper_leg.R",
    }


def test_seams_do_not_tear(chain: Chain) -> None:
    """Vertices at one place, split for shading or texture, have the same weights."""
    _, mesh, joints, weights = rigged(run(chain, solids.box_man("spread"), rig_type="biped"))
    dense = np.zeros((len(weights), int(joints.max()) + 1))
    np.add.at(dense, (np.arange(len(weights))[:, None], joints), weights)
    _, place = np.unique(np.round(mesh.positions, 5), axis=0, return_inverse=True)
    place = place.reshape(-1)
    first = np.full(place.max() + 1, -1)
    first[place[::-1]] = np.arange(len(place))[::-1]
    assert len(first) < len(place), "there are seams to speak of"
    assert np.abs(dense - dense[first[place]]).max() < 1e-6


def test_props_keep_their_size_unless_asked(chain: Chain) -> None:
    """A prop stands on the ground centre at its own size; ``height_meters`` scales it; a biped is 1.7 m by default."""
    shape = solids.moved(solids.sphere(), 3.0, (10.0, 5.0, -4.0))
    _, mesh, joints, weights = rigged(run(chain, shape))
    low, high = mesh.positions.min(axis=0), mesh.positions.max(axis=0)
    assert np.allclose(high - low, 6.0, atol=1e-3)
    assert np.allclose((low + high)[[0, 2]], 0.0, atol=1e-4)
    assert abs(low[1]) < 1e-4
    assert (joints[weights > 0] == 1).all()
    _, small, _, _ = rigged(run(chain, shape, height_meters=0.5))
    assert np.ptp(small.positions[:, 1]) == pytest.approx(0.5, abs=1e-5)
    _, giant, _, _ = rigged(run(chain, solids.box_man(), height_meters=12))
    assert np.ptp(giant.positions[:, 1]) == pytest.approx(12, abs=1e-3)


def test_the_rig_type_overrides_the_shape(chain: Chain) -> None:
    """A ball can be forced to be a biped, a person to be a prop."""
    forced = run(chain, solids.sphere(), rig_type="biped")
    assert forced.outputs["rig_type"] == "biped"
    scene, _, _, _ = rigged(forced)
    assert {bone.name for bone in scene.bones} == BIPED
    assert run(chain, solids.box_man(), rig_type="prop").outputs["rig_type"] == "prop"


def test_equal_input_gives_equal_bytes(chain: Chain) -> None:
    """Mesh and weights, byte for byte."""
    first, second = run(chain, solids.box_man()), run(chain, solids.box_man())
    for name in ("rigged.glb", "weights.npz"):
        assert first.files[name].read_bytes() == second.files[name].read_bytes()


@pytest.mark.parametrize(
    ("shape", "params", "code"),
    [
        (solids.sphere, {"rig_type": "octopus"}, "rig_type_unknown"),
        (solids.sphere, {"height_meters": 0}, "parameter_invalid"),
        (solids.sphere, {"height_meters": -1}, "parameter_invalid"),
        (solids.sphere, {"height_meters": 1e6}, "parameter_invalid"),
        (solids.sphere, {"height_meters": "tall"}, "parameter_invalid"),
        (
            lambda: (np.array([(0.0, 0, 0), (1, 0, 0), (0, 0, 1)]), np.array([[0, 1, 2]])),
            {"height_meters": 2},
            "mesh_has_no_height",
        ),
        (lambda: (np.zeros((3, 3)), np.array([[0, 1, 2]])), {}, None),
    ],
    ids=["type", "zero", "negative", "huge", "text", "flat", "one point"],
)
def test_bad_input_is_refused(
    shape: Callable[[], solids.Shape], params: dict[str, Any], code: str | None, chain: Chain
) -> None:
    """What cannot be rigged as asked fails for good, with a code."""
    failed = run(chain, shape(), **params).failed
    assert failed.error_class == "invalid"
    assert code is None or failed.code == code
