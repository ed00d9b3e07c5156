"""The documents of a project's context: style, constraints, gates, routes, retries; and how versions of them are shown."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from maquette.api.shapes import examples_context as examples
from maquette.api.shapes.base import Shape, Timestamp
from maquette.domain import constraints as limits
from maquette.domain import routing
from maquette.domain import style as styles
from maquette.domain.review import ESCALATIONS_MAX, USERS_MAX
from maquette.domain.text import KEYWORD

_Word = Annotated[str, Field(max_length=KEYWORD.points_max)]
_Keywords = Annotated[list[_Word], Field(max_length=styles.KEYWORDS_MAX)]
_Words = Annotated[list[_Word], Field(max_length=styles.MATERIALS_MAX)]
_Name = Annotated[str, Field(max_length=40)]


class Line(Shape):
    """How outlines are drawn."""

    weight: Literal["none", "thin", "medium", "bold"] | None = None
    words: _Words = Field(default=[])


class Light(Shape):
    """Where the light comes from, as the viewer sees it, and what it is like."""

    direction: Literal["front", "top", "top_left", "top_right", "left", "right", "back"] | None = None
    quality: Literal["soft", "hard"] | None = None
    words: _Words = Field(default=[])


class Hint(Shape):
    """A model or LoRA for services that can use it."""

    name: str = Field(min_length=1, max_length=120)
    weight: float = Field(default=1.0, ge=0, le=styles.HINT_WEIGHT_MAX)


class StyleBody(Shape):
    """Style DNA: what all assets of the project share."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STYLE]})

    keywords: _Keywords = Field(default=[])
    negative_keywords: _Keywords = Field(default=[])
    palette: list[Annotated[str, Field(max_length=7)]] = Field(
        default=[], max_length=styles.PALETTE_MAX, description="`#rrggbb`, the most important first."
    )
    materials: _Words = Field(default=[])
    line: Line = Field(default=Line())
    light: Light = Field(default=Light())
    references: list[Annotated[str, Field(max_length=60)]] = Field(
        default=[],
        max_length=styles.REFERENCES_MAX,
        description="Uploads: reference images of each job that brings none of its own.",
    )
    models: list[Hint] = Field(default=[], max_length=styles.HINTS_MAX)
    loras: list[Hint] = Field(default=[], max_length=styles.HINTS_MAX)


class Style(StyleBody):
    """A version of the style DNA."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**examples.STYLE, "version": 3}]})

    version: int


_Formats = dict[Literal["2D", "3D"], Annotated[list[_Name], Field(max_length=20)]]
_Axis = Literal["x", "-x", "y", "-y", "z", "-z"]


class ConstraintsBody(Shape):
    """What all assets of the project keep to. A default gives way to a constraint; a wish that conflicts is refused."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CONSTRAINTS]})

    asset_types: list[Literal["2D", "3D"]] = Field(default=[], max_length=2, description="Empty: all.")
    polygons_max: int | None = Field(default=None, ge=1, le=2**31, description="Faces after retopology.")
    texture_size_max: int | None = Field(
        default=None, ge=1, le=2**31, description="Edge of baked textures (pixels)."
    )
    image_size_max: int | None = Field(
        default=None, ge=1, le=2**31, description="Edge of painted and refined images (pixels)."
    )
    formats_allowed: _Formats = Field(default={}, description="By asset type; one that is not named has all.")
    formats_required: _Formats = Field(
        default={}, description="By asset type; exported whatever was asked for."
    )
    engines: list[_Name] = Field(
        default=[],
        max_length=20,
        description="Empty: all. The first stands for `generic`, if that is not there.",
    )
    library_path_pattern: str | None = Field(
        default=None,
        max_length=limits.PATTERN_LENGTH_MAX,
        description="Regular expression (RE2) that the whole library path must match.",
    )
    library_folder: str | None = Field(
        default=None, max_length=560, description="Where an asset goes whose brief names no path."
    )
    units: Literal["meters", "centimeters"] | None = None
    up_axis: _Axis | None = None
    forward_axis: _Axis | None = None


class Constraints(ConstraintsBody):
    """A version of the constraints."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**examples.CONSTRAINTS, "version": 2}]})

    version: int


class Escalation(Shape):
    """Who is told when a gate has waited for so long: everybody of a role, or these people."""

    after_seconds: int = Field(ge=1, le=31_536_000, description="From when the gate opens.")
    role: Literal["viewer", "artist", "reviewer", "owner"] | None = None
    users: list[Annotated[str, Field(max_length=200)]] | None = Field(
        default=None, max_length=USERS_MAX, description="Subjects, such as `usr_ada`."
    )


class TimedGate(Shape):
    """A gate that does not wait for ever."""

    step: str = Field(max_length=40)
    after_seconds: int = Field(ge=1, le=31_536_000, description="How long it waits, from when it opens.")
    then: Literal["remind", "approve", "reject", "pause"] = Field(
        default="remind",
        description="`reject` gives the job up: redoing a step for nobody would only spend. `pause` holds it.",
    )
    remind_every_seconds: int | None = Field(
        default=None,
        ge=60,
        le=31_536_000,
        description="Remind this often: until the decision, or with `remind` from the end of the wait on.",
    )
    escalate: list[Escalation] = Field(
        default=[],
        max_length=ESCALATIONS_MAX,
        description="Told on the way, one stage after the other, by the event `GateEscalated`.",
    )


class GatesBody(Shape):
    """Steps after which a person decides; `before_export` is the last step before export."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                examples.GATES,
                {
                    "gates": [
                        {
                            "step": "before_export",
                            "after_seconds": 604800,
                            "then": "pause",
                            "remind_every_seconds": 86400,
                            "escalate": [{"after_seconds": 172800, "role": "owner"}],
                        }
                    ]
                },
            ]
        }
    )

    gates: list[_Name | TimedGate] = Field(max_length=20)


class Gates(GatesBody):
    """A version of the gates."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**examples.GATES, "version": 1}]})

    version: int


class RoutesBody(Shape):
    """Services by step, the preferred one first; a step that is not named is done by the studio."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ROUTES]})

    routes: dict[_Name, Annotated[list[_Name], Field(min_length=1, max_length=routing.SERVICES_MAX)]] = Field(
        max_length=20
    )


class Routes(RoutesBody):
    """A version of the routes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**examples.ROUTES, "version": 1}]})

    version: int


class RetryPolicy(Shape):
    """How a class of error is tried again; what is left out is as shipped."""

    attempts_max: int | None = Field(default=None, description="Attempts in all, from 1 (none again) to 50.")
    base_seconds: float | None = Field(default=None, description="The first wait is at most this long.")
    cap_seconds: float | None = Field(
        default=None, description="Waits double up to this length, at most a day."
    )


class StepRetries(Shape):
    """What is said of one step, or of all by `default`."""

    errors: dict[_Name, RetryPolicy] = Field(
        default={},
        max_length=10,
        description="By class: `transient`, `rate_limited`, `timeout`, `resource`, `lost_worker`.",
    )
    deadline_seconds: int | None = Field(
        default=None,
        description="How long an attempt may take, from 10 s to a day; the service may allow less.",
    )


class RetriesBody(Shape):
    """Retries by step; what a step does not say, `default` does, and what that does not say is as shipped."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.RETRIES]})

    retries: dict[_Name, StepRetries] = Field(max_length=20)


class Retries(RetriesBody):
    """A version of the retries."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**examples.RETRIES, "version": 1}]})

    version: int


class VersionMade(Shape):
    """A version of a document; number 0 was made by nobody."""

    version: int
    created_at: Timestamp | None
    created_by: str | None


class StyleVersion(VersionMade):
    """A version of the style DNA, to be sent back as it is once it is edited."""

    document: StyleBody


class ConstraintsVersion(VersionMade):
    """A version of the constraints."""

    document: ConstraintsBody


class GatesVersion(VersionMade):
    """A version of the gates."""

    document: GatesBody


class RoutesVersion(VersionMade):
    """A version of the routes."""

    document: RoutesBody


class RetriesVersion(VersionMade):
    """A version of the retries."""

    document: RetriesBody


class VersionPage(Shape):
    """Versions, newest first."""

    items: list[VersionMade]
    next_cursor: str | None


class Change(Shape):
    """A member that differs. Of a list also what came and what went."""

    field: str
    before: Any
    after: Any
    removed: list[Any] | None = None
    added: list[Any] | None = None


class Differences(Shape):
    """What became different from one version to another."""

    from_version: int
    to_version: int
    changes: list[Change]
