"""image_to_3d: a picture's silhouette lifted to a watertight, textured mesh. Depth is inferred from the outline, not seen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.geometry import turned, vertex_normals
from maquette.studio.image_input import is_opaque, read_images, subject_alpha
from maquette.studio.lifting.lift import lift
from maquette.studio.lifting.outline import Outline, outline, traits
from maquette.studio.lifting.projection import project
from maquette.studio.lifting.stance import find_stance
from maquette.studio.parameters import number
from maquette.studio.scene import Floats, Material, Mesh, Scene
from maquette.studio.version import VERSION, engine, model
from maquette.worker.handler import Context, Output, Result, Succeeded

_METHOD = "silhouette inflation, front projection, back inpainted from the front; no neural network"
_LONGEST_METRES = 1.0
_PIXELS_MAX = 2048


def image_to_3d(context: Context) -> Result:
    """Lift the first image to ``mesh.glb``: front towards +Z, standing on y = 0, its longer side one metre."""
    try:
        return _run(context)
    except StudioInputError as error:
        return error.failed()


@dataclass(frozen=True, slots=True)
class Lifted:
    """A lifted picture."""

    scene: Scene
    profile: str
    """``quadruped``, ``round``, ``lathe``, ``slab`` or ``plate``: how its depth was found."""
    vertices: int
    """Vertices before they were split along texture seams."""


def _run(context: Context) -> Result:
    resolution = int(number(context, "resolution", 176, 64, 256))
    depth = number(context, "depth", 1.0, 0.1, 2.0)
    item, image = read_images(context)[0]
    context.progress(0.1, f"reading the silhouette of {item.name}")
    lifted = lifted_scene(image, resolution, depth, context.progress)
    mesh = lifted.scene.mesh
    if mesh is None or not len(mesh.triangles):
        raise StudioInputError("image_blank", f"{item.name} shows nothing that can be lifted.")
    path = context.workdir / "mesh.glb"
    path.write_bytes(write_glb(lifted.scene))
    low, high = mesh.positions.min(0), mesh.positions.max(0)
    facts = {
        "poly_count": len(mesh.triangles),
        "vertex_count": lifted.vertices,
        "textured": True,
        "bounds": {"min": np.round(low, 5).tolist(), "max": np.round(high, 5).tolist()},
    }
    context.progress(1.0, "lifted")
    attributes = {**facts, "profile": lifted.profile, "source": item.name, "engine": engine(_METHOD)}
    return Succeeded(
        (Output(path, "mesh", "model/gltf-binary", attributes),), facts, model("lifter"), VERSION
    )


def lifted_scene(
    image: Image.Image, resolution: int, depth: float, say: Callable[[float, str], None]
) -> Lifted:
    """Lift a picture. Opaque ones are freed from a plain background first; without one the whole frame becomes a panel.

    Raises ``StudioInputError`` when the picture shows nothing.
    """
    image = _bounded(image)
    alpha = _alpha(image)
    shape = outline(alpha, resolution)
    luma = _luma(image, shape)
    measured, stance = traits(shape, luma), find_stance(shape, luma.astype(np.float64))
    profile = measured.profile if stance is None else "quadruped"
    say(0.3, f"inflating a {profile} body")
    points, triangles = lift(shape, measured, stance, depth)
    say(0.6, "projecting the picture")
    textured = project(image, alpha, shape, measured, stance, points, triangles)
    world = _metres(points, 0 if stance is None else stance.facing)
    normals = vertex_normals(world, triangles)
    mesh = Mesh(world[textured.source], textured.triangles, normals[textured.source], textured.uv)
    material = Material("front_projection", textured.atlas, metallic_factor=0.0, roughness_factor=0.75)
    extras = {"generator": engine(_METHOD), "profile": profile}
    return Lifted(Scene("mesh", mesh, material, extras=extras), profile, len(points))


def _bounded(image: Image.Image) -> Image.Image:
    longest = max(image.size)
    if longest <= _PIXELS_MAX:
        return image
    factor = _PIXELS_MAX / longest
    return image.resize(
        (max(8, round(image.width * factor)), max(8, round(image.height * factor))), Image.Resampling.BOX
    )


def _alpha(image: Image.Image) -> NDArray[np.float32]:
    if is_opaque(image):
        rgb = np.asarray(image.convert("RGB"))
        if int(np.ptp(rgb.reshape(-1, 3), axis=0).max()) < 6:
            raise StudioInputError(
                "image_blank", "The image is one plain colour: there is no subject to lift."
            )
        estimated = subject_alpha(image)
        if estimated is not None:
            return estimated
        return np.ones((image.height, image.width), np.float32)
    return np.asarray(image.getchannel("A")).astype(np.float32) / np.float32(255)


def _luma(image: Image.Image, shape: Outline) -> NDArray[np.float32]:
    """Give the picture's brightness on the silhouette's grid."""
    rows, columns = shape.mask.shape
    x, y = shape.image_xy(np.arange(columns, dtype=np.float64), np.arange(rows, dtype=np.float64))
    grey = np.asarray(image.convert("L"), np.float32) / 255
    take_y = np.clip(y, 0, image.height - 1).astype(int)
    return np.asarray(grey[take_y][:, np.clip(x, 0, image.width - 1).astype(int)])


def _metres(points: Floats, facing: int) -> Floats:
    """Grid cells to metres: upright, standing on y = 0, centred in x and z. An animal drawn looking sideways looks along +Z."""
    world = points * (1.0, -1.0, 1.0)
    world = turned(world, {-1: 90, 0: 0, 1: 270}[facing])
    low, high = world.min(0), world.max(0)
    scale = _LONGEST_METRES / float((high - low)[[0, 1] if not facing else [1, 2]].max())
    centre = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    return np.asarray((world - centre) * scale)
