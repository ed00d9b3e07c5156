"""What every handler is given of its request: the parts, the caller, and how to answer."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request, Response

from maquette.domain import typeid
from maquette.domain.errors import Invalid, NotFound, Unauthenticated
from maquette.domain.principal import Origin, Principal
from maquette.services.deps import Deps
from maquette.telemetry.trace import TraceContext

LIMIT_MAX = 100

_LOG = logging.getLogger("maquette.identity")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request."""

    deps: Deps
    principal: Principal
    correlation_id: str
    trace: TraceContext | None
    root_path: str
    operation: str
    bearer: str = field(repr=False)

    async def again(self) -> Principal:
        """Return the caller as he is now, for what takes longer than a revocation may; raises as at the beginning."""
        return (await self.deps.identity.authenticate(self.bearer)).under(self.operation)


async def authenticated(request: Request) -> Call:
    """Return the call that a request's bearer token stands for, bound to the permission rule of its operation.

    Errors: ``Unauthenticated`` when it stands for nobody; ``Forbidden`` when the operation is not for him, or has no rule.
    """
    deps: Deps = request.app.state.deps
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    scope = request.scope
    try:
        known = await deps.identity.authenticate(bearer)
    except Unauthenticated as error:
        _tell(request, error.reason)
        raise
    operation = scope["route"].operation_id
    client = (scope.get("client") or (None,))[0]
    principal = known.under(operation, Origin(scope["state"]["request_id"], client))
    if not deps.limiter.idle:
        _limit(request, deps, principal)
    return Call(
        deps,
        principal,
        scope["state"]["correlation_id"],
        scope["state"]["trace"],
        scope.get("root_path", ""),
        operation,
        bearer,
    )


def _limit(request: Request, deps: Deps, principal: Principal) -> None:
    """Count the request; whatever is answered, its headers tell what is left."""
    named = request.path_params.get("project_id") or request.query_params.get("project_id")
    try:
        project = typeid.decode("prj", named) if named else None
    except NotFound:
        project = None
    left, refusal = deps.limiter.admit(principal, project)
    if left is not None:
        request.scope["state"]["headers"] = left.headers()
    if refusal is not None:
        raise refusal


def _tell(request: Request, reason: str) -> None:
    """Record a refusal for the operator: why, from where, for what; nothing of what was presented."""
    scope = request.scope
    request.app.state.metrics.refused.labels(reason).inc()
    client = (scope.get("client") or ("",))[0]
    fields = {
        "reason": reason,
        "client": client,
        "route": scope["route"].path,
        "request_id": scope["state"]["request_id"],
    }
    _LOG.info("refused credentials from %s: %s", client, reason, extra={"fields": fields})


Caller = Annotated[Call, Depends(authenticated)]
Cursor = Annotated[str | None, Query(max_length=60, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Items in a page at most.")]


def answer(body: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response of plain values."""
    return Response(_encode(body), status, headers=headers, media_type="application/json")


def cursor_id(prefix: str, cursor: str | None) -> UUID | None:
    """Return the id that a page begins after; ``Invalid`` for what was never given out as a cursor."""
    if cursor is None:
        return None
    try:
        return typeid.decode(prefix, cursor)
    except NotFound:
        raise Invalid.field(("query", "cursor"), "must be the next_cursor of a page of this list") from None


def page(items: list[dict[str, Any]], limit: int) -> Response:
    """Return a page made of up to ``limit`` of the items; one more than that means that there is a next page."""
    shown = items[:limit]
    return answer({"items": shown, "next_cursor": shown[-1]["id"] if len(items) > limit else None})
