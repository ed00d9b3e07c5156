"""The embedded workers' two roles: which handler does which step.

Each handler imports its step when first called, so that a worker starts at once and a child process loads only the
libraries of the steps it is given; and each is a plain module-level function, so that any process can import it by name.
"""

from collections.abc import Mapping

from maquette.worker.handler import Context, Handler, Result

SERVICE = "studio"


def text_to_image(context: Context) -> Result:
    """Paint concept images of the brief."""
    from maquette.studio.text_to_image import text_to_image as step

    return step(context)


def refine(context: Context) -> Result:
    """Enlarge, denoise and sharpen images."""
    from maquette.studio.refine import refine as step

    return step(context)


def image_to_3d(context: Context) -> Result:
    """Lift an image into a textured, watertight mesh."""
    from maquette.studio.image_to_3d import image_to_3d as step

    return step(context)


def retopo(context: Context) -> Result:
    """Reduce a mesh to its polygon budget, unwrap it and bake its textures."""
    from maquette.studio.retopo import retopo as step

    return step(context)


def rig(context: Context) -> Result:
    """Fit a skeleton into a mesh and bind it."""
    from maquette.studio.rig import rig as step

    return step(context)


def anim(context: Context) -> Result:
    """Animate a rigged mesh."""
    from maquette.studio.anim import anim as step

    return step(context)


def export(context: Context) -> Result:
    """Write the finished files."""
    from maquette.studio.export import export as step

    return step(context)


GENERATION: Mapping[str, Handler] = {
    "text_to_image": text_to_image,
    "refine": refine,
    "image_to_3d": image_to_3d,
}
PROCESSING: Mapping[str, Handler] = {"retopo": retopo, "rig": rig, "anim": anim, "export": export}
