"""The studio's in-memory scene: what every reader produces and every writer takes.

Conventions are glTF's: metres, Y up, +Z towards the viewer (front), right-handed, quaternions ``xyzw``,
texture coordinates with v pointing down. Arrays are C-contiguous numpy arrays of the given dtype.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles with per-vertex attributes, already in world space (node transforms are baked on reading)."""

    positions: Floats
    """(n, 3) metres."""
    triangles: Ints
    """(m, 3) vertex indices, counter-clockwise seen from outside."""
    normals: Floats
    """(n, 3) unit vectors."""
    uv: Floats | None = None
    """(n, 2), v down."""
    tangents: Floats | None = None
    """(n, 4): unit tangent and handedness."""
    joints: Ints | None = None
    """(n, 4) indices into ``Scene.bones``."""
    weights: Floats | None = None
    """(n, 4), each row summing to 1."""
    topology: Literal["triangle", "quad"] = "triangle"
    """``quad``: each two triangles in a row are one, as ``quads.py`` says."""


@dataclass(frozen=True, slots=True)
class Material:
    """Metallic-roughness PBR. Textures are 8-bit RGB(A) images; a missing one means its factor alone."""

    name: str = "material"
    base_color: Image.Image | None = None
    normal: Image.Image | None = None
    """Tangent space, +Y (OpenGL) green."""
    occlusion_roughness_metallic: Image.Image | None = None
    """R occlusion, G roughness, B metallic, linear."""
    base_color_factor: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    metallic_factor: float = 1.0
    roughness_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Bone:
    """A joint of the skeleton in its rest pose. Parents come before their children."""

    name: str
    parent: int
    """Index of the parent, -1 for a root."""
    translation: tuple[float, float, float]
    """Relative to the parent."""
    rotation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    tail: tuple[float, float, float] | None = None
    """World-space end of the bone, where known: for drawing and for exporters that want bone lengths."""


@dataclass(frozen=True, slots=True)
class Clip:
    """An animation sampled at fixed times. Every bone is keyed in every clip (importers keep old poses else)."""

    name: str
    times: Floats
    """(t,) seconds from 0, evenly spaced at ``1 / fps``."""
    fps: int
    loop: bool
    translations: Mapping[int, Floats] = field(default_factory=dict)
    """Bone index → (t, 3)."""
    rotations: Mapping[int, Floats] = field(default_factory=dict)
    """Bone index → (t, 4) xyzw."""
    scales: Mapping[int, Floats] = field(default_factory=dict)
    """Bone index → (t, 3)."""

    @property
    def duration(self) -> float:
        """Seconds."""
        return float(self.times[-1])


@dataclass(frozen=True, slots=True)
class Scene:
    """One model: a mesh with its material and, where rigged, skeleton and clips."""

    name: str
    mesh: Mesh | None
    material: Material = field(default_factory=Material)
    bones: tuple[Bone, ...] = ()
    inverse_binds: Floats | None = None
    """(bones, 4, 4) row-major world-to-bone matrices at bind time; None means the inverse of the rest pose."""
    clips: tuple[Clip, ...] = ()
    extras: Mapping[str, object] = field(default_factory=dict)
    """Goes to the file's ``asset.extras``: generator, engine, seed. Honest about what made it."""
