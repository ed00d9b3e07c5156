"""Projects, their context, their keys, and uploads."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from maquette.api.shapes.base import Shape, Timestamp
from maquette.api.shapes.examples import PROJECT, UPLOAD, UPLOAD_REQUEST, UPLOAD_STATE
from maquette.domain.review import GatePolicy, Then
from maquette.domain.style import KEYWORDS_MAX, PALETTE_MAX
from maquette.domain.text import KEYWORD, NAME

Words = Annotated[list[Annotated[str, Field(max_length=KEYWORD.points_max)]], Field(max_length=KEYWORDS_MAX)]


class ProjectCreation(Shape):
    """A new project."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Lighthouse"}]})

    name: str = Field(min_length=1, max_length=NAME.points_max)


class ProjectChange(Shape):
    """What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Lighthouse II"}]})

    name: str | None = Field(default=None, min_length=1, max_length=NAME.points_max)
    open_jobs_max: int | None = Field(default=None, ge=1, le=10_000_000, description="For operators.")


class StyleBody(Shape):
    """Style DNA: words added to every prompt, and colours."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"keywords": ["hand-painted"], "negative_keywords": [], "palette": ["#c83a34"]}]
        }
    )

    keywords: Words = Field(default=[])
    negative_keywords: Words = Field(default=[])
    palette: list[Annotated[str, Field(max_length=7)]] = Field(
        default=[], max_length=PALETTE_MAX, description="`#rrggbb`, the most important first."
    )


class Style(StyleBody):
    """A version of the style DNA."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROJECT["style"]]})

    version: int


class TimedGate(Shape):
    """A gate that does not wait for ever."""

    step: str = Field(max_length=40)
    after_seconds: int = Field(ge=1, le=31_536_000, description="How long it waits, from when it opens.")
    then: Literal["remind", "approve", "reject"] = Field(
        default="remind", description="`reject` gives the job up: redoing a step for nobody would only spend."
    )
    remind_every_seconds: int | None = Field(
        default=None,
        ge=60,
        le=31_536_000,
        description="Remind this often: until the decision, or with `remind` from the end of the wait on.",
    )

    def policy(self) -> GatePolicy:
        """Return what the domain knows of it."""
        return GatePolicy(self.after_seconds, Then(self.then), self.remind_every_seconds)


class GatesBody(Shape):
    """Steps after which a person decides; `before_export` is the last step before export."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"gates": ["text_to_image", "before_export"]},
                {"gates": [{"step": "before_export", "after_seconds": 86400, "then": "approve"}]},
            ]
        }
    )

    gates: list[Annotated[str, Field(max_length=40)] | TimedGate] = Field(max_length=20)


class Gates(GatesBody):
    """A version of the gates."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROJECT["gates"]]})

    version: int


class Project(Shape):
    """A tenant with the newest version of its context."""

    id: str
    name: str
    created_at: Timestamp
    created_by: str
    open_jobs_max: int
    style: Style
    gates: Gates


class ProjectPage(Shape):
    """Projects, newest first."""

    items: list[Project]
    next_cursor: str | None


class UploadRequest(Shape):
    """The file that is going to be uploaded, exactly."""

    model_config = ConfigDict(json_schema_extra={"examples": [UPLOAD_REQUEST]})

    project_id: str = Field(max_length=60)
    name: str = Field(min_length=1, max_length=120, description="Letters, digits and `._-`.")
    media_type: str = Field(
        max_length=80, description="`image/png`, `image/jpeg`, `image/webp` or `model/gltf-binary`."
    )
    bytes: int = Field(ge=1, le=2**40)
    sha256: str = Field(min_length=64, max_length=64)


class UploadState(UploadRequest):
    """What is known of an upload."""

    model_config = ConfigDict(json_schema_extra={"examples": [UPLOAD_STATE]})

    id: str
    created_at: Timestamp
    state: Literal["quarantined", "usable", "refused"] = Field(
        description="In quarantine until its bytes have arrived and were looked at; nothing can use it before."
    )
    found: dict[str, int] | None = Field(description="What its bytes say: pixels, or parts of a mesh.")
    refused: dict[str, str] | None = Field(description="Why it can never be used: `type` and `msg`.")


class Upload(UploadRequest):
    """Send the bytes to ``url`` by ``method`` with ``headers``, then use ``id`` in a brief."""

    model_config = ConfigDict(json_schema_extra={"examples": [UPLOAD]})

    id: str
    created_at: Timestamp
    method: str
    url: str
    headers: dict[str, str]
    url_expires_at: Timestamp
