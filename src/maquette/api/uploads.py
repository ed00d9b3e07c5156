"""Files that people bring: announced here, sent to a signed link, looked at, named in a brief."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from maquette.api.call import Caller, answer
from maquette.api.openapi import problems, success
from maquette.api.present import at_seconds, moment
from maquette.api.shapes import projects as shapes
from maquette.domain import typeid
from maquette.services import uploads

router = APIRouter(prefix="/uploads", tags=["uploads"])


@router.post(
    "",
    operation_id="create_upload",
    summary="Announce a file",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=success(shapes.Upload, "The request to send the file with", status=201)
    | problems(401, 403, 404, 413, 415, 422, 503),
)
async def create_upload(body: shapes.UploadRequest, call: Caller) -> Response:
    """Get a signed link for exactly these bytes. Whether they have arrived is checked when a brief names them."""
    granted = await uploads.create(
        call.deps,
        call.principal,
        typeid.decode("prj", body.project_id),
        name=body.name,
        media_type=body.media_type,
        bytes_=body.bytes,
        sha256=body.sha256,
    )
    upload, request = granted.upload, granted.request
    shown = {
        **body.model_dump(),
        "id": typeid.encode("upl", upload.id),
        "created_at": moment(upload.created_at),
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "url_expires_at": at_seconds(request.expires_at),
    }
    return answer(shown, HTTPStatus.CREATED)


@router.get(
    "/{upload_id}",
    operation_id="get_upload",
    summary="Read what is known of an upload",
    response_class=Response,
    responses=success(shapes.UploadState, "The upload as it is now") | problems(401, 403, 404, 503),
)
async def get_upload(upload_id: str, call: Caller) -> Response:
    """Show whether it can be used. One that has arrived is looked at now, if nobody has yet; its bytes are shown to nobody."""
    upload = await uploads.read(call.deps, call.principal, typeid.decode("upl", upload_id))
    return answer(
        {
            "id": typeid.encode("upl", upload.id),
            "project_id": typeid.encode("prj", upload.project_id),
            "name": upload.name,
            "media_type": upload.media_type,
            "bytes": upload.bytes,
            "sha256": upload.sha256,
            "created_at": moment(upload.created_at),
            "state": upload.state,
            "found": upload.found,
            "refused": upload.refused,
        }
    )
