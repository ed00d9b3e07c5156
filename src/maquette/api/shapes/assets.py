"""The library as it is shown."""

from typing import Any, Literal

from pydantic import Field

from maquette.api.shapes.base import Shape, Timestamp


class AssetFile(Shape):
    """A file of an asset version. Roles are image, mesh, model, texture, clip, preview, notes and others."""

    artifact_id: str
    name: str
    role: str
    media_type: str
    bytes: int
    sha256: str
    url: str | None
    cdn_url: str | None
    url_expires_at: Timestamp | None
    withheld: Literal["awaiting", "blocked"] | None = Field(
        description="Why there is no URL: the content policy took the file away."
    )


class Asset(Shape):
    """A library entry at one of its versions."""

    id: str
    project_id: str
    type: str
    name: str
    library_path: str
    version: int
    latest_version: int
    status: str
    cdn_url: str | None = Field(description="The first model or image: what most callers are after.")
    files: list[AssetFile]
    metadata: dict[str, Any]
    lineage: dict[str, Any]
    created_at: Timestamp


class AssetPage(Shape):
    """Assets at their latest version, newest first."""

    items: list[Asset]
    next_cursor: str | None


class Folder(Shape):
    """Permission to read every file of a folder at the CDN."""

    url: str = Field(description="Of the folder, with a slash at the end; names of files follow.")
    query: str = Field(description="Goes behind `?` of any address in the folder.")
    cookies: dict[str, str] = Field(
        description="The same for browsers: to be set for the CDN's host and the folder's path."
    )
    expires_at: Timestamp


class Lineage(Shape):
    """Where an asset version came from."""

    asset_id: str
    version: int
    lineage: dict[str, Any]
