"""Parameters that are right each by itself and cannot both be had: told before anything is made."""

from collections.abc import Callable, Mapping
from typing import Any

from maquette.domain.errors import Detail

Params = Mapping[str, Mapping[str, Any]]
Place = tuple[str, str]

QUAD_FORMATS = frozenset({"fbx", "obj", "usdz"})
"""Model files that hold faces of four corners. glTF's hold triangles, in which the studio's own files mark the pairs."""
MOVING_FORMATS = frozenset({"fbx", "glb", "gltf", "usdz"})
"""Model files that hold skeletons and clips."""
#: Clips by the limbs they need: a template without them could only fail, three steps later.
_CLIPS = {
    "biped": frozenset({"idle", "walk", "run", "wave", "spin", "bounce"}),
    "quadruped": frozenset({"idle", "walk", "trot", "run", "spin", "bounce"}),
    "prop": frozenset({"idle", "spin", "bounce"}),
}


def conflicts(params: Params, loc: tuple[str, ...]) -> list[Detail]:
    """Return what does not go together in complete parameters, told at both places of each."""
    return [
        Detail((*loc, *place), told, kind)
        for kind, (places, check) in _CONFLICTS.items()
        if (told := check(params))
        for place in places
    ]


def _quads(params: Params) -> str | None:
    formats = params["export"]["formats"]
    if params.get("retopo", {}).get("topology") != "quad" or QUAD_FORMATS.intersection(formats):
        return None
    return (
        f"retopo.topology 'quad' and export.formats {formats} do not go together: "
        f"glb and gltf hold triangles alone; ask for one of {', '.join(sorted(QUAD_FORMATS))} as well"
    )


def _clips(params: Params) -> str | None:
    template, clips = params.get("rig", {}).get("rig_type"), params.get("anim", {}).get("clips")
    able = _CLIPS.get(str(template))
    foreign = [name for name in clips or () if able and name not in able]
    if able is None or not foreign:
        return None
    return (
        f"rig.rig_type {template!r} cannot do anim.clips {foreign}: it can do {', '.join(sorted(able))}; "
        "choose of those, or another template"
    )


def _moving(params: Params) -> str | None:
    clips, formats = params.get("anim", {}).get("clips"), params["export"]["formats"]
    if not clips or MOVING_FORMATS.intersection(formats):
        return None
    return (
        f"anim.clips {clips} and export.formats {formats} do not go together: obj holds no movement; "
        f"ask for one of {', '.join(sorted(MOVING_FORMATS))} as well"
    )


_CONFLICTS: Mapping[str, tuple[tuple[Place, Place], Callable[[Params], str | None]]] = {
    "topology_needs_format": ((("retopo", "topology"), ("export", "formats")), _quads),
    "clip_needs_rig": ((("anim", "clips"), ("rig", "rig_type")), _clips),
    "clip_needs_format": ((("anim", "clips"), ("export", "formats")), _moving),
}
