"""Shared by the studio's tests: the Khronos validator, a small rigged scene, and the whole chain run once."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from step_chain import Chain

from maquette.studio.geometry import unit_rows
from maquette.studio.scene import Bone, Clip, Material, Mesh, Scene


@pytest.fixture
def validated(validator: Callable[..., list[dict[str, Any]]], tmp_path: Path) -> Callable[[bytes], list[str]]:
    """Issues (errors, warnings, infos, hints) that the Khronos validator has with GLB bytes: none is []."""

    def check(data: bytes) -> list[str]:
        path = tmp_path / "checked.glb"
        path.write_bytes(data)
        return validator(path)[0]["messages"]

    return check


@pytest.fixture(scope="session")
def figure() -> Scene:
    """A textured tube of two bones that bends, the upper one rotated at rest: small, but with every feature."""
    rings, around = 13, 16
    height, angle = np.meshgrid(
        np.linspace(0, 2, rings), np.linspace(0, 2 * np.pi, around + 1), indexing="ij"
    )
    outwards = np.stack([np.cos(angle), np.zeros_like(angle), -np.sin(angle)], axis=-1)
    positions = (outwards * 0.3 + height[..., None] * (0, 1, 0)).reshape(-1, 3)
    uv = np.stack([angle / (2 * np.pi), 1 - height / 2], axis=-1).reshape(-1, 2)
    index = np.arange(rings * (around + 1)).reshape(rings, around + 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    upper = np.clip(positions[:, 1] - 0.5, 0, 1)
    weights = np.stack([1 - upper, upper, 0 * upper, 0 * upper], axis=1)
    joints = np.tile([0, 1, 0, 0], (len(positions), 1))
    y, x = np.mgrid[0:64, 0:64]
    color = Image.fromarray(np.stack([x * 4, y * 4, 255 - x * 4], axis=-1).astype(np.uint8))
    packed = Image.fromarray(np.stack([255 - x, 100 + y, x * 3], axis=-1).astype(np.uint8))
    half = 0.35
    bones = (
        Bone("root", -1, (0.0, 0.2, 0.0), tail=(0.0, 1.0, 0.0)),
        Bone(
            "top",
            0,
            (0.0, 0.8, 0.0),
            rotation=(0.0, 0.0, float(np.sin(half)), float(np.cos(half))),
            tail=(0.0, 2.0, 0.0),
        ),
    )
    times = np.arange(13) / 24
    swing = half + 0.4 * np.sin(2 * np.pi * times / times[-1])
    zero, one = np.zeros_like(times), np.ones_like(times)
    hop = np.stack([zero, 0.2 + 0.1 * np.abs(np.sin(2 * np.pi * times)), zero], axis=1)
    rest = np.tile([0, 0.8, 0], (13, 1)).astype(float)
    still, turn = (
        np.stack([zero, zero, zero, one], 1),
        np.stack([zero, zero, np.sin(swing), np.cos(swing)], 1),
    )
    clips = (
        Clip(
            "sway",
            times,
            24,
            loop=True,
            translations={0: hop * 0 + (0, 0.2, 0), 1: rest},
            rotations={0: still, 1: turn},
        ),
        Clip(
            "hop", times, 24, loop=False, translations={0: hop, 1: rest}, rotations={0: still, 1: turn[::-1]}
        ),
    )
    return Scene(
        name="figure",
        mesh=Mesh(
            positions, triangles, unit_rows(outwards.reshape(-1, 3), (0, 1, 0)), uv, None, joints, weights
        ),
        material=Material("skin", color, Image.new("RGB", (32, 32), (128, 128, 255)), packed),
        bones=bones,
        clips=clips,
        extras={"seed": 7},
    )


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """An empty chain for one test."""
    return Chain(tmp_path / "chain")


@pytest.fixture(scope="session")
def studio_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that lives as long as the session."""
    root = tmp_path_factory.mktemp("studio")
    yield root
    shutil.rmtree(root, ignore_errors=True)
