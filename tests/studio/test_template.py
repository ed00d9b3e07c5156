"""What a mesh is taken for, by its shape alone: 1 s."""

from itertools import pairwise

import numpy as np
import pytest
import solids

from maquette.studio.geometry import turned
from maquette.studio.rigging.template import choose_template


def box_dog(scale: float = 1.0) -> solids.Shape:
    """Trunk, neck, head, tail and four legs as separate boxes, nose at +Z."""
    legs = (solids.box((x, 0.22, z), (0.06, 0.22, 0.06)) for x in (-0.11, 0.11) for z in (-0.36, 0.36))
    positions, faces = solids.joined(
        solids.box((0, 0.55, 0), (0.16, 0.16, 0.45)),
        solids.box((0, 0.8, 0.5), (0.1, 0.2, 0.1)),
        solids.box((0, 0.95, 0.62), (0.12, 0.12, 0.2)),
        solids.box((0, 0.7, -0.6), (0.04, 0.04, 0.2)),
        *legs,
    )
    return positions * scale + (3.0, -2.0, 5.0), faces


def four_legged_chair() -> solids.Shape:
    """A seat on four legs with a back."""
    legs = (solids.box((x, 0.25, z), (0.04, 0.25, 0.04)) for x in (-0.25, 0.25) for z in (-0.25, 0.25))
    return solids.joined(
        solids.box((0, 0.5, 0), (0.3, 0.04, 0.3)), solids.box((0, 0.9, -0.28), (0.3, 0.4, 0.03)), *legs
    )


def car() -> solids.Shape:
    """A body with a cabin on four wheels."""
    wheels = (solids.box((x, 0.2, z), (0.08, 0.2, 0.2)) for x in (-0.35, 0.35) for z in (-0.6, 0.6))
    return solids.joined(
        solids.box((0, 0.5, 0), (0.4, 0.2, 1)), solids.box((0, 0.8, -0.1), (0.35, 0.15, 0.5)), *wheels
    )


@pytest.mark.parametrize(("turn", "back"), [(0, 0), (90, 270), (180, 180), (270, 90)])
def test_a_dog_is_a_quadruped_wherever_it_looks(turn: int, back: int) -> None:
    """Elsewhere, at a hundredth of the size and turned: the turn that brings its nose to +Z is found with it."""
    positions, faces = box_dog(0.01)
    template = choose_template(turned(positions, turn), faces)
    assert (template.kind, template.turn) == ("quadruped", back)


def test_landmarks_are_where_the_parts_are() -> None:
    """Nose ahead of head ahead of shoulders ahead of hips ahead of the tail; four legs in their quadrants, feet on the ground."""
    positions, faces = box_dog()
    found = choose_template(positions, faces).quadruped
    assert found is not None
    assert found.tail is not None
    order = [found.nose, found.head, found.shoulders, found.hips, found.tail[0], found.tail[2]]
    assert all(a[2] > b[2] for a, b in pairwise(order))
    for leg, x, z in (
        (found.fore_left, 0.11, 0.36),
        (found.fore_right, -0.11, 0.36),
        (found.hind_left, 0.11, -0.36),
        (found.hind_right, -0.11, -0.36),
    ):
        assert np.allclose(leg.knee[[0, 2]] - (3.0, 5.0), (x, z), atol=0.03)
        assert leg.top[1] > leg.knee[1] > leg.ankle[1] > leg.toe[1]
        assert leg.toe[1] == pytest.approx(-2.0, abs=0.03)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (solids.table, "prop"),
        (four_legged_chair, "prop"),
        (car, "prop"),
        (solids.sphere, "prop"),
        (lambda: solids.soup(800), "prop"),
        (lambda: solids.box_man("spread"), "biped"),
    ],
    ids=["table", "chair", "car", "sphere", "soup", "man"],
)
def test_furniture_and_wheels_are_no_animals(shape: object, kind: str) -> None:
    """Four legs without a head, wheels, blobs and loose triangles are props; a person stays a biped."""
    assert callable(shape)
    assert choose_template(*shape()).kind == kind
