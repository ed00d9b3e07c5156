"""The embedded workers' two roles: which handler does which step.

Each handler imports its step when first called, so that a worker starts at once and a child process loads only the
libraries of the steps it is given; and each is a plain module-level function, so that any process can import it by name.
"""

from collections.abc import Mapping

from maquette.worker.handler import Context, Handler, Result

SERVICE = "studio"


def text_to_image(context: Context) -> Result:
    """Paint concept images of the brief."""
    from maquette.studio import text_to_image as step

    return step.text_to_image(context)


def refine(context: Context) -> Result:
    """Enlarge, denoise and sharpen images."""
    from maquette.studio import refine as step

    return step.refine(context)


def image_to_3d(context: Context) -> Result:
    """Lift an image into a textured, watertight mesh."""
    from maquette.studio import image_to_3d as step

    return step.image_to_3d(context)


def retopo(context: Context) -> Result:
    """Reduce a mesh to its polygon budget, unwrap it and bake its textures."""
    from maquette.studio import retopo as step

    return step.retopo(context)


def rig(context: Context) -> Result:
    """Fit a skeleton into a mesh and bind it."""
    from maquette.studio import rig as step

    return step.rig(context)


def anim(context: Context) -> Result:
    """Animate a rigged mesh."""
    from maquette.studio import anim as step

    return step.anim(context)


def export(context: Context) -> Result:
    """Write the finished files."""
    from maquette.studio import export as step

    return step.export(context)


GENERATION: Mapping[str, Handler] = {
    "text_to_image": text_to_image,
    "refine": refine,
    "image_to_3d": image_to_3d,
}
PROCESSING: Mapping[str, Handler] = {"retopo": retopo, "rig": rig, "anim": anim, "export": export}
