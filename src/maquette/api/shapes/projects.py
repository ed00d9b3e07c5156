"""Projects and uploads."""

from typing import Literal

from pydantic import ConfigDict, Field

from maquette.api.shapes.base import Shape, Timestamp
from maquette.api.shapes.context import Constraints, Gates, Retries, Routes, Style
from maquette.api.shapes.examples import UPLOAD, UPLOAD_REQUEST, UPLOAD_STATE
from maquette.domain.fair import WEIGHT_MAX
from maquette.domain.text import NAME


class ProjectCreation(Shape):
    """A new project."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Lighthouse"}]})

    name: str = Field(min_length=1, max_length=NAME.points_max)


class ProjectChange(Shape):
    """What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Lighthouse II"}]})

    name: str | None = Field(default=None, min_length=1, max_length=NAME.points_max)
    open_jobs_max: int | None = Field(default=None, ge=1, le=10_000_000, description="For operators.")
    weight: int | None = Field(
        default=None,
        ge=1,
        le=WEIGHT_MAX,
        description="For operators: its share of the workers beside others.",
    )


class Project(Shape):
    """A tenant with the newest version of its context."""

    id: str
    name: str
    created_at: Timestamp
    created_by: str
    open_jobs_max: int
    weight: int
    style: Style
    constraints: Constraints
    gates: Gates
    routes: Routes
    retries: Retries


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
