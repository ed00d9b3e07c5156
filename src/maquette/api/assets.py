"""The library, and the files of artifacts."""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from maquette.api import present
from maquette.api.call import Call, Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import problems, redirect, success
from maquette.api.shapes import assets as shapes
from maquette.domain import typeid
from maquette.domain.asset import Asset
from maquette.domain.errors import NotFound
from maquette.services import artifacts, assets

router = APIRouter(tags=["assets"])

_VERSION_MAX = 2**31 - 1
Version = Annotated[str, Path(max_length=20, description="A number from 1, or `latest`.")]


def _shown(call: Call, item: Asset) -> present.Fields:
    deps = call.deps
    return present.asset(item, deps.objects, deps.cdn, deps.limits.url_ttl_seconds)


@router.get(
    "/projects/{project_id}/assets",
    operation_id="list_assets",
    summary="Search a project's library",
    response_class=Response,
    responses=success(shapes.AssetPage, "A page of assets") | problems(401, 403, 404, 422, 503),
)
async def list_assets(
    project_id: str,
    call: Caller,
    asset_type: Annotated[Literal["2D", "3D"] | None, Query(alias="type")] = None,
    path: Annotated[
        str | None, Query(max_length=700, description="A library path, or a folder of it.")
    ] = None,
    q: Annotated[
        str | None, Query(max_length=200, description="Words of path or prompt; all must occur.")
    ] = None,
    style_version: Annotated[
        int | None,
        Query(ge=0, le=_VERSION_MAX, description="Style DNA that the latest version was made with."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Assets at their latest version, newest first."""
    found = await assets.list_assets(
        call.deps,
        call.principal,
        typeid.decode("prj", project_id),
        before=cursor_id("ast", cursor),
        asset_type=asset_type,
        path=path or None,
        text=q or None,
        style_version=style_version,
        limit=limit + 1,
    )
    return page([_shown(call, item) for item in found], limit)


@router.get(
    "/assets/{asset_id}",
    operation_id="get_asset",
    summary="Read an asset at its latest version",
    response_class=Response,
    responses=success(shapes.Asset, "The asset") | problems(401, 403, 404, 503),
)
async def get_asset(asset_id: str, call: Caller) -> Response:
    """Files carry signed links; equal requests within a while give equal ones, so that browsers can cache."""
    return answer(_shown(call, await assets.get(call.deps, call.principal, typeid.decode("ast", asset_id))))


@router.get(
    "/assets/{asset_id}/versions/{version}",
    operation_id="get_asset_version",
    summary="Read an asset at one of its versions",
    response_class=Response,
    responses=success(shapes.Asset, "The asset at that version") | problems(401, 403, 404, 422, 503),
)
async def get_asset_version(asset_id: str, version: Version, call: Caller) -> Response:
    """Versions never change; the next run for the same library path makes the next one."""
    number = None if version == "latest" else _number(version)
    found = await assets.get(call.deps, call.principal, typeid.decode("ast", asset_id), number)
    return answer(_shown(call, found))


@router.get(
    "/assets/{asset_id}/versions/{version}/folder",
    operation_id="get_asset_folder",
    summary="Open a version's folder at the CDN",
    response_class=Response,
    responses=success(shapes.Folder, "One permission for all of its files")
    | problems(401, 403, 404, 409, 422, 503),
)
async def get_asset_folder(asset_id: str, version: Version, call: Caller) -> Response:
    """For formats whose files name each other (glTF): a query or cookies that open the main file's folder. CloudFront only."""
    number = None if version == "latest" else _number(version)
    signed = await assets.folder(call.deps, call.principal, typeid.decode("ast", asset_id), number)
    return answer(present.folder(signed))


@router.get(
    "/assets/{asset_id}/lineage",
    operation_id="get_asset_lineage",
    summary="Read where an asset came from",
    response_class=Response,
    responses=success(
        shapes.Lineage,
        "Job, prompts, seeds, services, models and step keys",
    )
    | problems(401, 403, 404, 422, 503),
)
async def get_asset_lineage(
    asset_id: str, call: Caller, version: Annotated[int | None, Query(ge=1, le=_VERSION_MAX)] = None
) -> Response:
    """Of the latest version, or of the given one."""
    found = await assets.get(call.deps, call.principal, typeid.decode("ast", asset_id), version)
    return answer({"asset_id": asset_id, "version": found.version, "lineage": found.lineage})


@router.get(
    "/artifacts/{artifact_id}/content",
    operation_id="get_artifact_content",
    summary="Download an artifact",
    status_code=HTTPStatus.FOUND,
    response_class=Response,
    responses=redirect("The file is at the signed link in Location; it honours Range")
    | problems(401, 403, 404, 410, 503),
)
async def get_artifact_content(artifact_id: str, call: Caller) -> Response:
    """Redirect to the file; 410 when the project's retention has taken it."""
    signed = await artifacts.location(call.deps, call.principal, typeid.decode("art", artifact_id))
    return Response(status_code=HTTPStatus.FOUND, headers={"location": signed.url})


def _number(version: str) -> int:
    if not (version.isascii() and version.isdecimal() and 1 <= int(version) <= _VERSION_MAX):
        raise NotFound("There is no such asset version.")
    return int(version)
