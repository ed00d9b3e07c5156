"""Parameters of every step as data: type, bounds, default. The one source for validation and for the docs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maquette.domain.errors import Detail, Invalid
from maquette.domain.parameters_conflicts import conflicts
from maquette.domain.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. ``kind``: int, float, bool, choice or choices (a list without repeats).

    An ``optional`` one is told to workers only when it was given, so that what came before it keeps its step keys.
    """

    kind: str
    default: Any
    help: str
    low: float = 0
    high: float = 0
    choices: tuple[Any, ...] = ()
    nullable: bool = False
    optional: bool = False

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if value is None and self.nullable:
            return None
        return _CHECKS[self.kind](self, value)


def _check_int(parameter: Parameter, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return "must be an integer"
    if not parameter.low <= value <= parameter.high:
        return f"must be from {parameter.low:g} to {parameter.high:g}"
    return None


def _check_float(parameter: Parameter, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "must be a finite number"
    if not parameter.low <= value <= parameter.high:
        return f"must be from {parameter.low:g} to {parameter.high:g}"
    return None


def _check_bool(_parameter: Parameter, value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _check_choice(parameter: Parameter, value: Any) -> str | None:
    # 24.0 and True equal 24 and 1 in Python, but they are not what was offered.
    for choice in parameter.choices:
        if type(value) is type(choice) and value == choice:
            return None
    return f"must be one of {', '.join(map(str, parameter.choices))}"


def _check_choices(parameter: Parameter, value: Any) -> str | None:
    if not isinstance(value, list) or not 1 <= len(value) <= len(parameter.choices):
        return f"must be a list of some of {', '.join(map(str, parameter.choices))}"
    if len(set(map(str, value))) != len(value):
        return "must not repeat an entry"
    return next((problem for item in value if (problem := _check_choice(parameter, item))), None)


_CHECKS = {
    "int": _check_int,
    "float": _check_float,
    "bool": _check_bool,
    "choice": _check_choice,
    "choices": _check_choices,
}

_ENGINE = Parameter(
    "choice", "generic", "Engine the notes and names are for", choices=("generic", "unity", "unreal", "godot")
)
_COMMON: Mapping[str, Mapping[str, Parameter]] = {
    "text_to_image": {
        "size": Parameter("int", 1024, "Longer edge of the image (pixels)", 256, 2048),
        "aspect_ratio": Parameter(
            "choice",
            "1:1",
            "Width to height of the image",
            choices=("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16"),
            optional=True,
        ),
        "background": Parameter(
            "choice", "transparent", "Behind the subject", choices=("transparent", "opaque")
        ),
    },
    "refine": {
        "scale": Parameter("int", 2, "Upscaling factor", 1, 4),
        "denoise": Parameter("float", 0.02, "Total-variation weight", 0, 1),
        "sharpen": Parameter("float", 0.6, "Unsharp-mask amount", 0, 2),
        "max_size": Parameter("int", 2048, "Longest edge after upscaling (pixels)", 256, 4096),
    },
    "image_to_3d": {
        "resolution": Parameter("int", 176, "Voxels along the longest side", 64, 256),
        "depth": Parameter("float", 1.0, "Thickness, relative to what the silhouette suggests", 0.1, 2),
    },
    "retopo": {
        "target_polycount": Parameter("int", 4000, "Faces wanted: triangles or quads", 100, 300_000),
        "topology": Parameter("choice", "triangle", "Kind of faces", choices=("triangle", "quad")),
        "texture_size": Parameter("int", 1024, "Edge of the baked textures (pixels)", 256, 4096),
    },
    "rig": {
        "rig_type": Parameter(
            "choice", "auto", "Skeleton template", choices=("auto", "biped", "quadruped", "prop")
        ),
        "height_meters": Parameter(
            "float", None, "Height to scale to (m); null keeps the template's", 0.01, 100, nullable=True
        ),
    },
    "anim": {
        "clips": Parameter(
            "choices",
            None,
            "Clips to make; null for the template's",
            choices=("idle", "walk", "trot", "run", "wave", "spin", "bounce"),
            nullable=True,
        ),
        "fps": Parameter("choice", 24, "Frames per second", choices=(24, 25, 30, 60)),
        "in_place": Parameter("bool", default=True, help="Keep the root where it is"),
    },
}
PARAMETERS: Mapping[str, Mapping[str, Mapping[str, Parameter]]] = {
    "2D": {
        "text_to_image": _COMMON["text_to_image"],
        "refine": _COMMON["refine"],
        "export": {
            "formats": Parameter(
                "choices",
                ["png"],
                "Image files to write; jpeg shows white where the others are transparent",
                choices=("png", "webp", "jpeg"),
            ),
            "engine": _ENGINE,
        },
    },
    "3D": {
        **_COMMON,
        "export": {
            "formats": Parameter(
                "choices",
                ["glb", "fbx"],
                "Model files to write",
                choices=("glb", "fbx", "gltf", "usdz", "obj"),
            ),
            "turntable": Parameter("bool", default=True, help="Also make moving previews"),
            "engine": _ENGINE,
        },
    },
}


def complete_params(
    pipeline: Pipeline, given: Mapping[str, Any], loc: tuple[str, ...] = ("params",)
) -> dict[str, dict[str, Any]]:
    """Return the parameters of every step, defaults filled in; ``Invalid`` names each field that is wrong."""
    known = PARAMETERS[pipeline.name]
    problems: list[Detail] = []
    for step, values in given.items():
        if step not in known:
            problems.append(
                Detail(
                    (*loc, step),
                    f"{step!r} is no step of {pipeline.name}; it has {', '.join(known)}",
                    "unknown_step",
                )
            )
        elif not isinstance(values, Mapping):
            problems.append(Detail((*loc, step), "must be an object", "type_error"))
        else:
            problems += _problems(step, values, known[step], (*loc, step))
    if not problems:
        complete = {
            step: {
                name: parameter.default for name, parameter in parameters.items() if not parameter.optional
            }
            | dict(given.get(step, {}))
            for step, parameters in known.items()
        }
        problems = conflicts(complete, loc)
        if not problems:
            return complete
    first = problems[0]
    raise Invalid(f"{'.'.join(map(str, first.loc))}: {first.msg}", details=problems)


def _problems(
    step: str, values: Mapping[str, Any], known: Mapping[str, Parameter], loc: tuple[str, ...]
) -> list[Detail]:
    problems = []
    for name, value in values.items():
        if name not in known:
            told = f"{name!r} is no parameter of {step}; it has {', '.join(known)}"
            problems.append(Detail((*loc, name), told, "unknown_parameter"))
        elif problem := known[name].problem(value):
            problems.append(Detail((*loc, name), problem, "value_error"))
    return problems
