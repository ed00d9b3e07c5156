"""Pipelines as data: the steps of each asset type, what each reads, and what each must hand over."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from maquette.domain.errors import Detail, Invalid


@dataclass(frozen=True, slots=True)
class Reads:
    """One kind of input: from the first of ``steps`` that ran, all of its artifacts or only the first."""

    kind: str
    steps: tuple[str, ...]
    many: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A stage: its reads, what it must persist, and how long one attempt may take (s)."""

    name: str
    reads: tuple[Reads, ...]
    makes: tuple[str, ...]
    """Kinds of which at least one artifact is required."""
    outputs: tuple[str, ...]
    """Fields that a completed step must carry."""
    optional: bool = False
    deadline_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The ordered steps of an asset type. A job pins name and version."""

    name: str
    version: int
    steps: tuple[StepSpec, ...]

    def position(self, step: str, loc: tuple[str | int, ...] = ("step",)) -> int:
        """Return the step's place, counted from 0; ``Invalid`` at ``loc`` for a name that is not in this pipeline."""
        for position, spec in enumerate(self.steps):
            if spec.name == step:
                return position
        names = ", ".join(spec.name for spec in self.steps)
        raise Invalid.field(loc, f"{step!r} is not a step of the {self.name} pipeline ({names})")


REFERENCE = "reference"
"""Pseudo-step of uploads that came with the brief."""
REFERENCE_POSITION = -1

_CONCEPT = StepSpec(
    "text_to_image",
    reads=(Reads("image", (REFERENCE,), many=True, required=False),),
    makes=("image",),
    outputs=("seed", "prompt_used", "negative_prompt_used"),
)
_REFINE = StepSpec(
    "refine",
    reads=(Reads("image", ("text_to_image",)),),
    makes=("image",),
    outputs=("operations",),
    optional=True,
)
_IMAGE_TO_3D = StepSpec(
    "image_to_3d",
    reads=(Reads("image", ("refine", "text_to_image")),),
    makes=("mesh",),
    outputs=("poly_count", "textured"),
)
_RETOPO = StepSpec(
    "retopo",
    reads=(Reads("mesh", ("image_to_3d",)),),
    makes=("mesh",),
    outputs=("poly_count", "topology", "uv"),
)
_RIG = StepSpec(
    "rig",
    reads=(Reads("mesh", ("retopo",)),),
    makes=("mesh",),
    outputs=("armature", "weights"),
    optional=True,
)
_ANIM = StepSpec(
    "anim",
    reads=(Reads("mesh", ("rig",)),),
    makes=("clip",),
    outputs=("clips",),
    optional=True,
)
_EXPORT_3D_READS = (Reads("mesh", ("rig", "retopo")), Reads("clip", ("anim",), many=True, required=False))
_EXPORT_3D_1 = StepSpec(
    "export",
    reads=_EXPORT_3D_READS,
    makes=("model",),
    outputs=("files", "texture_set", "engine_notes"),
)
# The contact sheet shows every step, so version 2 lets export see what the steps before the mesh made.
_EXPORT_3D = replace(
    _EXPORT_3D_1,
    reads=(
        *_EXPORT_3D_READS,
        Reads("image", ("text_to_image",), required=False),
        Reads("image", ("refine",), required=False),
        Reads("mesh", ("image_to_3d",), required=False),
    ),
)
_EXPORT_2D_1 = StepSpec(
    "export",
    reads=(Reads("image", ("refine", "text_to_image"), many=True),),
    makes=("image",),
    outputs=("files", "engine_notes"),
)
_EXPORT_2D = replace(
    _EXPORT_2D_1,
    reads=(*_EXPORT_2D_1.reads, Reads("image", ("text_to_image",), many=True, required=False)),
)

_SHIPPED = (
    Pipeline("2D", 1, (_CONCEPT, _REFINE, _EXPORT_2D_1)),
    Pipeline("2D", 2, (_CONCEPT, _REFINE, _EXPORT_2D)),
    Pipeline("3D", 1, (_CONCEPT, _REFINE, _IMAGE_TO_3D, _RETOPO, _RIG, _ANIM, _EXPORT_3D_1)),
    Pipeline("3D", 2, (_CONCEPT, _REFINE, _IMAGE_TO_3D, _RETOPO, _RIG, _ANIM, _EXPORT_3D)),
)
"""Every version that a job may have pinned, older ones first."""
_PINNED: Mapping[tuple[str, int], Pipeline] = {(item.name, item.version): item for item in _SHIPPED}

PIPELINES: Mapping[str, Pipeline] = {item.name: item for item in _SHIPPED}
"""The newest version of each: what new jobs get."""
STEP_NAMES = tuple(spec.name for spec in PIPELINES["3D"].steps)

DEFAULT_GATES = ("text_to_image", "before_export")
"""Where a person decides unless the project says otherwise."""
GATE_NAMES = (*STEP_NAMES, "before_export")


def pipeline_for(asset_type: str) -> Pipeline:
    """Return the pipeline of an asset type; ``Invalid`` when there is none."""
    pipeline = PIPELINES.get(asset_type)
    if pipeline is None:
        raise Invalid.field(("asset_type",), f"{asset_type!r} is not one of {', '.join(PIPELINES)}")
    return pipeline


def pinned(name: str, version: int) -> Pipeline:
    """Return the version of a pipeline that a job began with."""
    return _PINNED[name, version]


def check_skip(pipeline: Pipeline, skip: Collection[str]) -> frozenset[int]:
    """Return the skipped positions; ``Invalid`` when a step must run or another one needs what is left out."""
    skipped = frozenset(pipeline.position(name, ("skip",)) for name in skip)
    problems = [
        Detail(("skip",), f"{pipeline.steps[position].name} cannot be skipped", "step_required")
        for position in sorted(skipped)
        if not pipeline.steps[position].optional
    ]
    left = {spec.name for position, spec in enumerate(pipeline.steps) if position not in skipped}
    problems += [
        Detail(("skip",), f"{spec.name} needs {' or '.join(read.steps)}; skip it as well", "step_needed")
        for spec in pipeline.steps
        if spec.name in left
        for read in spec.reads
        if read.required and left.isdisjoint(read.steps)
    ]
    if problems:
        raise Invalid(problems[0].msg[0].upper() + problems[0].msg[1:] + ".", details=problems)
    return skipped


def check_provided(pipeline: Pipeline, provided: Collection[str], skipped: Collection[int]) -> frozenset[int]:
    """Return the positions of steps whose work somebody brings; ``Invalid`` when one does not take any."""
    positions = set()
    for name in sorted(provided):
        position = pipeline.position(name, ("provide", name))
        if position in skipped:
            raise Invalid.field(("provide", name), f"{name} is skipped, so nothing can be provided for it")
        if position == len(pipeline.steps) - 1:
            raise Invalid.field(("provide", name), f"{name} is what files the asset; it has to run")
        positions.add(position)
    return frozenset(positions)


def unneeded(pipeline: Pipeline, skipped: Collection[int], provided: Collection[int]) -> frozenset[int]:
    """Return the steps before the last provided one that no step which runs needs: they are skipped by themselves."""
    running = {
        place for place in range(len(pipeline.steps)) if place not in skipped and place not in provided
    }
    there = {pipeline.steps[place].name for place in {*running, *provided}}
    idle = set()
    for place in range(max(provided, default=0) - 1, -1, -1):
        name = pipeline.steps[place].name
        needed = any(
            next((origin for origin in read.steps if origin in there), None) == name
            for reader in running
            for read in pipeline.steps[reader].reads
            if read.required
        )
        if place in running and not needed:
            running.discard(place)
            there.discard(name)
            idle.add(place)
    return frozenset(idle)


def gate_positions(pipeline: Pipeline, gates: Iterable[str], skipped: Collection[int]) -> frozenset[int]:
    """Return the positions after which a person decides. Gates of skipped or foreign steps do not apply."""
    return frozenset(gates_at(pipeline, gates, skipped).values())


def gates_at(pipeline: Pipeline, gates: Iterable[str], skipped: Collection[int]) -> dict[str, int]:
    """Return the position of each gate that applies; ``before_export`` is the last step that runs before export.

    ``skipped`` are all steps that do not run: the person chose provided work, so no gate asks about it.
    """
    running = [position for position in range(len(pipeline.steps)) if position not in skipped]
    places = {pipeline.steps[position].name: position for position in running}
    if len(running) > 1:
        places["before_export"] = running[-2]
    return {gate: places[gate] for gate in gates if gate in places}


class HasOrigin(Protocol):
    """What ``choose_inputs`` needs to know of an artifact."""

    @property
    def step(self) -> str:
        """Step that made it."""
        ...

    @property
    def kind(self) -> str:
        """Kind of file."""
        ...

    @property
    def selected(self) -> bool | None:
        """A reviewer's choice, if any."""
        ...


ArtifactT = TypeVar("ArtifactT", bound=HasOrigin)


def choose_inputs(spec: StepSpec, artifacts: Sequence[ArtifactT]) -> list[ArtifactT]:
    """Return what a step reads out of the job's current artifacts, which come in the order they were made.

    A reviewer's selection narrows a step's artifacts of that kind; without one, a step that reads a single
    file gets the first. What two reads find comes once.
    """
    chosen: list[ArtifactT] = []
    for read in spec.reads:
        for origin in read.steps:
            found = [item for item in artifacts if item.step == origin and item.kind == read.kind]
            if not found:
                continue
            picked = [item for item in found if item.selected]
            wanted = picked or (found if read.many else found[:1])
            chosen += [item for item in wanted if not any(item is other for other in chosen)]
            break
    return chosen
