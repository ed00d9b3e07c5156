"""Errors as RFC 9457 problem documents. The only place that knows HTTP statuses.

A body is ``{type, title, status, detail, instance, code, retryable, request_id, details: [{loc, msg, type}]}``
plus the error's own extra members (the winning ``decision`` of a stale review, for one).
"""

import math
from collections.abc import Mapping, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from maquette.api.allow import allowed_methods
from maquette.domain.errors import (
    BudgetExhausted,
    Conflict,
    Detail,
    Expired,
    Forbidden,
    Invalid,
    MaquetteError,
    NotFound,
    QuotaExceeded,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
DETAILS_MAX = 20
_TEXT_LENGTH_MAX = 300


class MalformedJson(Invalid):
    """The body is no JSON that can be stored."""

    code = "malformed_json"


class MethodNotAllowed(MaquetteError):
    """The address does not know this method."""

    code = "method_not_allowed"


class UnsupportedMediaType(MaquetteError):
    """The body is of a type that this address does not read."""

    code = "unsupported_media_type"


class RequestTimeout(MaquetteError):
    """The body did not arrive in time."""

    code = "request_timeout"
    retryable = True


class HeadersTooLarge(TooLarge):
    """The address and headers are longer than any request needs."""

    code = "headers_too_large"


class RangeNotSatisfiable(MaquetteError):
    """The range lies outside of the file."""

    code = "range_not_satisfiable"


class InternalError(MaquetteError):
    """Something went wrong on the server."""

    code = "internal_error"
    retryable = True


#: The status of an error is that of its nearest listed class.
STATUSES: Mapping[type[MaquetteError], HTTPStatus] = {
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Expired: HTTPStatus.GONE,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    Conflict: HTTPStatus.CONFLICT,
    RequestTimeout: HTTPStatus.REQUEST_TIMEOUT,
    HeadersTooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    RangeNotSatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    BudgetExhausted: HTTPStatus.PAYMENT_REQUIRED,
    QuotaExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
#: Sent as ``Retry-After`` when the error does not know better.
_RETRY_AFTER_SECONDS = {HTTPStatus.TOO_MANY_REQUESTS: 5, HTTPStatus.SERVICE_UNAVAILABLE: 2}


def status_of(kind: type[MaquetteError]) -> HTTPStatus:
    """Return the HTTP status of an error class."""
    return next(STATUSES[base] for base in kind.__mro__ if base in STATUSES)


def title_of(kind: type[MaquetteError]) -> str:
    """Return what is the same for every error of a class: its docstring's sentence."""
    return (kind.__doc__ or "").partition("\n")[0].split(";")[0].rstrip(".")


def document(error: MaquetteError, *, path: str, request_id: str) -> dict[str, Any]:
    """Return the problem document of an error at a path."""
    return {
        **error.extra,
        "type": f"urn:maquette:problem:{error.code}",
        "title": title_of(type(error)),
        "status": int(status_of(type(error))),
        "detail": error.message,
        "instance": quote(path[:_TEXT_LENGTH_MAX], safe="/~"),
        "code": error.code,
        "retryable": error.retryable,
        "request_id": request_id,
        "details": [
            {"loc": list(detail.loc), "msg": detail.msg, "type": detail.type} for detail in error.details
        ],
    }


def respond(
    error: MaquetteError, scope: MutableMapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """Return the response that tells a caller of an error, with the headers that its status asks for."""
    status = status_of(type(error))
    sent = dict(headers or {})
    if challenge := _challenge(error):
        sent["www-authenticate"] = challenge
    if status in _RETRY_AFTER_SECONDS or error.retry_after_seconds is not None:
        seconds = error.retry_after_seconds
        sent["retry-after"] = str(
            _RETRY_AFTER_SECONDS.get(status, 1) if seconds is None else max(1, math.ceil(seconds))
        )
    body = document(error, path=scope["path"], request_id=scope.get("state", {}).get("request_id", ""))
    return Response(msgspec.json.encode(body), status, headers=sent, media_type=MEDIA_TYPE)


def _challenge(error: MaquetteError) -> str:
    """Return how RFC 6750 wants a client told that its bearer token does not do."""
    if isinstance(error, Unauthenticated):
        return 'Bearer realm="maquette"' + ("" if error.reason == "missing" else ', error="invalid_token"')
    if isinstance(error, Forbidden) and "scope" in error.extra:
        return f'Bearer realm="maquette", error="insufficient_scope", scope="{error.extra["scope"]}"'
    return ""


def install(app: FastAPI) -> None:
    """Make the app answer every error that a handler raises, its own and the framework's, with a problem."""

    async def on_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, MaquetteError)
        if status_of(type(error)) < HTTPStatus.INTERNAL_SERVER_ERROR:
            reason = (error.extra.get("quota") or {}).get("limit", error.code)
            request.app.state.metrics.refusals.labels(reason).inc()
        return respond(error, request.scope)

    async def on_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        request.app.state.metrics.refusals.labels(Invalid.code).inc()
        return respond(from_validation(error), request.scope)

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
            headers["allow"] = allowed_methods(app, path) or headers["allow"]
        return respond(_from_http(error), request.scope, headers)

    app.add_exception_handler(MaquetteError, on_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)


def from_validation(error: RequestValidationError) -> Invalid:
    """Name the fields of a request that are wrong."""
    return invalid(error.errors())


def invalid(found: Sequence[Mapping[str, Any]], inside: tuple[str, ...] = ()) -> Invalid:
    """Name the fields that Pydantic found wrong: the first twenty, without echoing what was sent."""
    details = [
        Detail(
            (
                *inside,
                *(part if isinstance(part, int) else str(part)[:_TEXT_LENGTH_MAX] for part in entry["loc"]),
            ),
            str(entry["msg"])[:_TEXT_LENGTH_MAX],
            entry["type"],
        )
        for entry in found[:DETAILS_MAX]
    ]
    first = (
        f"{'.'.join(map(str, details[0].loc))}: {details[0].msg}" if details else "The request is not valid."
    )
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Invalid(first + more, details=details)


def _from_http(error: HTTPException) -> MaquetteError:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFound("There is nothing at this address.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed(
            "This address does not know the method; the Allow header lists those it knows."
        )
    return Invalid("The request could not be read.")
