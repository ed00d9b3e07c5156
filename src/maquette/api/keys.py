"""Keys of projects and operators, tokens of workers, and who one is oneself."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from maquette.api.call import Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import nothing, problems, success
from maquette.api.present import Fields, moment
from maquette.api.shapes import identity as shapes
from maquette.domain import typeid
from maquette.domain.permissions import Role
from maquette.services import keys
from maquette.services.keys import OPERATORS, WORKERS, Ring, WithText
from maquette.store.identity import KeyRow

router = APIRouter(tags=["identity"])

_LIST = problems(401, 403, 422, 503)
_READ = problems(401, 403, 404, 422, 503)
_END = problems(401, 403, 404, 409, 503)
_WRITE = problems(401, 403, 404, 409, 413, 415, 422, 503)
_MADE = success(shapes.NewKey, "The key, whose text is shown this once", status=201) | _WRITE
_ROTATED = success(shapes.NewKey, "The key with its next text, which is shown this once") | _WRITE
_PAGE = success(shapes.KeyPage, "A page of keys")
_REVOKED = nothing("Refused everywhere within two seconds")
_KeyId = Annotated[str, Path(description="`mq_…`, without what follows the id.")]


def _shown(key: KeyRow) -> Fields:
    of_user = key.project_id is not None
    return {
        "id": typeid.encode("mq", key.id),
        "project_id": typeid.encode("prj", key.project_id) if key.project_id else None,
        "name": key.name,
        "subject": key.subject,
        "role": key.role if of_user else None,
        "scopes": key.scopes,
        "services": key.services,
        "created_at": moment(key.created_at),
        "created_by": key.created_by,
        "expires_at": moment(key.expires_at),
        "revoked_at": moment(key.revoked_at),
        "last_used_at": moment(key.last_used_at),
        "overlap_until": moment(key.previous_until),
    }


def _with_text(made: WithText, status: int = HTTPStatus.OK) -> Response:
    return answer({**_shown(made.row), "key": made.key.text}, status)


def _ring(project_id: str) -> Ring:
    return Ring("user", typeid.decode("prj", project_id))


async def _page(call: Caller, ring: Ring, cursor: str | None, limit: int) -> Response:
    before = cursor_id("mq", cursor)
    found = await keys.list_keys(call.deps, call.principal, ring, before=before, limit=limit + 1)
    return page([_shown(row) for row in found], limit)


async def _rotate(call: Caller, ring: Ring, key_id: str, body: shapes.KeyRotation) -> Response:
    key = typeid.decode("mq", key_id)
    return _with_text(await keys.rotate(call.deps, call.principal, ring, key, body.overlap_seconds))


async def _revoke(call: Caller, ring: Ring, key_id: str) -> Response:
    await keys.revoke(call.deps, call.principal, ring, typeid.decode("mq", key_id))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get(
    "/me",
    operation_id="get_me",
    summary="Who am I",
    response_class=Response,
    responses=success(shapes.Me, "The caller, as the API sees him") | problems(401, 403, 503),
)
async def get_me(call: Caller) -> Response:
    """Whom the key or token stands for, and what it may do. A person who is no member yet tells an owner the `subject`."""
    who = call.principal
    roles = [{"project_id": typeid.encode("prj", key), "role": role} for key, role in who.roles.items()]
    return answer(
        {
            "kind": who.kind,
            "subject": who.subject,
            "projects": None if who.kind == "operator" else roles,
            "scopes": None if who.scopes is None else sorted(who.scopes),
            "services": None if who.services is None else sorted(who.services),
        }
    )


@router.post(
    "/projects/{project_id}/keys",
    operation_id="create_key",
    summary="Make an API key",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=_MADE,
)
async def create_key(project_id: str, body: shapes.KeyCreation, call: Caller) -> Response:
    """For a new user of the project, with no more than its maker has. Only a hash of the key is kept."""
    made = await keys.create(
        call.deps,
        call.principal,
        _ring(project_id),
        name=body.name,
        role=body.role,
        scopes=body.scopes,
        expires_at=body.expires_at,
    )
    return _with_text(made, HTTPStatus.CREATED)


@router.get(
    "/projects/{project_id}/keys",
    operation_id="list_keys",
    summary="List API keys, newest first",
    response_class=Response,
    responses=_PAGE | _READ,
)
async def list_keys(project_id: str, call: Caller, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Revoked ones included, none with its secret."""
    return await _page(call, _ring(project_id), cursor, limit)


@router.post(
    "/projects/{project_id}/keys/{key_id}/rotate",
    operation_id="rotate_key",
    summary="Give an API key its next secret",
    response_class=Response,
    responses=_ROTATED,
)
async def rotate_key(project_id: str, key_id: _KeyId, body: shapes.KeyRotation, call: Caller) -> Response:
    """Leave the key as it is, role and scopes included; the secret it had is valid until the overlap ends.

    An older one than that ends at once. Whoever rotates must have all that the key has.
    """
    return await _rotate(call, _ring(project_id), key_id, body)


@router.delete(
    "/projects/{project_id}/keys/{key_id}",
    operation_id="revoke_key",
    summary="Revoke an API key",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=_REVOKED | _END,
)
async def revoke_key(project_id: str, key_id: _KeyId, call: Caller) -> Response:
    """For good. A key that is revoked already is 404."""
    return await _revoke(call, _ring(project_id), key_id)


@router.post(
    "/operators/keys",
    operation_id="create_operator_key",
    summary="Make an operator's key",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=_MADE,
)
async def create_operator_key(body: shapes.OperatorKeyCreation, call: Caller) -> Response:
    """For a new operator, who has every project."""
    made = await keys.create(
        call.deps,
        call.principal,
        OPERATORS,
        name=body.name,
        role=Role.OWNER,
        scopes=body.scopes,
        expires_at=body.expires_at,
    )
    return _with_text(made, HTTPStatus.CREATED)


@router.get(
    "/operators/keys",
    operation_id="list_operator_keys",
    summary="List operators' keys, newest first",
    response_class=Response,
    responses=_PAGE | _LIST,
)
async def list_operator_keys(call: Caller, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Revoked ones included, none with its secret."""
    return await _page(call, OPERATORS, cursor, limit)


@router.post(
    "/operators/keys/{key_id}/rotate",
    operation_id="rotate_operator_key",
    summary="Give an operator's key its next secret",
    response_class=Response,
    responses=_ROTATED,
)
async def rotate_operator_key(key_id: _KeyId, body: shapes.KeyRotation, call: Caller) -> Response:
    """As with a project's keys."""
    return await _rotate(call, OPERATORS, key_id, body)


@router.delete(
    "/operators/keys/{key_id}",
    operation_id="revoke_operator_key",
    summary="Revoke an operator's key",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=_REVOKED | _END,
)
async def revoke_operator_key(key_id: _KeyId, call: Caller) -> Response:
    """For good. The last one that is live stays: 409."""
    return await _revoke(call, OPERATORS, key_id)


@router.post(
    "/worker-tokens",
    operation_id="create_worker_token",
    summary="Make a token of workers",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=_MADE,
)
async def create_worker_token(body: shapes.WorkerTokenCreation, call: Caller) -> Response:
    """Open the worker protocol for the named services, and nothing else."""
    made = await keys.create(
        call.deps,
        call.principal,
        WORKERS,
        name=body.name,
        services=body.services,
        expires_at=body.expires_at,
    )
    return _with_text(made, HTTPStatus.CREATED)


@router.get(
    "/worker-tokens",
    operation_id="list_worker_tokens",
    summary="List tokens of workers, newest first",
    response_class=Response,
    responses=_PAGE | _LIST,
)
async def list_worker_tokens(call: Caller, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Revoked ones included. The shared token of `MAQUETTE_WORKER_TOKEN` is none of them."""
    return await _page(call, WORKERS, cursor, limit)


@router.post(
    "/worker-tokens/{key_id}/rotate",
    operation_id="rotate_worker_token",
    summary="Give a token of workers its next secret",
    response_class=Response,
    responses=_ROTATED,
)
async def rotate_worker_token(key_id: _KeyId, body: shapes.KeyRotation, call: Caller) -> Response:
    """As with a project's keys: give workers the new one while the old one is still valid."""
    return await _rotate(call, WORKERS, key_id, body)


@router.delete(
    "/worker-tokens/{key_id}",
    operation_id="revoke_worker_token",
    summary="Revoke a token of workers",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=_REVOKED | _END,
)
async def revoke_worker_token(key_id: _KeyId, call: Caller) -> Response:
    """For good. What its workers hold is given to others when their leases end."""
    return await _revoke(call, WORKERS, key_id)
